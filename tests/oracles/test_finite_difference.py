import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_cases import check_blocks

from gradproof.networks.draws import (
    COSTS,
    ELEMENTWISE,
    FAMILIES,
    FURTHER_COSTS,
    FURTHER_REGULARIZERS,
    OUTPUTS,
    PARAMETERS,
    REGULARIZERS,
)
from gradproof.networks.ends import draw_targets, ending
from oracles import finite_difference as fd
from oracles.finite_difference import central_difference, complex_step
from reference import CATALOGUE
from reference.network import backprop

U = 2.0**-53
ROWWISE = [id for id in OUTPUTS if id not in ELEMENTWISE]
RESOLVED = 1e-240  # slopes below this vanish in the step

GRID = np.concatenate([np.linspace(-30, 30, 1201), [1e-8, -1e-8, 1e-300, -1e-300, 700, -700, 1e5, -1e5]])
GIVEN = {
    "activation/leaky_relu": {"negative_slope": 0.25},
    "activation/elu": {"alpha": 0.5},
    "activation/softplus": {"beta": 3.0},
    "activation/huber": {"delta": 0.375},
    "activation/softmax": {"temperature": 0.5},
    "activation/log_softmax": {"temperature": 4.0},
    "cost/huber": {"delta": 0.375},
    **PARAMETERS,
}


def off_kinks(id, z):
    f = CATALOGUE[id]
    kinks = [f.at(k.at, **GIVEN.get(id, {})) for k in f.kinks]
    return z[~np.isin(z, kinks)]


def sample(cost, shape, seed=0):
    """Outputs and targets that `cost` is meant for."""
    rng = np.random.default_rng(seed)
    y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    a = rng.uniform(0.2, 0.8, shape) if CATALOGUE[cost].domain == ("0", "1") else 3 * rng.standard_normal(shape)
    return a, y if cost not in ("cost/quadratic", "cost/mse", "cost/mae", "cost/huber") else rng.standard_normal(shape)


KINDS = ["hidden", "output", "cost", "regularizer", "further cost", "further regularizer"]


@pytest.mark.parametrize("family", [*FAMILIES, FURTHER_COSTS, FURTHER_REGULARIZERS], ids=KINDS)
def test_every_formula_of_the_audit_is_defined(family):
    assert set(family) <= {*fd.ELEMENTWISE, *fd.ROWWISE, *fd.COSTS, *fd.REGULARIZERS}


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("given", [False, True], ids=["defaults", "parameters"])
def test_slope_by_complex_step_agrees_with_the_hand_derived_one(id, given):
    given = GIVEN.get(id, {}) if given else {}
    z = off_kinks(id, GRID)
    value, slope = fd.elementwise(id, z, **given)
    expected, expected_slope = CATALOGUE[id].function(z, **given)
    # In the tails exp(−z²/2) of gelu and exp(βz) of softplus, the rounding of the exponent is multiplied by its size.
    tolerance = 3000 * U if "gelu" in id else 700 * U if id == "activation/softplus" and given else 16 * U
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=RESOLVED)
    np.testing.assert_allclose(slope, expected_slope, rtol=tolerance, atol=max(RESOLVED, 8 * U * (id in CROSSING)))


CROSSING = ("activation/silu", "activation/gelu", "activation/gelu_tanh")  # slopes that pass through 0


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_central_differences_confirm_the_complex_step(id):
    z = off_kinks(id, np.linspace(-8, 8, 161))
    z = z[np.abs(np.abs(z) - 1) > 1e-3] if id == "activation/huber" else z[np.abs(z) > 1e-3]  # a jump of f''
    slope = fd.elementwise(id, z)[1]
    np.testing.assert_allclose(fd.elementwise(id, z, derive=central_difference)[1], slope, rtol=0, atol=1e-9)


@pytest.mark.parametrize("id", ROWWISE)
@pytest.mark.parametrize("scale", [0.1, 10, 1000])
def test_pullback_agrees_with_the_hand_derived_one(id, scale):
    rng = np.random.default_rng(3)
    z, v = scale * rng.standard_normal((40, 5)), rng.standard_normal((40, 5))
    given = GIVEN[id]
    value, g = fd.pullback(id, z, v, **given)
    expected, back = CATALOGUE[id].function(z, **given)
    np.testing.assert_allclose(value, expected, rtol=1e4 * U, atol=RESOLVED)  # exp(z/T) carries the rounding of z/T
    np.testing.assert_allclose(g, back(v), rtol=1e4 * U, atol=RESOLVED)
    central = fd.pullback(id, z, v, derive=central_difference, **given)[1]
    np.testing.assert_allclose(central, g, rtol=0, atol=1e-8 * max(1, scale))


