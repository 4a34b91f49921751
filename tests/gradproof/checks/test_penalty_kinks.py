"""Gradients at ties and zeros against exact slopes on both sides; what lies outside must be seen."""

import dataclasses
import types

import numpy as np
import pytest

pytest.importorskip("flint")

from gradproof.checks import penalties, penalty_kinks
from gradproof.checks.penalty_kinks import POINTS, kink, kinks
from reference import CATALOGUE

on_points = pytest.mark.parametrize("point", POINTS, ids=lambda p: f"{p.name}, {p.what}")


@on_points
def test_ours_is_between_the_slopes(point):
    row = kink(point, {})
    assert row["verdict"] == "agrees", penalty_kinks.failure(row)
    smooth = point.name == "max_norm" or (point.name, point.what) == ("nuclear_norm", "σ₁ = σ₂")
    assert (row["left"] == pytest.approx(row["right"], abs=1e-9)) is smooth


@on_points
def test_a_gradient_off_by_a_hundredth_beyond_is_outside(point):
    """An oracle that returns the largest slope of any direction and a little more."""
    row = kink(point, {})
    beyond = 1.01 * max(1.0, abs(row["left"]), abs(row["right"])) / 0.01
    gradient = np.full(point.at.shape, beyond)
    other = types.SimpleNamespace(
        penalty=lambda id, w, **given: (0.0, gradient),
        input_gradient_penalty=lambda id, *network, **given: (0.0, [gradient], []),
    )
    assert kink(point, {"torch": other})["inside"] == {"ours": True, "torch": False}


def test_a_planted_choice_outside_is_wrong_and_named(monkeypatch):
    record = CATALOGUE["regularizer/spectral_norm"]
    both = lambda W, **given: (record.function(W, **given)[0], [np.eye(2)])  # noqa: E731  # u₁v₁ᵀ + u₂v₂ᵀ
    monkeypatch.setitem(CATALOGUE, record.id, dataclasses.replace(record, function=both))
    row = next(r for r in kinks(record.id, {}) if r["at"] == "σ₁ = σ₂")
    assert row["verdict"] == "wrong"
    assert penalties.failure(row).startswith("regularizer/spectral_norm: at σ₁ = σ₂ our slope along a direction is ")


def test_nan_is_outside_and_written_as_text():
    pytest.importorskip("jax")
    from oracles.jax_grad import regularizers as jax_penalties

    (row,) = kinks("regularizer/group_lasso", {"jax": jax_penalties})
    assert row["jax"] == "nan"
    assert row["inside"] == {"ours": True, "jax": False}
    cells = penalty_kinks.table([row], ("ours", "torch", "jax")).rows[0]
    assert cells[-2:] == ["not installed", "NaN (outside)"]


def test_without_a_tie_there_is_no_row():
    assert kinks("regularizer/orthogonality", {}) == []
