import math

import pytest

flint = pytest.importorskip("flint")

from oracles.arb_truth.definition import working  # noqa: E402
from oracles.arb_truth.jets import ORDERS, AtKink, sign, variables  # noqa: E402


def derivatives(function, *numbers):
    """Value, gradient and Hessian matrix as floats."""
    n = len(numbers)
    with working(128, ORDERS):
        jet = function(*variables(numbers))
        slopes = [float(jet.slope[0, k]) for k in range(n)]
        return float(jet.value), slopes, [[float(jet.curve[i, k]) for k in range(n)] for i in range(n)]


def test_polynomials():
    value, slope, curve = derivatives(lambda x, y: 2 * x * x * y - y / 4 + 1, 3.0, 5.0)
    assert value == 90 - 1.25 + 1
    assert slope == [60.0, 17.75]
    assert curve == [[20.0, 12.0], [12.0, 0.0]]


def test_quotients_from_both_sides():
    value, slope, curve = derivatives(lambda x, y: 6 / x - x / y + (1 - y), 2.0, 4.0)
    assert value == 3 - 0.5 - 3
    assert slope == [-1.5 - 0.25, 2 / 16 - 1]
    assert curve == [[12 / 8, 1 / 16], [1 / 16, -2 * 2 / 64]]


@pytest.mark.parametrize(
    ("function", "slope", "curve"),
    [("exp", math.exp(0.5), math.exp(0.5)), ("log", 2.0, -4.0), ("sqrt", 0.5**0.5, -(0.5**0.5))],
)
def test_functions_of_one_variable(function, slope, curve):
    _, slopes, curves = derivatives(lambda x: getattr(x, function)(), 0.5)
    assert slopes[0] == pytest.approx(slope, rel=1e-15)
    assert curves[0][0] == pytest.approx(curve, rel=1e-15)


def test_second_derivatives_of_a_composition():
    _, slope, curve = derivatives(lambda x, y: (x * y).exp(), 0.5, 2.0)
    assert slope == [2 * math.e, 0.5 * math.e]
    assert curve[0][1] == pytest.approx(2 * math.e, rel=1e-15)  # e^xy(1 + xy)


def test_signs():
    with working(64, ORDERS):
        (x,) = variables([0.0])
        assert [sign(x + 1), sign(x - 1)] == [1, -1]
        with pytest.raises(AtKink, match="exactly 0"):
            sign(x)
        with pytest.raises(ValueError, match="not decided"):
            sign(x + flint.arb(0, 1))


def test_only_the_value_can_be_indexed():
    with working(64, ORDERS):
        (x,) = variables([2.0])
    assert x[0] == 2
    with pytest.raises(IndexError):
        x[1]


def test_the_slope_of_a_function_is_a_jet_too():
    x, y = variables([0.5, 2.0])
    value, slope = (x * y).with_slope(lambda t: t.exp())
    e = math.e
    assert float(value.value) == float(slope.value) == pytest.approx(e)
    cube, square = (x + 0).with_slope(lambda t: t * t * t)
    assert [float(square.value), float(square.slope[0, 0]), float(square.curve[0, 0])] == [0.75, 3.0, 6.0]
    assert float(cube.curve[0, 0]) == 3.0
