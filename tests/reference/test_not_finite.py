"""NaN where it enters is NaN in value and gradient; what does not enter may hold anything, and nothing else moves."""

import inspect

import formula_cases
import numpy as np
import pytest
from formula_cases import DIFFERENTIABLE, cotangents, is_float

from reference import CATALOGUE, vjp

NOT_FINITE = [np.nan, np.inf, -np.inf]
# What NaN does not enter: the slopes of what is linear are the same everywhere, and no penalty has no value.
LINEAR = (
    "regularizer/none",
    "regularizer/dropout",
    "regularizer/inverted_dropout",
    "regularizer/alpha_dropout",
    "cost/wasserstein_critic",
)

# Layers whose slopes see no number at all: sums with fixed factors, and choices, where the slope says which was chosen.
FIXED_SLOPES = ("layer/average_pooling", "layer/adaptive_average_pooling", "layer/cumsum", "layer/rotary",
                "layer/interpolation",
                "layer/embedding")  # fmt: skip


def having(*names):
    """The costs that have one of these arguments or options."""
    return [
        id for id, f in CATALOGUE.items() if f.kind == "cost" and {*names} & {*inspect.signature(f.function).parameters}
    ]


def refused(record, name):
    """Whether entries of this argument are checked, so that NaN among them is a ValueError."""
    return record.entries.get(name, "") not in ("", "label", "length")


def spoilt(x, at, value):
    y = np.array(x, np.float64)
    y.flat[at] = value
    return y


@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if id not in LINEAR])
def test_nan_that_enters_is_nan_in_the_value_and_in_the_gradient(id):
    case = formula_cases.draw(id)
    for name, x in case.arguments.items():
        if not is_float(x) or np.size(x) == 0 or (name in ("weight", "pos_weight") and CATALOGUE[id].kind == "cost"):
            continue
        outputs, gradients = case.answer(cotangents(case.answer()[0]))
        enters = np.flatnonzero(gradients.get(name, 0))  # in what has no slope here, NaN need not be seen
        if not enters.size:
            continue
        at = int(enters[0])
        arguments = {**case.arguments, name: spoilt(x, at, np.nan)}
        if refused(CATALOGUE[id], name) or id == "update/clip_by_norm" or name in CATALOGUE[id].learnable:
            with pytest.raises(ValueError, match="nan"):
                vjp(id, arguments, cotangents(outputs), **case.parameters)
            continue
        outputs, gradients = vjp(id, arguments, cotangents(outputs), **case.parameters)
        assert any(np.isnan(y).any() for y in outputs.values()), name
        assert id in FIXED_SLOPES or any(np.isnan(g).any() for g in gradients.values()), name


def unmoved(id, arguments, parameters, name, rows, value):
    """All numbers but those of these rows of the argument are the same to the bit, whatever stands in the rows."""
    clean = vjp(id, arguments, None, **parameters)
    x = np.array(arguments[name], np.float64)
    x[rows] = value
    dirty = vjp(id, {**arguments, name: x}, None, **parameters)
    for before, after in zip(clean, dirty, strict=True):
        for key, y in before.items():
            keep = np.ones(np.shape(y), bool)
            if key == name:
                keep[rows] = False
            np.testing.assert_array_equal(np.asarray(y)[keep], np.asarray(after[key])[keep], err_msg=f"{id} {key}")
    np.testing.assert_array_equal(dirty[1][name][rows], 0)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("id", having("ignore_index"))
def test_rows_that_are_ignored_may_hold_anything(id, value):
    case = formula_cases.draw(id)
    labels = np.array(case.arguments["labels"])
    labels[1] = -100
    name = next(iter(case.arguments))
    for reduction in ("mean", "sum"):
        given = {"ignore_index": -100, "reduction": reduction}
        unmoved(id, {**case.arguments, "labels": labels}, {**case.parameters, **given}, name, 1, value)


def weighted_away(id, case):
    """Where a weight of 0 takes something out: the weights, an argument and a place in it."""
    name, weight = next(iter(case.arguments)), np.array(case.arguments["weight"], np.float64)
    labels = case.arguments.get("labels")
    if labels is not None:  # of a class: all examples of that label
        weight[labels[1]] = 0
        return weight, name, labels == labels[1]
    if id in formula_cases.OF_ROWS:
        weight[1] = 0
        return weight, name, 1
    if weight.ndim == 1:  # of a class in every row
        weight[1] = 0
        return weight, name, (slice(None), 1)
    weight[1, 2] = 0
    return weight, name, (1, 2)


