import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oracles import torch_autograd as oracle  # noqa: E402


def test_native_functions_have_their_own_defaults():
    layer = {"w": np.array([[2.0]]), "b": np.array([3.0])}
    taken, gradients = oracle.native("regularizer/l2", layer)
    assert [taken["w"].item(), taken["b"].item(), gradients] == [0, 0, {}]
    taken, _ = oracle.native("regularizer/l2", layer, lam=0.25)
    assert [taken["w"].item(), taken["b"].item()] == [0.5, 0.75]
    shortened, gradients = oracle.native("regularizer/max_norm", {"w": np.array([[30.0, 40.0], [0.0, 1.0]])}, limit=5.0)
    np.testing.assert_allclose(shortened["w"], [[3, 4], [0, 1]], rtol=1e-7)
    assert gradients == {}


def test_native_norms_have_values_and_gradients():
    w = np.diag([4.0, 1.0])
    outputs, gradients = oracle.native("regularizer/spectral_norm", {"w": w})
    assert outputs["value"] == 4
    assert np.linalg.norm(outputs["w"], 2) == pytest.approx(1, rel=1e-6)  # what becomes of the weights of a layer
    np.testing.assert_allclose(gradients["w"], [[1, 0], [0, 0]], atol=1e-15)
    assert oracle.native("regularizer/nuclear_norm", {"w": w})[0]["value"] == 5
    np.testing.assert_allclose(
        oracle.native("regularizer/entropy", {"z": np.zeros((2, 2))})[0]["value"], np.log([2, 2])
    )


@pytest.mark.parametrize("name", ["inverted_dropout", "alpha_dropout"])
def test_dropout_of_torch_is_ours_with_its_mask_and_leaves_the_random_state_alone(name):
    id = f"regularizer/{name}"
    a = np.linspace(1, 2, 1000)
    before = torch.random.get_rng_state()
    outputs, gradients = oracle.native(id, {"a": a}, rate=0.25, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    kept = (gradients["a"] != 0).astype(int)
    assert 700 < kept.sum() < 800
    composed, slopes = oracle.vjp(id, {"a": a, "mask": kept}, rate=0.25)
    np.testing.assert_allclose(composed["value"], outputs["value"], rtol=1e-15)
    np.testing.assert_allclose(slopes["a"], gradients["a"], rtol=1e-15)
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("regularizer/dropout", {"a": a})


def test_what_torch_does_not_have():
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("regularizer/group_lasso", {"w": np.ones((1, 1))})
    with pytest.raises(ValueError, match="weight_decay"):
        oracle.native("regularizer/l2", {"w": np.ones((1, 1)), "b": np.ones(1)}, lam=-1.0)
    with pytest.raises(LookupError, match="no option 'rho'"):
        oracle.native("regularizer/l2", {"w": np.ones((1, 1)), "b": np.ones(1)}, rho=1.0)


def test_a_layer_that_the_penalty_does_not_see_has_the_gradient_zero():
    """Of a = W₂W₁x the Jacobian is W₂W₁, whatever x and b are."""
    rng = np.random.default_rng(0)
    layers = {"W1": rng.standard_normal((3, 2)), "b1": rng.standard_normal(3),
              "W2": rng.standard_normal((2, 3)), "b2": rng.standard_normal(2)}  # fmt: skip
    outputs, gradients = oracle.vjp(
        "regularizer/jacobian", {"x": rng.standard_normal((4, 2)), **layers}, activations=2 * ("activation/identity",)
    )
    J = layers["W2"] @ layers["W1"]
    np.testing.assert_allclose(outputs["value"], 0.05 * (J**2).sum(), rtol=1e-14)
    np.testing.assert_allclose(gradients["W1"], 0.1 * layers["W2"].T @ J, rtol=1e-13)
    assert not any(gradients[name].any() for name in ("x", "b1", "b2"))
