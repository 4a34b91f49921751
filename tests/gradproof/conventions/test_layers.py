"""Questions about layers: a side that does the other thing is read as such, and ours says what it refuses, and why."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.conventions.ask import OURS
from gradproof.conventions.layers import GATES, NONSENSE, accepts, probes
from gradproof.conventions.probe import finding, number

ASKED = {(p.id.split("/")[1], p.topic, p.what): p for p in probes() if p.topic != NONSENSE}
REFUSED = {(p.id.split("/")[1], p.what): p for p in probes() if p.topic == NONSENSE}


def probe(name, topic, what=""):
    (found,) = (p for (n, t, w), p in ASKED.items() if (n, t) == (name, topic) and what in w)
    return found


def native(change):
    """A side that answers by `change`(arguments, options), from outputs alone."""
    return SimpleNamespace(NAME="other", native=lambda id, arrays, **options: (change(arrays, options), {}))


def rms(arrays, options):
    x, eps = arrays["x"], options.get("eps", 1e-8)
    return {"value": x / (np.sqrt((x * x).mean(-1, keepdims=True)) + eps)}


def of_sample(arrays, options):
    x = arrays["x"]
    return {"value": (x - x.mean()) / x.std(ddof=1)}


def reordered(*order):
    """Our recurrent layers with their gates in another order."""

    def change(id, arrays, **options):
        rows = {name: arrays[name][np.array(order)] for name in ("weight_x", "weight_h")}
        return OURS.native(id, {**arrays, **rows}, **options)

    return SimpleNamespace(NAME="other", native=change)


def ours_with(**fixed):
    return SimpleNamespace(NAME="other", native=lambda id, x, **options: OURS.native(id, x, **{**options, **fixed}))


@pytest.mark.parametrize(
    ("asked", "side", "reading"),
    [
        (probe("rms_norm", "where ε stands"), native(rms), "√mean + ε"),
        (probe("rms_norm", "ε by default", "float64"), ours_with(eps=1e-5), "1e-5"),
        (probe("rms_norm", "ε by default", "float64"), ours_with(eps=3e-4), "0.0003"),
        (probe("layer_norm", "the variance inside divides by"), native(of_sample), "n − 1"),
        (probe("batch_norm", "what it stores of the mean"),
         native(lambda x, o: {"mean": [0.2], "variance": [1.0]}), "0.1 of the new one"),
        (probe("batch_norm", "the stored variance divides by"),
         native(lambda x, o: {"mean": [0.2], "variance": [0.9 + 0.1 * 1]}), "n"),
        (probe("batch_norm", "the stored variance divides by"),
         native(lambda x, o: {"mean": [0.2], "variance": [0.9 + 0.1 * 2]}), "n − 1"),
        (probe("variance", "divides by"), ours_with(correction=0), "n"),
        (probe("lstm", GATES), reordered(1, 0, 3, 2), "forget, input, output, cell"),
        (probe("gru", GATES), reordered(1, 0, 2), "update, which keeps the state, reset, new"),
        (probe("gru", "the reset gate, at ½, meets"), ours_with(reset_after=False), "the state alone"),
        (probe("average_pooling", "padding in the average"), ours_with(count_include_pad=False), "does not count"),
        (probe("average_pooling", "windows by default"), ours_with(stride=1), "at every place"),
        (probe("rotary", "entries that turn together"), ours_with(interleaved=True), "interleaved: 2k and 2k + 1"),
        (probe("transposed_convolution", "the kernel"), native(lambda x, o: {"value": x["weight"][..., ::-1]}),
         "flipped: no transpose of the convolution"),
        (probe("multi_head_attention", "True in a mask"),
         SimpleNamespace(native=lambda id, x, **o: OURS.native(id, {**x, "mask": ~x["mask"]}, **o)), "is hidden"),
    ],
)  # fmt: skip
def test_the_other_convention_is_another_reading(asked, side, reading):
    assert asked.ask(side)[1] == reading


@pytest.mark.parametrize("asked", ASKED.values(), ids=map(" ".join, ASKED))
def test_ours_is_one_of_the_known_conventions(asked):
    found = finding(asked, "ours", OURS).more
    assert found["measured"] is not None
    assert "Error" not in found["reading"]
    if isinstance(found["measured"], float):
        assert found["reading"] != number(found["measured"]), "a number, of which no convention is known"


@pytest.mark.parametrize("asked", REFUSED.values(), ids=map(": ".join, REFUSED))
def test_ours_refuses_and_says_what_it_was_given_and_what_would_fit(asked):
    said = finding(asked, "ours", OURS).more["reading"]
    assert said.startswith("ValueError: ")
    assert re.search(r"\d", said), "no value"
    assert re.search(r"need|expected|must|pass|outside", said), "not what would fit"


def test_what_makes_no_sense_and_is_taken_is_shown_and_in_brackets_where_it_is_composed():
    def missing(id, arrays, **options):
        raise LookupError("no such function")

    probe = accepts("maximum", "no entries", x=np.zeros((1, 0)))
    taken = ({"value": np.array([3.0, 1.0])}, {})
    assert probe.ask(SimpleNamespace(native=lambda *a, **o: taken))[1] == "3"
    assert probe.ask(SimpleNamespace(native=missing, vjp=lambda *a, **o: taken))[1] == "(3)"
    assert probe.ask(SimpleNamespace(native=lambda *a, **o: ({"value": np.zeros(0)}, {})))[1] == "no entries"


KNOWN = [
    ("torch", "rms_norm", "ε by default", "float64", "2⁻⁵², that of the dtype"),
    ("torch", "rms_norm", "ε by default", "float32", "2⁻²³, that of the dtype"),
    ("torch", "batch_norm", "what it stores of the mean", "", "0.1 of the new one"),
    ("torch", "batch_norm", "the stored variance divides by", "", "n − 1"),
    ("torch", "multi_head_attention", "True in a mask", "", "is hidden"),
    ("torch", "average_pooling", "slope where a window hangs over", "", "1, as the value"),
    ("torch", "lstm", GATES, "", "input, forget, cell, output"),
    ("jax", "lstm", GATES, "", "input, forget, cell, output"),
    ("jax", "variance", "divides by", "", "n"),
    ("jax", "transposed_convolution", "the kernel", "", "flipped: no transpose of the convolution"),
]


@pytest.mark.parametrize(("name", "id", "topic", "what", "reading"), KNOWN)
def test_frameworks_differ_where_they_are_known_to(name, id, topic, what, reading):
    pytest.importorskip("optax" if name == "jax" else name)
    from gradproof.evidence.environment import load

    assert finding(probe(id, topic, what), name, load(name)).more["reading"] == reading
