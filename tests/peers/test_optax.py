"""Inputs and expected numbers of Optax's tests of its losses, asked of ours; gradients there, of the truth.

Optax 0.2.8, `optax/losses/_classification_test.py`, `_regression_test.py` and `_self_supervised_test.py`. Every entry
names the test that its numbers are from. A number agrees as far as that test itself asks for: 1e-4 where it says
nothing else. Its losses are one number a term, so the reduction is "none" but where the test takes a mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradproof.answers.truth import truth
from gradproof.cases.case import Case
from reference import CATALOGUE, vjp

SAID = 1e-4  # the tolerance of most of its tests
inf = np.inf


class Example(NamedTuple):
    """One call, and what Optax's test expects of it."""

    test: str
    id: str
    arguments: dict[str, Any]
    expected: Any
    parameters: Mapping[str, Any] = MappingProxyType({})
    said: float = SAID


def _pairs(test, id, a, y, expected, *names, **more):
    return Example(test, id, dict(zip(names or ("a", "y"), (a, y), strict=True)), expected, **more)


LOGITS = [[10.0, 1.0, -2.0], [1.0, 4.0, 0.2]]
POLY = [0.14, 1.456, 2.356, -0.124, -2.47], [0.1, 0.15, 0.2, 0.25, 0.3]
POLY_ROWS = [[4.0, 2.0, 1.0], [0.0, 5.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 0.8, 0.2]]
LOG_P = [
    [-2.9957, -3.5066, -3.9120, -1.2040, -0.6931, -2.3026],
    [-1.6094, -1.6094, -1.6094, -2.3026, -1.8971, -1.8971],
]
SCORES = [[10.0, 3.0], [11.0, -2.0]]
EMBEDDED = [[-1.9540, 1.0780], [0.2380, -0.5703], [1.8745, -0.0195], [-0.6719, -1.9210]]
FOCAL = [[2.0, 0.1, -2.0], [0.3, -0.1, 1.2]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def binary_cross_entropy(z, y):
    """Of single logits, as that test writes its expectation: log(1 + e^(−z)) or log(1 + eᶻ)."""
    z, y = np.array(z), np.array(y)
    return y * np.log1p(np.exp(-z)) + (1 - y) * np.log1p(np.exp(z))


def normalised(log_p):
    """Logarithms of four digits, of probabilities that sum to one."""
    return np.array(log_p) - np.log(np.exp(log_p).sum())


def _poly(test, rows, epsilon, expected):
    return _pairs(test, "cost/poly_cross_entropy", *rows, expected, "z", "y", parameters={"epsilon": epsilon})


def _sigmoid(z, y, expected):
    return Example(
        "SigmoidCrossEntropyTest.test_sigmoid_cross_entropy", "cost/binary_cross_entropy_logits",
        {"z": z, "y": y}, expected, {"reduction": "mean"}, 1e-6 * max(1, expected),
    )  # fmt: skip


EXAMPLES = [
    _pairs("SquaredErrorTest.test_batched", "cost/squared_error", [-2.0, -1.0, 0.5, 1.0], [-1.5, 0.0, -1.0, 1.0],
           [0.25, 1.0, 2.25, 0.0]),
    _pairs("L2LossTest.test_batched", "cost/quadratic", [-2.0, -1.0, 0.5, 1.0], [-1.5, 0.0, -1.0, 1.0],
           [0.125, 0.5, 1.125, 0.0]),
    _pairs("SquaredErrorTest.test_scalar", "cost/squared_error", -2.0, -1.5, 0.25),
    _pairs("HuberLossTest.test_batched", "cost/huber_error", [-2.0, 0.5, 0.0, 0.5, 2.0, 4.0, 132.0],
           [0.0, -0.5, 0.0, 1.0, 1.0, 2.0, 0.3], [1.5, 0.5, 0.0, 0.125, 0.5, 1.5, 131.2]),
    _pairs("LogCoshTest.test_batched", "cost/log_cosh", [500.0, -2.0, -1.0, 0.5, 1.0], [-200.0, -1.5, 0.0, -1.0, 1.0],
           [699.3068, 0.12011445, 0.4337809, 0.85544014, 0.0]),
    Example("LogCoshTest.test_batched_predictions_only", "activation/log_cosh", {"z": [500.0, -2.0, -1.0, 0.5, 1.0]},
            [499.30685, 1.3250027, 0.4337809, 0.12011451, 0.43378082]),
    _pairs("CosineDistanceTest.test_batched_distance", "cost/cosine_distance", LOGITS,
           [[0.0, 1.2, 0.2], [1.0, -0.3, 0.0]], [0.9358251989, 1.0464068465], "a", "b"),
    _pairs("SoftmaxCrossEntropyTest.test_batched", "cost/cross_entropy_probabilities", LOGITS,
           [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [9.00013, 3.0696733], "z", "y"),
    _pairs("SafeSoftmaxCrossEntropyTest.test_batched", "cost/cross_entropy_probabilities",
           [[-inf, 0.0, 0.0], [-inf, 0.0, 0.0], [-inf, 0.0, -inf]], [[0.0, 0.5, 0.5], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]],
           [0.693147, inf, 0.0], "z", "y"),
    _pairs("SoftmaxCrossEntropyWithIntegerLabelsTest", "cost/cross_entropy_labels", LOGITS, [1, 0],
           [9.00013, 3.0696733], "z", "labels"),
    _sigmoid([-1e9, -1e-9], [1.0, 0.0], 5e8),
    _sigmoid([-1e9, -1e-9], [0.0, 1.0], 0.3465736),
    _sigmoid([1e9, 1e-9], [1.0, 0.0], 0.3465736),
    _sigmoid([1e9, 1e-9], [0.0, 1.0], 5e8),
    _sigmoid([-1e9, 1e-9], [1.0, 0.0], 5e8),
    _sigmoid([1e9, -1e-9], [0.0, 1.0], 5e8),
    _sigmoid([0.0, 0.0], [1.0, 0.0], 0.6931472),
    *(_poly("PolyLossTest.test_scalar", POLY, epsilon, expected)
      for epsilon, expected in ((2, 4.5317), (1, 3.7153), (-1, 2.0827), (0, 2.8990), (-0.5, 2.4908), (1.15, 3.8378),
                                (1.214, 3.8900), (5.45, 7.3480))),
    *(_poly("PolyLossTest.test_batched", POLY_ROWS, epsilon, expected)
      for epsilon, expected in ((2, [0.4823, 1.2567]), (1, [0.3261, 1.0407]), (0, [0.1698, 0.8247]),
                                (-0.5, [0.0917, 0.7168]), (1.15, [0.3495, 1.0731]), (1.214, [0.3595, 1.0870]),
                                (5.45, [1.0211, 2.0018]))),
    _pairs("HingeTest.test_batched_binary", "cost/hinge", [10.0, 20.0], [1.0, -1.0], [0.0, 21.0], "z", "y"),
    _pairs("HingeTest.test_batched_multi_class", "cost/multiclass_hinge", SCORES, [1, 0], [8.0, 0.0], "z", "labels"),
    _pairs("PerceptronTest.test_batched_binary", "cost/perceptron", [10.0, 20.0], [1.0, -1.0], [0.0, 20.0], "z", "y"),
    _pairs("PerceptronTest.test_batched_multi_class", "cost/multiclass_perceptron", SCORES, [1, 0], [7.0, 0.0],
           "z", "labels"),
    # Optax sums over the row, as ours does where a row is the whole batch.
    _pairs("KLDivergenceTest.test_scalar", "cost/kl_div", [LOG_P[0]], [[0.2, 0.2, 0.2, 0.1, 0.15, 0.15]], 0.8875577,
           parameters={"reduction": "sum"}),
    *(_pairs("KLDivergenceWithLogTargetsTest.test_batched", "cost/kl_div_log_target", [a], [normalised(y)], expected,
             parameters={"reduction": "sum"})
      for a, y, expected in ((LOG_P[0], LOG_P[1], 0.8875625), (LOG_P[1], LOG_P[0], 0.7187435584901326))),
    _pairs("SigmoidFocalLossTest.test_focal_equals_ce", "cost/sigmoid_focal", *FOCAL,
           binary_cross_entropy(*FOCAL) / 2, "z", "y", parameters={"gamma": 0.0, "alpha": 0.5}),  # theirs has no alpha
    _pairs("SigmoidFocalLossTest.test_alpha_one", "cost/sigmoid_focal", *FOCAL,
           binary_cross_entropy(*FOCAL) * FOCAL[1], "z", "y", parameters={"gamma": 0.0, "alpha": 1.0}),
    Example("NtxentTest.test_batched", "cost/nt_xent", {"z": EMBEDDED, "labels": [0, 0, 1, 1]}, 14.01032,
            {"reduction": "mean"}),
    Example("NtxentTest.test_batched", "cost/nt_xent", {"z": EMBEDDED, "labels": [0, 0, 0, 1]}, 8.968544,
            {"reduction": "mean"}),
    Example("TripletMarginLossTest.test_batched", "cost/triplet_margin",
            {"a": np.ones((2, 2)), "b": np.zeros((2, 2)), "c": np.full((2, 2), 2.0)}, [1.0, 1.0]),
    Example("TripletMarginLossTest.test_batched", "cost/triplet_margin",
            {"a": np.zeros((2, 2)), "b": np.ones((2, 2)), "c": np.full((2, 2), 2.0)}, [0.0, 0.0]),
]  # fmt: skip

# What Optax takes, or expects, and ours refuses: the call, a pattern of the refusal, and the mathematical reason.
REFUSED = [
    (Example("KLDivergenceTest", "cost/kl_div", {"a": [LOG_P[1]], "y": [[0.05, 0.03, 0.02, 0.3, 0.5, 0.0]]}, 0.7592807),
     "sum of a row of y", "targets that sum to 0.9 are no distribution"),
    (Example("KLDivergenceWithLogTargetsTest.test_scalar", "cost/kl_div_log_target", {"a": [LOG_P[0]], "y": [LOG_P[1]]},
             0.8875625),
     "sum of a row of exp", "logarithms of four digits: their probabilities sum to 1.00003"),
    (Example("NtxentTest.test_batched", "cost/nt_xent", {"z": [[0.0, 0.0], *EMBEDDED[1:]], "labels": [0, 0, 1, 1]},
             9.2889),
     "row 0 of z is zero", "a row of zeros has no direction; Optax adds an ε to its length"),
]  # fmt: skip
# What Optax refuses, and so does ours.
ERRORS = [
    Example(f"{test}.test_shape_mismatch", id, {"a": np.ones(4), "y": np.ones((4, 1))}, None)
    for test, id in (("SquaredErrorTest", "cost/squared_error"), ("L2LossTest", "cost/quadratic"))
]


def case(example, cotangent=None):
    kind = CATALOGUE[example.id].kind
    parameters = {**({"reduction": "none"} if kind == "cost" else {}), **example.parameters}
    arrays = {name: np.asarray(x) for name, x in example.arguments.items()}
    return Case(example.id, "float64", "peer", 0, arrays, cotangent, parameters)


def named(example):
    return f"{example.test}-{example.id}"


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_ours_gives_the_numbers_that_optax_expects(example):
    asked = case(example)
    value = vjp(asked.formula, asked.arguments, **asked.parameters)[0]["value"]
    np.testing.assert_allclose(value, example.expected, rtol=0, atol=example.said)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_gradients_there_are_true(example):
    pytest.importorskip("flint")
    shape = vjp(example.id, case(example).arguments, **case(example).parameters)[0]["value"].shape
    rng = np.random.default_rng(0)
    asked = case(example, rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 3, shape))
    if not all(np.isfinite(x).all() for x in asked.arguments.values()):
        pytest.skip("a slope at infinity is a limit")
    exact, (_, gradients) = truth(asked), vjp(asked.formula, asked.arguments, asked.cotangent, **asked.parameters)
    for name, g in gradients.items():
        known = ~np.isnan(exact.gradients[name].truth.hi)
        assert known.any(), name
        assert np.all(exact.gradients[name].error(g)[known] <= CATALOGUE[example.id].conditioned_ulp), name


