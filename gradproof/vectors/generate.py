"""The vectors: every formula that takes arrays, in every dtype, with exact answers by balls.

A file is one formula in one dtype; README.md of the vectors says what stands in it. The same source makes the same
bytes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.answers.truth import truth
from gradproof.cases.case import Case
from gradproof.cases.kinks import Place
from gradproof.evidence.files import encode, write_whole
from gradproof.vectors import flags, inputs
from gradproof.vectors.checksums import SUMS, lines
from gradproof.vectors.numbers import array, exact, written
from gradproof.vectors.schema import FLAGS_SCHEMA, SCHEMAS, VECTORS_SCHEMA, VERSION
from reference.formula import Array, Formula

LIMIT = 4.0  # conditioned ULP that are let pass, unless the record says that more are needed
Test = dict[str, Any]


def make(folder: Path, ids: Iterable[str] | None = None) -> list[str]:
    """Write the vectors of the formulas `ids` (all unless given), schemas, flags and checksums; return their names.

    Each file is replaced whole; SHA256SUMS comes last, and only with all of them. Raises ImportError without
    python-flint and ml_dtypes, OSError as `open` does.
    """
    chosen = [f for f in inputs.formulas() if ids is None or f.id in set(ids)]
    names = []
    for name, text in files(chosen):
        write_whole(folder / name, text)
        names.append(name)
    if ids is None:
        write_whole(folder / SUMS, lines(folder, names))
        names.append(SUMS)
    return names


def files(formulas: Iterable[Formula]) -> Iterator[tuple[str, str]]:
    """Name and text of every file for these formulas, then of the flags and the schemas."""
    for formula in formulas:
        for dtype in inputs.dtypes(formula):
            content = vectors(formula, dtype)
            yield f"{formula.id}.{dtype}.json", in_json(content)
            if formula.elementwise:
                yield f"{formula.id}.{dtype}.tsv", in_lines(content)
    meanings = {name: {**f._asdict(), "seen": list(f.seen)} for name, f in flags.FLAGS.items()}
    yield "flags.json", _pretty({"schema": FLAGS_SCHEMA, "version": VERSION, "flags": meanings})
    for name, schema in SCHEMAS.items():
        yield f"schema/{name}.json", _pretty(schema)


# ---------------------------------------------------------------- one file


def vectors(formula: Formula, dtype: str) -> dict[str, Any]:
    """The content of one file: what the formula is, and its tests."""
    tests = [*_point_tests(formula, dtype)] if formula.elementwise else []
    tests += [_case_test(group, case) for group, case in inputs.arrays(formula, dtype)]
    tests += [test for place in inputs.kinks(formula, dtype) if (test := kink_test(place))]
    if dtype in inputs.WIDE:
        tests += [_refused_test(refused) for refused in inputs.invalid(formula, dtype)]
    numbered = [{"id": k, **test} for k, test in enumerate(tests, 1)]
    return {
        "schema": VECTORS_SCHEMA,
        "version": VERSION,
        "formula": formula.id,
        "dtype": dtype,
        "title": formula.derivation.split("\n")[0],
        "statement": formula.statement,
        "derivative": formula.derivative,
        "assumptions": list(formula.assumptions),
        "defaults": {**_plain(formula.parameters), **({"reduction": formula.reduction} if formula.reduction else {})},
        "limit": max(LIMIT, formula.conditioned_ulp),
        "tests": numbered,
    }


def _test(group: str, result: str, marks: Iterable[str], comment: str, case: Case) -> Test:
    """What is asked."""
    test: Test = {
        "group": group,
        "result": result,
        "flags": sorted(set(marks)),
        "comment": comment,
        "parameters": _plain(case.parameters),
        "arguments": {name: array(x) for name, x in case.arguments.items()},
    }
    if case.cotangent:
        test["cotangent"] = {name: array(v) for name, v in case.cotangent.items()}
    return test


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them: numbers, words, bools and lists of these; ∞ as a word, as in `written`."""
    return {name: _plain_value(p) for name, p in parameters.items()}


def _plain_value(p: Any) -> Any:
    if isinstance(p, np.generic):
        p = p.item()
    if isinstance(p, tuple):
        return [_plain_value(entry) for entry in p]
    return written(p) if isinstance(p, float) and np.isinf(p) else p


def _point_tests(formula: Formula, dtype: str) -> Iterator[Test]:
    """A test for each point, at which value and slope are known; the limits at infinity where there are some."""
    from oracles.arb_truth import truths

    asked = list(inputs.points(formula, dtype))
    for given, group in itertools.groupby(asked, lambda p: dict(p.parameters)):
        here = list(group)
        keywords: dict[str, Any] = {"dtype": dtype, **given}
        value, slope, curvature = truths(formula.id, np.array([p.z for p in here]), (0, 1, 2), **keywords)
        for k, p in enumerate(here):
            if (value.undecided[k] and np.isnan(value.hi[k])) or (slope.undecided[k] and np.isnan(slope.hi[k])):
                continue  # no limit, or a kink
            case = Case(formula.id, dtype, "point", 0, {"z": np.array(p.z)}, None, p.parameters)
            marks = list(flags.of_point(formula.id, dtype, p.z, float(value.hi[k]), float(slope.hi[k])))
            test = _test(p.group, "valid", marks + ["BranchMoved"] * (p.group == "kink"), p.why, case)
            pairs = {"outputs": ("value", value, slope), "gradients": ("z", slope, curvature)}
            for what, (name, y, dy) in pairs.items():
                with np.errstate(invalid="ignore", over="ignore"):
                    sway = _forgiven(y.hi[k], np.abs(p.z * dy.hi[k]), dtype)
                test[what] = {name: exact(y.hi[k], y.residual[k], y.undecided[k], sway)}
            yield test


