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
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp
from sympy.parsing.sympy_parser import parse_expr, rationalize, standard_transformations

SIZES = {"n": 2, "d": 3, "m": 3}  # a dimension of another name is 3 too: an entry, another one, and all of them
FUNCTIONS = {
    f.__name__: f
    for f in (
        sp.Abs, sp.And, sp.Derivative, sp.Eq, sp.KroneckerDelta, sp.Max, sp.Min, sp.Mod, sp.Ne, sp.Not, sp.Or,
        sp.Piecewise, sp.Product, sp.Sum, sp.acos, sp.acosh, sp.asin, sp.asinh, sp.atan, sp.atanh, sp.cos, sp.cosh,
        sp.digamma, sp.erf, sp.erfc, sp.exp, sp.log, sp.loggamma, sp.sign, sp.sin, sp.sinh, sp.sqrt, sp.tan, sp.tanh,
    )
}  # fmt: skip
FUNCTIONS |= {"Eq": sp.Eq, "Ne": sp.Ne}  # whose classes have longer names
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


def names(text: str, functions: Collection[str] = FUNCTIONS) -> Names:
    """Sort the letters of `text`. Raises ExpressionError where it is not in the notation above."""
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} is not an expression: {error.msg} at character {error.offset}") from error
    for node in nodes:
        if not isinstance(node, _NODES) or (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            hint = "; a power is written **" if isinstance(node, ast.BitXor) else ""
            raise ExpressionError(f"{text!r} has a Python {type(node).__name__}, which no formula needs{hint}")
    called, indices, subscripted, limits, places = set(), set(), set(), {}, set()
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name not in functions or call.keywords:
            raise ExpressionError(f"{text!r} calls {name}; the functions of the notation are {', '.join(functions)}")
        called.add(name)
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
    heads = {id(node.value) for node in nodes if isinstance(node, ast.Subscript)}  # the a of a[i, j]
    letters = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in heads}
    indices -= {*limits.values(), *SIZES}
    plain = letters - called - indices - set(CONSTANTS)
    return Names(frozenset(plain), frozenset(subscripted), frozenset(indices), limits, frozenset(places))


def parse(text: str, symbols: Mapping[str, Any]) -> sp.Expr:
    """`text` in these symbols, decimals as exact fractions. Raises ExpressionError where SymPy refuses it."""
    try:
        return sp.sympify(parse_expr(text, dict(symbols), (*standard_transformations, rationalize), dict(SPACE)))
    except Exception as error:  # whatever SymPy raises, the person needs to know for which expression
        raise ExpressionError(f"{text!r} cannot be read: {type(error).__name__}: {error}") from error


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
        """`text` in this notation; errors as `parse`."""
        return parse(text, self.symbols)

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
        written_out = expression.subs(numbers).replace(sp.Sum, _sum).doit()
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


def _sum(term: sp.Expr, *limits: tuple[sp.Symbol, sp.Expr, sp.Expr]) -> sp.Expr:
    """A sum between numbers written out. SymPy's own `doit` takes every term apart into partial fractions first."""
    if not all(end.is_Integer for _, *ends in limits for end in ends):
        return sp.Sum(term, *limits)
    for index, first, last in limits:
        term = sp.Add(*(term.subs(index, k) for k in range(first, last + 1)))
    return term


def real(name: str, sign: float = 0) -> sp.Symbol:
    """A real symbol, known to be positive or negative where `sign` is."""
    return sp.Symbol(name, real=True, **({"positive": sign > 0, "negative": sign < 0} if sign else {}))


def _runs_to(found: Sequence[Names]) -> dict[str, str]:
    """The dimension of every index: of the sum that binds it, or of an index that elsewhere stands in its place."""
    limits = {index: dimension for f in found for index, dimension in f.limits.items()}
    places = [place for f in found for place in f.places]
    along = {(letter, k): limits[index] for letter, k, index in places if index in limits}
    alike = {index: along[letter, k] for letter, k, index in places if (letter, k) in along}
    default = {index: "n" if index == "i" else "d" for f in found for index in f.indices}
    return {index: limits.get(index) or alike.get(index) or default[index] for index in sorted(default)}


def notation(
    texts: Sequence[str],
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Notation:
    """The notation in which all `texts` are read.

    An index that no sum binds runs as far as one that stands in its place, as j does like k in z[i, k]; failing that,
    i runs to n and every other one to d. Raises ExpressionError for a text that is not in the notation, or a letter
    used both with indices and without.
    """
    parameters = dict(parameters or {})
    found = [names(text) for text in (*texts, *domain, argument)]
    plain, subscripted = ({letter for f in found for letter in getattr(f, how)} for how in ("plain", "subscripted"))
    if both := sorted(plain & subscripted):
        raise ExpressionError(f"{texts[0]!r}: {both[0]} appears with indices and without")
    runs_to = _runs_to(found)
    counted = set(SIZES) & plain - set(parameters) if subscripted else set()
    dimensions = sorted({*runs_to.values(), *counted}, key=lambda name: (name != "n", name))
    size = {name: (sizes or {}).get(name, SIZES.get(name, 3)) for name in dimensions}
    sign = 1 if domain[0] == "0" else -1 if domain[1] == "0" else 0
    symbols = {
        **{name: real(name, sign if name == argument else 0) for name in plain},
        **{name: real(name, value) for name, value in parameters.items()},
        **{name: sp.IndexedBase(name, real=True) for name in subscripted},
        **{name: sp.Symbol(name, integer=True, positive=True) for name in runs_to},
        **{name: sp.Integer(value) for name, value in size.items()},
    }
    given = [f"{domain[0]} < {argument} < {domain[1]}"] * (domain != WHOLE_LINE)
    given += [f"{name} {'>' if value > 0 else '<'} 0" for name, value in parameters.items() if value and name in plain]
    ranges = {index: size[dimension] for index, dimension in runs_to.items()}
    return Notation(symbols, size, ranges, argument, domain, sign, ", ".join(given))
