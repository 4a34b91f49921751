"""Truths of regularizers: by hand where a hand can do it, by differences where not."""

import numpy as np
import pytest

pytest.importorskip("flint")

from oracles.arb_truth.jets import AtKink
from oracles.arb_truth.regularizers import PENALTIES, penalty_truth

LAYERS = ("activation/softplus", "activation/tanh", "activation/sigmoid")
W = np.array([[3.0, 4.0], [0.5, -2.0], [1.0, 1.5]])


def network(seed, outputs):
    rng = np.random.default_rng(seed)
    inputs = {"x": rng.standard_normal((2, 2))}
    for k, (below, above) in enumerate([(2, 3), (3, 2), (2, outputs)], 1):
        inputs |= {f"W{k}": rng.standard_normal((above, below)), f"b{k}": rng.standard_normal(above)}
    return inputs


def exact(id, inputs, **parameters):
    """The value in ball arithmetic with 60 bits beyond a float, rounded: hi + residual·ulp."""
    value, _ = penalty_truth(f"regularizer/{id}", inputs, **parameters)
    return value.truth.hi + value.truth.residual * np.spacing(value.truth.hi)


def test_group_lasso_and_max_norm_by_hand():
    w = np.array([[3.0, 4.0]])
    value, gradients = penalty_truth("regularizer/group_lasso", {"w": w}, lam=2.0)
    assert value.truth.hi == pytest.approx(10 * np.sqrt(2), rel=1e-15)
    np.testing.assert_allclose(gradients["w"].truth.hi, 2 * np.sqrt(2) * w / 5, rtol=1e-15)
    value, gradients = penalty_truth("regularizer/max_norm", {"w": w}, lam=1.0, limit=3.0)
    assert value.truth.hi == 4
    np.testing.assert_allclose(gradients["w"].truth.hi, 4 * w / 5, rtol=1e-15)
    # Σ|w·∂R/∂w|
    assert value.sway == pytest.approx(4 * 25 / 5)


def test_orthogonality_by_hand():
    value, gradients = penalty_truth("regularizer/orthogonality", {"w": np.array([[2.0]])}, lam=0.5)
    assert value.truth.hi == 0.5 * 9
    assert gradients["w"].truth.hi == 4 * 0.5 * 3 * 2
    # ∂²R/∂w² = λ(12w² − 4)
    assert gradients["w"].sway == 2 * 0.5 * (12 * 4 - 4)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 2), (2, 3), (4, 5)])
def test_singular_values_are_those_of_the_decomposition(shape):
    w = np.random.default_rng(0).standard_normal(shape)
    U, sigma, Vt = np.linalg.svd(w, full_matrices=False)
    value, gradients = penalty_truth("regularizer/spectral_norm", {"w": w}, lam=1.0)
    assert value.truth.hi == pytest.approx(sigma[0], rel=1e-14)
    np.testing.assert_allclose(gradients["w"].truth.hi, np.outer(U[:, 0], Vt[0]), atol=1e-13)
    value, gradients = penalty_truth("regularizer/nuclear_norm", {"w": w}, lam=1.0)
    assert value.truth.hi == pytest.approx(sigma.sum(), rel=1e-14)
    np.testing.assert_allclose(gradients["w"].truth.hi, U @ Vt, atol=1e-13)


@pytest.mark.parametrize("id", ["spectral_norm", "nuclear_norm"])
def test_equal_singular_values_have_no_truth(id):
    with pytest.raises(AtKink, match="128 bits do not tell apart"):
        penalty_truth(f"regularizer/{id}", {"w": np.diag([2.0, 2.0])})


def test_singular_values_of_zero_have_no_truth():
    _, gradients = penalty_truth("regularizer/nuclear_norm", {"w": np.outer([1.0, 2.0], [3.0, 1.0])})
    assert gradients["w"].truth.undecided.all()


@pytest.mark.parametrize(
    ("id", "inputs", "given"),
    [
        *((id, {"w": W}, {}) for id in ("l2", "elastic_net", "orthogonality", "spectral_norm", "nuclear_norm")),
        ("entropy", {"z": W}, {}),
        ("label_smoothing", {"z": W, "labels": np.array([1, 0, 0])}, {}),
        ("jacobian", network(0, 2), {"activations": LAYERS}),
        ("gradient_penalty", network(1, 1), {"activations": LAYERS}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_gradient_and_its_sway_are_differences(id, inputs, given):
    value, gradients = penalty_truth(f"regularizer/{id}", inputs, **given)
    step = 2.0**-14
    for name, x in inputs.items():
        if name == "labels":
            continue
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved.flat[0] += sign * step
            sides.append(exact(id, {**inputs, name: moved}, **given))
        slope = (sides[0] - sides[1]) / (2 * step)
        assert gradients[name].truth.hi.flat[0] == pytest.approx(slope, rel=1e-6, abs=1e-9)
    first = {name: gradients[name].truth.hi * inputs[name] for name in gradients}
    if id not in ("spectral_norm", "nuclear_norm"):
        assert value.sway == pytest.approx(sum(np.abs(p).sum() for p in first.values()), rel=1e-12)
    else:
        assert value.sway == pytest.approx(np.linalg.norm(W) * np.linalg.norm(gradients["w"].truth.hi), rel=1e-12)


def test_curvature_of_a_network_penalty_is_a_difference():
    inputs = network(2, 1)
    (_, at), *sides = (
        penalty_truth("regularizer/gradient_penalty", {**inputs, "b3": inputs["b3"] + step}, activations=LAYERS)
        for step in (0.0, 2.0**-14, -(2.0**-14))
    )
    slopes = {k: (sides[0][1][k].truth.hi - sides[1][1][k].truth.hi) * 2.0**13 for k in at}
    # of ∂R/∂b3, whose symmetric partners ∂²R/∂b3∂x make up its sway
    partners = sum(np.abs(inputs[k] * slopes[k]).sum() for k in at)
    assert at["b3"].sway[0] == pytest.approx(partners, rel=1e-5)


def test_dropout_goes_entry_by_entry():
    a, mask = np.array([[1.5, 2.5]]), np.array([[1, 0]])
    value, gradients = penalty_truth("regularizer/inverted_dropout", {"a": a, "mask": mask}, rate=0.75)
    assert value.truth.hi.tolist() == [6.0, 0.0]
    assert gradients["a"].truth.hi.tolist() == [[4.0, 0.0]]


def test_what_has_no_truth_or_cannot_be_asked():
    with pytest.raises(AtKink):
        penalty_truth("regularizer/l1", {"w": np.zeros((1, 1))})
    with pytest.raises(KeyError, match="did you mean"):
        penalty_truth("regularizer/group_laso", {"w": W})
    with pytest.raises(TypeError):
        penalty_truth("regularizer/l1", {"w": W}, limit=1.0)
    with pytest.raises(TypeError):
        penalty_truth("regularizer/l1", {"z": W})
    assert len(PENALTIES) == 17
