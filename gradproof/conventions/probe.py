"""A question that tells what is meant by a name, and how its answer is read.

A probe calls a function with its own defaults on inputs for which the conventions give different numbers, and names
the convention that the number belongs to. A reading is a name only if the measured number is that convention's to six
digits; else the number speaks for itself. Nothing is taken from documentation or source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.evidence.finding import Finding

INF = math.inf


@dataclass(frozen=True)
class Probe:
    """A question about one formula: `ask` of a side gives what was measured and its reading."""

    topic: str
    id: str
    what: str
    ask: Callable[[Any], tuple[Any, str]]


def finding(probe: Probe, name: str, side: Any) -> Finding:
    """What a side answers, and the calls of its library that it answers by; an error is an answer, too."""
    calls: list[str] = []
    try:
        with np.errstate(all="ignore"):
            measured, reading = probe.ask(_heard(side, calls) if hasattr(side, "calls") else side)
    except (ValueError, TypeError, RuntimeError, IndexError, AssertionError) as error:  # optax asserts shapes
        message = " ".join(str(error).split())
        measured, reading = f"{type(error).__name__}: {message}", type(error).__name__
        if name == "ours":
            reading = f"{reading}: {message}"
    except LookupError as missing:
        measured, reading = None, str(missing.args[0])
    more = {"topic": probe.topic, "probe": probe.what, "reading": reading, "measured": measured}
    if calls:
        more["calls"] = list(dict.fromkeys(calls))
    return Finding("convention", probe.id, f"{probe.topic}: {probe.what}", side=name, more=more)


def _heard(side: Any, calls: list[str]) -> Any:
    """The side, of which what `native` calls is added to `calls`."""

    def native(id: str, arguments: Mapping[str, Any], **options: Any) -> Any:
        calls.extend(side.calls(id, arguments, **options))
        return side.native(id, arguments, **options)

    return SimpleNamespace(**{**vars(side), "native": native})


def read(measured: float, candidates: Mapping[str, float], digits: int = 6) -> str:
    """The name of the candidate that the number equals to that many digits, or the number."""
    for name, value in candidates.items():
        if measured == value or math.isclose(measured, value, rel_tol=10.0**-digits, abs_tol=1e-12):
            return name
    return number(measured)


def number(x: float) -> str:
    """Six digits, or NaN or ±∞."""
    return "NaN" if math.isnan(x) else ("∞" if x > 0 else "−∞") if math.isinf(x) else f"{x:.6g}"
