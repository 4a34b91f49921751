"""scaling.md: how rounding differences grow with depth and width, beside what the propagated error predicts."""

from __future__ import annotations

from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.pages.figures import scaling_curves
from gradproof.pages.tables import Table, write_page


def write(evidence: Path, folder: Path) -> None:
    """Write scaling.md, its table and its figure from evidence/scaling.jsonl."""
    header, found = read_evidence(evidence / "scaling.jsonl")
    pairs = sorted({f.side for f in found}, key=lambda pair: (pair == "predicted", pair))
    by = {(f.what, at, f.dtype, f.side): x for f in found for at, x in f.more["relative"].items()}
    keys = sorted({key[:3] for key in by}, key=lambda key: (key[0], key[2], int(key[1])))
    lines = [
        [along, int(at), dtype, *(by.get((along, at, dtype, pair)) for pair in pairs)] for along, at, dtype in keys
    ]
    note = (
        "Median over {networks} networks of ‖p − q‖/‖p‖ of the whole gradient (tanh, quadratic cost, batch {batch}); "
        "depth varies at width {width}, width at depth {depth}. Predicted: √2·‖σ‖/‖p‖ by propagated rounding error."
    ).format(**header["shape"])
    table = Table("", ["along", "at", "dtype", *(p.replace("-", "–") for p in pairs)], lines, note)
    scaling_curves(found, folder / "figures" / "scaling.svg")
    figure = "![Relative difference of gradients against depth and width](figures/scaling.svg)"
    write_page(folder, "scaling", f"# Error against depth and width\n\n{figure}", [table])
