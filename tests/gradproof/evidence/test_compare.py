"""Two evidences are compared by key: what changed in meaning, and what only in bits."""

from dataclasses import replace

import pytest

from gradproof.evidence.compare import NOT_COMPARED, compare
from gradproof.evidence.files import EvidenceError, write_evidence
from gradproof.evidence.finding import Finding

BASE = Finding("sweep", "activation/tanh", quantity="slope", dtype="float32", side="jax", verdict="agrees", max=0.5,
               at="0x1p+0")  # fmt: skip
HEADER = {"versions": {"torch": "2.13"}, "cpu": "one", "source": "abc"}


@pytest.fixture
def both(tmp_path):
    """Compare two evidences of one area, given by their findings."""

    def of(old, new, header=HEADER):
        write_evidence(tmp_path / "old" / "evidence" / "accuracy.jsonl", HEADER, old)
        write_evidence(tmp_path / "new" / "evidence" / "accuracy.jsonl", header, new)
        return compare(tmp_path / "old", tmp_path / "new")

    return of


def test_the_same_evidence_has_no_changes(both):
    found = both([BASE], [BASE])
    assert (found.same, found.bits, found.changes, found.made_with, found.worse) == (1, 0, [], {}, False)


COUNTED = {"entries": 3, "more": {"verdicts": {"exact": 1, "agrees": 2}}}


@pytest.mark.parametrize("change", [{"max": 0.9}, {"at": "0x1.1p+0"}, {"got": "0x1p+0"}, {"verdict": "exact"}, COUNTED],
                         ids=str)  # fmt: skip
def test_bits_alone_are_no_change_of_meaning(both, change):
    found = both([BASE], [replace(BASE, **change)])
    assert (found.same, found.bits, found.changes) == (0, 1, [])


@pytest.mark.parametrize(
    ("old", "new", "how", "worse"),
    [
        ({}, {"verdict": "inaccurate"}, "verdict", True),
        ({}, {"verdict": "wrong"}, "verdict", True),
        ({"verdict": "inaccurate"}, {}, "verdict", False),
        ({"max": 5.8}, {"max": 2.0}, "error", False),
        ({}, {"max": float("inf")}, "error", False),
        ({"more": {"reading": "no ½"}}, {"more": {"reading": "½"}}, "reading", False),
        ({}, {"verdict": "", "entries": 3, "more": {"verdicts": {"wrong": 2}}}, "verdict", True),
        ({}, {"verdict": "", "entries": 3, "more": {"verdicts": {"convention": 3}}}, "verdict", False),
        (
            {"entries": 3, "more": {"verdicts": {"inaccurate": 3}}},
            {"entries": 3, "more": {"verdicts": {"inaccurate": 1}}},
            "verdict",
            False,
        ),
    ],
)
def test_a_change_of_meaning_is_seen(both, old, new, how, worse):
    found = both([replace(BASE, **old)], [replace(BASE, **new)])
    assert [c.how for c in found.changes] == [how]
    assert found.worse is worse


@pytest.mark.parametrize("counts", [{"exact": 1, "agrees": 22, "inaccurate": 3}, {"exact": 26}], ids=str)
def test_counts_of_what_agrees_may_be_left_out(both, counts):
    network = Finding("network", "tanh/relu/l1/none", dtype="float32", side="torch", entries=26)
    apart = {verdict: n for verdict, n in counts.items() if verdict == "inaccurate"}
    full = replace(network, max=0.5, more={"verdicts": counts})
    short = replace(network, max=0.5, more={"verdicts": apart}) if apart else replace(network, verdict="agrees")
    assert both([full], [short]).changes == both([short], [full]).changes == []
    wrong = replace(network, max=0.5, more={"verdicts": {"wrong": 1, **apart}})
    ((change,), worse) = (found := both([short], [wrong])).changes, found.worse
    assert (change.how, change.now, worse) == ("verdict", "wrong 1", True)


def test_what_is_new_or_gone_is_said(both):
    other = replace(BASE, formula="activation/sigmoid")
    assert [(c.how, c.subject) for c in both([BASE], [other]).changes] == [
        ("gone", "activation/tanh: slope float32 jax"), ("new", "activation/sigmoid: slope float32 jax")
    ]  # fmt: skip
    assert both([], [replace(other, verdict="wrong")]).worse


PARTS = [{"only": ["activation/sigmoid"]}, {"dtype": ["float64"]}, {"oracle": ["torch"]}]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_of_a_part_nothing_is_gone_and_everything_else_is_seen(both, part):
    other, wrong = replace(BASE, side="torch"), replace(BASE, verdict="wrong")
    assert both([BASE], [], HEADER | part).changes == []
    assert [c.how for c in both([BASE, other], [wrong], HEADER | part).changes] == ["verdict"]
    assert [c.how for c in both([], [wrong], HEADER | part).changes] == ["new"]
    assert [c.how for c in both([BASE], [], HEADER | {"seed": 3, "draws": 2}).changes] == ["gone"], "it is no part"


@pytest.mark.parametrize(
    ("given", "made_with"),
    [
        ({}, {}),
        ({"made": "today", "gradproof": "9"}, {}),  # neither decides a number
        ({"versions": {"torch": "2.14", "jax": "0.5"}, "cpu": "two"},
         {"torch": ("2.13", "2.14"), "jax": ("", "0.5"), "cpu": ("one", "two")}),
        ({"versions": {}, "source": "def"}, {"torch": ("2.13", ""), "formulas": ("abc", "def")}),
        ({"seed": 0, "draws": 3}, {"seed": ("", "0"), "draws": ("", "3")}),
    ],
    ids=str,
)  # fmt: skip
def test_what_the_two_were_made_with_is_named_where_it_differs(both, given, made_with):
    found = both([BASE], [BASE], HEADER | given)
    assert found.made_with == made_with
    assert found.as_json == {
        "made_with": {name: list(x) for name, x in made_with.items()},
        "same": 1, "bits": 0, "worse": False, "changes": [],
    }  # fmt: skip


def test_unlike_things_are_not_compared(tmp_path):
    write_evidence(tmp_path / "a" / "accuracy.jsonl", HEADER, [BASE])
    write_evidence(tmp_path / "b" / "kinks.jsonl", HEADER, [BASE])
    with pytest.raises(EvidenceError, match=r"a has accuracy, .*b has kinks: nothing to compare"):
        compare(tmp_path / "a", tmp_path / "b")
    with pytest.raises(EvidenceError, match="no evidence here"):
        compare(tmp_path / "a", tmp_path / "c")
    for name in NOT_COMPARED:
        write_evidence(tmp_path / "c" / f"{name}.jsonl", HEADER, [BASE])
    with pytest.raises(EvidenceError, match="no evidence here"):
        compare(tmp_path / "c", tmp_path / "c")
