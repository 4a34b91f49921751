"""Every formula of arrays against the truth; a wrong gradient of any of them must be seen."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from planted import plant, scaled

from gradproof import cases
from gradproof.answers.answer import Answer
from gradproof.answers.frameworks import sides
from gradproof.answers.ours import ours
from gradproof.answers.truth import truth
from gradproof.cases.case import Case
from gradproof.cases.source import REGIMES, USUAL
from gradproof.checks import accuracy
from gradproof.checks.accuracy import DTYPES, check, gate, tasks
from gradproof.checks.sweep import WIDE
from gradproof.evidence.explain import failure
from gradproof.lookup import Missing
from gradproof.tasks import Plan
from reference import CATALOGUE

pytest.importorskip("flint")

IDS = list(cases.DRAWS)
L1, NORM = "regularizer/l1", "update/clip_by_norm"


def verdicts(id, dtype="float64", seeds=(0,), regimes=REGIMES, **sides):
    """By quantity, or by quantity and side where there are other sides than ours."""
    found = check(cases.of(id, dtype, seeds, regimes), sides or {"ours": ours})
    return {(f.quantity, f.side) if sides else f.quantity: f.verdict for f in found}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("id", [*IDS, *cases.STEPS])
def test_we_are_within_the_gate_of_the_truth(id, dtype):
    pytest.importorskip("ml_dtypes") if dtype == "bfloat16" else None
    found = check(cases.of(id, dtype, range(3)), {"ours": ours})
    asked = cases.draw(id, dtype, "wide", 1)
    floats = [name for name, x in asked.arguments.items() if x.dtype.kind in "fV" and name != "dC"]
    quantities = floats if id in cases.STEPS else [*(asked.cotangent or {}), *(f"∂/∂{name}" for name in floats)]
    assert {f.quantity for f in found} >= {*quantities}
    for f in found:
        assert f.verdict == "agrees", failure(f)
        assert f.entries > 0
        assert f.max <= f.more["allowed"] == gate(CATALOGUE[id], dtype)


# Cases at the ends of the range that are not met, and why.
NOT_MET = {
    ("cost/nt_xent", 8): "two rows are opposite to 1e-104, and what they pull cancels but for that",
    ("cost/nt_xent", 10): "what half an ULP of the inputs does is more than there are floats for, and not all forgiven",
}


@pytest.mark.parametrize("id", [id for id in IDS if CATALOGUE[id].kind != "layer"])
def test_at_the_ends_of_the_range_cases_that_no_audit_asks_are_met_too(id):
    for seed in range(6, 12):
        for f in verdicts_of(cases.draw(id, "float64", "extreme", seed)):
            assert f.verdict == ("wrong" if (id, seed) in NOT_MET and f.quantity == "∂/∂z" else "agrees"), failure(f)


@pytest.mark.parametrize("id", cases.STEPS)
@pytest.mark.parametrize("size", [-1e200, 1e-200])
def test_one_entry_of_a_gradient_may_be_far_from_the_others(id, size):
    plain = cases.draw(id, "float64", "plain", 0)
    dC = plain.arguments["dC"].copy()
    dC.flat[0] = size
    found = check([replace(plain, arguments={**plain.arguments, "dC": dC})], {"ours": ours})
    assert {f.verdict for f in found} == {"agrees"}, [failure(f) for f in found]


TINY = [1e-160, 1e-160, 2e-160]
BY_HAND = {
    "layer/rms_norm": ({"x": [[1e-3, 2e-3, 4e-3]], "weight": TINY}, [[1e307, -1e307, 1e307]]),
    "layer/layer_norm": ({"x": [[1e-3, 2e-3, 5e-3]], "weight": TINY, "bias": [0, 0, 0]}, [[1e307, -1e307, 1e307]]),
    "layer/newton_schulz": ({"x": [[1e-280, 2e-280], [3e-280, -1e-280]]}, [[1e-60, 2e-60], [0, 1e-60]]),
}


@pytest.mark.parametrize("id", BY_HAND)
def test_what_is_tiny_meets_what_is_huge(id):
    arguments, v = BY_HAND[id]
    floats = {name: np.array(x, float) for name, x in arguments.items()}
    found = check([Case(id, "float64", "as", 0, floats, {"value": np.array(v, float)}, {})], {"ours": ours})
    assert {f.verdict for f in found} == {"agrees"}, [failure(f) for f in found]


def verdicts_of(case):
    """Nothing is asked of a case whose pullback kills every cotangent."""
    try:
        return check([case], {"ours": ours})
    except ValueError:
        return []


@pytest.mark.parametrize("factor", [-1.0, 1 + 2.0**-40], ids=["sign", "the last bits"])
@pytest.mark.parametrize("id", [id for id in IDS if id != "regularizer/none"])
def test_a_planted_factor_is_seen_in_every_gradient_and_not_in_the_outputs(monkeypatch, id, factor):
    plant(monkeypatch, id, scaled(factor))
    found = verdicts(id, seeds=(0, 1))
    assert found == {q: "wrong" if q.startswith("∂") else "agrees" for q in found}


@pytest.mark.parametrize("id", [id for id in IDS if id != "regularizer/none"])
def test_a_pullback_that_takes_its_cotangent_for_ones_is_wrong(monkeypatch, id):
    record = CATALOGUE[id]
    ignoring = lambda case: Answer(*record.vjp(case.arguments, None, **case.parameters))  # noqa: E731
    assert "wrong" in verdicts(id, ours=ignoring).values()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda o, g, _: ({"value": o["value"] / 2}, g), {"value": "wrong", "∂/∂w": "agrees"}),
        (lambda o, g, _: (o, {"w": np.full_like(g["w"], math.nan)}), {"value": "agrees", "∂/∂w": "wrong"}),
        (lambda o, g, _: (o, {"w": np.full_like(g["w"], math.inf)}), {"value": "agrees", "∂/∂w": "wrong"}),
        (lambda o, g, _: (o, {}), {"value": "agrees", "∂/∂w": "undefined"}),
    ],
    ids=["half the value", "NaN", "infinite", "no gradient"],
)
def test_what_is_no_right_answer_never_agrees(monkeypatch, change, expected):
    plant(monkeypatch, L1, change)
    assert verdicts(L1) == expected


def test_one_nan_among_right_numbers_is_wrong_counted_and_shown_again(monkeypatch):
    def spoilt(outputs, gradients, _):
        gradients["w"].flat[0] = math.nan
        return outputs, gradients

    plant(monkeypatch, L1, spoilt)
    (found,) = (f for f in check(cases.of(L1, "float64", [0]), {"ours": ours}) if f.quantity == "∂/∂w")
    assert (found.verdict, found.more["not a number"]) == ("wrong", len(REGIMES))  # one in each
    assert re.fullmatch(r"(plain|wide|near|extreme) 0 \[0, 0\]", found.at)
    assert failure(found).endswith(f"again: gradproof case {L1} {found.at[:-7]}")


def test_another_side_is_inaccurate_where_it_is_off_and_undefined_where_it_has_no_answer():
    def off(case):
        return Answer(ours(case).outputs, {"w": 1.001 * ours(case).gradients["w"]})

    def silent(case):
        raise Missing("no such function")

    assert verdicts(L1, ours=ours, off=off, silent=silent) == {
        ("value", "ours"): "agrees", ("∂/∂w", "ours"): "agrees", ("value", "off"): "agrees",
        ("∂/∂w", "off"): "inaccurate", ("value", "silent"): "undefined", ("∂/∂w", "silent"): "undefined",
    }  # fmt: skip
    (why,) = {f.why for f in check(cases.of(L1, "float64", [0]), {"silent": silent})}
    assert why == "no such function"


ONES = Case("activation/softmax", "float64", "plain", 0, {"z": np.array([[0.5, 2.0]])}, None)


def test_a_test_that_could_not_fail_is_refused():
    with pytest.raises(ValueError, match="activation/softmax: the pullback kills every cotangent"):
        check([ONES], {"ours": ours})
    with_others = check([ONES, *cases.of("activation/softmax", "float64", [0])], {"ours": ours})
    assert {f.quantity: f.verdict for f in with_others} == {"value": "agrees", "∂/∂z": "agrees"}
    assert check([], {"ours": ours}) == []


def test_a_case_without_any_slope_does_not_stand_for_one_that_could_fail():
    flat = replace(ONES, arguments={"z": np.array([[0.5]])}, cotangent={"value": np.array([[2.0]])})  # a single class
    assert math.isnan(truth(flat).vacuity)
    assert {f.verdict for f in check([flat], {"ours": ours})} == {"agrees"}
    with pytest.raises(ValueError, match="the pullback kills every cotangent"):
        check([flat, ONES], {"ours": ours})


def test_what_a_framework_composes_is_marked():
    pytest.importorskip("torch")
    found = accuracy.measure("cost/ctc", "float64", 0, ("torch",))
    marks = {f.quantity: f.more.get("composed", False) for f in found if f.side == "torch"}
    assert marks == {"value": False, "∂/∂a": True}


# ---------------------------------------------------------------- clipping


def eps_in_the_norm(case):
    """The norm is divided by after adding 10⁻⁶; the gradients are right."""
    norm = np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in case.arguments.values()))
    limit = case.parameters["max_norm"] * norm / (norm + 1e-6)
    return Answer(ours(replace(case, parameters={"max_norm": limit})).outputs, ours(case).gradients)


def identity_backward(case):
    return Answer(ours(case).outputs, case.cotangent)


@pytest.mark.parametrize(("side", "wrong"), [(eps_in_the_norm, False), (identity_backward, True)])
def test_a_planted_error_of_clipping_is_found_where_it_is(side, wrong):
    found = verdicts(NORM, seeds=range(2), regimes=USUAL, ours=side)
    assert {(q.startswith("∂"), v) for (q, _), v in found.items()} == {(wrong, "wrong"), (not wrong, "agrees")}


def clipped_alike(case, one, other):
    """Within the rounding of two reductions over n entries, ‖g‖² and ⟨ĝ, v⟩, on both sides."""
    g, v, *answers = (
        np.concatenate([np.ravel(by_name[k]).astype(float) for k in case.arguments])
        for by_name in (case.arguments, case.cotangent, *one, *other)
    )
    norm, u = np.linalg.norm(g), np.finfo(case.dtype).eps / 2
    few = 2 * (g.size + 8) * u * min(1.0, case.parameters["max_norm"] / norm)
    values, gradients = (np.abs(p - q) for p, q in zip(answers[:2], answers[2:], strict=True))
    unit = np.abs(g) / norm
    return (values <= few * np.abs(g)).all() and (gradients <= few * (np.abs(v) + 3 * unit * (unit @ np.abs(v)))).all()


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_frameworks_clip_as_we_do_but_for_what_torch_adds_to_the_norm(name, dtype):
    pytest.importorskip({"jax": "optax"}.get(name, name))
    side = sides((name,))[name]
    for case in cases.of("update/clip_by_value", dtype, range(3), USUAL):  # to the bit
        assert all(np.array_equal(q, ours(case).quantities[k]) for k, q in side(case).quantities.items())
    adds = (name, dtype) == ("torch", "float64")
    alike = [[clipped_alike(case, side(case), our(case)) for our in (ours, eps_in_the_norm)]
             for case in cases.of(NORM, dtype, range(12), USUAL)]  # fmt: skip
    assert all(with_eps if adds else plain for plain, with_eps in alike)
    assert dtype == "float32" or not all(plain if adds else with_eps for plain, with_eps in alike)


def test_tasks_are_of_the_formulas_and_dtypes_that_are_wanted():
    names = [task.name for task in tasks(Plan(dtypes=("float32",), formulas=frozenset({L1, "activation/elu"})))]
    assert names == ["sweep of activation/elu in float32", "sweep of activation/elu in float32 alpha = 2",
                     "sweep of activation/elu in float32 alpha = 0.3", "activation/elu in float32",
                     f"{L1} in float32"]  # fmt: skip
    assert len({task.name for task in tasks(Plan())}) == len(list(tasks(Plan())))
