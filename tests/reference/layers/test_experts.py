"""Routers and their costs: choices, ties, balance, rows that do not count, and what is refused."""

import numpy as np
import pytest

from reference.activations import logsumexp, softmax
from reference.layers import load_balance, router, router_z

RNG = np.random.default_rng(19)
COSTS = pytest.mark.parametrize("cost", [load_balance, router_z])
Z = RNG.standard_normal((2, 5, 4))


def test_all_experts_make_a_softmax():
    v = RNG.standard_normal(Z.shape)
    s, back = softmax(Z)
    for normalised in (True, False):
        y, pullback = router(Z, k=4, normalised=normalised)
        np.testing.assert_allclose(y, s)
        np.testing.assert_allclose(pullback(v)["logits"], back(v))


def test_normalised_weights_are_a_softmax_of_the_chosen_and_sum_to_1():
    y, pullback = router(Z, k=2)
    v = RNG.standard_normal(Z.shape)
    g = pullback(v)["logits"]
    np.testing.assert_allclose(y.sum(-1), 1)
    for i in np.ndindex(2, 5):
        best = np.sort(np.argsort(Z[i])[-2:])
        s, back = softmax(Z[i][best])
        np.testing.assert_allclose(y[i][best], s)
        np.testing.assert_allclose(g[i][best], back(v[i][best]))
        assert np.count_nonzero(y[i]) == np.count_nonzero(g[i]) == 2


def test_weights_that_are_not_normalised_answer_to_every_logit():
    y, pullback = router(Z, k=2, normalised=False)
    s, back = softmax(Z)
    v = RNG.standard_normal(Z.shape)
    np.testing.assert_allclose(y, np.where(y > 0, s, 0))
    np.testing.assert_allclose(pullback(v)["logits"], back(np.where(y > 0, v, 0)))
    assert (pullback(v)["logits"] != 0).all()


def test_one_expert_that_is_normalised_takes_all_and_learns_nothing():
    y, pullback = router(Z, k=1)
    np.testing.assert_array_equal(y, np.eye(4)[Z.argmax(-1)])
    assert not pullback(RNG.standard_normal(Z.shape))["logits"].any()


def test_of_experts_that_tie_the_first_are_taken():
    y, _ = router(np.array([[1.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]]), k=2)
    np.testing.assert_array_equal(y, [[0, 0.5, 0.5, 0], [0.5, 0.5, 0, 0]])


def test_a_nan_among_the_logits_is_not_passed_over():
    y, pullback = router(np.array([[1.0, np.nan, 3.0, 2.0], [1.0, 0.0, 3.0, 2.0]]), k=1)
    assert np.isnan(y).any(-1).tolist() == [True, False]
    assert np.isnan(pullback(np.ones(y.shape))["logits"]).any(-1).tolist() == [True, False]


def test_a_cost_of_balanced_experts_is_1_and_at_its_least():
    """Each of four rows prefers another expert by as much."""
    z = 0.7 * np.eye(4)
    value, pullback = load_balance(z)
    assert value == pytest.approx(1, rel=1e-15)
    np.testing.assert_array_equal(pullback(np.array(1.0))["logits"], 0)
    assert load_balance(z[[0, 0, 1, 2]])[0] > 1
    assert load_balance(z, k=3)[0] == pytest.approx(3)


def test_the_expert_that_all_prefer_is_pushed_down():
    g = load_balance(Z + np.array([5.0, 0, 0, 0]))[1](np.array(1.0))["logits"]
    assert (g[..., 0] > 0).all()
    np.testing.assert_allclose(g.sum(-1), 0, atol=1e-17)


def test_the_square_of_lse():
    value, pullback = router_z(Z)
    lse, back = logsumexp(Z)
    assert value == pytest.approx((lse**2).mean())
    np.testing.assert_allclose(pullback(np.array(3.0))["logits"], back(3 * 2 * lse / lse.size))


@COSTS
def test_rows_that_do_not_count_may_hold_nan(cost):
    mask = RNG.random((2, 5)) < 0.6
    holed = np.where(mask[..., None], Z, np.nan)
    value, pullback = cost(holed, mask)
    kept, back = cost(Z[mask])
    assert value == kept
    g = pullback(np.array(2.0))["logits"]
    np.testing.assert_array_equal(g[mask], back(np.array(2.0))["logits"])
    np.testing.assert_array_equal(g[~mask], 0)


def test_a_row_of_the_router_whose_cotangent_is_0_may_hold_nan():
    z, v = Z.copy(), RNG.standard_normal(Z.shape)
    v[0, 1] = 0
    clean = router(z)[1](v)["logits"]
    z[0, 1] = np.nan
    np.testing.assert_array_equal(router(z)[1](v)["logits"], clean)


def test_small_logits_have_exact_gradients():
    """Σ p·(c_j − c_l) with counts 2, 1, 0 and logits of 10⁻⁹: nothing of the size of the counts is left."""
    z = np.array([[3e-9, 1e-9, 0.0], [2e-9, 1e-9, 0.0], [1e-9, 2e-9, 0.0]])
    g = load_balance(z)[1](np.array(1.0))["logits"][:, 1]
    np.testing.assert_allclose(g, (z[:, 2] - z[:, 0]) / 27, rtol=1e-7)  # 3/3²·p_1·(p_2 − p_0), p_l = (1 + z_l − z̄)/3


@pytest.mark.parametrize(
    ("function", "arrays", "options", "said"),
    [
        (router, (Z,), {"k": 5}, r"k = 5 and logits have shape \(2, 5, 4\); need no more than 4 experts"),
        (router, (Z,), {"k": 0}, "k = 0; need k ≥ 1"),
        (router, (Z,), {"k": 1.5}, "k = 1.5; need k"),
        (router, (np.array(1.0),), {}, r"logits have shape \(\); expected \(..., experts\)"),
        (load_balance, (Z[..., :0],), {}, r"logits have shape \(2, 5, 0\)"),
        (load_balance, (Z, np.ones(5, bool)), {}, r"mask has shape \(5,\); expected \(2, 5\)"),
        (router_z, (Z, np.zeros((2, 5), bool)), {}, "no row of logits, .* counts"),
    ],
)
def test_what_does_not_fit_is_named(function, arrays, options, said):
    with pytest.raises(ValueError, match=said):
        function(*arrays, **options)


@COSTS
def test_masks_are_bools(cost):
    with pytest.raises(TypeError, match="mask has dtype float64; pass bools"):
        cost(Z, np.ones((2, 5)))


def test_a_row_of_minus_infinity_has_no_best_expert_and_leaves_the_others_alone():
    z = np.array([[-np.inf] * 3, [-np.inf, 1.0, -np.inf]])
    for normalised in (True, False):
        y, pullback = router(z, k=2, normalised=normalised)
        np.testing.assert_array_equal(y, [[np.nan, np.nan, 0], [0, 1, 0]])
        g = pullback(np.array([[1.0, 2, 3], [1, 2, 3]]))["logits"]
        assert np.isnan(g[0, :2]).all()
        np.testing.assert_array_equal(g[1], 0)
