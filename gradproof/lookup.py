"""Finding a formula by its id, with help when the id is not quite right."""

from __future__ import annotations

import difflib

from reference import CATALOGUE
from reference.formula import Formula


class UsageError(Exception):
    """Bad input from a person: the message says what was wrong, with which value, and what to do."""


def find(id: str) -> Formula:
    """The record of formula `id`. Raises UsageError naming the nearest ids."""
    if id in CATALOGUE:
        return CATALOGUE[id]
    raise UsageError(f"no formula {id!r}; {suggestion(id, list(CATALOGUE))}")


def suggestion(word: str, known: list[str]) -> str:
    """The nearest known words as a question, or where to see them all."""
    name, names = word.split("/")[-1], [k.split("/")[-1] for k in known]
    near = [k for k, n in zip(known, names, strict=True) if n == name]  # the right name, under another kind
    near += difflib.get_close_matches(word, known, 3)
    near += [known[names.index(n)] for n in difflib.get_close_matches(name, names, 3)]
    near = list(dict.fromkeys(near))[:3]
    if not near:
        return "'gradproof list' shows them all"
    return f"did you mean {', '.join(near[:-1]) + ' or ' if near[1:] else ''}{near[-1]}?"
