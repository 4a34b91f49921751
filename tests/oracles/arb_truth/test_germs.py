"""Power series in t → 0⁺: signs, roots and quotients of what vanishes, by hand."""

import math

import pytest

pytest.importorskip("flint")

from flint import arb, arb_series

from oracles.arb_truth.activations import bind
from oracles.arb_truth.functions import above, absolute, elementwise, largest, log, norm, xlogy
from oracles.arb_truth.germs import TERMS, Germ
from oracles.arb_truth.numbers import Imprecise, Undefined, working


@pytest.fixture(autouse=True)
def _precision():
    with working(128, TERMS + 2):
        yield


def germ(*coefficients):
    return Germ(arb_series(list(coefficients), TERMS))


def floats(u, count=3):
    return [float(u.series[k]) for k in range(count)]


@pytest.mark.parametrize(
    ("coefficients", "sign"), [((2, -1), 1), ((0, -1), -1), ((0, 0, 3), 1), ((0,), 0), ((-1e-300, 1), -1)]
)
def test_the_first_coefficient_decides(coefficients, sign):
    assert germ(*coefficients).sign() == sign
    size = floats(absolute(germ(*coefficients)))
    assert size == [sign * c for c in [*coefficients, 0, 0][:3]]


def test_a_coefficient_that_may_be_zero_does_not_decide():
    assert germ(1, arb(0, 1e-30)).sign() == 1
    with pytest.raises(Imprecise, match="not told from 0"):
        germ(arb(0, 1e-30), 1).sign()
    with pytest.raises(Imprecise, match="not bounded"):
        germ(arb(0, 1)).apply(lambda s: 1 / s)


@pytest.mark.parametrize(
    ("u", "root"), [((0, 0, 4), [0, 2, 0]), ((0, 0, 4, 4), [0, 2, 1]), ((9, 6, 1), [3, 1, 0]), ((0,), [0, 0, 0])]
)
def test_roots(u, root):
    assert floats(germ(*u).sqrt()) == pytest.approx(root, abs=1e-30)


@pytest.mark.parametrize("u", [(0, 1), (-1,), (0, 0, -1)])
def test_what_has_no_root_along_t(u):
    with pytest.raises(Undefined, match="root of"):
        germ(*u).sqrt()


def test_quotients_leave_out_common_powers_of_t():
    u = germ(0, 6, 2) / germ(0, 2)
    assert floats(u) == [3, 1, 0]
    assert u.series.prec == TERMS - 1
    assert floats(germ(0) / germ(0, 2)) == [0, 0, 0]
    assert floats(1 / germ(4, 0)) == [0.25, 0, 0]
    for divisor in (germ(0, 1), germ(0)):
        with pytest.raises(Undefined, match="quotient"):
            germ(1) / divisor


def test_quotients_use_coefficients_up():
    u = germ(0, 1)
    shallow = Germ(arb_series([0, 1], 2))
    assert (u / u).derivative() == 0
    with pytest.raises(Undefined, match="no coefficient of t is left"):
        (shallow / shallow).derivative()


def test_logarithms():
    assert floats(log(germ(1, 2))) == [0, 2, -2]
    for u in (germ(0, 1), germ(-1), germ(0)):
        with pytest.raises(Undefined, match="logarithm"):
            log(u)


def test_a_vanishing_factor_of_a_logarithm():
    assert floats(xlogy(germ(0), germ(0, 1))) == [0, 0, 0]
    assert floats(xlogy(germ(0, 2), germ(1, 3))) == [0, 0, 6]
    with pytest.raises(Undefined, match="x·log y at x = 0"):
        xlogy(germ(0, 1), germ(0, 1))


def test_pieces_are_those_to_the_right():
    assert floats(above(germ(0, 2))) == [0, 2, 0]
    assert floats(above(germ(0, -2))) == [0, 0, 0]
    g = bind("activation/hardtanh")
    assert floats(elementwise(g, germ(1, -1))) == [1, -1, 0]
    assert floats(elementwise(g, germ(1, 1))) == [1, 0, 0]
    assert floats(elementwise(bind("activation/threshold", value=20.0), germ(0))) == [20, 0, 0]  # its owner
    for at in (-0.5, 0.5):
        assert floats(elementwise(bind("activation/hardshrink"), germ(at))) == [0, 0, 0]


def test_ties_are_decided_by_what_follows():
    assert floats(largest([germ(1, 1), germ(1, 2, -5), germ(1, 2, -6)])) == [1, 2, -5]
    assert floats(largest([germ(1, 1), arb(1)])) == [1, 1, 0]


def test_the_norm_of_a_row_that_vanishes():
    assert floats(norm([germ(0, 3), germ(0, -4)])) == [0, 5, 0]
    assert floats(norm([germ(0), germ(0)])) == [0, 0, 0]


def test_derivatives_of_a_function_of_a_germ():
    """exp and its derivatives at 1 + 2t: e·(1 + 2t + 2t² …) each."""
    for f in germ(1, 2).derivatives(lambda s: s.exp(), 2):
        assert floats(f) == pytest.approx([math.e, 2 * math.e, 2 * math.e], rel=1e-15)
    cube, square = germ(1, 1).derivatives(lambda s: s * s * s, 2)
    assert (floats(cube), floats(square)) == ([1, 3, 3], [3, 6, 3])
