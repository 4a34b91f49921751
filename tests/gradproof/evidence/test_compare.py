from dataclasses import replace

import pytest

from gradproof.evidence.compare import compare
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


@pytest.mark.parametrize("change", [{"max": 0.9}, {"at": "0x1.1p+0"}, {"got": "0x1p+0"}], ids=str)
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
        ({"more": {"verdicts": {"exact": 3}}}, {"more": {"verdicts": {"exact": 1, "wrong": 2}}}, "verdict", True),
        ({"more": {"verdicts": {"exact": 3}}}, {"more": {"verdicts": {"exact": 1, "agrees": 2}}}, "verdict", False),
    ],
)
def test_a_change_of_meaning_is_seen(both, old, new, how, worse):
    found = both([replace(BASE, **old)], [replace(BASE, **new)])
    assert [c.how for c in found.changes] == [how]
    assert found.worse is worse


def test_what_is_new_or_gone_is_said(both):
    other = replace(BASE, formula="activation/sigmoid")
    assert [(c.how, c.subject) for c in both([BASE], [other]).changes] == [
        ("gone", "activation/tanh: slope float32 jax"), ("new", "activation/sigmoid: slope float32 jax")
    ]  # fmt: skip
    assert both([], [replace(other, verdict="wrong")]).worse


def test_of_a_part_nothing_is_gone(both):
    assert both([BASE], [], {**HEADER, "only": ["activation/sigmoid"]}).changes == []


def test_versions_and_processors_that_differ_are_named(both):
    header = {"versions": {"torch": "2.14"}, "cpu": "two", "source": "abc"}
    assert both([BASE], [BASE], header).made_with == {"torch": ("2.13", "2.14"), "cpu": ("one", "two")}


def test_unlike_things_are_not_compared(tmp_path):
    write_evidence(tmp_path / "a" / "accuracy.jsonl", HEADER, [BASE])
    write_evidence(tmp_path / "b" / "kinks.jsonl", HEADER, [BASE])
    with pytest.raises(EvidenceError, match=r"a has accuracy, .*b has kinks: nothing to compare"):
        compare(tmp_path / "a", tmp_path / "b")
    with pytest.raises(EvidenceError, match="no evidence here"):
        compare(tmp_path / "a", tmp_path / "c")
