"""One formula in words: what `gradproof show` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradproof.claims.proofs import status
from gradproof.evidence.files import EvidenceError, read_lines
from gradproof.pages.tables import number
from reference.formula import Formula


def describe(f: Formula, evidence: Path) -> str:
    """Statement, derivation, domain, kinks, assumptions, sources, and the last verdicts in `evidence` if any."""
    lines = [f.id, "", f"  f  = {f.statement}", f"  f' = {f.derivative}   with respect to {f.arguments[0]}"]
    if f.numpy_form:
        lines.append(f"  f' as evaluated = {f.numpy_form}")
    if f.parameters:
        lines.append("  parameters: " + ", ".join(f"{k} = {v:g}" for k, v in f.parameters.items()))
    lines += [f"  domain ({f.domain[0]}, {f.domain[1]}), range ({f.range[0]}, {f.range[1]})", "", f.derivation, ""]
    for kink in f.kinks:
        lines.append(f"kink at {kink.at}: left {kink.left}, right {kink.right}; ours {kink.chosen} ({kink.why})")
    for assumption in f.assumptions:
        lines.append(f"assumes: {assumption}")
    if f.sources:
        lines.append(f"sources: {', '.join(f.sources)}")
    lines += ["", *_proofs(f, evidence), *_accuracy(f, evidence), *_verdicts(f, evidence)]
    return "\n".join(lines).rstrip()


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of an evidence file, or none where it is missing."""
    return read_lines(path)[1] if path.exists() else []


def _proofs(f: Formula, evidence: Path) -> list[str]:
    """Which claims of the record are proved."""
    said = status(_rows(evidence / "proofs.jsonl"), f.id)
    return [f"by computer algebra: {said}", ""] if said else []


def _accuracy(f: Formula, evidence: Path) -> list[str]:
    """Largest errors of value and slope, ours and theirs."""
    lines = []
    for row in _rows(evidence / "accuracy.jsonl"):
        if row["row"] == "accuracy" and row["formula"] == f.id and row["dtype"] in ("float32", "float64"):
            strict, conditioned = number(row["strict max"]), number(row["conditioned max"])
            name = f"{row['dtype']} {row['part']:5} {row['side']:5}"
            lines.append(f"{name} at most {strict} ULP, conditioned {conditioned}")
    return [*lines, ""] if lines else []


def _verdicts(f: Formula, evidence: Path) -> list[str]:
    """The last audit's verdicts on networks with this formula."""
    path = evidence / "networks.jsonl"
    try:
        header, rows = read_lines(path)
    except EvidenceError as error:
        return [f"no verdicts: {error}"]
    lines = []
    for row in rows:
        if row["row"] in ("hidden", "output", "cost", "regularizer") and f.id == _id(row):
            for oracle, counts in row["verdicts"].items():
                said = ", ".join(f"{verdict} {n:,}" for verdict, n in counts.items())
                lines.append(
                    f"{row['row']:11} {row['dtype']} against {oracle:5} {header['versions'].get(oracle)}: {said}"
                )
    return lines or [f"no verdicts on {f.id} in {path}"]


def _id(row: dict[str, Any]) -> str:
    kind = "activation" if row["row"] in ("hidden", "output") else row["row"]
    return f"{kind}/{row['name']}"
