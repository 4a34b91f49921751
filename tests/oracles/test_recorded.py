"""Recorded numbers: what they refuse, and that two oracles differentiate them alike."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.recorded import d, floats, leaf, native, objects, prime

pytest.importorskip("torch")
pytest.importorskip("flint")

from oracles.arb_truth.recorded import values as ball_values
from oracles.torch_autograd.recorded import values as torch_values

FUNCTIONS = ("sigmoid", "tanh", "softplus", "silu", "mish", "gelu", "exp", "erf", "identity")
# Small enough that torch.softplus is not replaced by the identity, as it is beyond 20.
POINTS = st.floats(-1.5, 1.5).filter(lambda x: abs(x) > 1e-3)


@settings(max_examples=60, deadline=None)
@given(f=st.sampled_from(FUNCTIONS), g=st.sampled_from(FUNCTIONS[:6]), x=POINTS, y=POINTS)
def test_the_oracles_agree_on_values_and_derivatives(f, g, x, y):
    u, v = leaf(x), leaf(y)
    z = native("linear", u, v, v, u, u)  # u·v + v·u + u
    C = native(f, native(g, z) * u) / (2 + u**2)
    wanted = [C, d(C, u), d(C, v), d(C, z)]
    for t, b in zip(torch_values(wanted), ball_values(wanted), strict=True):
        assert t == pytest.approx(float(b), rel=1e-11, abs=1e-13)


@settings(max_examples=30, deadline=None)
@given(f=st.sampled_from(FUNCTIONS), x=POINTS)
def test_a_derivative_is_the_slope_of_the_secant(f, x):
    z, h = leaf(x), 1e-5
    slope = torch_values([prime(lambda t: native(f, t))(z)])[0]
    low, high = torch_values([native(f, leaf(x - h)), native(f, leaf(x + h))])
    assert (high - low) / (2 * h) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_what_does_not_depend_has_derivative_zero():
    x, y = leaf(1.0), leaf(2.0)
    assert torch_values([d(x * x, y), d(x, x)]) == [0, 1]
    assert [float(b) for b in ball_values([d(x * x, y), d(x, x)])] == [0, 1]


def test_arrays_differentiate_entry_by_entry():
    x = objects([leaf(1.0), leaf(2.0)])
    y = x**2 + x[0]
    assert torch_values(list(d(y, x).flat)) == [3, 0, 1, 4]
    assert torch_values(list(d(y[1], x))) == [1, 4]


def test_numpy_works_on_recorded_numbers():
    x = objects([leaf(0.5), leaf(2.0)])
    got = torch_values([*np.exp(x), *np.log(x), *np.sqrt(x), *np.tanh(x), np.array([3.0, 1.0]) @ x, *(x * x[0])])
    want = [*np.exp([0.5, 2]), *np.log([0.5, 2]), *np.sqrt([0.5, 2]), *np.tanh([0.5, 2]), 3.5, 0.25, 1.0]
    assert got == pytest.approx(want, rel=1e-15)


def test_softmax_adds_up_to_one_in_both():
    z = [leaf(v) for v in (0.3, -1.0, 2.0)]
    total = sum(native("softmax", leaf(k), *z) for k in range(3))
    assert torch_values([total])[0] == pytest.approx(1, abs=1e-15)
    assert float(ball_values([total])[0]) == 1


def test_branches_follow_the_value():
    assert abs(leaf(-2.0)) < 3
    assert leaf(1.0) >= 1
    assert not leaf(1.0) > 1
    assert floats([abs(leaf(-2.0))]) == [2]


def test_a_number_is_not_a_truth_value():
    with pytest.raises(TypeError, match="no truth value; compare it"):
        bool(leaf(1.0) + 1)


def test_a_derivative_cannot_decide_a_branch():
    x = leaf(1.0)
    with pytest.raises(TypeError, match="cannot decide a branch"):
        _ = d(x * x, x) > 0


@pytest.mark.parametrize("power", [0, -1, 0.5])
def test_only_positive_integer_powers(power):
    with pytest.raises(TypeError, match=f"power {power}"):
        leaf(2.0) ** power


def test_balls_refuse_a_derivative_of_a_derivative():
    x = leaf(2.0)
    y = d(x**3, x)
    assert torch_values([d(y, x)]) == [12]
    with pytest.raises(NotImplementedError, match="first order"):
        ball_values([d(y * x, x)])


def test_an_unfit_argument_is_not_hidden():
    assert math.isnan(torch_values([leaf(-1.0).log()])[0])
