"""Costs of masks: by hand, at perfect and at empty ones."""

import numpy as np
import pytest

from reference.costs.overlap import dice, tversky

A, Y = np.array([[0.9, 0.2, 0.4]]), np.array([[1.0, 0.0, 1.0]])


def test_dice_by_hand():
    value, gradients = dice(A, Y, smooth=0.0)
    assert value == pytest.approx(1 - 2 * 1.3 / 3.5, rel=1e-15)
    assert gradients["a"][0, 1] == pytest.approx(2 * 1.3 / 3.5**2, rel=1e-15)


def test_tversky_at_one_half_is_dice_with_twice_the_smoothing():
    value, gradients = tversky(A, Y, smooth=0.5)
    same, by_dice = dice(A, Y, smooth=1.0)
    assert value == pytest.approx(float(same), rel=1e-15)
    for name in gradients:
        np.testing.assert_allclose(gradients[name], by_dice[name], rtol=2**-48, atol=2**-54)


def test_a_perfect_mask_costs_exactly_nothing():
    for cost in (dice, tversky):
        assert cost(Y, Y)[0] == 0
        assert cost(0 * Y, 0 * Y)[0] == 0  # empty, with smoothing


def test_empty_masks_are_named_by_their_row():
    masks = np.stack([Y, 0 * Y])
    for cost in (dice, tversky):
        with pytest.raises(ValueError, match="masks a and y of row 1, 0 are empty, which is 0/0: use smooth > 0"):
            cost(masks, masks, smooth=0.0)
