import math

import pytest

flint = pytest.importorskip("flint")

from oracles.arb_truth.activations import bind  # noqa: E402
from oracles.arb_truth.functions import above, elementwise, largest  # noqa: E402
from oracles.arb_truth.jets import Jet, variables  # noqa: E402
from oracles.arb_truth.numbers import working  # noqa: E402


def derivatives(function, *numbers):
    """Value and gradient as floats."""
    with working(128, 4):
        jet = function(*variables(numbers))
        return float(jet.value), [float(jet.slope[0, k]) for k in range(len(numbers))]


def test_sums_products_and_quotients():
    assert derivatives(lambda x, y: 2 * x * x * y - y / 4 + 1, 3.0, 5.0) == (90 - 1.25 + 1, [60.0, 17.75])
    assert derivatives(lambda x, y: 6 / x - x / y + (1 - y), 2.0, 4.0) == (3 - 0.5 - 3, [-1.5 - 0.25, 2 / 16 - 1])
    assert derivatives(lambda x, y: (x - y) - 2 - -x, 2.0, 4.0) == (-2, [2, -1])


@pytest.mark.parametrize(("function", "slope"), [("exp", math.exp(0.5)), ("log", 2.0), ("sqrt", 0.5**0.5)])
def test_functions_of_one_variable(function, slope):
    assert derivatives(lambda x: getattr(x, function)(), 0.5)[1][0] == pytest.approx(slope, rel=1e-15)


def test_a_composition():
    assert derivatives(lambda x, y: (x * y).exp(), 0.5, 2.0)[1] == pytest.approx([2 * math.e, 0.5 * math.e])


def test_the_slope_of_a_function_is_a_jet_too():
    with working(128, 5):
        (x,) = variables([0.5])
        cube, square, line = x.derivatives(lambda t: t * t * t, 3)
    assert [(float(j.value), float(j.slope[0, 0])) for j in (cube, square, line)] == [(0.125, 0.75), (0.75, 3), (3, 6)]


def test_a_function_of_two_jets():
    with working(128, 4):
        jet = Jet.compose([lambda s, t: s * t * t], variables([3.0, 2.0]))
    assert (jet.value, jet.slope[0, 0], jet.slope[0, 1]) == (12, 4, 12)


def test_a_kink_encloses_both_slopes_and_nothing_else_moves():
    with working(128, 4):
        x, y = variables([0.0, 2.0])
        kink = above(x) + y
        assert kink.slope[0, 0].contains(0)
        assert kink.slope[0, 0].contains(1)
        assert kink.slope[0, 1] == 1
        tie = largest([x + 2, y])
        assert tie.slope[0, 1].contains(arb_half := flint.arb(1) / 2)
        assert tie.slope[0, 0].contains(arb_half)
        assert elementwise(bind("activation/elu"), x).slope[0, 0] == 1  # both sides have this slope
        torn = Jet.with_slopes(flint.arb(0), [x, y], [flint.arb.nan(), flint.arb(0)])
        assert (torn.slope[0, 0].is_finite(), torn.slope[0, 1].is_zero()) == (False, True)


def test_zero():
    with working(128, 4):
        x, _ = variables([0.0, 2.0])
        assert not x.is_zero()
        assert (x * 0).is_zero()
