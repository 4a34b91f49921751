"""Numbers as a person gives them on the command line: arrays by name, from text or from files."""

from __future__ import annotations

import inspect
import json
import math
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


def pairs(words: Sequence[str], remedy: str = "write name=value") -> dict[str, str]:
    """Texts by name out of name=text. Raises UsageError for a word without a name, and for a name given twice.

    >>> pairs(["alpha=2", "reduction=none"])
    {'alpha': '2', 'reduction': 'none'}
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{word!r}: {remedy}")
        if name in found:
            raise UsageError(f"{name} is given twice, as {found[name]} and as {text}")
        found[name] = text
    return found


def option(text: str) -> Any:
    """A parameter: a number where it reads as one, whole ones as integers, or a list or a word.

    >>> option("2"), option("2.0"), option("0x1.8p+1"), option("-inf"), option("true"), option("batchmean")
    (2, 2.0, 3.0, -inf, True, 'batchmean')

    Raises UsageError for a number beyond the largest float64.
    """
    try:
        found = _json({"True": "true", "False": "false"}.get(text, text))
    except ValueError:
        try:
            found = float(text)  # .5 and +5 are no JSON
        except ValueError:
            return text
    if isinstance(found, float) and math.isinf(found) and any(digit in text for digit in "0123456789"):
        raise UsageError(f"{text} is beyond the largest float64, 1.8e308; write inf if you mean it")
    return found


def arrays(formula: Formula, words: Sequence[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arguments and parameters out of name=value, or out of - for a JSON object of them from standard input.

    An argument is an array: 0.5,-2 or [[0.5, -2], [1, nan]] with brackets for its shape, or a file.npy, file.npz:name,
    file.json, or - for JSON from standard input. Raises UsageError for a name that the formula does not have or that
    is given twice, and for what is no array.
    """
    names = _names(formula)
    call = f"gradproof at {formula.id} {' '.join(f'{name}=0.5,-2' for name in names)}"
    rest = [word for word in words if word != "-"]
    texts: dict[str, Any] = pairs(rest, f"{formula.id} takes arrays by name, as in '{call}'")
    if len(rest) < len(words):
        for name, value in _object(sys.stdin.read()).items():
            if name in texts:
                raise UsageError(f"{name} is given twice, as {texts[name]} and on standard input")
            texts[name] = value
    options = _options(formula)
    taken = {*names, *(() if formula.is_step else _signature(formula))}
    arguments: dict[str, Array] = {}
    parameters: dict[str, Any] = {}
    for name, text in texts.items():
        numbered = NUMBERED.fullmatch(name)
        if name in formula.parameters or name in options or (name in ("activations", "k") and name not in names):
            parameters[name] = option(text) if isinstance(text, str) else text
        elif name in taken or (numbered and "*" in taken):
            arguments[name] = array(name, text)
        elif name in (printed := dict.fromkeys(a.split("[")[0] for a in formula.arguments)):
            raise UsageError(f"{formula.id}: {name} of the record is a part of {names[0]}; write {names[0]}=… with "
                             f"{' and '.join(printed)} one behind the other")  # fmt: skip
        else:
            known = ", ".join(sorted({*taken, *options, *formula.parameters} - {"*", "leading"}))
            raise UsageError(f"{formula.id} has no argument or parameter {name!r}; it has {known}")
    return arguments, parameters


def _names(formula: Formula) -> list[str]:
    """The arrays that a formula takes, as it is asked in the audit, else as its record prints them."""
    from gradproof import cases
    from gradproof.cases.source import REGIMES

    if formula.id in cases.DRAWS:
        return list(cases.draw(formula.id, "float64", REGIMES[0], 0).arguments)
    return list(dict.fromkeys(name.split("[")[0] for name in formula.arguments))


def _options(formula: Formula) -> set[str]:
    """What the function takes by keyword alone: reduction, axis, flags; and the number of a step."""
    found = inspect.signature(formula.function).parameters.values()
    return {p.name for p in found if p.kind is p.KEYWORD_ONLY and p.name != "leading"} | ({"t"} & {*formula.arguments})


def _object(text: str) -> dict[str, Any]:
    """A JSON object: arrays and parameters by name."""
    try:
        found = _json(text)
    except ValueError as error:
        raise UsageError(f"-: {error}") from error
    if not isinstance(found, dict):
        raise UsageError('-: no JSON object; write {"a": [0.5, -2], "y": [0, 0]}, or name=- for one array')
    return found


def _signature(formula: Formula) -> list[str]:
    found = inspect.signature(formula.function).parameters.values()
    return ["*" if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) else p.name for p in found]


def array(name: str, text: Any) -> Array:
    """An array out of text, a file or lists; integers stay integers, for they are labels and lengths.

    >>> array("a", "0.5,-2").tolist(), array("labels", "[1, 0]").dtype.kind
    ([0.5, -2.0], 'i')
    >>> array("a", "[[0x1.8p+1, nan], [inf, 2]]").tolist()
    [[3.0, nan], [inf, 2.0]]
    """
    try:
        x = np.asarray(_read(text) if isinstance(text, str) else text)
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


def of_dtype(arguments: Mapping[str, Array], formula: Formula, dtype: str) -> dict[str, Array]:
    """The arguments with floating ones in `dtype`: whatever the record does not call a label, a length or a mask.

    Raises UsageError as `rounded`.
    """
    whole = {name for name, what in formula.entries.items() if what in ("label", "length")}
    return {
        name: x if name in whole or x.dtype.kind == "b" else rounded(name, x, dtype) for name, x in arguments.items()
    }


def rounded(name: str, x: Array, dtype: str) -> Array:
    """The numbers `x` in `dtype`. Raises UsageError for one beyond its largest, and for bfloat16 without ml-dtypes."""
    from gradproof.cases.case import as_dtype

    try:
        with np.errstate(over="ignore"):
            y = as_dtype(x, dtype)
    except ImportError as error:
        raise UsageError("bfloat16 needs ml-dtypes: pip install 'gradproof[oracles]'") from error
    if (lost := np.isinf(y.astype(np.float64)) & np.isfinite(x)).any():
        raise UsageError(f"{name}: {float(x[lost][0])!r} is beyond the largest {dtype}; write inf if you mean it")
    return y
