import math
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from oracles.arb_truth.numbers import working
from oracles.arb_truth.rounding import (
    MAXIMUM,
    RESIDUAL_BITS,
    START,
    attempt,
    round_ball,
    round_exactly,
    round_thin,
    settle,
)
from oracles.floats import FORMATS, ulp_exponent
from oracles.points import every


@given(st.integers(-(2**200), 2**200), st.integers(-1300, 900))
def test_rounding_is_that_of_python(mantissa, exponent):
    """Python's Fraction rounds to float64 correctly, subnormals and ties included."""
    value = Fraction(mantissa) * Fraction(2) ** exponent
    try:
        expected = float(value)
    except OverflowError:
        expected = math.copysign(math.inf, mantissa)
    rounded = round_exactly(mantissa, exponent, FORMATS["float64"])
    assert rounded.hi == expected
    if math.isfinite(expected):
        q = int(ulp_exponent(expected, "float64"))
        rest = (value - Fraction(expected)) / Fraction(2) ** q
        assert abs(rounded.residual - rest) < 2.0**-30
        assert abs(rounded.residual) <= 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_is_that_of_numpy(dtype, x):
    with np.errstate(over="ignore", under="ignore"):
        expected = float(np.float64(x).astype(dtype))
    mantissa, denominator = x.as_integer_ratio()
    assert round_exactly(mantissa, 1 - denominator.bit_length(), FORMATS[dtype]).hi == expected


