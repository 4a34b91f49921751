"""Dropout with a given mask: what is kept, the mean and the variance, and what is no mask."""

import numpy as np
import pytest

import reference.regularizers as penalties


def draw(seed):
    return np.random.default_rng(seed).standard_normal((4, 5))


def test_dropout_multiplies_forward_and_backward_by_the_same_mask():
    a, mask = draw(4), np.random.default_rng(5).integers(0, 2, (4, 5))
    value, slope = penalties.dropout(a, mask)
    np.testing.assert_array_equal(value, np.where(mask, a, 0))
    np.testing.assert_array_equal(slope, mask)
    value, slope = penalties.inverted_dropout(a, mask, rate=0.75)
    np.testing.assert_array_equal(value, np.where(mask, 4 * a, 0))
    np.testing.assert_array_equal(slope, 4 * mask)


def test_inverted_dropout_keeps_the_mean():
    a = np.ones((2000, 50))
    value, _ = penalties.inverted_dropout(a, np.random.default_rng(6).random(a.shape) >= 0.3, rate=0.3)
    assert value.mean() == pytest.approx(1, abs=5 * np.sqrt(0.3 / 0.7 / a.size))


def test_what_is_dropped_may_be_anything():
    a, mask = np.array([np.nan, np.inf, 2.0]), [0, 0, 1]
    for function, factor in ((penalties.dropout, 1), (penalties.inverted_dropout, 2)):
        value, slope = function(a, mask)
        assert value.tolist() == [0, 0, 2 * factor]
        assert slope.tolist() == [0, 0, factor]


def test_the_mask_may_be_of_any_dtype_and_an_array_of_any_shape():
    for mask in (True, 1, 1.0, np.float32(1)):
        assert penalties.inverted_dropout(3.0, mask, 0.25)[0] == 4
    a = draw(4)
    for mask in (np.ones(a.shape, bool), np.ones(a.shape, np.int8), np.ones(a.shape)):
        np.testing.assert_array_equal(penalties.dropout(a, mask)[0], a)


def test_dropout_refuses_what_is_no_mask():
    a = draw(4)
    with pytest.raises(ValueError, match=r"mask has shape \(5,\)"):
        penalties.dropout(a, np.ones(5))
    with pytest.raises(ValueError, match=r"mask = 2\.0 at index \(1, 3\) is neither kept \(1\) nor dropped \(0\)"):
        penalties.dropout(a, np.where(np.arange(20).reshape(4, 5) == 8, 2.0, 1.0))
    assert penalties.inverted_dropout(a, np.ones(a.shape), 0.0)[0].tolist() == a.tolist()


def test_alpha_dropout_keeps_mean_and_variance_for_any_rate():
    rng = np.random.default_rng(7)
    a = rng.standard_normal((4000, 100))
    for rate in (0.0, 0.1, 0.6):
        value, slope = penalties.alpha_dropout(a, rng.random(a.shape) >= rate, rate)
        assert abs(value.mean()) < 6 / np.sqrt(a.size)
        assert value.var() == pytest.approx(1, abs=0.02)
        assert len(np.unique(slope)) == (2 if rate else 1)


def test_alpha_dropout_puts_the_least_of_selu_for_what_is_dropped():
    """One of two units of 1, at rate ½: (1 + c′/2)/√(½(1 + c′²/2)) and −(c′/2)/√…, c′ = λα."""
    c = 1.7580993408473768
    root = np.sqrt((1 + c * c / 2) / 2)
    value, slope = penalties.alpha_dropout(np.array([1.0, np.nan]), [1, 0])
    np.testing.assert_allclose(value, [(1 + c / 2) / root, -c / 2 / root], rtol=1e-15)
    np.testing.assert_allclose(slope, [1 / root, 0], rtol=1e-15)
