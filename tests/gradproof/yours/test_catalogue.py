"""Every formula of ours before the battery of a user's function: it holds, and a fault that is planted does not."""

import functools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gradproof import cases
from gradproof.answers.answer import Answer
from gradproof.audit import run as audit
from gradproof.audit.areas import AREAS
from gradproof.evidence.compare import compare
from gradproof.evidence.files import write_evidence
from gradproof.pages.laws import ASKED
from gradproof.tasks import Plan
from gradproof.yours import catalogue
from reference import CATALOGUE

pytest.importorskip("flint")
DTYPES = ("float64", "float32", "float16", "bfloat16")
SOME = ("activation/tanh", "activation/softmax", "cost/hinge", "cost/cross_entropy_labels", "regularizer/l2",
        "regularizer/dropout", "regularizer/gradient_penalty", "update/clip_by_norm", "update/adam")  # fmt: skip


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_formula_of_ours_keeps_every_law_in_float32(id):
    found = catalogue.measure(id, ("float32",), 3)
    assert not [(f.what, f.why) for f in found if f.verdict == "wrong"]
    assert all(f.why for f in found if f.verdict == "undefined")
    assert {f.what for f in found} <= {*ASKED, "any"}
    assert len(found) > 8 or CATALOGUE[id].kind == "network"


@pytest.mark.parametrize("id", SOME)
def test_some_of_every_kind_in_every_dtype(id):
    pytest.importorskip("ml_dtypes")
    found = catalogue.measure(id, DTYPES, 0)
    assert not [(f.what, f.why) for f in found if f.verdict == "wrong"]
    assert {f.dtype for f in found} == {*catalogue.SIZES}
    assert len({f.key for f in found}) == len(found)
    assert AREAS["laws"].name in found[0].again()


def test_a_formula_is_asked_in_every_way_that_it_is_called():
    record = CATALOGUE["cost/squared_error"]
    assert catalogue.arguments(record) == [("a", "y"), ("a", "y", "weight")]
    for id in (id for id in CATALOGUE if id in cases.DRAWS):
        for names in catalogue.arguments(CATALOGUE[id]):
            case = cases.draw(id, "float64", "plain", 1 if len(catalogue.arguments(CATALOGUE[id])) > 1 else 0)
            given = {name: case.arguments[name] for name in names if name in case.arguments}
            if len(given) < len(names):
                continue
            results = []
            for subject in (catalogue.by_function(CATALOGUE[id], names), catalogue.by_vjp(CATALOGUE[id], names)):
                v = {n: np.ones_like(x) for n, x in case.cotangent.items()} if subject.linear else {}
                results.append(subject.answer(given, v, case.parameters))
            function, vjp = results
            if not np.ndim(vjp.outputs.get("value", 0)):  # the function of a cost takes no cotangent
                for name, g in function.gradients.items():
                    np.testing.assert_array_equal(g, vjp.gradients[name])


# ---------------------------------------------------------------- planted faults


def spoiled(by_vjp, spoil):
    """`catalogue.by_vjp` whose answers are spoiled."""

    @functools.wraps(by_vjp)
    def made(formula, names):
        subject = by_vjp(formula, names)
        return replace(subject, answer=lambda x, v, options: spoil(x, subject.answer(x, v, options)))

    return made


def halved(x, found):
    return Answer(found.outputs, {name: (g / 2).astype(g.dtype) for name, g in found.gradients.items()})


def widened(x, found):
    return Answer(found.outputs, {name: g.astype(np.float64) for name, g in found.gradients.items()})


def written(x, found):
    for y in x.values():
        if isinstance(y, np.ndarray) and y.flags.writeable:
            y[...] = 0
    return found


def raised(x, found):
    raise RuntimeError("no")


@pytest.mark.parametrize("id", ["activation/tanh", "cost/squared_error", "regularizer/l2", "update/clip_by_value"])
@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (halved, "right beside the truth"),
        (widened, "dtypes are kept"),
        (written, "inputs are not overwritten"),
        (raised, "answers whatever it is asked"),
    ],
)
def test_a_planted_fault_turns_the_area_red(monkeypatch, id, spoil, law):
    monkeypatch.setattr(catalogue, "by_vjp", spoiled(catalogue.by_vjp, spoil))
    found = {f.what: f for f in catalogue.measure(id, ("float32",), 0)}
    assert found[law].verdict == "wrong"
    assert found[law].why.startswith("by vjp")
    outcome = audit.Outcome()
    audit._count([*found.values()], outcome)
    assert outcome.failed
    assert any(f"gradproof audit --only laws --only {id}" in line for line in outcome.failures)


def test_the_difference_of_two_evidences_knows_a_law_that_broke(monkeypatch, tmp_path):
    before = catalogue.measure("regularizer/l2", ("float32",), 0)
    monkeypatch.setattr(catalogue, "by_vjp", spoiled(catalogue.by_vjp, widened))
    after = catalogue.measure("regularizer/l2", ("float32",), 0)
    header = {"made": "", "versions": {}, "source": "", "cpu": ""}
    for folder, found in (("old", before), ("new", after)):
        write_evidence(tmp_path / folder / "laws.jsonl", header, found)
    changes = compare(tmp_path / "old", tmp_path / "new").changes
    worse = {(c.finding.what, c.before, c.now) for c in changes if c.worse}
    assert ("dtypes are kept", "holds", "wrong") in worse
    assert all(c.area == "laws" for c in changes)


def test_tasks_are_one_a_formula_and_none_without_a_dtype():
    assert Counter(task.name for task in catalogue.tasks(Plan())) == Counter([*CATALOGUE])
    one = Plan(formulas=frozenset({"activation/tanh"}), dtypes=("float16",))
    (task,) = catalogue.tasks(one)
    assert {f.dtype for f in task.call()} == {"16 bits"}
    assert not [*catalogue.tasks(Plan(dtypes=()))]
