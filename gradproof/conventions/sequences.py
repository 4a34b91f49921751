"""What is meant by a cost of sequences: the scores of CTC, and what a mean over tokens divides by."""

from __future__ import annotations

import math

import numpy as np

from gradproof.conventions.costs import LN2, LOG_HALVES, slope_of, value_and_slope, value_of
from gradproof.conventions.probe import Probe

DIVISORS = ("n·|o|: each sequence by its own length", "Σ|o|: all tokens", "n·m: a constant")


def probes() -> list[Probe]:
    """Every question, in the order of the page."""
    return [*_alignments(), *_means()]


def _alignments() -> list[Probe]:
    half = np.log([[[0.5, 0.25, 0.25]]])  # one frame
    twice = {"a": np.log([[[0.5, 0.5]] * 2]), "labels": [[1, 1]]}
    impossible = "two equal labels in two frames"
    return [
        slope_of("slope in log-probabilities", "ctc", "one frame (½, ½), label 1: that of the blank", "a",
                 {"0, of the cost": 0.0, "½, of logits": 0.5}, a=[LOG_HALVES], labels=[[1]]),
        value_of("scores that are not normalised", "ctc", "one frame (0, 0), label 1",
                 {"as they are": 0.0, "normalised": LN2}, a=[[[0.0, 0.0]]], labels=[[1]]),
        value_of("blank by default", "ctc", "one frame (½, ¼, ¼), no label",
                 {"the first symbol": LN2, "the last": 2 * LN2}, a=half, labels=[[1]], target_lengths=[0]),
        value_of("mean of an empty target divides by", "ctc", "one frame, no label", {"1": LN2}, {"reduction": "mean"},
                 a=half, labels=[[1]], target_lengths=[0]),
        value_and_slope("a target that no path gives", "ctc", impossible, "a", **twice),
        value_and_slope("a target that no path gives", "ctc", f"{impossible}, zero_infinity", "a",
                        {"zero_infinity": True}, **twice),
    ]  # fmt: skip


def _means() -> list[Probe]:
    """Two answers of one and three tokens of at most four, whose terms are 1 and 3, or once and twice log 2."""
    tokens = {"a": np.zeros((2, 4)), "old": np.zeros((2, 4)), "advantage": [-1.0, -3.0], "lengths": [1, 3]}
    what = "answers of 1 and 3 tokens of at most 4, a token costs 1 in the one and 3 in the other"
    values, shares = (dict(zip(DIVISORS, x, strict=True)) for x in ((2, 2.5, 1.25), (1 / 2, 1 / 4, 1 / 8)))
    padded = np.zeros((8, 2))
    padded[4:7, 0] = math.log(3)  # −log of ¼ for the class 1
    labels = [1, -100, -100, -100, 1, 1, 1, -100]
    likelihoods = {name: number * LN2 for name, number in zip(DIVISORS, (1.5, 1.75, 7 / 8), strict=True)}
    asked = []
    for given in ({}, {"normaliser": "token"}, {"normaliser": "group"}):
        said = f", normaliser = {given['normaliser']}" if given else ""
        asked += [
            value_of("what a mean over tokens divides by", "grpo_clip", what + said, values, given, **tokens),
            slope_of("share of the token of a short answer", "grpo_clip", what + said, "a", shares, given, **tokens),
        ]
    return [
        *asked,
        value_of("what a mean over tokens divides by", "cross_entropy_labels",
                 "two sequences of 1 and 3 tokens among 8 rows, the others ignored, −log p once and twice log 2",
                 {**likelihoods, "nothing: one number a token": 7 * LN2}, {"ignore_index": -100}, z=padded,
                 labels=labels),
    ]  # fmt: skip
