import xml.etree.ElementTree as ElementTree

import pytest

from gradproof.networks.summary import EDGES
from gradproof.pages.figures import histograms, save, training_curves

pytest.importorskip("matplotlib")

PAIRS = ("ours-torch", "ours-jax", "torch-jax")


def histogram(dtype, pair, zero=5, counts=None):
    counts = [0] * 20 if counts is None else counts
    return {"row": "histogram", "dtype": dtype, "pair": pair, "zero": zero, "edges": EDGES[1:-1], "counts": counts}


HISTOGRAMS = [histogram(d, p, 5, [0, 0, 3, 40, *[2] * 16]) for d in ("float32", "float64") for p in PAIRS]
CURVES = [
    {"row": "distance", "data": data, "dtype": dtype, "pair": pair, "step": step, "distance": step * 1e-16}
    for data in ("digits", "diabetes")
    for dtype in ("float32", "float64")
    for pair in PAIRS
    for step in (1, 8, 64)
]


def text_of(path):
    """The words in a figure: with fonttype "path" they are in comments, above the shapes of their letters."""
    ElementTree.parse(path)  # well-formed
    return path.read_text(encoding="utf-8")


def panels(path):
    return text_of(path).count('<g id="axes_')


@pytest.mark.parametrize(
    ("draw", "rows"), [(histograms, HISTOGRAMS), (training_curves, CURVES)], ids=["histograms", "curves"]
)
def test_the_same_rows_make_the_same_bytes(tmp_path, draw, rows):
    for name in ("first.svg", "second.svg"):
        draw(rows, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.svg", "second.svg"))
    assert first == second
    assert b"<dc:date>" not in first


@pytest.mark.parametrize(
    ("draw", "rows"), [(histograms, HISTOGRAMS), (training_curves, CURVES)], ids=["histograms", "curves"]
)
def test_other_rows_make_another_picture(tmp_path, draw, rows):
    draw(rows, tmp_path / "all.svg")
    draw(rows[:-1], tmp_path / "fewer.svg")
    assert (tmp_path / "all.svg").read_bytes() != (tmp_path / "fewer.svg").read_bytes()


def test_one_panel_per_dtype_and_per_data_set(tmp_path):
    histograms(HISTOGRAMS, tmp_path / "a.svg")
    assert panels(tmp_path / "a.svg") == 2
    histograms(HISTOGRAMS[:3], tmp_path / "b.svg")
    assert panels(tmp_path / "b.svg") == 1
    training_curves(CURVES, tmp_path / "c.svg")
    assert panels(tmp_path / "c.svg") == 2


def test_the_legend_says_how_many_bits_are_equal(tmp_path):
    histograms([histogram("float64", "ours-torch", zero=1, counts=[3, *[0] * 19])], tmp_path / "a.svg")
    assert "<!-- ours–torch (25 % equal bits) -->" in text_of(tmp_path / "a.svg")


@pytest.mark.filterwarnings("error")
def test_nothing_to_show_is_still_a_figure(tmp_path):
    """A failed oracle has no finite distance; a run of one dtype has no other."""
    histograms([histogram("float64", pair, zero=0) for pair in PAIRS], tmp_path / "a.svg")
    training_curves([{**row, "distance": 0.0} for row in CURVES], tmp_path / "b.svg")
    histograms([], tmp_path / "c.svg")
    training_curves([], tmp_path / "d.svg")
    for name in "abcd":
        text_of(tmp_path / f"{name}.svg")


def test_a_figure_is_replaced_whole(tmp_path):
    class Failing:
        def savefig(self, *args, **kwargs):
            raise OSError("disk full")

    histograms(HISTOGRAMS, tmp_path / "a.svg")
    before = (tmp_path / "a.svg").read_bytes()
    with pytest.raises(OSError, match="disk full"):
        save(Failing(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.svg"]


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot

    histograms(HISTOGRAMS, tmp_path / "a.svg")
    training_curves(CURVES, tmp_path / "b.svg")
    assert pyplot.get_fignums() == []
