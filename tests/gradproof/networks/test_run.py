import dataclasses
import types

import numpy as np
import pytest
from plants import PLANTS, changed, derivative, patch

from gradproof.evidence.environment import PLANNED, load
from gradproof.networks import configurations as nets
from gradproof.networks import run
from gradproof.networks.configurations import by_id, configurations
from gradproof.networks.run import measure, tasks
from gradproof.tasks import Plan

SMALL = [
    by_id(f"4-5-3/float64/tanh/{rest}")
    for rest in ("sigmoid/squared_error/none", "sigmoid/squared_error/l2", "sigmoid/squared_error/elastic_net",
                 "softmax/cross_entropy/none", "identity/l1/none", "identity/cross_entropy_probabilities/l2")
]  # fmt: skip


def cases(found):
    """{configuration: finding}"""
    return {f.formula: f for f in found if f.kind == "case"}


def verdicts(f, side="complex_step"):
    """{regime: verdict} of a finding about a configuration; of several cases of a regime the last."""
    return dict(zip(f.more["regimes"], f.more["sides"][side]["verdicts"], strict=True))


def test_tasks_hold_every_configuration_once_and_the_largest_first():
    *found, left_out = tasks(Plan())
    together = [c.id for task in found for c in task.call.args[0]]
    assert sorted(together) == sorted(c.id for c in configurations())
    assert [t.weight for t in found] == sorted((t.weight for t in found), reverse=True)
    for task in found:
        group = task.call.args[0]
        assert {(c.product.name, c.architecture, c.dtype) for c in group} == {tuple(task.name.split(" "))}
        assert task.weight == len(group) * len(nets.ARCHITECTURES[group[0].architecture].regimes())
    assert all(f.why for f in left_out.call())


def test_a_plan_picks_tasks():
    (task,) = tasks(Plan(seed=3, draws=2, oracles=("torch",), configuration="4-5-3/float64/tanh/identity/l1/*"))
    assert task.name == "elementwise 4-5-3 float64"
    assert (task.weight, *task.call.args[1:]) == (4 * 6, 3, ("torch", PLANNED), 2)
    picked = [c for t in tasks(Plan(formulas=frozenset({"cost/dice"}), dtypes=("float32",))) for c in t.call.args[0]]
    assert {(c.cost, c.dtype) for c in picked} == {("cost/dice", "float32")}


def test_a_finding_a_configuration_with_every_case_the_same_alone_and_among_others(complex_step):
    pytest.importorskip("flint")
    found = cases(measure(SMALL, 0, [complex_step]))
    assert list(found) == [c.id for c in SMALL]
    for f in found.values():
        assert tuple(f.more["regimes"]) == nets.REGIMES
        assert f.entries == len(f.more["sides"]["complex_step"]["relative"]) == 5
        assert verdicts(f)["gaussian"] in ("exact", "agrees")
        assert not {"wrong", "unknown"} & {*verdicts(f).values()}
    assert cases(measure(SMALL, 0, [complex_step])) == found
    assert cases(measure(SMALL, 1, [complex_step])) != found
    alone = SMALL[2]
    assert cases(measure([alone], 0, [complex_step]))[alone.id] == found[alone.id]


def test_more_draws_follow_the_cases_of_one(complex_step):
    """Each configuration has two sane networks more, and its other cases are as they were."""
    pytest.importorskip("flint")
    found, few = (cases(measure(SMALL[:2], 0, [complex_step], draws)) for draws in (3, 1))
    for id, f in found.items():
        said, before = (g[id].more["sides"]["complex_step"] for g in (found, few))
        assert f.more["regimes"][5:] == ["gaussian"] * 2
        assert all(said[name][:5] == before[name] for name in ("relative", "verdicts"))
        assert set(said["verdicts"][5:]) <= {"exact", "agrees"}
    more = [r for f in found.values() for r in f.more["sides"]["complex_step"]["relative"][5:]]
    assert len(set(more)) == len(more)  # no two are the same network


def test_a_disagreement_has_its_cause(complex_step):
    pytest.importorskip("flint")
    found = measure([by_id("4-5-3/float64/relu/identity/squared_error/none")], 0, [complex_step])
    (cause,) = [f for f in found if f.kind == "disagreement"]
    assert (cause.formula, cause.side, cause.verdict) == ("slope of relu", "complex_step", "convention")
    assert cause.why == "slope of relu at 0: ours 0, complex_step 1"
    assert cause.at.split(" ")[1] in ("kink", "zero")


