"""The penalties of the network audit: their gradients, and that they touch weights alone.

Those that act on whole rows or matrices have their own tests.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oracles import finite_difference as fd
from reference import CATALOGUE
from reference.activations import identity, tanh
from reference.costs import mse
from reference.network import backprop
from reference.regularizers import elastic_net, l1, l2, none

U = 2.0**-53
UNDERFLOW = 1e-300  # below this, digits are lost
PENALTIES = {none: {}, l2: {"lam": 0.3, "n": 7}, l1: {"lam": 0.3}, elastic_net: {"lam": 0.3, "mix": 0.2}}
by_name = pytest.mark.parametrize(("penalty", "given"), PENALTIES.items(), ids=lambda p: getattr(p, "__name__", ""))


def weights(lead=(), dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((*lead, *shape)).astype(dtype) for shape in ((4, 3), (4, 4), (2, 4))]


@by_name
@pytest.mark.parametrize("lead", [(), (3,)], ids=["one", "stacked"])
@pytest.mark.parametrize("defaults", [True, False])
def test_value_and_gradient_are_those_of_the_definition(penalty, given, lead, defaults):
    given = {} if defaults else given
    W = weights(lead)
    R, dR = penalty(W, **given)
    each = [fd.regularizer(penalty.formula.id, w, **given) for w in W]
    assert R.shape == lead
    np.testing.assert_allclose(R, sum(r for r, _ in each), rtol=32 * U)
    for r, (_, expected), w in zip(dR, each, W, strict=True):
        assert r.shape == w.shape
        np.testing.assert_allclose(r, expected, rtol=8 * U)


@by_name
def test_parameters_are_those_of_the_record(penalty, given):
    assert set(given) == set(penalty.formula.parameters)
    assert CATALOGUE[penalty.formula.id].function is penalty


@by_name
def test_float32_is_rounded_once(penalty, given):
    W = weights(dtype=np.float32)
    R, dR = penalty(W, **given)
    wide, d_wide = penalty([w.astype(np.float64) for w in W], **given)
    assert np.float32(wide) == R
    for r, d in zip(dR, d_wide, strict=True):
        np.testing.assert_array_equal(r, d.astype(np.float32))


@by_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept_and_inputs_stay_as_they_are(penalty, given, dtype):
    W = weights(dtype=dtype)
    before = [w.copy() for w in W]
    R, dR = penalty(W, **given)
    assert {R.dtype, *(r.dtype for r in dR)} == {np.dtype(dtype)}
    assert all(np.array_equal(w, v) for w, v in zip(W, before, strict=True))
    assert not any(np.shares_memory(r, w) for r, w in zip(dR, W, strict=True))


@by_name
def test_the_penalty_of_a_network_is_the_sum_over_its_layers(penalty, given):
    W = weights()
    R, dR = penalty(W, **given)
    alone = [penalty([w], **given) for w in W]
    np.testing.assert_allclose(R, sum(r for r, _ in alone), rtol=8 * U)
    for r, (_, (expected,)) in zip(dR, alone, strict=True):
        np.testing.assert_array_equal(r, expected)


@by_name
def test_biases_are_not_penalised(penalty, given):
    """Only ∂C/∂W and the cost know of λ; ∂C/∂b and every δ are those of the cost alone."""
    rng = np.random.default_rng(0)
    W, b = weights(), [rng.standard_normal(d) for d in (4, 4, 2)]
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    layers = [tanh, tanh, identity]
    plain = backprop(x, y, W, b, layers, mse)
    penalised = backprop(x, y, W, b, layers, mse, lambda W: penalty(W, **given))
    R, dR = penalty(W, **given)
    for p, q in zip(penalised.db + penalised.delta, plain.db + plain.delta, strict=True):
        np.testing.assert_array_equal(p, q)
    for p, q, r in zip(penalised.dW, plain.dW, dR, strict=True):
        np.testing.assert_array_equal(p, q + r)
    assert penalised.cost == plain.cost + R
    assert (penalised.cost > plain.cost) == (penalty is not none)


FEW = arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3))


@given(FEW, st.floats(0, 10), st.floats(0, 1))
def test_the_elastic_net_mixes_l1_and_l2(w, lam, mix):
    R, (dR,) = elastic_net([w], lam=lam, mix=mix)
    (R1, (d1,)), (R2, (d2,)) = l1([w], lam=lam), l2([w], lam=lam, n=1)
    np.testing.assert_allclose(R, mix * R1 + (1 - mix) * R2, rtol=16 * U, atol=UNDERFLOW)
    np.testing.assert_allclose(dR, mix * d1 + (1 - mix) * d2, rtol=16 * U, atol=UNDERFLOW)


@given(FEW, st.floats(0, 10), st.integers(1, 1000))
def test_l2_is_lambda_over_2n_times_the_squared_norm(w, lam, n):
    R, (dR,) = l2([w], lam=lam, n=n)
    np.testing.assert_allclose(R, lam / (2 * n) * np.linalg.norm(w) ** 2, rtol=16 * U, atol=UNDERFLOW)
    np.testing.assert_allclose(dR, lam * w / n, rtol=4 * U, atol=UNDERFLOW)


@pytest.mark.parametrize(
    ("penalty", "step"), [(l1, 0.3), (elastic_net, 0.06)], ids=lambda p: getattr(p, "__name__", "")
)
def test_at_zero_the_slope_is_0_and_beside_it_full(penalty, step):
    tiny = np.nextafter(0, 1)
    (dR,) = penalty([np.array([[-tiny, 0.0, -0.0, tiny]])], **PENALTIES[penalty])[1]
    np.testing.assert_allclose(dR, [[-step, 0, 0, step]], rtol=4 * U)


def test_none_adds_nothing():
    R, dR = none(weights((3,)))
    assert R.tolist() == [0, 0, 0]
    assert not any(r.any() for r in dR)


def test_a_planted_error_is_caught():
    """The dropped 1/n of the L2 penalty."""
    w = weights()[0]
    wrong = l2([w], lam=0.3, n=1)[1][0]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(wrong, fd.regularizer("regularizer/l2", w, lam=0.3, n=7)[1], rtol=8 * U)


@pytest.mark.parametrize(
    ("penalty", "given", "message"),
    [
        (l2, {"lam": -1.0}, "lam = -1.0; need a finite lam ≥ 0"),
        (l2, {"lam": np.nan}, "lam = nan"),
        (l2, {"n": 0}, "n = 0; need n > 0"),
        (l1, {"lam": -0.1}, "lam = -0.1"),
        (elastic_net, {"lam": np.inf}, "lam = inf"),
        (elastic_net, {"mix": 1.5}, "mix = 1.5; need 0 ≤ mix ≤ 1"),
    ],
)
def test_a_reward_for_large_weights_is_refused(penalty, given, message):
    with pytest.raises(ValueError, match=message):
        penalty(weights(), **given)
