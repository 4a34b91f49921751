"""A transducer against every path, tried one by one, and against counting where all paths are alike."""

import math
import re

import numpy as np
import pytest

from oracles.alignments import lattice_paths
from reference.costs import transducer

A = np.log(np.random.default_rng(5).dirichlet(np.ones(4), (2, 3, 3)))  # (n, T, U + 1, d)
LABELS = np.array([[1, 3], [2, 2]])


def over_paths(a, labels, blank=0):
    """−log P and γ by their definition."""
    steps = [[(t, u, labels[u] if speaks else blank) for t, u, speaks in path] for path in lattice_paths(*sizes(a))]
    chances = [math.exp(math.fsum(a[step] for step in path)) for path in steps]
    gamma = np.zeros_like(a)
    for path, chance in zip(steps, chances, strict=True):
        for step in path:
            gamma[step] += chance / math.fsum(chances)
    return -math.log(math.fsum(chances)), gamma


def sizes(a):
    return a.shape[0], a.shape[1] - 1


def test_value_and_gradient_are_those_of_the_sum_over_all_paths():
    terms, g = transducer(A, LABELS, reduction="none")
    for i in range(2):
        cost, gamma = over_paths(A[i], LABELS[i])
        assert terms[i] == pytest.approx(cost, rel=1e-14)
        np.testing.assert_allclose(-g["a"][i], gamma, rtol=1e-13)


def test_every_frame_says_nothing_once_and_every_label_is_said_once():
    _, g = transducer(A, LABELS, reduction="sum")
    assert -g["a"][..., 0].sum((1, 2)) == pytest.approx([3, 3])  # T
    assert -g["a"][..., 1:].sum((1, 2, 3)) == pytest.approx([2, 2])  # U


def test_equal_paths_are_counted():
    """There are C(T + U − 1, U) paths of T + U steps, each of probability 1/d; log P is far below what e holds."""
    T, U, d = 40, 30, 2
    C, _ = transducer(np.full((1, T, U + 1, d), -20.0), np.ones((1, U), int))
    assert pytest.approx(20 * (T + U) - math.log(math.comb(T + U - 1, U)), rel=1e-14) == C


def test_what_is_beyond_the_lengths_does_not_enter():
    a, labels = A.copy(), LABELS.copy()
    a[0, 2:], a[0, :, 2:], labels[0, 1:] = np.nan, np.nan, -9
    terms, g = transducer(a, labels, [2, 3], [1, 2], reduction="none")
    cost, gamma = over_paths(A[0, :2, :2], LABELS[0, :1])
    assert terms[0] == pytest.approx(cost, rel=1e-14)
    np.testing.assert_allclose(-g["a"][0, :2, :2], gamma, rtol=1e-13)
    assert not g["a"][0, 2:].any()
    assert not g["a"][0, :, 2:].any()


def test_without_a_label_all_frames_say_nothing():
    C, g = transducer(A[:, :, :1], np.zeros((2, 0), int), reduction="sum")
    assert pytest.approx(-A[:, :, 0, 0].sum()) == C
    assert g["a"][..., 0].tolist() == (-np.ones((2, 3, 1))).tolist()


def test_labels_that_no_path_gives():
    C, g = transducer(A[:1], LABELS[:1], [0], [2])
    assert np.inf == C
    a = A.copy()
    a[0, :, :, 1] = -np.inf
    C, g = transducer(a, LABELS, reduction="none")
    assert C[0] == np.inf
    assert np.isnan(g["a"][0]).all()
    assert np.isfinite(g["a"][1]).all()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"a": A[0, 0]}, ValueError, "a has shape (3, 4); expected (n examples, T frames, U + 1, d symbols)"),
        ({"labels": LABELS[:, :1]}, ValueError, "labels have shape (2, 1); expected (2, 2)"),
        ({"labels": np.ones((2, 3), int)}, ValueError, "labels have shape (2, 3); expected (2, 2)"),
        ({"labels": LABELS + 1}, ValueError, "label = 4 at index (0, 1) is outside 0 … 3: there are 4 symbols"),
        ({"labels": LABELS - 1}, ValueError, "label = 0 at index (0, 0) is the blank: a target has none"),
        ({"labels": LABELS + 0.5}, TypeError, "labels"),
        ({"target_lengths": [3, 1]}, ValueError, "target_lengths = 3 at index (0,) is outside 0 … 2, the number"),
        ({"input_lengths": [3, 4]}, ValueError, "input_lengths = 4 at index (1,) is outside 0 … 3, the number"),
        ({"blank": 4}, ValueError, "blank = 4 is outside 0 … 3"),
        ({"blank": 0.5}, TypeError, "blank"),
    ],
)  # fmt: skip
def test_bad_input_is_said(change, error, said):
    with pytest.raises(error, match=re.escape(said)):
        transducer(**{"a": A, "labels": LABELS, **change})
