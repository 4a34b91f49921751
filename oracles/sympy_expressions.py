"""Expressions as the records print them, read into SymPy at concrete sizes.

An expression is one line in SymPy's syntax. What its letters are is read off how they are used:

    a[i, j], w[i]     subscripted: arguments and data, one real symbol per entry
    i, j, k           in a subscript, or summed over: indices
    n, d, m           upper limits of sums: dimensions, replaced by the concrete `SIZES`
    alpha, delta      named as parameters: real, with the sign of their default
    z, y              everything else: real
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp
from sympy.parsing.sympy_parser import parse_expr, rationalize, standard_transformations

SIZES = {"n": 2, "d": 3, "m": 3}  # the least sizes at which "one", "the others" and "all" differ
FUNCTIONS = {
    name: getattr(sp, name)
    for name in (
        "Abs And Derivative Eq KroneckerDelta Max Min Ne Not Or Piecewise Product Sum acos acosh asin asinh atan "
        "atanh cos cosh digamma erf erfc exp log loggamma sign sin sinh sqrt tan tanh"
    ).split()
}
CONSTANTS = {"pi": sp.pi, "oo": sp.oo}
SPACE = {**FUNCTIONS, **CONSTANTS, "Integer": sp.Integer, "Float": sp.Float, "Rational": sp.Rational}

_NODES = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Subscript, ast.Tuple,
          ast.Constant, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd,
          ast.Lt, ast.LtE, ast.Gt, ast.GtE)  # fmt: skip
_SUMS = ("Sum", "Product")
WHOLE_LINE = ("-oo", "oo")


class ExpressionError(ValueError):
    """An expression that cannot be read; the message quotes it and says what to change."""


@dataclass(frozen=True)
class Names:
    """The letters of an expression by what they are.

    `limits` maps a summed index to the dimension it runs to; `places` has (a, 1, j) for the j of a[i, j].
    """

    plain: frozenset[str]
    subscripted: frozenset[str]
    indices: frozenset[str]
    limits: Mapping[str, str]
    places: frozenset[tuple[str, int, str]]


def names(text: str) -> Names:
    """Sort the letters of `text`. Raises ExpressionError where it is not in the notation above."""
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} is not an expression: {error.msg} at character {error.offset}") from error
    for node in nodes:
        if not isinstance(node, _NODES) or (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            hint = "; a power is written **" if isinstance(node, ast.BitXor) else ""
            raise ExpressionError(f"{text!r} has a Python {type(node).__name__}, which no formula needs{hint}")
    functions, indices, subscripted, limits, places = set(), set(), set(), {}, set()
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name not in FUNCTIONS or call.keywords:
            raise ExpressionError(f"{text!r} calls {name}; the functions of the notation are {', '.join(FUNCTIONS)}")
        functions.add(name)
        for limit in call.args[1:] if name in _SUMS else ():
            match limit:
                case ast.Tuple(elts=[ast.Name(id=index), _, last]):
                    indices.add(index)
                    if isinstance(last, ast.Name):
                        limits[index] = last.id
                case _:
                    raise ExpressionError(f"{text!r}: the limits of a {name} are written (j, 1, d)")
    for node in (node for node in nodes if isinstance(node, ast.Subscript)):
        if not isinstance(node.value, ast.Name):
            raise ExpressionError(f"{text!r} subscripts {ast.unparse(node.value)}; only a letter can have indices")
        subscripted.add(node.value.id)
        subscripts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for place, subscript in enumerate(subscripts):
            indices |= {n.id for n in ast.walk(subscript) if isinstance(n, ast.Name)}
            places.add((node.value.id, place, ast.unparse(subscript)))
    letters = {node.id for node in nodes if isinstance(node, ast.Name)}
    indices -= {*limits.values(), *SIZES}
    plain = letters - functions - subscripted - indices - set(CONSTANTS)
    return Names(frozenset(plain), frozenset(subscripted), frozenset(indices), limits, frozenset(places))


@dataclass(frozen=True)
class Notation:
    """The symbols that the expressions of one formula share, how far its free indices run, and its argument."""

    symbols: Mapping[str, Any]
    sizes: Mapping[str, int]
    ranges: Mapping[str, int]
    argument: str
    domain: tuple[str, str]
    sign: int
    given: str

    @property
    def base(self) -> str:
        """The letter of the argument: a for a[i, j]."""
        return self.argument.split("[")[0]

    def read(self, text: str) -> sp.Expr:
        """`text` as a SymPy expression, decimals as exact fractions. Raises ExpressionError if SymPy refuses it."""
        try:
            return sp.sympify(parse_expr(text, dict(self.symbols), (*standard_transformations, rationalize), SPACE))
        except Exception as error:  # whatever SymPy raises, the person needs to know for which expression
            raise ExpressionError(f"{text!r} cannot be read: {type(error).__name__}: {error}") from error

    def free(self, *expressions: sp.Basic) -> list[str]:
        """The index letters that no sum binds, in alphabetical order."""
        symbols = set().union(*(e.free_symbols for e in expressions))
        return sorted(index for index in self.ranges if self.symbols[index] in symbols)

    def everywhere(self, *expressions: sp.Basic) -> Iterator[dict[str, int]]:
        """Every value that the free indices of the expressions take together."""
        free = self.free(*expressions)
        for values in product(*(range(1, self.ranges[index] + 1) for index in free)):
            yield dict(zip(free, values, strict=True))

    def at(self, expression: sp.Expr, indices: Mapping[str, int]) -> sp.Expr:
        """`expression` at concrete indices, its sums written out, one plain symbol for every entry."""
        numbers = {self.symbols[index]: value for index, value in indices.items()}
        written_out = expression.subs(numbers).doit()
        return written_out.replace(lambda e: isinstance(e, sp.Indexed), lambda e: self.entry(e.base, *e.indices))

    def entry(self, letter: object, *indices: object) -> sp.Symbol:
        """The symbol of one entry, such as a[1, 2]."""
        name = f"{letter}[{', '.join(map(str, indices))}]"
        return real(name, self.sign if str(letter) == self.base else 0)

    def intervals(self, *expressions: sp.Basic) -> dict[sp.Symbol, tuple[sp.Expr, sp.Expr]]:
        """The domain of each entry of the argument in `expressions`, where it is not the whole line."""
        if self.domain == WHOLE_LINE:
            return {}
        low, high = map(self.read, self.domain)
        symbols = set().union(*(e.free_symbols for e in expressions))
        return {t: (low, high) for t in symbols if t.name.split("[")[0] == self.base}


def real(name: str, sign: float = 0) -> sp.Symbol:
    """A real symbol, known to be positive or negative where `sign` is."""
    return sp.Symbol(name, real=True, **({"positive": sign > 0, "negative": sign < 0} if sign else {}))


def notation(
    texts: Sequence[str],
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Notation:
    """The notation in which all `texts` are read.

    A bare `argument` stands for an entry with all free indices where the texts subscript it. An index that no sum
    binds runs as far as one that stands in its place, such as k in z[i, k]; failing that i runs to n, others to d.
    Raises ExpressionError for a text that is not in the notation, or a letter used both with and without indices.
    """
    parameters = dict(parameters or {})
    found = [names(text) for text in (*texts, *domain)]
    subscripted = frozenset[str]().union(*(f.subscripted for f in found))
    if argument not in subscripted:
        found.append(names(argument))
    subscripted, plain, indices = (
        frozenset[str]().union(*(getattr(f, kind) for f in found)) for kind in ("subscripted", "plain", "indices")
    )
    if both := sorted(plain & subscripted):
        raise ExpressionError(f"{texts[0]!r}: {both[0]} appears with indices and without")
    limits = {index: last for f in found for index, last in f.limits.items()}
    dimensions = {*limits.values(), *(plain & {*SIZES} if subscripted else ())} - {*parameters}
    used = {d: (sizes or {}).get(d, SIZES.get(d, 3)) for d in sorted(dimensions)}
    along = {(letter, place): limits[index] for f in found for letter, place, index in f.places if index in limits}
    alike = {index: along[letter, place] for f in found for letter, place, index in f.places if (letter, place) in along}
    ranges = {index: alike.get(index, "n" if index == "i" else "d") for index in sorted(indices)} | limits
    low, high = (sp.S(end) if end in ("0", "oo", "-oo") else sp.S.NaN for end in domain)
    sign = 1 if low == 0 else -1 if high == 0 else 0
    symbols = {
        **{name: real(name) for name in plain},
        **{name: real(name, value) for name, value in parameters.items()},
        **{name: sp.IndexedBase(name, real=True) for name in subscripted},
        **{name: sp.Symbol(name, integer=True, positive=True) for name in indices},
        **{name: sp.Integer(size) for name, size in used.items()},
    }
    if argument in plain:
        symbols[argument] = real(argument, sign)
    assumed = [f"{domain[0]} < {argument} < {domain[1]}"] if domain != WHOLE_LINE else []
    assumed += [f"{name} {'>' if value > 0 else '<'} 0" for name, value in parameters.items() if value and name in plain]
    used |= {last: (sizes or {}).get(last, SIZES.get(last, 3)) for last in ranges.values()}
    extent = {index: used[last] for index, last in ranges.items()}
    return Notation(symbols, used, extent, argument, domain, sign, ", ".join(assumed))
