"""The mutator makes what it says, of a small function, and leaves what only speaks."""

import ast
from pathlib import Path

import pytest

import reference
from benchmarks.mutants.mutate import mutants

SOURCE = '''
def lifted(f):
    return f


@lifted
def f(x, y=2.0):
    """Not 1 + 1."""
    if x < 3:
        raise ValueError(f"x = {x} < {3 + 1}")
    back = lambda v: -v * x
    return np.where(x > y, x.sum(-1), abs(y)), {"x": back(x - 1)}
'''
EXPECTED = {
    ("comparison", "x < 3", "x <= 3"),
    ("comparison", "x < 3", "x > 3"),
    ("constant", "3", "0"),
    ("sign", "-v", "v"),
    ("operator", "-v * x", "-v / x"),
    ("dropped factor", "-v * x", "-v"),
    ("dropped factor", "-v * x", "x"),
    ("sign", "-v * x", "-(-v * x)"),
    ("branch", "np.where(x > y, x.sum(-1), abs(y))", "x.sum(-1)"),
    ("branch", "np.where(x > y, x.sum(-1), abs(y))", "abs(y)"),
    ("swapped", "np.where(x > y, x.sum(-1), abs(y))", "np.where(x > y, abs(y), x.sum(-1))"),
    ("axis", "x.sum(-1)", "x.sum(0)"),
    ("function", "x.sum(-1)", "x.mean(-1)"),
    ("dropped call", "x.sum(-1)", "x"),
    ("sign", "{'x': back(x - 1)}", "{'x': -back(x - 1)}"),
    ("operator", "x - 1", "x + 1"),
    ("dropped term", "x - 1", "x"),
    ("dropped term", "x - 1", "-1"),
    ("sign", "x - 1", "1 - x"),
}


def of(source):
    return [*mutants(source, "small.py")]


def test_every_kind_of_change_is_made():
    found = {(m.kind, m.before, m.after) for m in of(SOURCE)}
    assert found >= EXPECTED


def test_what_only_speaks_stays():
    before = {m.before for m in of(SOURCE)}
    assert not any("1 + 1" in said or "3 + 1" in said or "Not" in said for said in before)
    assert "2.0" not in before  # a default


def test_no_change_leaves_the_source_as_it_was():
    for m in of(SOURCE):
        assert m.before != m.after, m
        assert m.place.startswith("small.py:")


def test_compiling_one_mutant_does_not_touch_the_others():
    every = of(SOURCE)
    first = [m.compiled() for m in every]
    assert first == [m.compiled() for m in every]
    assert len(set(first)) == len(first)


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [("x - y", "x + y", 5), ("x - y", "x", 3), ("x - y", "-y", -2), ("x - y", "y - x", -1)],
)
def test_the_code_is_that_of_the_change(was, becomes, expected):
    (m,) = (m for m in of("def f(x, y):\n    return x - y\n") if (m.before, m.after) == (was, becomes))
    names = {}
    exec(m.compiled(), names)
    assert names["f"](3, 2) == expected


def test_transposes_and_products():
    found = {(m.kind, m.after) for m in of("def f(a, b):\n    return a.mT @ b\n")}
    assert {("transpose", "a"), ("transpose", "b @ a.mT"), ("transpose", "a.mT @ b.mT")} <= found


def test_a_lambda_of_a_decorator_is_a_body_of_its_function():
    (function,) = {m.function for m in of("@lift(beyond=lambda z: 2 * z)\ndef f(z):\n    return z\n")}
    assert function == "f.lambda"


def test_every_module_of_the_formulas_has_mutants_of_every_function_that_computes():
    folder = Path(reference.__file__).parent
    for path in sorted(folder.glob("*/*.py")):
        source = path.read_text(encoding="utf-8")
        mutated = {m.top for m in mutants(source, path.name)}
        computing = {
            f.name for f in ast.parse(source).body
            if isinstance(f, ast.FunctionDef) and ast.unparse(f.returns or f) != "str"
            and any(isinstance(p, ast.BinOp) for s in f.body for p in ast.walk(s))
        }  # fmt: skip
        assert computing <= mutated, path.name
