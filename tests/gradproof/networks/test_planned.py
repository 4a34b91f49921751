"""The planned gradient is a side of the network audit: judged in both dtypes and all regimes, and found out."""

import dataclasses
import importlib

import numpy as np
import pytest

from gradproof.evidence.environment import PLANNED
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.configurations import (
    ARCHITECTURES,
    ENDS,
    FURTHER_COSTS,
    NONE,
    PARAMETERS,
    Configuration,
    by_id,
    configurations,
    excluded,
)
from gradproof.networks.draws import draw
from gradproof.networks.gradients import gradient
from gradproof.networks.planned import FEW, at_fault, network
from gradproof.networks.run import measure, tasks
from gradproof.tasks import Plan

EQUATIONS = ("weighted_input", "output_error", "hidden_error", "bias_gradient", "weight_gradient")
MANY = [c for name in ARCHITECTURES for c in list(configurations(f"{name}/*"))[:: 400 if name == "4-5-3" else 800]]


def said(found):
    """{configuration: what is said of the plan}"""
    return {f.formula: f.more["sides"][PLANNED] for f in found if f.kind == "case"}


def test_every_task_asks_it():
    assert all(PLANNED in task.call.args[2] for task in tasks(Plan(oracles=())) if task.name != "left out")


@pytest.mark.parametrize("c", MANY, ids=lambda c: c.id)
def test_it_is_right_in_every_regime(c):
    """In float64 to the last bit, but for a tiny network, where scalars sum in another order."""
    if ARCHITECTURES[c.architecture].data:
        pytest.importorskip("sklearn")
    (verdicts,) = (side["verdicts"] for side in said(measure([c], 0, [PLANNED])).values())
    assert len(verdicts) == len(ARCHITECTURES[c.architecture].regimes())
    arrays = c.dtype == "float64" and c.architecture != "2-3-2"
    assert {*verdicts} <= ({"exact"} if arrays else {"exact", "agrees", "undefined"})


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_error_of_the_plan_alone_is_wrong_and_said_to_be_its_own(monkeypatch, equation, dtype):
    pytest.importorskip("flint")
    module = importlib.import_module("reference.plan")
    c = by_id(f"4-5-3/{dtype}/tanh/sigmoid/squared_error/l2")
    right = getattr(module, equation)

    def off(*arguments):
        q = right(*arguments)
        q *= 1 + 1e-3
        return q

    monkeypatch.setattr(module, equation, off)
    found = said(measure([c], 0, [PLANNED]))[c.id]
    first = found["verdicts"].index("wrong")
    assert first == 0
    assert found["why"].startswith(f"case {first}: the plan is ")
    monkeypatch.undo()
    assert "why" not in said(measure([c], 0, [PLANNED]))[c.id]


@pytest.mark.parametrize("equation", EQUATIONS[1:])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_error_of_a_line_of_scalars_is_wrong_too(monkeypatch, equation, dtype):
    """Where a network is tiny the plan follows the records of the equations."""
    pytest.importorskip("flint")
    function = getattr(importlib.import_module("reference.network"), equation)
    c = by_id(f"2-3-2/{dtype}/tanh/sigmoid/squared_error/none")
    wrong = dataclasses.replace(function.formula, derivative=f"(1 + 1/1000)*{function.formula.derivative}")
    monkeypatch.setattr(function, "formula", wrong)
    assert said(measure([c], 0, [PLANNED]))[c.id]["why"].startswith("case 0: the plan is ")
    monkeypatch.undo()
    assert "why" not in said(measure([c], 0, [PLANNED]))[c.id]


@pytest.mark.parametrize("cost", FURTHER_COSTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_costs_of_larger_networks_are_right_at_the_end_of_a_tiny_one(cost, dtype):
    """Those that the audit asks only where a plan goes by arrays."""
    pytest.importorskip("flint")
    outputs = ("activation/identity", "activation/sigmoid", "activation/softmax", "activation/log_softmax")
    tiny = ARCHITECTURES["2-3-2"]
    asked = [Configuration("2-3-2", dtype, "activation/tanh", output, cost, NONE) for output in outputs
             if not excluded(tiny, output, cost)]  # fmt: skip
    for side in said(measure(asked, 0, [PLANNED])).values():
        assert "the plan is" not in side.get("why", "")


def test_an_error_of_a_formula_is_no_error_of_the_plan():
    """What is off in both is for the frameworks to find: a verdict blames the plan only where `backprop` is right."""
    assert at_fault([Verdict.inaccurate, Verdict.agrees]) == [Verdict.wrong, Verdict.agrees]


@pytest.mark.parametrize("id", ["tanh/identity/cross_entropy_labels/none", "relu/softmax/cross_entropy/none"])
def test_few_cases_alone_and_many_at_once_are_the_same(id):
    c = by_id(f"4-5-3/float64/{id}")
    cases = draw(c, 0)
    expected = gradient(c, cases)
    for times in (1, FEW // len(cases.x) + 1):
        many = cases.repeated(times)
        g = network(many.x, many.y, many.W, many.b, *c.ids[:3], [c.regularizer], PARAMETERS, ENDS)
        for mine, theirs in zip((g[0], *g[1], *g[2]), (expected.cost, *expected.dW, *expected.db), strict=True):
            assert len(mine) == times * len(theirs)
            np.testing.assert_array_equal(mine, np.concatenate([theirs] * times))
