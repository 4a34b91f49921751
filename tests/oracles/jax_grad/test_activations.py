"""JAX's own functions and nothing else, compiled."""

import numpy as np
import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

import jax

from oracles import jax_grad as oracle


def test_the_answers_come_from_native_operations():
    z = np.array([38.0, -1.0, -7.0])
    slope = jax.jit(lambda z: jax.grad(lambda x: jax.nn.gelu(x, approximate=False).sum())(z))
    np.testing.assert_allclose(oracle.vjp("activation/gelu", {"z": z})[1]["z"], slope(z), rtol=1e-15)
    assert oracle.vjp("activation/sigmoid", {"z": z})[1]["z"][0] == 0  # σ(1 − σ), where the truth is 3.1e-17


def test_parameters_of_jax_itself_are_differentiated_by_it():
    assert oracle.has("activation/elu", "alpha") == oracle.has("activation/squareplus", "b") == "native"
    assert oracle.has("activation/softplus", "beta") == oracle.has("activation/softmax", "temperature") == "composed"
    assert oracle.has("activation/softplus", "z") == "native"
    assert oracle.has("activation/prelu", "weight") == oracle.has("activation/prelu") == "composed"
