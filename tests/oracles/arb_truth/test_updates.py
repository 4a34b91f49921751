"""Steps of update rules over balls: they are what the records print, no input is ignored, and bad input is named."""

import inspect
import math
import re

import numpy as np
import pytest
from updates import FIRST, Printed, letters

from gradproof import cases
from reference import CATALOGUE

pytest.importorskip("flint")

from oracles.arb_truth import has, pullback, vjp
from oracles.arb_truth.arrays import DEFINITIONS
from oracles.arb_truth.updates import MEETING, UPDATES

over_rules = pytest.mark.parametrize("id", cases.STEPS)
W, G, M, V = 0.75, -0.3125, 0.1, 0.2


def hyperparameters(id):
    """By our names, with the defaults of the record's function."""
    parameters = inspect.signature(CATALOGUE[id].function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def state(id, shape=(2,)):
    """w, dC and accumulators of the record, all of them different numbers, in their shapes."""
    start = CATALOGUE[id].function.start([np.zeros(shape)])
    shapes = {"dC": shape, "w": shape, **{s: np.shape(x[0]) for s, x in start.items() if s != "t"}}
    rng = np.random.default_rng(len(id))
    return {name: 0.25 + k / 7 + rng.integers(0, 9, x) / 64 for k, (name, x) in enumerate(shapes.items())}


def test_there_is_a_definition_of_every_rule_and_of_nothing_else():
    assert UPDATES.keys() == cases.STEPS.keys()
    assert not UPDATES.keys() & DEFINITIONS.keys()
    assert {has(id) for id in UPDATES} == {"composed"}


@over_rules
def test_hyperparameters_and_their_defaults_are_those_of_the_record(id):
    definition = dict(UPDATES[id].parameters)
    assert definition.pop("t") == 1
    assert definition == hyperparameters(id)


@over_rules
@pytest.mark.parametrize("t", [1, 2, 9])
def test_the_new_parameter_is_what_the_record_prints(id, t):
    """The printed statement in exact rationals, to 40 digits."""
    record = CATALOGUE[id]
    printed = Printed(record)
    given = state(id, printed.shape)
    if id in FIRST and t > 1:
        pytest.skip("printed of the first step")
    given = {name: x for name, x in given.items() if id not in FIRST or name in ("w", "dC")}
    h = {**record.parameters, **FIRST.get(id, {}), **({"threshold": 4.0} if id == "update/radam" else {})}
    exact = printed.new({**letters(given), **h, "t": t})
    if id == "update/adagrad" and t == 1:
        assert h["initial"] == 0
    found = vjp(id, given, t=t, **FIRST.get(id, {}))[0]["w"].truth
    np.testing.assert_array_equal(exact.astype(float), found.hi)
    for said, y, residual in zip(exact.ravel(), found.hi.ravel(), found.residual.ravel(), strict=True):
        assert abs(float(said - sympy_rational(y)) / math.ulp(y) - residual) < 2.0**-19


def sympy_rational(x):
    return pytest.importorskip("sympy").Rational(float(x))


SETTINGS = {  # in which everything counts
    "update/asgd": {"t0": 1.0},
    "update/sophia": {"clip": 1e3, "gamma": 1.0},
    "update/polyak_sgd": {"most": 1e3},
    "update/prodigy": {"d0": 0.25, "coefficient": 1e6},
    "update/momo": {"value": 30.0, "eta": 1e3},
    "update/momo_adam": {"value": 30.0, "eta": 1e3},
    "update/sam": {"t": 4},
}
LEAST = [f"update/{name}" for name in ("adaptive_clipping", "adopt", "cocob", "sophia")]  # of something, which eps is


@over_rules
def test_every_argument_and_every_hyperparameter_counts(id):
    """An error in any of them moves an output, here or in the first step: none is left out of a definition."""
    arrays = state(id, (2, 3) if "j" in CATALOGUE[id].arguments[0] else (2,))
    given = {name: np.array([x[0], 0.9 - x[0]]) if x.shape == (2,) else x for name, x in arrays.items()}
    h = {**hyperparameters(id), "t": 5, **SETTINGS.get(id, {})}
    h |= {"mu": 0.5} if "mu" in h else {}
    given |= (
        {"m": np.array([-0.5, 0.2])} if "m" in given and given["m"].ndim == 1 else {}
    )  # against the gradient, and with it
    given |= {"u": np.array([0.1, 5.0])} if "u" in given else {}  # smaller, and larger
    given |= {"p": np.array([-0.5, 0.2])} if "p" in given else {}  # another sign, and the same

    def outputs(arguments, **more):
        return {name: q.truth.hi.tolist() for name, q in vjp(id, arguments, **{**h, **more})[0].items()}

    right = outputs(given)
    first = {name: given[name] for name in ("w", "dC")}
    begun = outputs(first, t=1)
    for name, x in given.items():
        moved = any(outputs({**given, name: factor * x}) != right for factor in (0.8, -1.0))
        assert moved or (name in first and outputs({**first, name: 0.8 * x}, t=1) != begun), name
    others = {"bias_correction": True, "t": 1, "threshold": 1e300, "n": 3.0, "eta_plus": 1.5,
              "smallest": 10.0, "largest": 0.25, "least": 3.0, "period": 3,
              "iterations": 3, "nesterov": False, "adjust": "match_rms_adamw"}  # fmt: skip
    others |= {"eps": 3.0} if id in LEAST else {}
    counted = "t" in CATALOGUE[id].arguments and id != "update/amsgrad"  # which corrects no bias unless told
    for name in h.keys() - (set() if counted else {"t"}):
        other = others.get(name, 0.3)
        moved = outputs(first, **{"t": 1, name: other}) != outputs(first, t=1)
        assert moved or outputs(given, **{name: other}) != right, name


ENTRIES = {
    "w": np.array([[0.5, -2.0, 1.5], [0.75, 1.25, -3.0]]),
    "dC": np.array([[0.25, 3.0, -1e-3], [1.5, -2.0, 0.5]]),
}


@pytest.mark.parametrize("id", [id for id in cases.STEPS if id not in MEETING])
def test_entries_do_not_see_each_other(id):
    together = vjp(id, ENTRIES)[0]
    for at in np.ndindex(2, 3):
        alone = vjp(id, {name: x[at] for name, x in ENTRIES.items()})[0]
        for name, q in alone.items():
            k = at if together[name].sway.shape else ()
            assert (together[name].truth.hi[k], together[name].sway[k]) == (q.truth.hi, q.sway)


@over_rules
def test_what_is_not_given_is_at_its_start(id):
    together = vjp(id, ENTRIES)[0]
    start = CATALOGUE[id].function.start([ENTRIES["w"]])
    again = vjp(id, {**ENTRIES, **{name: np.asarray(x[0]) for name, x in start.items() if name != "t"}})[0]
    assert together.keys() == {"w", *start} - {"t"}
    for name, q in together.items():
        np.testing.assert_array_equal(q.truth.hi, again[name].truth.hi)


@pytest.mark.parametrize("g", [1e200, 1e-200, -1e200])
def test_no_square_overflows_and_the_first_step_of_adam_is_eta(g):
    outputs, gradients = vjp("update/adam", {"w": [0.0], "dC": [g]}, eps=0.0, eta=0.25)
    assert outputs["w"].truth.hi == [-math.copysign(0.25, g)]
    assert outputs["v"].truth.hi == [math.inf if abs(g) > 1 else 0.0]
    assert gradients == {}


def test_the_sign_of_lion_is_decided_where_floats_cannot():
    """0.9·1 − (1 − 0.9)·9 is 0 but for the last bit of 0.9."""
    outputs, _ = vjp("update/lion", {"w": [0.0], "dC": [-9.0], "m": [1.0]}, t=2, eta=1.0)
    assert outputs["w"].truth.hi == [-1.0]  # 0.9 as a float is larger than 9/10
    assert vjp("update/lion", {"w": [0.0], "dC": [0.0]}, eta=1.0)[0]["w"].truth.hi == [0.0]


def test_a_variance_of_exactly_nothing_is_nothing():
    """s + m² − m² cancels, and balls see it as 0."""
    given = {"w": [0.0], "dC": [0.3], "m": [0.3], "s": [0.0]}
    outputs, _ = vjp("update/rmsprop_centered", given, t=2, eta=1.0, eps=0.5)
    assert outputs["s"].truth.hi == [0.0]
    assert outputs["w"].truth.hi == [-0.6]


def test_what_has_no_value_has_no_truth():
    for id in ("update/adam", "update/adamax"):
        outputs, _ = vjp(id, {"w": [1.0, 1.0], "dC": [0.0, 2.0]}, eps=0.0)
        assert np.isnan(outputs["w"].truth.hi).tolist() == [True, False]
        assert outputs["w"].truth.undecided.tolist() == [True, False]
    outputs, _ = vjp("update/sgd", {"w": [math.inf, 1.0], "dC": [1.0, math.nan]})
    assert np.isnan(outputs["w"].truth.hi).all()


def test_sways_are_those_of_the_same_entry():
    outputs, _ = vjp("update/sgd", {"w": [2.0, 4.0], "dC": [1.0, 100.0]}, eta=0.5)
    assert outputs["w"].sway.tolist() == [2.5, 54.0]
    assert math.isnan(pullback("update/sgd", {"w": [2.0], "dC": [1.0]}).vacuity)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_truth_is_a_float_of_the_dtype(dtype):
    case = cases.draw("update/adamw", dtype, "plain", 1)
    for q in vjp(case.formula, case.arguments, dtype=dtype, **case.parameters)[0].values():
        np.testing.assert_array_equal(q.truth.hi, np.asarray(q.truth.hi).astype(case.arguments["w"].dtype))
        assert (np.abs(q.truth.residual) <= 0.5).all()


TWO = {"w": [1.0, 2.0], "dC": [0.5, -1.0]}


@pytest.mark.parametrize(
    ("id", "arguments", "given", "error", "says"),
    [
        ("update/adam", {"w": [1.0]}, {}, TypeError, "dC"),
        ("update/adam", {"dC": [1.0]}, {}, TypeError, "'w'|needs w"),
        ("update/adam", {**TWO, "q": [1.0, 2.0]}, {}, TypeError, "no argument 'q'"),
        ("update/adam", {**TWO, "dC": [1.0]}, {}, ValueError, r"dC has shape \(1,\), not \(2,\) as w"),
        ("update/nadam", {**TWO, "P": [1.0, 1.0]}, {}, ValueError, r"P has shape \(2,\), not \(\)"),
        ("update/adam", {**TWO, "w": [1, 2]}, {}, TypeError, "needs w, a float array"),
        ("update/adam", TWO, {"t": 0}, ValueError, "t = 0, but t >= 1 is required"),
        ("update/adam", TWO, {"t": 1.5}, TypeError, "t = 1.5; need the number of the step"),
        ("update/adam", TWO, {"t": True}, TypeError, "t = True; need the number of the step"),
        ("update/adam", TWO, {"beta2": 1.0}, ValueError, "beta2 = 1.0, but 0 <= beta2 < 1 is required"),
        ("update/adam", TWO, {"eta": math.inf}, ValueError, "eta = inf is not finite"),
        ("update/nadam", TWO, {"momentum_decay": math.nan}, ValueError, "momentum_decay = nan is not finite"),
        ("update/adam", TWO, {"lr": 0.1}, TypeError, "no parameter 'lr'"),
        ("update/radam", TWO, {"threshold": 3.0}, ValueError, "threshold >= 4 is required"),
        ("update/adam", TWO, {"cotangent": [1.0, 1.0]}, ValueError, "it takes no cotangent"),
    ],
)
def test_bad_input_is_named(id, arguments, given, error, says):
    with pytest.raises(error, match=says):
        vjp(id, arguments, **given)


def test_a_message_names_the_one_condition_that_fails():
    with pytest.raises(ValueError, match=r"^update/adam: t = 0, but t >= 1 is required$") as raised:
        vjp("update/adam", TWO, t=0)
    assert not re.search("beta", str(raised.value))
