"""One formula, or one published claim, in words: what `gradproof show` prints."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradproof.evidence.files import Evidence, EvidenceError, read_evidence
from gradproof.lookup import UsageError, identify, suggestion
from gradproof.pages.networks import counts
from gradproof.pages.proofs import status
from gradproof.pages.tables import number
from literature import CLAIMS, ROLES, Claim
from literature.bibliography import work
from reference import ALIASES, resolve
from reference.blocks import BLOCKS
from reference.formula import Formula


def source(function: Callable[..., Any]) -> tuple[str, int]:
    """The file of a formula's function, as seen from above its package, and the line where its record begins.

    >>> from reference.activations import gelu
    >>> source(gelu)[0]
    'reference/activations/gates.py'
    """
    made = inspect.unwrap(function)
    return f"{made.__module__.replace('.', '/')}.py", made.__code__.co_firstlineno


def derivation(function: Callable[..., Any], with_module: bool = False) -> str:
    """Where a function stands and its docstring; that of its module too where it is asked for or referred to."""
    file, line = source(function)
    said = inspect.getdoc(function) or ""
    parts = [f"  in {file}:{line}", "", said]
    if with_module or FROM_MODULE.search(said):
        module = sys.modules[inspect.unwrap(function).__module__]
        parts += ["", f"The docstring of {file}:", "", inspect.getdoc(module) or ""]
    return "\n".join(parts)


FROM_MODULE = re.compile(r"module's\s+docstring|\b(?:derived|are|fact)\s+above\b")


def describe(id: str, evidence: Path) -> str:
    """Statement, derivation, domain, kinks, assumptions, sources, and the last verdicts in `evidence` if any.

    Of a published claim: where it stands, the equation as printed, the verdict and its reason; of a block: what it is,
    and its verdicts. A formula and a block come with file and line. Raises UsageError for an unknown id.
    """
    if "/" in id and id not in CLAIMS and id.split("/")[0] in {known.split("/")[0] for known in CLAIMS}:
        raise UsageError(f"no claim {id!r}; {suggestion(id, CLAIMS)}")
    id = identify(id, [*BLOCKS, *CLAIMS])
    if (claim := CLAIMS.get(id)) is not None:
        return "\n".join(_claim(claim, evidence))
    if id in BLOCKS:
        return "\n".join([id, derivation(BLOCKS[id], with_module=True), "", *_of_block(id, evidence)])
    f, stands_for = resolve(id)
    given = ", ".join(f"{name} = {value}" for name, value in stands_for.items())
    lines = [f"{id} stands for {f.id}" + (f" with {given}" if given else "")] if id != f.id else []
    lines += [f.id, "", f"  f  = {f.statement}", f"  f' = {f.derivative}   with respect to {f.arguments[0]}"]
    if f.numpy_form:
        lines.append(f"  f' as evaluated = {f.numpy_form}")
    if f.parameters:
        lines.append("  parameters: " + ", ".join(f"{k} = {v:g}" for k, v in f.parameters.items()))
    lines += [f"  domain ({f.domain[0]}, {f.domain[1]}), range ({f.range[0]}, {f.range[1]})"]
    lines += [derivation(f.function), ""]
    for kink in f.kinks:
        lines.append(
            f"kink at {kink.of} = {kink.at}: left {kink.left}, right {kink.right}; ours {kink.chosen} ({kink.why})"
        )
    lines += [f"assumes: {assumption}" for assumption in f.assumptions]
    lines += [f"no answer from {side}: {why}" for side, why in f.unanswered.items()]
    if f.sources:
        lines.append(f"sources: {', '.join(f.sources)}")
    if aliases := [alias for alias, (target, _) in ALIASES.items() if target == f.id]:
        lines.append(f"also known as: {', '.join(aliases)}")
    lines += ["", *_measured(f, evidence)]
    return "\n".join(lines).rstrip()


def judgement(id: str, evidence: Path) -> str:
    """The verdict on a published claim in evidence/literature.jsonl, and why, or why there is none.

    Raises EvidenceError where that file is there and cannot be used.
    """
    path = evidence / "literature.jsonl"
    found = [f for f in read_evidence(path).findings if f.formula == id] if path.exists() else []
    if not found:
        return "not judged here; run 'gradproof audit --only literature'"
    claim = CLAIMS[id]
    why = claim.wrong or claim.doubt or claim.convention or claim.unchecked
    return found[0].verdict + (f": {why}" if why else "")


def nowhere(evidence: Path) -> str:
    """What is said where there is no folder of evidence, as outside a checkout."""
    return f"no verdicts: no folder {evidence} here; --reports DIR names that of a checkout or of an audit's --out"


def _of_block(id: str, evidence: Path) -> list[str]:
    """What was measured of a block: the verdicts on its settings."""
    if not evidence.is_dir():
        return [nowhere(evidence)]
    try:
        found = read_evidence(evidence / "blocks.jsonl").findings
    except EvidenceError as error:
        return [f"no verdicts: {error}"]
    return [f"{f.dtype:8} {f.side:5} {f.what or 'defaults'}: at most {number(f.max)} conditioned ULP, "
            f"{counts(f.more['verdicts'])}" for f in found if f.formula == id and f.kind == "block"]  # fmt: skip


def _claim(claim: Claim, evidence: Path) -> list[str]:
    """A published claim: place, equation in every role, verdict."""
    lines = [claim.id, f"{claim.place} of {work(claim.source).title}", ""]
    lines += [f"  {ROLES.get(role, role)}: {latex}" for role, latex in claim.latex.items()]
    lines += ["", *(f"assumes: {assumption}" for assumption in claim.assumptions)]
    try:
        lines.append(f"verdict: {judgement(claim.id, evidence)}")
    except EvidenceError as error:
        lines.append(f"no verdict: {error}")
    lines += [said for said in (claim.charity, claim.remark) if said]
    if claim.supports:
        lines.append(f"formulas: {', '.join(claim.supports)}")
    return lines


def _measured(f: Formula, evidence: Path) -> list[str]:
    """What was measured of it; where files cannot be read, the reason of the last in one line."""
    if not evidence.is_dir():
        return [nowhere(evidence)]
    lines, problem = [], ""
    for area, told in (("proofs", _proofs), ("accuracy", _accuracy), ("networks", _verdicts)):
        path = evidence / f"{area}.jsonl"
        try:
            lines += told(f, read_evidence(path), path)
        except EvidenceError as error:
            if path.exists() or area == "networks":  # an area may not have been measured
                problem = f"no verdicts: {error}"
    return [*lines, problem] if problem else lines


def _proofs(f: Formula, evidence: Evidence, path: Path) -> list[str]:
    """Which claims of the record are proved."""
    said = status(evidence.findings, f.id)
    return [f"by computer algebra: {said}", ""] if said else []


def _accuracy(f: Formula, evidence: Evidence, path: Path) -> list[str]:
    """Largest errors, ours and theirs, at the defaults."""
    lines = []
    for found in evidence.findings:
        if found.formula == f.id and found.kind in ("sweep", "accuracy") and not found.what and found.entries:
            strict = f", strict {number(found.more['strict'])}" if "strict" in found.more else ""
            where = f"{found.dtype:8} {found.quantity:8} {found.side:5}"
            lines.append(f"{where} at most {number(found.max)} conditioned ULP{strict}")
    return [*lines, ""] if lines else []


def _verdicts(f: Formula, evidence: Evidence, path: Path) -> list[str]:
    """The last audit's verdicts on networks with this formula."""
    lines = []
    for row in evidence.findings:
        if row.kind == "overview" and row.formula == f.id and "verdicts" in row.more:
            against = f"{row.side:5} {evidence.header['versions'].get(row.side, '')}".strip()
            lines.append(f"{row.what:11} {row.dtype} against {against}: {counts(row.more['verdicts'])}")
    return lines or [f"no verdicts on {f.id} in {path}"]
