"""Costs of language models: relations to other costs, chunks, limits, memory, and bad input."""

import re
import tracemalloc

import numpy as np
import pytest

from reference.costs import (
    adaptive_log_softmax,
    cross_entropy_labels,
    distillation,
    language,
    linear_cross_entropy,
    reverse_kl,
    z_loss,
)

rng = np.random.default_rng(3)
Z, Y = rng.standard_normal((2, 4, 5))
H, W, B = rng.standard_normal((6, 3)), rng.standard_normal((7, 3)), rng.standard_normal(7)
LABELS = np.array([0, 6, 3, -1, 3, 2])


def test_a_normaliser_of_one_costs_nothing():
    log_p = np.log(np.full((1, 4), 0.25))
    C, g = z_loss(log_p)
    np.testing.assert_allclose(C, 0, atol=1e-30)
    np.testing.assert_allclose(z_loss(log_p + 3)[0], 9)
    np.testing.assert_allclose(z_loss(log_p + 3)[1]["z"], 1.5)
    assert not g["z"].round(15).any()


def test_a_student_of_its_teacher_has_nothing_to_learn_and_constants_change_nothing():
    C, g = distillation(Z, Z + 2.0, temperature=3.0)
    np.testing.assert_allclose(C, 0, atol=1e-30)
    np.testing.assert_allclose(g["z"], 0, atol=1e-16)
    one, other = distillation(Z, Y, temperature=3.0), distillation(3 * Z, 3 * Y, temperature=9.0)
    np.testing.assert_allclose(9 * one[0], other[0])
    np.testing.assert_allclose(distillation(Z + 7, Y)[0], distillation(Z, Y)[0])


def test_a_divergence_of_nearly_equal_logits_keeps_its_digits():
    """It is half the variance of their difference under the teacher."""
    d = 1e-9 * rng.standard_normal(5)
    p = np.exp(Y[0]) / np.exp(Y[0]).sum()
    variance = p @ (d - p @ d) ** 2
    z = Y[0] + d
    d = z - Y[0]
    variance = p @ (d - p @ d) ** 2
    np.testing.assert_allclose(distillation(z, Y[0])[0], variance / 2, rtol=1e-7)