# The probability of every class is in what the others cost, so that one cannot be taken out by its weight.
TOGETHER = ("cost/cross_entropy_probabilities", "cost/cross_entropy_labels")


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("id", [id for id in having("weight") if id not in TOGETHER])
def test_what_has_the_weight_0_may_hold_anything(id, value):
    case = formula_cases.draw(id)
    weight, name, at = weighted_away(id, case)
    if refused(CATALOGUE[id], name):
        return  # entries are checked, whether they count or not
    arguments = {**case.arguments, "weight": weight}
    clean = vjp(id, arguments, None, reduction="sum")
    x = np.array(arguments[name], np.float64)
    x[at] = value
    outputs, gradients = vjp(id, {**arguments, name: x}, None, reduction="sum")
    np.testing.assert_array_equal(outputs["value"], clean[0]["value"])
    keep = np.ones(x.shape, bool)
    keep[at] = False
    np.testing.assert_array_equal(gradients[name][keep], clean[1][name][keep])
    np.testing.assert_array_equal(gradients[name][~keep], 0)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("id", ["regularizer/dropout", "regularizer/inverted_dropout", "regularizer/alpha_dropout"])
def test_units_that_are_dropped_may_hold_anything(id, value):
    a, mask = np.array([[0.5, -2.0], [1.5, 3.0]]), np.array([[1, 0], [1, 1]])
    clean, dirty = (vjp(id, {"a": x, "mask": mask}, None) for x in (a, np.where(mask == 0, value, a)))
    for before, after in zip(clean, dirty, strict=True):
        for key in before:
            np.testing.assert_array_equal(before[key], after[key])


@pytest.mark.parametrize("id", ["cost/hinge", "cost/squared_hinge", "cost/perceptron", "cost/soft_margin"])
def test_a_score_infinitely_far_on_the_right_side_costs_nothing_and_moves_nothing(id):
    z, y = np.array([0.3, 40.0, -0.2]), np.array([1.0, 1.0, -1.0])
    (clean, slopes), (value, gradients) = (
        vjp(id, {"z": x, "y": y}, None, reduction="none") for x in (z, [0.3, np.inf, -0.2])
    )
    np.testing.assert_array_equal(value["value"][[0, 2]], clean["value"][[0, 2]])
    np.testing.assert_array_equal(gradients["z"][[0, 2]], slopes["z"][[0, 2]])
    assert value["value"][1] == gradients["z"][1] == 0


# Layers that share no weights between examples, as the first axis is time, or examples meet in keys and statistics.
MEET = ("layer/batch_norm", "layer/rnn", "layer/lstm", "layer/gru", "layer/multi_head_attention", "layer/embedding",
        "layer/ssd", "layer/delta_rule", "layer/selective_scan")  # fmt: skip
WEIGHTS = ("weight", "bias", "mean", "variance", "alpha", "gate", "up", "down")


def weights_of(id):
    return {*WEIGHTS} & {*inspect.signature(CATALOGUE[id].function).parameters}


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if id.startswith("layer/") and weights_of(id)])
def test_an_example_whose_cotangent_is_0_does_not_enter_the_gradient_by_weights(id, value):
    for seed in (0, 1, 3):
        case = formula_cases.draw(id, seed)
        (name, x), *_ = case.arguments.items()
        if id in MEET or not is_float(x) or np.ndim(x) < 2:
            continue
        outputs, _ = case.answer()
        v = {key: np.ones(y.shape) for key, y in outputs.items()}
        x = np.array(x, np.float64)
        for w in v.values():
            w[0] = 0
        clean = vjp(id, case.arguments, v, **case.parameters)[1]
        x[0] = value
        dirty = vjp(id, {**case.arguments, name: x}, v, **case.parameters)[1]
        for key in weights_of(id) & dirty.keys():
            np.testing.assert_allclose(dirty[key], clean[key], rtol=1e-12, atol=1e-14, err_msg=f"{key}, seed {seed}")