@pytest.mark.parametrize("id", ["activation/softmax", "activation/log_softmax"])
def test_the_slope_of_a_saturated_entry_keeps_its_digits(id):
    """At (50, 0) the slope 1 − s of the larger entry is e⁻⁵⁰ ≈ 2e-22: a difference of 1 and s would be 0."""
    expected = np.exp(-50.0) / (1 + np.exp(-50.0)) ** (2 if id == "activation/softmax" else 1)
    g = fd.pullback(id, np.array([50.0, 0.0]), np.array([1.0, 0.0]))[1]
    np.testing.assert_allclose(g, [expected, -expected], rtol=8 * U)


@pytest.mark.parametrize("id", COSTS)
@pytest.mark.parametrize("shape", [(1, 2), (3, 4), (2, 3, 4)], ids=str)
def test_cost_gradient_agrees_with_the_hand_derived_one(id, shape):
    a, y = sample(id, shape)
    given = GIVEN.get(id, {})
    value, g = fd.cost(id, a, y, **given)
    expected, expected_g = CATALOGUE[id].function(a, y, **given)
    np.testing.assert_allclose(value, expected, rtol=32 * U)
    np.testing.assert_allclose(g, expected_g, rtol=64 * U, atol=4 * U)
    np.testing.assert_allclose(fd.cost(id, a, y, derive=central_difference, **given)[1], g, rtol=0, atol=1e-8)


@pytest.mark.parametrize("id", FURTHER_COSTS)
def test_central_differences_confirm_the_gradient_of_a_further_cost(id):
    rng = np.random.default_rng(6)
    inside = CATALOGUE[id].domain != ("-oo", "oo")
    a = rng.dirichlet(np.full(4, 50.0), (2, 3)) if inside else rng.standard_normal((2, 3, 4))
    y, given = draw_targets(id, a.shape, rng), GIVEN.get(id, {})
    value, g = fd.cost(id, a, y, **given)
    np.testing.assert_allclose(fd.cost(id, a, y, derive=central_difference, **given)[1], g, rtol=0, atol=1e-8)
    expected, expected_g = ending(CATALOGUE[id], **given)(a, y)
    np.testing.assert_allclose(value, expected, rtol=64 * U)
    np.testing.assert_allclose(g, expected_g, rtol=128 * U, atol=8 * U)


@pytest.mark.parametrize("id", FURTHER_REGULARIZERS)
@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (1, 5)], ids=str)
def test_further_regularizer_gradient_agrees_with_the_hand_derived_one(id, shape):
    w = np.random.default_rng(0).standard_normal(shape)
    value, g = fd.regularizer(id, w, **GIVEN[id])
    expected, (expected_g,) = CATALOGUE[id].function([w], **GIVEN[id])
    np.testing.assert_allclose(value, expected, rtol=64 * U)
    np.testing.assert_allclose(g, expected_g, rtol=0, atol=1e-9 if id in fd.REAL else 64 * U)


@pytest.mark.parametrize("id", REGULARIZERS)
def test_regularizer_gradient_agrees_with_the_hand_derived_one(id):
    w = np.random.default_rng(0).standard_normal((2, 3, 4))
    given = GIVEN.get(id, {})
    value, g = fd.regularizer(id, w, **given)
    expected, (expected_g,) = CATALOGUE[id].function([w], **given)
    np.testing.assert_allclose(value, expected, rtol=16 * U)
    np.testing.assert_allclose(g, expected_g, rtol=16 * U)
    np.testing.assert_allclose(fd.regularizer(id, w, derive=central_difference, **given)[1], g, rtol=0, atol=1e-9)


def ours(x, y, W, b, hidden, output, cost, regularizer):
    f = [CATALOGUE[hidden].function] * (len(W) - 1) + [CATALOGUE[output].function]
    penalty = CATALOGUE[regularizer].function
    return backprop(x, y, W, b, f, CATALOGUE[cost].function, lambda W: penalty(W, **PARAMETERS.get(regularizer, {})))


def small_network(sizes, lead=(), n=2, seed=0):
    rng = np.random.default_rng(seed)
    W = [rng.standard_normal((*lead, o, i)) for i, o in itertools.pairwise(sizes)]
    b = [rng.standard_normal((*lead, o)) for o in sizes[1:]]
    return rng.standard_normal((*lead, n, sizes[0])), rng.uniform(0, 1, (*lead, n, sizes[-1])), W, b


NETWORKS = [
    ("activation/tanh", "activation/sigmoid", "cost/bce", "regularizer/l2"),
    ("activation/gelu", "activation/softmax", "cost/cross_entropy", "regularizer/none"),
    ("activation/elu", "activation/log_softmax", "cost/nll", "regularizer/l1"),
    ("activation/softplus", "activation/identity", "cost/softmax_cross_entropy", "regularizer/elastic_net"),
    ("activation/tanh", "activation/identity", "cost/mse", "regularizer/orthogonality"),
]


