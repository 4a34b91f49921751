"""Any side's answers to a file of vectors, in the form of a results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradproof.answers.answer import Side
from gradproof.cases.case import Case, as_dtype
from gradproof.lookup import Missing
from gradproof.vectors.numbers import read, written
from reference.formula import Array


def case(test: Mapping[str, Any], formula: str, dtype: str) -> Case:
    """The case that a test asks. bfloat16 needs ml_dtypes."""
    cotangent = {name: _array(v, dtype) for name, v in test.get("cotangent", {}).items()} or None
    masks = ("mask",) if formula.startswith("layer/") else ()  # a layer takes bools
    arguments = {
        name: _array(x, dtype, np.bool_ if name in masks else np.int64) for name, x in test["arguments"].items()
    }
    parameters = {name: read(p) if p in ("inf", "-inf") else p for name, p in test["parameters"].items()}
    return Case(formula, dtype, test["group"], test["id"], arguments, cotangent, parameters)


def _array(x: Mapping[str, Any], dtype: str, integer: type[np.generic] = np.int64) -> Array:
    if "integers" in x:
        return np.array(x["integers"], integer).reshape(x["shape"])
    return as_dtype(np.array([read(v) for v in x["data"]], np.float64).reshape(x["shape"]), dtype)


def answers(content: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """What a side says to each test of a file, by id; ValueError and TypeError count as refusals.

    A test that the side has no answer to is left out.
    """
    found: dict[str, Any] = {}
    for test in content["tests"]:
        try:
            with np.errstate(all="ignore"):
                outputs, gradients = side(case(test, content["formula"], content["dtype"]))
        except Missing:
            continue
        except (ValueError, TypeError):
            found[str(test["id"])] = {"refused": True}
            continue
        found[str(test["id"])] = {"outputs": _written(outputs), "gradients": _written(gradients)}
    return found


def _written(arrays: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: [written(v) for v in np.asarray(x).astype(np.float64).ravel()] for name, x in arrays.items()}
