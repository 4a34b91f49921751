"""Cases of regularizers are made again from their names, and are where they say."""

import numpy as np
import pytest

from gradproof.cases.regularizers import NAMES, NETWORK, REGIMES, cases, draw, layers
from reference import CATALOGUE


def test_every_regularizer_has_cases():
    assert {f"regularizer/{name}" for name in NAMES} == {id for id, f in CATALOGUE.items() if f.kind == "regularizer"}


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", NAMES)
def test_cases_are_made_again_from_their_names(name, regime):
    first, second = (draw(f"regularizer/{name}", "float32", regime, 3) for _ in range(2))
    assert first.parameters == second.parameters
    for key, x in first.inputs.items():
        np.testing.assert_array_equal(x, second.inputs[key])
        assert x.dtype == np.float32 or key in ("labels", "mask")
    other = draw(f"regularizer/{name}", "float32", regime, 4)
    assert any(x.shape != other.inputs[key].shape or (x != other.inputs[key]).any() for key, x in first.inputs.items())


def test_near_is_near():
    w = draw("regularizer/max_norm", "float64", "near", 0).inputs["w"]
    np.testing.assert_allclose(np.linalg.norm(w, axis=-1), 3, rtol=1e-2)
    w = draw("regularizer/orthogonality", "float64", "near", 0).inputs["w"]
    np.testing.assert_allclose(w @ w.T, np.eye(len(w)), atol=2e-2)
    sigma = np.linalg.svd(draw("regularizer/spectral_norm", "float64", "near", 0).inputs["w"], compute_uv=False)
    assert 1 < sigma[0] / sigma[1] < 1.02


def test_a_network_comes_as_lists():
    case = draw("regularizer/jacobian", "float64", "plain", 0)
    x, W, b = layers(case.inputs)
    assert x.shape == (2, 2)
    assert [w.shape for w in W] == [(3, 2), (2, 3), (NETWORK["jacobian"], 2)]
    assert [c.shape for c in b] == [(3,), (2,), (NETWORK["jacobian"],)]


def test_a_case_of_nothing():
    with pytest.raises(KeyError, match="no cases of 'regularizer/ridge'; there are of none, l2"):
        draw("regularizer/ridge", "float64", "plain", 0)
    assert len(list(cases("regularizer/l2", "float64", 2))) == 6
