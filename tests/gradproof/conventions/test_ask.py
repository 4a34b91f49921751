"""Probes read conventions off numbers, and say so when they do not know one."""

import json
import math

import numpy as np
import pytest

from gradproof.cases.costs import DRAWS
from gradproof.checks import accuracy as costs
from gradproof.conventions import ask as conventions
from gradproof.conventions.costs import probes, read, value_of, weighted_mean


@pytest.fixture(scope="module")
def rows():
    """Our answers."""
    return conventions.of_costs({})


def reading(rows, topic, name, side="ours"):
    return [r["reading"] for r in rows if r["topic"] == topic and r["formula"] == f"cost/{name}" and r["side"] == side]


def test_reading():
    assert read(2.0, {"one": 1.0, "two": 2.0}) == "two"
    assert read(2.0 + 1e-5, {"two": 2.0}) == "2.00001"
    assert read(math.inf, {"no bound": math.inf}) == "no bound"
    assert read(math.nan, {"zero": 0.0}) == "NaN"


def test_every_cost_is_asked_for_its_reduction(rows):
    asked = {r["formula"] for r in rows if r["topic"] == "reduction by default"}
    assert asked == set(DRAWS) - {"cost/wasserstein_critic"}
    assert not [r for r in rows if r["topic"] == "reduction by default" and not r["reading"].startswith("mean over")]


def test_our_conventions(rows):
    assert reading(rows, "a weighted mean divides by", "l1") == ["the sum of the weights"]
    assert reading(rows, "a weighted mean divides by", "binary_cross_entropy") == ["the number of terms"]
    assert reading(rows, "logarithms clamped", "binary_cross_entropy") == ["no: ∞", "no"]
    assert reading(rows, "reduction by default", "ctc") == ["mean over examples, each over its number of labels"]
    assert reading(rows, "slope in log-probabilities", "ctc") == ["0, of the cost"]
    assert reading(rows, "a target that no path gives", "ctc") == ["∞, slope NaN", "0, slope 0"]
    assert all("ValueError: " in r["reading"] for r in rows if r["topic"] == "input that makes no sense")


def test_a_different_convention_is_read_as_another():
    probe = weighted_mean("l1", a=[[1.0], [2.0]], y=[[0.0], [0.0]], weight=[[1.0], [3.0]])
    by_count = lambda inputs, reduction: ((7.0 if reduction == "sum" else 3.5), {})  # noqa: E731
    assert probe.ask(by_count)[1] == "the number of terms"
    by_three = lambda inputs, reduction: ((7.0 if reduction == "sum" else 7 / 3), {})  # noqa: E731
    assert probe.ask(by_three)[1] == "3"
    half = value_of("factor", "squared_error", "residual 2", {"no ½": 4.0, "½": 2.0}, a=[[2.0]], y=[[0.0]])
    assert half.ask(lambda inputs: (np.array(2.0), {}))[1] == "½"


def test_no_two_candidates_of_a_probe_are_confused(rows):
    questions = [(p.topic, p.id, p.what) for p in probes()]
    assert len(questions) == len(set(questions))


def test_frameworks_differ_where_they_are_known_to():
    pytest.importorskip("torch")
    pytest.importorskip("optax")
    rows = conventions.of_costs(costs.load())
    assert reading(rows, "logarithms clamped", "binary_cross_entropy", "torch") == ["at −100", "at −100"]
    assert reading(rows, "a weighted mean divides by", "l1", "torch") == ["the sum of the weights"]
    assert reading(rows, "a weighted mean divides by", "huber_error", "torch") == ["the number of terms"]
    assert reading(rows, "reduction by default", "kl_div", "torch") == ["mean over entries"]
    assert reading(rows, "smooth", "dice", "optax") == ["1 above, ½(a + y) + 1 below"]
    assert reading(rows, "smooth", "dice", "torch") == ["no such function"]
    assert reading(rows, "slope in log-probabilities", "ctc", "torch") == ["½, of logits"]
    assert reading(rows, "a target that no path gives", "ctc", "torch") == ["∞, slope NaN", "0, slope 0"]
    assert reading(rows, "scores that are not normalised", "ctc", "torch") == ["as they are"]
    assert reading(rows, "scores that are not normalised", "ctc", "optax") == ["normalised"]


def test_parts_are_the_whole(rows):
    parts = [row for k in range(3) for row in conventions.of_costs({}, k, 3)]
    assert [(row["topic"], row["formula"]) for row in parts] == [(row["topic"], row["formula"]) for row in rows]


def test_every_task_gives_rows_of_one_form():
    for task in ("costs, part 8", "regularizers", "optimizers"):
        for row in conventions.measure(task, []):
            assert row["side"] == "ours"
            assert row["row"] == "default" or set(row) == {
                "row", "topic", "formula", "probe", "side", "reading", "measured"}  # fmt: skip
            json.dumps(row, allow_nan=False)


def test_regularizers_and_optimizers_are_on_the_page(tmp_path):
    rows = conventions.of_regularizers({}) + conventions.of_optimizers({})
    conventions.write_evidence(tmp_path / "conventions.jsonl", {"versions": {}}, rows)
    conventions.write_conventions_page(tmp_path, tmp_path)
    page = (tmp_path / "conventions.md").read_text(encoding="utf-8")
    for title in ("Regularizers", "Optimizers", "How the optimizers are asked", "Defaults of the optimizers",
                  "Gradient clipping"):  # fmt: skip
        assert f"## {title}\n" in page
    assert "## Reductions" not in page
    assert "| l2 | biases | one step of SGD at gradient 0, η = 1, b = 3, λ = 0.1 | left alone | not installed |" in page
    assert "| adam | where ε is added | √v̂ + ε | not installed | not installed |" in page
    assert "| adamw | eta = 0.001, " in page
    assert "| clip_by_norm | clipping at its edges | backward at g = 0, v = (1, 2) | (1, 2) |" in page


def test_the_page_follows_from_the_evidence(tmp_path, rows):
    conventions.write_evidence(tmp_path / "conventions.jsonl", {"versions": {"torch": "not installed"}}, rows)
    conventions.write_conventions_page(tmp_path, tmp_path / "reports")
    page = (tmp_path / "reports" / "conventions.md").read_text()
    assert (
        "| l1 | a weighted mean divides by | two terms of weights 1 and 3 | the sum of the weights | not installed |"
        in page
    )
    assert all(f"## {title}" in page for title in conventions.SECTIONS)
