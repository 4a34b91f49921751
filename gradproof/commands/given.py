"""Numbers as a person gives them on the command line: arrays by name, from text or from files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.lookup import UsageError
from reference.formula import Array, Formula

HEX = re.compile(r"[-+]?0x[0-9a-f.]+(?:p[-+]?\d+)?", re.IGNORECASE)
NUMBERED = re.compile(r"([a-zA-Z]+)\d+")  # g1, g2, … and W1, b1, …


def arrays(formula: Formula, words: Sequence[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arguments and parameters out of name=value.

    An argument is an array: 0.5,-2 or [[0.5, -2], [1, nan]] with brackets for its shape, or a file.npy, file.npz:name,
    file.json, or - for JSON from standard input. Raises UsageError for a name that the formula does not have, and for
    what is no array.
    """
    names = dict.fromkeys(name.split("[")[0] for name in formula.arguments)
    taken: set[str] = set(_signature(formula))
    arguments: dict[str, Array] = {}
    parameters: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r}: {formula.id} takes arrays by name, as in 'gradproof at {formula.id} "
                             f"{' '.join(f'{n}=0.5,-2' for n in names)}'")  # fmt: skip
        numbered = NUMBERED.fullmatch(name)
        if name in formula.parameters or name in ("activations", "k") or name in _options(formula) | options:
            parameters[name] = _option(text)
        elif name in names or name in taken or (numbered and "*" in taken):
            arguments[name] = array(name, text)
        else:
            known = ", ".join(sorted({*names, *taken, *formula.parameters} - {"*", "leading"}))
            raise UsageError(f"{formula.id} has no argument or parameter {name!r}; it has {known}")
    return arguments, parameters


def _options(formula: Formula) -> set[str]:
    """What the function takes by keyword alone: reduction, axis, flags."""
    import inspect

    found = inspect.signature(formula.function).parameters.values()
    return {p.name for p in found if p.kind is p.KEYWORD_ONLY and p.name != "leading"}


def _signature(formula: Formula) -> list[str]:
    import inspect

    found = inspect.signature(formula.function).parameters.values()
    return ["*" if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) else p.name for p in found]


def array(name: str, text: str) -> Array:
    """An array out of text or a file; integers stay integers, for they are labels and lengths.

    >>> array("a", "0.5,-2").tolist(), array("labels", "[1, 0]").dtype.kind
    ([0.5, -2.0], 'i')
    >>> array("a", "[[0x1.8p+1, nan], [inf, 2]]").tolist()
    [[3.0, nan], [inf, 2.0]]
    """
    try:
        found = _read(text)
        x = np.asarray(found)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{name}={text}: {error}") from error
    if x.dtype.kind not in "fiub":
        raise UsageError(f"{name}={text}: no array of numbers; write 0.5,-2 or [[0.5, -2], [1, nan]] or a file .npy")
    return x.astype(np.int64) if x.dtype.kind == "u" else x


def _read(text: str) -> Any:
    place, _, inside = text.partition(":")
    if text == "-":
        return _json(sys.stdin.read())
    if place.endswith(".npz"):
        with np.load(place, allow_pickle=False) as file:
            if inside not in file:
                raise KeyError(f"{place} has {', '.join(file)}: write {place}:NAME")
            return file[inside]
    if text.endswith(".npy"):
        return np.load(text, allow_pickle=False)
    if text.endswith(".json"):
        return _json(Path(text).read_text(encoding="utf-8"))
    return _json(text if text.strip().startswith("[") or "," not in text else f"[{text}]")


def _json(text: str) -> Any:
    """JSON, with hex floats, nan and inf in it as well."""
    plain = HEX.sub(lambda m: repr(float.fromhex(m.group())), text)
    plain = re.sub(r"(?<![\w.])nan\b", "NaN", plain, flags=re.IGNORECASE)
    plain = re.sub(r"(?<![\w.])(-?)\+?inf(?:inity)?\b", r"\1Infinity", plain, flags=re.IGNORECASE)
    try:
        return json.loads(plain)
    except ValueError as error:
        raise ValueError(f"no numbers: {error}") from error


def _option(text: str) -> Any:
    """A parameter: a number where it reads as one, true or false, else a word.

    >>> _option("0x1p-1"), _option("True"), _option("sum")
    (0.5, True, 'sum')
    """
    try:
        found = json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        try:
            return float.fromhex(text) if "0x" in text.lower() else float(text)
        except ValueError:
            return text
    return found


def of_dtype(arguments: Mapping[str, Array], formula: Formula, dtype: str) -> dict[str, Array]:
    """The arguments with floating ones in `dtype`: whatever the record does not call a label, a length or a mask."""
    from gradproof.cases.case import as_dtype

    whole = {name for name, what in formula.entries.items() if what in ("label", "length")}
    return {name: x if name in whole or x.dtype.kind == "b" else as_dtype(x, dtype) for name, x in arguments.items()}
