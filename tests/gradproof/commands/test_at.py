"""One activation at points of a person: what is read, who answers, and whose answer is judged how."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import plant, scaled

from gradproof.cases.parameters import OTHERS
from gradproof.commands.at import DTYPES, array, evaluate, number, split, table, ulp, ulps
from gradproof.evidence.environment import ORACLES, load
from gradproof.evidence.finding import hexed
from gradproof.lookup import UsageError
from reference import CATALOGUE

NUMPY_DTYPES = ("float16", "float32", "float64")
RELU, TANH = "activation/relu", "activation/tanh"
FLOATS = st.floats(allow_nan=False)


# ---------------------------------------------------------------- what is read


@given(FLOATS)
def test_a_number_is_read_from_decimal_and_hex(x):
    assert number(repr(x)) == number(x.hex()) == x


@pytest.mark.parametrize("text", ["abc", "", "1,5", "0xg", "0x", "1e", "--1", "1 2", "0x1p99999"])
def test_what_is_no_number_is_refused(text):
    complaint = " is not a number; write 38, -1e-3"
    with pytest.raises(UsageError, match=f"^{text!r}{complaint}"):
        number(text)


def test_points_and_parameters_may_be_mixed():
    assert split(["1", "alpha=0x1p1", "-inf"]) == ([1.0, -math.inf], {"alpha": 2.0})


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_points_are_rounded_to_the_dtype(dtype):
    x = array([0.1, math.inf, math.nan], dtype)
    assert x.dtype == dtype
    assert x[0] == np.dtype(dtype).type(0.1)
    assert x[1] == math.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_point_beyond_the_dtype_is_refused_and_not_made_infinite(dtype):
    largest = float(pytest.importorskip("ml_dtypes").finfo(dtype).max)
    assert array([largest], dtype).astype(float) == largest
    if dtype != "float64":
        with pytest.raises(UsageError, match=rf"x: -.* is beyond the largest {dtype}; write inf if you mean it"):
            array([0.5, -2 * largest], dtype)


def test_a_name_that_is_given_twice_is_refused():
    with pytest.raises(UsageError, match="alpha is given twice, as 2 and as 3"):
        split(["1", "alpha=2", "alpha=3"])


def test_an_unknown_dtype_and_one_that_is_not_installed_are_refused(monkeypatch):
    with pytest.raises(UsageError, match=f"dtype 'float8' is unknown; choose one of {', '.join(DTYPES)}"):
        array([1.0], "float8")
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(UsageError, match=r"bfloat16 needs ml-dtypes: pip install 'gradproof\[oracles\]'"):
        array([1.0], "bfloat16")


@pytest.mark.parametrize("id", [f.id for f in CATALOGUE.values() if not f.elementwise])
def test_only_elementwise_activations_have_single_points(id):
    with pytest.raises(UsageError, match=f"{id} does not act on single numbers; 'at' takes elementwise activations"):
        evaluate(id, [1.0])


# ---------------------------------------------------------------- distances


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
@given(FLOATS)
def test_ulp_is_the_spacing_above(dtype, x):
    with np.errstate(over="ignore"):
        x = np.abs(np.array(x, dtype))
    if x < np.finfo(dtype).max:  # where the next float is finite
        assert ulp(float(x), dtype) == np.spacing(x)


@given(st.integers(0, 0x7F7F))
def test_ulp_of_bfloat16(bits):
    """A bfloat16 is the upper half of a float32."""
    below, above = (float(np.array(b << 16, np.uint32).view(np.float32)) for b in (bits, bits + 1))
    if math.isfinite(above):
        assert ulp(below, "bfloat16") == above - below


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [((1.0).hex(), (1 + 2**-51).hex(), 2), ("0x0p+0", "-0x0p+0", 0), ("nan", "nan", 0), ("inf", "inf", 0),
     ("inf", "0x1p0", math.inf), ("nan", "0x1p0", math.inf), ("0x1p0", "-inf", math.inf)],
)  # fmt: skip
def test_ulps_count_floats_between(one, other, distance):
    assert ulps(one, other, "float64") == distance


# ---------------------------------------------------------------- who answers


@pytest.fixture
def no_truth(monkeypatch):
    monkeypatch.setitem(sys.modules, "oracles.arb_truth", None)
    monkeypatch.delattr("oracles.arb_truth", raising=False)


@pytest.mark.parametrize("id", [f.id for f in CATALOGUE.values() if f.elementwise])
def test_ours_is_the_formula_at_those_points_and_no_truth_is_made_up(no_truth, monkeypatch, id):
    monkeypatch.setattr("gradproof.commands.at.ORACLES", {})
    points = [-29.03125, -3.015625, 0.126953125, 2.515625, math.nan]
    for dtype in NUMPY_DTYPES:
        for parameters in ({}, *OTHERS.get(id, ())[:1]):
            z = array(points, dtype)
            slots = zip(z, *CATALOGUE[id].function(z, **parameters), strict=True)
            result = evaluate(id, points, dtype, parameters)
            if dtype == "float16" and not parameters:  # known everywhere
                assert all(point.pop("truth") and point.pop("verdict") for point in result["points"][:-1])
            assert result == {
                "formula": id, "dtype": dtype, "parameters": parameters, "truth by": "tables",
                "points": [{"x": hexed(x), "ours": {"value": hexed(v), "slope": hexed(s)}} for x, v, s in slots],
            }  # fmt: skip


@pytest.mark.parametrize("id", [f.id for f in CATALOGUE.values() if f.elementwise])
@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_what_is_known_without_balls_is_what_balls_say(monkeypatch, id, dtype):
    """At kinks both slopes, and the same verdict on ours."""
    pytest.importorskip("flint")
    monkeypatch.setattr("gradproof.commands.at.ORACLES", {})
    points = [-math.inf, -3.0, -1.0, -0.5, -0.0, 0.0, 0.1, 0.5, 1.0, 3.0, 6.0, 20.0, 38.0, math.inf]
    by_balls = evaluate(id, points, dtype)["points"]
    monkeypatch.setitem(sys.modules, "oracles.arb_truth", None)
    monkeypatch.delattr("oracles.arb_truth", raising=False)
    assert evaluate(id, points, dtype)["points"] == by_balls


@pytest.mark.parametrize(
    ("words", "known", "said"),
    [
        ("activation/sigmoid 38", [True], "from a table."),
        ("activation/sigmoid 38.125", [False], "pip install 'gradproof[check]' computes it anywhere. Measured"),
        ("activation/sigmoid 38 38.125", [True, False], "computes it anywhere"),
        ("activation/elu 1 alpha=2", [False], "default parameters"),
        ("activation/elu 1 alpha=1", [True], "default parameters"),
    ],
)
def test_without_balls_it_is_said_which_truth_there_is(no_truth, words, known, said):
    id, *rest = words.split()
    points, parameters = split(rest)
    result = evaluate(id, points, "float64", parameters)
    assert (
        ["truth" in point for point in result["points"]] == ["verdict" in point for point in result["points"]] == known
    )
    told = table(result)
    assert [row[2] for row in told.rows if row[1] == "truth"].count("not known") == known.count(False)
    assert "Without python-flint the truth is known at 2" in told.note
    assert said in told.note


def test_a_wrong_slope_is_seen_without_balls(no_truth, monkeypatch):
    plant(monkeypatch, TANH, scaled(1 + 1e-12))
    assert evaluate(TANH, [0.5])["points"][0]["verdict"] == "wrong"


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_framework_answers_in_every_dtype(no_truth, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    (point,) = evaluate("activation/sigmoid", [38.0], dtype)["points"]
    answers = {side: answer for side, answer in point.items() if side in ("ours", *ORACLES)}
    assert list(answers) == ["ours", *filter(load, ORACLES)]
    assert {float.fromhex(answer["value"]) for answer in answers.values()} == {1.0}
    truth = math.exp(-38) / (1 + math.exp(-38)) ** 2  # 1 − σ is 0 there, σ(38)·σ(−38) is not
    assert float.fromhex(point["ours"]["slope"]) == pytest.approx(truth, abs=ulp(truth, dtype))


# ---------------------------------------------------------------- the truth


def slope(x):
    return lambda outputs, gradients, _: (outputs, {"z": np.full_like(gradients["z"], x)})


def value(x):
    return lambda outputs, gradients, _: ({"value": np.full_like(outputs["value"], x)}, gradients)


@pytest.mark.parametrize(
    ("id", "x", "planted", "verdict"),
    [
        (TANH, 0.5, scaled(-1.0), "wrong"),
        (TANH, 0.5, scaled(1 + 1e-12), "wrong"),
        (TANH, 0.5, scaled(1 + 2.0**-52), "agrees"),
        (TANH, 0.5, slope(math.inf), "wrong"),
        (TANH, 0.5, slope(math.nan), "wrong"),
        (TANH, 0.5, value(0.4621), "wrong"),
        (RELU, 1.5, scaled(1.0), "exact"),
        (RELU, 0.0, scaled(1.0), "convention"),
        (RELU, 0.0, slope(0.5), "convention"),
        (RELU, 0.0, slope(1.5), "wrong"),
        (RELU, 0.0, slope(-1e-9), "wrong"),
        (RELU, 0.0, value(5e-324), "convention"),
        (RELU, 0.0, value(0.1), "wrong"),
    ],
)
def test_the_verdict_is_the_worse_of_value_and_slope(monkeypatch, id, x, planted, verdict):
    pytest.importorskip("flint")
    plant(monkeypatch, id, planted)
    (point,) = evaluate(id, [x])["points"]
    assert point["verdict"] == verdict
    ends = {side: float.fromhex(point[side]) for side in ("left", "right") if side in point}
    assert ends == ({"left": 0.0, "right": 1.0} if (id, x) == (RELU, 0.0) else {})


def test_the_table_measures_from_the_truth_and_shows_both_sides_of_a_kink():
    pytest.importorskip("flint")
    found = table(evaluate("activation/elu", [0.0, 1.0], "float32", {"alpha": 2.0}))
    assert found.title == "activation/elu in float32, alpha = 2; ULP: distance from the rounded truth"
    ours = [row for row in found.rows if row[1] == "ours"]
    assert ours == [["0.0", "ours", "0.0", "0", "2.0", "", "convention"], ["1.0", "ours", *("1.0", "0") * 2, "exact"]]
    assert [row for row in found.rows if row[1].startswith("from")] == [
        ["0.0", "from the left", "", "", "2.0", "", ""], ["0.0", "from the right", "", "", "1.0", "", ""]
    ]  # fmt: skip
