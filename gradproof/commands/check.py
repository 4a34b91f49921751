"""Check the gradient of a function that a module or a file holds, in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import multiprocessing
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof.commands.given import option, pairs
from gradproof.console import waiting
from gradproof.lookup import UsageError, not_installed
from gradproof.workers import end_with_parent
from gradproof.yours.subject import ADAPTERS, Subject, subject_of


@dataclass(frozen=True)
class Checked:
    """What came of one command line: exit code, what it prints, and the record of the check, None of one not made."""

    code: int
    out: str
    error: str
    record: dict[str, Any] | None


def run(options: argparse.Namespace) -> Checked:
    """Check what `options` name: 0 right, 1 wrong, 2 bad input.

    The check runs in another process, which is ended after `--timeout` seconds with all that it started: a subject may
    crash, hang or change whatever it likes. Raises UsageError for a time that is none.
    """
    if not 0 < options.timeout < float("inf"):
        raise UsageError(f"--timeout {options.timeout:g}: a number of seconds greater than 0")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(there, options))
    try:
        process.start()
        there.close()
        with waiting(f"checking {options.target}, for at most {options.timeout:g} s"):
            answered = here.poll(options.timeout)
        if not answered:
            return _broken(options, f"did not return within {options.timeout:g} s and was ended")
        checked: Checked = here.recv()
    except EOFError:
        process.join()
        return _broken(options, f"ended the process that called it (exit code {process.exitcode})")
    finally:
        _end(process)
    return checked


def _broken(options: argparse.Namespace, why: str) -> Checked:
    """What became of a subject that gave no report; the line where it stands nobody has said."""
    said = {"subject": options.target, "verdict": "broken", "broken": why}
    text = f"{options.target}: BROKEN\n  {why}"
    module, _, name = options.target.rpartition(":")
    file = module if module.endswith(".py") else f"{module.replace('.', '/')}.py"
    more: dict[str, Any] = {"form": options.form or "", "standard": options.against or "", "causes": [], "laws": []}
    record = {**said, **more, **_placed(options, Path(file).resolve(), 1, name), "text": text}
    return Checked(1, json.dumps(said, ensure_ascii=False) if options.json else text, "", record)


def _placed(options: argparse.Namespace, file: Path, line: int, name: str) -> dict[str, Any]:
    """What a record of a check has beside its report."""
    from gradproof.yours.place import relative, root_of

    here = relative(file, root_of(Path.cwd()))
    return {"file": here, "line": line, "name": name, "test": again(options), "expected": ""}


def _end(process: BaseProcess) -> None:
    """End the process and all that it has started."""
    if process.pid is None:
        return  # interrupted before it was there
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or not yet a group of its own
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _child(pipe: Connection, options: argparse.Namespace) -> None:
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which ends this group
    end_with_parent(whole_group=True)
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the subject prints is a finding, and no part of the report
    try:
        pipe.send(_report(options))
    except UsageError as error:
        pipe.send(Checked(2, "", f"gradproof: {error}", None))
    except ImportError as error:
        pipe.send(Checked(2, "", f"gradproof: {not_installed(error)}", None))
    except Exception:
        pipe.send(Checked(2, "", traceback.format_exc(), None))
    os._exit(0)  # whatever threads the subject has left


def _report(options: argparse.Namespace) -> Checked:
    from gradproof.evidence.files import encode
    from gradproof.yours.check import check
    from gradproof.yours.place import place

    if options.picture is not None:
        from gradproof.yours.picture import check_path

        check_path(options.picture)  # not after the work
    subject = _subject(options.target, options.form)
    against: Any = options.against
    if against is not None and ":" in against:
        (against, *more) = _load(against)
        if more:
            raise UsageError(f"--against {options.against}: name one function")
    parameters = {name: option(text) for name, text in pairs(options.given).items()}
    report = check(
        subject, against, inputs=shapes(options.inputs), parameters=parameters, dtypes=options.dtype, ulp=options.ulp,
        accumulate=options.accumulate, seed=options.seed,
    )  # fmt: skip
    report = replace(report, again=again(options))
    if options.picture is not None:
        report.picture(options.picture)
    file, line, name = place(subject) or (Path(options.target.rpartition(":")[0]).resolve(), 1, report.subject)
    record = {**report.as_json, **_placed(options, file, line, name), "text": str(report)}
    return Checked(int(not report.ok), encode(report.as_json) if options.json else str(report), "", record)


def again(options: argparse.Namespace) -> str:
    """The command line that does this once more."""
    words = ["gradproof", "check", options.target, *options.given]
    for name, given in (
        ("as", options.form),
        ("against", options.against),
        ("inputs", options.inputs),
        ("ulp", options.ulp),
        ("accumulate", options.accumulate),
        ("seed", options.seed or None),
    ):
        words += [f"--{name}", str(given)] if given is not None else []
    for dtype in options.dtype or ():
        words += ["--dtype", dtype]
    return shlex.join(words)


def _subject(target: str, form: str | None) -> Subject:
    things = _load(target)
    if isinstance(things[0], Subject) and form is not None:
        raise UsageError(f"{target} is by {things[0].form} already: leave out --as")
    if form is None:
        if len(things) > 1:
            raise UsageError(f"{target} names {len(things)} functions: say --as forward_backward")
        try:
            return subject_of(things[0])
        except UsageError as error:
            raise UsageError(f"{str(error).split(':')[0]}: say what it returns, as --as pullback; if it computes with "
                             f"torch: --as torch_function, with jax: --as jax_function; there are "
                             f"{', '.join(ADAPTERS)}") from None  # fmt: skip
    if form not in ADAPTERS:
        raise UsageError(f"--as {form}: there are {', '.join(ADAPTERS)}")
    try:
        return ADAPTERS[form](*things)
    except TypeError as error:
        raise UsageError(f"--as {form} does not take {target}: {error}") from error


def _load(target: str) -> list[Any]:
    """The objects that "module:name", "file.py:name" or "…:one,other" names.

    Raises UsageError where there are none, with the traceback of a module that does not import.
    """
    place, colon, names = target.rpartition(":")
    if not colon or not place or not names:
        raise UsageError(f"{target!r}: name a function as module:function or file.py:function")
    module = _module(place)
    found = []
    for name in names.split(","):
        thing: Any = module
        for part in name.split("."):
            if not hasattr(thing, part):
                there = ", ".join(n for n in vars(module) if not n.startswith("_") and callable(getattr(module, n)))
                raise UsageError(f"{place} has no {name!r}; it has {there or 'no functions'}")
            thing = getattr(thing, part)
        found.append(thing)
    return found


def _module(place: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place)
        if not path.exists():
            raise UsageError(f"no file {place}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            raise UsageError(f"no module {error.name!r} here ({os.getcwd()}) or installed") from None
        raise UsageError(f"{traceback.format_exc()}{place} does not import: {error}") from None
    except BaseException as error:
        raise UsageError(f"{traceback.format_exc()}{place} does not import: {type(error).__name__}: {error}") from None


def shapes(spec: str | None) -> Mapping[str, Sequence[int]] | None:
    """Shapes by argument.

    >>> shapes("x=4,3 w=3 c=")
    {'x': (4, 3), 'w': (3,), 'c': ()}
    """
    if spec is None:
        return None
    found = {}
    for word in spec.split():
        name, equals, sizes = word.partition("=")
        try:
            found[name] = tuple(int(n) for n in sizes.split(",") if n)
            equals = equals if min(found[name], default=0) >= 0 else ""
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UsageError(f"--inputs {word!r}: write the shape of an argument as x=4,3")
    return found
