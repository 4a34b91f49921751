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
    by_name = {k.split("/")[-1]: k for k in known}
    near = difflib.get_close_matches(word, known, 3)
    near += [
        by_name[n] for n in difflib.get_close_matches(word.split("/")[-1], list(by_name), 3) if by_name[n] not in near
    ]
    if not near:
        return "'gradproof list' shows them all"
    near = near[:3]
    return f"did you mean {', '.join(near[:-1]) + ' or ' if near[1:] else ''}{near[-1]}?"
