"""What there is, a line each: formulas, blocks and published claims, by kind, pattern, or what is said of them."""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gradproof.commands.show import NOTHING, nowhere
from gradproof.console import print_groups
from gradproof.evidence.files import encode, read_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.summary import place
from gradproof.evidence.verdicts import FAILING
from gradproof.lookup import UsageError, find, meant, names_of, suggestion
from gradproof.pages.tables import number
from gradproof.pages.unicode import mathematics
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS

COLOURS = {"proved": "green", "holds": "green", "in part": "yellow", "unproved": "yellow", "refuted": "red",
           "misprint": "red", **dict.fromkeys(FAILING, "red")}  # fmt: skip
KINDS = list(dict.fromkeys(f.kind for f in CATALOGUE.values()))


def run(options: argparse.Namespace) -> int:
    """Print the list. Raises UsageError where nothing is of that kind, matches or has the text, or is at --reports."""
    ids = _ids(options.what or options.kind)
    if options.kind and options.what:
        of_kind = {*_ids(options.kind)}
        ids = [id for id in ids if id in of_kind]
        if not ids:
            raise UsageError(f"--kind {options.kind}: nothing of {options.what!r} is of that kind")
    if options.search is not None:
        ids = [id for id in ids if has(id, options.search)]
        if not ids:
            raise UsageError(f"--search {options.search!r}: found nowhere; {suggestion(options.search, CATALOGUE)}")
    evidence = place(options.reports)
    if not evidence.is_dir():
        raise UsageError(nowhere(evidence))
    said = [_said(id, evidence) for id in ids]
    if options.json:
        print(encode([one | _more(one["id"]) for one in said]))
        return 0
    groups: dict[str, list[list[str]]] = {}
    for one in said:
        groups.setdefault(one["id"].split("/")[0], []).append([*one.values()])
    print_groups([*said[0]], groups, COLOURS)
    return 0


def has(id: str, text: str) -> bool:
    """Whether the words of a person are among the names of a formula, block or claim.

    >>> has("activation/silu", "swish"), has("activation/silu", "Linear Unit"), has("activation/silu", "tanh")
    (True, True, False)
    """
    said = [id, *(alias for alias, (target, _) in ALIASES.items() if target == id)]
    said += [CLAIMS[id].place, CLAIMS[id].latex["printed"]] if id in CLAIMS else [_title(id)]
    return text.lower() in "\n".join(said).lower() or id in meant(text)


def _title(id: str) -> str:
    said = CATALOGUE[id].derivation if id in CATALOGUE else BLOCKS[id].__doc__ or ""
    return said.partition("\n")[0]


def _ids(what: str | None) -> list[str]:
    """Formulas, or blocks, or claims: of that kind or document, of that name, or with an id of that pattern."""
    if what == "block":
        return [*BLOCKS]
    pattern = what or "*"
    if claims := [c.id for c in CLAIMS.values() if what in ("claim", c.source) or fnmatchcase(c.id, what or "")]:
        return claims
    chosen = [f.id for f in CATALOGUE.values() if f.kind == what or fnmatchcase(f.id, pattern)]
    with contextlib.suppress(UsageError):
        chosen = chosen or [find(pattern)[0].id]
    if chosen:
        return sorted(chosen, key=lambda id: KINDS.index(id.split("/")[0]))
    if "/" in pattern:
        raise UsageError(f"no formula is {what!r} or matches it; {suggestion(pattern, CATALOGUE)}")
    raise UsageError(f"no formulas of kind {what!r}; there are {', '.join(sorted(KINDS))}, and published equations: "
                     "claim, or the document of one, as 'gradproof list claim' has them; and whole blocks: block; a "
                     "pattern such as 'cost/*entropy*'; --search TEXT looks for it everywhere")  # fmt: skip


def _said(id: str, evidence: Path) -> dict[str, str]:
    """A line of the list by its columns: of a formula, a block or a claim."""
    if id in CLAIMS:
        judged = [f.verdict for f in _measured(evidence / "literature.jsonl").get(id, ())]
        return {"id": id, "verdict": (judged or [NOTHING])[0], "place": CLAIMS[id].place,
                "as printed": CLAIMS[id].latex["printed"]}  # fmt: skip
    if id in BLOCKS:
        return {"id": id, ERROR: error(_measured(evidence / "blocks.jsonl").get(id, ())), "what": _title(id)}
    proofs, errors = (_measured(evidence / f"{area}.jsonl").get(id, ()) for area in ("proofs", "accuracy"))
    return {"id": id, "proof": proof(proofs), ERROR: error(errors), "statement": mathematics(CATALOGUE[id].statement)}


ERROR = "ours in float64"


@functools.cache
def _measured(path: Path) -> dict[str, list[Finding]]:
    """Findings of an area by formula; none where it was not measured."""
    by: dict[str, list[Finding]] = {}
    for f in read_evidence(path).findings if path.exists() else ():
        by.setdefault(f.formula, []).append(f)
    return by


def proof(found: Iterable[Finding]) -> str:
    """Whether computer algebra proves all that a record states, in a word.

    >>> proof([Finding("proof", "a/b", verdict="proved"), Finding("proof", "a/b", verdict="unknown")])
    'in part'
    """
    verdicts = {f.verdict for f in found}
    if verdicts <= {"proved"}:
        return "proved" if verdicts else NOTHING
    return "refuted" if "refuted" in verdicts else "in part" if "proved" in verdicts else "unproved"


def error(found: Iterable[Finding]) -> str:
    """Our largest error in float64, in conditioned ULP, or the verdict where one fails.

    >>> error([Finding("sweep", "a/b", dtype="float64", side="ours", entries=9, max=0.75)])
    '0.75 ULP'
    """
    ours = [f for f in found if f.side == "ours" and not (f.what and f.kind == "sweep")]
    failing = [f.verdict for f in ours if f.verdict in FAILING]
    errors = [f.max for f in ours if f.dtype == "float64" and f.max is not None]
    return failing[0] if failing else f"{number(max(errors))} ULP" if errors else NOTHING


def _more(id: str) -> dict[str, Any]:
    """What programs want of a formula besides."""
    if id not in CATALOGUE:
        return {}
    f = CATALOGUE[id]
    return {"title": _title(id), "sympy": f.statement, "derivative": f.derivative, "by": f.arguments[0],
            "names": names_of(id)}  # fmt: skip
