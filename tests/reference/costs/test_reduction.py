"""Checks of inputs and reductions that all costs of several inputs share, over the whole catalogue of them."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.cases.costs import DRAWS, draw
from reference import CATALOGUE
from reference.costs.reduction import class_labels, distributions, others, per_class, reduced, require, weighted

REDUCIBLE = [id for id in DRAWS if id != "cost/wasserstein_critic"]
STEP = 2.0**-17  # near u^(1/3), where the two errors of a central difference balance
SLACK = 2.0**-24  # relative to the sizes of value and gradient: a missing factor is far beyond, rounding far below


def at(case, reduction, inputs=None):
    given = {} if case.id == "cost/wasserstein_critic" else {"reduction": reduction}
    return CATALOGUE[case.id].function(**(inputs or case.inputs), **given, **case.parameters)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("id", DRAWS)
def test_every_gradient_is_the_slope_of_the_value(id, seed, reduction):
    case = draw(id, "float64", "plain", seed)
    _, gradients = at(case, reduction)
    rng = np.random.default_rng(seed)
    for name, gradient in gradients.items():
        if name not in case.inputs:
            continue
        if id in ("cost/kl_div", "cost/cross_entropy_probabilities", "cost/poly_cross_entropy") and name == "y":
            continue  # rows must keep their sum: the next test
        if id in ("cost/kl_div_log_target", "cost/jensen_shannon") and name in "ypq":
            continue
        if name == "y" and id in HARD:
            continue  # the targets of these lie on the edge of their domain
        x = case.inputs[name]
        direction = rng.uniform(0.5, 1, x.shape) * rng.choice([-1, 1], x.shape)
        up, down = (float(at(case, reduction, {**case.inputs, name: x + s * STEP * direction})[0]) for s in (1, -1))
        found = float((gradient * direction).sum())
        scale = np.abs(gradient).sum() + abs(up)
        assert abs((up - down) / (2 * STEP) - found) <= SLACK * 2**6 * scale, name


HARD = (
    "cost/binary_cross_entropy", "cost/binary_cross_entropy_logits", "cost/sigmoid_focal", "cost/dice", "cost/tversky",
    "cost/hinge", "cost/squared_hinge", "cost/perceptron", "cost/soft_margin", "cost/margin_ranking",
    "cost/multilabel_soft_margin",
)  # fmt: skip


@pytest.mark.parametrize(
    ("id", "name"),
    [("cost/kl_div", "y"), ("cost/cross_entropy_probabilities", "y"), ("cost/poly_cross_entropy", "y"),
     ("cost/jensen_shannon", "p"), ("cost/jensen_shannon", "q")],
)  # fmt: skip
def test_the_gradient_in_a_distribution_is_the_slope_along_the_simplex(id, name):
    case = draw(id, "float64", "plain", 1)
    _, gradients = at(case, "sum")
    x = case.inputs[name]
    direction = np.zeros_like(x)
    direction[:, 0], direction[:, 1] = 1, -1
    step = 2.0**-10 * x[:, :2].min()
    up, down = (float(at(case, "sum", {**case.inputs, name: x + s * step * direction})[0]) for s in (1, -1))
    found = float((gradients[name] * direction).sum())
    assert abs((up - down) / (2 * step) - found) <= 1e-4 * np.abs(gradients[name]).sum()


@pytest.mark.parametrize("id", REDUCIBLE)
def test_the_sum_of_the_terms_and_its_gradients(id):
    case = draw(id, "float64", "plain", 1)
    terms, slopes = at(case, "none")
    total, gradients = at(case, "sum")
    assert float(total) == float(terms.sum())
    for name in gradients:
        np.testing.assert_array_equal(slopes[name], gradients[name])


@pytest.mark.parametrize("id", REDUCIBLE)
def test_the_mean_is_the_sum_over_one_divisor(id):
    case = draw(id, "float64", "plain", 0)  # without weights
    (total, slopes), (mean, gradients) = at(case, "sum"), at(case, "mean")
    divisor = round(float(total / mean))
    for name in set(gradients) & {"a", "z", "p"}:
        np.testing.assert_allclose(gradients[name] * divisor, slopes[name], rtol=2**-50)


@pytest.mark.parametrize("id", DRAWS)
def test_dtype_and_inputs_are_kept_and_weights_of_one_change_nothing(id):
    case = draw(id, "float32", "plain", 0)
    before = {name: x.copy() for name, x in case.inputs.items()}
    value, gradients = at(case, "mean")
    assert value.dtype == np.float32
    assert all(g.dtype == np.float32 for g in gradients.values())
    for name, x in case.inputs.items():
        np.testing.assert_array_equal(x, before[name])
        if name in gradients:
            assert gradients[name].shape == x.shape
    parameters = inspect.signature(CATALOGUE[id].function).parameters
    if "weight" in parameters:
        shape = case.inputs["z" if "z" in case.inputs else "a"].shape
        ones = np.ones(shape if "labels" not in case.inputs and id not in PER_CLASS else shape[-1:], np.float32)
        again, same = at(case, "mean", {**case.inputs, "weight": ones})
        assert again == value
        for name in {"a", "z", "y"} & set(gradients):
            np.testing.assert_array_equal(same[name], gradients[name])


PER_CLASS = ("cost/cross_entropy_probabilities", "cost/multilabel_soft_margin")


@pytest.mark.parametrize("id", REDUCIBLE)
def test_unknown_reduction(id):
    with pytest.raises(ValueError, match="reduction = 'average' is not one of none, sum, mean"):
        at(draw(id, "float64", "plain", 0), "average")


@pytest.mark.parametrize("id", DRAWS)
def test_integers_and_empty_batches_are_refused(id):
    case = draw(id, "float64", "plain", 0)
    first = next(iter(case.inputs))
    with pytest.raises(TypeError, match=f"{first} has dtype int"):
        at(case, "mean", {**case.inputs, first: case.inputs[first].astype(int)})
    with pytest.raises(ValueError, match="empty batch"):
        at(case, "mean", {name: x[:0] if x.ndim and name != "pos_weight" else x for name, x in case.inputs.items()})


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_others_are_exact_where_one_dominates(numbers):
    x = np.array(numbers)
    rest = others(x)
    for k in range(len(x)):
        exact = float(np.delete(x, k).sum())
        assert abs(rest[k] - exact) <= 2.0**-50 * np.abs(np.delete(x, k)).sum()


def test_a_dominating_weight_does_not_hide_the_others():
    terms, weight = np.array([1.0, 2.0, 4.0]), np.array([2.0**60, 1.0, 1.0])
    _, gradients = weighted(terms.dtype, terms, {}, weight, "mean", by_weights=True)
    # (t₀·Σ'w − Σ'wt)/(Σw)² = (2 − 6)/2^120, which t₀ − C would round to 0
    assert gradients["weight"][0] == -4 / 2.0**120


def test_weights_that_sum_to_zero_and_negative_ones():
    t = np.ones(2)
    with pytest.raises(ValueError, match="weight sums to 0"):
        weighted(t.dtype, t, {}, np.zeros(2), "mean", by_weights=True)
    with pytest.raises(ValueError, match=r"weight = -1.0 at index \(1,\) must be ≥ 0"):
        weighted(t.dtype, t, {}, np.array([1.0, -1.0]), "sum", by_weights=False)


def test_batchmean_only_where_a_batch_is_named():
    t = np.ones(4)
    assert reduced(t.dtype, t, {}, "batchmean", batch=2)[0] == 2
    with pytest.raises(ValueError, match="batchmean"):
        reduced(t.dtype, t, {}, "batchmean")


def test_messages_name_argument_index_and_value():
    with pytest.raises(ValueError, match=r"label = 3 at index \(1,\) is outside 0 … 2: there are 3 classes"):
        class_labels([0, 3], (2,), 3)
    with pytest.raises(ValueError, match=r"label = -1 at index \(0,\)"):
        class_labels([-1, 0], (2,), 3)
    with pytest.raises(TypeError, match="labels have dtype float64; pass integers"):
        class_labels([0.0], (1,), 3)
    with pytest.raises(ValueError, match=r"labels have shape \(2,\); expected \(3,\)"):
        class_labels([0, 1], (3,), 3)
    with pytest.raises(ValueError, match=r"weight has shape \(2,\); expected \(3,\)"):
        per_class("weight", [1, 2], 3)
    with pytest.raises(ValueError, match=r"y = nan at index \(0,\) is odd"):
        require(np.array([False]), "y", np.array([np.nan]), "is odd")


def test_ignored_labels():
    labels, counts = class_labels([0, -100, 2], (3,), 3, -100)
    assert labels.tolist() == [0, 0, 2]
    assert counts.tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [2, 10, 1000])
def test_rows_normalised_in_the_dtype_are_distributions(dtype, d):
    e = np.exp(np.random.default_rng(d).standard_normal((50, d))).astype(dtype)
    p = e / e.sum(-1, keepdims=True)
    distributions("y", p.astype(np.float64), np.dtype(dtype))
    with pytest.raises(ValueError, match="the sum of a row of y"):
        distributions("y", 0.99 * p.astype(np.float64), np.dtype(dtype))
