"""The complex step, checked by central differences, by hand, and where it resolves what a difference cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_cases import IDS, close, cotangents, draw, flat, network_ids, small_network

from oracles import finite_difference as fd
from oracles.finite_difference import central_difference, complex_step

U = 2.0**-53
RESOLVED = 1e-240  # slopes below this vanish in the step
NO_SLOPES = (
    "padding_idx",
    "scale_grad_by_freq",
)  # of an embedding: what they take from the gradient is in no difference
sigmoid = fd.DEFINITIONS["activation/sigmoid"]


@pytest.mark.parametrize("id", [id for id in IDS if id not in fd.REAL])
@pytest.mark.parametrize("seed", [0, 1], ids=["plain", "parameters"])
def test_central_differences_confirm_the_complex_step(id, seed):
    arguments, parameters = draw(id, seed)
    parameters = {name: p for name, p in parameters.items() if name not in NO_SLOPES}
    v = cotangents(fd.vjp(id, arguments, **parameters)[0])
    _, gradients = fd.vjp(id, arguments, v, **parameters)
    close(fd.vjp(id, arguments, v, derive=central_difference, **parameters)[1], gradients, 2e-8)


def test_central_differences_confirm_a_network():
    ids = network_ids(("tanh", "identity", "cross_entropy_labels", ("z", "labels"), "orthogonality"))
    close(
        flat(fd.network(*small_network((2,)), **ids, derive=central_difference)),
        flat(fd.network(*small_network((2,)), **ids)),
        1e-8,
    )


@pytest.mark.parametrize(
    ("id", "at", "slope"),
    [
        ("sigmoid", 38.0, np.exp(-38.0)),
        ("sigmoid", -500.0, np.exp(-500.0)),
        ("softplus", -500.0, np.exp(-500.0)),
        ("gaussian", 20.0, -40 * np.exp(-400.0)),
        ("arctan", 1e5, 1 / (1 + 1e10)),
        ("squareplus", -1e6, 2 / (np.hypot(1e6, 2) * (np.hypot(1e6, 2) + 1e6))),
        ("logsigmoid", 50.0, np.exp(-50.0)),
        ("elu", -60.0, np.exp(-60.0)),
        ("log_cosh", 1e-9, 1e-9),
    ],
)
def test_the_tails_keep_their_digits(id, at, slope):
    found = fd.vjp(f"activation/{id}", {"z": np.array([at])})[1]["z"]
    np.testing.assert_allclose(found, slope, rtol=700 * U)


@pytest.mark.parametrize("id", ["activation/softmax", "activation/log_softmax"])
def test_the_slope_of_a_saturated_entry_keeps_its_digits(id):
    """At (50, 0) the slope 1 − s of the larger entry is e⁻⁵⁰ ≈ 2e-22: a difference of 1 and s would be 0."""
    expected = np.exp(-50.0) / (1 + np.exp(-50.0)) ** (2 if id == "activation/softmax" else 1)
    _, gradients = fd.vjp(id, {"z": np.array([50.0, 0.0])}, np.array([1.0, 0.0]))
    np.testing.assert_allclose(gradients["z"], [expected, -expected], rtol=8 * U)


def test_a_kink_belongs_to_its_right_side():
    zero = np.array([0.0, -0.0])
    for id in ("activation/relu", "activation/leaky_relu", "activation/elu"):
        assert fd.vjp(id, {"z": zero})[1]["z"].tolist() == [1, 1]
    one = np.zeros((1, 1))
    assert fd.vjp("cost/l1", {"a": one, "y": one})[1]["a"] == 1
    assert fd.vjp("regularizer/l1", {"w": one}, lam=0.5)[1]["w"] == 0.5


@pytest.mark.parametrize(("id", "slope"), [("cost/binary_cross_entropy", 1), ("cost/cross_entropy", 0)])
def test_an_infinite_cost_is_nan_and_an_absent_term_is_zero(id, slope):
    zero, one = np.zeros((1, 1)), np.ones((1, 1), int)
    outputs, gradients = fd.vjp(id, {"a": zero, "y": one})
    assert np.isnan([outputs["value"], *gradients["a"].ravel()]).all()
    outputs, gradients = fd.vjp(id, {"a": zero, "y": 0 * one})
    assert (outputs["value"], gradients["a"]) == (0, slope)  # −log(1 − a) has slope 1 at 0


@given(st.floats(-30, 30), st.floats(-5, 5))
def test_the_step_is_linear(z, c):
    """The derivative of c·f is c·f', to the last bit but one: nothing is subtracted anywhere."""
    z = np.array(z)
    scaled = complex_step(lambda x: c * sigmoid(x), z)
    np.testing.assert_allclose(scaled, c * complex_step(sigmoid, z), rtol=4 * U, atol=RESOLVED)


def test_many_points_of_an_activation_are_one_evaluation(monkeypatch):
    calls = []
    right = fd.DEFINITIONS["activation/tanh"]
    monkeypatch.setitem(fd.DEFINITIONS, "activation/tanh", lambda z: calls.append(z.shape) or right(z))
    fd.vjp("activation/tanh", {"z": np.linspace(-3, 3, 1000)})
    assert calls == [(1000,), (1000,)]  # value and slope
