import numpy as np
import pytest
from oracle_cases import GIVEN, NETWORKS, ROWWISE, TOLERANCE, check_blocks, close, flat, small_network

pytest.importorskip("torch")

import torch
import torch.nn.functional as F

from gradproof.networks.draws import (
    COSTS,
    ELEMENTWISE,
    FAMILIES,
    FURTHER_COSTS,
    FURTHER_REGULARIZERS,
    PARAMETERS,
    REGULARIZERS,
)
from gradproof.networks.ends import draw_targets
from oracles import finite_difference as fd
from oracles import torch_autograd as oracle
from reference import CATALOGUE

DTYPES = ("float32", "float64")


KINDS = ["hidden", "output", "cost", "regularizer", "further cost", "further regularizer"]


@pytest.mark.parametrize("family", [*FAMILIES, FURTHER_COSTS, FURTHER_REGULARIZERS], ids=KINDS)
def test_every_formula_of_the_audit_is_defined(family):
    assert set(family) <= {*oracle.ELEMENTWISE, *oracle.ROWWISE, *oracle.COSTS, *oracle.REGULARIZERS}


def test_every_id_is_in_the_catalogue():
    defined = {*oracle.ELEMENTWISE, *oracle.ROWWISE, *oracle.COSTS, *oracle.REGULARIZERS}
    assert defined <= set(CATALOGUE)


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [False, True], ids=["defaults", "parameters"])
def test_activations_agree_with_the_complex_step(id, dtype, given):
    z = np.linspace(-6, 6, 60).astype(dtype)  # no kink among them
    given = GIVEN.get(id, {}) if given else {}
    close(oracle.elementwise(id, z, **given), fd.elementwise(id, z, **given), dtype)


@pytest.mark.parametrize("id", oracle.ELEMENTWISE)
def test_parameters_have_the_names_and_defaults_of_the_record(id):
    """Given the record's defaults by name, the result is the one without any."""
    z = np.array([-1.5, 0.3, 2.0])
    given = dict(CATALOGUE[id].parameters)
    for p, q in zip(oracle.elementwise(id, z, **given), oracle.elementwise(id, z), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-6)


@pytest.mark.parametrize("id", ROWWISE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_activations_agree_with_the_complex_step(id, dtype):
    rng = np.random.default_rng(0)
    z, v = (rng.standard_normal((2, 3, 5)).astype(dtype) for _ in range(2))
    close(oracle.pullback(id, z, v), fd.pullback(id, z, v), dtype)


def sample(cost, shape, dtype="float64"):
    rng = np.random.default_rng(1)
    a = rng.uniform(0.1, 0.9, shape) if CATALOGUE[cost].domain == ("0", "1") else 2 * rng.standard_normal(shape)
    return a.astype(dtype), rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)


