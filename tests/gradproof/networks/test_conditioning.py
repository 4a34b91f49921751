import numpy as np
import pytest

from gradproof.networks.conditioning import certain, penalty_sizes, response, size
from gradproof.networks.configurations import COSTS, ENDS, FURTHER_COSTS, FURTHER_REGULARIZERS, PARAMETERS
from gradproof.networks.draws import random_targets
from gradproof.networks.errors import ULPS
from gradproof.networks.gradients import bound
from oracles import finite_difference as fd
from reference import CATALOGUE

U = 2.0**-53
EVERY = [*COSTS, *FURTHER_COSTS]


def sample(cost, lead=(), seed=0):
    """Outputs away from kinks and targets, (..., 3, 4)."""
    rng = np.random.default_rng(seed)
    shape = (*lead, 3, 4)
    inside = CATALOGUE[cost].domain != ("-oo", "oo")
    a = rng.dirichlet(np.full(4, 9.0), shape[:-1]) if inside else 0.9 * rng.standard_normal(shape)
    return a, certain(CATALOGUE[cost], random_targets(CATALOGUE[cost].targets, shape, rng))


def by_definition(cost, a, y):
    """Cost and ∂C/∂a of one problem by the complex step."""
    outputs, targets = ENDS[cost]
    given = {**PARAMETERS.get(cost, {}), targets: y.argmax(-1) if targets == "labels" else y}
    parameters = {k: v for k, v in given.items() if k != targets}
    values, gradients = fd.vjp(cost, {outputs: a, targets: given[targets]}, **parameters)
    return values["value"], gradients[outputs]


@pytest.mark.parametrize("cost", EVERY)
def test_changes_are_those_of_the_exact_gradient(cost):
    """Of rows that sum to one, what one entry gains the next one loses."""
    a, y = sample(cost)
    reach = np.full(a.shape, 1e-7)
    got = response(CATALOGUE[cost], a, y, reach)
    assert not got.jumps.any()
    here = by_definition(cost, a, y)[1]
    for k in range(4):
        moved = a.copy()
        moved[..., k] += 1e-7
        if CATALOGUE[cost].entries.get(CATALOGUE[cost].prediction) == "distribution":
            moved[..., (k + 1) % 4] -= 1e-7
        change = np.abs(by_definition(cost, moved, y)[1] - here)
        np.testing.assert_allclose(got.change[k], change, rtol=1e-4, atol=1e-14)


@pytest.mark.parametrize("cost", EVERY)
def test_a_cost_bound_to_its_parameters_is_that_of_every_network_by_itself(cost):
    a, y = sample(cost, (2, 5), 3)
    C, slope = bound(CATALOGUE[cost])(a, y)
    assert (C.shape, slope.shape) == ((2, 5), a.shape)
    alone = bound(CATALOGUE[cost])(a[1, 2], y[1, 2])
    assert alone[0] == C[1, 2]
    assert np.array_equal(alone[1], slope[1, 2])
    expected, by_a = by_definition(cost, a[1, 2], y[1, 2])
    np.testing.assert_allclose(alone[0], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(alone[1], by_a, rtol=1e-10, atol=1e-14)
    assert (size(CATALOGUE[cost], a, y, C) >= np.abs(C) * (1 - 1e-12)).all()


@pytest.mark.parametrize(
    ("cost", "a", "y"),
    [("l1", 0.5, 0.5), ("quantile", 0.5, 0.5), ("hinge", 1.0, 1.0), ("hinge", -1.0, -1.0), ("perceptron", 0.0, 1.0),
     ("hinge_embedding", 1.0, -1.0)],
)  # fmt: skip
def test_a_kink_within_reach_is_a_jump_and_beyond_it_is_none(cost, a, y):
    for off, reach, expected in ((0, 1e-9, True), (1e-10, 1e-9, True), (2e-9, 1e-9, False), (0, 0, False)):
        at = np.array([[a + off, a + 0.37]])
        got = response(CATALOGUE[f"cost/{cost}"], at, np.full((1, 2), y), np.full((1, 2), reach))
        assert bool(got.jumps) is expected, (off, reach)


@pytest.mark.parametrize("cost", ["multi_margin", "multiclass_hinge"])
def test_a_margin_met_by_two_scores_is_a_jump(cost):
    y = np.array([[1.0, 0, 0]])
    for gap, expected in ((1.0, True), (1.5, False)):
        a = np.array([[gap, 0.0, -3.0]])
        assert bool(response(CATALOGUE[f"cost/{cost}"], a, y, np.full((1, 3), 1e-9)).jumps) is expected


@pytest.mark.parametrize("cost", ["huber_error", "smooth_l1", "squared_hinge", "log_cosh"])
def test_a_bend_of_the_slope_is_no_jump(cost):
    given = {"delta": 1.0, **PARAMETERS.get(f"cost/{cost}", {})}
    a = np.array([[1 + given.get("beta", given["delta"]), 1.0]])
    assert not response(CATALOGUE[f"cost/{cost}"], a, np.ones((1, 2)), np.full((1, 2), 1e-9)).jumps


@pytest.mark.parametrize("id", FURTHER_REGULARIZERS)
@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (1, 6)], ids=str)
def test_weights_off_by_an_ulp_stay_within_few_ulp_of_the_sizes(id, shape):
    """The gradient of weights that are off by an ULP is that far away, and no farther."""
    rng, given, worst = np.random.default_rng(2), PARAMETERS[id], 0.0
    f = CATALOGUE[id].function
    for _ in range(30):
        w = rng.standard_normal((1, *shape))
        R, dR = f([w], **given)
        size, by_w = penalty_sizes(id, [w], (R, dR), U, **given)
        S, dS = f([w * (1 + 2 * U * rng.integers(-1, 2, w.shape))], **given)
        assert np.abs(R - S) <= 8 * ULPS * U * size
        ratio = (np.abs(dR[0] - dS[0]) / (ULPS * U * by_w[0])).max()
        assert ratio <= 8
        worst = max(worst, ratio)
    assert worst > 0.01 * (shape != (1, 6))


def test_without_a_gap_nothing_bounds_singular_vectors():
    equal, tied = np.ones((1, 3, 4)), np.eye(3)[None]
    for name, w, bounded in (
        ("spectral_norm", equal, True), ("nuclear_norm", equal, False), ("spectral_norm", tied, False),
        ("nuclear_norm", tied, True), ("spectral_norm", 0 * equal, False),
    ):  # fmt: skip
        id = f"regularizer/{name}"
        penalty = CATALOGUE[id].function([w], **PARAMETERS[id])
        assert np.isfinite(penalty_sizes(id, [w], penalty, U, **PARAMETERS[id])[1][0]).all() == bounded
    penalty = CATALOGUE["regularizer/l2"].function(tied)
    assert penalty_sizes("regularizer/l2", [tied], penalty, U) is penalty  # any other is its own size
