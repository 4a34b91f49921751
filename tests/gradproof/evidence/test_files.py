import json
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproof.evidence.files import EvidenceError, read_lines, write_lines, write_whole

CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ROWS = st.lists(st.dictionaries(st.text(), CELLS, max_size=4), max_size=5)


def entries(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "made" / "on the way" / "page.md"
    write_whole(path, "old")
    write_whole(path, "new σ")
    assert path.read_text(encoding="utf-8") == "new σ"
    write_whole(path, b"\x00bytes")
    assert path.read_bytes() == b"\x00bytes"
    assert entries(path.parent) == ["page.md"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("failing", ["replace", "fdopen"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    path = tmp_path / "page.md"
    write_whole(path, "old")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert entries(tmp_path) == ["page.md"]


@example([{"text": "line\u2028and\x85paragraph\u2029ends of Unicode"}], {})
@given(ROWS, st.dictionaries(st.text(), CELLS, max_size=3))
def test_evidence_comes_back_as_it_was_written(tmp_path_factory, rows, header):
    path = tmp_path_factory.mktemp("evidence") / "a.jsonl"
    write_lines(path, header, rows)
    assert read_lines(path) == (header, rows)


@given(st.text())
def test_a_row_is_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("evidence") / "a.jsonl"
    write_lines(path, {}, [{"text": text}])
    assert path.read_bytes().count(b"\n") == 3


def evidence(path):
    write_lines(path, {"seed": 0}, [{"a": 1.5, "name": "σ"}, {"a": 2}])
    return path


def test_no_cut_goes_unnoticed(tmp_path):
    path = evidence(tmp_path / "a.jsonl")
    whole = path.read_bytes()
    for size in range(len(whole) - 1):  # the last newline alone may be missing
        path.write_bytes(whole[:size])
        with pytest.raises(EvidenceError, match=r"a\.jsonl"):
            read_lines(path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines[:1] + lines[2:], r"a\.jsonl: 2 lines after the header, but its end is missing"),
        (lambda lines: [*lines[:3], '{"rows": 3}'], "its end is missing"),
        (lambda lines: [*lines[:3], '{"rows": 2}', '{"a": 3}'], "its end is missing"),
        (lambda lines: lines[1:], "no header line; this is not an evidence file"),
        (lambda lines: ["[]", *lines[1:]], "line 1: not a row"),
        (lambda lines: ['{"header": 1}', *lines[1:]], "no header line"),
        (lambda lines: [lines[0], "{'a': 1.5}", *lines[2:]], r"a\.jsonl, line 2: not JSON .*; run the audit again"),
        (lambda lines: [lines[0], "", *lines[1:]], r"line 2: not JSON"),
        (lambda lines: [lines[0], "7", *lines[2:]], r"line 2: not a row \(7\); run the audit again"),
    ],
)
def test_edited_evidence_is_refused(tmp_path, edit, message):
    path = evidence(tmp_path / "a.jsonl")
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")
    with pytest.raises(EvidenceError, match=message):
        read_lines(path)


def test_a_file_that_cannot_be_read_is_named_with_the_remedy(tmp_path):
    with pytest.raises(EvidenceError, match=r"missing\.jsonl: cannot be read .* run 'gradproof audit' to make it"):
        read_lines(tmp_path / "missing.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvidenceError, match=r"binary\.jsonl: cannot be read"):
        read_lines(tmp_path / "binary.jsonl")


def test_evidence_is_a_header_then_rows_then_their_number(tmp_path):
    path = evidence(tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"header": {"seed": 0}}, {"a": 1.5, "name": "σ"}, {"a": 2}, {"rows": 2}]
