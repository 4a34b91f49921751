"""What our own formulas promise beyond the laws of everybody: each law is broken once, and found broken."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from gradproof.answers.answer import Answer
from gradproof.cases.case import Case
from gradproof.yours.asked import Asking
from gradproof.yours.conduct import conduct
from gradproof.yours.subject import Subject
from reference import CATALOGUE, vjp

RNG = np.random.default_rng(5)
ROWS, LABELS, WEIGHT = RNG.standard_normal((3, 4)), np.array([2, 0, 3]), RNG.uniform(0.5, 2, 4)
CASES = {  # what each law is asked of
    "activation/tanh": ({"z": ROWS}, (3, 4), {}),
    "activation/softmax": ({"z": ROWS}, (3, 4), {}),
    "cost/squared_error": ({"a": ROWS, "y": ROWS + 0.3, "weight": np.abs(ROWS) + 0.1}, (), {}),
    "cost/hinge": ({"z": ROWS, "y": np.sign(ROWS)}, (), {}),
    "cost/nll_labels": ({"a": -np.abs(ROWS), "labels": LABELS, "weight": WEIGHT}, (), {}),
    "regularizer/l2": ({"w": ROWS}, (), {}),
    "regularizer/dropout": ({"a": ROWS, "mask": (ROWS > -0.5).astype(int)}, (3, 4), {}),
}


def laws(id, spoil=None, **given):
    """The laws of a formula, of whose answers `spoil(arguments, cotangent, options, answer)` makes others."""
    arguments, shape, options = CASES[id]
    arguments = {**arguments, **given}

    def answer(x, v, options):
        found = Answer(*vjp(id, x, v or None, **options))
        return spoil(x, v, options, found) if spoil else found

    subject = Subject(id, "vjp", tuple(arguments), ("value",), answer, CATALOGUE[id].function)
    v = {"value": np.asarray(RNG.uniform(0.5, 2, shape))}
    case = Case(id, "float64", "plain", 0, arguments, v, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {law.name: law for law in conduct(subject, CATALOGUE[id], Asking(case, {n: n for n in arguments}))}


@pytest.mark.parametrize("id", CASES)
def test_ours_keep_them(id):
    found = laws(id)
    assert not [law for law in found.values() if law.holds is False]
    assert sum(law.holds is True for law in found.values()) > 6
    assert all(law.message for law in found.values() if law.holds is None)


def first(x):
    return next(iter(x.values()))


def gradient(found, change):
    return Answer(found.outputs, {name: change(g) for name, g in found.gradients.items()})


def warned(x, v, options, found):
    if np.isinf(np.asarray(first(x), float)).any():
        warnings.warn("overflow", RuntimeWarning, stacklevel=2)
    return found


def of_lists(x, v, options, found):
    return gradient(found, lambda g: 2 * g) if isinstance(first(x), list) else found


def other_order(x, v, options, found):
    swapped = isinstance(first(x), np.ndarray) and not first(x).dtype.isnative
    return gradient(found, lambda g: g.astype(g.dtype.newbyteorder("S"))) if swapped else found


def swallowed(x, v, options, found):
    return Answer({n: np.nan_to_num(y) for n, y in found.outputs.items()}, found.gradients)


def slope_of_nan(x, v, options, found):
    return gradient(found, np.nan_to_num)


def leaking(x, v, options, found):
    return gradient(found, lambda g: g + 0 * np.sum(first(x)) if g.ndim > 1 else g)


def by_place(x, v, options, found):
    """The second problem, or example, is another one."""
    return gradient(found, lambda g: g * np.where(np.arange(g.shape[0]) == 1, 1.01, 1).reshape(-1, *[1] * (g.ndim - 1)))


BROKEN = (
    ("warns of nothing", "cost/hinge", warned),
    ("lists are taken", "activation/tanh", of_lists),
    ("byte order does not matter", "activation/tanh", other_order),
    ("NaN goes through", "activation/softmax", swallowed),
    ("NaN goes through", "cost/hinge", slope_of_nan),
    ("a cotangent of 0 takes out what is not finite", "activation/tanh", leaking),
    ("a weight of 0 takes out what is not finite", "cost/squared_error", leaking),
    ("a weight of 0 takes out what is not finite", "cost/nll_labels", leaking),
    ("an ignored label takes out what is not finite", "cost/nll_labels", leaking),
    ("a mask of 0 takes out what is not finite", "regularizer/dropout", leaking),
    ("a penalty with λ = 0 takes out what is not finite", "regularizer/l2", leaking),
    ("leading axes are independent problems", "regularizer/l2", by_place),
    ("a batch answers as its examples do", "activation/softmax", by_place),
)


@pytest.mark.parametrize(("law", "id", "spoil"), BROKEN)
def test_a_broken_law_is_found(law, id, spoil):
    found = laws(id, spoil)[law]
    assert found.holds is False
    assert found.message


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (None, "z of integers: taken"),
        (ValueError("z has dtype int64: it is [1]"), "z of integers: z has dtype"),
        (TypeError("it has dtype int64: 1"), "z of integers is refused without its name"),
        (TypeError("z has dtype int64"), "z of bools is refused without its value"),
    ],
)
def test_a_refusal_that_is_none_or_says_too_little(refuse, message):
    """What an answer raises in the place of ours: nothing, another error, no name, no value."""
    arguments, shape, _ = CASES["activation/tanh"]

    def answer(x, v, options):
        if np.asarray(x["z"]).dtype.kind == "f" and not isinstance(x["z"], np.ma.MaskedArray):
            return Answer(*vjp("activation/tanh", x, v))
        if refuse is None:
            return Answer(*vjp("activation/tanh", {"z": ROWS}, v))
        raise refuse if "value" not in message or np.asarray(x["z"]).dtype.kind != "i" else TypeError("z is 1")

    subject = Subject("tanh", "vjp", ("z",), ("value",), answer, CATALOGUE["activation/tanh"].function)
    case = Case("activation/tanh", "float64", "plain", 0, arguments, {"value": np.ones(shape)}, {})
    found = {law.name: law for law in conduct(subject, CATALOGUE["activation/tanh"], Asking(case, {"z": "z"}))}
    assert message in found["what is no number of its kind is refused by name and value"].message


def test_what_smoothing_spreads_is_not_taken_out_by_the_weight_of_a_label():
    id = "cost/cross_entropy_labels"
    arguments = {"z": ROWS, "labels": LABELS, "weight": WEIGHT}
    subject = Subject(id, "vjp", tuple(arguments), ("value",), lambda x, v, o: Answer(*vjp(id, x, v or None, **o)),
                      CATALOGUE[id].function)  # fmt: skip
    case = Case(id, "float64", "plain", 0, arguments, {"value": np.array(2.0)}, {})
    for smoothing, asked in ((0.0, True), (0.2, False)):
        asking = Asking(replace(case, parameters={"label_smoothing": smoothing}), {n: n for n in arguments})
        found = {law.name: law.holds for law in conduct(subject, CATALOGUE[id], asking)}
        assert ("a weight of 0 takes out what is not finite" in found) == asked
        assert [name for name, holds in found.items() if holds is False] == []
