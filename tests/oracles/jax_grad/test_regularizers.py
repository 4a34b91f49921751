import numpy as np
import pytest
from oracle_cases import where_there_is_one

pytest.importorskip("optax")

from oracles import jax_grad as oracle


def test_native_functions_have_their_own_defaults():
    layer = {"w": np.array([[2.0]]), "b": np.array([3.0])}
    taken, gradients = oracle.native("regularizer/l2", layer)
    assert [taken["w"].item(), taken["b"].item(), gradients] == [0, 0, {}]
    taken, _ = oracle.native("regularizer/l2", layer, lam=0.25)
    assert [taken["w"].item(), taken["b"].item()] == [0.5, 0.75]
    outputs, gradients = oracle.native("regularizer/spectral_norm", {"w": np.diag([4.0, 1.0])})
    assert outputs["value"] == 4
    np.testing.assert_allclose(gradients["w"], [[1, 0], [0, 0]], atol=1e-15)


@where_there_is_one()
def test_the_whole_matrix_is_shortened():
    shortened, gradients = oracle.native("regularizer/max_norm", {"w": np.array([[30.0, 40.0], [0.0, 0.0]])}, limit=5.0)
    np.testing.assert_allclose(shortened["w"], [[3, 4], [0, 0]], rtol=1e-15)
    assert gradients == {}


def test_what_jax_does_not_have():
    with pytest.raises(LookupError, match="no such function"):
        oracle.native("regularizer/inverted_dropout", {"a": np.ones((1, 1))}, rate=0.5)
