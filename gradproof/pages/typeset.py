"""Expressions of the records as LaTeX, the way they are written there: nothing is reordered or simplified."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

GREEK = ("alpha", "beta", "gamma", "delta", "eta", "mu", "pi", "rho", "sigma", "tau")
LETTERS = {"lam": r"\lambda", "lambd": r"\lambda", "eps": r"\varepsilon", "oo": r"\infty"}
OPERATORS = {"log", "tanh", "cosh", "sinh", "tan", "cos", "sin", "max", "min"}
COMPARISONS = {ast.Lt: r"\lt", ast.LtE: r"\le", ast.Gt: r"\gt", ast.GtE: r"\ge"}

SUM, PRODUCT, POWER, ATOM = range(4)  # how tightly an expression holds together
Written = tuple[str, int]


def latex(expression: str) -> str:
    r"""The LaTeX of an expression in SymPy's syntax. Raises SyntaxError where it is none.

    >>> latex("exp(-z)/(1 + exp(-z))**2")
    '\\frac{e^{-z}}{\\left(1 + e^{-z}\\right)^{2}}'
    >>> latex("h0[i, j]")
    'h_{0,i,j}'
    >>> latex("lam*Sum(w[i]**2, (i, 1, m))/(2*n)")
    '\\frac{\\lambda \\sum_{i=1}^{m} w_{i}^{2}}{2 n}'
    """
    return _write(ast.parse(expression.strip(), mode="eval").body)[0]


def letter(name: str) -> str:
    r"""A letter: Greek where it is spelt out, a number at its end as an index, a word upright.

    >>> letter("beta2"), letter("negative_slope")
    ('\\beta_{2}', '\\mathrm{negative\\_slope}')
    """
    if name in LETTERS:
        return LETTERS[name]
    stem, digits = re.match(r"(.*?)(\d*)$", name).groups()  # type: ignore[union-attr]
    escaped = stem.replace("_", r"\_")
    head = f"\\{stem}" if stem in GREEK else stem if len(stem) == 1 else rf"\mathrm{{{escaped}}}"
    return head + (f"_{{{digits}}}" if digits else "")


def _write(node: ast.expr) -> Written:
    match node:
        case ast.Constant(value):
            return str(value), ATOM
        case ast.Name("dC"):
            return r"\nabla C", PRODUCT
        case ast.Name(id):
            return letter(id), ATOM
        case ast.Subscript(value, index):
            indices = index.elts if isinstance(index, ast.Tuple) else [index]
            below = ",".join(_write(i)[0].replace(" ", "") for i in indices)
            head = _write(value)[0]
            return (f"{head[:-1]},{below}}}" if re.search(r"_\{\d+\}$", head) else f"{head}_{{{below}}}"), ATOM
        case ast.UnaryOp(ast.USub(), operand):
            return f"-{_at_least(PRODUCT, operand)}", SUM
        case ast.BinOp(left, (ast.Add() | ast.Sub()) as op, right):
            minus = isinstance(op, ast.Sub) and not isinstance(right, ast.Call)
            sign = "-" if isinstance(op, ast.Sub) else "+"
            return f"{_write(left)[0]} {sign} {_at_least(PRODUCT if minus else SUM, right)}", SUM
        case ast.BinOp(_, ast.Mult() | ast.Div(), _):
            return _product(node)
        case ast.BinOp(base, ast.Pow(), exponent):
            return _power(base, _exponent(exponent))
        case ast.Compare(left, [op], [right]):
            return f"{_write(left)[0]} {COMPARISONS[type(op)]} {_write(right)[0]}", SUM
        case ast.Call(ast.Name(name), args):
            return _call(name, args)
    raise SyntaxError(f"{ast.unparse(node)!r} has no place in a formula")


def _at_least(binding: int, node: ast.expr) -> str:
    """The node, in parentheses if it holds together less tightly than `binding`."""
    text, own = _write(node)
    return text if own >= binding else rf"\left({text}\right)"


def _exponent(node: ast.expr) -> str:
    """A fraction of two short things is set on one line."""
    match node:
        case ast.BinOp(left, ast.Div(), right) if all(_write(part)[1] >= POWER for part in (left, right)):
            return f"{_write(left)[0]}/{_write(right)[0]}"
        case ast.BinOp(ast.UnaryOp(ast.USub(), left), ast.Div(), right):
            return "-" + _exponent(ast.BinOp(left, ast.Div(), right))
    return _write(node)[0]


def _power(base: ast.expr, exponent: str) -> Written:
    match base:
        case ast.Call(ast.Name(name), [argument]) if name in OPERATORS:  # tanh²(z), as books print it
            return rf"\{name}^{{{exponent}}}\left({_write(argument)[0]}\right)", PRODUCT
    return f"{_at_least(ATOM, base)}^{{{exponent}}}", POWER


def _product(node: ast.expr) -> Written:
    sign, over, under = factors(node)
    if not under:
        return sign + _side_by_side(over), SUM if sign else PRODUCT
    return rf"{sign}\frac{{{_side_by_side(over)}}}{{{_side_by_side(under)}}}", SUM if sign else PRODUCT


def factors(node: ast.expr) -> tuple[str, list[ast.expr], list[ast.expr]]:
    """Sign, factors above and factors below the line of a chain such as -a*b/c/d."""
    match node:
        case ast.UnaryOp(ast.USub(), operand):
            sign, over, under = factors(operand)
            return "" if sign else "-", over, under
        case ast.BinOp(left, ast.Mult(), right):
            sign, over, under = factors(left)
            return sign, [*over, right], under
        case ast.BinOp(left, ast.Div(), right):
            sign, over, under = factors(left)
            below = factors(right) if isinstance(right, ast.BinOp) else ("", [right], [])
            return sign, over, under + (below[1] if not below[0] and not below[2] else [right])
    return "", [node], []


def _side_by_side(factors: Sequence[ast.expr]) -> str:
    """A product; a sum sign reaches to the end, so only the last factor may begin with one."""
    out = ""
    for factor in factors:
        text, binding = _write(factor)
        ends = factor is factors[-1] and isinstance(factor, ast.Call)
        if len(factors) > 1 and binding < PRODUCT and not ends:
            text = rf"\left({text}\right)"
        out += (rf" \cdot {text}" if text[0].isdigit() else f" {text}") if out else text
    return out


def _call(name: str, args: Sequence[ast.expr]) -> Written:
    written = [_write(arg)[0] for arg in args if not isinstance(arg, ast.Tuple)]
    match name:
        case "exp":
            return f"e^{{{_exponent(args[0])}}}", POWER
        case "sqrt":
            return rf"\sqrt{{{written[0]}}}", ATOM
        case "Abs":
            return rf"\left\lvert {written[0]} \right\rvert", ATOM
        case "Derivative":
            return rf"\frac{{\partial {written[0]}}}{{\partial {written[1]}}}", ATOM
        case "KroneckerDelta":
            return rf"\delta_{{{written[0]}{written[1]}}}", ATOM
        case "And" | "Or":
            return (r" \wedge " if name == "And" else r" \vee ").join(written), SUM
        case "Eq" | "Ne":
            return (" = " if name == "Eq" else r" \ne ").join(written), SUM
        case "Sum" | "Product":
            sign = rf"\{'sum' if name == 'Sum' else 'prod'}"
            signs = [_limits(sign, limit) for limit in reversed(args[1:])]
            return " ".join([*signs, _at_least(PRODUCT, args[0])]), SUM
        case "Piecewise":
            branches = r" \\ ".join(map(_branch, args))
            return rf"\begin{{cases}} {branches} \end{{cases}}", SUM
    function = name.lower()
    head = f"\\{function}" if function in OPERATORS else name if len(name) == 1 else rf"\operatorname{{{function}}}"
    return rf"{head}\left({', '.join(written)}\right)", ATOM


def _limits(sign: str, limit: ast.expr) -> str:
    assert isinstance(limit, ast.Tuple)
    index, first, last = (_write(part)[0] for part in limit.elts)
    return f"{sign}_{{{index}={first}}}^{{{last}}}"


def _branch(pair: ast.expr) -> str:
    assert isinstance(pair, ast.Tuple)
    value, condition = pair.elts
    always = isinstance(condition, ast.Constant)
    return f"{_write(value)[0]} & " + (r"\text{otherwise}" if always else rf"\text{{if }} {_write(condition)[0]}")
