"""Fenchel–Young costs: margins, the projection on the simplex, rankings with items that are not there, bad input."""

import numpy as np
import pytest

from reference import layers
from reference.activations import softmax
from reference.costs import (
    cross_entropy_labels,
    cross_entropy_probabilities,
    entmax,
    multiclass_sparsemax,
    ranking_softmax,
    sparsemax,
)

Z = np.random.default_rng(7).standard_normal((5, 6))
LABELS = np.array([3, 1, 4, 1, 5])


def test_a_margin_of_1_costs_nothing_and_the_mirrored_score_of_the_other_class_costs_the_same():
    C, g = sparsemax(np.array([1.0, 5.0, -1.0, -7.0]), np.array([1, 1, 0, 0]), reduction="none")
    assert not C.any()
    assert not g["z"].any()
    one, zero = (sparsemax(s * Z, np.full(Z.shape, y)) for s, y in ((1, 1), (-1, 0)))
    assert one[0] == zero[0]
    assert (one[1]["z"] == -zero[1]["z"]).all()


def test_of_two_classes_the_multiclass_cost_is_the_binary_one_of_half_the_difference():
    """The projection of (s, −s) is (½ + s, ½ − s): z = 2s in sparse plus, twice its cost halved."""
    s = np.linspace(-2, 2, 17)
    many = multiclass_sparsemax(np.stack([s, -s], -1), np.zeros(17, int), reduction="none")[0]
    np.testing.assert_allclose(many, sparsemax(2 * s, np.ones(17, int), reduction="none")[0], atol=1e-15)


def test_the_slope_is_a_distribution_less_the_label_whatever_is_added_to_all_scores():
    C, g = multiclass_sparsemax(Z, LABELS, reduction="none")
    p = g["z"] + np.eye(6)[LABELS]
    np.testing.assert_allclose(p.sum(-1), 1)
    assert (p >= -1e-16).all()
    assert (p <= 1).all()
    shifted = multiclass_sparsemax(Z + 0.5, LABELS, reduction="none")
    np.testing.assert_allclose(shifted[0], C)
    np.testing.assert_allclose(shifted[1]["z"], g["z"], atol=1e-15)


def test_scores_far_apart_cost_what_the_label_is_behind_less_one_half_and_nothing_overflows():
    z = np.array([[1e300, 0.0, -1e300], [-1e300, 1e300, 0.0]])
    C, g = multiclass_sparsemax(z, np.array([0, 0]), reduction="none")
    assert C[0] == 0
    np.testing.assert_allclose(C[1], 2e300)
    assert g["z"].tolist() == [[0, 0, 0], [-1, 1, 0]]
    near = multiclass_sparsemax(np.array([[3.0, 0.0]]), np.array([1]))[0]
    np.testing.assert_allclose(near, 3.0)  # ½‖p − y‖² + t − z_y = 1 + 2


def test_one_class_costs_nothing():
    C, g = multiclass_sparsemax(np.array([[4.0]]), np.array([0]))
    assert C == 0
    assert g["z"].tolist() == [[0.0]]


def test_relevances_that_are_a_distribution_make_the_ranking_a_cross_entropy():
    y = np.abs(Z) / np.abs(Z).sum(-1, keepdims=True)
    ours, other = ranking_softmax(Z, y), cross_entropy_probabilities(Z, y)
    np.testing.assert_allclose(ours[0], other[0])
    np.testing.assert_allclose(ours[1]["z"], other[1]["z"])


def test_items_that_are_not_there_may_hold_anything_and_lists_without_one_do_not_count():
    y, mask = np.abs(Z), np.random.default_rng(3).integers(0, 2, Z.shape).astype(bool)
    mask[0], mask[1:, 2] = False, True
    bad = np.where(mask, Z, np.nan)
    C, g = ranking_softmax(bad, np.where(mask, y, np.inf), mask)
    assert np.isfinite(C)
    assert not g["z"][~mask].any()
    assert not g["y"][~mask].any()
    each = [ranking_softmax(Z[i : i + 1, m], y[i : i + 1, m]) for i, m in enumerate(mask) if m.any()]
    np.testing.assert_allclose(C, np.mean([c for c, _ in each]))
    np.testing.assert_allclose(g["z"][1, mask[1]], each[0][1]["z"][0] / 4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sparsemax(Z, 2 * np.ones(Z.shape)), "y = 2.0 at index .* must be 0 or 1"),
        (lambda: multiclass_sparsemax(Z, LABELS + 1), "label = 6 .* there are 6 classes"),
        (lambda: multiclass_sparsemax(Z[:, :0], LABELS), "expected rows of one entry or more"),
        (lambda: ranking_softmax(Z, Z[:2]), "y has shape"),
        (lambda: ranking_softmax(Z, Z, np.zeros(Z.shape)), "mean over none is undefined"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_labels_that_are_no_integers_are_a_type_error():
    with pytest.raises(TypeError, match="pass integers"):
        multiclass_sparsemax(Z, LABELS * 1.0)


PREDICTIONS = {  # of the entropy of Tsallis for α = 1, 1.5 and 2
    "softmax": (cross_entropy_labels, lambda z: softmax(z)[0]),
    "entmax": (entmax, lambda z: layers.entmax(z)[0]),
    "sparsemax": (multiclass_sparsemax, lambda z: layers.sparsemax(z)[0]),
}


@pytest.mark.parametrize(("cost", "prediction"), PREDICTIONS.values(), ids=PREDICTIONS)
def test_the_slope_of_every_fenchel_young_cost_is_its_prediction_less_the_label(cost, prediction):
    z, labels = np.random.default_rng(4).standard_normal((5, 4)), np.array([0, 1, 2, 3, 0])
    terms, g = cost(z, labels, reduction="none")
    np.testing.assert_allclose(g["z"], prediction(z) - np.eye(4)[labels], atol=1e-15)
    assert (terms >= 0).all()
    np.testing.assert_allclose(cost(z + 7.0, labels, reduction="none")[0], terms, rtol=1e-13, atol=1e-15)  # constants


def test_entmax_by_hand():
    """Of two equal scores p = (½, ½): s = 1/√2, t = −s in half scores, and the cost 4/3·(1 − 2s³)."""
    C, g = entmax([[3.0, 3.0]], [1])
    assert pytest.approx((1 - 2**-0.5) * 4 / 3, rel=1e-15) == C
    assert g["z"].tolist() == [pytest.approx([0.5, -0.5], rel=1e-15)]


def test_entmax_of_scores_far_enough_apart_costs_exactly_nothing():
    C, g = entmax([[2.0, 0.0, -5.0], [1e308, -1e308, 0.0]], [0, 0], reduction="none")
    assert C.tolist() == [0, 0]
    assert not g["z"].any()
    assert entmax([[0.0, 100.0]], [0])[0] == 100 - 0.0, "beyond, it is how far the label is behind"


def test_what_entmax_cannot_take_is_said():
    with pytest.raises(ValueError, match="label = 2 at index \\(0,\\) is outside 0 … 1"):
        entmax([[1.0, 2.0]], [2])
    with pytest.raises(TypeError, match="labels"):
        entmax([[1.0, 2.0]], [0.0])


def test_a_list_of_which_nothing_is_relevant_may_hold_nan():
    z, y = np.array([[1.0, 2.0], [np.nan, 3.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    value, g = ranking_softmax(z, y, reduction="sum")
    np.testing.assert_allclose(value, np.log1p(np.e), rtol=1e-15)
    assert g["z"][1].tolist() == [0, 0]
