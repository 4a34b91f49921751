"""A list that a person can read: a line each with its status, in groups on a terminal, the same in every pipe."""

import json
import os
import re
import subprocess
import sys

import pytest

from gradproof.cli import main
from gradproof.commands.list import ERROR, KINDS, error, proof
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.unicode import mathematics
from literature import CLAIMS
from reference import CATALOGUE
from reference.blocks import BLOCKS

GELU = "activation/gelu"


@pytest.fixture
def listed(capsys):
    """The exit code, the output, and what is complained of."""

    def listed(*words):
        code = main(["list", *map(str, words)])
        return code, *capsys.readouterr()

    return listed


@pytest.fixture
def reports(tmp_path):
    evidence = tmp_path / "evidence"
    write_evidence(evidence / "proofs.jsonl", {}, [Finding("proof", GELU, "derivative", verdict="refuted")])
    ours = {"quantity": "slope", "side": "ours", "entries": 9}
    found = [Finding("sweep", GELU, dtype="float64", max=1.25, **ours),
             Finding("sweep", GELU, "tail", dtype="float64", max=9.0, **ours),
             Finding("sweep", GELU, dtype="float32", max=7.0, **ours),
             Finding("sweep", "activation/elu", dtype="float16", verdict="wrong", max=7.0, **ours)]  # fmt: skip
    write_evidence(evidence / "accuracy.jsonl", {}, found)
    return tmp_path


@pytest.fixture(params=["rich", "no rich"])
def terminal(request, monkeypatch):
    """Make the output a terminal of 60 columns, with and without rich; says whether it has colours."""
    if request.param == "rich":
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    for name, value in {"COLUMNS": "60", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def terminal():
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        return request.param == "rich"

    return terminal


def test_the_status_is_that_of_the_evidence(listed, reports):
    code, out, _ = listed("activation", "--reports", reports)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert re.fullmatch(rf"{GELU} +refuted  1\.2 ULP +z·\(1 \+ erf\(z/√2\)\)/2", lines[GELU])
    assert re.match("activation/elu +–  +wrong  ", lines["activation/elu"])
    assert re.match("activation/relu +–  +–  ", lines["activation/relu"])


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [((), "–"), (("proved",), "proved"), (("proved", "unknown"), "in part"), (("unknown",), "unproved"),
     (("undefined",), "unproved"), (("proved", "refuted", "unknown"), "refuted")],
)  # fmt: skip
def test_a_proof_is_said_in_a_word(verdicts, word):
    assert proof(Finding("proof", GELU, str(k), verdict=v) for k, v in enumerate(verdicts)) == word


def test_errors_of_others_and_in_other_dtypes_are_not_ours_in_float64():
    theirs = Finding("accuracy", GELU, dtype="float64", side="torch", verdict="inaccurate", entries=1, max=9.0)
    short = Finding("accuracy", GELU, dtype="float16", side="ours", entries=1, max=9.0)
    assert error([theirs, short]) == "–"


def test_every_formula_has_a_status_that_travels(listed):
    _, out, _ = listed()
    for line in out.splitlines()[1:]:
        id, how, *rest = line.split()
        assert how in ("proved", "unproved", "in part", "–")
        assert rest[1] == "ULP" or id.startswith("network/") or how == "–"  # not measured yet


@pytest.mark.parametrize(
    ("words", "ids"),
    [("mse", ["cost/squared_error"]), ("nn.GELU", [GELU]), ("--kind activation --search huber", ["activation/huber"]),
     ("*/*norm --kind layer", [id for id in CATALOGUE if re.fullmatch("layer/.*norm", id)]),
     ("--kind regularizer", [id for id, f in CATALOGUE.items() if f.kind == "regularizer"]),
     ("--kind block", [*BLOCKS]), ("--kind claim", [*CLAIMS])],
)  # fmt: skip
def test_what_is_asked_for_is_listed(listed, words, ids):
    code, out, _ = listed(*words.split())
    assert (code, [line.split()[0] for line in out.splitlines()[1:]]) == (0, ids)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [("cost/* --kind layer", "--kind layer: nothing of 'cost/*' is of that kind"),
     ("--kind kost", "no formulas of kind 'kost'; there are activation, "),
     ("cost/* --kind kost", "no formulas of kind 'kost'"), ("l1", "no formulas of kind 'l1'"),
     ("--reports nowhere", "no verdicts: no folder nowhere/evidence"),
     ("cost --search qqqq", "--search 'qqqq': found nowhere")],
)  # fmt: skip
def test_what_is_not_there_is_refused(listed, words, complaint):
    code, out, err = listed(*words.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"gradproof: {complaint}")


def test_a_program_gets_expressions_that_it_can_read(listed):
    found = {one["id"]: one for one in json.loads(listed("--json")[1])}
    assert [*found] == sorted(CATALOGUE, key=lambda id: KINDS.index(CATALOGUE[id].kind))
    for id, f in CATALOGUE.items():
        assert (found[id]["sympy"], found[id]["derivative"]) == (f.statement, f.derivative)
        assert found[id]["statement"] == mathematics(f.statement)
    assert found[GELU][ERROR].endswith(" ULP")
    assert "torch.nn.GELU (by approximate)" in found[GELU]["names"]
    assert {one["verdict"] for one in json.loads(listed("claim", "--json")[1])} >= {"holds", "misprint"}


def test_on_a_terminal_groups_are_named_and_lines_are_cut(listed, terminal):
    coloured = terminal()
    _, out, _ = listed()
    assert ("\x1b[" in out) is coloured
    lines = re.sub(r"\x1b\[[\d;]*m", "", out).splitlines()
    assert [line for line in lines if line in KINDS] == KINDS
    assert {line.split()[0] for line in lines if "/" in line} == {*CATALOGUE}
    assert max(map(len, lines)) < 60
    assert sum(line.endswith("…") for line in lines) > 100


def test_colours_can_be_refused(listed, terminal, monkeypatch):
    terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*3[0-7]", listed("activation")[1])


def test_where_only_ascii_can_be_printed_nothing_is_lost():
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "gradproof", "list", "gelu"]
    plain, coded = (subprocess.run([*words, *more], capture_output=True, env=env, check=True, text=True, timeout=100)
                    for more in ([], ["--json"]))  # fmt: skip
    said = mathematics(CATALOGUE[GELU].statement)
    assert json.loads(f'"{plain.stdout.splitlines()[1]}"').endswith(said)
    assert json.loads(coded.stdout)[0]["statement"] == said


def test_no_index_is_taken_for_markup(listed, terminal, monkeypatch):
    terminal()
    monkeypatch.setenv("COLUMNS", "3000")
    out = re.sub(r"\x1b\[[\d;]*m", "", listed("layer")[1])
    assert mathematics(CATALOGUE["layer/convolution"].statement) in out
