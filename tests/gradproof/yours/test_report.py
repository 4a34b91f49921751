"""What is said of a check, and the picture."""

import json
import re
from dataclasses import replace

import hand_written as by_hand
import numpy as np
import pytest

import gradproof
from gradproof.evidence.files import encode
from gradproof.lookup import UsageError


@pytest.fixture(scope="module")
def right():
    return gradproof.check(gradproof.pullback(lambda x: (x * x, lambda v: 2 * x * v)), inputs={"x": (2, 3)})


@pytest.fixture(scope="module")
def wrong():
    pytest.importorskip("flint")
    return gradproof.check(gradproof.slope(by_hand.tanh_off), "activation/tanh", dtypes=["float64", "float32"])


def test_right_dtypes_stand_in_one_line(right):
    (line,) = [line for line in str(right).split("\n") if line.startswith("  ∂/∂x")]
    assert re.fullmatch(r"  ∂/∂x: right; largest error in ULP: float64 \S+, float32 \S+ \(rounding allows \d+\)", line)


def test_what_is_wrong_comes_first_with_an_ordinary_input(wrong):
    lines = str(wrong).split("\n")
    assert lines[0] == "tanh_off, by slope: WRONG"
    first = next(k for k, line in enumerate(lines) if "∂/∂x" in line)
    assert "∂/∂x in float64, float32: wrong; beyond what rounding allows, 8 ULP" in lines[first]
    x = float(re.search(r"off at x = (\S+)", lines[first + 1])[1])
    assert 1 / 16 <= abs(x) <= 8
    assert "value: right" in str(wrong)


def test_a_report_is_no_truth_value(right):
    with pytest.raises(TypeError, match=r"ask report\.ok"):
        bool(right)
    assert right.ok


def test_json_is_what_the_report_says(wrong):
    row = json.loads(encode(wrong.as_json))
    assert row["verdict"] == "wrong"
    assert {f["quantity"] for f in row["findings"]} == {"value", "∂/∂x"}
    assert row["control"] == {"planted": 0, "missed": []}
    assert {e["verdict"] for e in row["edges"]} <= {"agrees", "convention", "inaccurate", "wrong"}
    assert [f.side for f in wrong.findings] == ["yours"] * len(wrong.findings)


def test_again_is_the_command(wrong):
    assert wrong.again == "gradproof check hand_written:tanh_off --as slope --against activation/tanh"
    local = gradproof.check(gradproof.slope(lambda x: by_hand.tanh(x)), inputs={"x": (2,)}, dtypes=["float64"])
    assert local.again == ""


@pytest.mark.parametrize("ending", [".svg", ".png", ".pdf"])
def test_a_picture_is_drawn(right, tmp_path, ending):
    pytest.importorskip("matplotlib")
    right.picture(tmp_path / f"a{ending}")
    assert (tmp_path / f"a{ending}").stat().st_size > 5000


def test_a_picture_shows_every_quantity_and_dtype(wrong, tmp_path):
    pytest.importorskip("matplotlib")
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}):
        wrong.picture(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    for word in ("value: error in ULP", "∂/∂x: error in ULP", "float64", "float32", "got / truth", "tanh_off: wrong"):
        assert word in text


@pytest.mark.parametrize(
    ("name", "message"), [("a.gif", r"must end in \.svg, \.png, \.pdf"), ("no/a.svg", "there is no folder")]
)
def test_a_path_that_is_none_is_refused(right, tmp_path, name, message):
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match=message):
        right.picture(tmp_path / name)


def test_nothing_to_draw_is_said(right, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match="gave no numbers to draw"):
        replace(right, judged=()).picture(tmp_path / "a.svg")


def test_figures_that_are_not_finite_are_said():
    report = gradproof.check(gradproof.slope(by_hand.gives_nan), np.tanh, inputs={"x": (3,)}, dtypes=["float64"])
    assert "∞ ULP off" in str(report)
    assert "nan" in json.loads(encode(report.as_json))["findings"][0]["got"] + "nan"
