"""The ends of every domain from both sides, defaults, NaN, and memory: over every formula that has them.

What a parameter may be is written here a second time, as an interval, by its name: a condition in a record that takes
one end too many or too few does not agree.
"""

import ast
import functools
import inspect
import math
import re
import tracemalloc

import numpy as np
import pytest
from formula_cases import CATALOGUE, DIFFERENTIABLE, cotangents, draw, is_float

from reference import vjp
from reference.entries import CHECKS
from reference.lift import checked

INTERVALS = {  # by parameter; an entry of its own where a formula differs
    **dict.fromkeys(("alpha", "gamma", "smooth", "eps", "lambd", "lam", "eta", "initial"), "[0, oo)"),
    **dict.fromkeys(("trust", "least", "optimism", "most", "radius", "coefficient", "decay"), "[0, oo)"),
    "d0": "(0, oo)",
    **dict.fromkeys(("beta", "b", "delta", "temperature", "limit", "max_value", "max_norm", "clip"), "(0, oo)"),
    **dict.fromkeys(("beta1", "beta2", "beta3", "rho", "mu", "rate"), "[0, 1)"),
    **dict.fromkeys(("label_smoothing", "mix"), "[0, 1]"),
    **dict.fromkeys(("axes", "groups", "heads", "size"), "1, 2, …"), "iterations": "0, 1, …", "period": "1, 2, …",
    "low": "[0, 1]", "high": "[0, oo)", "base": "(0, oo)",
    "lower": "(-oo, upper]", "min_val": "(-oo, max_val]", "tau": "(0, 1)", "k": "{1, 2, 3}", "p": "{1, 2}",
    "eta_minus": "(0, 1)", "eta_plus": "(1, oo)", "smallest": "[0, largest]", "largest": "[smallest, oo)",
    "threshold": "[4, oo)", "momentum_decay": "[0, oo]", "softcap": "(0, oo]", "power": "[0, oo)",
    "activation/celu alpha": "(0, oo)", "cost/sigmoid_focal alpha": "[0, 1]", "cost/tversky beta": "[0, oo)",
    "cost/triplet_margin margin": "(0, oo)", "regularizer/label_smoothing eps": "[0, 1]",
    "layer/lp_pooling p": "[1, oo]", "regularizer/l2 n": "(0, oo)", "update/sgd_l2 n": "[1, oo)",
    "layer/local_response_norm beta": "[0, oo)", "layer/local_response_norm k": "(0, oo)",
    "layer/group_norm groups": "0, 1, …", "layer/attention offset": "…, 0, 1, …",
}  # fmt: skip
FREE = {"negative_slope", "weight", "upper", "max_val", "threshold", "value", "margin", "eps", "epsilon", "target",
        "full", "blank", "zero_infinity", "ignore_index", "dampening", "bias_correction", "offset", "correction",
        "layer/lora alpha", "t0", "lower", "a", "b", "c"}  # fmt: skip
NO_NUMBER = ("full", "blank", "zero_infinity", "ignore_index", "bias_correction")
SIZED = ("correction",)  # less than the entries along an axis: the tests of the layer
ALL = [(id, name) for id, f in CATALOGUE.items() for name in f.parameters]
LIMITED = [(id, name) for id, name in ALL if name in CATALOGUE[id].valid]
LARGEST = float(np.finfo(np.float64).max)


def interval(id, name):
    found = INTERVALS.get(f"{id} {name}", INTERVALS.get(name))
    assert found, f"{id}: say in INTERVALS what {name} may be"
    return found


def inside_and_outside(id, name):
    """Numbers at the ends of the interval and beside them: those that belong to it, and those that do not."""
    text, names = interval(id, name), {**CATALOGUE[id].parameters, "oo": math.inf}
    if text.startswith("{"):
        whole = [float(x) for x in ast.literal_eval(text)]
        return whole, [min(whole) - 1, *(np.nextafter(x, x + 1) for x in whole), *([3.0] if name == "p" else [])]
    if text.endswith("…"):
        least = -math.inf if text.startswith("…") else float(text[0])
        return [max(least, 0.0), 7.0], [least - 1, np.nextafter(1, 2), 2.5, math.inf]
    low, high = (float(eval(end, {"__builtins__": {}}, names)) for end in text[1:-1].split(","))
    ends = [(low, text[0] == "[", math.inf), (high, text[-1] == "]", -math.inf)]
    inside, outside = [], []
    for end, closed, inwards in ends:
        if math.isfinite(end):
            (inside if closed else outside).append(end)
            inside.append(np.nextafter(end, inwards))
            outside.append(np.nextafter(end, -inwards))
        else:
            (inside if closed else outside).append(end)
    return inside, outside