@given(x=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_rounding_is_that_of_ml_dtypes(x):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    with np.errstate(over="ignore", under="ignore"):
        expected = float(np.float32(x).astype(bfloat16))
    mantissa, denominator = x.as_integer_ratio()
    assert round_exactly(mantissa, 1 - denominator.bit_length(), FORMATS["bfloat16"]).hi == expected


@given(st.integers(2**200, 2**201), st.integers(-1400, 700), st.integers(1, 80))
def test_a_ball_is_rounded_only_if_all_of_it_rounds_alike(mantissa, exponent, radius_bits):
    with working(300, 1):
        ball = arb(arb(mantissa) * arb(2) ** exponent, arb(2) ** (exponent + 201 - radius_bits))
        got = round_ball(ball, FORMATS["float64"])
        ends = [
            round_exactly(*(int(p) for p in end.man_exp()), FORMATS["float64"]) for end in (ball.lower(), ball.upper())
        ]
        if got is not None:
            assert ends[0].hi == got.hi == ends[1].hi
            assert all(abs(end.residual - got.residual) < 2.0**-20 for end in ends)
        elif radius_bits > 75:  # a ball this thin is refused for its position only
            assert any(abs(end.residual) > 0.5 - 2.0**-20 for end in ends) or ends[0].hi != ends[1].hi


# ---------------------------------------------------------------- many balls at once


def hard_ball(format, ulp, halves, sign, off, radius):
    """A ball near halves·½ULP, off by part of an ULP: near floats, ties, powers of two and both ends of the format."""
    middle = arb(halves) / 2 + off[0] * arb(2) ** -off[1]
    return sign * arb(middle, radius[0] * arb(2) ** -radius[1]) * arb(2) ** (format.least + ulp)


@pytest.mark.parametrize("dtype", FORMATS)
@given(st.data())
def test_what_float64_decides_is_what_integers_decide(dtype, data):
    format = FORMATS[dtype]
    power = st.sampled_from([2**format.digits, 2 ** (format.digits + 1)])
    ball = st.tuples(
        st.integers(-40, 40) | st.integers(-40, format.greatest + 3 - format.digits - format.least),
        st.integers(0, 2 ** (format.digits + 2)) | st.builds(sum, st.tuples(power, st.integers(-3, 3))),
        st.sampled_from([1, -1]),
        st.tuples(st.integers(-3, 3), st.integers(1, 60)),
        st.tuples(st.integers(0, 1), st.integers(-2, 110)),
    )
    with working(200, 1):
        balls = [hard_ball(format, *numbers) for numbers in data.draw(st.lists(ball, min_size=1, max_size=8))]
        for known, got, rest, sure in zip(balls, *(a.tolist() for a in round_thin(balls, dtype)), strict=True):
            if sure:
                exact = round_ball(known, format)
                assert exact is not None
                assert (got, math.copysign(1, got)) == (exact.hi, math.copysign(1, exact.hi))
                assert abs(rest - exact.residual) < 2.0**-RESIDUAL_BITS


@pytest.mark.parametrize(("halves", "off"), [(245, (3, 1)), (256, (-1, 60))], ids=["wide", "just below"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_zero_of_a_ball_across_where_numbers_vanish_is_that_of_its_middle(dtype, halves, off):
    with working(200, 1):
        ball = hard_ball(FORMATS[dtype], -38, halves, -1, off, (1, -2 if off[1] == 1 else 110))
        (got,), _, (sure,) = round_thin([ball], dtype)
        assert sure
        assert str(got) == str(round_ball(ball, FORMATS[dtype]).hi) == "0.0"


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_tie_below_a_power_of_two_is_left_to_integers(dtype):
    """There the float64 of the midpoint may be the power itself, whose ULP is twice as large."""
    with working(START, 1):
        tie = 2 - arb(2) ** -FORMATS[dtype].digits
        assert not round_thin([tie, -tie, tie + arb(0, 1) * arb(2) ** -100], dtype)[2].any()


@pytest.mark.parametrize("dtype", FORMATS)
def test_float64_decides_nearly_all(dtype):
    """Integers are needed for ties, just beyond the greatest float, and deep below 1 in float64."""
    with working(START, 1):
        z = [arb(x) for x in np.linspace(-300, 300, 1001).tolist()]
        assert round_thin([t.exp() for t in z] + [t * t.exp() for t in z], dtype)[2].mean() > 0.999
        assert round_thin([arb(0)] * 3, dtype)[2].all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_float_and_every_tie_of_a_narrow_format(dtype):
    x = every(dtype)
    with working(START, 1):
        hi, residual, decided = round_thin([arb(v) for v in x.tolist()], dtype)
        assert decided.all()
        np.testing.assert_array_equal(hi, x)
        assert not residual.any()
        ties = [(arb(p) + arb(q)) / 2 for p, q in zip(x[:-1].tolist(), x[1:].tolist(), strict=True)]
        assert not round_thin(ties, dtype)[2].any()


def test_no_answer_torn_and_infinite():
    with working(START, 1):
        hi, residual, decided = round_thin([None, arb.nan(), arb(0, 1), arb(2) ** 2000], "float32")
        assert decided.tolist() == [False, False, False, True]
        assert (hi[3], residual[3]) == (math.inf, 0)


# ---------------------------------------------------------------- precision


def test_precision_grows_until_all_are_decided():
    """(1 + 2^-1000) − 1 has no bit right before 1000 bits."""
    seen = []

    def difference(i):
        seen.append((i, ctx.prec))
        return [arb(i), (1 + arb(2) ** -1000) - 1 if i else arb(1).exp()]

    with working(START, 1):
        found = settle([difference(0), difference(1)], difference, "float64")
    assert found.hi.tolist() == [0, math.e, 1, 2.0**-1000]
    assert not found.undecided.any()
    assert seen == [(0, 128), (1, 128), (1, 256), (1, 512), (1, 1024)]


def test_what_no_precision_decides_is_undecided():
    def near_a_tie(_):
        return [1 + arb(2) ** -53 + arb(0, 1) * arb(2) ** -ctx.prec, None, arb(0, 1)]

    with working(START, 1):
        found = settle([near_a_tie(0)], near_a_tie, "float64")
        assert ctx.prec == MAXIMUM
    assert found.undecided.all()
    assert (found.hi[0], found.residual[0]) == (1, pytest.approx(0.5))
    assert np.isnan(found.hi[1:]).all()


def test_an_evaluation_that_fails_asks_for_more_bits():
    def quotient(_):
        if ctx.prec < 500:
            raise ZeroDivisionError
        return [arb(1) / 3]

    with working(START, 1):
        found = settle([attempt(quotient, 0, 1)], quotient, "float64")
    assert found.hi.tolist() == [1 / 3]


def test_nothing_to_round():
    assert settle([], lambda i: [], "float64").hi.shape == (0,)
