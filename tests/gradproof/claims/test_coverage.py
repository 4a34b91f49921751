"""The table of names has every name of the installed frameworks, none that is gone, and formulas that there are."""

from importlib.metadata import version

import pytest

from gradproof.claims import covered
from gradproof.claims.coverage import ROOMS, measure, names
from gradproof.claims.covered import COMPOSED, FORMULA, MADE_FOR, NONE, NOT_YET, STATUSES, TABLE, reading
from gradproof.tasks import Plan
from reference import ALIASES, CATALOGUE

KINDS = {record.kind for record in CATALOGUE.values()}
ENTRIES = [(room, name, entry) for room, lines in TABLE.items() for name, entry in lines.items()]


def as_new(room):
    """The names that a room shows, where the release is the one the table is for, or a newer one."""
    package = room.split(".")[0]
    pytest.importorskip(package)
    here, made_for = ([int(n) for n in v.split("+")[0].split(".")[:3]] for v in (version(package), MADE_FOR[package]))
    if here < made_for:
        pytest.skip(f"{package} {version(package)} is older than the table")
    return set(names(room))


def test_every_room_has_a_table_and_every_table_a_room():
    assert {room for rooms in ROOMS.values() for room in rooms} == {*TABLE}


@pytest.mark.parametrize("room", TABLE)
def test_every_installed_name_is_in_the_table_and_no_other(room):
    shown = as_new(room)
    assert not shown - TABLE[room].keys(), "a release brought these: say in covered.py what we have for them"
    assert not TABLE[room].keys() - shown, "these are gone"


@pytest.mark.parametrize("room", TABLE)
def test_an_entry_is_written_once(room):
    lines = {"torch.nn.functional": covered._FUNCTIONAL, "torch.nn": covered._MODULES, "torch.optim": covered._OPTIM,
             "jax.nn": covered._JAX, "optax.losses": covered._LOSSES, "optax": covered._OPTAX,
             "optax.contrib": covered._CONTRIB}[room]  # fmt: skip
    written = [name for names in lines for name in names.split()]
    assert sorted(written) == sorted(set(written))


@pytest.mark.parametrize(("room", "name", "entry"), ENTRIES, ids=[f"{room}.{name}" for room, name, _ in ENTRIES])
def test_an_entry_says_what_its_status_needs(room, name, entry):
    assert entry.status in STATUSES
    assert all(id.split("/")[0] in KINDS and id.count("/") == 1 for id in entry.ids)
    assert bool(entry.ids) == (entry.status in (FORMULA, COMPOSED)) or entry.status == NOT_YET
    assert entry.status != NONE or entry.why
    assert entry.status == NOT_YET or all(id in CATALOGUE or id in ALIASES for id in entry.ids)


def test_a_name_that_is_not_in_the_table_is_unknown_and_a_missing_formula_is_not_yet(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.delitem(TABLE["torch.optim"], "SGD")
    monkeypatch.setitem(TABLE["torch.optim"], "Adam", reading("update/no_such_rule"))
    found = {f.formula: f for f in measure("torch.optim", "torch")}
    assert found["torch.optim.SGD"].verdict == "unknown"
    assert "covered.py" in found["torch.optim.SGD"].why
    assert found["torch.optim.Adam"].what == NOT_YET
    assert {f.verdict for name, f in found.items() if name != "torch.optim.SGD"} == {""}


def test_what_is_not_installed_has_no_names_and_formulas_alone_ask_for_none():
    from gradproof.claims.coverage import tasks

    assert measure("no_such_package.nn", "torch") == []
    assert not [*tasks(Plan(formulas=frozenset({"activation/gelu"})))]
    assert [task.name for task in tasks(Plan(oracles=("torch",)))] == [*ROOMS["torch"]]
