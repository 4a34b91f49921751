"""References for a formula or a published equation: where it comes from, and this project's record of it."""

from __future__ import annotations

import importlib.metadata
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gradproof import __version__
from gradproof.commands.show import judgement, source
from gradproof.evidence import summary
from gradproof.lookup import UsageError, identify
from literature import CLAIMS
from literature.bibliography import Work, work
from reference import CATALOGUE, resolve

Entry = tuple[str, Work]  # citation key and work
LONG = 300  # characters beyond which a derivative is nothing for a note


def record(id: str, evidence: Path, hashes: Mapping[str, str]) -> Entry:
    """The project's own record of `id` as a citable work: id, version, and the hash of its evidence if there is any.

    Of a formula with its derivative and the file where that is derived, of a claim with the verdict on it.
    """
    hash = hashes.get(id)
    formula = CATALOGUE.get(id)
    subject = f"hand-derived formula in {source(formula.function)[0]}" if formula else CLAIMS[id].place
    note = f"record {id} ({subject}), version {__version__}" + (f", evidence {hash}" if hash else "")
    if formula and len(formula.derivative) <= LONG:
        note += f"; derivative with respect to {formula.arguments[0]}: {formula.derivative}"
    if id in CLAIMS and hash:
        note += f"; verdict: {judgement(id, evidence)}"
    title = f"gradproof {__version__}: {id}"
    return f"gradproof-{id.replace('/', '-')}", Work(
        "{The gradproof authors}", title, "software", "2026", url=home(), note=note
    )


def home() -> str:
    """The first address that the installed package gives for this project; empty where it gives none."""
    try:
        urls = importlib.metadata.metadata("gradproof").get_all("Project-URL")
    except importlib.metadata.PackageNotFoundError:
        return ""
    return urls[0].partition(", ")[2] if urls else ""


def entries(id: str, reports: Path | None = None, hashes: Mapping[str, str] | None = None) -> list[Entry]:
    """Sources of formula or claim `id`, then the project's record; of a former id those of what it stands for.

    `reports` is a folder with evidence, by default what travels with the package; `hashes` are those of its evidence
    where somebody has them already.
    A name alone is enough where it is that of one formula, or of one claim. Raises UsageError with the nearest ids
    where there is none such, EvidenceError where evidence cannot be used.
    """
    id, evidence = identify(id, CLAIMS), summary.place(reports)
    if id in CLAIMS:
        keys: tuple[str, ...] = (CLAIMS[id].source,)
    else:
        formula, _ = resolve(id)
        id, keys = formula.id, formula.sources
    return [
        *((key, work(key)) for key in keys),
        record(id, evidence, summary.hashes(evidence) if hashes is None else hashes),
    ]


def _names(w: Work) -> list[str]:
    return w.authors.split(" and ") if w.authors else []


def printed_in(w: Work) -> dict[str, str]:
    """The venue taken apart: `title`, and where it has them `volume`, `issue` and `pages`.

    >>> printed_in(work("polyak-1964"))["volume"], printed_in(work("polyak-1964"))["pages"]
    ('4', '1–17')
    """
    volume = r" (?P<volume>\d+)(?:\((?P<issue>\d+)\))?" if w.kind == "article" else ""
    found = re.fullmatch(rf"(?P<title>.*?){volume}(?:, (?P<pages>\d+–\d+))?", w.venue)
    return {k: v for k, v in found.groupdict().items() if v} if found else {"title": w.venue}


_BIBTEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "^": r"\^{}",
           "~": r"\~{}", "–": "--", "’": "'", "′": "'", "Ł": r"{\L}", "ł": r"{\l}", "ø": r"{\o}",
           "β": r"$\beta$"}  # fmt: skip
_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030c": "v ", "\u0327": "c "}


def _ascii(c: str) -> str:
    """A character as every BibTeX reads it: é as {\\'e}, ² as $^{2}$; itself where it has no such form."""
    if c in _BIBTEX or c.isascii():
        return _BIBTEX.get(c, c)
    kind, _, rest = unicodedata.decomposition(c).partition(" ")
    if kind in ("<super>", "<sub>"):
        return f"${'^' if kind == '<super>' else '_'}{{{chr(int(rest, 16))}}}$"
    letter, *marks = list(unicodedata.normalize("NFD", c))
    return f"{{\\{_ACCENTS[marks[0]]}{letter}}}" if len(marks) == 1 and marks[0] in _ACCENTS else c


def bibtex(sources: list[Entry]) -> str:
    """BibTeX entries, in ASCII."""

    def field(name: str, value: str) -> str:
        return f"  {name} = {{{value if name in ('url', 'doi') else ''.join(map(_ascii, value))}}},"

    venue = {"article": "journal", "book": "publisher", "phdthesis": "school", "techreport": "institution",
             "inproceedings": "booktitle", "incollection": "booktitle"}  # fmt: skip
    found = []
    for key, w in sources:
        printed = printed_in(w)
        fields = {"author": w.authors, "title": f"{{{w.title}}}", "year": w.year,
                  venue.get(w.kind, "howpublished"): printed["title"] if w.venue else "",
                  "volume": printed.get("volume"), "number": printed.get("issue"), "pages": printed.get("pages"),
                  "doi": w.doi, "url": w.url, "note": w.note}  # fmt: skip
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
        printed = printed_in(w)
        arxiv = w.url.partition("arxiv.org/abs/")[2] if w.kind == "misc" else ""
        contained = w.kind in ("article", "inproceedings", "incollection")
        item: dict[str, Any] = {
            "id": key,
            "type": kinds.get(w.kind, "article" if arxiv else "webpage" if w.url else "document"),
            "title": w.title, "author": [author(n) for n in _names(w)],
            "container-title": printed.get("title") if contained else "",
            "publisher": "arXiv" if arxiv else "" if contained else w.venue, "number": arxiv,
            "volume": printed.get("volume"), "issue": printed.get("issue"), "page": printed.get("pages"), "DOI": w.doi,
            "URL": w.url, "note": w.note, "version": __version__ if w.kind == "software" else "",
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


def cite(id: str, style: str = "bibtex", reports: Path | None = None) -> str:
    """References of formula or claim `id` in `style`: "bibtex", "csl-json" or "text".

    `reports` is the folder whose evidence the record names, by default what travels with the package. Raises UsageError
    for an unknown id, with the nearest ones, and for an unknown style.

    >>> print(cite("activation/gelu", "text").splitlines()[0])
    Hendrycks, Dan; Gimpel, Kevin (2016). Gaussian Error Linear Units (GELUs). https://arxiv.org/abs/1606.08415.
    """
    if style not in STYLES:
        raise UsageError(f"no style {style!r}; there are {', '.join(STYLES)}")
    return STYLES[style](entries(id, reports))
