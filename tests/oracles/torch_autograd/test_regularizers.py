import numpy as np
import pytest

pytest.importorskip("torch")

from oracles.torch_autograd import regularizers as oracle


def test_a_penalty_by_hand():
    R, gradient = oracle.penalty("regularizer/elastic_net", np.array([[2.0]]), lam=1.0, mix=0.5)
    assert (float(R), gradient.tolist()) == (2.0, [[1.5]])


def test_native_functions_have_their_own_defaults():
    w, b = np.array([[2.0]]), np.array([3.0])
    assert [x.item() for x in oracle.native("weight decay", w, b)] == [0, 0]
    assert [x.item() for x in oracle.native("weight decay", w, b, lam=0.25)] == [0.5, 0.75]
    (shortened,) = oracle.native("max norm", np.array([[30.0, 40.0], [0.0, 1.0]]), limit=5.0)
    np.testing.assert_allclose(shortened, [[3, 4], [0, 1]], rtol=1e-7)
    (normalized,) = oracle.native("spectral normalization", np.diag([4.0, 1.0]))
    assert np.linalg.norm(normalized, 2) == pytest.approx(1, rel=1e-6)


def test_what_torch_does_not_have():
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("group_lasso", np.ones((1, 1)))
    with pytest.raises(ValueError, match="weight_decay"):
        oracle.native("weight decay", np.ones((1, 1)), np.ones(1), lam=-1.0)
