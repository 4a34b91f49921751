import json
import math
import os
import threading
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproof.evidence.files import EvidenceError, encode, read_evidence, write_evidence, write_whole
from gradproof.evidence.finding import Finding

FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.booleans() | st.integers() | FINITE | st.text(), lambda x: st.lists(x, max_size=3), max_leaves=5)
WORDS = st.text(max_size=8)
FINDINGS = st.lists(
    st.builds(
        Finding, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, st.integers(0, 9),
        st.none() | FINITE, st.none() | FINITE, more=st.dictionaries(WORDS, JSON, max_size=3),
    ),
    max_size=5, unique_by=lambda f: f.key,
)  # fmt: skip
ONE = Finding("sweep", "activation/tanh", quantity="slope", dtype="float32", side="jax", max=0.5, at="0x1.0p+0")


def entries(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path):
    target, link, pipe, read = tmp_path / "target", tmp_path / "link", tmp_path / "pipe", []
    link.symlink_to(target)
    write_whole(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert not pipe.is_file()


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


@example([Finding("claim", "a", why="line\u2028and\x85paragraph\u2029ends of Unicode")], {})
@example([Finding("sweep", "a", max=0.0), Finding("sweep", "b", max=math.inf, entries=3)], {"seed": 0})
@given(FINDINGS, st.dictionaries(st.text(), JSON, max_size=3))
def test_evidence_comes_back_as_it_was_written(tmp_path_factory, findings, header):
    path = tmp_path_factory.mktemp("evidence") / "a.jsonl"
    write_evidence(path, header, findings)
    assert read_evidence(path) == ({"schema": 3, **header}, sorted(findings, key=lambda f: f.key))
    assert path.read_bytes().count(b"\n") <= len(findings) + 2


def test_what_is_said_of_several_sides_dtypes_and_questions_is_one_row(tmp_path):
    path = tmp_path / "a.jsonl"
    alike = [replace(ONE, side=side, dtype=dtype, what=what) for side in ("", "jax", "torch")
             for dtype in ("float32", "float64") for what in ("a", "b")]  # fmt: skip
    other = replace(alike[-1], max=0.75)
    write_evidence(path, {}, [*alike[:-1], other])
    _, *rows, end = map(json.loads, path.read_text().splitlines())
    said = [tuple(row[name] for name in ("side", "dtype", "what")) for row in rows]
    both = ["float32", "float64"]
    assert said == [(["", "jax", "torch"], both, "a"), (["", "jax", "torch"], "float32", "b"),
                    (["", "jax"], "float64", "b"), ("torch", "float64", "b")]  # fmt: skip
    assert end == {"rows": 4}
    assert read_evidence(path).findings == sorted([*alike[:-1], other], key=lambda f: f.key)
    path.write_text(path.read_text().replace('"schema":3', '"schema":2'))
    assert len(read_evidence(path).findings) == 12


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_written_as_a_word(tmp_path, x):
    path = tmp_path / "a.jsonl"
    write_evidence(path, {}, [Finding("sweep", "a", max=x, more={"deep": [x]})])
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    (found,) = read_evidence(path).findings
    assert repr(found.max) == repr(x)
    assert repr(found.more["deep"]) == repr([x])


def test_two_findings_of_one_key_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a: two findings on sweep activation/tanh slope float32 jax"):
        write_evidence(tmp_path / "a.jsonl", {}, [ONE, ONE])
    assert entries(tmp_path) == []


HEAD, ROW, END = (encode(x) for x in ({"header": {"schema": 2}}, ONE.row, {"rows": 1}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: not JSON"),
        ("{}\n", "no header line"),
        (f"{HEAD}\n", "its end is missing"),
        (f"{HEAD}\n{ROW}\n", "its end is missing"),
        (f"{HEAD}\n{ROW[:20]}\n{END}\n", "line 2: not JSON"),
        (f'{HEAD}\n{ROW}\n{{"rows":2}}\n', "its end is missing"),
        (f"{HEAD}\n3\n{END}\n", "line 2: not a row"),
        (f'{HEAD}\n{{"kind":"sweep","formula":"a","max":NaN}}\n{END}\n', "line 2: not JSON (NaN is no number of JSON)"),
        (f'{HEAD}\n{{"kind":"sweep","formula":"a","part":"value"}}\n{END}\n', "line 2: no finding has part"),
        (f'{HEAD}\n{{"kind":"sweep"}}\n{END}\n', "line 2: Finding.__init__() missing"),
        (f'{HEAD}\n{{"kind":"sweep","formula":"a","max":"wide"}}\n{END}\n', "could not convert string"),
        (f'{HEAD}\n{{"kind":"sweep","formula":["a","b"]}}\n{END}\n', "line 2: ['a', 'b'] is no text; run the audit"),
        (f'{HEAD}\n{{"kind":"sweep","formula":"a","side":["jax",1]}}\n{END}\n', "line 2: 1 is no text"),
        ('{"header":{"seed":0}}\n{"rows":0}\n', "made by an older gradproof; run 'gradproof audit' again (schema 1"),
        ('{"header":{"schema":9}}\n{"rows":0}\n', "made by a newer gradproof"),
    ],
)
def test_evidence_that_cannot_be_used_says_where_and_why(tmp_path, text, message):
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(EvidenceError, match=str(path)) as raised:
        read_evidence(path)
    assert message in str(raised.value)


@pytest.mark.parametrize("data", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_a_file_that_cannot_be_read_says_so(tmp_path, data):
    path = tmp_path / "a.jsonl"
    if data:
        path.write_bytes(data)
    with pytest.raises(EvidenceError, match=r"a\.jsonl: cannot be read \(.*\); run 'gradproof audit' to make it"):
        read_evidence(path)
