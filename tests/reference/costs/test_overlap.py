"""Costs of masks: by hand, at perfect and at empty ones."""

import re

import numpy as np
import pytest

from reference.costs.overlap import dice, generalized_dice, tversky

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


MASKS = np.array([[[0.9, 0.2, 0.4, 0.1], [0.1, 0.8, 0.6, 0.9]]])
TRUTHS = np.array([[[1, 0, 0, 0], [0, 1, 1, 1]]])


@pytest.mark.parametrize(("power", "w"), [(2.0, [1, 1 / 9]), (1.0, [1, 1 / 3]), (0.0, [1, 1])])
def test_generalized_dice_by_hand(power, w):
    value, gradients = generalized_dice(MASKS, TRUTHS, power=power)
    both, whole = w[0] * 0.9 + w[1] * 2.3, w[0] * 2.6 + w[1] * 5.4
    assert value == pytest.approx(1 - 2 * both / whole, rel=1e-14)
    assert gradients["a"][0, 0, 1] == pytest.approx(w[0] * 2 * both / whole**2, rel=1e-14)
    assert gradients["a"][0, 1, 1] == pytest.approx(w[1] * (2 * both / whole - 2) / whole, rel=1e-14)


def test_of_one_class_generalized_dice_is_dice():
    value, gradients = generalized_dice(A[None], Y.astype(int)[None])
    same, by_dice = dice(A, Y, smooth=0.0)
    assert value == pytest.approx(float(same), rel=1e-15)
    assert gradients["a"][0] == pytest.approx(by_dice["a"], rel=1e-14)
    assert set(gradients) == {"a"}


def test_a_class_of_which_there_is_nothing_does_not_enter():
    value, gradients = generalized_dice(MASKS, TRUTHS * [[1], [0]])
    assert value == pytest.approx(1 - 2 * 0.9 / 2.6, rel=1e-14)
    assert not gradients["a"][0, 1].any()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: generalized_dice(MASKS, TRUTHS[:, :1]), "a has shape (1, 2, 4), y (1, 1, 4)"),
        (lambda: generalized_dice(MASKS, 0 * TRUTHS), "example 0 has no class in y, which is 0/0"),
        (lambda: generalized_dice(MASKS, TRUTHS * 0.5), "y = 0.5 at index (0, 0, 0) is not an indicator"),
        (lambda: generalized_dice(MASKS, TRUTHS, power=-1.0), "power = -1.0; need power ≥ 0"),
    ],
)
def test_what_generalized_dice_cannot_take_is_said(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()
