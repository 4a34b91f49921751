"""The probes tell conventions of regularizers apart: a side that does the other thing is read as such."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.checks import penalty_accuracy
from gradproof.conventions import ask as conventions
from gradproof.conventions import regularizers as asked
from reference import CATALOGUE


def probe(name, topic, what=""):
    (found,) = (p for p in asked.probes() if p.id == f"regularizer/{name}" and p.topic == topic and what in p.what)
    return found


def side(native=None, penalty=None):
    """A side that does one thing, whatever it is asked."""
    return SimpleNamespace(native=lambda what, *arrays, **given: native(*arrays, **given), penalty=penalty)


@pytest.fixture(scope="module")
def rows():
    """Everyone's answers."""
    pytest.importorskip("torch")
    pytest.importorskip("optax")
    return conventions.of_regularizers(penalty_accuracy.load())


def reading(rows, who, name, topic, what=""):
    (found,) = (r["reading"] for r in rows if (r["side"], r["formula"]) == (who, f"regularizer/{name}")
                and r["topic"] == topic and what in r["probe"])  # fmt: skip
    return found


def test_every_regularizer_is_asked_but_the_empty_one():
    ids = {p.id for p in asked.probes()}
    assert ids <= {id for id, f in CATALOGUE.items() if f.kind == "regularizer"}
    assert {id for id, f in CATALOGUE.items() if f.kind == "regularizer"} - ids == {"regularizer/none"}
    questions = [(p.topic, p.id, p.what) for p in asked.probes()]
    assert len(questions) == len(set(questions))


@pytest.mark.parametrize(
    ("name", "topic", "native", "expected"),
    [
        ("l2", "factor", lambda w, b, lam: [lam * w, 0 * b], "½λw²"),
        ("l2", "factor", lambda w, b, lam: [2 * lam * w, 0 * b], "λw²"),
        ("l2", "factor", lambda w, b, lam: [3 * lam * w, 0 * b], "0.6"),
        ("l2", "biases", lambda w, b, lam: [lam * w, lam * b], "decayed"),
        ("l2", "biases", lambda w, b, lam: [lam * w, 0 * b], "left alone"),
        ("spectral_norm", "power", lambda w: [np.float64(9)], "σ₁²"),
        ("entropy", "sign and reduction", lambda z: [np.ones(2)], "none: one number an example, 1, 1"),
        ("inverted_dropout", "kept entries", lambda a, rate: [a], "left as they are"),
        ("max_norm", "as a constraint: what is scaled", lambda w, limit: [w * limit / np.sqrt(26)],
         "all entries as one"),
        ("spectral_norm", "as a constraint: W = 0", lambda w: [w * np.nan], "NaN"),
    ],
)  # fmt: skip
def test_each_probe_reads_what_is_there(name, topic, native, expected):
    assert probe(name, topic).ask(side(native))[1] == expected


def test_smoothing_of_the_other_classes_only_is_seen():
    others = side(penalty=lambda id, z, y, eps: (0.0, np.array([[eps, -eps / 3, -eps / 3, -eps / 3]])))
    assert probe("label_smoothing", "share of a class").ask(others)[1] == "ε/(d − 1) to the others"


def test_our_edges_are_the_least_subgradients():
    slope = "gradient at a tie or a zero, λ = 1"
    assert probe("spectral_norm", slope, "σ₁ = σ₂").ask(asked.OURS)[1] == "(0.5, 0); (0, 0.5)"
    assert probe("nuclear_norm", slope, "rank 1").ask(asked.OURS)[1] == "(0, 0.6); (0, 0.8)"
    assert probe("group_lasso", slope).ask(asked.OURS)[1].startswith("(0, 0)")
    assert probe("entropy", slope, "−∞").ask(asked.OURS)[1] == "(0, 0)"


def test_ours_refuses_what_makes_no_sense():
    ours = [r for r in conventions.of_regularizers({}) if r["topic"] == "input that makes no sense"]
    refused = {r["probe"].split(":")[0] for r in ours if r["reading"].startswith("ValueError: ")}
    assert refused == {"rate 1.5", "ε = 1.5", "label 2 of two classes", "limit 0", "λ = −1"}


def test_frameworks_differ_where_they_are_known_to(rows):
    slope = "gradient at a tie or a zero, λ = 1"
    assert reading(rows, "torch", "l2", "biases") == reading(rows, "optax", "l2", "biases") == "decayed"
    assert reading(rows, "torch", "max_norm", "as a constraint: ε") == "1e-7 is added to the norm"
    assert reading(rows, "torch", "inverted_dropout", "kept entries") == "divided by 1 − rate"
    assert reading(rows, "optax", "gradient_penalty", slope) == "(NaN, NaN)"
    assert reading(rows, "optax", "l1", slope) == "(1)"
    assert reading(rows, "optax", "inverted_dropout", "rate 0") == "no such function"
