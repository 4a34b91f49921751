"""Segments say what the points say, and each way from a polynomial to a float is proved where it claims to decide."""

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint")

from hypothesis import assume, example, given
from hypothesis import strategies as st

from oracles.arb_truth import points as arb_truth
from oracles.arb_truth import segments
from oracles.arb_truth.activations import ELEMENTWISE, bind
from oracles.arb_truth.rounding import RESIDUAL_BITS, round_exactly
from oracles.floats import FORMATS, ulp
from oracles.points import from_ordinal, ordinal

PLACES = (0.0, 2.0**-127, 2.0**-126, 2.0**-64, 2.0**-20, 0.5, 0.75, 1.0, 3.0, 6.0, 20.0, 88.72, 104.0, 2.0**127)
N = 48  # neighbours


def run(place, dtype="float32", n=N):
    """n neighbours from `place` away from 0, which stay in one binade."""
    here = int(ordinal([place], dtype)[0])
    return from_ordinal(here + np.arange(n) * (1 if place >= 0 else -1), dtype)


def same(found, exact):
    for got, want in zip(found, exact, strict=True):
        decided = ~got.undecided
        np.testing.assert_array_equal(got.hi[decided], want.hi[decided])
        np.testing.assert_allclose(got.residual[decided], want.residual[decided], rtol=0, atol=2.0**-RESIDUAL_BITS)
        ties = got.undecided & ~np.isnan(got.hi)
        np.testing.assert_allclose(np.abs(want.residual[ties]), 0.5, rtol=0, atol=2.0**-RESIDUAL_BITS)
        assert np.isnan(want.hi[got.undecided & ~ties]).all()


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_segments_say_what_the_points_say(id):
    for place in PLACES:
        for sign in (1, -1):
            x = sign * run(place)
            same(segments.truths(id, x, "float32", sizes=(N, 8)), arb_truth.truths(id, x, (0, 1), dtype="float32"))


@pytest.mark.parametrize(("dtype", "n"), [("float16", 128), ("bfloat16", 128)])
def test_in_16_bits_too(dtype, n):
    for place in (0.0, 0.5, 3.0, -1.0):
        x = run(place, dtype, n)
        same(segments.truths("activation/mish", x, dtype), arb_truth.truths("activation/mish", x, (0, 1), dtype=dtype))


def asked_of_balls(monkeypatch, id, x, dtype="float32"):
    asked = []
    truths = arb_truth.truths
    monkeypatch.setattr(arb_truth, "truths", lambda id, x, *a, **k: asked.append(len(x)) or truths(id, x, *a, **k))
    return segments.truths(id, x, dtype), sum(asked)


@pytest.mark.parametrize("id", ["activation/tanh", "activation/gelu", "activation/silu", "activation/exp"])
@pytest.mark.parametrize("place", [0.0, 2.0**-30, 0.5, -0.75, 16.0, 128.0, 2.0**31, -(2.0**100)])
def test_hardly_a_point_is_left_to_balls(id, place, monkeypatch):
    """Of x/2 + x²/4 in subnormals too, of which every second is next to a tie."""
    found, asked = asked_of_balls(monkeypatch, id, run(place, n=1 << 15))
    assert asked < 4
    assert not any(t.undecided.any() for t in found)


@pytest.mark.parametrize("id", ["activation/tanh", "activation/gelu", "activation/mish"])
@pytest.mark.parametrize("place", [0.3, -1.7, 20.0, 1e-5, 1e200, 1e-300, 0.0])
def test_neighbours_in_float64_have_the_truths_of_the_points(id, place, monkeypatch):
    """In twice its bits; only next to the least numbers, which these do not reach, by balls."""
    first = int(np.array(place).view(np.int64)) >> 8 << 8
    x = np.arange(first, first + 256).view(np.float64)
    exact = arb_truth.truths(id, x, (0, 1), dtype="float64")
    found, asked = asked_of_balls(monkeypatch, id, x, "float64")
    same(found, exact)
    assert asked < 4 or abs(place) < 1e-200


def test_ties_that_no_precision_proves_are_left_open(monkeypatch):
    (value, slope), asked = asked_of_balls(monkeypatch, "activation/hardsigmoid", run(0.5, n=1 << 15))  # (x + 3)/6
    assert asked == 0
    assert value.undecided.sum() == 5462
    assert set(np.abs(value.residual[value.undecided])) == {0.5}
    assert not slope.undecided.any()


def test_an_exact_tie_goes_to_even():
    x = run(0.25, n=64)
    value, _ = segments.truths("activation/sparse_sigmoid", x, "float32")  # (x + 1)/2
    assert not value.undecided.any()
    np.testing.assert_array_equal(value.hi, ((x + 1) / 2).astype(np.float32))
    assert (np.abs(value.residual) == 0.5).any()


@pytest.mark.parametrize("place", [88.72, 88.73, 89.0, 2000.0, 2.0**31, 1e30, 2.0**127])
def test_what_is_beyond_every_float_is_infinite(place, monkeypatch):
    x = run(place, n=1 << 10)
    (value, slope), asked = asked_of_balls(monkeypatch, "activation/exp", x)
    assert asked < 4
    if place < 88.725:
        assert 0 < np.isinf(value.hi).sum() < len(x)
        monkeypatch.undo()
        same((value, slope), arb_truth.truths("activation/exp", x, (0, 1), dtype="float32"))
        return
    assert np.isposinf(value.hi).all()
    assert np.isposinf(slope.hi).all()


