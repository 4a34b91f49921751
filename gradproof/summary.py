"""From raw findings to evidence: one row per configuration, all architectures and regimes folded in.

`evidence/networks.jsonl` is the only thing the network tables are made from.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradproof.files import EvidenceError, write_lines
from gradproof.judge import QUANTITIES
from gradproof.verdicts import Verdict

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
        cases = pl.read_parquet(raw / "*.parquet")
    except Exception as error:
        raise EvidenceError(f"{raw}: a raw file cannot be read ({error}); run 'gradproof audit --resume'") from error
    cases = cases.with_columns(
        pl.col("configuration").str.split("/").list.to_struct(fields=list(FIELDS)).alias("parts")
    ).unnest("parts")
    pairs = [p for p in PAIRS if f"{p} dW sigma" in cases.columns]
    oracles = [c.removesuffix(" verdict") for c in cases.columns if c.endswith(" verdict")]
    cases = cases.with_columns(
        pl.max_horizontal(*(f"{p} {q} relative" for q in ("dW", "db"))).alias(f"{p} worst") for p in pairs
    )
    rows = [*_configurations(cases, pairs, oracles), *_cells(cases, pairs, oracles), *_histograms(cases, pairs)]
    counts = {v.value: 0 for v in Verdict}
    for name in oracles:
        for value, n in cases[f"{name} verdict"].value_counts().iter_rows():
            counts[value] += n
    header = {
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **made_with,
        "cases": len(cases),
        "verdicts": counts,
    }
    write_lines(evidence / "networks.jsonl", header, rows)
    return counts


def _counts(frame: Any, oracles: Iterable[str]) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(frame[f"{name} verdict"].value_counts().iter_rows())) for name in oracles}


def _worst(frame: Any, pair: str) -> list[Any]:
    """Largest relative difference of any gradient among the cases, and which case it is."""
    finite = frame.filter(frame[f"{pair} worst"].is_not_nan())
    if not len(finite):
        return [None, ""]
    top = finite.sort(f"{pair} worst", "configuration", "case", descending=[True, False, False]).row(0, named=True)
    return [short(top[f"{pair} worst"]), f"{top['configuration']} ({top['regime']})"]


def _configurations(cases: Any, pairs: list[str], oracles: list[str]) -> Iterable[dict[str, Any]]:
    """One row for each hidden × output × cost × regularizer × dtype."""
    keys = [f for f in FIELDS if f != "architecture"]
    for key, group in sorted(cases.group_by(keys, maintain_order=True), key=lambda item: item[0]):
        row: dict[str, Any] = {"row": "configuration", **dict(zip(keys, key, strict=True)), "cases": len(group)}
        row["verdicts"] = _counts(group, oracles)
        for pair in pairs:
            figures = [
                [
                    short(group[f"{pair} {q} relative"].fill_nan(None).max()),
                    short(group[f"{pair} {q} relative"].median()),
                ]
                for q in QUANTITIES
            ]
            row[pair] = {"[worst, median]": figures, "at": _worst(group, pair)[1]}
        yield row


def _cells(cases: Any, pairs: list[str], oracles: list[str]) -> Iterable[dict[str, Any]]:
    """Rows for the tables by formula, by architecture and by regime."""
    import polars as pl

    for field in (*FIELDS, "regime"):
        groups = cases.with_columns(pl.col(field).alias("name")).group_by(["name", "dtype"])
        for (name, dtype), group in sorted(groups, key=lambda item: item[0]):
            row: dict[str, Any] = {"row": field, "name": name, "dtype": dtype, "cases": len(group)}
            row["verdicts"] = _counts(group, oracles)
            for pair in pairs:
                worst, at = _worst(group, pair)
                row[pair] = {"median": short(group[f"{pair} worst"].median()), "worst": worst, "at": at}
            yield row


def _histograms(cases: Any, pairs: list[str]) -> Iterable[dict[str, Any]]:
    """How log10 of the relative difference of the gradients is distributed, per pair and dtype."""
    import numpy as np

    for (dtype,), group in sorted(cases.group_by(["dtype"]), key=lambda item: item[0]):
        for pair in pairs:
            values = group[f"{pair} worst"].to_numpy()
            with np.errstate(divide="ignore"):
                logs = np.log10(values[np.isfinite(values)])
            # Zero differences have no logarithm; they are counted by themselves.
            counts, _ = np.histogram(logs[np.isfinite(logs)], EDGES)
            yield {"row": "histogram", "dtype": dtype, "pair": pair, "zero": int((values == 0).sum()),
                   "edges": EDGES[1:-1], "counts": counts.tolist()}  # fmt: skip
