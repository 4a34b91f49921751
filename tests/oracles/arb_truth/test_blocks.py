from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series
from hypothesis import given
from hypothesis import strategies as st

from oracles.arb_truth import blocks as arb_blocks
from oracles.arb_truth import points as arb_truth
from oracles.arb_truth.activations import ELEMENTWISE, bind
from oracles.arb_truth.definition import expand
from oracles.arb_truth.numbers import working
from oracles.arb_truth.rounding import RESIDUAL_BITS, attempt
from oracles.points import every

number = st.floats(-(2.0**60), 2.0**60).map(lambda a: a if abs(a) > 2.0**-60 else 0.0)
short = st.integers(-(2**24), 2**24).map(lambda k: k * 2.0**-24)  # at most 1, of 24 bits


def runs(dtype):
    """Runs of neighbours all over the format, and all floats about the kinks at 0, ±½, ±1, ±3 and 6."""
    x = every(dtype)
    starts = np.linspace(0, len(x) - 40, 24).astype(int)
    kinks = np.searchsorted(x, [-3, -1, -0.5, 0, 0.5, 1, 3, 6]) - 20
    return x[np.unique(np.concatenate([starts, kinks])[:, None] + np.arange(40))]


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_blocks_say_what_the_points_say(id, dtype):
    x = runs(dtype)
    for got, exact in zip(arb_blocks.truths(id, x, dtype), arb_truth.truths(id, x, (0, 1), dtype=dtype), strict=True):
        np.testing.assert_array_equal(got.hi, exact.hi)
        np.testing.assert_array_equal(got.undecided, exact.undecided)
        np.testing.assert_allclose(got.residual, exact.residual, rtol=0, atol=2.0**-RESIDUAL_BITS)


@pytest.mark.parametrize("id", ["activation/gelu", "activation/mish", "activation/huber"])
def test_blocks_decide_nearly_all(id, monkeypatch):
    left = []
    truths = arb_truth.truths
    monkeypatch.setattr(arb_truth, "truths", lambda id, x, *a, **k: left.append(len(x)) or truths(id, x, *a, **k))
    arb_blocks.truths(id, every("float16"), "float16")
    assert left[0] < 3000


def test_infinite_nan_lonely_and_no_points():
    x = np.array([-np.inf, -3, -(2.0**-100), 0, 2.0**100, np.inf, np.nan])
    for part in (x, x[:0], x[3:4]):
        exact = arb_truth.truths("activation/relu", part, (0, 1), dtype="bfloat16")
        for got, want in zip(arb_blocks.truths("activation/relu", part, "bfloat16"), exact, strict=True):
            np.testing.assert_array_equal(got.hi, want.hi)
            np.testing.assert_array_equal(got.undecided, want.undecided)


def test_what_is_unknown_is_refused():
    with pytest.raises(KeyError, match="sigmoid"):
        arb_blocks.truths("activation/sigmoit", np.ones(3), "float16")
    with pytest.raises(ValueError, match="float8"):
        arb_blocks.truths("activation/sigmoid", np.ones(3), "float8")


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize(("c", "r"), [(0.75, 0.125), (-2.0, 0.5), (40.0, 4.0), (-(2.0**100), 2.0**97)])
def test_the_polynomial_encloses_the_function(id, c, r):
    g = bind(id)
    with working(arb_blocks.PRECISION, arb_blocks.DEGREE + 1):
        coefficients = attempt(lambda _: arb_blocks.taylor(g, c, r), 0, arb_blocks.DEGREE + 1)
        for s in (-1, -0.375, 0.5, 1):
            value = sum((ball * arb(s) ** k for k, ball in enumerate(coefficients)), arb(0))
            slope = sum((k * ball * arb(s) ** (k - 1) for k, ball in enumerate(coefficients) if k), arb(0)) / r
            at = expand(g, arb_series([arb(c + r * s), 1]), "left")[0]
            assert not value.is_finite() or (value.overlaps(at[0]) and slope.overlaps(at[1]))


def test_there_is_no_polynomial_at_a_kink():
    with working(arb_blocks.PRECISION, arb_blocks.DEGREE + 1):
        assert not any(ball.is_finite() for ball in arb_blocks.taylor(bind("activation/relu"), 0.5, 0.5))
        assert all(ball.is_finite() for ball in arb_blocks.taylor(bind("activation/relu"), 0.5, 0.25))


@pytest.mark.parametrize("ball", [arb(3), arb(1) / 3, arb("0.1"), arb(2) ** -1100, arb(1, 2.0**-70), arb.pi() * 1e300])
def test_a_pair_and_its_radius_hold_the_ball(ball):
    high, low, radius = arb_blocks.pair(ball)
    with working(arb_blocks.PRECISION, 1):
        assert arb(0, radius).contains(ball - high - low)
    assert (radius == 0) == (ball == 3)


def test_the_derivative_of_a_polynomial_holds_that_of_every_polynomial_within():
    with working(arb_blocks.PRECISION, 1):
        value = np.array([arb_blocks.pair(arb(k + 1) / 7) for k in range(21)]).T
        for k, (high, low, radius) in enumerate(arb_blocks.slope_of(value).T, 1):
            assert arb(0, radius).contains(arb(k) * (k + 1) / 7 - high - low)
            assert radius < 2.0**-98 * high


@given(number, number, short)
def test_sums_and_products_miss_what_they_say(a, b, s):
    total, rest = arb_blocks.two_sum(a, b)
    assert Fraction(total) + Fraction(rest) == Fraction(a) + Fraction(b)
    product, missed = arb_blocks.two_product(a, s)
    assert Fraction(product) + Fraction(missed) == Fraction(a) * Fraction(s)


@given(st.lists(st.tuples(number, st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=20), short)
def test_the_bound_of_a_polynomial_holds(coefficients, s):
    high = np.array([a for a, _, _ in coefficients])
    low = np.array([np.spacing(abs(a)) / 2 * part if a else 0.0 for a, part, _ in coefficients])
    radius = np.array([np.spacing(abs(a)) * part for a, _, part in coefficients])
    hi, lo, bound = arb_blocks.polynomial(np.array([high, low, radius]), np.array(s))
    exact = sum((Fraction(h) + Fraction(m)) * Fraction(s) ** k for k, (h, m) in enumerate(zip(high, low, strict=True)))
    assert abs(Fraction(float(hi)) + Fraction(float(lo)) - exact) <= Fraction(float(bound)) - Fraction(radius.sum())
