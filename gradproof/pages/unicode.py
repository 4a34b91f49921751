"""Expressions of the records on one line of Unicode, for a terminal: nothing is reordered or simplified.

An own printer because the others do not fit: those of LaTeX as text (unicodeit, pylatexenc) drop the parentheses that a
fraction stands for, SymPy's prints on several lines and sorts, and here NumPy alone has to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from gradproof.pages.typeset import ATOM, OPERATORS, POWER, PRODUCT, SUM, Written, factors

CHOICE = SUM - 1  # what has branches holds together least
SMALL = "0123456789+−=()"
ABOVE = dict(zip(SMALL + "abcdefghijklmnoprstuvwxyzTβγδ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵝᵞᵟ", strict=True))
BELOW = dict(zip(SMALL + "aehijklmnoprstuvxβγρ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨ", strict=True))
LETTERS = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eta": "η", "mu": "μ", "pi": "π", "rho": "ρ",
           "sigma": "σ", "tau": "τ", "lam": "λ", "lambd": "λ", "eps": "ε", "oo": "∞", "dC": "∇C"}  # fmt: skip
COMPARISONS = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥"}


def mathematics(expression: str) -> str:
    """One line of Unicode for an expression in SymPy's syntax. Raises SyntaxError where it is none.

    >>> mathematics("exp(-z)/(1 + exp(-z))**2")
    'e⁻ᶻ/(1 + e⁻ᶻ)²'
    >>> mathematics("Piecewise((z, z > 0), (negative_slope*z, True))")
    'z if z > 0, else negative_slope·z'
    >>> mathematics("lam*Sum(w[i]**2, (i, 1, m))/(2*n)")
    'λ·(Σᵢ₌₁ᵐ wᵢ²)/(2n)'
    """
    return _write(ast.parse(expression.strip(), mode="eval").body)[0]


def letter(name: str) -> str:
    """A letter: Greek where it is spelt out, a number at its end below it; a word as it is.

    >>> letter("beta2"), letter("negative_slope"), letter("y_2")
    ('β₂', 'negative_slope', 'y_2')
    """
    stem, digits = re.match(r"(.*?)((?<=[^\W_])\d*)$", name).groups()  # type: ignore[union-attr]
    return LETTERS.get(stem, stem) + _set(digits, BELOW)


def _set(text: str, small: dict[str, str]) -> str:
    """The text in small signs; empty where one has no small form."""
    return "".join(map(small.__getitem__, text)) if set(text) <= small.keys() else ""


def _write(node: ast.expr) -> Written:
    match node:
        case ast.Constant(value):
            return str(value), ATOM
        case ast.Name(id):
            return letter(id), ATOM
        case ast.Subscript(value, index):
            indices = [_write(i)[0] for i in (index.elts if isinstance(index, ast.Tuple) else [index])]
            head = _write(value)[0]
            below = _set("".join(indices), BELOW) if all(len(i) == 1 for i in indices) else ""
            return (head + below if below and head[-1] not in BELOW.values() else f"{head}[{', '.join(indices)}]"), ATOM
        case ast.UnaryOp(ast.USub(), operand):
            return f"−{_at_least(PRODUCT, operand)}", SUM
        case ast.BinOp(left, (ast.Add() | ast.Sub()) as op, right):
            sign = "−" if isinstance(op, ast.Sub) else "+"
            binding = PRODUCT if sign == "−" and not isinstance(right, ast.Call) else SUM
            return f"{_at_least(SUM, left)} {sign} {_at_least(binding, right)}", SUM
        case ast.BinOp(_, ast.Mult() | ast.Div(), _):
            return _product(node)
        case ast.BinOp(base, ast.Pow(), exponent):
            return _power(base, exponent)
        case ast.Compare(left, ops, rest):
            signs = (f" {COMPARISONS[type(op)]} {_write(right)[0]}" for op, right in zip(ops, rest, strict=True))
            return _write(left)[0] + "".join(signs), SUM
        case ast.Call(ast.Name(name), args):
            return _call(name, args)
    raise SyntaxError(f"{ast.unparse(node)!r} has no place in a formula")


def _at_least(binding: int, node: ast.expr) -> str:
    """The node, in parentheses if it holds together less tightly than `binding`."""
    return _held(binding, *_write(node))


def _held(binding: int, text: str, own: int) -> str:
    return text if own >= binding else f"({text})"


def _above(exponent: ast.expr) -> str:
    """An exponent: small where it is a number or a letter with its sign, else behind ^."""
    return _raised(*_write(exponent))


def _raised(text: str, binding: int) -> str:
    if re.fullmatch(r"−?(\d+|\w)", text) and (small := _set(text, ABOVE)):
        return small
    return f"^{text}" if binding == ATOM and re.fullmatch(r"\w+", text) else f"^({text})"


def _power(base: ast.expr, exponent: ast.expr) -> Written:
    above = _above(exponent)
    match base:
        case ast.Call(ast.Name(name), [argument]) if name in OPERATORS and above[0] != "^":  # tanh²(z), as in books
            return f"{name}{above}({_write(argument)[0]})", ATOM
    return _at_least(ATOM, base) + above, POWER


def _product(node: ast.expr) -> Written:
    sign, over, under = factors(node)
    text = sign.replace("-", "−") + _side_by_side(over, bool(under))
    if under:
        text += f"/{_at_least(POWER, under[0])}" if len(under) == 1 else f"/({_side_by_side(under, True)})"
    return text, SUM if sign else PRODUCT


def _side_by_side(several: Sequence[ast.expr], goes_on: bool) -> str:
    """A product: a number and the letter behind it need no sign between them, nor a sum at its end parentheses."""
    out = ""
    for k, factor in enumerate(several, 1):
        text, binding = _write(factor)
        if goes_on or k < len(several) or text[0] not in "ΣΠ":
            text = _held(PRODUCT, text, binding)
        close = out.isdigit() and re.match(r"[^\W\d_e]([^\w(]|$)", text)
        out += text if close or not out else f"·{text}"
    return out


def _call(name: str, args: Sequence[ast.expr]) -> Written:
    if name == "Piecewise":
        return ", ".join(map(_branch, args)), CHOICE
    written = [_write(arg) for arg in args if not isinstance(arg, ast.Tuple)]
    texts = [text for text, _ in written]
    match name:
        case "exp":
            return f"e{_raised(*written[0])}", POWER
        case "sqrt":
            return f"√{_held(ATOM, *written[0])}", ATOM
        case "Abs" if "|" not in texts[0]:
            return f"|{texts[0]}|", ATOM
        case "Derivative":
            return f"∂{_held(ATOM, *written[0])}/∂{_held(ATOM, *written[1])}", PRODUCT
        case "KroneckerDelta":
            return "δ" + (_set("".join(texts), BELOW) or f"[{', '.join(texts)}]"), ATOM
        case "And" | "Or":
            return (" and " if name == "And" else " or ").join(_held(SUM, *one) for one in written), CHOICE
        case "Eq" | "Ne":
            return (" = " if name == "Eq" else " ≠ ").join(texts), SUM
        case "Sum" | "Product":
            signs = [_limits("Σ" if name == "Sum" else "Π", limit) for limit in reversed(args[1:])]
            return " ".join([*signs, _held(PRODUCT, *written[0])]), SUM
    return f"{name.lower() if len(name) > 1 else name}({', '.join(texts)})", ATOM


def _limits(sign: str, limit: ast.expr) -> str:
    assert isinstance(limit, ast.Tuple)
    index, first, last = (_write(part)[0] for part in limit.elts)
    below, above = _set(f"{index}={first}", BELOW), _set(last, ABOVE)
    return sign + (below + above if below and above else f"[{index} = {first} … {last}]")


def _branch(pair: ast.expr) -> str:
    assert isinstance(pair, ast.Tuple)
    value, condition = pair.elts
    always = isinstance(condition, ast.Constant)
    return f"else {_at_least(SUM, value)}" if always else f"{_at_least(SUM, value)} if {_write(condition)[0]}"