@pytest.mark.parametrize("id", ["activation/tanh", "activation/gelu", "activation/log_cosh"])
def test_the_remainder_is_in_the_polynomial(id):
    """Exact values at the ends of a segment, within the bound; without the last coefficient they would not be."""
    x = run(1.5, n=2)
    x = np.array([x[0], 1.75, 1.9375])
    for order, p in enumerate(segments.taylor(bind(id), x, (0, 1), 2.0**130)):
        s = (x - p.c) / p.r
        hi, lo, bound = segments.in_pairs(p, s)
        radius = p.coefficients[2].copy()
        p.coefficients[2] = 0
        bare = segments.in_pairs(p, s)[2]
        exact = arb_truth.truths(id, x, (order,), dtype="float64")[0]
        off = np.abs((hi - exact.hi) + lo - exact.residual * ulp(exact.hi, "float64"))
        assert (off <= bound + 2.0**-RESIDUAL_BITS * ulp(exact.hi, "float64")).all()
        assert radius[-1] > 0
        assert (bare < bound).all()


def test_what_is_unknown_is_refused():
    with pytest.raises(KeyError, match="sigmoid"):
        segments.truths("activation/sigmoit", np.ones(3), "float16")
    with pytest.raises(ValueError, match="float8"):
        segments.truths("activation/sigmoid", np.ones(3), "float8")


number = st.floats(-(2.0**60), 2.0**60).map(lambda a: a if abs(a) > 2.0**-60 else 0.0)
short = st.integers(-(2**24), 2**24).map(lambda k: k * 2.0**-24)  # at most 1, of 24 bits


def polynomial(coefficients):
    high = np.array([a for a, _, _ in coefficients])
    low = np.array([np.spacing(abs(a)) / 2 * part if a else 0.0 for a, part, _ in coefficients])
    radius = np.array([np.spacing(abs(a)) * part for a, _, part in coefficients])
    exact = [Fraction(h) + Fraction(m) for h, m in zip(high, low, strict=True)]
    return segments.Polynomial(0.0, 1.0, np.array([high, low, radius])), exact


@given(st.lists(st.tuples(number, st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=20), short)
@example([(0.0, 0.0, 0.0), (0.0, 0.0, 1.0)], 2.0**-24)
@example([(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.25, 0.0, 0.0)], 2.0**-20)
def test_the_bound_of_a_polynomial_holds(coefficients, s):
    p, exact = polynomial(coefficients)
    value = sum(a * Fraction(s) ** k for k, a in enumerate(exact))
    spread = sum(Fraction(r) * abs(Fraction(s)) ** k for k, r in enumerate(p.coefficients[2]))
    hi, lo, bound = (float(a[0]) for a in segments.in_pairs(p, np.array([s])))
    assert abs(Fraction(hi) + Fraction(lo) - value) + spread <= Fraction(bound)


@given(st.lists(st.tuples(number, st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=20), short)
def test_what_float64_decides_is_right_whatever_the_balls_hold(coefficients, s):
    p, exact = polynomial(coefficients)
    hi, residual, undecided = (a[0] for a in segments.in_float64(p, *segments.leading(p), np.array([s]), "float32"))
    assume(not undecided)
    spread = sum(Fraction(r) for r in p.coefficients[2])
    value = sum(a * Fraction(s) ** k for k, a in enumerate(exact))
    for end in (value - spread, value + spread):
        rounded = nearest(end, "float32")
        assert rounded.hi == hi
        assert rounded.residual == pytest.approx(residual, abs=2.0**-RESIDUAL_BITS)


def nearest(value, dtype):
    """A fraction whose denominator is a power of two, rounded with integers."""
    return round_exactly(value.numerator, -(value.denominator.bit_length() - 1), FORMATS[dtype])


@given(
    st.sampled_from(["float32", "float16", "bfloat16"]),
    st.integers(1, 2**12),
    st.integers(-160, 130),
    st.sampled_from([0, 1, -1, 3]),
    st.sampled_from([0.0, 2.0**-60, -(2.0**-60), 2.0**-80]),
    st.sampled_from([0.0, 2.0**-90, 2.0**-70]),
)
def test_numbers_next_to_ties_and_powers_of_two_are_rounded_as_with_integers(dtype, m, e, odd, rest, width):
    digits = FORMATS[dtype].digits
    hi = np.ldexp(float((m << digits) + odd * 2 ** (digits - 8)), e - digits)
    lo, bound = hi * rest, abs(hi) * width
    found, residual, undecided, wide = (a[0] for a in segments.nearest(*map(np.atleast_1d, (hi, lo, bound)), dtype))
    ends = [nearest(Fraction(hi) + Fraction(lo) + sign * Fraction(bound), dtype) for sign in (-1, 1)]
    if undecided:
        close = min(abs(abs(ends[0].residual) - tie) for tie in (0.25, 0.5))
        assert wide or ends[0].hi != ends[1].hi or close < 2.0**-40
    else:
        assert ends[0].hi == ends[1].hi == found
        assert ends[0].residual == pytest.approx(residual, abs=2.0**-RESIDUAL_BITS)