def _forgiven(y: Array, sway: Array, dtype: str) -> Array:
    """u·Σ|xᵢ·∂y/∂xᵢ| in ULP of y: what half an ULP of every input does to it. 0 where that is not finite."""
    from oracles.floats import FORMATS, ulp_exponent

    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.ldexp(np.where(np.isfinite(sway), sway, 0.0), -FORMATS[dtype].digits - ulp_exponent(y, dtype))
    return np.minimum(scaled, 1e300)


def _entry(conditioned: Any, dtype: str) -> dict[str, Any]:
    t = conditioned.truth
    return exact(t.hi, t.residual, t.undecided, _forgiven(t.hi, conditioned.sway, dtype))


def _case_test(group: str, case: Case) -> Test:
    """A case of arrays with its outputs and gradients; outputs alone where the cotangent would see no error."""
    answer = truth(case)
    test = _test(group, "valid", flags.of_case(case), f"{case.regime} {case.seed}", case)
    test["outputs"] = {name: _entry(y, case.dtype) for name, y in answer.outputs.items()}
    seen = not answer.vacuity < 2.0**-20
    test["gradients"] = {name: _entry(g, case.dtype) for name, g in answer.gradients.items()} if seen else {}
    return test


def kink_test(place: Place) -> Test | None:
    """A place at a kink: the slopes on both sides along each direction. None where there is no fair question."""
    from oracles.arb_truth import one_sided

    case, name = place.case, place.argument
    sides = [one_sided(case.formula, case.arguments, {name: D}, case.cotangent, **case.parameters)
             for D in place.directions]  # fmt: skip
    if not all(np.isfinite([s.left, s.right]).all() for s in sides):
        return None
    torn = any(s.left != s.right for s in sides)
    if not torn and any(isinstance(p, float) and float(np.float32(p)) != p for p in case.parameters.values()):
        return None  # beside a kink by the rounding of a parameter: either branch is as good
    ties = any(word in place.what for word in ("tie", "largest", "σ₁ = σ₂"))
    marks = ["Kink", *(["TiesCounted"] if ties else [])] if torn else ["BranchMoved"]
    test = _test("kink", "acceptable" if torn else "valid", marks, place.what, case)
    answer = truth(case)
    test["outputs"] = {key: _entry(y, case.dtype) for key, y in answer.outputs.items()}
    test["gradients"] = {key: _entry(g, case.dtype) for key, g in answer.gradients.items()}
    if torn:
        test["directions"] = [
            {"argument": name, "direction": array(D), "left": written(s.left), "right": written(s.right),
             "slack": written(0.0 if s.how == "series" else 2.0**-30)}
            for D, s in zip(place.directions, sides, strict=True)
        ]  # fmt: skip
    return test


def _refused_test(refused: inputs.Refused) -> Test:
    return _test("edge", "invalid", [refused.flag], refused.why, refused.case)


# ---------------------------------------------------------------- as text


def in_json(content: Mapping[str, Any]) -> str:
    """A test a line, so that files diff well."""
    head = {key: value for key, value in content.items() if key != "tests"}
    rows = ",\n".join(map(encode, content["tests"]))
    return f'{_pretty(head).removesuffix(chr(10) + "}" + chr(10))},\n "tests": [\n{rows}\n ]\n}}\n'


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


COLUMNS = ("id", "group", "result", "parameters", "z", "value", "value residual", "value forgiven", "slope",
           "slope residual", "slope forgiven", "left", "right")  # fmt: skip


def in_lines(content: Mapping[str, Any]) -> str:
    """The tests of an elementwise activation at single numbers, a line each, with tabs between the columns.

    What a test does not have is "-". Tests of arrays and of input to be refused are in the JSON alone.
    """
    rows = ["\t".join(COLUMNS)]
    for test in content["tests"]:
        z = test["arguments"]["z"]
        if len(z["data"]) != 1 or test["result"] == "invalid" or len(test["arguments"]) > 1:
            continue
        value, slope = test["outputs"]["value"], test["gradients"]["z"]
        side = test.get("directions", [{"left": "-", "right": "-"}])[0]
        given = ",".join(f"{name}={written(p)}" for name, p in test["parameters"].items()) or "-"
        cells = [test["id"], test["group"], test["result"], given, z["data"][0]]
        for y in (value, slope):
            cells += [y["data"][0] or "-", *(y.get(key, [0])[0] for key in ("residual", "forgiven"))]
        rows.append("\t".join(map(str, [*cells, side["left"], side["right"]])))
    return "\n".join(rows) + "\n"
