"""The pages accuracy.md, kinks.md and frameworks.md, from evidence alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gradproof.checks import penalty_kinks
from gradproof.checks.accuracy import kink_table
from gradproof.checks.sweep import DTYPES, PARTS
from gradproof.evidence.files import read_lines
from gradproof.pages.figures import error_curves
from gradproof.pages.frameworks import DEFECT, defects, kind, of_arrays, reproduce
from gradproof.pages.tables import Table, cell, number, write_page

SIDES = ("ours", "torch", "jax")
Row = dict[str, Any]


def _input(hex: str | None) -> str:
    return "" if hex is None else f"{float.fromhex(hex):.6g}"


def _accuracy_table(rows: list[Row], dtype: str, points: int) -> Table:
    by_key = {(r["formula"], r["part"], r["side"]): r for r in rows if r["row"] == "accuracy" and r["dtype"] == dtype}
    names = list(dict.fromkeys((formula, part) for formula, part, _ in by_key))
    columns = ["activation", "part"]
    measures = ("strict",) if dtype in ("float16", "bfloat16") else ("strict", "conditioned")
    for measure in measures:
        columns += [f"{side} {measure} max (mean)" for side in SIDES]
    columns += [f"worst input, {side}" for side in SIDES]
    lines = []
    for formula, part in names:
        line: list[Any] = [formula.split("/")[1], part]
        for measure in measures:
            for side in SIDES:
                r = by_key.get((formula, part, side))
                missing = "not implemented"
                line.append(missing if r is None else f"{number(r[f'{measure} max'])} ({number(r[f'{measure} mean'])})")
        for side in SIDES:
            r = by_key.get((formula, part, side))
            line.append(_input(r["conditioned at"]) if r else "")
        lines.append(line)
    note = f"{points:,} inputs in all. 0.5 ULP is a correctly rounded result."
    return Table(dtype, columns, lines, note)


def _lost_table(rows: list[Row]) -> Table:
    lines = []
    for r in rows:
        if r["row"] == "accuracy" and r["dtype"] in ("float32", "float64") and r["lost"]:
            where = ", ".join(f"[{_input(a)}, {_input(b)}]" for a, b in r["lost"])
            lines.append([r["formula"].split("/")[1], r["part"], r["dtype"], r["side"], where, r["not a number"]])
    return Table(
        "Where all digits are lost",
        ["activation", "part", "dtype", "side", "input ranges", "NaN results"],
        lines,
        "Ranges of tested inputs (at most four, the longest) over which a normal, non-zero truth is missed by half of "
        "itself or more.",
    )


def _vector_table(rows: list[Row]) -> Table:
    found = {(r["formula"], r["dtype"], r["part"], r["side"]): r for r in rows if r["row"] == "vector"}
    lines = []
    for formula, dtype, part in dict.fromkeys(key[:3] for key in found):
        cells = [found.get((formula, dtype, part, side)) for side in SIDES]
        shown = ["–" if r is None else f"{number(r['strict max'])} ({number(r['strict mean'])})" for r in cells]
        lines.append([formula.split("/")[1], dtype, part, *shown])
    columns = ["activation", "dtype", "part", *(f"{side} max (mean)" for side in SIDES)]
    return Table("Vector activations", columns, lines, "Strict ULP of values and of every entry of the Jacobian.")


def accuracy_page(evidence: Path, folder: Path) -> None:
    """Write accuracy.md, its tables, and the error curves."""
    _, rows = read_lines(evidence / "accuracy.jsonl")
    figures = []
    for part in reversed(PARTS):
        for dtype in ("float64", "float32"):
            curves = [r for r in rows if r["row"] == "curve" and r["part"] == part and r["dtype"] == dtype]
            if curves:
                name = f"accuracy-{part}-{dtype}.svg"
                error_curves(curves, dtype, folder / "figures" / name)
                figures.append(f"![Error in ULP of the {part} in {dtype}, against the input](figures/{name})")
    tables = []
    for dtype in sorted(DTYPES, key=["float64", "float32", "float16", "bfloat16"].index):
        count = sum(r["points"] for r in rows if r["row"] == "accuracy" and r["dtype"] == dtype and r["side"] == "ours")
        if count:
            tables.append(_accuracy_table(rows, dtype, count))
    intro = (
        "# Accuracy\n\nError of value and slope of every elementwise activation against the exact truth (balls around "
        "the definition, precision doubled until they round to one float), in units in the last place. *Strict*: "
        "|ŷ − y|/ulp(y). *Conditioned*: |ŷ − y|/(ulp(y) + u·|x·y′(x)|), which forgives what half an ULP of the input "
        "would do, as near the zeros of a slope. float16 and bfloat16: every input, neighbours by one Taylor "
        "polynomial in balls and its remainder. Truths below the smallest normal number are kept out of the maxima "
        "(frameworks may flush them); the CSV has them. torch is eager, JAX is compiled. `gradproof audit --only "
        f"accuracy` makes this page again.\n\n{chr(10).join(figures)}"
    )
    write_page(folder, "accuracy", intro, [*tables, _vector_table(rows), _lost_table(rows)])


def _differ(r: Row) -> bool:
    """True if anyone differs from the limit or the others by more than the sign of a zero."""
    texts = [r.get(side, r["truth"]) for side in ("truth", *SIDES)]
    return len({"0" if text == "-0" else text for text in texts}) > 1


def kinks_page(evidence: Path, folder: Path) -> None:
    """Write kinks.md: everyone's slope at each kink and at special inputs."""
    _, rows = read_lines(evidence / "kinks.jsonl")

    def choice(r: Row, side: str) -> str:
        return "–" if side not in r else f"{cell(r[side])}{'' if r['inside'][side] else ' (outside)'}"

    kinks = Table(
        "Kinks",
        ["formula", "at", "left", "right", *SIDES, "why ours"],
        [[r["formula"], r["at"], r["left"], r["right"], *(choice(r, s) for s in SIDES), r["why"]]
         for r in rows if r["row"] == "kink"],
        "Left and right slopes are exact. Values outside [left, right] are marked.",
    )  # fmt: skip
    special = Table(
        "At ±0, ±∞ and NaN",
        ["activation", "part", "input", "limit", *SIDES],
        [[r["formula"].split("/")[1], r["part"], r["at"], r["truth"], *(r.get(s, "–") for s in SIDES)]
         for r in rows if r["row"] == "special" and _differ(r)],
        "Only the lines on which someone differs, by more than the sign of a zero; the evidence has all.",
    )  # fmt: skip
    of_costs = [r for r in _rows_of(evidence, "costs") if r["row"] == "kink"]
    of_regularizers = [r for r in _rows_of(evidence, "penalties") if r["part"] == "kink"]
    further = [replace(kink_table(of_costs), title="Costs of several inputs")] if of_costs else []
    further += [replace(penalty_kinks.table(of_regularizers, SIDES), title="Regularizers")] if of_regularizers else []
    write_page(folder, "kinks", "# Kinks and special inputs\n\nSlopes in float64.", [kinks, *further, special])


