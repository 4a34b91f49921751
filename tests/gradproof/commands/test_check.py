"""gradproof check: another process, which may do what it likes and leaves nothing behind."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import hand_written
import pytest

from gradproof.cli import main
from gradproof.commands.check import again, shapes
from gradproof.lookup import UsageError

ROOT = pathlib.Path(hand_written.__file__).parents[1]
FILE = str(pathlib.Path(hand_written.__file__))
VALUES = ["--inputs", "x=3", "--dtype", "float64"]  # needs no balls


def check(*arguments):
    return main(["check", *arguments])


def test_right_wrong_and_bad_input_are_0_1_and_2(capsys):
    assert check(f"{FILE}:tanh", "--as", "slope", *VALUES) == 0
    said = capsys.readouterr().out
    assert said.startswith("tanh, by slope: ")
    assert f"again: gradproof check {FILE}:tanh --as slope --inputs x=3 --dtype float64" in said
    assert check(f"{FILE}:tanh_off", "--as", "slope", *VALUES, "--json") == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "wrong"


def test_again_reproduces(capsys):
    pytest.importorskip("flint")
    given = [f"{FILE}:scaled", "alpha=2", "--as", "slope", "--against", "activation/elu", "--dtype", "float32"]
    assert check(*given) == 0
    first = capsys.readouterr().out
    words = first.split("again: gradproof ")[1].split()
    assert main(words) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tanh"], "'tanh': name a function as module:function or file.py:function"),
        (["no_such_file.py:f"], "no file no_such_file.py"),
        (["no_such_module:f"], "no module 'no_such_module' here"),
        ([f"{FILE}:no"], "has no 'no'; it has tanh, tanh_off, relu"),
        (
            [f"{FILE}:tanh"],
            "tanh is a function: say what it returns, as --as pullback; if it computes with torch: "
            "--as torch_function, with jax: --as jax_function; there are slope",
        ),
        ([f"{FILE}:tanh", "--as", "slop"], "--as slop: there are slope"),
        ([f"{FILE}:tanh,relu"], "names 2 functions: say --as forward_backward"),
        ([f"{FILE}:tanh", "--as", "forward_backward"], "--as forward_backward does not take"),
        ([f"{FILE}:tanh", "--as", "slope"], "say what tanh takes"),
        ([f"{FILE}:tanh", "--as", "slope", "--inputs", "x=a"], "--inputs 'x=a': write the shape of an argument as x=4"),
        ([f"{FILE}:tanh", "--as", "slope", "--inputs", "x=-3"], "--inputs 'x=-3': write the shape"),
        ([f"{FILE}:tanh", "--as", "slope", "--inputs", "y=3"], "inputs has y; tanh takes x"),
        ([f"{FILE}:tanh", "--as", "slope", "--against", "activation/tanhh"], "did you mean activation/tanh"),
        ([f"{FILE}:tanh", "--as", "slope", "--against", f"{FILE}:raises", "--inputs", "x=3"], "ValueError: not today"),
        ([f"{FILE}:tanh", "alpha", "--as", "slope", *VALUES], "'alpha': write name=value"),
        ([f"{FILE}:tanh", "--as", "slope", *VALUES, "--timeout", "0"], "a number of seconds greater than 0"),
        ([f"{FILE}:tanh", "--as", "slope", *VALUES, "--ulp", "nan"], "a number of ULP greater than 0"),
        ([f"{FILE}:tanh", "--as", "slope", *VALUES, "--picture", "a.gif"], r"must end in .svg"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, message, capsys):
    if ".svg" in message:
        pytest.importorskip("matplotlib")
    assert check(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "gradproof/yours" not in said.replace(str(ROOT), "")  # no traceback of ours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(x:", "SyntaxError"),
        ("import no_such_thing", "does not import: No module named 'no_such_thing'"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_module_that_does_not_import_is_shown_with_its_traceback(tmp_path, text, message, capsys):
    (tmp_path / "mine.py").write_text(text)
    assert check(f"{tmp_path}/mine.py:f", "--as", "slope", *VALUES) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "mine.py" in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", "raised ValueError: not today"),
        ("leaves", "ended the process that called it (exit code 4)"),
        ("gives_none", "∂/∂x is None"),
    ],
)
def test_what_a_subject_does_is_its_verdict(name, message, capsys):
    assert check(f"{FILE}:{name}", "--as", "slope", *VALUES) == 1
    said = capsys.readouterr().out
    assert "BROKEN" in said
    assert message in said


def test_what_it_prints_is_no_part_of_the_report(capfd):
    assert check(f"{FILE}:prints", "--as", "slope", *VALUES, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert [law["message"] for law in found["laws"] if law["law"] == "prints nothing"] == ["printed 'a word'"]


def test_what_never_returns_is_ended_with_all_that_it_has_started(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "import subprocess, sys, time\n"
        "def f(x):\n"
        f"    p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid))\n"
        "    time.sleep(60)\n"
    )
    assert check(f"{tmp_path}/mine.py:f", "--as", "slope", *VALUES, "--timeout", "3") == 1
    assert "did not return within 3 s and was ended" in capsys.readouterr().out
    assert check(f"{tmp_path}/mine.py:f", "--as", "slope", *VALUES, "--timeout", "3", "--json") == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "broken"
    if (tmp_path / "pid").exists():  # the machine was not too busy to come that far
        assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_no_process_behind(tmp_path, number):
    place = tmp_path / "pid"
    (tmp_path / "mine.py").write_text(
        f"import os, time\ndef f(x):\n    open({str(place)!r}, 'w').write(str(os.getpid()))\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "gradproof", "check", f"{tmp_path}/mine.py:f", "--as", "slope", *VALUES]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores it
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not (place.exists() and place.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        _, error = process.communicate(timeout=20)
    assert gone(int(place.read_text()))
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert error == "gradproof: stopped\n"


def gone(pid):
    """Whether a process has ended, within a few seconds; one that nobody has waited for counts."""
    for _ in range(60):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = pathlib.Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_picture_on_request(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert check(f"{FILE}:tanh", "--as", "slope", *VALUES, "--picture", str(tmp_path / "a.svg")) == 0
    assert (tmp_path / "a.svg").exists()


@pytest.mark.parametrize("spec", ["x", "=3", "x=3,,a", "x=3 y"])
def test_shapes_that_are_none(spec):
    with pytest.raises(UsageError, match="write the shape of an argument as x=4,3"):
        shapes(spec)


def test_the_command_again_has_every_option():
    from gradproof.cli import parser

    given = ["check", "m:f,g", "a=1", "--as", "forward_backward", "--against", "cost/l1", "--inputs", "x=3 y=2",
             "--ulp", "4.0", "--accumulate", "float32", "--seed", "3", "--dtype", "float32"]  # fmt: skip
    assert again(parser().parse_args(given)).split()[2:] == [
        *given[1:7], "--inputs", "'x=3", "y=2'", *given[9:]
    ]  # fmt: skip
