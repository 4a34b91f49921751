"""Exact arithmetic against rational numbers, exponentials against decimal arithmetic of 60 digits."""

import decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.exact import DEEP, cut, dot, dots, exponential, product, quotient, total

moderate = st.floats(1e-100, 1e100) | st.floats(-1e100, -1e-100)
anything = st.floats(-1e300, 1e300)


@given(moderate, moderate)
def test_a_product_and_its_error_are_exact(a, b):
    p, error = product(a, b)
    assert float(p) == a * b
    assert Fraction(float(p)) + Fraction(float(error)) == Fraction(a) * Fraction(b)


@given(anything, anything)
def test_a_sum_and_its_error_are_exact(a, b):
    s, error = total(a, b)
    assert Fraction(s) + Fraction(error) == Fraction(a) + Fraction(b)


@given(moderate, moderate)
def test_a_quotient_and_its_rest_have_twice_the_digits(a, b):
    q, rest = quotient(a, b)
    truth = Fraction(a) / Fraction(b)
    assert abs(Fraction(float(q)) + Fraction(float(rest)) - truth) <= abs(truth) * Fraction(1, 2**103)


@given(st.floats(-1400, 0), st.floats(-1e-13, 1e-13))
def test_an_exponential_splits_into_two_factors_that_do_not_underflow(high, low):
    near, far = exponential(np.array([high]), np.array([low]))
    with decimal.localcontext(decimal.Context(prec=60)):
        truth = (decimal.Decimal(high) + decimal.Decimal(low)).exp()
        got = decimal.Decimal(float(near[0])) * decimal.Decimal(float(far[0]))
        if high > 2 * DEEP - 100:
            assert abs(got / truth - 1) < 6 * 2**-53
    assert near[0] >= np.exp(DEEP) * (1 - 1e-12)
    assert far[0] == 1 or high < DEEP


def test_the_low_part_matters():
    """Without it the exponential of a rounded square is hundreds of ULP off, so the tests above can fail."""
    x = 26.1234
    square, rest = product(x, x)
    with_rest = np.prod(exponential(np.array([-square]), -rest))
    truth = float((-(decimal.Decimal(x) ** 2)).exp(decimal.Context(prec=60)))
    assert abs(with_rest - truth) <= 2 * np.spacing(truth)
    assert abs(np.exp(-square) - truth) > 50 * np.spacing(truth)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_arrays_go_entry_by_entry(shape):
    a = np.full(shape, 0.1)
    for operation in (product, total, quotient):
        high, low = operation(a, 0.3)
        assert np.shape(high) == np.shape(low) == shape
        assert np.all(high == operation(0.1, 0.3)[0])


@pytest.mark.parametrize("d", [1, 2, 3, 64, 1000])
def test_dot_products_to_twice_the_precision(d):
    rng = np.random.default_rng(d)
    u = rng.uniform(-1, 1, (4, d)) * 10.0 ** rng.uniform(-6, 0, (4, d))
    u /= np.abs(u).max(-1, keepdims=True)
    u[1] = u[0] + 1e-9 * u[1]
    pairs, (high, low) = dots(cut(u), cut(u)), dot(u[:, None], u[None])
    for i in range(4):
        for j in range(4):
            exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(u[i], u[j], strict=True))
            p, q = high[i, j, 0], low[i, j, 0]
            assert abs(Fraction(float(p)) + Fraction(float(q)) - exact) <= Fraction(2) ** -84 * d
            assert abs(q) <= np.spacing(abs(p))
            assert abs(Fraction(float(pairs[i, j])) - exact) <= Fraction(np.spacing(abs(p)) + 2.0**-70 * d * d)
