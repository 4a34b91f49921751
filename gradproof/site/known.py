"""What is known of each formula: the findings of every area, by formula, read once for all pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gradproof.evidence.files import EvidenceError, read_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.summary import hashes

Findings = list[Finding]
AREAS = ("accuracy", "kinks", "proofs", "conventions", "coverage", "literature", "laws", "networks", "updates",
         "mutants")  # fmt: skip


class Known(NamedTuple):
    """Findings by formula and kind, names of frameworks by formula, evidence hashes, and what all was made with."""

    findings: Mapping[str, Mapping[str, Findings]]
    names: Mapping[str, Findings]
    hashes: Mapping[str, str]
    versions: Mapping[str, Any]

    def of(self, id: str, kind: str) -> Findings:
        """The findings of one kind on one formula or claim."""
        return self.findings.get(id, {}).get(kind, [])

    def every(self, kind: str) -> Findings:
        """All findings of one kind, formula after formula."""
        return [f for kinds in self.findings.values() for f in kinds.get(kind, ())]


def read(reports: Path) -> Known:
    """All evidence of `reports`. Raises EvidenceError where there is none, or a file of it cannot be used."""
    findings: dict[str, dict[str, Findings]] = {}
    names: dict[str, Findings] = {}
    versions: dict[str, Any] = {}
    present = [path for area in AREAS if (path := reports / "evidence" / f"{area}.jsonl").exists()]
    if not present:
        raise EvidenceError(f"{reports / 'evidence'}: no evidence here; run 'gradproof audit', or say --reports DIR")
    for path in present:
        header, found = read_evidence(path)
        versions |= header.get("versions", {})
        for f in found:
            findings.setdefault(f.formula, {}).setdefault(f.kind, []).append(f)
            for id in f.more.get("ids", ()) if f.kind == "name" else ():
                names.setdefault(id, []).append(f)
    return Known(findings, names, hashes(reports / "evidence"), versions)
