"""Optax makes a Fenchel–Young cost of the function that it is given: of some it is a cost of ours, with its slope."""

import numpy as np
import pytest

from reference import vjp

pytest.importorskip("optax")

import jax
from optax import losses

from oracles.jax_grad.layers.projections import COMPOSED
from oracles.jax_grad.programs import precision

Z = np.random.default_rng(0).standard_normal((3, 4))
LABELS = np.array([2, 0, 3])
Y = np.eye(4)[LABELS]


def of_tsallis(alpha, projection):
    """The maximum over distributions p of ⟨p, z⟩ + (1 − Σpᵅ)/(α(α − 1))."""

    def f(z):
        p = COMPOSED[f"layer/{projection}"](z)
        return z @ p + (1 - (p**alpha).sum()) / (alpha * (alpha - 1))

    return f


MEMBERS = {  # f, and the Ω of a label, which Optax leaves out
    "cross_entropy_labels": (jax.nn.logsumexp, 0),
    "multiclass_perceptron": (lambda z: z.max(), 0),
    "quadratic": (lambda z: (z * z).sum() / 2, 0.5),
    "multiclass_sparsemax": (of_tsallis(2, "sparsemax"), 0),
    "entmax": (of_tsallis(1.5, "entmax"), 0),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_the_cost_made_of_a_function_is_a_cost_of_ours(name):
    f, omega = MEMBERS[name]
    arguments = {"a": Z, "y": Y} if name == "quadratic" else {"z": Z, "labels": LABELS}
    outputs, gradients = vjp(f"cost/{name}", arguments, reduction="none")
    with precision([Z]):
        made, back = jax.vjp(lambda z: losses.make_fenchel_young_loss(f)(z, Y), Z)
        slope = back(np.ones(3))[0]
    ours = outputs["value"] if name != "quadratic" else outputs["value"].sum(-1)
    np.testing.assert_allclose(made + omega, ours, rtol=1e-13)
    np.testing.assert_allclose(slope, gradients["a" if name == "quadratic" else "z"], atol=1e-14)
