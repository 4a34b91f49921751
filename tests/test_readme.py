"""What the README shows is what its commands print, and what its picture says is so."""

import contextlib
import io
import os
import pathlib
import re
import runpy
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```\n\$ gradproof (.+)\n((?:.*\n)*?)```$", README, re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), SHOWN, ids=[command.split()[0] for command, _ in SHOWN])
def test_a_command_prints_what_is_shown(command, printed, tmp_path):
    """A line that ends in … goes on."""
    for package in ("torch", "jax", "flint", "sympy"):
        pytest.importorskip(package)
    for name, text in re.findall(r"^```python\n# (\w+\.py)\n((?:.*\n)*?)```$", README, re.MULTILINE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    words, path = [sys.executable, "-m", "gradproof", *shlex.split(command)], {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(words, cwd=tmp_path, env=os.environ | path, capture_output=True, text=True, timeout=300)
    lines, shown = said.stdout.splitlines(), printed.splitlines()
    cut = [line[: len(s) - 1] + "…" if s.endswith("…") else line for line, s in zip(lines, shown, strict=False)]
    assert [*cut, *lines[len(cut) :]] == shown, said.stderr


def test_there_are_commands_to_try():
    assert {command.split()[0] for command, _ in SHOWN} == {"at", "check"}


def test_five_lines_check_a_gradient():
    pytest.importorskip("flint")
    pytest.importorskip("ml_dtypes")
    ((code, printed),) = re.findall(
        r"^```python\n(import gradproof.*?)```\n\n```\n(.*?)```$", README, re.MULTILINE | re.DOTALL
    )
    assert len([line for line in code.splitlines() if line]) == 5
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    assert out.getvalue() == printed


def test_the_picture_shows_what_is_so():
    """Of the frameworks within two digits, since each processor rounds in its own way."""
    for package in ("flint", "torch", "jax"):
        pytest.importorskip(package)
    script = runpy.run_path(str(ROOT / "scripts" / "draw_digits.py"))
    found = script["curves"]()
    drawn = (ROOT / "docs" / "digits.svg").read_text(encoding="utf-8")
    again = script["picture"](found)
    numbers = re.compile(r"(?<=,)[\d.]+(?=[ \"])")  # of a curve, the height of a point
    assert numbers.sub("", again) == numbers.sub("", drawn)
    assert min(found["ours"]) > 15
    assert [max(found[side][150:]) for side in ("torch", "jax")] == [0, 0]  # from 37.5
    digit = script["HEIGHT"] / 16
    for side in script["LINES"]:
        old, new = ([float(n) for n in numbers.findall(re.search(rf'polyline class="{side}".*', text)[0])]
                    for text in (drawn, again))  # fmt: skip
        assert len(old) == len(script["POINTS"])
        assert max(abs(a - b) for a, b in zip(old, new, strict=True)) <= 2 * digit
    assert "z = 36.75" in drawn
    assert "z = 36.75" in README
