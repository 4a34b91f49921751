"""References for a formula or a published equation: where it comes from, and this project's record of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradproof import __version__
from gradproof.lookup import UsageError, suggestion
from literature import CLAIMS
from literature.bibliography import Work, work
from reference import CATALOGUE

Entry = tuple[str, Work]  # citation key and work


def evidence_hash(id: str, reports: Path) -> str:
    """Short hash over every line of the committed evidence that names `id`; empty where none does."""
    digest, found = hashlib.sha256(), False
    for file in sorted((reports / "evidence").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if json.dumps(id) in line:
                digest.update(line.encode())
                found = True
    return digest.hexdigest()[:12] if found else ""


def record(id: str, reports: Path) -> Entry:
    """The project's own record of `id` as a citable work: id, version and evidence hash."""
    evidence = evidence_hash(id, reports)
    subject = CLAIMS[id].place if id in CLAIMS else "hand-derived formula"
    note = f"record {id} ({subject}), version {__version__}, " + (
        f"evidence {evidence}" if evidence else "no evidence here"
    )
    title = f"gradproof {__version__}: {id}"
    return f"gradproof-{id.replace('/', '-')}", Work("{The gradproof authors}", title, "software", "2026", note=note)


def entries(id: str, reports: Path = Path("reports")) -> list[Entry]:
    """Sources of formula or claim `id`, then the project's record.

    Raises UsageError with the nearest ids where there is none such.
    """
    if id in CATALOGUE:
        keys: tuple[str, ...] = CATALOGUE[id].sources
    elif id in CLAIMS:
        keys = (CLAIMS[id].source,)
    else:
        raise UsageError(f"no formula or claim {id!r}; {suggestion(id, [*CATALOGUE, *CLAIMS])}")
    return [*((key, work(key)) for key in keys), record(id, reports)]


def _names(w: Work) -> list[str]:
    return w.authors.split(" and ") if w.authors else []


_BIBTEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "²": "$^2$"}


def bibtex(sources: list[Entry]) -> str:
    """BibTeX entries."""

    def field(name: str, value: str) -> str:
        escaped = value if name in ("url", "doi") else "".join(_BIBTEX.get(c, c) for c in value)
        return f"  {name} = {{{escaped}}},"

    venue = {"article": "journal", "book": "publisher", "phdthesis": "school", "techreport": "institution",
             "inproceedings": "booktitle", "incollection": "booktitle"}  # fmt: skip
    found = []
    for key, w in sources:
        fields = {"author": w.authors, "title": f"{{{w.title}}}", "year": w.year,
                  venue.get(w.kind, "howpublished"): w.venue, "doi": w.doi, "url": w.url, "note": w.note}  # fmt: skip
        kind = "misc" if w.kind == "software" else w.kind
        found.append("\n".join([f"@{kind}{{{key},", *(field(n, v) for n, v in fields.items() if v), "}"]))
    return "\n\n".join(found)


def csl_json(sources: list[Entry]) -> str:
    """A list of CSL-JSON items."""
    kinds = {"article": "article-journal", "inproceedings": "paper-conference", "incollection": "chapter",
             "book": "book", "phdthesis": "thesis", "techreport": "report", "software": "software"}  # fmt: skip

    def author(name: str) -> dict[str, str]:
        family, _, given = name.partition(", ")
        return {"family": family, "given": given} if given else {"literal": family.strip("{}")}

    items = []
    for key, w in sources:
        item: dict[str, Any] = {
            "id": key, "type": kinds.get(w.kind, "document"), "title": w.title,
            "author": [author(n) for n in _names(w)], "container-title": w.venue, "DOI": w.doi, "URL": w.url,
            "note": w.note,
        }  # fmt: skip
        if w.year:
            item["issued"] = {"date-parts": [[int(w.year)]]}
        items.append({k: v for k, v in item.items() if v})
    return json.dumps(items, ensure_ascii=False, indent=2)


def text(sources: list[Entry]) -> str:
    """One line a source."""
    lines = []
    for _, w in sources:
        who = "; ".join(n.strip("{}") for n in _names(w))
        head = f"{who} ({w.year})" if who and w.year else who or (f"({w.year})" if w.year else "")
        link = f"https://doi.org/{w.doi}" if w.doi else w.url
        parts = [head, w.title, w.venue, link, w.note]
        lines.append(". ".join(p.rstrip(".") for p in parts if p) + ".")
    return "\n".join(lines)


STYLES: dict[str, Callable[[list[Entry]], str]] = {"bibtex": bibtex, "csl-json": csl_json, "text": text}


def cite(id: str, style: str = "bibtex", reports: Path = Path("reports")) -> str:
    """References of formula or claim `id` in `style`: "bibtex", "csl-json" or "text".

    `reports` is the folder whose evidence the record names. Raises UsageError for an unknown id, with the nearest
    ones, and for an unknown style.

    >>> print(cite("activation/gelu", "text").splitlines()[0])
    Hendrycks, Dan; Gimpel, Kevin (2016). Gaussian Error Linear Units (GELUs). https://arxiv.org/abs/1606.08415.
    """
    if style not in STYLES:
        raise UsageError(f"no style {style!r}; there are {', '.join(STYLES)}")
    return STYLES[style](entries(id, reports))
