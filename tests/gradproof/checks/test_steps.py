"""Steps of update rules against the truth: planted errors are seen, conventions of frameworks are called so."""

import math

import numpy as np
import pytest
from planted import plant

from gradproof import cases
from gradproof.answers.ours import ours
from gradproof.answers.truth import truth
from gradproof.answers.variants import VARIANTS
from gradproof.cases.case import Case
from gradproof.checks.accuracy import DTYPES, check, gate, measure, tasks
from gradproof.evidence.explain import failure
from gradproof.tasks import Plan
from reference import CATALOGUE

pytest.importorskip("flint")

over_rules = pytest.mark.parametrize("id", cases.STEPS)


@over_rules
@pytest.mark.parametrize("factor", [-1.0, 1 + 2.0**-30], ids=["sign", "the last bits"])
def test_a_planted_factor_is_seen_in_the_output_that_has_it(monkeypatch, id, factor):
    names = {f.quantity for f in check(cases.of(id, "float64", [0]), {"ours": ours})}
    for name in names:
        with monkeypatch.context() as planting:
            plant(planting, id, lambda o, g, _, name=name: ({**o, name: factor * o[name]}, g))
            found = {f.quantity: f.verdict for f in check(cases.of(id, "float64", [0]), {"ours": ours})}
        assert found == {q: "wrong" if q == name else "agrees" for q in names}


@over_rules
@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("t", [1, 2, 10**9])
def test_squares_out_of_range_eps_0_and_betas_close_to_1_cost_no_digits(id, size, t):
    """From a start at 0, whose gradient may be 0 too."""
    record = CATALOGUE[id]
    close = {name: 1 - 1e-9 for name in ("mu", "rho", "beta1", "beta2") if name in record.parameters}
    for given in ({}, {"eps": 0.0}, close, {**close, "eps": 0.0}):
        given = {name: p for name, p in given.items() if name in record.parameters}
        arguments = {"w": np.array([0.0, 1.0, -2.0, 0.5]), "dC": np.array([size, -size, 0.5, 0.0])}
        case = Case(id, "float64", "given", 0, arguments, None, {**given, "t": t})
        (found,) = [f for f in check([case], {"ours": ours}) if f.quantity == "w"]
        assert found.verdict == "agrees", failure(found)


def test_a_step_of_float32_is_that_of_float64_rounded_once():
    """Moments too: the same rule in float32 itself rounds them before they are used."""
    dtype, off, rule = "float32", [], CATALOGUE["update/adam"].function.__wrapped__
    for case in cases.of("update/adam", dtype, range(4)):
        exact, x = truth(case).outputs["w"], case.arguments
        assert (exact.error(np.asarray(ours(case).outputs["w"]).astype(float)) <= 0.501).all()
        h = {name: p for name, p in case.parameters.items() if name != "t"}
        m, v = (x.get(name, np.zeros_like(x["w"])) for name in "mv")
        with np.errstate(all="ignore"):
            narrow = np.asarray(rule(x["w"], x["dC"], case.parameters["t"], m, v, **h)[0])
        assert narrow.dtype == dtype
        off += exact.error(narrow.astype(float)).ravel().tolist()
    assert max(off) > 0.501


@pytest.mark.parametrize(("id", "side"), [key for key, (_, verdict) in VARIANTS.items() if verdict == "convention"])
def test_a_convention_of_a_framework_is_called_one_and_measured_by_itself(id, side):
    pytest.importorskip({"jax": "optax"}.get(side, side))
    found = [f for f in measure(id, "float64", 0, (side,)) if f.side == side and f.quantity == "w"]
    (f,) = found
    assert f.why in ("", (VARIANTS[id, side][0].__doc__ or "").splitlines()[0])
    assert f.verdict in ("convention", "agrees", "inaccurate")
    assert f.max < 1e9  # by our definition it would be off by all digits


def test_a_framework_that_keeps_no_such_accumulator_says_so():
    pytest.importorskip("optax")
    found = {(f.quantity, f.side): f for f in measure("update/rmsprop", "float64", 0, ("jax",))}
    assert (found["b", "jax"].verdict, found["b", "jax"].entries) == ("undefined", 0)
    assert found["b", "jax"].why in ("does not keep it", "no 'b' is kept for update/rmsprop")
    assert found["b", "ours"].verdict == "agrees"


def test_steps_are_measured_in_all_dtypes():
    names = [task.name for task in tasks(Plan(formulas=frozenset({"update/lion"})))]
    assert names == [f"update/lion in {dtype}" for dtype in DTYPES]
    assert math.isclose(gate(CATALOGUE["update/lion"], "float16"), 0.501)
