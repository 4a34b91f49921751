"""Reductions of costs, what their means divide by, and the shapes that costs take."""

import math

import numpy as np
import pytest

pytest.importorskip("flint")

from oracles.arb_truth import vjp


def test_reductions():
    inputs = {"a": np.array([[3.0, 1.0], [0.0, 2.0]]), "y": np.zeros((2, 2))}
    values = {r: vjp("cost/squared_error", inputs, reduction=r)[0]["value"].truth.hi.tolist()
              for r in ("none", "sum", "mean", "batchmean")}  # fmt: skip
    assert values == {"none": [[9.0, 1.0], [0.0, 4.0]], "sum": 14.0, "mean": 3.5, "batchmean": 7.0}
    with pytest.raises(ValueError, match="reduction 'average' is not none, sum, mean or batchmean"):
        vjp("cost/squared_error", inputs, reduction="average")


@pytest.mark.parametrize(
    ("id", "weight", "mean"),
    [("l1", [1.0, 3.0], (1 + 3 * 2) / 4), ("squared_error", [1.0, 3.0], (1 + 3 * 4) / 4),
     ("huber_error", [1.0, 3.0], (0.5 + 3 * 1.5) / 2)],
)  # fmt: skip
def test_what_a_weighted_mean_divides_by(id, weight, mean):
    outputs, _ = vjp(f"cost/{id}", {"a": [1.0, 2.0], "y": [0.0, 0.0], "weight": weight})
    assert outputs["value"].truth.hi == mean


def test_the_mean_of_labels_divides_by_the_weights_that_count():
    given = {"a": np.array([[-1.0, -2], [-3, -4], [-5, -6]]), "labels": [0, 1, 7], "weight": [1.0, 3.0]}
    outputs, _ = vjp("cost/nll_labels", given, ignore_index=7)
    assert outputs["value"].truth.hi == (1 + 3 * 4) / 4
    none, _ = vjp("cost/nll_labels", given, ignore_index=7, reduction="none")
    assert none["value"].truth.hi.tolist() == [1, 12, 0]


def test_each_example_may_have_a_divisor_of_its_own():
    """One frame, one label and none: each has one path."""
    inputs = {"a": np.array([[[-1.0, -2.0]], [[-4.0, -8.0]]]), "labels": np.array([[1], [1]])}
    outputs, gradients = vjp("cost/ctc", {**inputs, "target_lengths": np.array([1, 0])})
    assert outputs["value"].truth.hi == (2 + 4) / 2
    assert gradients["a"].truth.hi.tolist() == [[[0.0, -0.5]], [[-0.5, 0.0]]]
    three = {"a": np.full((2, 3, 2), -1.0), "labels": np.array([[1, 1], [1, 1]]), "target_lengths": np.array([2, 0])}
    assert vjp("cost/ctc", three)[0]["value"].truth.hi == (3 / 2 + 3 / 1) / 2
    with pytest.raises(ValueError, match=r"no path of 1 frames collapses to \[1, 1\]"):
        vjp("cost/ctc", {"a": np.zeros((1, 1, 2)), "labels": np.array([[1, 1]])})


SHAPES = {
    "one example": (np.zeros(3), np.array(1), (3,)),
    "a batch": (np.zeros((2, 3)), np.array([1, 0]), (2, 3)),
    "classes before positions": (np.zeros((2, 3, 4)), np.zeros((2, 4), int), (2, 3, 4)),
}


@pytest.mark.parametrize("what", SHAPES)
@pytest.mark.parametrize("id", ["cross_entropy_labels", "softmax_focal", "nll_labels"])
def test_shapes_of_classes(what, id):
    z, labels, shape = SHAPES[what]
    first = "a" if id == "nll_labels" else "z"
    outputs, gradients = vjp(f"cost/{id}", {first: z, "labels": labels})
    entropy = 0 if first == "a" else math.log(3) * (4 / 9 if "focal" in id else 1)
    assert outputs["value"].truth.hi == pytest.approx(entropy)
    assert gradients[first].truth.hi.shape == shape


def test_what_is_broadcast():
    given = {"a": np.ones((2, 2)), "y": np.zeros(2), "v": np.array([[1.0], [4.0]])}
    outputs, gradients = vjp("cost/gaussian_nll", given, reduction="sum")
    assert outputs["value"].truth.hi == pytest.approx(1 + 0.25 + math.log(4))
    assert gradients["v"].truth.hi.tolist() == [[0.0], [0.1875]]


@pytest.mark.parametrize("y", [np.array([1, 0]), np.eye(2)[[1, 0]]])
def test_label_smoothing_takes_labels_and_rows(y):
    outputs, gradients = vjp("regularizer/label_smoothing", {"z": np.array([[1.0, 3.0], [2.0, 0.0]]), "y": y}, eps=0.5)
    assert outputs["value"].truth.hi == 0.5
    assert gradients["z"].truth.hi.tolist() == [[-0.125, 0.125], [0.125, -0.125]]
    assert ("y" in gradients) == (y.dtype.kind == "f")
