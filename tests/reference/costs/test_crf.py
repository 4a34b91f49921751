"""A chain of labels against every sequence, tried one by one, and against itself where one label is sure."""

import itertools
import math
import re

import numpy as np
import pytest

from reference.costs import crf, cross_entropy_labels

N, T, K = 2, 4, 3
RNG = np.random.default_rng(3)
GIVEN = {
    "z": RNG.standard_normal((N, T, K)),
    "transitions": RNG.standard_normal((K, K)),
    "start": RNG.standard_normal(K),
    "end": RNG.standard_normal(K),
}
LABELS = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])


def by_sequences(z, transitions, start, end, y):
    """−log P(y) and P of every sequence."""
    paths = list(itertools.product(range(z.shape[1]), repeat=len(z)))
    scores = [
        start[p[0]] + end[p[-1]] + sum(z[t, k] for t, k in enumerate(p)) + sum(transitions[j, k] for j, k in pairs(p))
        for p in paths
    ]
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    shares = {p: w / math.fsum(weights) for p, w in zip(paths, weights, strict=True)}
    return -math.log(shares[tuple(y)]), shares


def pairs(path):
    return itertools.pairwise(path)


def test_every_sequence_is_counted():
    terms, g = crf(labels=LABELS, **GIVEN, reduction="none")
    by_z, by_pairs = np.zeros((N, T, K)), np.zeros((K, K))
    for i in range(N):
        cost, shares = by_sequences(GIVEN["z"][i], *(GIVEN[k] for k in ("transitions", "start", "end")), LABELS[i])
        assert terms[i] == pytest.approx(cost, rel=1e-14)
        for path, share in [*shares.items(), (tuple(LABELS[i]), -1)]:
            for t, k in enumerate(path):
                by_z[i, t, k] += share
            for j, k in pairs(path):
                by_pairs[j, k] += share
    np.testing.assert_allclose(g["z"], by_z, atol=1e-15)
    np.testing.assert_allclose(g["transitions"], by_pairs, atol=4e-15)
    np.testing.assert_allclose(g["start"], by_z[:, 0].sum(0), atol=1e-15)
    np.testing.assert_allclose(g["end"], by_z[:, -1].sum(0), atol=1e-15)


def test_without_transitions_frames_are_apart():
    C, g = crf(GIVEN["z"], np.zeros((K, K)), LABELS, reduction="sum")
    rows, by_row = cross_entropy_labels(GIVEN["z"].reshape(-1, K), LABELS.ravel(), reduction="sum")
    assert pytest.approx(rows, rel=1e-14) == C
    assert g["z"].reshape(-1, K) == pytest.approx(by_row["z"], abs=1e-15)


def test_what_is_beyond_the_length_does_not_enter():
    z, labels = GIVEN["z"].copy(), LABELS.copy()
    z[1, 2:], labels[1, 2:] = np.nan, -7
    _, g = crf(z, GIVEN["transitions"], labels, GIVEN["start"], GIVEN["end"], [T, 2])
    (first, one), (second, two) = (
        crf(GIVEN["z"][i : i + 1, :n], GIVEN["transitions"], LABELS[i : i + 1, :n], GIVEN["start"], GIVEN["end"])
        for i, n in ((0, T), (1, 2))
    )
    assert g["z"][1, 2:].tolist() == np.zeros((2, K)).tolist()
    assert g["transitions"] == pytest.approx((one["transitions"] + two["transitions"]) / 2, rel=1e-13)
    assert crf(z, GIVEN["transitions"], labels, GIVEN["start"], GIVEN["end"], [T, 2])[0] == pytest.approx(
        (first + second) / 2, rel=1e-14
    )
    C, g = crf(z, GIVEN["transitions"], labels, lengths=[0, 0])
    assert (C, g["z"].any(), g["transitions"].any()) == (0, False, False), "no frames, no cost"


def test_learned_labels_keep_their_digits():
    """Each other label has e^−40 of its frame: C is the sum of these, and so are the slopes."""
    z = 40.0 * (np.arange(K) == LABELS[..., None])
    C, g = crf(z, np.zeros((K, K)), LABELS, reduction="sum")
    assert pytest.approx(N * T * (K - 1) * math.exp(-40), rel=1e-14) == C
    assert g["z"][0, 0, LABELS[0, 0]] == pytest.approx(-(K - 1) * math.exp(-40), rel=1e-14)


def test_a_long_sequence_neither_overflows_nor_vanishes():
    n = 3000
    C, g = crf(np.full((1, n, 2), 300.0), np.zeros((2, 2)), np.zeros((1, n), int))
    assert pytest.approx(n * math.log(2), rel=1e-13) == C
    assert g["z"] == pytest.approx(np.tile([-0.5, 0.5], (1, n, 1)), rel=1e-12)


def test_a_forbidden_transition_costs_nothing_until_it_is_wanted():
    forbidden = np.array([[0.0, -np.inf], [0.0, 0.0]])
    C, g = crf(np.zeros((1, 3, 2)), forbidden, [[1, 0, 0]])
    assert pytest.approx(math.log(4)) == C  # 000, 100, 110 and 111 are left
    assert g["transitions"][0, 1] == 0
    C, g = crf(np.zeros((1, 3, 2)), forbidden, [[0, 1, 1]])
    assert np.inf == C
    assert np.isnan(g["z"]).all()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"z": np.zeros(3)}, ValueError, "z has shape (3,); expected (n examples, T frames, K labels)"),
        ({"transitions": np.zeros((K, 2))}, ValueError, "transitions has shape (3, 2); expected (3, 3)"),
        ({"end": np.zeros(2)}, ValueError, "end has shape (2,); expected (3,)"),
        ({"labels": LABELS[:, 1:]}, ValueError, "labels have shape (2, 3); expected (2, 4): one for each frame"),
        ({"labels": LABELS + 1}, ValueError, "label = 3 at index (0, 1) is outside 0 … 2: there are 3 labels"),
        ({"labels": LABELS + 0.0}, TypeError, "labels"),
        ({"lengths": [5, 1]}, ValueError, "lengths = 5 at index (0,) is outside 0 … 4, the number of frames"),
        ({"lengths": [5.0, 1.0]}, TypeError, "lengths"),
    ],
)
def test_bad_input_is_said(change, error, said):
    with pytest.raises(error, match=re.escape(said)):
        crf(**{**GIVEN, "labels": LABELS, **change})