@pytest.mark.parametrize("entries", [1, 13, 1 << 20])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_logits_in_chunks_are_logits(monkeypatch, entries, reduction):
    monkeypatch.setattr(language, "ENTRIES", entries)
    C, g = linear_cross_entropy(H, W, LABELS, B, ignore_index=-1, reduction=reduction)
    expected, by = cross_entropy_labels(H @ W.T + B, LABELS, ignore_index=-1, reduction=reduction)
    np.testing.assert_allclose(C, expected, rtol=1e-13)
    delta = by["z"]
    np.testing.assert_allclose(g["h"], delta @ W, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(g["W"], delta.T @ H, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(g["b"], delta.sum(0), rtol=1e-12, atol=1e-15)


def test_what_is_ignored_may_hold_anything_and_one_class_costs_nothing():
    h = H.copy()
    h[3] = np.nan
    C, g = linear_cross_entropy(h, W, LABELS, ignore_index=-1)
    np.testing.assert_allclose(C, linear_cross_entropy(H, W, LABELS, ignore_index=-1)[0])
    assert not g["h"][3].any()
    C, g = linear_cross_entropy(H, W[:1], np.zeros(6, int))
    assert C == 0
    assert not any(x.any() for x in g.values())


def test_memory_does_not_grow_with_rows_times_vocabulary():
    h, W = rng.standard_normal((64, 8)), rng.standard_normal((100_000, 8))
    labels = rng.integers(0, len(W), 64)
    tracemalloc.start()
    linear_cross_entropy(h, W, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * (6 * W.size + 6 * language.ENTRIES)  # all logits at once would be 8·64·100,000 a copy


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_cross_entropy(H, W.T, LABELS), r"W has shape \(3, 7\), b None; expected \(V, 3\)"),
        (lambda: linear_cross_entropy(H, W, LABELS, B[:2]), r"b \(2,\); expected \(V, 3\) and \(V,\)"),
        (lambda: linear_cross_entropy(H, W, LABELS), "label = -1 at index .* is outside 0 … 6"),
        (lambda: linear_cross_entropy(H, W, np.full(6, -1), ignore_index=-1), "every label is ignored"),
        (lambda: distillation(Z, Y[:, :4]), r"y has shape \(4, 4\), z has shape \(4, 5\)"),
        (lambda: distillation(Z, Y, temperature=0.0), "temperature = 0.0; need temperature > 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_of_a_teacher_and_a_student_that_are_all_but_certain_the_gap_of_their_logits_is_left():
    """Where T → 0, T·KL is what the student lacks at the teacher's choice, and slopes are those of that."""
    z, y, T = np.array([[1.0, 3.0, 2.5]]), np.array([[2.0, 0.5, 1.0]]), 1e-300
    C, g = distillation(z, y, np.array([1 / T]), temperature=T)
    np.testing.assert_allclose(C, 2, rtol=1e-15)
    np.testing.assert_allclose(g["z"], [[-1, 1, 0]], rtol=1e-15)
    np.testing.assert_array_equal(g["y"], 0)
    assert distillation(z, y, temperature=5e-324)[0] == 2 * 5e-324


def test_reverse_kl_is_distillation_the_other_way_round():
    (C, g), (D, by) = reverse_kl(Z, Y, temperature=2.0), distillation(Y, Z, temperature=2.0)
    assert C == D
    assert (g["z"] == by["y"]).all()
    assert (g["y"] == by["z"]).all()
    assert abs(C - distillation(Z, Y, temperature=2.0)[0]) > 0.01, "it is not symmetric"


def test_a_student_that_does_nothing_where_its_teacher_does_pays_the_forward_divergence_alone():
    student, teacher = [[0.0, -800.0]], [[0.0, 0.0]]
    assert reverse_kl(student, teacher)[0] == pytest.approx(np.log(2))
    assert distillation(student, teacher)[0] > 300


def test_an_adaptive_softmax_is_a_distribution_over_the_vocabulary():
    head, tails = Z[:1, :4].repeat(7, 0), Y[:1].repeat(7, 0)
    terms, g = adaptive_log_softmax(head, tails, np.arange(7), cutoffs=[2, 3], reduction="none")
    assert np.exp(-terms).sum() == pytest.approx(1, rel=1e-14)
    assert g["tails"][2].tolist() == np.zeros(5).tolist(), "a cluster of one word has nothing to choose"
    assert not g["tails"][:2].any()


def test_frequent_words_alone_are_a_plain_softmax():
    C, g = adaptive_log_softmax(Z, Y[:, :2], [0, 1, 2, 3])
    D, by = cross_entropy_labels(Z, [0, 1, 2, 3])
    assert C == D
    assert (g["head"] == by["z"]).all()


def test_clusters_without_the_label_may_hold_anything():
    tails = Y.copy()
    tails[:2], tails[2, 1:], tails[3, 0] = np.nan, np.inf, np.nan
    C, g = adaptive_log_softmax(Z[:, :4], tails, [0, 1, 2, 5], cutoffs=[2, 3])
    assert np.isfinite([C, *g["head"].ravel(), *g["tails"].ravel()]).all()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"cutoffs": [3, 4]}, ValueError, "cutoffs = [3, 4] with head of shape (4, 4)"),
        ({"cutoffs": [2, 2]}, ValueError, "cutoffs = [2, 2]"),
        ({"cutoffs": [2, 7]}, ValueError, "cutoffs = [2, 7]"),
        ({"cutoffs": 0}, TypeError, "cutoffs = 0; expected a sequence of integers"),
        ({"cutoffs": [2.5, 3]}, TypeError, "a cutoff = 2.5 is not an integer"),
        ({"tails": Y[:3]}, ValueError, "tails (3, 5)"),
        ({"labels": [0, 1, 2, 7]}, ValueError, "label = 7 at index (3,) is outside 0 … 6"),
        ({"labels": [0.0, 1.0, 2.0, 3.0]}, TypeError, "labels"),
    ],
)
def test_what_an_adaptive_softmax_cannot_take_is_said(change, error, said):
    given = {"head": Z[:, :4], "tails": Y, "labels": [0, 1, 2, 3], "cutoffs": [2, 3]}
    with pytest.raises(error, match=re.escape(said)):
        adaptive_log_softmax(**{**given, **change})


@pytest.mark.parametrize("temperature", [1e10, 1e155, 1e250, 1.7e308])
def test_of_a_large_temperature_half_the_variance_of_the_differences_is_left(temperature):
    """p and q are all but even: T²·KL tends to the mean of (e − ē)²/2 and ∂C/∂z to (e − ē)/d, e = z − y."""
    e = Z - Y
    e = e - e.mean(-1, keepdims=True)
    C, g = distillation(Z, Y, temperature=temperature, reduction="sum")
    np.testing.assert_allclose(C, (e * e).sum() / 2 / Z.shape[-1], rtol=1e-9)
    np.testing.assert_allclose(g["z"], e / Z.shape[-1], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(g["y"], -e / Z.shape[-1], rtol=1e-9, atol=1e-10)