def call(id, **parameters):
    if id in DIFFERENTIABLE:
        case = draw(id)
        arguments = {name: x for name, x in case.arguments.items() if name not in parameters}
        return vjp(id, arguments, **{**case.parameters, **parameters})
    return vjp(id, {"w": np.array([0.5, -2.0]), "dC": np.array([0.3, 0.7])}, **parameters)


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(("id", "name"), LIMITED)
def test_every_end_of_a_domain_is_tried_from_both_sides(id, name):
    inside, outside = inside_and_outside(id, name)
    assert len(inside) + len(outside) >= 2
    if interval(id, name).endswith("…"):  # which of them go with a shape, the tests of the layer say
        for value in inside:
            assert checked(CATALOGUE[id].function, CATALOGUE[id].parameters, {name: value}) == {name: value}
        inside = []
    for value in inside:
        for x in call(id, **{name: value})[0].values():
            assert not np.isnan(x).any(), f"{name} = {value!r}"
    for value in outside:
        with pytest.raises(
            ValueError, match=rf"{name} = {re.escape(str(float(value)))}(, .*)?(; need | is not finite)"
        ):
            call(id, **{name: value})


@pytest.mark.parametrize(("id", "name"), [pair for pair in ALL if pair not in LIMITED])
def test_what_has_no_condition_may_be_any_number(id, name):
    assert {name, f"{id} {name}"} & FREE, "it has no condition, and nobody says that it needs none"
    if name not in (*NO_NUMBER, *SIZED):
        low = CATALOGUE[id].parameters.get({"upper": "lower", "max_val": "min_val"}.get(name, ""), -math.inf)
        for value in (-3.5, -5e-324, 0.0, 5e-324, 1.0, 3.5):
            if value > low and not (name == "eps" and value < 0):
                call(id, **{name: value})


@pytest.mark.parametrize(("end", "refused"), [("0 <= beta1 <= 1", False), ("0 < beta1 < 1", True)])
def test_a_condition_with_one_end_too_many_or_too_few_is_noticed(monkeypatch, end, refused):
    record = CATALOGUE["update/adam"]
    monkeypatch.setitem(record.valid, "beta1", end)
    with pytest.raises(ValueError, match=r"beta1 = 0\.0; need") if refused else pytest.raises(pytest.fail.Exception):
        test_every_end_of_a_domain_is_tried_from_both_sides("update/adam", "beta1")


# ---------------------------------------------------------------- entries

TINY = 5e-324
ENDS = {  # of entries: rows that are taken, and numbers just beyond
    "probability": ([[0.0, 1.0, TINY, 1 - 2.0**-53]], [-TINY, np.nextafter(1, 2)]),
    "distribution": ([[0.0, 1.0, 0.0, 0.0]], [-TINY, np.nextafter(1, 2)]),
    "log distribution": ([[-np.inf, 0.0, -np.inf, -np.inf]], [TINY]),
    "indicator": ([[0.0, 1.0, -0.0, 1.0]], [TINY, np.nextafter(1, 0)]),
    "sign": ([[-1.0, 1.0, 1.0, -1.0]], [np.nextafter(1, 2), -np.nextafter(1, 0)]),
    "count": ([[0.0, -0.0, TINY, 1e300]], [-TINY]),
    "rate": ([[0.0, -0.0, TINY, 1e300]], [-TINY]),
    "variance": ([[TINY, 1.0, 1e300, LARGEST]], [0.0, -0.0, -TINY]),
    "variance or 0": ([[0.0, -0.0, TINY, LARGEST]], [-TINY]),
    "log probability": ([[-np.inf, -TINY, -LARGEST, -1.0], [0.0, -0.0, 0.0, -0.0]], [TINY]),
}
ENTRIES = [(id, name, kind) for id, f in CATALOGUE.items() for name, kind in f.entries.items() if kind in CHECKS]


def test_the_ends_of_every_kind_of_entries_are_there():
    assert set(ENDS) == set(CHECKS)


@pytest.mark.parametrize(("id", "name", "kind"), ENTRIES)
def test_entries_at_the_ends_are_taken_and_just_beyond_refused(id, name, kind):
    case = draw(id)
    x = np.asarray(case.arguments[name])
    taken, refused = ENDS[kind]
    row = np.resize(taken, x.shape) if x.ndim < 2 else np.broadcast_to(np.resize(taken, x.shape[-1:]), x.shape)
    if "distribution" in kind and x.shape[-1] != 4:
        row = np.full(x.shape, -np.inf if kind.startswith("log") else 0.0)
        row[..., 1] = 0.0 if kind.startswith("log") else 1.0
    outputs, _ = case.answer(**{name: row})
    assert not np.isnan(outputs["value"]).any()
    for bad in refused:
        spoiled = np.array(row)
        spoiled[(0,) * x.ndim] = bad
        with pytest.raises(ValueError, match=rf"(exp\()?{name}\)? = |the sum of a row of"):
            case.answer(**{name: spoiled})


