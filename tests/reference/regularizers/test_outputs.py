"""Penalties on logits and activations, dropout with a given mask, and backpropagation that carries them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import CATALOGUE, network
from reference.activations import identity, sigmoid, softmax, tanh
from reference.costs import cross_entropy_probabilities, one_hot, quadratic
from reference.regularizers import outputs as penalties

on_arrays = pytest.mark.parametrize("name", ["entropy", "activity_l2", "activity_l1"])


def function(name):
    return CATALOGUE[f"regularizer/{name}"].function


def draw(seed=0, shape=(4, 5), dtype=np.float64):
    return (2 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


@on_arrays
def test_dtype_leading_axes_and_mean_over_examples(name):
    z = draw(2, (3, 4, 5), np.float32)
    R, gradient = function(name)(z)
    assert (R.shape, R.dtype, gradient.dtype) == ((3,), np.float32, np.float32)
    doubled = np.concatenate([z, z], axis=-2)
    np.testing.assert_allclose(function(name)(doubled)[0], R, rtol=1e-6)
    np.testing.assert_allclose(function(name)(doubled)[1][:, :4], gradient / 2, rtol=1e-6)


@on_arrays
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((0, 3)), ValueError),
        (np.ones((2, 3, 0)), ValueError),
        (np.ones((2, 0, 3)), ValueError),
        (np.ones((2, 3), int), TypeError),
    ],
)
def test_bad_arrays_are_named(name, bad, error):
    with pytest.raises(error, match=r"(shape|dtype)"):
        function(name)(bad)


def test_entropy_of_the_uniform_and_of_the_certain():
    R, gradient = penalties.entropy(np.zeros((1, 8)), lam=1.0)
    assert pytest.approx(-np.log(8)) == R
    np.testing.assert_allclose(gradient, 0, atol=1e-16)
    R, gradient = penalties.entropy(np.array([[1e4, 0.0], [-1e300, 1e300]]), lam=1.0)
    assert R == 0
    np.testing.assert_array_equal(gradient, 0)


def test_nearly_equal_logits_keep_their_digits():
    t = 2.0**-40
    _, gradient = penalties.entropy(np.array([[t, 0.0]]), lam=1.0)
    np.testing.assert_allclose(gradient, [[t / 4, -t / 4]], rtol=1e-11)  # s₁s₂t, as s = ½ ± t/4
    R, _ = penalties.label_smoothing(np.array([[t, 0.0]]), np.array([0]), eps=0.5)
    assert t / 4 == R


def test_the_largest_logits_stay_finite():
    z = np.array([[1.7e308, -1.7e308, 0.0]])
    R, gradient = penalties.entropy(z)
    assert (R, gradient.tolist()) == (0, [[0.0, 0.0, 0.0]])
    R, _ = penalties.label_smoothing(z, np.array([2]))
    assert np.isfinite(R)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_cost_and_smoothing_penalty_are_the_cost_on_smoothed_targets(seed, eps):
    rng = np.random.default_rng(seed)
    z, y = 3 * rng.standard_normal((4, 5)), rng.integers(0, 5, 4)
    C, by = cross_entropy_probabilities(z, one_hot(y, 5))
    R, dR = penalties.label_smoothing(z, y, eps)
    smoothed, by_smoothed = cross_entropy_probabilities(z, penalties.smooth(y, 5, eps))
    assert smoothed == pytest.approx(C + R, rel=1e-13)
    np.testing.assert_allclose(by["z"] + dR, by_smoothed["z"], atol=1e-15)


def test_smoothing_takes_labels_and_rows_alike_and_refuses_others():
    z, y = draw(3), np.array([0, 4, 2, 2])
    for p, q in zip(penalties.label_smoothing(z, y), penalties.label_smoothing(z, np.eye(5)[y]), strict=True):
        np.testing.assert_array_equal(p, q)
    for call in (penalties.label_smoothing, lambda z, y, eps: penalties.smooth(y, 5, eps)):
        with pytest.raises(ValueError, match=r"eps = 1\.5; need 0 ≤ eps ≤ 1"):
            call(z, y, 1.5)
        call(z, y, 0.0)
        call(z, y, 1.0)
    with pytest.raises(ValueError, match="label = 5"):
        penalties.label_smoothing(z, np.array([0, 5, 0, 0]))
    with pytest.raises(ValueError, match=r"y have shape \(3, 5\)"):
        penalties.label_smoothing(z, np.ones((3, 5)))


# Through a network

LAYERS = [tanh, sigmoid, identity]
ON = {1: penalties.activity_l1, 2: penalties.activity_l2}


def net(seed=0):
    rng = np.random.default_rng(seed)
    sizes = (3, 4, 5, 2)
    W = [rng.standard_normal((b, a)) for a, b in itertools.pairwise(sizes)]
    return rng.standard_normal((6, 3)), rng.standard_normal((6, 2)), W, [rng.standard_normal(k) for k in sizes[1:]]


def test_a_penalised_layer_adds_to_the_cotangent_of_its_activations():
    x, y, W, b = net()
    g = penalties.backprop(x, y, W, b, LAYERS, quadratic, ON)

    def total(parameters):
        a = network.feedforward(x, parameters[:3], parameters[3:], LAYERS).a
        return quadratic(a[-1], y)[0] + sum(p(a[layer])[0] for layer, p in ON.items())

    assert g.cost == pytest.approx(total([*W, *b]), rel=1e-14)
    for k, gradient in enumerate((*g.dW, *g.db)):
        d, h = np.random.default_rng(9).standard_normal(gradient.shape), 1e-6
        up, down = (total([p + s * h * d if i == k else p for i, p in enumerate((*W, *b))]) for s in (1, -1))
        assert (gradient * d).sum() == pytest.approx((up - down) / (2 * h), rel=1e-7)


def test_without_penalties_it_is_backpropagation():
    x, y, W, b = net()
    mine = penalties.backprop(x, y, W, b, LAYERS, quadratic, {})
    plain = network.backprop(x, y, W, b, LAYERS, quadratic)
    assert mine.cost == plain.cost
    for p, q in zip((*mine.dW, *mine.db, *mine.delta), (*plain.dW, *plain.db, *plain.delta), strict=True):
        np.testing.assert_array_equal(p, q)


def test_a_vector_activation_takes_part():
    x, y, W, b = net()
    layers = [tanh, sigmoid, softmax]
    g = penalties.backprop(x, softmax(y)[0], W, b, layers, quadratic, {3: penalties.activity_l2})
    plain = network.backprop(x, softmax(y)[0], W, b, layers, quadratic)
    assert g.cost > plain.cost
    assert not np.allclose(g.dW[2], plain.dW[2])


def test_a_layer_that_is_not_there_is_named():
    x, y, W, b = net()
    with pytest.raises(ValueError, match=r"layers \[0, 4\]: this network has layers 1 … 3"):
        penalties.backprop(x, y, W, b, LAYERS, quadratic, {0: penalties.activity_l2, 4: penalties.activity_l2})


# Range

WIDE = np.array([[1e200, -1e200], [1e-200, 0.0]])


@pytest.mark.parametrize("name", ["entropy", "activity_l2", "activity_l1"])
def test_without_lambda_there_is_no_penalty_and_below_0_it_is_refused(name):
    R, gradient = function(name)(np.array([[np.nan, np.inf]]), lam=0.0)
    assert R == 0
    assert not gradient.any()
    with pytest.raises(ValueError, match=r"lam = -1\.0; need lam ≥ 0"):
        function(name)(np.ones((2, 2)), lam=-1.0)


def test_no_square_of_an_activation_overflows_on_the_way():
    R, gradient = penalties.activity_l2(WIDE, lam=1e-300)
    assert pytest.approx(5e99) == R
    np.testing.assert_allclose(gradient, WIDE * 5e-301)
    R, _ = penalties.activity_l2(np.full((1, 1), 1e-200), lam=1e300)
    assert pytest.approx(5e-101) == R


def test_a_short_network_with_penalties_is_rounded_once():
    x, y, W, b = net()
    short = [q.astype(np.float16) for q in (x, *W, *b)]
    args = short[0], y, short[1:4], short[4:], LAYERS, quadratic, ON
    wide = [q.astype(np.float64) for q in short]
    g, exact = penalties.backprop(*args), penalties.backprop(wide[0], y, wide[1:4], wide[4:], LAYERS, quadratic, ON)
    for p, q in zip((g.cost, *g.dW, *g.db, *g.delta), (exact.cost, *exact.dW, *exact.db, *exact.delta), strict=True):
        np.testing.assert_array_equal(p, q.astype(np.float16))
