"""What the README shows is what its commands print."""

import os
import pathlib
import re
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
