"""What the README shows is what its commands print."""

import pathlib
import re
import shlex

import pytest

from gradproof.cli import main

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```\n\$ gradproof (.+)\n((?:.*\n)*?)```$", README, re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), SHOWN, ids=[command.split()[0] for command, _ in SHOWN])
def test_a_command_prints_what_is_shown(command, printed, tmp_path, monkeypatch, capsys):
    """A line that ends in … goes on."""
    for package in ("torch", "jax", "flint", "sympy"):
        pytest.importorskip(package)
    for name, text in re.findall(r"^```python\n# (\w+\.py)\n((?:.*\n)*?)```$", README, re.MULTILINE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    main(shlex.split(command))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(printed.splitlines())
    for line, shown in zip(lines, printed.splitlines(), strict=True):
        assert line.startswith(shown.removesuffix("…")) if shown.endswith("…") else line == shown


def test_there_are_commands_to_try():
    assert {command.split()[0] for command, _ in SHOWN} == {"at", "check"}
