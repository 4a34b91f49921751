"""Where the function of a subject stands, and the command line that checks it again."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradproof.yours.report import Report
from gradproof.yours.subject import Subject


def root_of(folder: Path) -> Path:
    """The root of the repository that the folder is in; itself where there is none."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def place(subject: Subject) -> tuple[Path, int, str] | None:
    """File, line and qualified name of the function that makes the gradient: backward, of a pair.

    None where Python has no source of it, as of C.
    """
    function = subject.wrapped[-1] if isinstance(subject.wrapped, tuple) else subject.wrapped
    function = inspect.unwrap(getattr(function, "backward", function) if isinstance(function, type) else function)
    for made in (function, type(function)):  # an object that is called stands where its class does
        try:
            file, (_, line) = inspect.getsourcefile(made), inspect.getsourcelines(made)
        except (TypeError, OSError):
            continue
        if file:
            return Path(file).resolve(), max(line, 1), getattr(made, "__qualname__", subject.name)
    return None


def relative(file: Path, root: Path) -> str:
    """The file as seen from `root`, with slashes; as it is where it lies elsewhere."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


def again(report: Report, subject: Subject, how: Mapping[str, Any], here: Path, test: str) -> str:
    """The command line that checks again from the folder `here`: of the function alone, else of the test.

    The function alone is asked the same only where the command line has a word for all that was said.
    """
    words = {"dtypes": "--dtype", "ulp": "--ulp", "accumulate": "--accumulate"}
    found = place(subject)
    if (
        not report.again
        or how.keys() - {*words, "parameters", "seed"}
        or subject.outputs != ("value",)
        or (found is not None and found[2] == "<lambda>")
    ):
        return f"pytest {shlex.quote(test)}"
    line = report.again
    for name, word in words.items():
        if how.get(name) is not None and f" {word} " not in line:
            values = how[name] if name == "dtypes" else [how[name]]
            line += "".join(f" {word} {value}" for value in values)
    command, target, rest = line.split(" ")[:2], line.split(" ")[2], line.split(" ")[3:]
    module, _, names = target.partition(":")
    if found is not None and _only_a_file(found[0], module, here):
        target = shlex.quote(f"{relative(found[0], here)}:{names}")
    return " ".join([*command, target, *rest])


def _only_a_file(file: Path, module: str, here: Path) -> bool:
    """Whether a file under `here` cannot be imported from there by the name of its module, as a file of tests."""
    path = Path(*module.split("."))
    as_module = {here / path.with_suffix(".py"), here / path / "__init__.py"}
    return file.is_relative_to(here) and file not in as_module and not (file.parent / "__init__.py").exists()
