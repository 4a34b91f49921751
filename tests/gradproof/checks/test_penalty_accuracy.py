"""Regularizers against the truth; a planted error must be seen."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("flint")

from gradproof.cases.regularizers import NAMES, NETWORK
from gradproof.checks import penalty_accuracy
from gradproof.evidence.verdicts import Verdict
from reference import CATALOGUE

BY_ID = [f"regularizer/{name}" for name in NAMES]


def plant(monkeypatch, name, change):
    """Let the result of a regularizer go through `change`."""
    record = CATALOGUE[f"regularizer/{name}"]
    wrong = lambda *args, **given: change(*record.function(*args, **given))  # noqa: E731
    monkeypatch.setitem(CATALOGUE, record.id, dataclasses.replace(record, function=wrong))


def scaled(factor):
    """Gradients of any shape times a factor."""
    return lambda g: [factor * d for d in g] if isinstance(g, list) else factor * g


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("id", BY_ID)
def test_we_are_within_the_gate_of_the_truth(id, dtype):
    rows = penalty_accuracy.accuracy(id, dtype, {}, seeds=2)
    assert [row["quantity"] for row in rows] == ["value", "gradient"]
    for row in rows:
        assert row["verdict"] == "agrees", penalty_accuracy.failure(row)
        assert row["entries"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1 + 2.0**-44], ids=["factor 2", "sign", "the last bits"])
def test_a_planted_gradient_is_wrong(name, factor, monkeypatch):
    plant(monkeypatch, name, lambda R, *g: (R, *map(scaled(factor), g)))
    value, gradient = penalty_accuracy.accuracy(f"regularizer/{name}", "float64", {}, seeds=1)
    assert (value["verdict"], gradient["verdict"]) == ("agrees", Verdict.wrong.value)
    message = penalty_accuracy.failure(gradient)
    assert message.startswith(f"regularizer/{name}: gradient in float64 is ")
    assert f"again: gradproof case regularizer/{name} " in message


@pytest.mark.parametrize("name", NETWORK)
def test_a_missing_part_of_a_second_derivative_is_wrong(name, monkeypatch):
    from reference.regularizers import input_gradient as double_backprop

    monkeypatch.setitem(double_backprop.CURVATURE, "activation/tanh", lambda a, slope: 2 * a * slope)
    value, gradient = penalty_accuracy.accuracy(f"regularizer/{name}", "float64", {}, seeds=1)
    assert (value["verdict"], gradient["verdict"]) == ("agrees", "wrong")


def test_a_wrong_value_and_a_nan_are_wrong(monkeypatch):
    plant(monkeypatch, "orthogonality", lambda R, g: (R / 2, g))
    assert penalty_accuracy.accuracy("regularizer/orthogonality", "float64", {}, 1)[0]["verdict"] == "wrong"
    plant(monkeypatch, "l1", lambda R, g: (R, [np.full_like(d, np.nan) for d in g]))
    row = penalty_accuracy.accuracy("regularizer/l1", "float64", {}, 1)[1]
    assert row["verdict"] == "wrong"
    assert row["not a number"] == row["entries"]


def test_what_the_frameworks_lose():
    pytest.importorskip("torch")
    oracles = penalty_accuracy.load(["torch"])
    rows = penalty_accuracy.accuracy("regularizer/entropy", "float64", oracles, seeds=1)
    verdicts = {(row["quantity"], row["who"]): row["verdict"] for row in rows}
    assert verdicts["gradient", "ours"] == "agrees"
    assert verdicts["gradient", "torch"] == "inaccurate"
    rows = penalty_accuracy.accuracy("regularizer/dropout", "float64", oracles, seeds=1)
    assert {row["why"] for row in rows if row["who"] == "torch"} == {"takes no mask"}


def test_an_oracle_that_is_not_there_is_left_out(monkeypatch):
    monkeypatch.setitem(penalty_accuracy.ORACLES, "torch", "oracles.none_such")
    assert penalty_accuracy.load(["torch"]) == {}
