"""Defects of the frameworks: which rows of evidence become one, and what is said of them."""

import pytest

from gradproof.pages.frameworks import DEFECT, defects, kind, of_arrays, reproduce


def row(error, side="torch", dtype="float64", got="0x0.0p+0", truth="0x1.0p-3", **more):
    return {"row": "accuracy", "side": side, "formula": "cost/dice", "quantity": "a", "dtype": dtype, "entries": 3,
            "max": error, "not a number": 0, "at": "wide 3 [0, 1]", "got": got, "truth": truth, **more}  # fmt: skip


def test_only_what_is_off_by_more_than_the_limit_is_a_defect_and_ours_is_no_framework():
    rows = [row(DEFECT), row(2 * DEFECT, "ours"), row(2 * DEFECT, "jax"), row(1.0, "torch", **{"not a number": 1})]
    assert [r["side"] for r in of_arrays(rows)] == ["jax", "torch"]
    assert of_arrays([{**row(9e9), "entries": 0}, {"row": "kink", "side": "jax"}]) == []


def test_the_widest_dtype_is_shown_and_all_are_named():
    (found,) = of_arrays([row(1e5, dtype="float32"), row(1e4)])
    assert (found["dtype"], found["dtypes"], found["max"]) == ("float64", ["float64", "float32"], 1e4)


def test_rows_of_regularizers_are_brought_to_the_same_form():
    penalty = row(1e5)
    penalty = {"part": "accuracy", "id": "regularizer/entropy", "who": "jax"} | {
        k: v for k, v in penalty.items() if k not in ("row", "formula", "side")
    }
    (found,) = of_arrays([penalty])
    assert (found["side"], found["formula"]) == ("jax", "regularizer/entropy")
    assert reproduce(found) == "gradproof case regularizer/entropy wide 3 --dtype float64"


@pytest.mark.parametrize(
    ("got", "truth", "what"),
    [
        ("nan", "0x1p+0", "NaN where the truth is finite"),
        ("inf", "0x1p+0", "overflow where the truth is finite"),
        ("0x0p+0", "0x1p+0", "0 where the truth is not"),
        ("0x1p+0", "0x0p+0", "not 0 where the truth is"),
        ("0x1p+1", "0x1p+0", "all digits lost"),
        ("0x1.1p+0", "0x1p+0", "relative error 6.2e-02"),
    ],
)
def test_a_defect_is_named_by_its_numbers(got, truth, what):
    assert kind(row(1e9, got=got, truth=truth)) == what


def test_a_subnormal_input_taken_as_zero_is_named():
    slope = {
        "row": "accuracy", "side": "jax", "formula": "activation/relu", "part": "slope", "dtype": "float64",
        "conditioned max": 1e15, "conditioned at": "0x0.0000000000001p-1022", "got": "0x0p+0", "truth": "0x1p+0",
    }  # fmt: skip
    (found,) = defects([slope])
    assert kind(found) == "subnormal input taken as 0"
    assert reproduce(found) == "gradproof at activation/relu 0x0.0000000000001p-1022 --dtype float64"
