"""A wrong formula of any kind is said with argument, index, input, numbers, likely cause and the command to see it."""

import dataclasses

import numpy as np
import pytest
from planted import plant

from gradproof import cases
from gradproof.answers.ours import ours
from gradproof.audit.blame import message
from gradproof.checks import kinks, sweep
from gradproof.checks.accuracy import check
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan
from reference import CATALOGUE
from reference.updates.steps import each_parameter

pytest.importorskip("flint")


def lines(id, dtype="float64"):
    """What is said of the wrong findings on arrays."""
    with np.errstate(all="ignore"):
        found = check(cases.of(id, dtype, range(3)), {"ours": ours})
    return {f.quantity: message(f) for f in found if f.verdict == "wrong"}


def step_with(change):
    """Adam with decay where something is changed."""

    @each_parameter("m", "v")
    def rule(w, g, t, m, v, *, eta=0.001, beta1=0.9, beta2=0.999, eps=1e-8, lam=0.01):
        old, a, b = m, 1 - beta1**t, 1 - beta2**t
        g = g + lam * w if change == "coupled" else g
        m = beta1 * m + (1 if change == "whole m" else 1 - beta1) * g
        v = beta2 * v + (1 if change == "whole v" else 1 - beta2) * g * g
        first = (old if change == "old m" else m) / (1 if change in ("no correction", "m not corrected") else a)
        second = v / (1 if change in ("no correction", "v not corrected") else b)
        root = second if change == "no root" else np.sqrt(second + eps) if change == "inside" else np.sqrt(second)
        step = first / (root if change in ("inside", "no eps") else root + eps)
        return w - eta * (step + (0 if change == "coupled" else lam) * w), m, v

    return rule


CAUSES = {
    "no correction": "the bias correction is missing",
    "m not corrected": "the bias correction of m is missing",
    "v not corrected": "the bias correction of v is missing",
    "whole m": "the factor 1 − beta1 is missing in m",
    "whole v": "the factor 1 − beta2 is missing in v",
    "old m": "the step is taken with m as it was before it",
    "no root": "the root of the second moment is missing",
    "inside": "ε is added inside the root",
    "no eps": "ε is left out",
    "coupled": "the weight decay goes into the gradient",
}


@pytest.mark.parametrize("change", CAUSES)
def test_a_wrong_step_says_what_was_done(monkeypatch, change):
    id, rule = "update/adamw", step_with(change)
    monkeypatch.setitem(CATALOGUE, id, dataclasses.replace(CATALOGUE[id], function=rule))
    said = lines(id)["w"]
    assert f"likely cause: {CAUSES[change]}\n" in said
    for part in ("update/adamw: w at ", "in float64 is wrong; input w[", "dC[", "eta = ", "; got ", ", truth ",
                 "conditioned ULP, allowed 4", "\n  again: gradproof case update/adamw "):  # fmt: skip
        assert part in said


def test_another_rule_is_named(monkeypatch):
    momentum, nesterov = CATALOGUE["update/momentum"], CATALOGUE["update/nesterov"]
    monkeypatch.setitem(CATALOGUE, nesterov.id, dataclasses.replace(nesterov, function=momentum.function))
    monkeypatch.setitem(CATALOGUE, "update/sgd", CATALOGUE["update/sgd"])
    assert "likely cause: it is the step of update/momentum" in lines(nesterov.id)["w"]


@pytest.mark.parametrize(
    ("id", "change", "cause"),
    [
        ("cost/squared_error", lambda o, g, _: (o, {n: x / 2 for n, x in g.items()}), "a factor 2 or ½ (ratio 0.5)"),
        ("regularizer/group_lasso", lambda o, g, _: (o, {n: -x for n, x in g.items()}), "the sign is wrong (ratio −1)"),
        ("activation/softmax", lambda o, g, v: (o, {"z": v["value"]}), "the cotangent itself is returned"),
    ],
)
def test_a_wrong_gradient_says_argument_index_input_and_cause(monkeypatch, id, change, cause):
    plant(monkeypatch, id, change)
    for quantity, said in lines(id).items():
        argument = quantity.removeprefix("∂/∂")
        assert said.startswith(f"{id}: {quantity} at ")
        assert f"input {argument}[" in said or f", {argument}[" in said
        assert f"likely cause: {cause}" in said
        assert f"again: gradproof case {id}" in said


def test_a_wrong_slope_of_an_activation_is_said_with_its_cause(monkeypatch):
    id = "activation/tanh"
    plan = Plan(formulas=frozenset({id}), dtypes=("float64",), oracles=())
    record = CATALOGUE[id]

    def wrong(z, **given):
        value, slope = record.function(z, **given)
        return value, -slope

    def vjp(arguments, cotangent=None, **given):
        outputs, gradients = record.vjp(arguments, cotangent, **given)
        return outputs, {name: -g for name, g in gradients.items()}

    wrong.vjp, wrong.body = vjp, None
    monkeypatch.setitem(CATALOGUE, id, dataclasses.replace(record, function=wrong))
    found = [f for task in sweep.tasks(plan) for f in task.call()]
    (said,) = [message(f) for f in found if (f.verdict, f.quantity) == ("wrong", "slope")]
    assert "likely cause: the sign is wrong (ratio −1)" in said
    assert f"again: gradproof at {id} " in said


def test_a_wrong_slope_at_a_kink_is_said_with_the_slopes_on_both_sides(monkeypatch):
    id = "regularizer/l1"
    plant(monkeypatch, id, lambda o, g, _: (o, {"w": np.where(np.asarray(g["w"]) == 0, 5.0, g["w"])}))
    with np.errstate(all="ignore"):
        wrong = [f for f in kinks.measure(id, ()) if f.verdict == "wrong"]
    assert wrong
    for said in map(message, wrong):
        assert f"{id} (" in said
        assert "input w = [" in said
        assert ", truth between " in said
        assert "likely cause: it is not between left and right" in said


def test_what_cannot_be_asked_again_is_said_without_a_cause():
    found = Finding("accuracy", "cost/l1", quantity="∂/∂a", dtype="float64", side="ours", verdict="wrong",
                    at="plain 0 [7, 7]", got="0x1p+0", truth="0x1p+1", max=1.0)  # fmt: skip
    assert "likely cause" not in message(found)
    assert "likely cause" not in message(dataclasses.replace(found, side="torch"))
