"""proofs.md: every formula as it is printed, and whether SymPy proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence, write_whole
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, comma_separated, latex, markdown
from gradproof.pages.typeset import latex as typeset

VERDICTS = ("proved", "refuted", "unknown", "undefined")
TITLES = {"activation": "Activations", "cost": "Costs", "regularizer": "Regularizers", "layer": "Layers",
          "network": "Backpropagation", "update": "Optimizer steps"}  # fmt: skip
LEFT = {"activation": "g", "cost": "C", "regularizer": "R", "layer": "y", "update": "w'"}
INTRO = """# Proofs

Every formula of the catalogue as it is printed, and whether SymPy proves it: it differentiates the statement and shows
that the printed derivative is the same for all real inputs and all parameters of the sign of their defaults.

* Branches are proved one by one; *kinks* are the slopes where branches meet: as listed in the record at a kink, and
  one and the same from both sides everywhere else.
* A statement with indices is proved entry by entry at the sizes named. ⟨v, ∂s/∂z⟩ is the pullback of a cotangent v.
* *numpy_value* and *numpy_form* are the rewritings that are evaluated, proved equal to what is printed.
* The equations of backpropagation are proved for undefined activations and an undefined cost; δ is ∂C/∂z by definition,
  so that from the last layer down they give every gradient.

Routes: *identical* (SymPy's own derivative is the printed one), *exponentials* (the difference, written over symbols
for exponentials, logarithms and roots, is a rational function with numerator zero), *expansion* (a polynomial that is
zero), *simplify* (SymPy's simplification gives zero), *sign cases* (split by the sign of what a branch depends on). A
refutation is a rational point at which the two sides differ in 40-digit arithmetic.
"""


def write(evidence: Path, folder: Path) -> None:
    """Write proofs.md, csv/proofs.csv and tex/proofs.tex from evidence/proofs.jsonl."""
    _, found = read_evidence(evidence / "proofs.jsonl")
    kinds = sorted({_kind(f) for f in found}, key=[*TITLES, *(_kind(f) for f in found)].index)
    by_kind = {kind: [f for f in found if _kind(f) == kind] for kind in kinds}
    summary = Table("", ["", "formulas", "claims", *VERDICTS], [
        [title, len({f.formula for f in mine}), len(mine), *(sum(f.verdict == v for f in mine) for v in VERDICTS)]
        for title, mine in [*((_title(kind), mine) for kind, mine in by_kind.items()), ("all", found)]
    ])  # fmt: skip
    parts = [INTRO, markdown(summary)]
    if not_proved := [f for f in found if f.verdict != "proved"]:
        cells = [[f"`{f.formula}`", f.what, f.verdict, _why(f)] for f in not_proved]
        parts.append(markdown(Table("Not proved", ["formula", "claim", "verdict", "why"], cells)))
    for kind, mine in by_kind.items():
        parts.append(f"## {_title(kind)}\n")
        parts += [_section(id, [f for f in mine if f.formula == id]) for id in dict.fromkeys(f.formula for f in mine)]
    write_whole(folder / "proofs.md", "\n".join(parts))
    lines = [[f.formula, f.what, f.verdict, f.more.get("route", ""), f.more.get("given", "")] for f in found]
    table = Table("", ["id", "claim", "verdict", "route", "given"], lines)
    write_whole(folder / "csv" / "proofs.csv", comma_separated(table))
    write_whole(folder / "tex" / "proofs.tex", latex(table))


def _kind(f: Finding) -> str:
    return f.formula.partition("/")[0]


def _title(kind: str) -> str:
    return TITLES.get(kind, f"{kind.capitalize()}s")


def status(found: Iterable[Finding], id: str) -> str:
    """One line on a formula, e.g. "proved: derivative, numpy_form; unknown: kinks". Empty where nothing is known."""
    mine = [f for f in found if f.formula == id]
    grouped = {v: [f.what for f in mine if f.verdict == v] for v in VERDICTS}
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in grouped.items() if names)


def _why(f: Finding) -> str:
    point = f.more.get("counterexample")
    if not point:
        return f.why
    where = ", ".join(f"{name} = {value}" for name, value in point["inputs"].items())
    return f"{f.why + ': ' if f.why else ''}at {where} it is {point['true']}, not {point['claimed']}"


def _section(id: str, found: Sequence[Finding]) -> str:
    """One formula: its equations, then one line per claim."""
    equations = " \\\\\n".join(_equations(found))
    lines = [f"### {id}", "", "```math", r"\begin{aligned}", equations, r"\end{aligned}", "```", ""]
    for f in found:
        route, given = f.more.get("route", ""), f.more.get("given", "")
        about = "; ".join(text for text in (route, given and f"for {given}") if text)
        lines.append(f"* {f.what}: **{f.verdict}** ({about or 'see above'})")
    return "\n".join([*lines, ""])


def _set(expression: str) -> str:
    """Its LaTeX; an expression that cannot be read is shown as it is."""
    try:
        return typeset(expression)
    except SyntaxError:
        return rf"\texttt{{{expression.replace('_', ' ')}}}"


def _equations(found: Sequence[Finding]) -> list[str]:
    """The equalities that the claims are about."""
    of = {f.what: f for f in found}
    first = of.get("derivative", found[0])
    value, form = (of[what].more["right"] if what in of else "" for what in ("numpy_value", "numpy_form"))
    partials = {f.quantity: f.more["right"] for f in found if f.what.startswith("∂/∂")}
    left, right = first.more["left"], first.more["right"]
    return equations(_kind(first), left, right, first.quantity, value, form, partials)


def equations(
    kind: str, statement: str, derivative: str, by: str, value: str, form: str, partials: Mapping[str, str]
) -> list[str]:
    """What a record of this kind says, a line of LaTeX each with one alignment mark.

    The expressions are those of the record: `derivative` is by the argument `by`, `partials` are by others.
    """
    if kind == "network":
        return [f"{_set(statement)} &= {_set(derivative)}"]
    _, pulled_back, rest = derivative.partition("v[")
    symbol = f"s_{{{rest.partition(']')[0].replace(' ', '')}}}" if pulled_back else LEFT.get(kind, "f")

    def slope(argument: str) -> str:
        fraction = rf"\frac{{\partial {'s' if pulled_back else symbol}}}{{\partial {_set(argument)}}}"
        return rf"\left\langle v, {fraction} \right\rangle" if pulled_back else fraction

    lines = [f"{symbol} &= {_set(statement)}", *([f"&= {_set(value)}"] if value else [])]
    lines += [f"{slope(by)} &= {_set(derivative)}", *([f"&= {_set(form)}"] if form else [])]
    return lines + [f"{slope(argument)} &= {_set(right)}" for argument, right in partials.items()]
