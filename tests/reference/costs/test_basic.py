"""The costs of network outputs: their gradients, their conventions, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oracles import finite_difference as fd
from reference import CATALOGUE
from reference.activations import log_softmax, sigmoid, softmax
from reference.costs import (
    bce,
    bce_logits,
    cross_entropy,
    huber,
    mae,
    mse,
    nll,
    one_hot,
    quadratic,
    softmax_cross_entropy,
)

U = 2.0**-53
UNDERFLOW = 1e-300  # below this, digits are lost
REGRESSION = (quadratic, mse, mae, huber)
CATEGORICAL = (cross_entropy, nll, softmax_cross_entropy)
ON_PROBABILITIES = (bce, cross_entropy)
COSTS = (*REGRESSION, bce, bce_logits, *CATEGORICAL)
SHAPES = [(1, 1), (1, 4), (5, 1), (3, 4), (2, 3, 4), (2, 2, 3, 4)]

by_name = pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.formula.name)


def sample(cost, shape, seed=0, dtype=np.float64):
    """Outputs and targets that `cost` is meant for."""
    rng = np.random.default_rng(seed)
    if cost in REGRESSION:
        return rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    a = rng.dirichlet(np.ones(shape[-1] + 1), shape[:-1])[..., :-1] if cost in ON_PROBABILITIES else None
    a = 3 * rng.standard_normal(shape) if a is None else a
    y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return a.astype(dtype), y.astype(dtype)


# ---------------------------------------------------------------- gradients


@by_name
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_value_and_gradient_are_those_of_the_definition(cost, shape):
    a, y = sample(cost, shape)
    C, g = cost(a, y)
    expected, expected_g = fd.cost(cost.formula.id, a, y)
    assert C.shape == shape[:-2]
    assert g.shape == shape
    np.testing.assert_allclose(C, expected, rtol=64 * U)
    np.testing.assert_allclose(g, expected_g, rtol=64 * U, atol=4 * U)


@pytest.mark.parametrize("delta", [0.25, 1.0, 3.0])
def test_huber_changes_at_delta(delta):
    r = np.array([[-4.0, -delta, -delta / 2, 0, delta / 2, delta, 4.0]])
    C, g = huber(r, 0 * r, delta=delta)
    slopes = np.clip(r, -delta, delta) / 7
    np.testing.assert_allclose(g, slopes, rtol=2 * U)
    each = np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2))
    np.testing.assert_allclose(C, each.mean(), rtol=8 * U)


@by_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_outputs_is_kept(cost, dtype):
    a, y = sample(cost, (3, 4), dtype=dtype)
    C, g = cost(a, y.astype(np.float64))
    assert C.dtype == g.dtype == dtype
    wide, wide_g = cost(a.astype(np.float64), y.astype(np.float64))
    u = np.finfo(dtype).eps
    np.testing.assert_allclose(C, wide, rtol=8 * u)
    np.testing.assert_allclose(g, wide_g, rtol=8 * u, atol=u)


@by_name
def test_leading_axes_are_independent_problems(cost):
    a, y = sample(cost, (2, 3, 4, 5))
    C, g = cost(a, y)
    for k in np.ndindex(2, 3):
        one, one_g = cost(a[k], y[k])
        np.testing.assert_allclose(C[k], one, rtol=4 * U)
        np.testing.assert_array_equal(g[k], one_g)


@by_name
def test_inputs_stay_as_they_are_and_may_lie_anyhow(cost):
    a, y = sample(cost, (4, 6))
    C, g = cost(a, y)
    before = a.copy(), y.copy()
    for layout in (np.asfortranarray, lambda q: np.repeat(q, 2, -1)[:, ::2], lambda q: q[::-1].copy()[::-1]):
        D, h = cost(layout(a), layout(y))
        np.testing.assert_allclose(D, C, rtol=8 * U)
        np.testing.assert_allclose(h, g, rtol=8 * U)
    assert np.array_equal(a, before[0])
    assert np.array_equal(y, before[1])


# ---------------------------------------------------------------- conventions


@by_name
def test_a_cost_is_the_mean_over_examples(cost):
    a, y = sample(cost, (5, 3))
    C, g = cost(a, y)
    one_by_one = [cost(a[k : k + 1], y[k : k + 1]) for k in range(5)]
    np.testing.assert_allclose(C, np.mean([c for c, _ in one_by_one]), rtol=16 * U)
    np.testing.assert_allclose(g, np.concatenate([h for _, h in one_by_one]) / 5, rtol=16 * U)


@by_name
def test_repeating_the_batch_changes_nothing_but_the_share_of_each(cost):
    a, y = sample(cost, (3, 4))
    C, g = cost(a, y)
    D, h = cost(np.concatenate([a, a]), np.concatenate([y, y]))
    np.testing.assert_allclose(D, C, rtol=8 * U)
    np.testing.assert_allclose(h, np.concatenate([g, g]) / 2, rtol=8 * U)


SUMMED = {quadratic: "outputs", bce: "outputs", bce_logits: "outputs", cross_entropy: "classes", nll: "classes"}
AVERAGED = {mse: "outputs", mae: "outputs", huber: "outputs"}


@pytest.mark.parametrize("cost", [*SUMMED, *AVERAGED], ids=lambda cost: cost.formula.name)
def test_outputs_are_summed_or_averaged_as_the_record_says(cost):
    """With every output there twice, a sum doubles and a mean stays."""
    a, y = sample(cost, (3, 2))
    twice = [np.repeat(q, 2, -1) for q in (a, y)]
    factor, says = (2, f"sum over {SUMMED[cost]}") if cost in SUMMED else (1, f"mean over {AVERAGED[cost]}")
    np.testing.assert_allclose(cost(*twice)[0], factor * cost(a, y)[0], rtol=8 * U)
    assert says in cost.formula.assumptions


ENTRIES = arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3))


@given(ENTRIES, ENTRIES)
def test_mse_is_two_over_d_times_the_quadratic_cost(a, y):
    for p, q in zip(mse(a, y), quadratic(a, y), strict=True):
        np.testing.assert_allclose(p, 2 / 4 * q, rtol=8 * U, atol=UNDERFLOW)


@given(ENTRIES, ENTRIES)
def test_huber_lies_between_half_the_square_and_delta_times_the_distance(a, y):
    value = huber(a, y)[0]
    assert value <= mse(a, y)[0] / 2 * (1 + 8 * U) + UNDERFLOW
    assert value <= mae(a, y)[0] * (1 + 8 * U) + UNDERFLOW
    wide = huber(a, y, delta=1e6)  # never beyond δ
    np.testing.assert_allclose(wide[0], mse(a, y)[0] / 2, rtol=8 * U, atol=UNDERFLOW)
    np.testing.assert_allclose(wide[1], mse(a, y)[1] / 2, rtol=8 * U, atol=UNDERFLOW)


def chain(z, activation, cost, y):
    """Cost and ∂C/∂z through an activation, by its slope or its pullback."""
    a, back = activation(z)
    C, dC_da = cost(a, y)
    return C, back(dC_da) if callable(back) else dC_da * back


FUSED = [
    (bce_logits, sigmoid, bce),
    (softmax_cross_entropy, softmax, cross_entropy),
    (softmax_cross_entropy, log_softmax, nll),
]


@pytest.mark.parametrize(("fused", "activation", "cost"), FUSED, ids=lambda f: f.formula.name)
@given(arrays(np.float64, (3, 4), elements=st.floats(-8, 8)), st.integers(0, 99))
def test_a_fused_cost_is_its_composition(fused, activation, cost, z, seed):
    """Up to the rounding of a, which log(1 − a) and 1/(1 − a) magnify by up to 1 + e⁸."""
    y = np.random.default_rng(seed).dirichlet(np.ones(4), 3)
    magnified = 16 * U * (1 + np.exp(8))
    for p, q in zip(fused(z, y), chain(z, activation, cost, y), strict=True):
        np.testing.assert_allclose(p, q, rtol=magnified, atol=magnified)


@pytest.mark.parametrize("cost", [bce_logits, softmax_cross_entropy], ids=lambda cost: cost.formula.name)
def test_on_logits_nothing_saturates(cost):
    """At confident logits the wrong class still has its full slope, and the right one its exponentially small."""
    z = np.array([[1000.0, -1000.0]])
    right, wrong = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert cost(z, right)[0] == 0
    assert cost(z, wrong)[0] == 2000
    np.testing.assert_array_equal(cost(z, wrong)[1], [[1, -1]])
    z, y = np.array([[40.0, 0.0]]), np.array([[1.0, 0.5 if cost is bce_logits else 0.0]])
    tail = np.exp(-40.0)
    np.testing.assert_allclose(cost(z, y)[1][0, 0], -tail / (1 + tail), rtol=4 * U)


def test_a_masked_class_costs_nothing_unless_it_is_wanted():
    z = np.array([[0.0, -np.inf, 1.0]])
    value, g = softmax_cross_entropy(z, np.array([[1.0, 0.0, 0.0]]))
    assert value == pytest.approx(np.log1p(np.e), rel=4 * U)
    np.testing.assert_allclose(g, [[-np.e / (1 + np.e), 0, np.e / (1 + np.e)]], rtol=4 * U)
    assert softmax_cross_entropy(z, np.array([[0.0, 1.0, 0.0]]))[0] == np.inf


def test_an_infinite_logit_is_certain():
    z = np.array([[0.0, np.inf]])
    right, wrong = (softmax_cross_entropy(z, np.array([y])) for y in ([0.0, 1.0], [1.0, 0.0]))
    assert right[0] == 0
    assert wrong[0] == np.inf
    np.testing.assert_array_equal(right[1], [[0, 0]])
    np.testing.assert_array_equal(wrong[1], [[-1, 1]])


def test_the_layout_in_memory_does_not_change_a_bit_of_softmax_cross_entropy():
    rng = np.random.default_rng(0)
    z, y = 5 * rng.standard_normal((64, 300)), rng.dirichlet(np.ones(300), 64)
    for p, q in zip(
        softmax_cross_entropy(z, y), softmax_cross_entropy(np.asfortranarray(z), np.asfortranarray(y)), strict=True
    ):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize("cost", CATEGORICAL, ids=lambda cost: cost.formula.name)
@pytest.mark.parametrize("lead", [(), (2,)], ids=["one", "stacked"])
def test_labels_stand_for_rows_of_the_identity(cost, lead):
    a, _ = sample(cost, (*lead, 3, 4))
    labels = np.random.default_rng(0).integers(0, 4, (*lead, 3))
    for p, q in zip(cost(a, labels), cost(a, one_hot(labels, 4)), strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize("cost", ON_PROBABILITIES, ids=lambda cost: cost.formula.name)
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_a_certain_and_right_output_costs_nothing(cost, end):
    C, g = cost(np.array([[end]]), np.array([[end]]))
    assert C == 0
    assert np.isfinite(g).all()


@pytest.mark.parametrize("cost", ON_PROBABILITIES, ids=lambda cost: cost.formula.name)
def test_a_certain_and_wrong_output_costs_infinitely_without_a_warning(cost):
    value, g = cost(np.array([[0.0, 0.5]]), np.array([[1.0, 0.0]]))
    assert value == np.inf
    assert g[0, 0] == -np.inf


def test_the_absolute_value_has_slope_0_at_0():
    slopes = mae(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 5.0, -3.0]]))[1]
    np.testing.assert_array_equal(slopes, [[0, -1 / 3, 1 / 3]])


def in_torch(native, a, y):
    """A native loss of torch with its default reduction: value and gradient."""
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(a.copy()).requires_grad_()
    C = native(torch.nn.functional, x, torch.from_numpy(y))
    C.backward()
    return float(C.detach()), x.grad.numpy()


DEFAULTS = [  # on 5 outputs: ours, the native loss, and how often it goes into ours
    (mse, lambda F, a, y: F.mse_loss(a, y), 1),
    (quadratic, lambda F, a, y: F.mse_loss(a, y), 5 / 2),  # no ½ in torch, and a mean over the outputs
    (mae, lambda F, a, y: F.l1_loss(a, y), 1),
    (huber, lambda F, a, y: F.huber_loss(a, y), 1),
    (huber, lambda F, a, y: F.smooth_l1_loss(a, y), 1),  # the same at δ = β = 1
    (bce, lambda F, a, y: F.binary_cross_entropy(a, y), 5),  # a mean over the outputs where we sum
    (bce_logits, lambda F, a, y: F.binary_cross_entropy_with_logits(a, y), 5),
    (softmax_cross_entropy, lambda F, a, y: F.cross_entropy(a, y), 1),
    (nll, lambda F, a, y: F.nll_loss(a, y.argmax(-1)), 1),
]


@pytest.mark.parametrize(("cost", "native", "factor"), DEFAULTS)
def test_how_we_stand_to_the_defaults_of_torch(cost, native, factor):
    a, y = sample(cost, (3, 5))
    if cost is nll:
        y = one_hot(y.argmax(-1), 5)
    C, g = cost(a, y)
    theirs, their_g = in_torch(native, a, y)
    np.testing.assert_allclose(C, factor * theirs, rtol=64 * U)
    np.testing.assert_allclose(g, factor * their_g, rtol=256 * U, atol=16 * U)


# ---------------------------------------------------------------- what is refused


@by_name
@pytest.mark.parametrize(("n", "d"), [(0, 3), (3, 0)])
def test_an_empty_batch_has_no_mean(cost, n, d):
    with pytest.raises(ValueError, match=rf"a has shape \({n}, {d}\): the mean over an empty batch is undefined"):
        cost(np.zeros((n, d)), np.zeros((n, d)))


@by_name
def test_shapes_that_differ_are_both_named(cost):
    with pytest.raises(ValueError, match=r"targets y have shape \(3, 2\), outputs a have shape \(2, 3\)"):
        cost(np.full((2, 3), 0.5), np.full((3, 2), 0.5))


@by_name
def test_a_single_example_needs_its_axis(cost):
    with pytest.raises(ValueError, match=r"a has shape \(3,\); expected \(n examples, d outputs\): use a\[None\]"):
        cost(np.full(3, 0.5), np.full(3, 0.5))


@by_name
@pytest.mark.parametrize("dtype", [np.int64, bool, complex, object])
def test_outputs_that_are_not_floats_are_refused(cost, dtype):
    with pytest.raises(TypeError, match=r"a has dtype \w+; pass floats, e\.g\. a\.astype\(np\.float64\)"):
        cost(np.ones((2, 3), dtype), np.ones((2, 3)))


@pytest.mark.parametrize("cost", ON_PROBABILITIES, ids=lambda cost: cost.formula.name)
@pytest.mark.parametrize("bad", [1.2, -0.5, np.nan, np.inf])
def test_an_output_that_is_no_probability_is_named_with_its_place(cost, bad):
    a, y = sample(cost, (3, 4))
    a[1, 2] = bad
    with pytest.raises(ValueError, match=rf"a = {bad} at index \(1, 2\) is not a probability: must lie in \[0, 1\]"):
        cost(a, y)


@pytest.mark.parametrize("cost", [bce, bce_logits, *CATEGORICAL], ids=lambda cost: cost.formula.name)
@pytest.mark.parametrize("bad", [1.2, -0.5, np.nan])
def test_a_target_that_is_no_probability_is_named_with_its_place(cost, bad):
    a, y = sample(cost, (3, 4))
    y[2, 0] = bad
    with pytest.raises(ValueError, match=rf"y = {bad} at index \(2, 0\) is not a probability"):
        cost(a, y)


@pytest.mark.parametrize("cost", CATEGORICAL, ids=lambda cost: cost.formula.name)
@pytest.mark.parametrize("label", [-1, 4, 100])
def test_a_label_out_of_range_is_named_with_its_place(cost, label):
    a, _ = sample(cost, (3, 4))
    with pytest.raises(ValueError, match=rf"label {label} at index \(1,\) is outside 0 … 3: there are 4 classes"):
        cost(a, np.array([0, label, 1]))


@given(st.integers(1, 6), st.lists(st.integers(-3, 8), min_size=1, max_size=5))
def test_one_hot_takes_labels_within_range_alone(d, labels):
    if all(0 <= k < d for k in labels):
        rows = one_hot(labels, d)
        assert rows.argmax(-1).tolist() == labels
        assert rows.sum() == len(labels)
    else:
        with pytest.raises(ValueError, match="is outside 0 …"):
            one_hot(labels, d)


@by_name
def test_a_planted_error_is_caught(cost):
    """The comparison with the definition fails for a gradient that is off by a part in a billion."""
    a, y = sample(cost, (3, 4))
    g = cost(a, y)[1] * (1 + 1e-9)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(g, fd.cost(cost.formula.id, a, y)[1], rtol=64 * U, atol=4 * U)


def test_every_cost_of_network_outputs_is_here():
    defined = {id for id, f in CATALOGUE.items() if f.function.__module__ == "reference.costs.basic"}
    assert {cost.formula.id for cost in COSTS} == defined
