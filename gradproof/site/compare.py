"""The comparison: its page, and what is known of each formula as data, of which the page loads two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gradproof.evidence.environment import SIDES
from gradproof.evidence.finding import Finding
from gradproof.pages import conventions
from gradproof.pages.kinks import slope
from gradproof.pages.proofs import equations, status
from gradproof.pages.tables import beside, cell, exactly
from gradproof.site import measured, pictures
from gradproof.site.forms import chooser, data_script, form
from gradproof.site.known import Known
from gradproof.site.markup import raw
from reference import CATALOGUE
from reference.formula import Formula

Rows = list[tuple[str, dict[str, str]]]  # a question, and what each side says to it


def scripts(known: Known) -> Iterator[tuple[str, str]]:
    """The id of each formula, and the script that has what is known of it."""
    for f in CATALOGUE.values():
        yield f.id, data_script(f"known/{f.id}", summary(f, known))


def summary(f: Formula, known: Known) -> dict[str, Any]:
    """What is known of a formula: mathematics, what no side changes, and questions with everyone's answers."""
    lines = equations(f.kind, f.statement, f.derivative, f.arguments[0], f.numpy_value, f.numpy_form, f.partials)
    defaults = ", ".join(f"{name} = {default:g}" for name, default in f.parameters.items())
    facts = {
        "what it is": f.derivation.partition("\n")[0], "arguments": ", ".join(f.arguments), "defaults": defaults,
        "proved by algebra": status(known.of(f.id, "proof"), f.id),
        "sources": ", ".join(f.sources),
    }  # fmt: skip
    asked = {
        "Largest error in ULP (mean)": _errors(f, known),
        "Slopes at kinks": _answers(known.of(f.id, "kink"), _at_a_kink),
        "At ±0, ±∞ and NaN": _answers(known.of(f.id, "special"), lambda s: exactly(s.got)),
        "Conventions": _conventions(f, known),
    }
    return {
        "tex": "\n".join([r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}"]),
        "facts": {name: said for name, said in facts.items() if said},
        "asked": {name: rows for name, rows in asked.items() if rows},
        "curves": pictures.curve_data(known.of(f.id, "curve"), known.of(f.id, "sweep")),
    }


def _errors(f: Formula, known: Known) -> Rows:
    table = measured.largest(measured.errors(known, f))
    return [(f"{quantity}, {dtype}" + (f", {what}" if what != "defaults" else ""), dict(zip(SIDES, said, strict=True)))
            for what, dtype, quantity, *said in table.rows]  # fmt: skip


def _answers(found: Iterable[Finding], said: Any) -> Rows:
    return [(", ".join(filter(None, (one.what, one.quantity))),
             {f.side: said(f) if f.entries or f.got else f.why for f in rows if f})
            for one, rows in beside(found)]  # fmt: skip


def _at_a_kink(f: Finding) -> str:
    return f"{slope(f)}; left {exactly(f.more['left'])}, right {exactly(f.more['right'])}"


def _conventions(f: Formula, known: Known) -> Rows:
    table = conventions.readings("", f.kind, known.of(f.id, "convention"))
    first, after = 1, 3
    return [(f"{row[first]} ({row[first + 1]})", dict(zip(SIDES, map(cell, row[after : after + 3]), strict=True)))
            for row in table.rows]  # fmt: skip


def page() -> str:
    """The page of the comparison; compare.js fills it."""
    about = (
        "Two formulas, or two sides of one: what each says, how far it is from the exact truth, and what it returns "
        "where there is a choice. Rows on which the two differ are marked with ≠. The address of this page keeps what "
        "you chose."
    )
    ids = list(CATALOGUE)
    first = next(id for id in ids if id.endswith("/gelu"))
    chosen = (("a", "first", first, SIDES[0]), ("b", "second", first, SIDES[1]))
    fields = "".join(
        f'<span class="pair">{chooser(letter, f"{name} formula", ids, id)} '
        f"{chooser(f'{letter}_side', f'{name} side', SIDES, side)}</span>"
        for letter, name, id, side in chosen
    )
    only = '<p><label><input type="checkbox" name="only" value="differences"> only what differs</label></p>'
    return f"# Compare\n\n{about}\n\n{raw(form('compare', fields, only))}\n"
