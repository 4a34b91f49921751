"""Functions of one and several numbers near a point, against derivatives that a hand can write."""

import math

import pytest

pytest.importorskip("flint")

from flint import arb

from oracles.arb_truth.numbers import Imprecise, working
from oracles.arb_truth.series import derivatives, local


@pytest.fixture(autouse=True)
def _precision():
    with working(128, 6):
        yield


def test_derivatives_of_one_number():
    assert [float(d) for d in derivatives(lambda t: t * t * t, arb(2), 4)] == [8, 12, 12, 6]
    with pytest.raises(Imprecise, match="not bounded"):
        derivatives(lambda t: 1 / t, arb(0, 1), 2)


def test_slopes_and_curvatures_of_three_numbers():
    f = local([lambda x, y, z: x * x * y + (y * z).exp()], [arb(3), arb(0.5), arb(2)], 2)
    e = math.e
    assert float(f.value) == pytest.approx(4.5 + e)
    assert [float(s) for s in f.slopes] == pytest.approx([3, 9 + 2 * e, 0.5 * e])
    rows = [[1, 6, 0], [6, 4 * e, 2 * e], [0, 2 * e, 0.25 * e]]
    for got, expected in zip(f.curves, rows, strict=True):
        assert [float(c) for c in got] == pytest.approx(expected, abs=1e-30)
    assert not f.torn


def test_what_is_not_bounded_or_no_number():
    with pytest.raises(Imprecise, match="not bounded"):
        local([lambda x, y: x / y], [arb(1), arb(0, 1)], 1)
    assert not any(d.is_finite() for d in derivatives(lambda t: 1 / t, arb.nan(), 2))
    assert not local([lambda z: z, lambda z: -z], [arb.nan()], 1).value.is_finite()


def test_pieces_that_meet():
    relu, smooth = [lambda z: 0 * z, lambda z: z], [lambda z: z, lambda z: z + z * z]
    f = local(relu, [arb(0)], 1)
    assert f.torn
    assert f.slopes[0].contains(0)
    assert f.slopes[0].contains(1)
    assert not local(smooth, [arb(0)], 2).torn  # their slopes are equal
    with pytest.raises(Imprecise, match="not decided against a breakpoint"):
        local(relu, [arb(0, 2.0**-100)], 1)


def test_pieces_that_jump_have_the_value_of_the_first():
    f = local([lambda z: z + 5, lambda z: z], [arb(1)], 1)
    assert (f.value, f.torn) == (6, True)
    assert not f.slopes[0].is_finite()