@pytest.mark.parametrize("plant", PLANTS, ids=str)
@pytest.mark.parametrize("oracle", ["complex_step", "torch"])
def test_a_planted_error_is_wrong_and_named(monkeypatch, complex_step, plant, oracle):
    pytest.importorskip("flint")
    if oracle == "torch":
        pytest.importorskip("torch")
    c = by_id(plant.configuration)
    sound = cases(measure([c], 0, [oracle]))
    assert not {"wrong", "unknown"} & {*verdicts(sound[c.id], oracle).values()}
    with monkeypatch.context() as planted:
        plant.plant(patch(planted))
        f = cases(measure([c], 0, [oracle]))[c.id]
    assert {*verdicts(f, oracle).values()} & {"wrong"}
    assert "unknown" not in verdicts(f, oracle).values()
    why = f.more["sides"][oracle]["why"]
    first = list(verdicts(f, oracle).values()).index("wrong")
    assert why.startswith(f"case {first}: {plant.formula}: {plant.argument}")
    assert why.endswith(f"likely cause: {plant.cause}")
    assert cases(measure([c], 0, [oracle])) == sound  # and without it everything is as before


@pytest.mark.parametrize("id", [*nets.FURTHER_COSTS, *nets.FURTHER_REGULARIZERS])
def test_one_part_in_a_million_of_any_further_formula_is_wrong(monkeypatch, complex_step, id):
    """The tolerance comes from our own gradient: a wrong one must not excuse itself."""
    pytest.importorskip("flint")
    c = next(c for c in configurations("4-5-3/float64/*", ["float64"], lambda *ids: id in ids))
    assert not {"wrong", "unknown"} & {*verdicts(cases(measure([c], 0, [complex_step]))[c.id]).values()}

    def off(d):
        if isinstance(d, dict):
            return {name: off(g) for name, g in d.items()}
        return [off(g) for g in d] if isinstance(d, list) else (1 + 1e-6) * d

    changed(id, lambda value, d, *arguments: (value, off(d)))(patch(monkeypatch))
    assert verdicts(cases(measure([c], 0, [complex_step]))[c.id])["gaussian"] == "wrong"


def test_an_error_too_small_to_explain_still_has_its_message(monkeypatch, complex_step):
    pytest.importorskip("flint")
    derivative("activation/tanh", lambda slope, z: slope * (1 + 1e-9))(patch(monkeypatch))
    assert "σ off the exact gradient" in cases(measure(SMALL[:1], 0, [complex_step]))[SMALL[0].id].more["sides"][
        "complex_step"]["why"]  # fmt: skip


def test_an_oracle_that_raises_is_a_finding_and_nothing_of_the_other_is_lost(monkeypatch, complex_step):
    sound = cases(measure(SMALL, 0, [complex_step]))
    failing = types.ModuleType("jax")
    failing.__dict__.update(vars(load(complex_step)))

    def network(*args, **given):
        raise RuntimeError("out of memory")

    failing.network = network
    monkeypatch.setattr(run, "installed", lambda names, having: {"torch": load(complex_step), "jax": failing})
    for id, f in cases(measure(SMALL, 0, ["torch", "jax"])).items():
        sides, before = f.more["sides"], sound[id].more["sides"]["complex_step"]
        assert set(sides["jax"]["verdicts"]) == {"unknown"}
        assert sides["jax"]["why"] == "jax raised RuntimeError: out of memory"
        assert sides["torch"] == before
        assert np.isnan(sides["jax"]["relative"]).all()
        assert np.isnan(sides["torch-jax"]["relative"]).all()


@pytest.mark.parametrize(
    "rest",
    ["sigmoid/squared_error/l2", "identity/multiclass_hinge/none", "sigmoid/tversky/none",
     "identity/squared_error/group_lasso", "identity/squared_error/spectral_norm"],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_frameworks_side_by_side(monkeypatch, rest, dtype):
    for name in ("torch", "jax", "flint"):
        pytest.importorskip(name)
    c = by_id(f"2-3-2/{dtype}/tanh/{rest}")
    alone = dataclasses.replace(c.product, families=tuple((id,) for id in c.ids))  # its program compiles faster
    others = [p for p in nets.PRODUCTS if p.name != alone.name]
    monkeypatch.setattr(nets, "PRODUCTS", (alone, *others))
    f = cases(measure([c], 0, ["torch", "jax"]))[c.id]
    met = {side: verdicts(f, side) for side in ("torch", "jax")}
    assert not {"wrong", "unknown"} & {v for by in met.values() for v in by.values()}
    # the frameworks' 1 − tanh² cancels at z = −3.7, and the truth sides with us in float64
    inexact = {"inaccurate"} if dtype == "float64" and c.cost == "cost/multiclass_hinge" else set()
    assert {by["gaussian"] for by in met.values()} <= {"exact", "agrees"} | inexact
    assert f.more["sides"]["torch-jax"]["relative"][0] < (1e-5 if dtype == "float32" else 1e-14)
    if c.regularizer == "regularizer/group_lasso":  # the norm of a row of zeros, and its slope in JAX
        assert (met["torch"]["kink"], met["jax"]["kink"]) == ("agrees", "inaccurate")
    if c.output == "activation/sigmoid" and dtype == "float64" and c.cost == "cost/squared_error":
        assert met["torch"]["saturated"] == "inaccurate"  # both lost the tails: the truth alone tells
