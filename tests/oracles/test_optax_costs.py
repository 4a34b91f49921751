import numpy as np
import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from oracles import optax_costs

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
    }
