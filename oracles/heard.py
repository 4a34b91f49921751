"""What an oracle calls of its library, heard while a definition runs: the exact call, with the options it is given."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from oracles.calls import Array, Definition

# Refusals are answers, too, and of whoever asks for the answer itself.
REFUSALS = (ValueError, TypeError, RuntimeError, IndexError, AssertionError, LookupError, AttributeError)
Say = Callable[[str, tuple[Any, ...], Mapping[str, Any]], None]


class _Module:
    """A module of a library that says what is called of it, of the names that match."""

    def __init__(self, module: ModuleType, library: str, say: Say) -> None:
        self._module, self._library, self._say = module, library, say

    def __getattr__(self, name: str) -> Any:
        x, full = getattr(self._module, name), f"{self._module.__name__}.{name}"
        if isinstance(x, ModuleType):
            return _Module(x, self._library, self._say)
        if not callable(x) or not re.match(self._library, full):
            return x

        def said(*args: Any, **options: Any) -> Any:
            self._say(full, args, options)
            return x(*args, **options)

        return said


@contextlib.contextmanager
def _listening(definition: Definition, library: str, say: Say) -> Iterator[None]:
    """In the module of the definition, all that it imports are ones that say what is called of them."""
    names: dict[str, Any] = definition.__globals__
    meant = {n: x for n, x in names.items() if isinstance(x, ModuleType)}
    names.update({name: _Module(module, library, say) for name, module in meant.items()})
    try:
        yield
    finally:
        names.update(meant)


def calls(definition: Definition, given: Mapping[str, Any], options: Mapping[str, Any], library: str) -> list[str]:
    """The calls of functions whose names match `library` that a definition makes, arrays under their names in `given`.

    >>> calls(lambda a: np.linalg.norm(a, ord=2), {"a": np.ones(2)}, {}, r"numpy")
    ['numpy.linalg.norm(a, ord=2)']
    """
    heard: list[str] = []

    def say(name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        shown = [_shown(x, given) for x in args] + [f"{key}={_shown(x, given)}" for key, x in named.items()]
        heard.append(f"{name}({', '.join(shown)})")

    with _listening(definition, library, say), contextlib.suppress(*REFUSALS):
        definition(**given, **options)
    return list(dict.fromkeys(heard))


def _shown(x: Any, given: Mapping[str, Any]) -> str:
    """An array by its name, also where only its dtype is another; what else is no number or word is left open."""
    if x is None or isinstance(x, (bool, int, float, str)):
        return repr(x)
    with contextlib.suppress(*REFUSALS):
        same = [name for name, q in given.items() if q is x]
        alike = [name for name, q in given.items() if np.array_equal(_array(q), _array(x), equal_nan=True)]
        return next(iter(same + alike), "…")
    return "…"


def _array(x: Any) -> Array:
    return np.asarray(x.detach() if hasattr(x, "detach") else x, np.float64)
