"""Gradients by evaluation alone: right within the error that they give for themselves, and none beside a kink."""

import numpy as np
import pytest

from oracles.extrapolation import pullback_of, ridders

SMOOTH = [
    (np.exp, np.exp),
    (np.tanh, lambda t: 1 / np.cosh(t) ** 2),
    (lambda t: t**3, lambda t: 3 * t**2),
    (lambda t: np.sin(20 * t), lambda t: 20 * np.cos(20 * t)),
    (lambda t: 1e8 + t, lambda t: 1.0),
    (lambda t: 0.0 * t, lambda t: 0.0),
]


@pytest.mark.parametrize("t", [-3.0, -1e-6, 0.0, 1e-9, 0.3, 5.0])
@pytest.mark.parametrize(("f", "slope"), SMOOTH)
def test_the_error_is_no_more_than_its_estimate(f, slope, t):
    found, error = ridders(f, t)
    if np.isfinite(error):
        assert abs(found - slope(t)) <= error
        assert error <= 1e-6 * max(1, abs(f(t)))


@pytest.mark.parametrize(("f", "slope"), SMOOTH)
def test_smooth_functions_have_a_slope(f, slope):
    assert np.isfinite([ridders(f, t)[1] for t in (-3.0, 0.3, 5.0)]).all()


@pytest.mark.parametrize("t", [1e-9, 1e-5, -2e-5, 4.8e-4, -1e-3, 0.1])
@pytest.mark.parametrize("f", [abs, lambda t: max(t, 0.0)])
def test_a_kink_close_by_is_kept_away_from(f, t):
    found, error = ridders(f, t)
    assert abs(found - (f(2 * t) - f(t)) / t) <= error + 1e-12


@pytest.mark.parametrize(("f", "t"), [(abs, 0.0), (lambda t: abs(t - 1), 1.0), (lambda t: abs(t - 1), 1 + 1e-7)])
def test_at_a_kink_there_is_none(f, t):
    assert np.isnan(ridders(f, t)[0])


def test_all_arguments_and_outputs_under_their_cotangents():
    x, w, k = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -2.0]), np.array([1, 0])
    p, q = np.array([2.0, -1.0]), np.array([[0.0, 1.0], [0.5, 0.0]])

    def f(x, w, k, *, scale):
        return (scale * x @ w)[k], np.sin(x)

    values, by, errors = pullback_of(f, {"x": x, "w": w, "k": k}, {"s": p, "t": q}, ("s", "t"), scale=3.0)
    assert [*values] == ["s", "t"]
    assert [*by] == ["x", "w"]
    assert by["x"] == pytest.approx(3 * np.outer(p[k], w) + q * np.cos(x), rel=1e-14)
    assert by["w"] == pytest.approx(3 * p[k] @ x, rel=1e-14)
    assert not any(e.any() for e in errors.values())  # complex step


def test_what_is_not_analytic_is_differenced():
    x = np.array([0.5, -2.0, 1e-4])
    _, by, errors = pullback_of(lambda x: np.abs(x) ** 3, {"x": x}, {"value": np.ones(3)})
    off = np.abs(by["x"] - 3 * x * np.abs(x))
    assert (off <= errors["x"]).all()
    assert errors["x"][:2].max() < 1e-9
    assert (errors["x"] > 0).all()


def test_entries_that_are_large_do_not_hide_small_ones():
    x = np.array([-10.0, 60.0])
    _, by, errors = pullback_of(lambda x: x * np.exp(x), {"x": x}, {"value": np.ones(2)})
    assert by["x"] == pytest.approx((1 + x) * np.exp(x), rel=1e-14)
    assert not errors["x"].any()


def test_only_the_entries_that_are_wanted():
    x = np.arange(6.0).reshape(2, 3)
    _, by, _ = pullback_of(lambda x: x * x, {"x": x}, {"value": np.ones((2, 3))}, among={"x": np.array([4, 1])})
    assert np.isfinite(by["x"]).tolist() == [[False, True, False], [False, True, False]]
    assert by["x"][1, 1] == 8
