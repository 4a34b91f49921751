"""NaN where it enters is NaN in value and gradient; what does not enter may hold anything, and nothing else moves."""

import formula_cases
import numpy as np
import pytest
from formula_cases import DIFFERENTIABLE, cotangents, is_float

from reference import CATALOGUE, vjp

NOT_FINITE = [np.nan, np.inf, -np.inf]
LINEAR = {"regularizer/none": "no penalty"}  # has no value that NaN could enter


def refused(record, name):
    """Whether entries of this argument are checked, so that NaN among them is a ValueError."""
    return record.entries.get(name, "") not in ("", "label", "length")


def spoilt(x, at, value):
    y = np.array(x, np.float64)
    y.flat[at] = value
    return y


@pytest.mark.parametrize("id", [id for id in DIFFERENTIABLE if id not in LINEAR])
def test_nan_that_enters_is_nan_in_the_value_and_in_the_gradient(id):
    case = formula_cases.draw(id)
    for name, x in case.arguments.items():
        if not is_float(x) or np.size(x) == 0 or (name in ("weight", "pos_weight") and CATALOGUE[id].kind == "cost"):
            continue
        outputs, gradients = case.answer(cotangents(case.answer()[0]))
        enters = np.flatnonzero(gradients[name])  # in what has no slope here, NaN need not be seen
        if not enters.size:
            continue
        at = int(enters[0])
        arguments = {**case.arguments, name: spoilt(x, at, np.nan)}
        if refused(CATALOGUE[id], name) or id == "update/clip_by_norm":
            with pytest.raises(ValueError, match="nan"):
                vjp(id, arguments, cotangents(outputs), **case.parameters)
            continue
        outputs, gradients = vjp(id, arguments, cotangents(outputs), **case.parameters)
        assert any(np.isnan(y).any() for y in outputs.values()), name
        assert any(np.isnan(g).any() for g in gradients.values()), name


def unmoved(id, arguments, parameters, name, rows, value):
    """All numbers but those of these rows of the argument are the same to the bit, whatever stands in the rows."""
    clean = vjp(id, arguments, None, **parameters)
    x = np.array(arguments[name], np.float64)
    x[rows] = value
    dirty = vjp(id, {**arguments, name: x}, None, **parameters)
    for before, after in zip(clean, dirty, strict=True):
        for key, y in before.items():
            keep = np.ones(np.shape(y), bool)
            if key == name:
                keep[rows] = False
            np.testing.assert_array_equal(np.asarray(y)[keep], np.asarray(after[key])[keep], err_msg=f"{id} {key}")
    np.testing.assert_array_equal(dirty[1][name][rows], 0)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if "ignore_index" in f.known_options()])
def test_rows_that_are_ignored_may_hold_anything(id, value):
    case = formula_cases.draw(id)
    labels = np.array(case.arguments["labels"])
    labels[1] = -100
    name = next(iter(case.arguments))
    for reduction in ("mean", "sum"):
        given = {"ignore_index": -100, "reduction": reduction}
        unmoved(id, {**case.arguments, "labels": labels}, {**case.parameters, **given}, name, 1, value)
