import numpy as np
import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from oracles.jax_grad import costs as optax_costs

PAIR = {"a": np.array([[3.0], [1.0]]), "y": np.array([[1.0], [0.0]])}


def test_value_and_gradients_by_name():
    value, gradients = optax_costs.cost("cost/squared_error", PAIR, "sum")
    assert value == 5
    assert gradients["a"].tolist() == [[4.0], [2.0]]
    assert optax_costs.cost("cost/squared_error", PAIR, "mean")[0] == 2.5
    assert optax_costs.cost("cost/squared_error", PAIR, "none")[0].tolist() == [[4.0], [1.0]]


def test_double_precision_is_on():
    assert optax_costs.cost("cost/log_cosh", PAIR)[0].dtype == np.float64


def test_native_reduces_nothing():
    assert optax_costs.native("cost/hinge", {"z": PAIR["a"], "y": 2 * PAIR["y"] - 1})[0].shape == (2, 1)
    with pytest.raises(LookupError, match="no such function"):
        optax_costs.native("cost/gaussian_nll", PAIR)
    with pytest.raises(LookupError, match="no option 'beta'"):
        optax_costs.native("cost/huber_error", PAIR, beta=1.0)


def test_native_and_composed_do_not_overlap():
    assert set(optax_costs.COSTS) > optax_costs.COMPOSED
    assert not optax_costs.COMPOSED & set(optax_costs.NATIVE) - {
        "cost/kl_div",
        "cost/kl_div_log_target",
        "cost/nt_xent",
        "cost/dice",
        "cost/tversky",
        "cost/ctc",
    }


def test_ctc_normalises_what_it_is_given_and_has_a_term_for_each_example():
    inputs = {"a": np.zeros((2, 1, 2)), "labels": np.array([[1], [1]]), "target_lengths": np.array([1, 0])}
    value, gradients = optax_costs.native("cost/ctc", inputs)
    np.testing.assert_allclose(value, [np.log(2), np.log(2)], rtol=1e-12)
    np.testing.assert_allclose(gradients["a"][:, 0], [[0.5, -0.5], [-0.5, 0.5]], rtol=1e-12)
    value, gradients = optax_costs.cost("cost/ctc", {**inputs, "input_lengths": np.array([1, 0])}, "sum")
    assert value == 0
    np.testing.assert_array_equal(gradients["a"][:, 0], [[0, -1], [0, 0]])
