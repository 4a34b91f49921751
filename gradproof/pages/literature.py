"""The pages on published equations, literature.md, errata.md and notation.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.files import read_evidence, write_whole
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import OF_CLAIMS
from gradproof.pages import notation
from gradproof.pages.tables import Table, comma_separated, markdown
from literature import ROLES, STARTING_DOCUMENTS
from literature.bibliography import Work, work
from reference import resolve

Header = Mapping[str, Any]


def inline(latex: str) -> str:
    """LaTeX inside a line or a cell of Markdown, in the quoting that GitHub leaves untouched."""
    return f"$`{_bars(latex)}`$"


def display(latex: str) -> str:
    """LaTeX on lines of its own."""
    return f"```math\n{_bars(latex)}\n```"


def _bars(latex: str) -> str:
    # A bar would end the cell of a table.
    return latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")


def formula_link(id: str) -> str:
    """The formula's id, linked to the module it is derived in."""
    module = resolve(id)[0].function.__module__.replace(".", "/")
    return f"[{id}](../{module}.py)"


def name(source: str) -> str:
    """Author and title of a source in one line."""
    w = work(source)
    who = w.authors.replace("{", "").replace("}", "").split(" and ")
    author = who[0].split(",")[0] + (" and others" if len(who) > 1 else "")
    return ", ".join(part for part in (author, f"*{w.title}*") if part) + (f" ({w.year})" if w.year else "")


def _where_to_find(w: Work) -> str:
    parts = [f"<{w.url}>" if w.url else "", w.note]
    return "; ".join(p for p in parts if p)


ORACLES = {"torch": "float64", "balls": "balls"}


def figure(said: Mapping[str, Any]) -> str:
    """What one oracle measured: the difference of two equal sides, or claimed : meant where they differ most."""
    if said["outcome"] == "does not fit":
        return said["error"]
    if said["outcome"] == "holds":
        return f"{said['difference']:.0e}" if said["difference"] else "0"
    return f"{said['ratio'] + 0.0:.4g} : 1".replace("-", "−")


