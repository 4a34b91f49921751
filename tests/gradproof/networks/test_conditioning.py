import numpy as np
import pytest

from gradproof.networks.conditioning import ULPS, penalty_sizes, response
from gradproof.networks.draws import FURTHER_COSTS, FURTHER_REGULARIZERS, PARAMETERS
from gradproof.networks.ends import draw_targets, ending
from oracles import finite_difference as fd
from reference import CATALOGUE

U = 2.0**-53


def sample(cost, lead=(), seed=0):
    """Outputs away from kinks and targets, (..., 3, 4)."""
    rng = np.random.default_rng(seed)
    shape = (*lead, 3, 4)
    inside = CATALOGUE[cost].domain != ("-oo", "oo")
    a = rng.dirichlet(np.full(4, 9.0), shape[:-1]) if inside else 0.9 * rng.standard_normal(shape)
    return a, draw_targets(cost, shape, rng)


@pytest.mark.parametrize("cost", [id for id in FURTHER_COSTS if id != "cost/jensen_shannon"])
def test_changes_are_those_of_the_exact_gradient(cost):
    a, y = sample(cost, (2,))
    reach = np.full(a.shape, 1e-7)
    got = response(CATALOGUE[cost], a, y, reach)
    assert not got.jumps.any()
    given = PARAMETERS.get(cost, {})
    here = fd.cost(cost, a, y, **given)[1]
    for k in range(4):
        moved = a.copy()
        moved[..., k] += 1e-7
        change = np.abs(fd.cost(cost, moved, y, **given)[1] - here)
        np.testing.assert_allclose(got.change[k], change, rtol=1e-4, atol=1e-14)


def test_a_divergence_of_distributions_answers_as_its_second_derivative():
    a, y = sample("cost/jensen_shannon")
    got = response(CATALOGUE["cost/jensen_shannon"], a, y, np.full(a.shape, 1e-6))
    moved = fd.cost("cost/jensen_shannon", a + 1e-6, y)[1] - fd.cost("cost/jensen_shannon", a, y)[1]
    np.testing.assert_allclose(got.change.sum(0), np.abs(moved), rtol=1e-2)


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
    delta = PARAMETERS.get(f"cost/{cost}", {}).get("delta", PARAMETERS.get(f"cost/{cost}", {}).get("beta", 1.0))
    got = response(CATALOGUE[f"cost/{cost}"], np.array([[1 + delta, 1.0]]), np.ones((1, 2)), np.full((1, 2), 1e-9))
    assert not got.jumps


@pytest.mark.parametrize("cost", FURTHER_COSTS)
def test_an_ending_is_the_cost_of_every_network_by_itself(cost):
    a, y = sample(cost, (2, 5), 3)
    f = ending(CATALOGUE[cost], **PARAMETERS.get(cost, {}))
    C, slope = f(a, y)
    assert C.shape == (2, 5)
    assert slope.shape == a.shape
    alone = f(a[1, 2], y[1, 2])
    assert alone[0] == C[1, 2]
    assert np.array_equal(alone[1], slope[1, 2])
    expected, by_a = fd.cost(cost, a, y, **PARAMETERS.get(cost, {}))
    np.testing.assert_allclose(C, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, by_a, rtol=1e-10, atol=1e-14)


# ---------------------------------------------------------------- penalties


@pytest.mark.parametrize("id", FURTHER_REGULARIZERS)
@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (1, 6)], ids=str)
def test_float32_stays_within_few_ulp_of_the_sizes(id, shape):
    """The gradient of weights that are off by an ULP is that far away, and no farther."""
    rng, given, worst = np.random.default_rng(2), PARAMETERS[id], 0.0
    for _ in range(30):
        w = rng.standard_normal((1, *shape))
        f = CATALOGUE[id].function
        R, dR = f([w], **given)
        size, sizes = penalty_sizes(id, [w], (R, dR), U, **given)
        near = w * (1 + 2 * U * rng.integers(-1, 2, w.shape))
        S, dS = f([near], **given)
        assert np.abs(R - S) <= 8 * ULPS * U * size
        ratio = (np.abs(dR[0] - dS[0]) / (ULPS * U * sizes[0])).max()
        assert ratio <= 8
        worst = max(worst, ratio)
    assert worst > 0.01 * (shape != (1, 6))


def test_without_a_gap_nothing_bounds_singular_vectors():
    equal, tied = np.ones((1, 3, 4)), np.eye(3)[None]
    for id, w, bounded in (
        ("spectral_norm", equal, True), ("nuclear_norm", equal, False), ("spectral_norm", tied, False),
        ("nuclear_norm", tied, True), ("spectral_norm", 0 * equal, False),
    ):  # fmt: skip
        id = f"regularizer/{id}"
        penalty = CATALOGUE[id].function([w], **PARAMETERS[id])
        assert np.isfinite(penalty_sizes(id, [w], penalty, U, **PARAMETERS[id])[1][0]).all() == bounded


def test_other_penalties_are_their_own_size():
    penalty = CATALOGUE["regularizer/l2"].function([np.ones((2, 3))])
    assert penalty_sizes("regularizer/l2", [np.ones((2, 3))], penalty, U) is penalty
