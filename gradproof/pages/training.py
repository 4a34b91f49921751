"""training.md: how the three sides part over 500 steps, and what each has learned."""

from __future__ import annotations

from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.pages.figures import training_curves
from gradproof.pages.tables import Table, write_page

SHOWN = (1, 16, 128, 500)  # steps in the table; the figure has all


def write(evidence: Path, folder: Path) -> None:
    """Write training.md and its figure from evidence/training.jsonl."""
    _, found = read_evidence(evidence / "training.jsonl")
    curves = [f for f in found if f.kind == "distance"]
    lines = []
    for f in curves:
        at = dict(zip(f.more["steps"], f.more["distances"], strict=True))
        lines.append([f.what, f.dtype, f.side.replace("-", "–"), *(at.get(step) for step in SHOWN)])
    apart = Table(
        "How the parameters part",
        ["data", "dtype", "pair", *(f"step {step}" for step in SHOWN)],
        lines,
        "‖p − q‖/‖p‖ over all weights and biases, from the same start and through the same mini-batches.",
    )
    scores = Table(
        "What is learned",
        ["data", "dtype", "side", "measure", "before", "after"],
        [[f.what, f.dtype, f.side, *(f.more[k] for k in ("measure", "before", "after"))]
         for f in found if f.kind == "score"],
    )  # fmt: skip
    training_curves(curves, folder / "figures" / "training.svg")
    intro = "# Training parity\n\n![Distance of the parameters over the steps](figures/training.svg)"
    write_page(folder, "training", intro, [apart, scores])
