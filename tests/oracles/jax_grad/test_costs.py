import numpy as np
import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

import optax

from oracles import jax_grad as oracle
from oracles.jax_grad import table

PAIR = {"a": np.array([[3.0], [1.0]]), "y": np.array([[1.0], [0.0]])}


def test_value_and_gradients_by_name():
    outputs, gradients = oracle.vjp("cost/squared_error", PAIR, reduction="sum")
    assert outputs["value"] == 5
    assert gradients["a"].tolist() == [[4.0], [2.0]]


def test_native_reduces_nothing():
    assert oracle.native("cost/hinge", {"z": PAIR["a"], "y": 2 * PAIR["y"] - 1})[0]["value"].shape == (2, 1)
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("cost/gaussian_nll", PAIR)
    with pytest.raises(LookupError, match="no option 'beta'"):
        oracle.native("cost/huber_error", PAIR, beta=1.0)
    with pytest.raises(LookupError, match="no option 'reduction'"):
        oracle.native("cost/squared_error", PAIR, reduction="sum")


def test_what_is_composed_is_not_native():
    """But where Optax has something by that name whose terms are not ours, or JAX a layer of other conventions."""
    assert not set(table.COMPOSED) & set(table.OWN)
    costs = ("cost/kl_div", "cost/kl_div_log_target", "cost/nt_xent", "cost/dice", "cost/tversky", "cost/ctc")
    layers = ("layer/embedding", "layer/lstm", "layer/transposed_convolution")
    others = {*costs, *layers, "regularizer/l2", "regularizer/max_norm"}
    assert set(table.COMPOSED) & set(table.NATIVE) == others


def test_ctc_normalises_what_it_is_given_and_has_a_term_for_each_example():
    inputs = {"a": np.zeros((2, 1, 2)), "labels": np.array([[1], [1]]), "target_lengths": np.array([1, 0])}
    outputs, gradients = oracle.native("cost/ctc", inputs)
    np.testing.assert_allclose(outputs["value"], [np.log(2), np.log(2)], rtol=1e-12)
    np.testing.assert_allclose(gradients["a"][:, 0], [[0.5, -0.5], [-0.5, 0.5]], rtol=1e-12)
    outputs, gradients = oracle.vjp("cost/ctc", {**inputs, "input_lengths": np.array([1, 0])}, reduction="sum")
    assert outputs["value"] == 0
    np.testing.assert_array_equal(gradients["a"][:, 0], [[0, -1], [0, 0]])


def test_what_an_old_optax_lacks_is_said(monkeypatch):
    monkeypatch.delattr(optax.losses, "dice_loss", raising=False)
    with pytest.raises(LookupError, match=r"not in this version: .*dice_loss"):
        oracle.native("cost/dice", PAIR)
