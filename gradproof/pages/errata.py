"""The pages on published equations, `literature.md` and `errata.md`, from the evidence of the judge alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.claims.literature import VERDICTS
from gradproof.evidence.files import read_lines, write_whole
from gradproof.pages.tables import Table, comma_separated, markdown
from literature import ROLES, STARTING_DOCUMENTS
from literature.bibliography import Work, work
from reference import CATALOGUE

Row = Mapping[str, Any]


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
    module = CATALOGUE[id].function.__module__.replace(".", "/")
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


def measured(row: Row) -> Table:
    """Every reading of a claim on random networks with the figures of each oracle."""
    oracles = list(next(iter(row["readings"].values())))
    lines = [
        [ROLES[role], *(figure(said[o]) for o in oracles), said[oracles[0]].get("compared", "–")]
        for role, said in row["readings"].items()
        if role != "example"
    ]
    return Table("", ["reading", *(ORACLES[o] for o in oracles), "entries"], lines)


def example(row: Row) -> str:
    """The small example of a claim, with the two numbers that an oracle gave; empty where it has none."""
    if "example" not in row["readings"]:
        return ""
    said = next(iter(row["readings"]["example"].values()))
    numbers = {k: f"{said[k] + 0.0:.4g}".replace("-", "−") for k in ("meant", "claimed")}
    return str(row["example"]).format(**numbers)


def _comment(row: Row) -> str:
    """What a reader of the table must know beside the verdict."""
    said = {
        "holds under a convention": row["convention"], "misprint": row["wrong"], "ambiguous": row["doubt"],
        "not checkable": row["unchecked"],
    }.get(row["verdict"], "")  # fmt: skip
    return " ".join(part for part in (said, row["remark"]) if part)


def _anchor(id: str) -> str:
    return id.replace("/", "-")


def _line(row: Row) -> list[str]:
    verdict = row["verdict"]
    if verdict in ("misprint", "ambiguous"):
        verdict = f"[{verdict}](errata.md#{_anchor(row['claim'])})"
    figures = numbers(row["readings"]["printed"]) if row["readings"] else "–"
    supports = ", ".join(formula_link(s) for s in row["supports"]) or "–"
    return [f"`{row['claim']}`", row["place"], inline(row["latex"]["printed"]), f"**{verdict}**", figures,
            _comment(row) or "–", supports]  # fmt: skip


def by_source(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of each source, the starting documents first, then the others by key."""
    sources = dict.fromkeys([*STARTING_DOCUMENTS, *sorted({r["claim"].split("/")[0] for r in rows})])
    found = {source: [r for r in rows if r["claim"].split("/")[0] == source] for source in sources}
    return {source: rows for source, rows in found.items() if rows}


def counts(rows: Sequence[Row]) -> Table:
    """Equations and verdicts per source."""
    verdicts = [v for v in VERDICTS if any(r["verdict"] == v for r in rows)]
    lines = []
    for source, own in by_source(rows).items():
        tally = Counter(r["verdict"] for r in own)
        lines.append([f"[{source}](#{_anchor(source)})", name(source), len(own), *(tally[v] for v in verdicts)])
    tally = Counter(r["verdict"] for r in rows)
    lines.append(["all", "", len(rows), *(tally[v] for v in verdicts)])
    return Table("", ["source", "document", "equations", *verdicts], lines)


def how(header: Row) -> str:
    """How the verdicts were come by, in one paragraph."""
    oracles = " and ".join(
        {"torch": f"PyTorch {v} (autograd, float64)", "balls": f"Arb (python-flint {v}, {header['bits']} bits)"}[k]
        for k, v in header["oracles"].items()
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


def literature_page(header: Row, rows: Sequence[Row]) -> str:
    """Every claim with its verdict, a table for each source."""
    found = {r["verdict"] for r in rows}
    legend = "\n".join(f"- **{v}**: {meaning}" for v, meaning in VERDICTS.items() if v in found)
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


def _erratum(row: Row) -> str:
    """One entry of the errata: printed, why not, a small example, the form that holds, how it would be right."""
    latex, misprint = row["latex"], row["verdict"] == "misprint"
    heading = row["place"][0].upper() + row["place"][1:]
    lines = [f'<a id="{_anchor(row["claim"])}"></a>\n\n### {heading}\n', f"`{row['claim']}`, as printed:\n",
             display(latex["printed"]) + "\n"]  # fmt: skip
    lines.append(f"{row['wrong'] if misprint else 'Two readings are fair. ' + row['doubt']}\n")
    if example(row):
        lines.append(f"*For example.* {example(row)}\n")
    lines.append("Corrected:\n" if misprint else "The reading that holds:\n")
    lines.append(display(latex["corrected" if misprint else "other"]) + "\n")
    if row["charity"]:
        lines.append(f"*How to read it.* {row['charity']}\n")
    if row["remark"]:
        lines.append(f"*Remark.* {row['remark']}\n")
    if row["supports"]:
        lines.append("*Bears on* " + ", ".join(formula_link(s) for s in row["supports"]) + ".\n")
    summary = "Measured on random networks: the difference of equal sides, or claimed : meant"
    lines.append(f"<details><summary>{summary}</summary>\n\n{markdown(measured(row))}\n</details>\n")
    return "\n".join(lines)


def errata_page(header: Row, rows: Sequence[Row]) -> str:
    """Every misprint and every ambiguity, with the proof that the reading is fair."""
    faulty = [r for r in rows if r["verdict"] in ("misprint", "ambiguous")]
    tally = Counter(r["verdict"] for r in faulty)
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


def write_pages(evidence: Path, folder: Path) -> None:
    """Write literature.md, errata.md and csv/literature.csv into `folder` from the evidence file and nothing else.

    Raises EvidenceError where the evidence cannot be used, OSError where `folder` cannot be written.
    """
    header, rows = read_lines(evidence)
    write_whole(folder / "literature.md", literature_page(header, rows))
    write_whole(folder / "errata.md", errata_page(header, rows))
    flat = Table("", ["claim", "place", "printed", "verdict", "measured", "comment", "corrected", "supports"], [
        [r["claim"], r["place"], r["latex"]["printed"], r["verdict"],
         numbers(r["readings"]["printed"]) if r["readings"] else "", _comment(r),
         r["latex"].get("corrected", r["latex"].get("other", "")), " ".join(r["supports"])]
        for r in rows
    ])  # fmt: skip
    write_whole(folder / "csv" / "literature.csv", comma_separated(flat))
