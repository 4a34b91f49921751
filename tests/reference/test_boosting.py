"""Objectives of boosting: gradients of the costs, and second derivatives before the exact ones."""

import re

import numpy as np
import pytest

import gradproof
from reference import boosting, vjp

OBJECTIVES = {
    "cost/binary_cross_entropy_logits": boosting.logistic,
    "cost/cross_entropy_labels": boosting.softmax,
    "cost/sigmoid_focal": boosting.focal,
}
Z = np.array([-30.0, -2.0, 0.0, 0.5, 40.0])
Y = np.array([1.0, 0.0, 1.0, 0.25, 1.0])


@pytest.mark.parametrize("id", OBJECTIVES)
def test_gradient_and_hessian_are_right(id):
    pytest.importorskip("flint")
    report = gradproof.check(gradproof.objective(OBJECTIVES[id]), id, ulp=4, dtypes=["float64", "bfloat16"])
    assert report.verdict == "right", str(report)


@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_a_wrong_hessian_is_found(factor):
    pytest.importorskip("flint")

    def bound(z, labels):
        gradient, hessian = boosting.softmax(z, labels)
        return gradient, hessian * np.asarray(factor, hessian.dtype)

    report = gradproof.check(gradproof.objective(bound), "cost/cross_entropy_labels", dtypes=["float64"])
    assert report.verdict == "wrong"
    assert "∂²/∂z²" in str(report)


def test_the_logistic_hessian_is_no_upper_bound():
    gradient, hessian = boosting.logistic([0.0], [1.0])
    assert (gradient.item(), hessian.item()) == (-0.5, 0.25)
    assert boosting.logistic([40.0], [1.0])[1].item() == pytest.approx(np.exp(-40), rel=1e-15)


def test_two_classes_are_one_logit():
    g, h = boosting.softmax(np.stack([Z, 0 * Z], -1), np.zeros(5, int))
    one, curved = boosting.logistic(Z, np.ones(5))
    assert g[:, 0] == pytest.approx(one, rel=1e-14)
    assert h == pytest.approx(np.stack([curved, curved], -1), rel=1e-14)


def test_without_focus_it_is_half_a_logistic_objective():
    pairs = zip(boosting.focal(Z, Y, alpha=0.5, gamma=0.0), boosting.logistic(Z, Y), strict=True)
    for focal, plain in pairs:
        assert focal == pytest.approx(plain / 2, rel=1e-14)


def test_the_focal_cost_is_concave_where_an_example_is_missed_by_far():
    assert boosting.focal([-5.0], [1.0])[1] < 0 < boosting.focal([0.0], [1.0])[1]


def test_a_quantile_has_no_curvature():
    gradient, hessian = boosting.quantile(np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, 2.0]), tau=0.75)
    assert gradient.tolist() == [-0.75, 0.25, vjp("cost/quantile", {"a": [2.0], "y": [2.0]})[1]["a"].item()]
    assert hessian.tolist() == [0, 0, 0]


def test_objectives_have_their_limits_at_infinity_and_nan_in_both_at_nan():
    assert [x.tolist() for x in boosting.focal([-np.inf, np.inf], [1.0, 0.0])] == [[-0.25, 0.75], [0, 0]]
    for objective in (boosting.logistic, boosting.quantile, boosting.focal):
        assert np.isnan(objective([np.nan], [1.0])).all()
    assert np.isnan(boosting.softmax([[np.nan, 0.0]], [1])).all()


def test_a_weight_broadcasts():
    zeros, weight = np.zeros((2, 3)), np.array([0.0, 1.0, 2.0])
    for found in boosting.logistic(zeros, zeros, weight), boosting.logistic(zeros, zeros, weight + zeros):
        assert [x.tolist() for x in found] == [[[0, 0.5, 1]] * 2, [[0, 0.25, 0.5]] * 2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_both_have_the_dtype_of_the_predictions(dtype):
    for found in (boosting.logistic(Z.astype(dtype), Y), boosting.quantile(Z.astype(dtype), Y),
                  boosting.focal(Z.astype(dtype), Y), boosting.softmax(Z.astype(dtype)[None], [1])):  # fmt: skip
        assert [x.dtype for x in found] == [dtype, dtype]


def test_weights_weigh_both_and_a_weight_of_0_takes_out_what_is_no_number():
    (g, h), (by, curved) = boosting.logistic(Z, Y, 3 * Y), boosting.logistic(Z, Y)
    assert g == pytest.approx(3 * Y * by, rel=1e-15)
    assert h == pytest.approx(3 * Y * curved, rel=1e-15)
    g, h = boosting.logistic([np.nan, 1.0], [1.0, 0.0], [0.0, 1.0])
    assert np.isfinite([*g, *h]).all()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: boosting.logistic([1, 2], [0, 1]), TypeError, "z has dtype int64"),
        (lambda: boosting.logistic([0.5, 1.0], [0.0, 1.5]), ValueError, "y = 1.5 at index (1,) is not a probability"),
        (lambda: boosting.logistic([0.5, 1.0], [0.0, 1.0, 1.0]), ValueError, "y has shape (3,)"),
        (lambda: boosting.softmax([[0.5, 1.0]], [2]), ValueError, "label = 2 at index (0,) is outside 0 … 1"),
        (lambda: boosting.quantile([0.5], [1.0], tau=2.0), ValueError, "tau = 2.0; need 0 < tau < 1"),
        (lambda: boosting.focal([0.5], [1.0], gamma=-1.0), ValueError, "gamma = -1.0; need gamma ≥ 0"),
        (lambda: boosting.focal([0.5], [1.0], alpha="half"), TypeError, "alpha = 'half' is not a number"),
    ],
)
def test_bad_input_is_said(call, error, said):
    with pytest.raises(error, match=re.escape(said)):
        call()
