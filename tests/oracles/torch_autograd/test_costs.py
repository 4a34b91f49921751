import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oracles.torch_autograd import costs as torch_costs  # noqa: E402

PAIR = {"a": np.array([[3.0]]), "y": np.array([[1.0]])}


def test_value_and_gradients_by_name():
    value, gradients = torch_costs.cost("cost/squared_error", PAIR)
    assert value == 4
    assert {name: g.tolist() for name, g in gradients.items()} == {"a": [[4.0]], "y": [[-4.0]]}


def test_an_argument_that_torch_does_not_differentiate_is_left_out():
    inputs = {"z": np.zeros((1, 2)), "labels": np.array([0]), "weight": np.ones(2)}
    assert set(torch_costs.cost("cost/cross_entropy_labels", inputs)[1]) == {"z"}
    inputs = {"z": np.ones((1, 2)), "y": np.ones((1, 2))}
    assert set(torch_costs.cost("cost/soft_margin", inputs)[1]) == {"z"}


def test_native_has_the_defaults_of_torch_and_nothing_else():
    assert torch_costs.native("cost/poisson_nll_rate", {"a": np.zeros((1, 1)), "y": np.ones((1, 1))})[0] < 20
    with pytest.raises(LookupError, match="no such function"):
        torch_costs.native("cost/dice", PAIR)
    with pytest.raises(LookupError, match="no option 'delta'"):
        torch_costs.native("cost/l1", PAIR, delta=1.0)


def test_composed_ones_are_there():
    assert set(torch_costs.COSTS) > torch_costs.COMPOSED
    assert not torch_costs.COMPOSED & set(torch_costs.NATIVE) - {"cost/cosine_distance"}


def test_ctc_has_the_value_of_torch_and_slopes_in_log_probabilities():
    """Two frames, label 1: the paths 01, 10 and 11."""
    y = np.array([[[0.25, 0.75], [0.5, 0.5]]])
    inputs = {"a": np.log(y), "labels": np.array([[1]])}
    p = 0.25 * 0.5 + 0.75 * 0.5 + 0.75 * 0.5
    gamma = np.array([[[0.125, 0.75], [0.375, 0.5]]]) / p
    value, gradients = torch_costs.cost("cost/ctc", inputs, "sum")
    np.testing.assert_allclose(value, -np.log(p), rtol=1e-14)
    np.testing.assert_allclose(gradients["a"], -gamma, rtol=1e-14)
    native, slopes = torch_costs.native("cost/ctc", inputs, reduction="sum")
    assert native == value
    np.testing.assert_allclose(slopes["a"], y - gamma, rtol=1e-14)
