"""Our choice at every kink lies between exact one-sided slopes; what lies outside, and a record that lies, is seen."""

import dataclasses
import math

import numpy as np
import pytest
from planted import plant

pytest.importorskip("flint")

from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.cases.kinks import places
from gradproof.checks.kinks import SPECIAL, kink, measure, special, tasks
from gradproof.commands.at import number
from gradproof.evidence.explain import failure
from gradproof.evidence.finding import Finding
from gradproof.lookup import Missing
from gradproof.tasks import Plan
from reference import CATALOGUE

PLACES = places()
RELU = "activation/relu"
ELEMENTWISE = [id for id, f in CATALOGUE.items() if f.elementwise]
at_every_place = pytest.mark.parametrize("place", PLACES, ids=lambda p: f"{p.case.formula}, {p.what}, {p.argument}")
at_relu = next(p for p in PLACES if p.case.formula == RELU)


def torn(formula):
    """Which of its kinks are some at the defaults."""
    return [formula.at(kink.left) != formula.at(kink.right) for kink in formula.kinks]


def beyond(place):
    """A side whose slope along the first direction is beyond those on both sides."""

    def side(case):
        answer = ours(case)
        d = place.directions[0]
        slopes = [float.fromhex(judged(place)["ours"].more[end]) for end in ("left", "right")]
        off = 1.01 * max(abs(s) for s in (*slopes, 1.0)) + 2.0**-20
        return Answer(answer.outputs, {place.argument: off * d / (d * d).sum()})

    return side


def judged(place, **sides):
    return {f.side: f for f in kink(place, {"ours": ours, **sides})}


@at_every_place
def test_ours_lies_between_the_slopes_and_what_is_beyond_does_not(place):
    found = judged(place, beyond=beyond(place))
    assert found["ours"].verdict == "agrees", failure(found["ours"])
    assert found["ours"].more["inside"] is True
    assert (found["beyond"].verdict, found["beyond"].more["inside"]) == ("inaccurate", False)


@pytest.mark.parametrize("id", dict.fromkeys(p.case.formula for p in PLACES))
def test_a_planted_choice_outside_is_wrong(monkeypatch, id):
    plant(monkeypatch, id, lambda o, g, _: (o, {name: x + 3.0 * np.sign(x + 0.5) for name, x in g.items()}))
    assert "wrong" in {f.verdict for f in measure(id, ()) if f.kind == "kink"}


@pytest.mark.parametrize("field", ["left", "right", "chosen"])
@pytest.mark.parametrize("id", [f.id for f in CATALOGUE.values() if f.elementwise and any(torn(f))])
def test_a_record_that_says_otherwise_is_wrong(monkeypatch, id, field):
    record = CATALOGUE[id]
    said = tuple(dataclasses.replace(k, **{field: f"{getattr(k, field)} + 1/8"}) for k in record.kinks)
    monkeypatch.setitem(CATALOGUE, id, dataclasses.replace(record, kinks=said))
    assert "wrong" in {f.verdict for f in measure(id, ()) if f.kind == "kink"}


def test_another_choice_inside_is_a_convention():
    side = lambda slope: lambda case: Answer({}, {"z": np.array([slope])})  # noqa: E731

    def silent(case):
        raise Missing("no such function")

    found = judged(at_relu, same=side(0.0), other=side(0.5), off=side(-1e-9), none=side(math.nan), silent=silent,
                   bare=lambda case: Answer({}, {}))  # fmt: skip
    assert {name: f.verdict for name, f in found.items()} == {
        "ours": "agrees", "same": "agrees", "other": "convention", "off": "inaccurate", "none": "inaccurate",
        "silent": "", "bare": "",
    }  # fmt: skip
    assert (found["silent"].why, found["bare"].why) == ("no such function", "gives no gradient for this argument")
    assert [float.fromhex(found["ours"].more[end]) for end in ("left", "right")] == [0, 1]


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_at_zeros_and_ends_everything_is_its_limit(id):
    found = list(special(id, {"ours": ours}))
    assert [(f.what, f.quantity) for f in found] == [(at, q) for at, _ in SPECIAL for q in ("value", "slope")]
    for f in found:
        assert f.verdict == "agrees", failure(f)


def test_a_nan_where_there_is_a_limit_is_wrong(monkeypatch):
    plant(monkeypatch, "activation/silu", lambda o, g, _: (o, {"z": np.where(np.isinf(o["value"]), np.nan, g["z"])}))
    assert [(f.what, f.quantity) for f in special("activation/silu", {"ours": ours}) if f.verdict != "agrees"] == [
        ("+∞", "slope")
    ]


def test_there_is_a_task_for_what_has_a_kink_or_special_inputs():
    assert {t.name for t in tasks(Plan())} == {*ELEMENTWISE, *(p.case.formula for p in PLACES)}
    assert [t.name for t in tasks(Plan(formulas=frozenset({RELU, "cost/dice"})))] == [RELU]
    assert [*tasks(Plan(dtypes=("float32",)))] == []


@pytest.mark.parametrize(("label", "x"), SPECIAL)
def test_a_special_input_is_shown_again_at_that_input(label, x):
    words = Finding("special", RELU, label, "slope", "float64", "ours").again().split()
    assert words[:3] == ["gradproof", *(["audit", "--only"] if math.isnan(x) else ["at", RELU])]
    if not math.isnan(x):
        assert number(words[3]).hex() == x.hex()