# ---------------------------------------------------------------- defaults


@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if f.kind != "network"])
def test_called_without_options_a_formula_has_the_defaults_of_its_record(id):
    record = CATALOGUE[id]
    options = {p.name: p.default for p in inspect.signature(record.function).parameters.values()
               if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}  # fmt: skip
    options = {n: x for n, x in options.items() if id not in DIFFERENTIABLE or n not in draw(id).parameters}
    plain, spelled = call(id), call(id, **{**options, **{n: x for n, x in record.parameters.items() if n in options}})
    for got, expected in zip(plain, spelled, strict=True):
        assert got.keys() - set(options) == expected.keys() - set(options)
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])


# ---------------------------------------------------------------- NaN


@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if id != "regularizer/none"])  # where nothing enters
def test_a_nan_is_passed_on_or_refused_and_never_swallowed(id):
    case = draw(id)
    v = cotangents(case.answer()[0])
    first = next(name for name, x in case.arguments.items() if is_float(x))
    x = np.full(np.shape(case.arguments[first]), np.nan)
    if "mask" in case.arguments:
        case.arguments["mask"] = np.ones_like(case.arguments["mask"])
    try:
        outputs, gradients = case.answer(v, **{first: x})
    except ValueError as refused:
        assert {"g1": "gradients[0]"}.get(first, first) in str(refused)  # noqa: PT017
        assert "nan" in str(refused)  # noqa: PT017
        return
    assert any(np.isnan(y).any() for y in outputs.values())
    assert id in LINEAR or np.isnan(gradients[first]).any()


LINEAR = {
    *("layer/linear", "layer/lora", "layer/convolution", "layer/transposed_convolution", "layer/causal_convolution"),
    *("layer/batch_norm_inference", "layer/embedding", "layer/average_pooling", "layer/adaptive_average_pooling"),
    *("layer/rotary", "layer/cumsum", "layer/interpolation"),
    *("layer/delta_rule", "layer/bilinear", "layer/grid_sample"),  # by what comes first
    "activation/identity",
    "cost/wasserstein_critic",
    "cost/kl_div",
    "cost/kl_div_log_target",
    "cost/nll",
    "cost/nll_labels",
    "regularizer/dropout",
    "regularizer/alpha_dropout",
    "regularizer/inverted_dropout",
    "regularizer/label_smoothing",
}  # slopes that do not see it


# ---------------------------------------------------------------- memory

WIDE = 100_000
LABELLED = [id for id in DIFFERENTIABLE if id.startswith("cost/") and "labels" in draw(id).arguments]
LABELLED.remove("cost/crf")  # takes a table of d × d


@pytest.mark.parametrize("id", LABELLED)
def test_memory_is_of_the_order_of_the_input(id):
    """A table of d × d would be 75 GiB. What is needed are a few arrays of the size of the scores."""
    if id == "cost/nt_xent":  # labels of rows: n × n by definition, and n·d beside
        z, labels, least = np.random.default_rng(0).standard_normal((8, WIDE)), np.arange(8) // 2, 8 * WIDE * 8
    elif id == "cost/linear_cross_entropy":  # of the matrix that is as wide as the vocabulary
        z, labels, least = np.ones((2, 3)), np.array([5, WIDE - 1]), 3 * WIDE * 8
    else:
        z = np.log(np.full((2, WIDE), 1 / WIDE))
        labels, least = np.array([5, WIDE - 1]), z.nbytes
    case = draw(id)
    first = next(iter(case.arguments))
    given = {**case.arguments, first: z, "labels": labels}
    if id == "cost/ctc":
        given |= {first: z[:, None], "labels": labels[:, None], "input_lengths": [1, 1], "target_lengths": [1, 1]}
    if id == "cost/transducer":  # with a row more than there are labels
        z, least = np.repeat(z[:, None, None], 2, 2), 2 * least
        given |= {first: z, "labels": labels[:, None], "input_lengths": [1, 1], "target_lengths": [1, 1]}
    if id == "cost/adaptive_log_softmax":  # all words but those of one cluster are frequent
        given |= {"tails": np.zeros((2, 3))}
    if id == "cost/linear_cross_entropy":
        given |= {"W": np.random.default_rng(0).standard_normal((WIDE, 3)), "b": None}
    given.pop("weight", None)
    ask = functools.partial(vjp, id, given, **case.parameters)
    ask()  # what is imported and kept on the first call
    tracemalloc.start()
    try:
        outputs, gradients = ask()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(outputs["value"]).all()
    assert gradients[first].shape == given[first].shape
    assert peak < 16 * least, f"{peak / least:.1f} times the scores"
