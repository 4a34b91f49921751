"""The propagated bound: it holds for real roundings, sees cancellation, and knows which decisions are safe."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.training.roundoff import PARTIALS, Rounded, Roundoff

START = np.array([0.7, -1.3, 2.9, 1e-3])


def iterate(x, a, h, steps=60):
    """A stable recurrence with every operation in it."""
    v = x * x
    for t in range(1, steps + 1):
        v = 0.9 * v + (1 - 0.9) * x * x
        x = x - a * (h * x) / (np.sqrt(np.maximum(v, 0.5 * v)) / (1 - 0.9**t) ** 0.5 + 0.01)
    return x + np.abs(x) * 2 - -x


@pytest.mark.parametrize("seed", range(8))
def test_no_float32_run_leaves_the_bound(seed):
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(6).astype(np.float32)
    h = 2.0 ** rng.integers(-3, 4, 6)
    roundoff = Roundoff(np.float32, roundings=2)  # a Python number is rounded to float32, then the operation
    bound = iterate(roundoff.exact(start), 0.05, h)
    exact = iterate(start.astype(np.longdouble), 0.05, h)
    error = np.abs(iterate(start, 0.05, h.astype(np.float32)) - exact)
    assert (error <= bound.bound()).all()
    assert (bound.bound() < 1e-3).all()
    assert error.max() > 0


def products(x):
    """A matrix times itself, with a rounding before that goes through both factors."""
    x = x * 0.3 + x
    return ((x @ x.mT) @ x).reshape(6) - 0.5


@pytest.mark.parametrize("seed", range(8))
def test_no_product_of_matrices_leaves_the_bound(seed):
    start = np.random.default_rng(seed).standard_normal((2, 3)).astype(np.float32)
    bound = products(Roundoff(np.float32, roundings=2).exact(start)).bound()
    error = np.abs(products(start) - products(start.astype(np.longdouble)))
    assert (error <= bound).all()
    assert error.max() > 0
    assert bound.max() < 1e-4


def test_contraction_is_seen_where_absolute_values_would_explode():
    roundoff = Roundoff(np.float32)
    x = roundoff.exact(START)
    for _ in range(200):
        x = x - 1.5 * x  # halves x with alternating sign; |1| + |1.5| = 2.5 would grow to 1e79
    assert (x.bound() < 1e-20).all()


def test_collapsed_noise_keeps_the_bound_and_costs_one_row():
    roundoff = Roundoff(np.float32)
    x = roundoff.exact(START) * 3.3 + 1
    y = x * x
    a, b = roundoff.collapse([x, y])
    np.testing.assert_allclose(a.bound(), x.bound())
    np.testing.assert_allclose(b.bound(), y.bound())
    assert roundoff.rows == 2
    assert ((a - b).bound() >= (x - y).bound()).all()


@pytest.mark.parametrize("ufunc", PARTIALS, ids=lambda f: f.__name__)
@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_slopes_are_those_of_the_operation(ufunc, p, q):
    roundoff = Roundoff(np.float32)
    operands = [np.array([p]), np.array([q])][: ufunc.nin]
    if ufunc is np.maximum and abs(p - q) < 1e-3:
        return
    for k in range(ufunc.nin):
        noise = np.full((1, 1), 1e-6)
        roundoff.rows = 1
        inputs = [Rounded(x, noise * (i == k), roundoff) for i, x in enumerate(operands)]
        shifted = [x + 1e-6 * (i == k) for i, x in enumerate(operands)]
        expected = ufunc(*shifted) - ufunc(*operands)
        np.testing.assert_allclose(ufunc(*inputs).noise[0], expected, rtol=1e-4, atol=1e-13)


def test_scalars_carry_their_own_precision():
    beta = 0.999
    wide, single = (Roundoff(np.float32, scalars=s).scalar(beta) for s in (np.float64, np.float32))
    assert (1 - wide**1).error < 1e-15
    assert 1e-5 < (1 - single**1).error / 1e-3 < 1e-3  # 1 − β of a β rounded to float32


@pytest.mark.parametrize("operation", [operator.mul, operator.add, operator.sub, operator.truediv])
def test_scalars_meet_arrays_from_either_side(operation):
    roundoff = Roundoff(np.float64, scalars=np.float32)
    s = roundoff.scalar(0.3)
    for x in (roundoff.exact(START), START):
        for got, expected in ((operation(s, x), operation(0.3, START)), (operation(x, s), operation(START, 0.3))):
            np.testing.assert_array_equal(got.value, expected)
            assert (got.bound() > 1e-12).all()


def test_the_margin_of_a_sign():
    roundoff = Roundoff(np.float32)
    x = roundoff.exact(np.array([1.0])) * 0.1
    np.sign(x)
    assert roundoff.margin > 1e6
    np.sign(x - 0.1 * (1 + 1e-9))
    assert roundoff.margin < 1


def test_an_exact_zero_stays_exact():
    roundoff = Roundoff(np.float32)
    x = roundoff.exact(np.array([0.0, 1.0]))
    assert np.sqrt(0.1 * x * x).bound()[0] == 0


def test_operations_without_a_slope_are_refused():
    for operation in (np.exp, np.add.reduce):
        with pytest.raises(TypeError):
            operation(Roundoff(np.float32).exact(START))
