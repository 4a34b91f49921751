"""Second derivatives, exact: those that are known, and differences of exact gradients for the rest."""

import numpy as np
import pytest

pytest.importorskip("flint")

from oracles.arb_truth import vjp
from oracles.arb_truth.curvature import curvature

Z, Y = np.array([0.3, -2.0, 40.0, -50.0]), np.array([1.0, 0.0, 1.0, 0.0])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_that_of_the_logistic_loss_is_known(dtype):
    from oracles.floats import ulp

    found = curvature("cost/binary_cross_entropy_logits", {"z": Z, "y": Y}, "z", dtype=dtype, reduction="sum").truth
    e = np.exp(-np.abs(Z))
    assert np.abs(found.hi - e / (1 + e) ** 2) == pytest.approx(0, abs=0.51 * ulp(0.25, dtype) + 1e-16)
    assert found.hi.shape == Z.shape


@pytest.mark.parametrize(
    ("id", "by", "given"),
    [
        ("cost/huber_error", "a", {"a": Z / 10, "y": Y}),
        ("cost/log_cosh", "y", {"a": Z, "y": Y}),
        ("cost/cross_entropy_labels", "z", {"z": Z.reshape(2, 2) / 20, "labels": np.array([1, 0])}),
        ("cost/poisson_nll", "a", {"a": Z / 20, "y": np.array([1.0, 3.0, 0.5, 2.0])}),
    ],
)
def test_it_is_the_slope_of_the_exact_gradient(id, by, given):
    found = curvature(id, given, by)
    h = 2.0**-20
    for i in np.ndindex(given[by].shape):
        step = np.zeros(given[by].shape)
        step[i] = h
        above, below = (vjp(id, {**given, by: given[by] + s * step})[1][by].truth.hi[i] for s in (1, -1))
        assert found.truth.hi[i] == pytest.approx((above - below) / (2 * h), abs=1e-9)


def test_a_kink_has_none_and_a_name_that_is_none_is_said():
    at = {"a": np.array([0.5, 2.0]), "y": np.array([0.5, 0.0])}
    assert np.isnan(curvature("cost/l1", at, "a").truth.hi).tolist() == [True, False]
    with pytest.raises(KeyError, match="'q' is no floating argument; there are a, y"):
        curvature("cost/l1", at, "q")