def numbers(result: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures of every oracle in a line."""
    figures = {oracle: figure(said) for oracle, said in result.items()}
    if len(set(figures.values())) == 1:
        return next(iter(figures.values()))
    return ", ".join(f"{text} ({ORACLES[oracle]})" for oracle, text in figures.items())


def measured(row: Finding) -> Table:
    """Every reading of a claim on random networks with the figures of each oracle."""
    oracles = list(next(iter(row.more["readings"].values())))
    lines = [
        [ROLES[role], *(figure(said[o]) for o in oracles), said[oracles[0]].get("compared", "–")]
        for role, said in row.more.get("readings", {}).items()
        if role != "example"
    ]
    return Table("", ["reading", *(ORACLES[o] for o in oracles), "entries"], lines)


def example(row: Finding) -> str:
    """The small example of a claim, with the two numbers that an oracle gave; empty where it has none."""
    if "example" not in row.more.get("readings", {}):
        return ""
    said = next(iter(row.more.get("readings", {})["example"].values()))
    numbers = {k: f"{said[k] + 0.0:.4g}".replace("-", "−") for k in ("meant", "claimed")}
    return str(row.more.get("example", "")).format(**numbers)


def _comment(row: Finding) -> str:
    """What a reader of the table must know beside the verdict."""
    said = {
        "holds under a convention": "convention", "misprint": "wrong", "ambiguous": "doubt",
        "not checkable": "unchecked",
    }.get(row.verdict, "")  # fmt: skip
    return " ".join(part for part in (row.more.get(said, ""), row.more.get("remark", "")) if part)


def _anchor(id: str) -> str:
    return id.replace("/", "-")


def _line(row: Finding) -> list[str]:
    verdict = row.verdict
    if verdict in ("misprint", "ambiguous"):
        verdict = f"[{verdict}](errata.md#{_anchor(row.formula)})"
    figures = numbers(row.more.get("readings", {})["printed"]) if row.more.get("readings", {}) else "–"
    supports = ", ".join(formula_link(s) for s in row.more.get("supports", ())) or "–"
    return [f"`{row.formula}`", row.more["place"], inline(row.more["latex"]["printed"]), f"**{verdict}**", figures,
            _comment(row) or "–", supports]  # fmt: skip


def by_source(rows: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Rows of each source, the starting documents first, then the others by key."""
    sources = dict.fromkeys([*STARTING_DOCUMENTS, *sorted({r.formula.split("/")[0] for r in rows})])
    found = {source: [r for r in rows if r.formula.split("/")[0] == source] for source in sources}
    return {source: rows for source, rows in found.items() if rows}


def counts(rows: Sequence[Finding]) -> Table:
    """Equations and verdicts per source."""
    verdicts = [v for v in OF_CLAIMS if any(r.verdict == v for r in rows)]
    lines = []
    for source, own in by_source(rows).items():
        tally = Counter(r.verdict for r in own)
        lines.append([f"[{source}](#{_anchor(source)})", name(source), len(own), *(tally[v] for v in verdicts)])
    tally = Counter(r.verdict for r in rows)
    lines.append(["all", "", len(rows), *(tally[v] for v in verdicts)])
    return Table("", ["source", "document", "equations", *verdicts], lines)


def how(header: Header) -> str:
    """How the verdicts were come by, in one paragraph."""
    versions = header["versions"]
    oracles = " and ".join(
        {
            "torch": f"PyTorch {versions['torch']} (autograd, float64)",
            "balls": f"Arb (python-flint {versions['python-flint']}, {header['bits']} bits)",
        }[oracle]
        for oracle, package in (("torch", "torch"), ("balls", "python-flint"))
        if versions[package] != "not installed"
    )
    return (
        "Each equation is read as a short program in the notation and layout of its document, run on random "
        "networks, and "
        f"both its sides are evaluated, and its derivatives taken, by {oracles}. Our own derivation is not "
        f"consulted. The "
        "readings are in [`literature/`](../literature); the measured numbers in "
        "[`evidence/literature.jsonl`](evidence/literature.jsonl)."
    )


MEASURED = (
    "Figures are the largest difference between the two sides, relative to the largest number in them, or, where "
    "they are not equal, the ratio of what is claimed to what is meant at the place of the largest difference."
)


def literature_page(header: Header, rows: Sequence[Finding]) -> str:
    """Every claim with its verdict, a table for each source."""
    found = {r.verdict for r in rows}
    legend = "\n".join(f"- **{v}**: {meaning}" for v, meaning in OF_CLAIMS.items() if v in found)
    parts = [
        "# Published equations, judged\n",
        "May an equation be cited as it is printed? One line each; `gradproof cite ID` gives its reference.\n",
        f"{how(header)} {MEASURED}\n",
        legend + "\n",
        markdown(counts(rows)),
    ]
    for source, own in by_source(rows).items():
        table = Table("", ["id", "place", "as printed", "verdict", "measured", "what to know", "supports"],
                      [_line(r) for r in own])  # fmt: skip
        text = _where_to_find(work(source))
        parts.append(f'<a id="{_anchor(source)}"></a>\n\n## {name(source)}\n' + (f"\n{text}\n" if text else ""))
        parts.append(markdown(table))
    return "\n".join(parts)


def _erratum(row: Finding) -> str:
    """One entry of the errata: printed, why not, a small example, the form that holds, how it would be right."""
    latex, misprint = row.more["latex"], row.verdict == "misprint"
    heading = row.more["place"][0].upper() + row.more["place"][1:]
    lines = [f'<a id="{_anchor(row.formula)}"></a>\n\n### {heading}\n', f"`{row.formula}`, as printed:\n",
             display(latex["printed"]) + "\n"]  # fmt: skip
    lines.append(f"{row.more['wrong'] if misprint else 'Two readings are fair. ' + row.more['doubt']}\n")
    if example(row):
        lines.append(f"*For example.* {example(row)}\n")
    lines.append("Corrected:\n" if misprint else "The reading that holds:\n")
    lines.append(display(latex["corrected" if misprint else "other"]) + "\n")
    if row.more.get("charity", ""):
        lines.append(f"*How to read it.* {row.more['charity']}\n")
    if row.more.get("remark", ""):
        lines.append(f"*Remark.* {row.more['remark']}\n")
    if row.more.get("supports", ()):
        lines.append("*Bears on* " + ", ".join(formula_link(s) for s in row.more.get("supports", ())) + ".\n")
    summary = "Measured on random networks: the difference of equal sides, or claimed : meant"
    lines.append(f"<details><summary>{summary}</summary>\n\n{markdown(measured(row))}\n</details>\n")
    return "\n".join(lines)


def errata_page(header: Header, rows: Sequence[Finding]) -> str:
    """Every misprint and every ambiguity, with the proof that the reading is fair."""
    faulty = [r for r in rows if r.verdict in ("misprint", "ambiguous")]
    tally = Counter(r.verdict for r in faulty)
    parts = [
        "# Errata of published equations\n",
        f"{tally['misprint']} misprints and {tally['ambiguous']} ambiguities among {len(rows)} equations. "
        "We learnt from these texts and list what we found so that it can be mended and is not cited by mistake. Most "
        "are slips of an index or a sign in texts that are sound otherwise; *misprint* means that the equation does "
        "not hold as it stands, not how that came about. The texts were read in electronic copies, and a slip may be "
        "one of the copy. If you are the author and we have misread you, please tell us: the reading will be "
        "corrected.\n",
        "Each entry gives the equation as printed, what is amiss, a small example to check with a pencil, the "
        "nearest form that holds and, where there is one, the reading in which the printed form is right. All "
        "equations, also those that hold, are in [literature.md](literature.md).\n",
        f"*How it was measured.* {how(header)} {MEASURED} A misprint was transcribed twice from the document, by "
        "different routes, and both transcriptions fail; the corrected form was run in the same way and holds; so was "
        "the reading in which it is right, where the table has a line for it.\n",
    ]
    for source, own in by_source(faulty).items():
        found = _where_to_find(work(source))
        parts.append(f"## {name(source)}\n" + (f"\n{found}\n" if found else ""))
        parts += [_erratum(r) for r in own]
    return "\n".join(parts)


def write(evidence: Path, folder: Path) -> None:
    """Write literature.md, errata.md, notation.md and csv/literature.csv from evidence/literature.jsonl."""
    header, rows = read_evidence(evidence / "literature.jsonl")
    notation.write(folder)
    write_whole(folder / "literature.md", literature_page(header, rows))
    write_whole(folder / "errata.md", errata_page(header, rows))
    flat = Table("", ["claim", "place", "printed", "verdict", "measured", "comment", "corrected", "supports"], [
        [r.formula, r.more["place"], r.more["latex"]["printed"], r.verdict,
         numbers(r.more.get("readings", {})["printed"]) if r.more.get("readings", {}) else "", _comment(r),
         r.more["latex"].get("corrected", r.more["latex"].get("other", "")), " ".join(r.more.get("supports", ()))]
        for r in rows
    ])  # fmt: skip
    write_whole(folder / "csv" / "literature.csv", comma_separated(flat))
