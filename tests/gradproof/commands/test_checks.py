"""gradproof check --list, and the files that any check writes for CI."""

import json
from pathlib import Path

import hand_written
import pytest

from gradproof.cli import main

FILE = str(Path(hand_written.__file__))
VALUES = "--as slope --inputs x=3 --dtype float64"  # needs no balls


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys):
    """What a list of lines gives: the exit code, what is printed, and SARIF and summary."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "mine.py").write_text(Path(FILE).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def checked(*lines, more=()):
        Path("list.txt").write_text("\n".join(lines), encoding="utf-8")
        code = main(["check", "--list", "list.txt", "--sarif", "new/out.sarif", "--summary", "out.md", *more])
        sarif = Path("new/out.sarif")
        return code, capsys.readouterr(), json.loads(sarif.read_text(encoding="utf-8")) if sarif.exists() else None

    return checked


def test_every_line_is_checked_and_the_worst_decides(checked):
    code, printed, log = checked("# mine", f"mine:tanh {VALUES}", "", f"mine.py:tanh_off {VALUES}  # known")
    assert code == 1
    assert printed.out.startswith("tanh, by slope: ")
    assert "\n\ntanh_off, by slope: WRONG\n" in printed.out
    assert log["runs"][0]["invocations"] == [{"executionSuccessful": True}]
    (result,) = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "mine.py", "uriBaseId": "%SRCROOT%"}
    lines = Path("mine.py").read_text(encoding="utf-8").splitlines()
    assert lines[place["region"]["startLine"] - 1] == "def tanh_off(x):"
    assert result["message"]["text"] in printed.out
    head, said, table = Path("out.md").read_text(encoding="utf-8").strip().split("\n\n")
    assert (head, said) == ("## Gradients", "2 checked, 1 of them wrong")
    assert [row.split(" | ")[0] for row in table.splitlines()[2:]] == ["| `mine:tanh`", "| `mine.py:tanh_off`"]


def test_what_is_right_leaves_a_log_without_results_and_a_summary_grows(checked):
    code, _, log = checked(f"mine:tanh {VALUES}")
    assert (code, log["runs"][0]["results"]) == (0, [])
    checked(f"mine:tanh {VALUES}")
    assert Path("out.md").read_text(encoding="utf-8").count("1 checked, 0 of them wrong") == 2


def test_what_cannot_be_asked_or_ends_the_process_is_no_right_gradient(checked):
    code, printed, log = checked(f"mine:no {VALUES}", f"mine:leaves {VALUES}")
    assert code == 2
    assert "mine has no 'no'" in printed.err
    (run,) = log["runs"]
    assert run["invocations"] == [{"executionSuccessful": False}]
    assert [r["ruleId"] for r in run["results"]] == ["verdict/broken"]
    assert "ended the process that called it (exit code 4)" in run["results"][0]["message"]["text"]
    table = Path("out.md").read_text(encoding="utf-8")
    assert "| `mine:no` |  | not asked | mine has no 'no'; " in table
    assert "| `mine:leaves` |  | broken | ended the process" in table


def test_json_is_a_line_for_each(checked):
    _, printed, _ = checked(f"mine:tanh {VALUES}", f"mine:leaves {VALUES}", more=["--json"])
    assert [json.loads(line)["verdict"] for line in printed.out.splitlines()][1] == "broken"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mine:tanh --slop 3", "line 1: unrecognized arguments: --slop 3"),
        ("mine:tanh --dtype float63", "line 1: argument --dtype: invalid choice"),
        ("mine:tanh --seed -1", "line 1: argument --seed: '-1' is not a number"),
        ("mine:tanh --as 'slope", "line 1: No closing quotation"),
        ("--as slope", "line 1: a line is module:function with its options"),
        ("mine:tanh --json", "line 1: a line is module:function with its options; not list"),
        ("mine:tanh --against activation/tanhh", "line 1: no formula 'activation/tanhh'; did you mean activation/tanh"),
        ("\n# nothing", "list.txt: no line of it names a function"),
    ],
)
def test_a_line_that_asks_nothing_is_refused_before_any_is_checked(checked, line, message):
    code, printed, log = checked(line)
    assert (code, printed.out, log) == (2, "", None)
    assert message in printed.err
    assert not Path("out.md").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a function as module:function, or a --list"),
        (["mine:tanh", "--list", "list.txt"], "name a function as module:function, or a --list"),
        (["--list", "list.txt", "--dtype", "float32"], "check --list: dtype stands in its lines"),
        (["--list", "none.txt"], "none.txt: No such file or directory"),
    ],
)
def test_a_list_or_a_function(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text(f"mine:tanh {VALUES}", encoding="utf-8")
    assert main(["check", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_list_that_is_no_text_is_no_wrong_gradient(tmp_path, capsys):
    (tmp_path / "list.txt").write_bytes(b"\x00\xff\xfe")
    assert main(["check", "--list", str(tmp_path / "list.txt")]) == 2
    assert "list.txt: no text in UTF-8" in capsys.readouterr().err


def test_a_byte_order_mark_is_no_name(checked):
    code, _, _ = checked(f"\ufeffmine:tanh {VALUES}")
    assert code == 0
