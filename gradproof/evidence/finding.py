"""A finding: one measured row. What every check gives, and what every table is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Key = tuple[str, str, str, str, str, str]
TYPED = {"+0": "0", "−0": "-0", "+∞": "inf", "−∞": "-inf"}  # special inputs as a person types them; NaN is no point


@dataclass(frozen=True)
class Finding:
    """What was measured about one subject by one side.

    `kind` says what was done: sweep, accuracy, kink, special, law, network, convention, proof, … `formula` is the
    subject: the id of a formula or of a published claim, or a network. `what` tells apart findings of one kind about
    one subject: parameters, the place of a kink, the question of a probe. `quantity` is "value", "slope" or the
    argument that a gradient is taken by, `side` who answered.

    `max` and `mean` are errors of `entries` numbers, in the unit of the kind (conditioned ULP unless it says
    otherwise); `at` is where the largest is, `got` and `truth` the numbers there, floats as hex. `verdict` is a word
    of `gradproof.evidence.verdicts`, `why` what explains it, `more` what this kind alone has.
    """

    kind: str
    formula: str
    what: str = ""
    quantity: str = ""
    dtype: str = ""
    side: str = ""
    verdict: str = ""
    entries: int = 0
    max: float | None = None
    mean: float | None = None
    at: str = ""
    got: str = ""
    truth: str = ""
    why: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What no other finding of an area has: the order of rows, and what two evidences are compared by."""
        return (self.kind, self.formula, self.what, self.quantity, self.dtype, self.side)

    @property
    def row(self) -> dict[str, Any]:
        """The finding as it is written: what is left at its default is left out."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in said.items() if value != DEFAULTS[name]}

    def again(self) -> str:
        """The command that measures this again."""
        dtype = f" --dtype {self.dtype}" if self.dtype not in ("", "float64") else ""
        given = "".join(f" {name}={value}" for name, value in self.more.get("parameters", {}).items())
        if self.kind in ("sweep", "exhaustive"):
            return f"gradproof at {self.formula} {self.at}{given}{dtype}"
        if self.kind == "special" and self.what in TYPED:
            return f"gradproof at {self.formula} {TYPED[self.what]}{given}{dtype}"
        if self.kind in ("accuracy", "block") and self.at:
            regime, seed, *_ = self.at.split(" ")
            return f"gradproof case {self.formula} {regime} {seed}{dtype}"
        if self.kind == "network":
            return f"gradproof audit --only '{self.at.partition(' ')[0]}/{self.dtype}/{self.formula}'"
        area = "--only laws " if self.kind == "law" else ""
        return f"gradproof audit {area}--only {self.formula}"


DEFAULTS: dict[str, Any] = {f.name: {} if f.name == "more" else f.default for f in fields(Finding)}


def finding(row: Mapping[str, Any]) -> Finding:
    """The finding that was written as `row`. Raises TypeError where it is none."""
    if strangers := sorted(row.keys() - DEFAULTS.keys()):
        raise TypeError(f"no finding has {', '.join(strangers)}")
    errors = {name: float(row[name]) for name in ("max", "mean") if name in row}
    found = Finding(**{**row, **errors, "more": _spoken(row.get("more", {}))})
    if strange := [word for word in found.key if not isinstance(word, str)]:
        raise TypeError(f"{strange[0]!r} is no text")
    return found


WORDS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}  # for what JSON has no numbers


def _spoken(value: Any) -> Any:
    """Numbers for the words that stand for them."""
    if isinstance(value, dict):
        return {key: _spoken(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_spoken(v) for v in value]
    return WORDS.get(value, value) if isinstance(value, str) else value


def short(x: float | None, n: int = 4) -> float | None:
    """x to n digits: enough for a table, and the same on every run."""
    return None if x is None else float(f"{x:.{n}g}") if math.isfinite(x) else x


def hexed(x: Any) -> str:
    """A number as hex, which names a float exactly, without zeros at its end.

    >>> hexed(-3), hexed(0.0), hexed(math.inf)
    ('-0x1.8p+1', '0x0p+0', 'inf')
    """
    return re.sub(r"\.?0*p", "p", float(x).hex())
