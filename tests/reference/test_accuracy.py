"""The accuracy gates of every elementwise activation, on the committed sample of exact truths. NumPy and SciPy only."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

from oracles.floats import conditioned_error, ulp_error
from oracles.truth_tables import read_tables
from reference import CATALOGUE

TABLES = {(t.id, t.dtype): t for t in read_tables(Path(__file__).parent.parent / "truths.npz")}
# NumPy's own functions are less accurate without SIMD; `tox -e baseline` switches it off and allows 6 ULP.
BASELINE = 6 if os.environ.get("NPY_DISABLE_CPU_FEATURES") else 0
ACTIVATIONS = [f for f in CATALOGUE.values() if f.kind == "activation" and f.elementwise]


def floats(x, dtype):
    if dtype == "bfloat16":
        ml_dtypes = pytest.importorskip("ml_dtypes")
        return x.astype(ml_dtypes.bfloat16)
    return x.astype(dtype)


def errors(pair, table):
    """(strict, conditioned) errors of value and slope; NaN where a kink or a tie leaves no truth."""
    for got, order in zip(pair, (0, 1), strict=True):
        truth = table.truths[order]
        with np.errstate(all="ignore"):
            yield ulp_error(got, truth), conditioned_error(got, truth, table.x, table.truths[order + 1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("formula", ACTIVATIONS, ids=lambda f: f.id)
def test_keeps_its_gate(formula, dtype):
    table = TABLES[formula.id, dtype]
    for strict, conditioned in errors(formula.function(floats(table.x, dtype)), table):
        if dtype == "float64":
            assert np.nanmax(conditioned) <= max(formula.conditioned_ulp, BASELINE)
            if not formula.slope_zeros:
                assert np.nanmax(strict) <= max(formula.strict_ulp, BASELINE)
        else:
            assert np.nanmax(strict) <= 0.501


def textbook_sigmoid(z):
    s = 1 / (1 + np.exp(-z))
    return s, s * (1 - s)


def textbook_tanh(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def textbook_gelu(z):
    phi = (1 + erf(z / np.sqrt(2))) / 2
    return z * phi, phi + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize(
    ("id", "textbook"),
    [("activation/sigmoid", textbook_sigmoid), ("activation/tanh", textbook_tanh), ("activation/gelu", textbook_gelu)],
)
def test_the_textbook_form_fails_the_gate(id, textbook):
    table = TABLES[id, "float64"]
    with np.errstate(all="ignore"):
        worst = max(np.nanmax(conditioned) for _, conditioned in errors(textbook(table.x), table))
    assert worst > 1000 * CATALOGUE[id].conditioned_ulp


@pytest.mark.parametrize("formula", ACTIVATIONS, ids=lambda f: f.id)
def test_one_ulp_too_many_is_noticed(formula):
    """A result moved by five ULP fails, so that the gate is no formality."""
    table = TABLES[formula.id, "float64"]
    value, slope = formula.function(table.x)
    with np.errstate(all="ignore"):
        moved = value + 5 * np.spacing(value)
    strict, _ = next(errors((moved, slope), table))
    assert np.nanmax(strict) > 4
