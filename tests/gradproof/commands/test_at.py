import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from gradproof.commands.at import DTYPES, array, evaluate, number, ulp, ulps
from gradproof.lookup import UsageError
from reference import CATALOGUE

NUMPY_DTYPES = ("float16", "float32", "float64")
ELEMENTWISE = [id for id, f in CATALOGUE.items() if f.kind == "activation" and f.elementwise]
FLOATS = st.floats(allow_nan=False)


@given(FLOATS)
def test_a_number_is_read_from_decimal_and_hex(x):
    assert number(repr(x)) == number(x.hex()) == x


@pytest.mark.parametrize("text", ["abc", "", "1,5", "0xg", "0x", "1e", "--1", "1 2", "0x1p99999"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(UsageError, match=r"is not a number; write 38, -1e-3, 0x1\.8p\+1 or inf") as caught:
        number(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_nan_is_refused(text):
    with pytest.raises(UsageError, match=f"'{text}': there is nothing to compare at NaN"):
        number(text)


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_points_are_rounded_to_the_dtype(dtype):
    x = array([0.1, 1e300], dtype)
    assert x.dtype == dtype
    assert x[0] == np.dtype(dtype).type(0.1)
    assert np.isinf(x[1]) == (dtype != "float64")


def test_an_unknown_dtype_is_refused_with_the_known_ones():
    with pytest.raises(
        UsageError, match="dtype 'float8' is unknown; choose one of float16, bfloat16, float32, float64"
    ):
        array([1.0], "float8")


def test_bfloat16_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(UsageError, match=r"bfloat16 needs ml-dtypes: pip install 'gradproof\[oracles\]'"):
        array([1.0], "bfloat16")


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


def test_ulps_count_floats_between():
    above = math.nextafter(math.nextafter(1.0, 2), 2)
    assert ulps((1.0).hex(), above.hex(), "float64") == 2
    assert ulps("0x0p+0", "-0x0p+0", "float64") == 0
    assert ulps("nan", "nan", "float64") == 0
    assert ulps("inf", "inf", "float32") == 0
    for pair in (("inf", "0x1p0"), ("nan", "0x1p0"), ("0x1p0", "-inf")):
        assert ulps(*pair, "float32") == math.inf


@pytest.fixture
def without_flint(monkeypatch):
    """No truth: python-flint cannot be imported."""
    for module in [m for m in sys.modules if m.startswith("oracles.arb")]:
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.delattr(oracles, module.split(".")[1], raising=False)
    monkeypatch.setitem(sys.modules, "flint", None)


@pytest.fixture
def without_oracles(monkeypatch, without_flint):
    monkeypatch.setattr("gradproof.commands.at.load", lambda name: None)


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_ours_is_the_formula_at_those_points(without_oracles, id, dtype):
    points = [-math.inf, -3.0, 0.1, 0.0, 1e300]
    value, slope = CATALOGUE[id].function(array(points, dtype))
    assert evaluate(id, points, dtype) == {
        "formula": id,
        "dtype": dtype,
        "points": [
            {"x": float(x).hex(), "ours": {"value": float(v).hex(), "slope": float(s).hex()}}
            for x, v, s in zip(array(points, dtype), value, slope, strict=True)
        ],
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_framework_answers_in_every_dtype(without_flint, dtype):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    (point,) = evaluate("activation/sigmoid", [38.0], dtype)["points"]
    assert list(point) == ["x", "ours", "torch", "jax"]
    assert all(float.fromhex(point[side]["value"]) == 1 for side in ("ours", "torch", "jax"))
    # 1 − σ is 0 there, σ(38)·σ(−38) is not
    truth = math.exp(-38) / (1 + math.exp(-38)) ** 2
    assert float.fromhex(point["ours"]["slope"]) == pytest.approx(truth, abs=ulp(truth, dtype))


def test_the_truth_shows_who_is_right_and_both_sides_of_a_kink():
    pytest.importorskip("flint")
    smooth, kink = evaluate("activation/relu", [1.5, 0.0])["points"]
    assert smooth["truth"] == {"value": (1.5).hex(), "slope": (1.0).hex()}
    assert smooth["verdict"] == "exact"
    assert "left" not in smooth
    assert (float.fromhex(kink["left"]), float.fromhex(kink["right"])) == (0, 1)
    assert kink["verdict"] == "convention"


@pytest.mark.parametrize("planted", [-1.0, 1 + 1e-12, math.inf, math.nan])
def test_a_wrong_slope_gets_the_verdict_wrong(monkeypatch, planted):
    pytest.importorskip("flint")
    from dataclasses import replace

    record = CATALOGUE["activation/tanh"]

    def wrong(z):
        value, slope = record.function(z)
        return value, slope * planted

    wrong.body = record.function.body
    monkeypatch.setitem(CATALOGUE, record.id, replace(record, function=wrong))
    (point,) = evaluate(record.id, [0.5])["points"]
    assert point["verdict"] == "wrong"


def test_a_slope_outside_both_sides_of_a_kink_is_wrong(monkeypatch):
    pytest.importorskip("flint")
    from dataclasses import replace

    record = CATALOGUE["activation/relu"]

    def wrong(z):
        return np.maximum(z, 0), np.where(z == 0, 1.5, z > 0)

    wrong.body = record.function.body
    monkeypatch.setitem(CATALOGUE, record.id, replace(record, function=wrong))
    (point,) = evaluate(record.id, [0.0])["points"]
    assert point["verdict"] == "wrong"


@pytest.mark.parametrize("id", ["activation/softmax", "cost/mse", "regularizer/l2", "network/bp1"])
def test_only_elementwise_activations_have_single_points(id):
    with pytest.raises(UsageError, match=f"{id} does not act on single numbers; 'at' takes elementwise activations"):
        evaluate(id, [1.0])
