"""One formula, or one published claim, in words: what `gradproof show` prints."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.console import padded
from gradproof.evidence.environment import ORACLES, SIDES
from gradproof.evidence.files import EvidenceError, read_evidence
from gradproof.evidence.finding import Finding
from gradproof.lookup import UsageError, identify, names_of, suggestion
from gradproof.pages.kinks import slopes
from gradproof.pages.networks import counts
from gradproof.pages.proofs import LEFT, status
from gradproof.pages.tables import answered, beside, number
from gradproof.pages.unicode import mathematics
from literature import CLAIMS, ROLES, Claim
from literature.bibliography import work
from reference import resolve
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


DTYPES = ("bfloat16", "float16", "float32", "float64")
FROM_MODULE = re.compile(r"module's\s+docstring|\b(?:derived|are|fact)\s+above\b")


def describe(word: str, evidence: Path) -> str:
    """Statement, derivation, domain, kinks, assumptions, sources, and the last verdicts in `evidence` if any.

    Of a published claim: where it stands, the equation as printed, the verdict and its reason; of a block: what it is,
    and its verdicts. A formula and a block come with file and line. A word is read as by `gradproof.lookup.identify`.
    Raises UsageError where it names nothing.
    """
    if "/" in word and word not in CLAIMS and word.split("/")[0] in {known.split("/")[0] for known in CLAIMS}:
        raise UsageError(f"no claim {word!r}; {suggestion(word, CLAIMS)}")
    id = identify(word, [*BLOCKS, *CLAIMS])
    if (claim := CLAIMS.get(id)) is not None:
        return "\n".join(_claim(claim, evidence))
    if id in BLOCKS:
        return "\n".join([id, derivation(BLOCKS[id], with_module=True), "", *_of_block(id, evidence)])
    f, stands_for = resolve(id)
    given = ", ".join(f"{name} = {value}" for name, value in stands_for.items())
    lines = [f"{word} stands for {f.id}" + (f" with {given}" if given else "")] if word != f.id else []
    lines += [f.id, "", *equations(f)]
    if f.parameters:
        lines.append("  parameters: " + ", ".join(f"{k} = {v:g}" for k, v in f.parameters.items()))
    if f.elementwise:
        lines.append("  domain ({}, {}), values from {} to {}".format(*map(_set, (*f.domain, *f.range))))
    lines += [derivation(f.function), ""]
    for kink in f.kinks:
        of, at, left, right, chosen = map(_set, (kink.of, kink.at, kink.left, kink.right, kink.chosen))
        lines.append(f"kink at {of} = {at}: left {left}, right {right}; ours {chosen} ({kink.why})")
    lines += [f"assumes: {assumption}" for assumption in f.assumptions]
    lines += [f"no answer from {side}: {why}" for side, why in f.unanswered.items()]
    if f.sources:
        lines.append(f"sources: {', '.join(f.sources)}")
    if names := names_of(f.id):
        lines.append(f"also known as: {', '.join(names)}")
    lines += ["", *_measured(f, evidence)]
    return "\n".join(lines).rstrip()


def _set(expression: str) -> str:
    """An expression as mathematics; words as they are."""
    try:
        return mathematics(expression)
    except SyntaxError:
        return expression


def equations(f: Formula) -> list[str]:
    """What the record states: the formula, its derivatives, and the forms that are evaluated, a line each."""
    _, pulled_back, rest = f.derivative.partition("v[")
    symbol = LEFT.get(f.kind, "f")
    if pulled_back:
        symbol = mathematics(f"s[{rest.partition(']')[0]}]")

    def slope(by: str) -> str:
        return f"⟨v, ∂s/∂{mathematics(by)}⟩" if pulled_back else f"∂{symbol}/∂{mathematics(by)}"

    said = [(symbol, f.statement), ("", f.numpy_value), (slope(f.arguments[0]), f.derivative), ("", f.numpy_form)]
    if f.kind == "network":
        said = [(mathematics(f.statement), f.derivative)]
    said += [(slope(by), derivative) for by, derivative in f.partials.items()]
    width = max(len(left) for left, _ in said)
    return [f"  {left:{width}} = {mathematics(right)}" for left, right in said if right]


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
    """What is said where a folder of evidence is named that is none."""
    return f"no verdicts: no folder {evidence}; without --reports there are those that travel with gradproof"


def _of_block(id: str, evidence: Path) -> list[str]:
    """What was measured of a block: the verdicts on its settings."""
    if not evidence.is_dir():
        return [nowhere(evidence)]
    try:
        header, found = read_evidence(evidence / "blocks.jsonl")
    except EvidenceError as error:
        return [f"no verdicts: {error}"]
    by: dict[str, list[list[str]]] = {}
    for one, sides in beside(f for f in found if f.formula == id and f.kind == "block"):
        cells = [NOTHING if f is None else f"{number(f.max)} ({counts(f.more['verdicts'])})" for f in sides]
        by.setdefault(one.what or "defaults", []).append([f"  {one.dtype}", *cells])
    if not by:
        return [f"nothing was measured of {id}"]
    tables = [line for what, rows in by.items() for line in (f"{what}:", *padded([["", *SIDES], *rows]), "")]
    return ["largest errors in conditioned ULP, and verdicts", "", *tables, made_with([header])]


NOTHING = "–"


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
    """What was measured of it, and with what; where files cannot be read, the reason of the last in one line."""
    if not evidence.is_dir():
        return [nowhere(evidence)]
    lines, problem = [], ""
    headers: list[dict[str, Any]] = []
    for area, told in (("proofs", _proofs), ("kinks", _kinks), ("accuracy", _accuracy), ("networks", _verdicts)):
        path = evidence / f"{area}.jsonl"
        try:
            found = read_evidence(path)
        except EvidenceError as error:
            if path.exists() or area == "networks":  # an area may not have been measured
                problem = f"no verdicts: {error}"
            continue
        mine = [finding for finding in found.findings if finding.formula == f.id]
        if said := told(mine, found.header):
            lines += [*said, ""]
            headers.append(found.header)
    made = [made_with(headers)] if headers else [] if problem else [f"nothing was measured of {f.id}"]
    return [*lines, *([problem] if problem else made)]


def made_with(headers: Sequence[Mapping[str, Any]]) -> str:
    """When and with which versions evidence was made."""
    days = sorted({str(header.get("made", ""))[:10] for header in headers} - {""})
    versions = {package: version for header in headers for package, version in header.get("versions", {}).items()}
    which = [f"{package} {versions[package]}" for package in ("numpy", *ORACLES, "sympy") if package in versions]
    return f"measured{f' on {days[-1]}' if days else ''} with {', '.join(which) or 'unknown versions'}"


Header = Mapping[str, Any]


def _proofs(found: list[Finding], header: Header) -> list[str]:
    """Which claims of the record are proved."""
    said = status(found, found[0].formula) if found else ""
    return [f"by computer algebra: {said}"] if said else []


def _kinks(found: list[Finding], header: Header) -> list[str]:
    """Everyone's slope where left and right differ."""
    torn = [f for f in found if f.kind == "kink" and f.more["left"] != f.more["right"]]
    rows = [row[1:-1] for row in slopes("", torn).rows]
    return padded([["at the kink", "by", "left", "right", *SIDES], *rows]) if rows else []


