"""The pages of the network audit and of training parity, each made from its evidence and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.files import read_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.draws import exclusions
from gradproof.pages.figures import histograms, training_curves
from gradproof.pages.tables import Table, write_page

Rows = list[dict[str, Any]]
VERDICTS = [v.value for v in Verdict]

MEANING = {
    "exact": "equal to the last bit",
    "agrees": "equal within the propagated rounding error",
    "convention": "equal once the other's slope at a kink, inside [left, right], is put into ours",
    "inaccurate": "the exact gradient sides with us; the framework is off by more than rounding",
    "wrong": "the exact gradient sides against us",
    "undefined": "no error bound exists: an infinite slope, or a kink within rounding error",
    "unknown": "they differ and nothing was there to decide",
}


def _counts(row: Mapping[str, Any], oracle: str) -> str:
    """Verdicts about one oracle in words, e.g. "exact 3, agrees 90"."""
    counts = row["verdicts"].get(oracle, {})
    return ", ".join(f"{v} {counts[v]:,}" for v in VERDICTS if counts.get(v)) or "not installed"


def _pair(row: Mapping[str, Any], pair: str) -> list[Any]:
    figures = row.get(pair)
    return [figures["median"][0], figures["worst"][0]] if figures else [None, None]


def _table(title: str, rows: Rows, kinds: Sequence[str], first: str, note: str = "") -> Table:
    """One line per name and dtype: verdicts about torch and jax, and how far the gradients are apart."""
    columns = [first, "dtype", "cases", "torch", "jax"]
    columns += [f"{p} {s}" for p in ("ours–torch", "ours–jax", "torch–jax") for s in ("median", "worst")]
    lines = []
    for row in rows:
        if row["row"] in kinds:
            figures = [f for p in ("ours-torch", "ours-jax", "torch-jax") for f in _pair(row, p)]
            lines.append(
                [row["name"], row["dtype"], row["cases"], _counts(row, "torch"), _counts(row, "jax"), *figures]
            )
    return Table(title, columns, lines, note)


RELATIVE = (
    "Differences are ‖p − q‖/max(‖p‖, ‖q‖) of all ∂C/∂W or of all ∂C/∂b, whichever is larger, so 1 means that nothing "
    "is shared; medians are over cases."
)


def _worst_cases(rows: Rows, kind: str) -> Table:
    """The largest disagreement of each name, with the command that makes it again."""
    lines = []
    for row in rows:
        if row["row"] == kind:
            for pair in ("ours-torch", "ours-jax"):
                if pair in row and row[pair]["worst"][0]:
                    configuration, regime = row[pair]["at"].split(" ")
                    again = f"`gradproof audit --only '{configuration}'`"
                    lines.append([row["name"], row["dtype"], pair, row[pair]["worst"][0], regime, again])
    columns = [kind, "dtype", "pair", "relative difference", "regime", "again"]
    return Table("Worst cases", columns, lines)


def networks_pages(evidence: Path, folder: Path) -> None:
    """Write activations.md, costs.md, regularizers.md and networks.md with their CSV and LaTeX tables."""
    header, rows = read_lines(evidence / "networks.jsonl")
    intro = (
        "Every cost and every gradient of a dense network, by our formulas, by PyTorch autograd and by JAX grad, on "
        f"{header['cases']:,} cases. [What the verdicts mean](README.md#verdicts). {RELATIVE}"
    )
    hidden, output = ("hidden",), ("output",)
    write_page(folder, "activations", f"# Activations in networks\n\n{intro}", [
        _table("As hidden activation", rows, hidden, "activation"),
        _table("As output activation", rows, output, "activation"),
        _worst_cases(rows, "hidden"),
    ])  # fmt: skip
    for kind, name in (("cost", "costs"), ("regularizer", "regularizers")):
        write_page(folder, name, f"# {name.capitalize()} in networks\n\n{intro}", [
            _table("By formula", rows, (kind,), kind), _worst_cases(rows, kind)])  # fmt: skip
    left_out = Table(
        "Left out",
        ["architecture", "output", "cost", "why"],
        [[a, o.split("/")[1], c.split("/")[1], reason] for a, o, c, reason in exclusions()],
        "Combinations that are mathematically undefined or vacuous.",
    )
    figure = "![Distribution of the relative differences](figures/errors.svg)"
    write_page(folder, "networks", f"# Networks\n\n{intro}\n\n{figure}", [
        _table("By architecture", rows, ("architecture",), "architecture"),
        _table("By input regime", rows, ("regime",), "regime"),
        _worst_cases(rows, "regime"),
        left_out,
    ])  # fmt: skip
    histograms([r for r in rows if r["row"] == "histogram"], folder / "figures" / "errors.svg")


def training_page(evidence: Path, folder: Path) -> None:
    """Write training.md: how the three sides part, and what each has learned."""
    _, rows = read_lines(evidence / "training.jsonl")
    distances = [r for r in rows if r["row"] == "distance"]
    steps = sorted({r["step"] for r in distances})
    shown = [step for step in (1, 16, 128, 500) if step in steps]
    keys = list(dict.fromkeys((r["data"], r["dtype"], r["pair"]) for r in distances))
    at = {(r["data"], r["dtype"], r["pair"], r["step"]): r["distance"] for r in distances}
    apart = Table(
        "How the parameters part",
        ["data", "dtype", "pair", *(f"step {step}" for step in shown)],
        [[*key, *(at[(*key, step)] for step in shown)] for key in keys],
        "‖p − q‖/‖p‖ over all weights and biases, from the same start and through the same mini-batches.",
    )
    scores = Table(
        "What is learned",
        ["data", "dtype", "side", "measure", "before", "after"],
        [[r[k] for k in ("data", "dtype", "side", "measure", "before", "after")] for r in rows if r["row"] == "score"],
    )
    training_curves(distances, folder / "figures" / "training.svg")
    intro = "# Training parity\n\n![Distance of the parameters over the steps](figures/training.svg)"
    write_page(folder, "training", intro, [apart, scores])


def disagreements(rows: Rows) -> Table:
    """The largest differences of ours to a framework, each with its cause."""
    columns = ["pair", "verdict", "relative difference", "cause", "case"]
    found = [r for r in rows if r["row"] == "disagreement"]
    lines = [[r["pair"], r["verdict"], r["relative"], r["cause"], f"`{r['at']}`"] for r in found]
    note = "No two of one cause; each is the largest difference that its cause makes."
    return Table("Largest disagreements", columns, lines, note)


def verdict_table(header: Mapping[str, Any]) -> Table:
    """How often each verdict was reached, and what it means."""
    rows = [[v, header["verdicts"].get(v, 0), MEANING[v]] for v in VERDICTS]
    return Table("Verdicts", ["verdict", "findings", "meaning"], rows)


def made_with(header: Mapping[str, Any]) -> str:
    """One line of versions and, as far as the header has them, machine, seed, source and day."""
    said = [
        ", ".join(f"{k} {v}" for k, v in header["versions"].items()),
        header.get("cpu", ""),
        f"seed {header['seed']}" if "seed" in header else "",
        f"formulas {header['source']}" if "source" in header else "",
        header.get("made", "")[:10],
    ]
    return "; ".join(filter(None, said)) + "."
