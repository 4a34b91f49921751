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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dice(0 * Y, 0 * Y, smooth=0.0), "masks a and y of row 0 are empty, which is 0/0: use smooth > 0"),
        (lambda: dice(A + 1, Y), r"a = 1.9 at index \(0, 0\) is not a probability"),
        (lambda: dice(A, Y, smooth=-1.0), "smooth = -1.0; need smooth ≥ 0"),
        (lambda: tversky(A, Y, alpha=-0.1), "alpha = -0.1; need alpha ≥ 0"),
        (lambda: tversky(A, Y[:, :2]), "y has shape"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
