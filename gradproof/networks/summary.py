"""From what the tasks found to evidence: one finding a network and side, all architectures and regimes folded in.

It has the cases of a network that neither are exact nor agree; how far apart the others are, the overviews say.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradproof.evidence.environment import PLANNED
from gradproof.evidence.finding import Finding, short
from gradproof.evidence.verdicts import AGREEING

FIELDS = ("architecture", "dtype", "hidden", "output", "cost", "regularizer")
KINDS = {"hidden": "activation", "output": "activation", "cost": "cost", "regularizer": "regularizer"}
EDGES = list(range(-18, 1))  # of log10(relative difference), for the histograms
CAUSES = 5  # of the disagreements that are kept


@dataclass
class Tally:
    """What is added up of many cases of one pair of sides."""

    cases: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    relative: list[float] = field(default_factory=list)
    worst: float = -1.0
    at: str = ""

    def add(self, verdict: str | None, relative: float, at: str) -> None:
        """Take in one case. A difference that is not a number is the largest."""
        self.cases += 1
        if verdict:
            self.verdicts[verdict] += 1
        if not math.isnan(relative):
            self.relative.append(relative)
        size = math.inf if math.isnan(relative) else relative
        if size > self.worst:
            self.worst, self.at = size, at

    @property
    def median(self) -> float | None:
        """Of the differences that are numbers."""
        return short(statistics.median(self.relative), 3) if self.relative else None


def fold(found: Sequence[Finding]) -> list[Finding]:
    """Findings of kind network (a combination of formulas), overview (one formula, architecture or regime at a time),
    histogram and disagreement. A plan has a network of its own only where it neither is exact nor agrees."""
    networks: dict[tuple[str, str, str], Tally] = {}
    overviews: dict[tuple[str, str, str, str], Tally] = {}
    pairs: dict[tuple[str, str], list[float]] = {}
    whys: dict[tuple[str, str, str], str] = {}
    found = sorted(found, key=lambda f: f.key)  # the order of tasks is not a finding, and breaks no tie
    for f in found:
        if f.kind != "case":
            continue
        said = dict(zip(FIELDS, f.formula.split("/"), strict=True))
        dtype, combination = said.pop("dtype"), "/".join(f.formula.split("/")[2:])
        names = [(name, f"{KINDS[name]}/{value}" if name in KINDS else value) for name, value in said.items()]
        for side, sizes in f.more["sides"].items():
            if "why" in sizes:
                whys.setdefault((combination, dtype, side), sizes["why"])
            verdicts = sizes.get("verdicts", [None] * f.entries)
            for regime, verdict, size in zip(f.more["regimes"], verdicts, map(float, sizes["relative"]), strict=True):
                if verdict:
                    tally = networks.setdefault((combination, dtype, side), Tally())
                    if verdict in AGREEING:
                        tally.cases += 1
                    else:
                        tally.add(verdict, size, f"{said['architecture']} {regime}")
                for name, value in [*names, ("regime", regime)]:
                    tally = overviews.setdefault((name, value, dtype, side), Tally())
                    tally.add(verdict, size, f"{f.formula} {regime}")
                pairs.setdefault((dtype, side), []).append(size)
    rows = [replace(_network(*key, tally), why=whys.get(key, "")) for key, tally in networks.items()
            if tally.verdicts or key[2] != PLANNED]  # fmt: skip
    rows += [_overview(*key, tally) for key, tally in overviews.items()]
    others = [f for f in found if f.kind not in ("case", "disagreement")]
    return [*rows, *others, *_histograms(pairs), *_disagreements(f for f in found if f.kind == "disagreement")]


def _network(formula: str, dtype: str, side: str, tally: Tally) -> Finding:
    found = Finding("network", formula, dtype=dtype, side=side, entries=tally.cases)
    if not tally.verdicts:
        return replace(found, verdict="agrees")
    verdicts = dict(sorted(tally.verdicts.items()))
    return replace(found, max=short(tally.worst, 3), at=tally.at, more={"verdicts": verdicts})


def _overview(what: str, formula: str, dtype: str, side: str, tally: Tally) -> Finding:
    more = {"unit": "‖p − q‖/‖p‖", "median": tally.median, "verdicts": dict(sorted(tally.verdicts.items()))}
    return Finding("overview", formula, what, dtype=dtype, side=side, entries=tally.cases, max=short(tally.worst, 3),
                   at=tally.at, more={k: v for k, v in more.items() if v not in (None, {})})  # fmt: skip


def _histograms(pairs: dict[tuple[str, str], list[float]]) -> Iterator[Finding]:
    """How log10 of the relative difference of the gradients is distributed; zeros are counted by themselves."""
    for (dtype, side), sizes in pairs.items():
        counts = [0] * (len(EDGES) + 1)
        for size in sizes:
            if size > 0 and math.isfinite(size):
                counts[min(max(math.floor(math.log10(size)) - EDGES[0] + 1, 0), len(EDGES))] += 1
        pair = side if "-" in side else f"ours-{side.removeprefix('ours, ')}"
        yield Finding("histogram", "network/gradient", dtype=dtype, side=pair, entries=len(sizes),
                      more={"zero": sum(size == 0 for size in sizes), "edges": EDGES, "counts": counts})  # fmt: skip


def _disagreements(found: Iterable[Finding]) -> list[Finding]:
    """The largest, no two of one cause."""
    largest: dict[str, Finding] = {}
    for f in sorted(found, key=lambda f: (-(f.max or 0), f.at)):
        largest.setdefault(f.formula, f)
    return list(largest.values())[:CAUSES]
