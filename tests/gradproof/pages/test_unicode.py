"""What a terminal shows of an expression says the same as the expression."""

import ast
import itertools
import math
import re

import numpy as np
import pytest

from gradproof.pages.unicode import ABOVE, BELOW, LETTERS, mathematics
from reference import CATALOGUE

PRINTED = {
    f"{id} {what}": text
    for id, f in CATALOGUE.items()
    for what, text in {"statement": f.statement, "derivative": f.derivative, "value": f.numpy_value,
                       "form": f.numpy_form, **f.partials}.items()
    if text
}  # fmt: skip
SMALL = {small: sign for table in (ABOVE, BELOW) for sign, small in table.items()}
UP, DOWN = ("".join(map(re.escape, table.values())) for table in (ABOVE, BELOW))


def read(text):
    """The expression in SymPy's syntax that a reader takes one line of mathematics for."""
    text = re.sub(rf"[{DOWN}]+", lambda m: "_" + "".join(map(SMALL.get, m[0])), text)
    text = re.sub(r"(tanh|cosh|log|cos|sin|max|min)([" + UP + r"]+)(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))",
                  lambda m: f"{m[1]}{m[3]}^({''.join(map(SMALL.get, m[2]))})", text)  # fmt: skip
    text = re.sub(rf"[{UP}]+", lambda m: "^(" + "".join(map(SMALL.get, m[0])) + ")", text)
    text = re.sub(r"(?<![\w.])(\d+)(?=[^\W\d_e])", r"\1·", text)
    text = re.sub(r"\|([^|]*)\|", r"Abs(\1)", text)
    text = re.sub(r"√(\w+)", r"sqrt(\1)", text).replace("√", "sqrt")
    text = re.sub(r"\be\^(\w+)", r"exp(\1)", text).replace("e^(", "exp(")
    for name, sign in LETTERS.items():
        text = text.replace(sign, name)
    for sign, said in {"·": "*", "−": "-", "^": "**", "≤": "<=", "≥": ">=", "max(": "Max(", "min(": "Min("}.items():
        text = text.replace(sign, said)
    return ast.unparse(_chosen(text))


def _chosen(text):
    """`a if c, b if d, else e` as Piecewise, at the top alone."""
    if ", else " not in text:
        return ast.parse(text, mode="eval")
    depth = np.cumsum([(c == "(") - (c == ")") for c in text])
    commas = [k for k in range(len(text)) if depth[k] == 0 and text[k] == ","]
    *branches, last = (text[a + 1 : b].strip() for a, b in itertools.pairwise([-1, *commas, len(text)]))
    pairs = [branch.rpartition(" if ")[::2] for branch in branches] + [(last.removeprefix("else "), "True")]
    return ast.parse(f"Piecewise({', '.join(f'({value}, {when})' for value, when in pairs)})", mode="eval")


KNOWN = {**{name: getattr(math, name) for name in ("exp", "log", "sqrt", "tanh", "cosh", "atan", "erf", "pi")},
         "Abs": abs, "Max": max, "Min": min, "sign": np.sign, "oo": math.inf,
         "Piecewise": lambda *pairs: next(value for value, when in pairs if when)}  # fmt: skip


def number(expression, z):
    """Its number at z, at parameters that are no fixed points."""
    names = sorted({n.id for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.Name)} - {*KNOWN, "z"})
    return eval(expression, {**KNOWN, **{name: 0.3 + 0.17 * k for k, name in enumerate(names)}, "z": z})


SCALAR = [name for name, text in PRINTED.items() if CATALOGUE[name.split()[0]].elementwise and "v" not in text.split()]


@pytest.mark.parametrize("name", SCALAR)
def test_a_reader_computes_what_the_record_says(name):
    text = PRINTED[name]
    for z in (-3.7, -0.45, 0.2, 2.9, 7.1):
        np.testing.assert_allclose(number(read(mathematics(text)), z), number(text, z), rtol=1e-12)


@pytest.mark.parametrize("name", PRINTED)
def test_every_printed_expression_is_one_line_without_signs_of_programs(name):
    text = mathematics(PRINTED[name])
    assert text.count("(") == text.count(")")
    assert not re.search(r"\*|\n|Piecewise|Sum|exp\(|sqrt|<=|>=|\blam\b|Derivative| - ", text)


@pytest.mark.parametrize(
    ("expression", "line"),
    [("a - (b - c)", "a − (b − c)"), ("a/(b*c)", "a/(b·c)"), ("a/b/c", "a/(b·c)"), ("-(a + b)*c", "−(a + b)·c"),
     ("(a/b)**2", "(a/b)²"), ("(-z)**2", "(−z)²"), ("z**(a + 1)", "z^(a + 1)"), ("2*n", "2n"), ("2*x[i]", "2·xᵢ"),
     ("exp(-z)**2", "(e⁻ᶻ)²"), ("tanh(z)**2", "tanh²(z)"), ("Abs(Abs(a) - b)", "abs(|a| − b)"),
     ("a[l + 1, q]", "a[l + 1, q]"), ("a - Sum(b[k], (k, 1, d))", "a − Σₖ₌₁ᵈ bₖ"), ("x**y_2", "x^y_2"),
     ("Sum(b[k], (k, 1, d))*c", "(Σₖ₌₁ᵈ bₖ)·c"), ("Product(b[q], (q, 1, K))", "Π[q = 1 … K] b[q]"),
     ("Piecewise((1, Eq(z, 0)), (2, True))*z", "(1 if z = 0, else 2)·z"), ("1/sqrt(2*pi)", "1/√(2π)"),
     ("2*beta2", "2·β₂"), ("3*(a + b)", "3·(a + b)")],
)  # fmt: skip
def test_signs_stand_where_they_are_needed(expression, line):
    assert mathematics(expression) == line


@pytest.mark.parametrize("text", ["z +", "", "z; z", "lambda z: z", "z = 1", "f.g(z)", "'z'[0:2]"])
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(SyntaxError):
        mathematics(text)
