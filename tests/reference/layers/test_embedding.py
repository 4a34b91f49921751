"""Embedding: repeated indices add, padding takes nothing, and indices are what they should be."""

import numpy as np
import pytest

from reference.layers import embedding, linear

RNG = np.random.default_rng(5)
W = RNG.standard_normal((5, 3))
INDICES = np.array([[4, 1, 4], [0, 4, 1]])
V = RNG.standard_normal((2, 3, 3))


def gradient(**options):
    return embedding(W, INDICES, **options)[1](V)["weight"]


def test_it_is_a_linear_map_of_one_hot_rows():
    y, pullback = embedding(W, INDICES)
    one_hot = np.eye(5)[INDICES]
    z, of_map = linear(one_hot, W.T)
    np.testing.assert_array_equal(y, z)
    np.testing.assert_allclose(pullback(V)["weight"], of_map(V)["weight"].T)


def test_repeated_indices_add_and_rows_that_are_not_read_take_0():
    G = gradient()
    np.testing.assert_allclose(G[4], V[0, 0] + V[0, 2] + V[1, 1])
    np.testing.assert_array_equal(G[0], V[1, 0])
    np.testing.assert_array_equal(G[2:4], 0)


def test_the_row_of_the_padding_is_read_and_takes_nothing():
    plain = gradient()
    G = gradient(padding_idx=4)
    np.testing.assert_array_equal(embedding(W, INDICES, padding_idx=4)[0], W[INDICES])
    np.testing.assert_array_equal(G[4], 0)
    np.testing.assert_array_equal(G[:4], plain[:4])


def test_scaled_by_frequency_a_row_takes_the_mean():
    plain, G = gradient(), gradient(scale_grad_by_freq=True)
    times = np.bincount(INDICES.ravel(), minlength=5)
    np.testing.assert_array_equal(G, plain / np.maximum(times, 1)[:, None])


def test_a_table_that_holds_nan_where_nothing_is_read():
    holed = W.copy()
    holed[2] = np.nan
    y, pullback = embedding(holed, INDICES)
    np.testing.assert_array_equal(y, W[INDICES])
    np.testing.assert_array_equal(pullback(V)["weight"], gradient())


@pytest.mark.parametrize("indices", [np.array(3), np.zeros((0, 2), int), np.array([2], np.uint8)])
def test_indices_of_any_shape_and_width(indices):
    y, pullback = embedding(W, indices)
    assert y.shape == (*indices.shape, 3)
    assert pullback(np.ones(y.shape))["weight"].sum() == 3 * indices.size


@pytest.mark.parametrize(
    ("weight", "indices", "options", "said"),
    [
        (W, np.array([1, 5]), {}, "index 5 is outside 0 … 4: weight has 5 rows"),
        (W, np.array([-1]), {}, "index -1 is outside 0 … 4"),
        (W[0], np.array([1]), {}, r"weight has shape \(3,\); expected \(rows, d\)"),
        (W, np.array([1]), {"padding_idx": 5}, "padding_idx = 5 is outside 0 … 4"),
        (W, np.array([1]), {"padding_idx": -1}, "padding_idx = -1 is outside 0 … 4"),
    ],
)
def test_what_does_not_fit_is_named(weight, indices, options, said):
    with pytest.raises(ValueError, match=said):
        embedding(weight, indices, **options)


@pytest.mark.parametrize(
    ("indices", "options", "said"),
    [
        (np.array([1.0]), {}, "indices have dtype float64; pass integers"),
        (np.array([True]), {}, "indices have dtype bool; pass integers"),
        (np.array([1]), {"padding_idx": 1.0}, "padding_idx = 1.0 is neither an integer nor None"),
        (np.array([1]), {"padding_idx": True}, "padding_idx = True is neither an integer nor None"),
    ],
)
def test_what_is_of_another_kind_is_named(indices, options, said):
    with pytest.raises(TypeError, match=said):
        embedding(W, indices, **options)