@pytest.mark.parametrize(("example", "message", "reason"), REFUSED, ids=[named(r[0]) for r in REFUSED])
def test_what_ours_refuses_has_a_reason(example, message, reason):
    asked = case(example)
    with pytest.raises(ValueError, match=message):
        vjp(asked.formula, asked.arguments, **asked.parameters)
    assert reason


@pytest.mark.parametrize("example", ERRORS, ids=named)
def test_what_optax_refuses_ours_refuses(example):
    asked = case(example)
    with pytest.raises(ValueError, match="does not broadcast"):
        vjp(asked.formula, asked.arguments, **asked.parameters)


def test_a_wrong_number_is_seen():
    """A term of each example is off by twice what its test lets pass."""
    for example in EXAMPLES:
        value = vjp(example.id, case(example).arguments, **case(example).parameters)[0]["value"]
        off = np.asarray(value) + 2 * example.said
        assert not np.allclose(off, example.expected, rtol=0, atol=example.said), example.test


def test_ctc_of_one_alignment_is_the_sum_of_its_logarithms():
    """CTCTest.test_with_one_to_one_alignment_and_paddings: as many labels as frames leave one path."""
    rng = np.random.default_rng(1234)
    logits = rng.standard_normal((5, 7, 13))
    a = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    labels = np.stack([rng.permutation(np.arange(1, 13))[:7] for _ in range(5)])
    lengths = rng.integers(3, 6, 5)
    given = {"a": a, "labels": labels, "input_lengths": lengths, "target_lengths": lengths}
    outputs, gradients = vjp("cost/ctc", given, reduction="none")
    inside = np.arange(7) < lengths[:, None]
    picked = np.take_along_axis(a, labels[..., None], -1)[..., 0]
    np.testing.assert_allclose(outputs["value"], -(picked * inside).sum(-1), rtol=1e-6)
    expected = np.where((labels[..., None] == np.arange(13)) & inside[..., None], -1.0, 0.0)
    np.testing.assert_allclose(gradients["a"], expected, atol=1e-6)


def test_ctc_with_repeated_labels_has_a_blank_between_them():
    """CTCTest.test_repeat_with_one_to_one_alignment: the least number of frames."""
    labels = np.array([[1, 2, 2, 3], [2, 3, 4, 4], [1, 1, 1, 1], [1, 1, 2, 3], [1, 1, 1, 2]])
    paths = [[1, 2, 0, 2, 3], [2, 3, 4, 0, 4], [1, 0, 1, 0, 1, 0, 1], [1, 0, 1, 2, 3], [1, 0, 1, 0, 1, 2]]
    logits = np.random.default_rng(1234).standard_normal((5, 7, 5))
    a = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    given = {"a": a, "labels": labels, "input_lengths": np.array([len(path) for path in paths])}
    value = vjp("cost/ctc", given, reduction="none")[0]["value"]
    expected = [-a[n, np.arange(len(path)), path].sum() for n, path in enumerate(paths)]
    np.testing.assert_allclose(value, expected, rtol=1e-6)