@pytest.mark.parametrize(("hidden", "output", "cost", "regularizer"), NETWORKS)
@pytest.mark.parametrize("lead", [(), (3,)], ids=["one", "stacked"])
def test_network_gradient_agrees_with_backprop(hidden, output, cost, regularizer, lead):
    given = small_network((3, 4, 4, 2), lead)
    g = ours(*given, hidden, output, cost, regularizer)
    for derive, tolerance in ((complex_step, 1e-13), (central_difference, 1e-7)):
        C, dW, db = fd.network(*given, hidden, output, cost, regularizer, PARAMETERS, derive=derive)
        for p, q in zip([C, *dW, *db], [g.cost, *g.dW, *g.db], strict=True):
            np.testing.assert_allclose(p, q, rtol=0, atol=tolerance * np.abs(q).max())


def test_leading_axes_are_independent_networks():
    x, y, W, b = small_network((3, 4, 2), (3,))
    ids = "activation/tanh", "activation/identity", "cost/mse"
    _, dW, db = fd.network(x, y, W, b, *ids)
    for k in range(3):
        one = fd.network(x[k], y[k], [w[k] for w in W], [c[k] for c in b], *ids)
        for p, q in zip([*dW, *db], [*one[1], *one[2]], strict=True):
            np.testing.assert_allclose(p[k], q, rtol=1e-13)


def test_a_kink_belongs_to_its_right_side():
    zero = np.array([0.0, -0.0])
    for id, right in (("activation/relu", 1), ("activation/leaky_relu", 1), ("activation/elu", 1)):
        assert fd.elementwise(id, zero)[1].tolist() == [right, right]
    assert fd.cost("cost/mae", np.zeros((1, 1)), np.zeros((1, 1)))[1] == 1
    assert fd.regularizer("regularizer/l1", np.zeros((1, 1)), lam=0.5)[1] == 0.5


@pytest.mark.parametrize("id", ["cost/bce", "cost/cross_entropy"])
def test_an_infinite_cost_is_nan_and_an_absent_term_is_zero(id):
    assert np.isnan(fd.cost(id, np.array([[0.0]]), np.array([[1.0]]))[0])
    assert np.isnan(fd.cost(id, np.array([[0.0]]), np.array([[1.0]]))[1])
    value, g = fd.cost(id, np.array([[0.0]]), np.array([[0.0]]))
    assert value == 0
    assert g == (1 if id == "cost/bce" else 0)  # −log(1 − a) has slope 1 at 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_come_in_the_dtype_of_the_input(dtype):
    z = np.array([[0.5, -1.0]], dtype)
    w, c = np.ones((2, 2), dtype), np.zeros(2, dtype)
    C, dW, db = fd.network(z, z, [w], [c], "activation/tanh", "activation/tanh", "cost/mse")
    pairs = (*fd.elementwise("activation/gelu", z), *fd.pullback("activation/softmax", z, z),
             *fd.cost("cost/mse", z, z), *fd.regularizer("regularizer/l2", w), C, *dW, *db)  # fmt: skip
    assert {p.dtype for p in pairs} == {np.dtype(dtype)}


@given(st.floats(-30, 30), st.floats(-5, 5))
def test_the_step_is_linear(z, c):
    """The derivative of c·f is c·f', to the last bit but one: nothing is subtracted anywhere."""
    z = np.array(z)
    f = fd.ELEMENTWISE["activation/sigmoid"]
    np.testing.assert_allclose(complex_step(lambda x: c * f(x), z), c * complex_step(f, z), rtol=4 * U, atol=RESOLVED)


@pytest.mark.parametrize(
    ("id", "planted"),
    [
        ("activation/tanh", lambda z: -np.tanh(z)),
        ("activation/sigmoid", lambda z: fd.sigmoid(z) + 1e-9 * z),
        ("activation/silu", fd.sigmoid),
    ],
)
def test_another_definition_is_noticed(monkeypatch, id, planted):
    monkeypatch.setitem(fd.ELEMENTWISE, id, planted)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_slope_by_complex_step_agrees_with_the_hand_derived_one(id, False)


def test_inputs_are_left_alone():
    z, v = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    fd.elementwise("activation/tanh", z)
    fd.pullback("activation/softmax", z, v)
    fd.cost("cost/mse", z, v)
    fd.regularizer("regularizer/l1", z)
    assert z.tolist() == [[1, 2]]
    assert v.tolist() == [[3, 4]]


def test_every_block_of_the_first_axis_may_have_its_own_regularizer():
    check_blocks(fd)