def frameworks_page(evidence: Path, folder: Path) -> None:
    """Write frameworks.md: what the accuracy evidence shows of the frameworks."""
    header, rows = read_lines(evidence / "accuracy.jsonl")
    lines = [
        [r["side"], header["versions"][r["side"]], r["formula"].split("/")[1], r["part"], ", ".join(r["dtypes"]),
         _input(r["conditioned at"]), _input(r["got"]), _input(r["truth"]), r["conditioned max"], kind(r),
         "composed" if r.get("composed") else "native", f"`{reproduce(r)}`"]
        for r in defects(rows)
    ]  # fmt: skip
    where = ["framework", "version", "activation", "part", "dtypes", "input"]
    activations = Table("Activations", [*where, "got", "truth", "ULP", "what", "function", "see it"], lines)
    further = [r for area in ("costs", "penalties") for r in _rows_of(evidence, area)]
    lines = [
        [r["side"], header["versions"][r["side"]], r["formula"], r["quantity"] if r["quantity"] in ("value", "gradient")
         else f"∂/∂{r['quantity']}", ", ".join(r["dtypes"]), _input(r["got"]), _input(r["truth"]), r["max"], kind(r),
         "composed" if r.get("composed", r["formula"] not in NATIVE) else "native", f"`{reproduce(r)}`"]
        for r in of_arrays(further)
    ]  # fmt: skip
    where = ["framework", "version", "formula", "quantity", "dtypes"]
    arrays = Table("Costs and regularizers", [*where, "got", "truth", "ULP", "what", "function", "see it"], lines)
    intro = (
        f"# Framework defects\n\nValues and slopes off by more than {DEFECT:,.0f} conditioned ULP at some input, shown "
        "at the worst one in the widest dtype that has the defect. *Composed*: the framework has no such function, and "
        "its definition was written out; then the defect is that of the textbook form."
    )
    write_page(folder, "frameworks", intro, [activations, *([arrays] if further else [])])


NATIVE = ("regularizer/spectral_norm", "regularizer/nuclear_norm")  # regularizers that frameworks have functions for


def _rows_of(evidence: Path, area: str) -> list[Row]:
    """The rows of another area, none where it has not been measured."""
    path = evidence / f"{area}.jsonl"
    return read_lines(path)[1] if path.exists() else []
