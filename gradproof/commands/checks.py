"""What `gradproof check` takes and prints: one gradient, or a list of them, and their results as files for CI."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradproof.commands.check import Checked

DTYPES = ("float16", "bfloat16", "float32", "float64")
OF_ALL = ("list", "sarif", "summary", "json")  # options beside a list; all else is said in its lines


def arguments(command: argparse.ArgumentParser, natural: Callable[[str], int]) -> None:
    """What `gradproof check` takes; `natural` reads a number 0, 1, 2, …"""
    add = command.add_argument
    add("target", nargs="?", help="module:function, or file.py:function; forward,backward for a pair")
    add("given", nargs="*", metavar="NAME=VALUE", help="parameters of the formula")
    add("--as", dest="form", metavar="FORM", help="what it returns: slope, pullback, gradients, …; not needed for a "
        "subject that the module has made, an autograd.Function, an nn.Module, a custom_vjp or what jit made; if it "
        "computes with torch: torch_function, with jax: jax_function")  # fmt: skip
    add("--against", metavar="ID", help="a formula, or module:function of a forward (default: its values)")
    add("--inputs", metavar="SPEC", help="shapes of its arguments where there is no formula: 'x=4,3 w=3'")
    add("--dtype", action="append", choices=DTYPES, help="default: all that it takes")
    add("--ulp", type=float, metavar="N", help="an accuracy to ask for, in conditioned ULP")
    add("--accumulate", choices=DTYPES, help="what it adds up in")
    add("--seed", type=natural, default=0)
    add("--timeout", type=float, default=300.0, metavar="S", help="seconds until it is ended (300)")
    add("--picture", type=Path, metavar="FILE", help="draw errors and ratios (.svg, .png or .pdf)")
    add("--json", action="store_true", help="print JSON")
    add("--list", type=Path, metavar="FILE", help="check what its lines say, each as it would follow 'gradproof check'")
    add("--sarif", type=Path, metavar="FILE", help="write what fails as SARIF 2.1.0, for code review")
    add("--summary", type=Path, metavar="FILE", help="add a table in Markdown to a file, as $GITHUB_STEP_SUMMARY")


def run(options: argparse.Namespace, natural: Callable[[str], int]) -> int:
    """The worst exit code of all checks: 0 right, 1 wrong, 2 what cannot be asked. Raises UsageError, OSError."""
    from gradproof.commands import check
    from gradproof.lookup import UsageError

    if (options.target is None) == (options.list is None):
        raise UsageError("check: name a function as module:function, or a --list of such lines")
    asked = [options] if options.list is None else list(listed(options, natural))
    found = []
    for k, one in enumerate(asked):
        found.append(checked := check.run(one))
        if k and checked.out and not options.json:
            print()
        if checked.out:
            print(checked.out, flush=True)
        if checked.error:
            print(checked.error, file=sys.stderr, flush=True)
    _write(options, asked, found)
    return max(checked.code for checked in found)


def listed(options: argparse.Namespace, natural: Callable[[str], int]) -> Iterator[argparse.Namespace]:
    """What the lines of the list ask, but empty ones and comments.

    Raises UsageError, with the number of the line, for one that `gradproof check` would not take, OSError as `open`.
    """
    from gradproof.lookup import UsageError, find

    parser = _Parser(add_help=False, allow_abbrev=False)
    arguments(parser, natural)
    alone = vars(parser.parse_args([]))
    if more := [name for name in alone if name not in OF_ALL and getattr(options, name) != alone[name]]:
        raise UsageError(f"check --list: {', '.join(more)} stands in its lines")
    try:
        text = options.list.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{options.list}: no text in UTF-8 ({error})") from None
    lines = enumerate(text.splitlines(), 1)
    asked = [(n, line) for n, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not asked:
        raise UsageError(f"{options.list}: no line of it names a function")
    for n, line in asked:
        try:
            words = parameters_first(["check", *shlex.split(line, comments=True)])[1:]
            one = parser.parse_args(words)
            if one.target is None or any(getattr(one, name) for name in OF_ALL):
                raise ValueError(f"a line is module:function with its options; not {', '.join(OF_ALL)}")
            if one.against is not None and ":" not in one.against:
                find(one.against)
        except (ValueError, UsageError) as error:
            raise UsageError(f"{options.list}, line {n}: {error}") from None
        one.json = options.json
        yield one


class _Parser(argparse.ArgumentParser):
    """One that raises what it has to say."""

    def error(self, message: str) -> Any:
        raise ValueError(message)


def parameters_first(arguments: Sequence[str]) -> list[str]:
    """`check`: NAME=VALUE may stand anywhere, which argparse takes beside the target alone."""
    if len(arguments) < 2 or arguments[0] != "check":
        return list(arguments)
    free = [k for k in range(2, len(arguments))
            if re.match(r"[A-Za-z_]\w*=", arguments[k]) and arguments[k - 1] != "--inputs"]  # fmt: skip
    rest = [a for k, a in enumerate(arguments) if k not in free]
    return [*rest[:2], *(arguments[k] for k in free), *rest[2:]]


def _write(options: argparse.Namespace, asked: Sequence[argparse.Namespace], found: Sequence[Checked]) -> None:
    """The files that were asked for, SARIF whole or not at all."""
    if options.sarif is not None:
        import json

        from gradproof.evidence.files import write_whole
        from gradproof.yours.sarif import sarif

        records = [checked.record for checked in found if checked.record is not None]
        log = sarif(records, successful=len(records) == len(found))
        write_whole(options.sarif, json.dumps(log, ensure_ascii=False, indent=1) + "\n")
    if options.summary is not None:
        from gradproof.commands.summary import add_to

        rows = [_row(one, checked) for one, checked in zip(asked, found, strict=True)]
        wrong = sum(checked.code == 1 for checked in found)
        add_to(options.summary, "Gradients", f"{len(found)} checked, {wrong} of them wrong",
               ["gradient", "judged by", "verdict", "likely cause"], rows)  # fmt: skip


def _row(one: argparse.Namespace, checked: Checked) -> list[str]:
    if checked.record is None:
        return [
            f"`{one.target}`",
            one.against or "",
            "not asked",
            checked.error.splitlines()[-1].removeprefix("gradproof: "),
        ]
    r = checked.record
    failed = [f"{law['law']}: {law['message']}" for law in r["laws"] if law["holds"] is False]
    return [f"`{one.target}`", r["standard"], r["verdict"], "; ".join([*r["causes"], *failed]) or r["broken"]]
