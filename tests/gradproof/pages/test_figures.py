import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from gradproof.evidence.finding import Finding
from gradproof.networks.summary import EDGES
from gradproof.pages.figures import (
    error_curves,
    histograms,
    lost_digits,
    scaling_curves,
    training_curves,
    visibly_wrong,
)

pytest.importorskip("matplotlib")

PAIRS = ("ours-torch", "ours-jax", "torch-jax")
DTYPES = ("float32", "float64")


def over(kind, what, **more):
    return [Finding(kind, "activation/exp", what, dtype=d, side=p, more=more) for d in DTYPES for p in PAIRS]


HISTOGRAMS = over("histogram", "", zero=5, edges=EDGES, counts=[0, 0, 3, 40, *[2] * (len(EDGES) - 3)])
CURVES = [f for data in ("digits", "diabetes")
          for f in over("distance", data, steps=[1, 8, 64], distances=[1e-16, 8e-16, 9e-16])]  # fmt: skip
GROWTH = [f for along in ("depth", "width") for f in over("scaling", along, relative={"2": 1e-16, "4": 3e-16})]
ERRORS = [Finding("curve", f"activation/{name}", side=side, more={"range": [-9, 9], "ulp": [0.5, None, 1e20, k]})
          for name in ("exp", "tanh") for k, side in enumerate(("ours", "torch"), 2)]  # fmt: skip
LOST = [Finding("sweep", "activation/exp", quantity=part, dtype="float64", side=side, max=10.0**k)
        for part in ("value", "slope") for k, side in enumerate(("ours", "torch", "jax"), 1)]  # fmt: skip
FIGURES = {
    "histograms": (histograms, HISTOGRAMS, "ours–torch"),
    "training": (training_curves, CURVES, "diabetes"),
    "scaling": (scaling_curves, GROWTH, "width"),
    "errors": (lambda found, path: error_curves(found, "float64", path), ERRORS, "tanh"),
    "digits": (lambda found, path: lost_digits(found, "float64", path), LOST, "exp"),
}


def text_of(path):
    """The words in a figure: with fonttype "path" they are in comments, above the shapes of their letters."""
    ElementTree.parse(path)  # well-formed
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("draw", "found", "word"), FIGURES.values(), ids=FIGURES)
def test_the_same_findings_make_the_same_bytes_and_others_another_picture(draw, found, word, tmp_path):
    from matplotlib import pyplot

    for name, shown in (("first", found), ("second", found), ("fewer", found[:-1])):
        draw(shown, tmp_path / f"{name}.svg")
    first, second, fewer = ((tmp_path / f"{name}.svg").read_bytes() for name in ("first", "second", "fewer"))
    assert first == second != fewer
    text = text_of(tmp_path / "first.svg")
    assert "<dc:date>" not in text
    assert f"<!-- {word}" in text
    assert text.count('<g id="axes_') == 2  # of dtypes, data sets, directions, formulas or parts
    assert pyplot.get_fignums() == []  # none stays open


def test_the_legend_says_how_many_bits_are_equal(tmp_path):
    quarter = replace(HISTOGRAMS[0], more={"zero": 1, "edges": EDGES, "counts": [3, *[0] * len(EDGES)]})
    histograms([quarter], tmp_path / "a.svg")
    assert "<!-- ours–torch (25 % equal bits) -->" in text_of(tmp_path / "a.svg")


@pytest.mark.filterwarnings("error")
def test_nothing_to_show_is_still_a_figure(tmp_path):
    """A failed oracle has no finite distance."""
    nothing = {"zero": 0, "edges": EDGES, "counts": [0] * (len(EDGES) + 1)}
    histograms([replace(f, more=nothing) for f in HISTOGRAMS[:3]], tmp_path / "a.svg")
    training_curves([replace(f, more={"steps": [1], "distances": [0.0]}) for f in CURVES], tmp_path / "b.svg")
    assert all(text_of(path) for path in tmp_path.glob("*.svg"))


def test_a_formula_that_all_have_right_has_no_panel_and_no_line(tmp_path):
    right = [
        replace(f, formula="activation/relu", more={"range": [-9, 9], "ulp": [0.5, None, 0, 7.9]}) for f in ERRORS[:2]
    ]
    assert visibly_wrong([*right, *ERRORS]) == ["activation/exp", "activation/tanh"]
    error_curves([*right, *ERRORS], "float64", tmp_path / "a.svg")
    lost_digits([*LOST, replace(LOST[0], formula="activation/relu", max=3.0)], "float64", tmp_path / "b.svg")
    for path in tmp_path.glob("*.svg"):
        assert "<!-- exp" in text_of(path)
        assert "<!-- relu" not in text_of(path)


@pytest.mark.filterwarnings("error")
def test_a_figure_says_who_loses_how_many_digits(tmp_path):
    error_curves(ERRORS, "float64", tmp_path / "a.svg")
    assert text_of(tmp_path / "a.svg").count("<!-- digits lost: ours all, torch all -->") == 2
    some = [replace(f, more={"range": [-60, 11], "ulp": [1, None, 1e5, 1]}) for f in ERRORS[1:2]]
    error_curves(some, "float64", tmp_path / "b.svg")
    assert "<!-- digits lost: torch 5 -->" in text_of(tmp_path / "b.svg")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_all_is_right_there_is_an_empty_figure(dtype, tmp_path):
    error_curves([replace(ERRORS[0], more={"range": [-30, 8], "ulp": [0.5, None]})], dtype, tmp_path / "a.svg")
    lost_digits([replace(LOST[0], max=None)], dtype, tmp_path / "b.svg")
    assert all(text_of(path) for path in tmp_path.glob("*.svg"))
