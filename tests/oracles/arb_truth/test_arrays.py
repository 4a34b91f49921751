import math

import numpy as np
import pytest

pytest.importorskip("flint")

from oracles.arb_truth.arrays import loss_truth
from oracles.arb_truth.costs import LOSSES
from oracles.arb_truth.jets import AtKink


def test_a_quadratic_by_hand():
    value, gradients = loss_truth("cost/squared_error", {"a": np.array([[3.0, 1.0]]), "y": np.array([[1.0, 1.0]])})
    assert value.truth.hi == 2
    assert gradients["a"].truth.hi.tolist() == [[2.0, 0.0]]
    assert gradients["y"].truth.hi.tolist() == [[-2.0, 0.0]]
    # ∂²C/∂a² = 1 and ∂²C/∂a∂y = −1: Σ|x·∂y/∂x| = 3 + 1 for the first entry
    assert gradients["a"].sway.tolist() == [[4.0, 2.0]]


def test_reductions():
    inputs = {"a": np.array([[3.0, 1.0], [0.0, 2.0]]), "y": np.zeros((2, 2))}
    values = {r: loss_truth("cost/squared_error", inputs, reduction=r)[0].truth.hi for r in ("none", "sum", "mean")}
    assert values["none"].tolist() == [9.0, 1.0, 0.0, 4.0]
    assert (values["sum"], values["mean"]) == (14.0, 3.5)
    rows = {"a": np.log([[0.5, 0.5]] * 2), "y": np.array([[0.5, 0.5]] * 2)}
    total, batch = (loss_truth("cost/kl_div", rows, reduction=r)[0].truth.hi for r in ("sum", "batchmean"))
    assert batch == total / 2


def test_the_error_counts_what_the_inputs_forgive():
    inputs = {"a": np.array([[1.0 + 2.0**-40]]), "y": np.array([[1.0]])}
    _, gradients = loss_truth("cost/squared_error", inputs)
    off_by_rounding = gradients["a"].truth.hi + 4 * 2.0**-53  # the sway: 2·(1 + 1)
    assert gradients["a"].error(off_by_rounding) == pytest.approx(1, rel=1e-2)
    assert gradients["a"].error(gradients["a"].truth.hi) < 1e-3
    assert gradients["a"].error(np.array([[math.nan]])) == math.inf


def test_conditioned_on_the_norm_of_the_inputs():
    inputs = {"a": np.array([[3.0, 4.0]]), "y": np.zeros((1, 2))}
    value, gradients = loss_truth("cost/squared_error", inputs, reduction="sum", by_norm=True)
    assert value.sway == pytest.approx(5 * np.hypot(10, 10), rel=1e-14)  # ‖(a, y)‖·‖(2a, −2a)‖
    np.testing.assert_allclose(gradients["a"].sway, 5 * np.hypot(2, 2), rtol=1e-14)


def test_truth_far_out_where_floats_cancel():
    _, gradients = loss_truth("cost/cross_entropy_labels", {"z": np.array([[50.0, 0.0]]), "labels": np.array([0])})
    assert gradients["z"].truth.hi[0, 0] == pytest.approx(-math.exp(-50), rel=1e-15)


def test_each_example_may_have_a_divisor_of_its_own():
    """One frame, one label and none: each has one path."""
    inputs = {"a": np.array([[[-1.0, -2.0]], [[-4.0, -8.0]]]), "labels": np.array([[1], [1]])}
    lengths = {"target_lengths": np.array([1, 0])}
    value, gradients = loss_truth("cost/ctc", {**inputs, **lengths})
    assert value.truth.hi == (2 + 4) / 2
    assert gradients["a"].truth.hi.tolist() == [[[0.0, -0.5]], [[-0.5, 0.0]]]
    three = {"a": np.full((2, 3, 2), -1.0), "labels": np.array([[1, 1], [1, 1]]), "target_lengths": np.array([2, 0])}
    assert loss_truth("cost/ctc", three)[0].truth.hi == (3 / 2 + 3 / 1) / 2


def test_a_target_that_no_path_gives_has_no_truth():
    with pytest.raises(ValueError, match=r"no path of 1 frames collapses to \[1, 1\]"):
        loss_truth("cost/ctc", {"a": np.zeros((1, 1, 2)), "labels": np.array([[1, 1]])})


def test_a_kink_has_no_truth():
    with pytest.raises(AtKink):
        loss_truth("cost/hinge", {"z": np.array([[1.0]]), "y": np.array([[1.0]])})


def test_what_cannot_be_asked():
    one = {"a": np.ones((1, 1)), "y": np.ones((1, 1))}
    with pytest.raises(KeyError):
        loss_truth("cost/none_such", one)
    with pytest.raises(ValueError, match="reduction 'average'"):
        loss_truth("cost/l1", one, reduction="average")
    with pytest.raises(TypeError):
        loss_truth("cost/l1", one, delta=1.0)


def test_names_and_ids_agree():
    assert all(id == f"cost/{loss.function.__name__}" and loss.function.__doc__ for id, loss in LOSSES.items())
