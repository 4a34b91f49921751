"""The page of one formula."""

from __future__ import annotations

import inspect
from pathlib import Path

from gradproof.commands.cite import bibtex, csl_json, entries
from gradproof.evidence.environment import SIDES
from gradproof.evidence.finding import Finding
from gradproof.pages.proofs import equations, status
from gradproof.pages.tables import Table, markdown
from gradproof.site import calculator, measured, pictures
from gradproof.site.known import Known
from gradproof.site.markup import body, code, from_github, link, page_link, prose, raw
from reference import ALIASES
from reference.formula import Formula, Kink

MOST = 12  # pictures of kinks on a page


def page(f: Formula, known: Known, reports: Path) -> str:
    """The page in Markdown: what the record says, what the evidence says of it, how to cite it and to see it again."""
    title, _, rest = f.derivation.partition("\n\n")
    sections = {
        "Formula": _formula(f),
        "Arguments": _arguments(f),
        "Derivation": prose(rest),
        "In NumPy": code(body(f.function), "python"),
        "Kinks": _kinks(f, known),
        "At ±0, ±∞ and NaN": _special(f, known),
        "Proved": _proved(f, known),
        "Accuracy": _accuracy(f, known),
        "Defects of frameworks": _defects(f, known),
        "Conventions": _tables(*measured.meanings(known, f)),
        "In networks": _tables(measured.networks(known, f)),
        "Beside the frameworks' optimizers": _tables(measured.steps(known, f)),
        "Published equations": from_github(_tables(measured.claims(known, f))),
        "Names elsewhere": _names(f, known),
        "Sources": _sources(f),
        "Cite this": _cite(f, known, reports),
        "Reproduce": _reproduce(f),
    }
    text = [f"# {f.id}\n", f"{prose(title)}\n"]
    return "\n".join([*text, *(f"## {name}\n\n{said}" for name, said in sections.items() if said.strip())])


def _tables(*tables: Table) -> str:
    return "\n".join(markdown(table) for table in tables if table.rows)


def _formula(f: Formula) -> str:
    lines = " \\\\\n".join(
        equations(f.kind, f.statement, f.derivative, f.arguments[0], f.numpy_value, f.numpy_form, f.partials)
    )
    notes = [f"* {assumption}" for assumption in f.assumptions]
    notes += [f"* No answer from {side}: {why}." for side, why in f.unanswered.items()]
    interval = "Domain ({}, {}), values from {} to {}.".format(*f.domain, *f.range).replace("oo", "∞").replace("-", "−")
    return (
        f"```{{math}}\n\\begin{{aligned}}\n{lines}\n\\end{{aligned}}\n```\n\n"
        + (f"{interval} {calculator.link(f.id)}\n\n" if f.elementwise else "")
        + "\n".join([*notes, ""])
    )


def _arguments(f: Formula) -> str:
    shapes = []
    for argument in f.arguments:
        name, _, indices = argument.partition("[")
        by = "yes" if argument == f.arguments[0] or argument in f.partials else ""
        shapes.append([f"`{name}`", indices.rstrip("]") or "any shape", f.entries.get(name, "real"), by])
    parameters = [[f"`{name}`", f"{default:g}", f.valid.get(name, "")] for name, default in f.parameters.items()]
    parameters += [[f"`{name}`", "", said] for name, said in f.valid.items() if name not in f.parameters]
    signature = str(inspect.signature(f.function)).replace("'", "")
    return (
        code(f"{f.function.__name__}{signature}", "python")
        + "\n"
        + _tables(
            Table("", ["argument", "indices", "entries", "printed derivative"], shapes),
            Table("", ["parameter", "default", "must be"], parameters),
        )
    )