def _accuracy(found: list[Finding], header: Header) -> list[str]:
    """Largest errors of everyone, at the defaults."""
    errors = [f for f in found if f.kind in ("sweep", "accuracy") and not f.what]
    rows = [[one.dtype, one.quantity, *(answered(f, _error) for f in sides)] for one, sides in beside(errors)]
    rows.sort(key=lambda row: (-DTYPES.index(row[0]), row[1] != "value"))
    strict = any("strict" in f.more for f in errors)
    unit = "conditioned ULP" + (" (strict ULP)" if strict else "")
    return [f"largest errors in {unit}:", *padded([["", "of", *SIDES], *rows])] if rows else []


def _error(f: Finding) -> str:
    return number(f.max) + (f" ({number(f.more['strict'])})" if "strict" in f.more else "")


def _verdicts(found: list[Finding], header: Header) -> list[str]:
    """The last audit's verdicts on networks with this formula."""
    versions = header.get("versions", {})
    rows = [[f.what, f.dtype, f"{f.side} {versions.get(f.side, '')}".strip(), counts(f.more["verdicts"])]
            for f in found if f.kind == "overview" and "verdicts" in f.more]  # fmt: skip
    return ["ours in networks:", *padded([["place", "dtype", "against", "verdicts"], *rows])] if rows else []
