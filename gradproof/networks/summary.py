"""From raw findings to evidence: one row per configuration, all architectures and regimes folded in.

`evidence/networks.jsonl` is the only thing the network tables are made from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.evidence.files import EvidenceError, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.judge import QUANTITIES

PAIRS = ("ours-torch", "ours-jax", "torch-jax")
FIELDS = ("architecture", "dtype", "hidden", "output", "cost", "regularizer")
EDGES = [float("-inf"), *range(-18, 1), float("inf")]  # of log10(relative difference), for the histograms


def short(x: float | None) -> float | None:
    """Three digits: enough for a table, and the same on every run."""
    return None if x is None else float(f"{x:.3g}")


def summarise(raw: Path, evidence: Path, made_with: dict[str, Any]) -> dict[str, int]:
    """Fold the Parquet files in `raw` into `evidence/networks.jsonl`; returns the verdict counts.

    Raises EvidenceError where a part cannot be read.
    """
    import polars as pl

    try:
        cases = pl.concat([pl.read_parquet(part) for part in sorted(raw.glob("*.parquet"))])
    except Exception as error:
        raise EvidenceError(f"{raw}: a raw file cannot be read ({error}); run 'gradproof audit --resume'") from error
    cases = cases.with_columns(
        pl.col("configuration").str.split("/").list.to_struct(fields=list(FIELDS)).alias("parts")
    ).unnest("parts")
    pairs = [p for p in PAIRS if f"{p} dW sigma" in cases.columns]
    oracles = [c.removesuffix(" verdict") for c in cases.columns if c.endswith(" verdict")]
    cases = cases.with_columns(
        pl.max_horizontal(*(f"{p} {q} relative" for q in ("dW", "db"))).alias(f"{p} gradient") for p in pairs
    ).sort("configuration", "case")
    rows = list(_fold(cases, [f for f in FIELDS if f != "architecture"], pairs, oracles, QUANTITIES))
    for field in ("architecture", "regime", "hidden", "output", "cost", "regularizer"):
        for row in _fold(cases, [field, "dtype"], pairs, oracles, ("gradient",)):
            rows.append({"row": field, "name": row.pop(field), **{k: v for k, v in row.items() if k != "row"}})
    rows += _disagreements(cases, oracles, made_with["seed"], made_with.get("draws", 1))
    rows += _histograms(cases, pairs)
    counts = {v.value: 0 for v in Verdict}
    for name in oracles:
        for value, n in cases[f"{name} verdict"].value_counts().iter_rows():
            counts[value] += n
    write_lines(evidence / "networks.jsonl", {**made_with, "cases": len(cases), "verdicts": counts}, rows)
    return counts


def _fold(
    cases: Any, keys: list[str], pairs: list[str], oracles: list[str], quantities: Sequence[str]
) -> Iterable[dict[str, Any]]:
    """One row per value of `keys`: verdict counts, and for each pair the worst and median relative differences."""
    import polars as pl

    def relative(pair: str, quantity: str) -> Any:
        return pl.col(f"{pair} {quantity}" + ("" if quantity == "gradient" else " relative")).fill_nan(None)

    figures = [pl.len().alias("cases")]
    for name in oracles:
        figures += [(pl.col(f"{name} verdict") == v.value).sum().alias(f"{name} {v.value}") for v in Verdict]
    for pair in pairs:
        figures += [relative(pair, q).max().alias(f"{pair} {q} max") for q in quantities]
        figures += [relative(pair, q).median().alias(f"{pair} {q} median") for q in quantities]
        worst = relative(pair, "gradient").fill_null(-1).arg_max()
        figures.append(pl.concat_str("configuration", pl.lit(" "), "regime").get(worst).alias(f"{pair} at"))
    for found in cases.group_by(keys).agg(figures).sort(keys).iter_rows(named=True):
        row: dict[str, Any] = {"row": "configuration", **{k: found[k] for k in keys}, "cases": found["cases"]}
        row["verdicts"] = {n: {v.value: c for v in Verdict if (c := found[f"{n} {v.value}"])} for n in oracles}
        for pair in pairs:
            configuration, regime = found[f"{pair} at"].split(" ")
            whole = quantities == ("gradient",)  # a configuration's row already says all but the architecture
            row[pair] = {
                "worst": [short(found[f"{pair} {q} max"]) for q in quantities],
                "median": [short(found[f"{pair} {q} median"]) for q in quantities],
                "at": f"{configuration if whole else configuration.split('/')[0]} {regime}",
            }
        yield row


def _disagreements(cases: Any, oracles: list[str], seed: int, draws: int, most: int = 5) -> Iterable[dict[str, Any]]:
    """The largest differences of our gradients to a framework's, no two of one cause, each with its cause."""
    import polars as pl

    from gradproof.evidence.environment import load
    from gradproof.networks.blame import parting
    from gradproof.networks.draws import by_id, draw

    found: list[tuple[str, dict[str, Any]]] = []
    for name in oracles:
        oracle = load(name)
        apart = cases.filter(pl.col(f"{name} verdict").is_in(["inaccurate", "convention", "wrong"]))
        apart = apart.sort(f"ours-{name} gradient", "configuration", descending=[True, False], nulls_last=True)
        firsts = apart.group_by("hidden", "output", f"{name} verdict", maintain_order=True).head(1)
        firsts = firsts.sort(f"ours-{name} gradient", "configuration", descending=[True, False], nulls_last=True)
        seen: set[str] = set()
        for row in firsts.head(8 * most).iter_rows(named=True):
            if len(seen) == most:
                break  # what follows is smaller
            c = by_id(row["configuration"])
            cause = parting(c, draw(c, seed, draws)[row["case"]], oracle, name) if oracle else None
            unexplained = math.isnan(row[f"ours-{name} gradient"] or 0) and f"{name} nan" not in (cause or "")
            if cause and not unexplained and (what := cause.split(" at ")[0]) not in seen:
                seen.add(what)
                found.append((what, {
                    "row": "disagreement", "pair": f"ours-{name}", "verdict": row[f"{name} verdict"],
                    "relative": short(row[f"ours-{name} gradient"]), "at": f"{c.id} {row['regime']}", "cause": cause,
                }))  # fmt: skip
    largest: dict[str, dict[str, Any]] = {}
    for what, row in sorted(found, key=lambda f: (-_size(f[1]["relative"]), f[1]["at"])):
        largest.setdefault(what, row)
    return list(largest.values())[:most]


def _size(relative: float | None) -> float:
    """A difference that is not a number is the largest."""
    return 0 if relative is None else math.inf if math.isnan(relative) else relative


def _histograms(cases: Any, pairs: list[str]) -> Iterable[dict[str, Any]]:
    """How log10 of the relative difference of the gradients is distributed, per pair and dtype."""
    for (dtype,), group in sorted(cases.group_by(["dtype"]), key=lambda item: item[0]):
        for pair in pairs:
            values = group[f"{pair} gradient"].to_numpy()
            with np.errstate(divide="ignore"):
                logs = np.log10(values[np.isfinite(values)])
            # Zero differences have no logarithm; they are counted by themselves.
            counts, _ = np.histogram(logs[np.isfinite(logs)], EDGES)
            yield {"row": "histogram", "dtype": dtype, "pair": pair, "zero": int((values == 0).sum()),
                   "edges": EDGES[1:-1], "counts": counts.tolist()}  # fmt: skip