def _kinks(f: Formula, known: Known) -> str:
    by: dict[tuple[str, str], dict[str, Finding]] = {}
    for found in in_order(known.of(f.id, "kink")):
        by.setdefault((found.what, found.quantity), {})[found.side] = found
    drawn = [pictures.kink(f"{what}, {quantity}", sides) for (what, quantity), sides in by.items()]
    chosen = [_chosen(k) for k in f.kinks]
    shown = [picture for picture in drawn if picture][:MOST]
    parts = ["\n".join([*chosen, ""]) if chosen else ""]
    if shown:
        parts.append(raw(f'<div class="kinks">{"".join(shown)}</div>'))
    parts.append(_tables(measured.slopes(known, f)))
    return "\n".join(part for part in parts if part)


def _special(f: Formula, known: Known) -> str:
    found = _tables(measured.special(known, f))
    return f"Only where someone differs.\n\n{found}" if found else ""


def _chosen(kink: Kink) -> str:
    slopes = f"At {kink.of} = {kink.at} the slope is {kink.left} on the left and {kink.right} on the right; ours is "
    return f"* {slopes.replace('-', '−')}{kink.chosen.replace('-', '−')}: {kink.why}."


def _proved(f: Formula, known: Known) -> str:
    found = status(known.of(f.id, "proof"), f.id)
    lines = [f"By computer algebra ({page_link('proofs', 'proofs')}): {found}." if found else ""]
    lines += [measured.laws(known, f), measured.mutants(known, f)]
    return "\n".join(f"* {line}" for line in lines if line) + "\n"


def _accuracy(f: Formula, known: Known) -> str:
    found = measured.errors(known, f)
    if not found:
        return ""
    star = " *: the framework does not have it, and its definition was written out."
    about = (
        "Errors against the exact truth, in [conditioned ULP](/guides/ulp/index.md); 0.5 is a correctly rounded result."
        + (star if any("composed" in e.more for e in found) else "")
    )
    plot = pictures.curves(in_order(known.of(f.id, "curve")), known.of(f.id, "sweep"))
    table, where = measured.largest(found), _tables(measured.worst(found))
    return (
        f"{about}\n\n{raw(plot) if plot else ''}\n{_tables(table)}\n"
        f"<details><summary>Where the largest errors are</summary>\n\n{where}\n</details>\n"
    )


def in_order(found: list[Finding]) -> list[Finding]:
    """Findings side by side: ours first."""
    return sorted(found, key=lambda f: SIDES.index(f.side))


def _defects(f: Formula, known: Known) -> str:
    if not measured.errors(known, f):
        return ""
    found = measured.defects(known, [f.id])
    return _tables(measured.defect_table(found)) or "None: no framework is off by more than 1,000 ULP anywhere.\n"


def _names(f: Formula, known: Known) -> str:
    former = [f"* `{alias}`, a former id" + _given(alias) for alias, (id, _) in ALIASES.items() if id == f.id]
    names = [f"* `{n.formula}`: {n.what}" + (f", {n.why}" if n.why else "") for n in known.names.get(f.id, ())]
    words = [f"* {f.name.replace('_', ' ')}"] if "_" in f.name else []
    return "\n".join([*words, *former, *names]) + "\n"


def _given(alias: str) -> str:
    given = ", ".join(f"{name} = {value}" for name, value in ALIASES[alias][1].items())
    return f", with {given}" if given else ""


def _sources(f: Formula) -> str:
    cited = ", ".join(f"{{footcite:t}}`{key}`" for key in f.sources)
    return f"{cited}\n\n```{{footbibliography}}\n```\n" if cited else ""


def _cite(f: Formula, known: Known, reports: Path) -> str:
    found = entries(f.id, reports, known.hashes)
    items = f"<details><summary>CSL-JSON</summary>\n\n{code(csl_json(found), 'json')}\n</details>\n"
    return f"{code(bibtex(found), 'bibtex')}\n{items}"


def _reproduce(f: Formula) -> str:
    return code(f"gradproof audit --only {f.id}", "console") + f"\nOf the same kind: {_kind(f)}.\n"


def _kind(f: Formula) -> str:
    return f"[{f.kind}](/{f.kind}/index.md)" if f.kind else link(f.id)
