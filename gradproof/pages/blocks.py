"""blocks.md: gradients of whole blocks against the truth, and how training parts."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.networks import counts
from gradproof.pages.tables import Table, name, write_page

SHOWN = (1, 10, 50, 200)  # steps in the table


def write(evidence: Path, folder: Path) -> None:
    """Write blocks.md from evidence/blocks.jsonl."""
    _, found = read_evidence(evidence / "blocks.jsonl")
    gradients = [f for f in found if f.kind == "block"]
    intro = (
        "# Blocks\n\nTransformer blocks, a language model of two of them, a convolutional network and an LSTM: the "
        "value and the whole gradient by every weight, each side against the exact one over balls. "
        "A verdict is on the gradient by one weight in one case: exact is the truth rounded, agrees is within 4 "
        "conditioned ULP (ours in float32 within 1), beyond that ours is wrong and a framework inaccurate. Cases are "
        "plain, conditioned on all inputs, and wide, with factors of 1/100 to 100 on all numbers, conditioned also on "
        "what goes from one layer to the next and back: layers that are correctly rounded, each by itself, are "
        "thousands of ULP off in such chains without that. Relative "
        "differences are ‖p − truth‖/‖truth‖ of each such gradient."
    )
    columns = ["worst conditioned ULP", "median relative difference", "verdicts"]
    by_setting = Table(
        "By setting",
        ["block", "setting", "dtype", "side", *columns, "worst at", "why"],
        [[name(f.formula), f.what or "defaults", f.dtype, f.side, f.max, f.more["median"], counts(f.more["verdicts"]),
          f.at, f.why] for f in gradients],
        "What a setting does not name is at its default: RMS norm before each layer, causal, SwiGLU, no dropout.",
    )  # fmt: skip
    curves = [f for f in found if f.kind == "parity"]
    lines = []
    for f in curves:
        at = dict(zip(f.more["steps"], f.more["differences"], strict=True))
        lines.append([name(f.formula), f.dtype, f.side.replace("-", "–"), *(at.get(k) for k in SHOWN), f.max])
    parity = Table(
        "How the costs part in training",
        ["block", "dtype", "pair", *(f"step {k}" for k in SHOWN), "largest"],
        lines,
        "|C − C′|/C of the batch, from the same weights through the same batches; largest is over all steps.",
    )
    learned = Table(
        "What is learned",
        ["block", "dtype", "side", "cost at the beginning", "cost at the end"],
        [[name(f.formula), f.dtype, f.side, f.more["before"], f.more["after"]] for f in found if f.kind == "learned"],
    )
    write_page(folder, "blocks", intro, [_by_block(gradients, columns), by_setting, parity, learned])


def _by_block(gradients: Sequence[Finding], columns: Sequence[str]) -> Table:
    """A line for each block, dtype and side."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for f in gradients:
        groups.setdefault((f.formula, f.dtype, f.side), []).append(f)
    lines = []
    for (block, dtype, side), mine in groups.items():
        verdicts = sum((Counter(f.more["verdicts"]) for f in mine), Counter[str]())
        medians = [f.more["median"] for f in mine if f.more["median"] is not None]
        worst = max((f.max for f in mine if f.max is not None), default=None)
        median = statistics.median(medians) if medians else None
        lines.append([name(block), dtype, side, len(mine), worst, median, counts(verdicts)])
    note = "All settings together; the median is that of their medians."
    return Table("By block", ["block", "dtype", "side", "settings", *columns], lines, note)
