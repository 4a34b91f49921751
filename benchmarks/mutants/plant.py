"""A mutant in the place of what runs: functions keep their closures and decorators, and get other code."""

from __future__ import annotations

import functools
import gc
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType

Key = tuple[str, int, str]  # file, first line, name
Functions = Mapping[Key, Sequence[FunctionType]]


class Unplantable(Exception):
    """No function that is alive runs this code, or two of them cannot be told apart."""


def key(code: CodeType) -> Key:
    """What is the same for the code of a function and for its mutants."""
    return code.co_filename, code.co_firstlineno, code.co_name


def running(folder: Path) -> Functions:
    """Every function that is alive and was defined in a file of that folder; closures made by a lift among them."""
    found: dict[Key, list[FunctionType]] = {}
    for f in gc.get_objects():
        if type(f) is FunctionType and f.__code__.co_filename.startswith(f"{folder}/"):
            found.setdefault(key(f.__code__), []).append(f)
    return found


def within(code: CodeType) -> Iterator[CodeType]:
    """The code and all code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from within(constant)


@contextmanager
def planted(module: CodeType, functions: Functions) -> Iterator[int]:
    """Give the functions of a module the code that they have in this other version of it; how many were changed.

    Everything is undone at the end. Raises Unplantable if none is changed.
    """
    before: list[tuple[FunctionType, CodeType]] = []
    codes = list(within(module))
    names = [key(code) for code in codes]
    try:
        for code in codes:
            for f in functions.get(key(code), ()) if names.count(key(code)) == 1 else ():
                if f.__code__ != code:
                    before.append((f, f.__code__))
                    f.__code__ = code
        if not before:
            raise Unplantable(module.co_filename)
        forget()
        yield len(before)
    finally:
        for f, code in before:
            f.__code__ = code
        forget()


def forget() -> None:
    """Empty what formulas remember of earlier calls."""
    for name in ("reference.formula", "reference.lift", "reference.costs.softmax"):
        for f in vars(importlib.import_module(name)).values():
            if hasattr(f, "cache_clear"):
                f.cache_clear()
    for form in _forms():
        vars(form).pop("plain", None)


@functools.cache
def _forms() -> list[object]:
    """What the lift of costs knows of each of them, a cached property among it."""
    form = importlib.import_module("reference.costs.reduction").Form
    return [x for x in gc.get_objects() if type(x) is form]


def changed(before: CodeType, after: CodeType) -> Key:
    """The innermost function, comprehension or lambda in which two versions of a module differ."""
    inner = zip(_nested(before), _nested(after), strict=False)
    return next((changed(p, q) for p, q in inner if p != q), key(after))


def _nested(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


@contextmanager
def watched(seen: set[Key], folder: Path) -> Iterator[None]:
    """Note the code of that folder which is called."""

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{folder}/"):
            seen.add(key(frame.f_code))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def at_import(package: str, folder: Path) -> set[Key]:
    """The code that runs while a package is imported: of a lift, the part that makes functions."""
    ours = {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] == package}
    seen: set[Key] = set()
    try:
        with watched(seen, folder):
            importlib.import_module(package)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        sys.modules.update(ours)
    return seen
