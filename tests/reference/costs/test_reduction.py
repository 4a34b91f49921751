"""The chain rule of reductions: divisors, weights, what does not enter, sums that stay in range."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof import cases
from reference import CATALOGUE, costs
from reference.costs.arguments import CLASS, LABEL, ROW, one_hot
from reference.costs.reduction import others, reduced

HUGE = np.finfo(np.float64).max


@reduced(weighted="weights")
def distance(a, y):
    """|a − y|."""
    return np.abs(a - y), {"a": np.sign(a - y), "y": lambda: np.sign(y - a)}


@reduced(weighted="terms")
def half_weighted(a):
    """a²/2 in two factors."""
    return (a / 2, a), {"a": a}


@reduced(mean="labels", a=ROW, labels=LABEL, weight=CLASS)
def picked(a, labels, weight=None):
    """w_y·a_y."""
    hot = one_hot(labels, a.shape[-1])
    w = np.ones(a.shape[-1]) if weight is None else weight
    return (w * hot * a).sum(-1), {"a": w * hot, "weight": hot * a}, hot


@reduced(mean="each")
def each(a):
    """a, of which the k-th counts k + 1."""
    return a, {"a": np.ones_like(a)}, np.broadcast_to(np.arange(1.0, a.shape[-1] + 1), a.shape)


# ---------------------------------------------------------------- divisors


def test_the_mean_of_terms_and_that_of_weights():
    a, y, w = np.array([1.0, 2.0]), np.zeros(2), np.array([1.0, 3.0])
    assert distance(a, y, w)[0] == 7 / 4
    assert half_weighted(a, w)[0] == (0.5 + 6) / 2
    assert distance(a, y, w, reduction="batchmean")[0] == 7 / 2
    assert distance(a, y, w, reduction="none")[0].tolist() == [1, 6]
    assert distance(a, y)[0] == 1.5


def test_the_mean_of_labels_divides_by_their_weights():
    a = np.array([[1.0, 2.0], [4.0, 8.0], [3.0, 5.0]])
    C, gradients = picked(a, [0, 1, 1], np.array([1.0, 3.0]))
    assert C == (1 + 24 + 15) / 7
    np.testing.assert_array_equal(gradients["a"], [[1 / 7, 0], [0, 3 / 7], [0, 3 / 7]])
    np.testing.assert_allclose(gradients["weight"], [(1 - C) / 7, (8 + 5 - 2 * C) / 7], rtol=1e-15)
    assert picked(a, [0, 1, 1])[0] == 14 / 3


def test_each_term_may_have_a_divisor_of_its_own():
    C, gradients = each(np.array([[6.0, 6.0], [6.0, 3.0]]))
    assert C == (6 + 3 + 6 + 1.5) / 4
    assert gradients["a"].tolist() == [[1 / 4, 1 / 8]] * 2
    C, gradients = each(np.array([[6.0, 6.0], [6.0, 3.0]]), leading=1)
    assert C.tolist() == [4.5, 3.75]
    assert gradients["a"].tolist() == [[1 / 2, 1 / 4]] * 2


def test_a_gradient_is_divided_once_and_not_multiplied_by_a_rounded_inverse():
    slope = 5.0
    _, gradients = half_weighted(np.full(49, slope))
    assert gradients["a"][0] == slope / 49 != slope * (1 / 49)


def test_batchmean_divides_by_the_length_of_the_first_axis_behind_the_leading_ones():
    a = np.ones((2, 3, 5))
    assert half_weighted(a, reduction="batchmean")[0] == 30 / 2 / 2
    assert half_weighted(a, reduction="batchmean", leading=1)[0].tolist() == [2.5, 2.5]
    assert half_weighted(np.ones(()), reduction="batchmean")[0] == 0.5


def test_a_class_weight_is_shared_by_all_problems():
    rng = np.random.default_rng(0)
    a, labels, w, v = (
        rng.standard_normal((4, 3, 2)),
        rng.integers(0, 2, (4, 3)),
        np.array([0.5, 3.0]),
        np.arange(1.0, 5),
    )
    (C, gradients) = picked.vjp({"a": a, "labels": labels, "weight": w}, v, leading=1)
    alone = [picked.vjp({"a": a[k], "labels": labels[k], "weight": w}, v[k]) for k in range(4)]
    np.testing.assert_allclose(C["value"], [float(c["value"]) for c, _ in alone], rtol=1e-15)
    np.testing.assert_allclose(gradients["weight"], sum(g["weight"] for _, g in alone), rtol=1e-13, atol=1e-15)


# ---------------------------------------------------------------- weights


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_others_are_exact_where_one_dominates(numbers):
    x = np.array(numbers)
    rest = others(x)
    for k in range(len(x)):
        exact = float(np.delete(x, k).sum())
        assert abs(rest[k] - exact) <= 2.0**-50 * np.abs(np.delete(x, k)).sum()


def test_a_dominating_weight_does_not_hide_the_others():
    _, gradients = distance([1.0, 2.0, 4.0], [0.0, 0.0, 0.0], [2.0**60, 1.0, 1.0])
    # (t₀·Σ'w − Σ'wt)/(Σw)² = (2 − 6)/2^120, which t₀ − C would round to 0
    assert gradients["weight"][0] == -4 / 2.0**120


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e307])
def test_the_scale_of_the_weights_of_a_mean_does_not_matter(scale):
    a, y, w = np.array([3.0, 20.0, 5.0]), np.zeros(3), np.array([0.25, 1.0, 0.5])
    C, gradients = costs.squared_error(a, y, w)
    D, scaled = costs.squared_error(a, y, w * scale)
    np.testing.assert_allclose(D, C, rtol=2**-48)
    np.testing.assert_allclose(scaled["a"], gradients["a"], rtol=2**-48)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(scaled["weight"] * scale, gradients["weight"], rtol=2**-47)
    labels = np.array([0, 1, 1])
    z = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, 0.0]])
    once, again = (costs.cross_entropy_labels(z, labels, w[:2] * s) for s in (1, scale))
    np.testing.assert_allclose(again[0], once[0], rtol=2**-48)
    np.testing.assert_allclose(again[1]["z"], once[1]["z"], rtol=2**-46)


def test_weights_below_the_normal_numbers_cost_no_digits():
    a, y, w = np.array([1 / 3, 20 / 7, 5 / 9]), np.zeros(3), np.array([0.25, 1.0, 0.5])
    C, gradients = costs.squared_error(a, y, w)
    D, scaled = costs.squared_error(a, y, w * 2.0**-1060)
    np.testing.assert_allclose(D, C, rtol=2**-50)
    np.testing.assert_allclose(scaled["a"], gradients["a"], rtol=2**-50)


def test_weights_that_sum_to_zero():
    zero = np.zeros(2)
    for call in (
        lambda: distance(zero, zero, zero),
        lambda: distance(zero, zero, [1.0, -1.0]),
        lambda: picked(np.ones((1, 2)), [0], [0.0, 1.0]),
        lambda: distance(np.ones((2, 2)), np.ones((2, 2)), [[1.0, 1.0], [0.0, 0.0]], leading=1),
    ):
        with pytest.raises(ValueError, match="weight sums to 0: the weighted mean is undefined"):
            call()
    assert distance(zero, zero, zero, reduction="sum")[0] == 0


def test_the_formulas_hold_for_negative_weights_too():
    a, y, w = np.array([1.0, 2.0, 5.0]), np.zeros(3), np.array([2.0, -0.5, 1.0])
    C, gradients = distance(a, y, w)
    assert C == (2 - 1 + 5) / 2.5
    np.testing.assert_allclose(gradients["weight"], (a - C) / 2.5, rtol=1e-15)
    C, gradients = costs.cross_entropy_probabilities([[0.0, 0.0]], [[0.25, 0.75]], [-1.0, 2.0])
    np.testing.assert_allclose(C, (-0.25 + 1.5) * math.log(2), rtol=1e-15)


# ---------------------------------------------------------------- what does not enter

LOST = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "batchmean"])
@pytest.mark.parametrize("name", ["l1", "squared_error", "huber_error", "binary_cross_entropy_logits"])
def test_a_term_of_weight_zero_may_be_anything(name, reduction, lost):
    cost = getattr(costs, name)
    a, y, w = np.array([0.5, lost, 2.0]), np.array([0.25, 0.5, 1.0]), np.array([0.5, 0.0, 2.0])
    C, gradients = cost(a, y, w, reduction=reduction)
    kept = [0, 2]
    D, alone = cost(a[kept], y[kept], w[kept], reduction="sum")
    assert np.isfinite(C).all()
    if reduction == "sum":
        assert D == C
    first = next(iter(gradients))
    assert gradients[first][1] == gradients["y"][1] == 0
    if reduction in ("none", "sum"):
        np.testing.assert_array_equal(gradients[first][kept], alone[first])


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", ["nll_labels", "cross_entropy_labels"])
def test_an_ignored_example_may_be_anything(name, lost):
    cost = getattr(costs, name)
    z, labels = np.array([[0.1, 0.2, -0.3], [lost] * 3, [1.0, 0.0, -1.0]]), np.array([1, -100, 2])
    given = {"ignore_index": -100} | ({"label_smoothing": 0.25} if "cross" in name else {})
    for reduction in ("none", "sum", "mean"):
        C, gradients = cost(z, labels, np.array([0.5, 2.0, 3.0]), **given, reduction=reduction)
        D, alone = cost(z[[0, 2]], labels[[0, 2]], np.array([0.5, 2.0, 3.0]), **given, reduction=reduction)
        np.testing.assert_array_equal(np.delete(C, 1) if reduction == "none" else C, D)
        first = next(iter(gradients))
        np.testing.assert_array_equal(gradients[first], [alone[first][0], np.zeros(3), alone[first][1]])
        np.testing.assert_array_equal(gradients["weight"], alone["weight"])


def test_a_class_of_weight_zero_may_be_impossible():
    for C, gradients in (
        costs.cross_entropy_labels([[0.0, -np.inf]], [1], [1.0, 0.0], reduction="sum"),
        costs.cross_entropy_probabilities([[0.0, -np.inf]], [[0.5, 0.5]], [1.0, 0.0]),
        costs.nll_labels([[0.0, -np.inf]], [1], [1.0, 0.0], reduction="sum"),
        costs.multilabel_soft_margin([[0.0, -np.inf]], [[0.5, 1.0]], [1.0, 0.0]),
    ):
        assert np.isfinite(C)
        assert np.isfinite(next(iter(gradients.values()))).all()


def test_every_label_ignored():
    for cost in (costs.nll_labels, costs.cross_entropy_labels):
        with pytest.raises(ValueError, match="every label is ignored: the mean over none is undefined"):
            cost(np.zeros((2, 2)), [-100, -100], ignore_index=-100)
        C, gradients = cost(np.zeros((2, 2)), [-100, -100], ignore_index=-100, reduction="sum")
        assert C == 0
        assert not next(iter(gradients.values())).any()


# ---------------------------------------------------------------- range


def test_a_sum_may_overflow_whose_mean_does_not():
    a = np.full((3, 4), HUGE)
    C, gradients = costs.l1(a, 0 * a)
    np.testing.assert_allclose(C, HUGE, rtol=1e-15)
    assert gradients["a"].max() == 1 / 12
    C, _ = costs.squared_error(np.full(7, 1.3e154), np.zeros(7))
    np.testing.assert_allclose(C, 1.3e154**2, rtol=1e-15)
    C, _ = costs.squared_error(np.array([1.5e154, 0, 0, 0]), np.zeros(4))  # the term itself overflows
    np.testing.assert_allclose(C, 1.5 / 4 * 1.5 * 1e308, rtol=1e-14)
    C, _ = costs.l1(np.array([[HUGE] * 4, [np.inf, 0, 0, 0], [1.0] * 4]), np.zeros((3, 4)), leading=1)
    assert C.tolist() == [pytest.approx(HUGE), np.inf, 1.0]
    C, _ = costs.squared_error(np.array([[1.5e154, 0], [1e-150, 0]]), np.zeros((2, 2)), leading=1)
    np.testing.assert_allclose(C, [1.125e308, 5e-301], rtol=1e-14)  # each problem by itself
    assert costs.l1(np.array([np.nan, HUGE]), np.zeros(2))[0] != 0


@pytest.mark.parametrize(("residual", "weight"), [(1e200, 1e-300), (1e-200, 1e300), (1e160, 1e-308)])
def test_neither_a_square_nor_its_weight_leaves_the_range_on_the_way(residual, weight):
    C, gradients = costs.squared_error([residual], [0.0], [weight], reduction="sum")
    np.testing.assert_allclose(C, weight * residual * residual, rtol=1e-15)
    np.testing.assert_allclose(gradients["a"], [2 * residual * weight], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_many_short_floats_are_summed_in_float64(dtype):
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.float16
    C, gradients = costs.squared_error(np.ones((4096, 10), dtype), np.zeros((4096, 10)))
    assert (C, C.dtype) == (1, dtype)
    C, gradients = costs.l1(np.full((65536, 1), 0.5, dtype), np.zeros((65536, 1)))
    assert C == 0.5
    np.testing.assert_allclose(gradients["a"].astype(float), 2.0**-16, rtol=1e-3)


@pytest.mark.parametrize("id", [f.id for f in CATALOGUE.values() if f.kind == "cost" and f.prediction])
def test_at_the_end_of_a_network_a_cost_of_float32_is_evaluated_in_float64_too(id):
    case, record = cases.draw(id, "float32", "near", 0), CATALOGUE[id]
    a, y = case.arguments[record.prediction], case.arguments[record.target]
    C, gradients = record.function(a, y)
    at_end, slope = record.function.end(a, y, 0, {})
    np.testing.assert_allclose(at_end, C, rtol=2**-23)
    np.testing.assert_allclose(slope, gradients[record.prediction], rtol=2**-23)


# ---------------------------------------------------------------- what is not finite


@pytest.mark.parametrize(
    ("id", "arguments"),
    [
        ("cost/hinge", {"z": [0.5, math.nan], "y": [1.0, -1.0]}),
        ("cost/perceptron", {"z": [0.5, math.nan], "y": [1.0, -1.0]}),
        ("cost/hinge_embedding", {"z": [0.5, math.nan], "y": [1.0, -1.0]}),
        ("cost/margin_ranking", {"a": [0.5, math.nan], "b": [0.1, 0.2], "y": [1.0, -1.0]}),
        ("cost/nll", {"a": [[-0.5, math.nan]], "y": [[0.3, 0.7]]}),
    ],
)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_slope_of_a_term_that_is_nan_is_nan_whatever_branch_a_comparison_chose(id, arguments, reduction):
    value, gradients = CATALOGUE[id].function(**arguments, reduction=reduction)
    assert np.isnan(value).any()
    by = gradients[next(iter(arguments))].ravel()
    assert math.isnan(by[1])
    assert id == "cost/nll" or not math.isnan(by[0])  # its two entries are one term


def test_at_the_end_of_a_network_too():
    z = np.array([[0.5, math.nan], [2.0, -1.0]])
    _, gradient = costs.hinge.end(z, np.ones((2, 2)), 0, {})
    assert np.isnan(gradient).tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize(
    ("id", "arguments", "weight"),
    [
        ("cost/squared_error", {"a": [1.0, 2.0], "y": [0.5, 0.25]}, [3.0, 0.0]),
        ("cost/binary_cross_entropy", {"a": [0.25, 0.75], "y": [0.5, 0.25]}, [3.0, 0.0]),
        ("cost/softmax_focal", {"z": [[1.0, 2.0], [0.5, -1.0]], "labels": [0, 1]}, [3.0, 0.0]),
        ("cost/cross_entropy_labels", {"z": [[1.0, 2.0], [0.5, -1.0]], "labels": [0, 1]}, [3.0, 0.0]),
        (
            "cost/cross_entropy_probabilities",
            {"z": [[1.0, 2.0], [0.5, -1.0]], "y": [[0.5, 0.5], [0.0, 1.0]]},
            [3.0, 0.0],
        ),
    ],
)
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_has_no_weight_may_be_anything(id, arguments, weight, odd):
    name, x = next(iter(arguments.items()))
    spoilt = np.array(x)
    spoilt[1] = odd
    value, gradients = CATALOGUE[id].function(**arguments, weight=weight)
    other, others = CATALOGUE[id].function(**{**arguments, name: spoilt}, weight=weight)
    assert other == value
    assert others[name].tolist() == gradients[name].tolist()


def test_what_has_a_weight_is_a_probability():
    with pytest.raises(ValueError, match=r"a = nan at index \(1,\) is not a probability"):
        costs.binary_cross_entropy([0.25, math.nan], [0.5, 0.25], weight=[0.0, 3.0])
