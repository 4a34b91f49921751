import numpy as np
import pytest

from gradproof.checks import sweep as accuracy
from gradproof.checks import vectors
from reference import CATALOGUE


@pytest.mark.parametrize("count", [1, 8, 20])
def test_blocks_have_one_size_and_give_what_the_whole_gives(monkeypatch, count):
    monkeypatch.setattr(accuracy, "BLOCK", 8)
    sizes = []

    def pair(z):
        sizes.append(z.shape)
        return np.exp(z), z * z

    z = np.linspace(-1, 1, count, dtype=np.float32)
    value, slope = accuracy._by_blocks(pair, z)
    assert set(sizes) == {(8,)}
    np.testing.assert_array_equal(value, np.exp(z))
    np.testing.assert_array_equal(slope, z * z)
    assert value.dtype == slope.dtype == np.float32


@pytest.mark.parametrize("id", ["activation/sigmoid", "activation/relu"])
@pytest.mark.parametrize("dtype", accuracy.DTYPES)
def test_jax_by_blocks_is_jax_at_once(id, dtype):
    jax = pytest.importorskip("oracles.jax_grad")
    x = accuracy.points(CATALOGUE[id], dtype, 300) if dtype in accuracy.WIDE else np.linspace(-4, 4, 257)
    found = accuracy.sides(CATALOGUE[id], x, dtype, {"jax": jax})
    for got, want in zip(found["jax"], jax.elementwise(id, accuracy.as_dtype(x, dtype)), strict=True):
        np.testing.assert_array_equal(got, np.asarray(want).astype(np.float64))


def test_evidence_of_one_formula_agrees_and_a_planted_error_does_not(monkeypatch):
    pytest.importorskip("flint")
    from dataclasses import replace

    record = CATALOGUE["activation/tanh"]
    (good,) = (
        r for r in accuracy.run_one(record.id, "float64", 400, ()) if r["row"] == "accuracy" and r["part"] == "slope"
    )
    assert good["verdict"] == "agrees"

    def wrong(z):
        value, slope = record.function(z)
        return value, slope * (1 + 1e-13)

    monkeypatch.setitem(CATALOGUE, record.id, replace(record, function=wrong))
    (bad,) = (
        r for r in accuracy.run_one(record.id, "float64", 400, ()) if r["row"] == "accuracy" and r["part"] == "slope"
    )
    assert bad["verdict"] == "wrong"


def test_a_jacobian_is_the_pullbacks_of_unit_cotangents():
    z = np.array([[0.5, -1.0, 2.0], [3.0, 3.5, -2.0]])
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    value, jacobian = vectors.value_and_jacobian(CATALOGUE["activation/softmax"], z, None)
    np.testing.assert_allclose(value, p, rtol=1e-14)
    np.testing.assert_allclose(jacobian, p[:, :, None] * (np.eye(3) - p[:, None, :]), rtol=1e-13)
    value, jacobian = vectors.value_and_jacobian(CATALOGUE["activation/logsumexp"], z, None)  # one number a row
    np.testing.assert_allclose(value, np.log(np.exp(z).sum(-1, keepdims=True)), rtol=1e-14)
    np.testing.assert_allclose(jacobian, p[:, None, :], rtol=1e-14)
