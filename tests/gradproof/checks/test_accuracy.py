"""Costs against the truth and against both frameworks; a planted error must be seen."""

import dataclasses
import inspect
import json

import numpy as np
import pytest

from gradproof.cases.costs import DRAWS, REGIMES, SWITCHES, cases, draw
from gradproof.checks import accuracy as costs
from gradproof.evidence.verdicts import Verdict
from reference import CATALOGUE

LABELS = ("labels", *{name for _, name in SWITCHES})


def plant(monkeypatch, id, change):
    """Let the gradients of `id` go through `change`."""
    record = CATALOGUE[id]

    def wrong(*args, **kwargs):
        value, gradients = record.function(*args, **kwargs)
        return value, change(dict(gradients))

    wrong.__signature__ = inspect.signature(record.function)
    monkeypatch.setitem(CATALOGUE, id, dataclasses.replace(record, function=wrong))


def test_every_cost_of_several_inputs_has_cases_truth_and_oracles():
    pytest.importorskip("flint"), pytest.importorskip("torch"), pytest.importorskip("optax")
    from oracles.arb_truth.costs import LOSSES
    from oracles.jax_grad import costs as optax_costs
    from oracles.torch_autograd import costs as torch_costs

    several = {
        id for id, f in CATALOGUE.items() if f.kind == "cost" and f.function.__module__ != "reference.costs.basic"
    }
    assert several == set(DRAWS) == set(LOSSES) == set(torch_costs.COSTS) == set(optax_costs.COSTS)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("id", DRAWS)
def test_cases_are_made_again_from_their_names(id, regime):
    first, second = (draw(id, "float32", regime, 3) for _ in range(2))
    for name, x in first.inputs.items():
        np.testing.assert_array_equal(x, second.inputs[name])
        assert x.dtype == np.float32 or name in LABELS


@pytest.mark.parametrize("dtype", costs.DTYPES)
@pytest.mark.parametrize("id", DRAWS)
def test_we_are_within_the_gate_of_the_truth(id, dtype):
    pytest.importorskip("flint")
    rows = costs.accuracy(id, dtype, {}, seeds=2)
    assert {row["quantity"] for row in rows} > {"value"}
    for row in rows:
        assert row["verdict"] == "agrees", costs.failure(row)
        assert row["entries"]


@pytest.mark.parametrize(
    ("change", "quantity"),
    [
        (lambda g: {**g, "v": -g["v"]}, "v"),
        (lambda g: {**g, "a": g["a"] * 12}, "a"),
        (lambda g: {**g, "y": g["a"]}, "y"),
        (lambda g: {**g, "v": g["v"] * (1 + 2**-46)}, "v"),
    ],
    ids=["sign", "missing mean", "wrong argument", "the last bits"],
)
def test_a_planted_error_is_seen_and_named(monkeypatch, change, quantity):
    pytest.importorskip("flint")
    plant(monkeypatch, "cost/gaussian_nll", change)
    wrong = [row for row in costs.accuracy("cost/gaussian_nll", "float64", {}, seeds=1) if row["verdict"] != "agrees"]
    assert [row["quantity"] for row in wrong] == [quantity]
    assert wrong[0]["verdict"] == Verdict.wrong.value
    message = costs.failure(wrong[0])
    assert f"cost/gaussian_nll: {quantity} in float64 is" in message
    assert "again: gradproof case cost/gaussian_nll " in message


def test_slopes_that_a_framework_has_not_are_marked_apart_from_its_value():
    pytest.importorskip("flint"), pytest.importorskip("torch")
    rows = costs.accuracy("cost/ctc", "float64", costs.load(["torch"]), seeds=1)
    assert {r["quantity"]: r["composed"] for r in rows if r["side"] == "torch"} == {"value": False, "a": True}


def test_slopes_in_logits_are_not_taken_for_those_of_log_probabilities(monkeypatch):
    pytest.importorskip("flint")
    case = draw("cost/ctc", "float64", "plain", 0)
    plant(
        monkeypatch, "cost/ctc", lambda g: {"a": g["a"] + np.exp(case.inputs["a"]) / 4}
    )  # the mean: two of two labels
    rows = costs.accuracy("cost/ctc", "float64", {}, seeds=1)
    assert {row["quantity"]: row["verdict"] for row in rows} == {"value": "agrees", "a": "wrong"}


@pytest.mark.parametrize("oracle", ["torch", "jax"])
@pytest.mark.parametrize("reduction", ["none", "sum"])
@pytest.mark.parametrize("id", [id for id in DRAWS if id != "cost/wasserstein_critic"])
def test_other_reductions_agree_with_the_frameworks(id, reduction, oracle):
    pytest.importorskip({"torch": "torch", "jax": "optax"}[oracle])
    module = costs.load([oracle])[oracle]
    compared = 0
    for case in cases(id, "float64", 2):
        if case.regime != "plain":
            continue
        value, gradients = costs.ours(case, reduction)
        other, theirs = module.cost(id, case.inputs, reduction, **case.parameters)
        if np.shape(other) != np.shape(value):  # labels that are ignored keep a term of 0
            other = other[: len(value)]
        np.testing.assert_allclose(other, value, rtol=1e-11, atol=1e-13)
        for name in set(theirs) & set(gradients):
            np.testing.assert_allclose(theirs[name], gradients[name], rtol=1e-8, atol=1e-11)
            compared += 1
    assert compared


@pytest.mark.parametrize("probe", costs.PROBES, ids=lambda p: f"{p.id}, {p.what}")
def test_our_slope_at_a_kink_is_a_subgradient(probe):
    pytest.importorskip("flint")
    row = costs.kink(probe, {})
    assert row["left"] != row["right"]
    assert row["verdict"] == "agrees", row
    least = 0 if row["left"] * row["right"] <= 0 else min(row["left"], row["right"], key=abs)
    if "two largest" not in probe.what:  # there the least norm is that of the whole gradient
        assert row["ours"] == least


def test_a_slope_outside_a_kink_is_wrong(monkeypatch):
    pytest.importorskip("flint")
    plant(monkeypatch, "cost/hinge", lambda g: {**g, "z": g["z"] + 0.5})
    row = costs.kink(next(p for p in costs.PROBES if p.id == "cost/hinge"), {})
    assert row["verdict"] == "wrong"
    assert "outside [-1.0, 0.0]" in costs.failure(row).replace("-0.0", "0.0")


def test_the_page_follows_from_the_evidence(tmp_path):
    pytest.importorskip("flint")
    rows = list(costs.measure({}, ["cost/hinge"], seeds=1))
    costs.write_evidence(tmp_path / "costs.jsonl", {"versions": {}}, rows)
    costs.write_costs_page(tmp_path, tmp_path / "reports")
    page = (tmp_path / "reports" / "costs-accuracy.md").read_text()
    assert "| hinge | ∂C/∂z | " in page
    assert "| hinge | yz = 1 | z[0, 0] | [-1, " in page
    assert json.loads((tmp_path / "costs.jsonl").read_text().splitlines()[0])["header"]["seeds"] == costs.SEEDS
