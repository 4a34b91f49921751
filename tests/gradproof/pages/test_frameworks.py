"""Defects of the frameworks: which findings become one, and what is said of them."""

import math
from dataclasses import replace

import pytest

from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.frameworks import DEFECT, defects, kind, place, write

OFF = Finding("accuracy", "cost/dice", "", "a", "float64", "torch", entries=3, max=2 * DEFECT, at="wide 3 [0, 1]",
              got="0x0.0p+0", truth="0x1.0p-3")  # fmt: skip

LOST = "0 where the truth is not: underflow or a difference of equals on the way"


def test_only_what_is_off_by_more_than_the_limit_is_a_defect_and_ours_is_no_framework():
    no_defects = [
        replace(OFF, max=DEFECT), replace(OFF, side="ours"), replace(OFF, entries=0), replace(OFF, kind="kink"),
        replace(OFF, dtype="float16"),
    ]  # fmt: skip
    assert defects(no_defects) == []
    assert defects([OFF, replace(OFF, side="jax", max=1.0, more={"not a number": 1})])[0].side == "jax"


def test_the_widest_dtype_is_shown_and_all_are_named():
    (found,) = defects([replace(OFF, dtype="float32", max=math.inf), OFF])
    assert (found.dtype, found.why, found.max) == ("float64", "float64, float32", 2 * DEFECT)


def test_the_counts_on_top_lead_to_the_tables(tmp_path):
    found = [OFF, replace(OFF, what="b", more={"composed": True}), replace(OFF, formula="layer/linear", side="jax")]
    write_evidence(tmp_path / "accuracy.jsonl", {"versions": {"torch": "2.9", "jax": "0.8"}}, found)
    write(tmp_path, tmp_path)
    text = (tmp_path / "frameworks.md").read_text(encoding="utf-8")
    top, *tables = text.split("\n## ")
    assert "| cost | – | [2](#torch-cost), 1 native |" in top
    assert "| layer | [1](#jax-layer), 1 native | – |" in top
    anchors = {table.splitlines()[0].replace(" ", "-"): table.count("gradproof ") for table in tables}
    assert anchors == {"torch-cost": 2, "jax-layer": 1}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"got": "nan", "more": {"not a number": 1}}, "NaN where the truth is a number: 0·∞ or ∞ − ∞ on the way"),
        ({"got": "inf"}, "overflow on the way to a finite number"),
        ({"got": "inf", "more": {"not a number": 1}}, "overflow on the way to a finite number, NaN elsewhere"),
        ({}, LOST),
        ({"truth": "0x1p-1030"}, "subnormal result taken as 0"),
        ({"truth": "0x1p-1030", "got": "0x1p-1029"}, "all digits lost"),
        ({"got": "0x1p+0", "truth": "0x0p+0"}, "not 0 where the truth is: what cancels does so only to rounding"),
        ({"got": "0x1p+1", "truth": "0x1p+0"}, "all digits lost"),
        ({"got": "0x1.1p+0", "truth": "0x1p+0"}, "relative error 6.2e-02"),
        ({"kind": "sweep", "at": "0x0.0000000000001p-1022"}, "subnormal input taken as 0"),
        ({"kind": "sweep", "at": "0x1p-1022"}, LOST),
    ],
)
def test_a_defect_is_named_by_its_numbers(given, what):
    assert kind(replace(OFF, **given)) == what


def test_the_input_is_shown_in_numbers_that_name_it():
    entry = replace(OFF, more={"input": {"p": "0x0p+0", "z": ["0x1p-1", "inf"]}})
    assert place(entry) == "wide 3 [0, 1]: p = 0, z = (0.5, ∞)"
    assert place(OFF) == "wide 3 [0, 1]"
    assert place(replace(OFF, kind="sweep", at="0x1.8p+1")) == "3"
