"""What a formula lacks is named, and no formula of the catalogue lacks anything."""

import functools
import importlib
import inspect
import re
import sys
import types
from dataclasses import replace

import pytest

from gradproof import cases
from gradproof.cli import main
from gradproof.commands import doctor
from gradproof.commands.doctor import FURTHER, NOTHING_SAID, ROOT, lacking
from gradproof.evidence.environment import ORACLES
from reference import CATALOGUE

NO_TRUTHS = "no exact values in tests/truths.npz: run 'python scripts/make_truths.py'"
SIDES = {**ORACLES, **FURTHER}


@pytest.fixture
def everybody(monkeypatch):
    """All sides as if they were installed, with or without an answer for anything."""

    def everybody(answer):
        for place in SIDES.values():
            monkeypatch.setitem(sys.modules, place, answer and types.SimpleNamespace(has=lambda id: answer.strip()))

    return everybody


@pytest.fixture
def toy(monkeypatch):
    """Puts a toy into the catalogue, made like another formula but for what is given."""

    def toy(like, **given):
        id = f"{like.split('/')[0]}/toy"
        monkeypatch.setitem(CATALOGUE, id, replace(CATALOGUE[like], **{"id": id, "unanswered": {}, **given}))
        return id

    return toy


@pytest.mark.parametrize("id", CATALOGUE)
def test_no_formula_lacks_anything(id):
    assert [what for what in lacking(id) if NOTHING_SAID not in what] == []


def test_all_that_a_new_formula_lacks_is_named_with_its_place(toy, everybody, capsys):
    everybody(" ")
    id = toy("activation/elu", function=lambda z, alpha=1.0: None, sources=("nobody-1999",))
    assert main(["doctor", id]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "source 'nobody-1999' is not in literature/bibliography.py; add its entry there",
        "no derivation: it is the docstring of the function",
        *(f"{side}: no definition in {place.replace('.', '/')}/, and no reason in the record's `unanswered`"
          for side, place in SIDES.items()),
        "parameter alpha: 0 values off its default, not 2: gradproof/cases/parameters.py",
        NO_TRUTHS,
    ]  # fmt: skip
    assert last == "activation/toy: lacks 8"


NO_STEPS = ["no setting in gradproof/training/settings.py", "no accumulators in gradproof/cases/updates.py"]


@pytest.mark.parametrize(
    ("like", "lacks"),
    [
        ("cost/quadratic", "no draw in gradproof/cases/costs.py, preferences.py or sequences.py"),
        ("activation/l2_normalize", "no draw in gradproof/cases/rows.py"),
        ("regularizer/none", "no draw in gradproof/cases/regularizers.py"),
        ("update/sgd", [*NO_STEPS, "parameter eta: 0 values off its default, not 2: gradproof/cases/parameters.py"]),
        ("activation/tanh", NO_TRUTHS),  # swept over floats, whatever it is
        ("network/bp1", None),
    ],
)
def test_somebody_must_ask_for_it(toy, everybody, like, lacks):
    everybody("native")
    assert lacking(toy(like)) == (lacks if isinstance(lacks, list) else [lacks] if lacks else [])


def test_a_reason_silences_and_a_stale_one_is_named(toy, everybody, capsys):
    id = toy("network/bp1", unanswered=dict.fromkeys(SIDES, "no such function"))
    everybody(" ")
    assert main(["doctor", id]) == 0
    assert capsys.readouterr().out == "network/toy: nothing is missing\n"
    everybody("composed")
    assert lacking(id) == [f"{side}: the record says that it has no answer, but it has one" for side in SIDES]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("like", "name", "other"), [("cost/l1", "reduction", "sum"), ("cost/quantile", "tau", 0.25)])
def test_another_default_than_that_of_the_record_is_named(monkeypatch, side, like, name, other):
    place = SIDES[side]
    pytest.importorskip(place, exc_type=ImportError)
    record = CATALOGUE[like]
    signature = inspect.signature(record.function)
    changed = [p.replace(default=other) if p.name == name else p for p in signature.parameters.values()]

    @functools.wraps(record.function)
    def function(*arguments, **given): ...

    function.__signature__ = signature.replace(parameters=changed)
    monkeypatch.setitem(CATALOGUE, like, replace(record, function=function))
    ours = signature.parameters[name].default
    told = f"{side}: {name} is {ours!r} unless told otherwise, {other!r} in the record: {place.replace('.', '/')}/"
    assert told in lacking(like)


def test_a_formula_without_source_is_told_so(toy, everybody):
    everybody("native")
    (lacks,) = lacking(toy("network/bp1", sources=()))
    assert lacks.startswith("no source: ")
    assert "literature/bibliography.py" in lacks


def test_truths_are_asked_for_in_a_checkout_alone(toy, everybody, monkeypatch, tmp_path):
    everybody("native")
    id = toy("activation/tanh")
    for script, lacks in (("another.py", []), ("make_truths.py", [NO_TRUTHS])):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        (tmp_path / "scripts" / script).touch()
        monkeypatch.setattr(doctor, "ROOT", tmp_path)  # there are no tests/truths.npz either
        doctor._tables.cache_clear()
        assert lacking(id) == lacks
    doctor._tables.cache_clear()


def test_of_what_is_not_installed_nothing_is_said(everybody):
    everybody(None)
    assert [what.split(":")[:2] for what in lacking("activation/tanh")] == [
        [side, f" {NOTHING_SAID}"] for side in SIDES
    ]


def test_an_unknown_id_is_told_where_a_new_formula_begins(capsys):
    assert main(["doctor", "activation/sech"]) == 2
    assert "begin with 'Add a formula' in CONTRIBUTING.md" in capsys.readouterr().err
    assert "\n## Add a formula\n" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_draw_stands_where_a_new_one_of_its_kind_is_sent():
    for kind, files in doctor.DRAWN_IN.items():
        rooms = [importlib.import_module(f"gradproof.cases.{room}") for room in re.findall(r"(\w+)(?:\.py|/)", files)]
        asked = {id for id in cases.DRAWS if id.startswith(f"{kind}/") and not CATALOGUE[id].elementwise}
        assert asked == {id for room in rooms for id in room.DRAWS}
        assert all(room.DRAWS for room in rooms)
