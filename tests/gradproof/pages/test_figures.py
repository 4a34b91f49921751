import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from gradproof.evidence.finding import Finding
from gradproof.networks.summary import EDGES
from gradproof.pages.figures import error_curves, histograms, scaling_curves, training_curves

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
FIGURES = {
    "histograms": (histograms, HISTOGRAMS, "ours–torch"),
    "training": (training_curves, CURVES, "diabetes"),
    "scaling": (scaling_curves, GROWTH, "width"),
    "errors": (lambda found, path: error_curves(found, "float64", path), ERRORS, "tanh"),
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
    assert text.count('<g id="axes_') == 2  # of dtypes, data sets, directions or formulas
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