@pytest.mark.parametrize("id", COSTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_costs_agree_with_the_complex_step(id, dtype):
    a, y = sample(id, (2, 3, 4), dtype)
    given = GIVEN.get(id, {})
    close(oracle.cost(id, a, y, **given), fd.cost(id, a, y, **given), dtype)


@pytest.mark.parametrize("id", REGULARIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_regularizers_agree_with_the_complex_step(id, dtype):
    w = np.random.default_rng(2).standard_normal((2, 3, 4)).astype(dtype)
    given = GIVEN.get(id, {})
    close(oracle.regularizer(id, w, **given), fd.regularizer(id, w, **given), dtype)


@pytest.mark.parametrize("ids", NETWORKS, ids=lambda ids: ids[0].split("/")[1])
@pytest.mark.parametrize("lead", [(), (3,)], ids=["one", "stacked"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_networks_agree_with_the_complex_step(ids, lead, dtype):
    given = small_network(lead, dtype)
    got, expected = (flat(o.network(*given, *ids, PARAMETERS)) for o in (oracle, fd))
    assert [p.shape for p in got] == [q.shape for q in expected]
    for p, q in zip(got, expected, strict=True):
        assert p.dtype == dtype
        np.testing.assert_allclose(p, q, rtol=0, atol=10 * TOLERANCE[dtype] * np.abs(q).max())


def test_the_answers_come_from_native_operations():
    """Two that are easily written by hand instead, with another result in the tail."""
    z = torch.tensor([38.0], dtype=torch.float64, requires_grad=True)
    F.gelu(z).backward()
    assert oracle.elementwise("activation/gelu", np.array([38.0]))[1] == z.grad.numpy()
    assert oracle.elementwise("activation/sigmoid", np.array([38.0]))[1] == 0  # σ(1 − σ), where the truth is 3.1e-17


def test_inputs_are_left_alone_and_results_are_numpy():
    z, v = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    results = (*oracle.elementwise("activation/tanh", z), *oracle.pullback("activation/softmax", z, v),
               *oracle.cost("cost/mse", z, v), *oracle.regularizer("regularizer/l1", z))  # fmt: skip
    assert all(isinstance(r, (np.ndarray, np.generic)) for r in results)
    assert z.tolist() == [[1, 2]]
    assert v.tolist() == [[3, 4]]


def test_an_unknown_id_is_a_key_error():
    with pytest.raises(KeyError, match="activation/none"):
        oracle.elementwise("activation/none", np.zeros(1))


@pytest.mark.parametrize(
    ("id", "planted"), [("activation/tanh", lambda z: -torch.tanh(z)), ("activation/silu", torch.sigmoid)]
)
def test_another_definition_is_noticed(monkeypatch, id, planted):
    monkeypatch.setitem(oracle.ELEMENTWISE, id, planted)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_activations_agree_with_the_complex_step(id, "float64", False)


def ended(cost, shape, dtype):
    """Outputs inside the domain and targets of a cost at the end of a network."""
    rng = np.random.default_rng(4)
    inside = CATALOGUE[cost].domain != ("-oo", "oo")
    a = rng.dirichlet(np.full(shape[-1], 4.0), shape[:-1]) if inside else rng.standard_normal(shape)
    return a.astype(dtype), draw_targets(cost, shape, rng).astype(dtype)


@pytest.mark.parametrize("id", FURTHER_COSTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_further_costs_agree_with_the_complex_step(id, dtype):
    """Also stacked on leading axes, each problem by itself."""
    a, y = ended(id, (2, 3, 4), dtype)
    given = PARAMETERS.get(id, {})
    got = oracle.cost(id, a, y, **given)
    close(got, fd.cost(id, a, y, **given), dtype)
    alone = oracle.cost(id, a[1], y[1], **given)
    np.testing.assert_allclose(alone[0], got[0][1], rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(alone[1], got[1][1], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("id", FURTHER_REGULARIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_further_regularizers_agree_with_central_differences(id, dtype):
    w = np.random.default_rng(2).standard_normal((2, 3, 4)).astype(dtype)
    (R, dR), (S, dS) = (f.regularizer(id, w, **PARAMETERS[id]) for f in (oracle, fd))
    assert R.dtype == dR.dtype == dtype
    np.testing.assert_allclose(R, S, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(dR, dS, rtol=0, atol=max(TOLERANCE[dtype], 1e-9))


def test_a_network_ends_in_a_further_cost_and_carries_a_further_regularizer():
    rng = np.random.default_rng(0)
    W, b = (
        [rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 3, 4))],
        [rng.standard_normal((2, k)) for k in (4, 3)],
    )
    x, y = rng.standard_normal((2, 5, 3)), draw_targets("cost/softmax_focal", (2, 5, 3), rng)
    ids = "activation/tanh", "activation/identity", "cost/softmax_focal", "regularizer/group_lasso"
    got, expected = (f.network(x, y, W, b, *ids, PARAMETERS) for f in (oracle, fd))
    for p, q in zip([got[0], *got[1], *got[2]], [expected[0], *expected[1], *expected[2]], strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-13)


def test_every_block_of_the_first_axis_may_have_its_own_regularizer():
    check_blocks(oracle)
