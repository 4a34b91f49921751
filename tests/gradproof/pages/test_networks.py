import csv
import re

import pytest

from gradproof.evidence.files import EvidenceError, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.draws import exclusions
from gradproof.networks.summary import EDGES
from gradproof.pages.networks import MEANING, disagreements, made_with, networks_pages, training_page, verdict_table
from gradproof.pages.tables import markdown

pytest.importorskip("matplotlib")

PAIRS = ("ours-torch", "ours-jax", "torch-jax")
HEADER = {
    "made": "2024-05-06T07:08:09+00:00", "seed": 7, "oracles": ["torch", "jax"], "source": "0123456789abcdef",
    "versions": {"numpy": "2.0", "jax": "not installed"}, "cpu": "Abacus (AVX2)", "cases": 123456,
    "verdicts": {"exact": 3, "agrees": 4000},
}  # fmt: skip


def row(kind, name, dtype="float64", worst=1e-16, at="4-5-3/float64/tanh/sigmoid/mse/none gaussian", pairs=PAIRS):
    figures = {pair: {"worst": [worst], "median": [worst / 4], "at": at} for pair in pairs}
    verdicts = {p.split("-")[1]: {"agrees": 1200, "inaccurate": 3} for p in pairs if p.startswith("ours")}
    return {"row": kind, "name": name, "dtype": dtype, "cases": 1203, "verdicts": verdicts, **figures}


DISAGREEMENT = {"row": "disagreement", "pair": "ours-jax", "verdict": "inaccurate", "relative": 1.0,
                "at": "2-3-2/float64/tanh/sigmoid/mse/none saturated",
                "cause": "slope of sigmoid at 38: ours 3.14e-17, jax 0"}  # fmt: skip
ROWS = [
    row("architecture", "4-5-3"),
    row("regime", "gaussian"),
    row("hidden", "tanh", worst=0.25),
    row("hidden", "gelu", worst=0.0),
    row("output", "softmax"),
    row("cost", "mse"),
    row("regularizer", "l2", "float32"),
    DISAGREEMENT,
    *({"row": "histogram", "dtype": "float64", "pair": pair, "zero": 2, "edges": EDGES[1:-1], "counts": [1] * 20}
      for pair in PAIRS),
]  # fmt: skip


@pytest.fixture
def pages(tmp_path):
    """Write the pages of the network audit from `rows` and return them by name."""

    def write(rows=ROWS):
        write_lines(tmp_path / "evidence" / "networks.jsonl", HEADER, rows)
        networks_pages(tmp_path / "evidence", tmp_path)
        return {p.stem: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.md")}

    return write


def test_every_page_has_its_tables_as_text_data_and_latex(tmp_path, pages):
    assert set(pages()) == {"activations", "costs", "regularizers", "networks"}
    for kind in ("csv", "tex"):
        assert {p.stem for p in (tmp_path / kind).iterdir()} == {
            "activations", "activations-2", "activations-3", "costs", "costs-2", "regularizers", "regularizers-2",
            "networks", "networks-2", "networks-3", "networks-4",
        }  # fmt: skip
    assert (tmp_path / "figures" / "errors.svg").exists()


def test_a_row_of_evidence_is_a_line_of_its_page(pages):
    page = pages()["activations"]
    verdicts = "agrees 1,200, inaccurate 3"
    line = f"| tanh | float64 | 1,203 | {verdicts} | {verdicts} | 0.062 | 0.25 | 0.062 | 0.25 | 0.062 | 0.25 |"
    assert line in page.splitlines()
    assert "softmax" not in page.split("## As output activation")[0]
    assert "| softmax |" in page.split("## As output activation")[1]
    assert "123,456 cases" in page


def test_the_csv_has_what_the_page_rounds(tmp_path, pages):
    pages()
    with open(tmp_path / "csv" / "activations.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert float(lines[0]["ours–torch median"]) == 0.0625


def test_worst_cases_come_with_the_command_that_shows_them(pages):
    page = pages()["activations"].split("## Worst cases")[1]
    assert page.count("`gradproof audit --only '4-5-3/float64/tanh/sigmoid/mse/none'`") == 2  # tanh, against two
    assert "gelu" not in page  # no difference at all


def test_everything_left_out_has_its_reason(pages):
    page = pages()["networks"].split("## Left out")[1]
    for architecture, output, cost, reason in exclusions():
        assert f"| {architecture} | {output.split('/')[1]} | {cost.split('/')[1]} | {reason} |" in page


def test_an_oracle_that_was_not_there_is_said_so(pages):
    alone = [row("hidden", "tanh", pairs=("ours-torch",)), ROWS[-3]]
    (line,) = [line for line in pages(alone)["activations"].splitlines() if line.startswith("| tanh | float64 | 1,203")]
    assert line.endswith("| not installed | 2.5e-17 | 1.0e-16 | – | – | – | – |")


def test_links_and_figures_are_there(tmp_path, pages):
    for name, page in pages().items():
        for target in re.findall(r"\]\(([^)#]+)", page):
            assert target == "README.md" or (tmp_path / target).exists(), f"{name}.md links to {target}"
        assert "README.md#verdicts" in page
    assert markdown(verdict_table(HEADER)).startswith("## Verdicts\n")  # what the link leads to


def test_the_same_evidence_makes_the_same_bytes(tmp_path, pages):
    def everything():
        return {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    pages()
    first = everything()
    pages()
    assert everything() == first


def test_every_verdict_has_a_meaning():
    assert set(MEANING) == {v.value for v in Verdict}
    rows = verdict_table(HEADER).rows
    assert [r[:2] for r in rows] == [[v.value, HEADER["verdicts"].get(v.value, 0)] for v in Verdict]


def test_disagreements_come_with_their_cause():
    assert disagreements(ROWS).rows == [
        ["ours-jax", "inaccurate", 1.0, "slope of sigmoid at 38: ours 3.14e-17, jax 0",
         "`2-3-2/float64/tanh/sigmoid/mse/none saturated`"]
    ]  # fmt: skip


def test_one_line_says_what_it_was_made_with():
    assert made_with(HEADER) == (
        "numpy 2.0, jax not installed; Abacus (AVX2); seed 7; formulas 0123456789abcdef; 2024-05-06."
    )


def test_missing_evidence_is_an_error_that_names_it(tmp_path):
    for page in (networks_pages, training_page):
        with pytest.raises(EvidenceError, match="run 'gradproof audit' to make it"):
            page(tmp_path, tmp_path)


TRAINING = [
    *({"row": "distance", "data": "digits", "dtype": "float64", "pair": pair, "step": step, "distance": step * 1e-17}
      for step in (1, 2, 16, 500) for pair in PAIRS),
    {"row": "score", "data": "digits", "dtype": "float64", "side": "ours", "measure": "accuracy", "before": 0.0963,
     "after": 0.9872},
]  # fmt: skip


def test_training_shows_distances_at_a_few_steps_and_every_score(tmp_path):
    write_lines(tmp_path / "evidence" / "training.jsonl", HEADER, TRAINING)
    training_page(tmp_path / "evidence", tmp_path)
    page = (tmp_path / "training.md").read_text(encoding="utf-8")
    assert "| data | dtype | pair | step 1 | step 16 | step 500 |" in page
    assert "| digits | float64 | ours-jax | 1.0e-17 | 1.6e-16 | 5.0e-15 |" in page
    assert "| digits | float64 | ours | accuracy | 0.096 | 0.99 |" in page
    assert (tmp_path / "figures" / "training.svg").exists()
