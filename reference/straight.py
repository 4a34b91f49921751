"""The gradient of a tiny network as a straight line of scalars, written out from the records of its formulas.

Where a network has a few dozen parameters, calling NumPy takes longer than the arithmetic. So every product is written
out with Python floats: z from its definition; the value and slope of an activation, the cost and its gradient, and the
four equations of backpropagation from the expressions that stand in their records, which are proved to be what they
say. Every call and every sum is written once and kept.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference.costs.ends import ordinary_end
from reference.formula import Array, Formula
from reference.lift import QUIET, checked, split
from reference.network import bias_gradient, hidden_error, output_error, weight_gradient

Line = Callable[[Array, Array, Sequence[Array], Sequence[Array], Array], float]
ULP = 4  # units in the last place by which an activation written out may be off
OPERATORS: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv), ast.Pow: ("**", operator.pow), ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge), ast.Lt: ("<", operator.lt), ast.LtE: ("<=", operator.le),
}  # fmt: skip
CALLS = {name: name for name in ("exp", "log", "log1p", "sqrt", "tanh", "atan")} | {
    "Abs": "abs",
    "Max": "max",
    "Min": "min",
}


class Unwritten(Exception):
    """An expression has something in it that is not written out here."""


class Lines:
    """The lines of a function, and what their expressions are known by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[str, str] = {}

    def let(self, name: str, expression: str) -> None:
        """name = expression"""
        self.lines.append(f"{name} = {expression}")

    def keep(self, expression: str) -> str:
        """The name of what is worked out once."""
        if expression not in self.known:
            self.known[expression] = f"t{len(self.known)}"
            self.let(self.known[expression], expression)
        return self.known[expression]

    def write(self, text: str, names: Mapping[str, Any]) -> str:
        """An expression of a record in Python: `names` are numbers, names of scalars, or such names by their indices.

        Raises Unwritten for what is none of these.
        """
        return self._written(ast.parse(text, mode="eval").body, names)

    def _written(self, node: ast.expr, names: Mapping[str, Any]) -> str:
        write = functools.partial(self._written, names=names)
        match node:
            case ast.Constant(value):
                return repr(value)
            case ast.Name(id) if id in names:
                return str(names[id])
            case ast.Subscript(ast.Name(id), at) if id in names:
                indices = at.elts if isinstance(at, ast.Tuple) else [at]
                return str(names[id](*(int(write(index)) for index in indices)))
            case ast.UnaryOp(ast.USub(), x):
                return f"(-{write(x)})"
            case ast.BinOp(x, ast.Mult(), _) if write(x) == "0":
                return "0"
            case ast.BinOp(x, op, y) | ast.Compare(x, [op], [y]) if type(op) in OPERATORS:
                return _joined(op, write(x), write(y))
            case ast.Call(ast.Name("Sum"), [term, *ranges]):
                variables = [r.elts[0].id for r in ranges]  # type: ignore[attr-defined]
                bounds = [[int(write(end)) for end in r.elts[1:]] for r in ranges]  # type: ignore[attr-defined]
                terms = [self._written(term, {**names, **dict(zip(variables, at, strict=True))})
                         for at in itertools.product(*(range(low, high + 1) for low, high in bounds))]  # fmt: skip
                return self.keep(functools.reduce(functools.partial(_joined, ast.Add()), terms))
            case ast.Call(ast.Name("Piecewise"), pieces):
                pairs = [[write(x) for x in piece.elts] for piece in pieces]  # type: ignore[attr-defined]
                return f"({' else '.join(x if holds == 'True' else f'{x} if {holds}' for x, holds in pairs)})"
            case ast.Call(ast.Name("Derivative"), [ast.Name("C"), x]):
                return f"C_{write(x)}"
            case ast.Call(ast.Name("Derivative"), [ast.Call(ast.Name("g")), x]):
                return f"g_{write(x)}"
            case ast.Call(ast.Name("KroneckerDelta"), [x, y]):
                return str(int(write(x) == write(y)))
            case ast.Call(ast.Name("log"), [ast.BinOp(ast.Constant(1), ast.Add(), x)]):
                return self.keep(f"log1p({write(x)})")
            case ast.Call(ast.Name(id), arguments) if id in CALLS:
                return self.keep(f"{CALLS[id]}({', '.join(map(write, arguments))})")
        raise Unwritten(ast.unparse(node))


def _joined(op: ast.AST, x: str, y: str) -> str:
    """x op y, worked out where both are numbers, and without what changes nothing."""
    sign, operate = OPERATORS[type(op)]
    try:
        return repr(operate(ast.literal_eval(x), ast.literal_eval(y)))
    except ValueError:
        if (sign in "*/" and y in ("1", "1.0")) or (sign in "+-" and y in ("0", "0.0")):
            return x
        return y if (sign, x) in {("*", "1"), ("*", "1.0"), ("+", "0"), ("+", "0.0")} else f"({x} {sign} {y})"


def straight_line(
    sizes: Sequence[int], activations: Sequence[Any], cost: Any, by_arrays: Any, n: int, flat: Array
) -> Callable[..., Any]:
    """(x, y, W, b) ↦ C, and all ∂C/∂W and ∂C/∂b in `flat`, without arrays on the way where that can be.

    It is `by_arrays`, which does the same, where a formula cannot be written out, or what is written out is not as
    good: activations and the cost are tried out on numbers of all sizes. And `by_arrays` is asked for numbers that
    scalars cannot take, which overflow, divide by 0 or are not finite.
    """
    pairs, (end, reduction) = [split(g) for g in activations], split(cost)
    if ordinary_end(cost, 0) is None or not all(hasattr(g, "body") for g, _ in pairs):
        return by_arrays
    numbers = [tuple(checked(g, g.known, given).items()) for g, given in pairs]
    functions = [g for g, _ in pairs]
    try:
        if not (all(map(_good, functions, numbers)) and _good_end(end, tuple(reduction.items()), n, sizes[-1])):
            return by_arrays
        line = written_out(
            sizes, [(g.formula, dict(p)) for g, p in zip(functions, numbers, strict=True)], end.formula, n
        )
    except Unwritten:
        return by_arrays

    def attempt(x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> Any:
        try:
            return line(x, y, W, b, flat)
        except (ArithmeticError, ValueError):
            return by_arrays(x, y, W, b)

    return attempt


@functools.cache
def _good(function: Any, given: tuple[tuple[str, Any], ...]) -> bool:
    """Whether value and slope written out are within `ULP` units in the last place wherever scalars can be."""
    f, lines, parameters = function.formula, Lines(), dict(given)
    try:
        pair = [lines.write(text, {"z": "z", **f.parameters, **parameters}) for text in _of(f)]
    except Unwritten:
        return False
    scalar = _compiled("z", [*lines.lines, f"return {', '.join(pair)}"])
    z = np.concatenate([np.ldexp(1.375, np.arange(-1074, 1024)), np.linspace(0, 20, 2001)])
    z = np.concatenate([z, -z])
    for at, *expected in zip(z.tolist(), *(q.tolist() for q in function(z, **parameters)), strict=True):
        try:
            found = scalar(at)
        except (ArithmeticError, ValueError):
            continue
        if not all(p == q or abs(p - q) <= ULP * math.ulp(q) for p, q in zip(found, expected, strict=True)):
            return False
    return True


@functools.cache
@QUIET
def _good_end(cost: Any, given: tuple[tuple[str, Any], ...], n: int, d: int) -> bool:
    """Whether cost and gradient written out are those of the body, for outputs of all sizes and the same reduction.

    Where the targets are classes every entry is compared to its digits, where they are mixed to those of the largest.
    """
    end, lines, rng = ordinary_end(functools.partial(cost, **dict(given)), 0), Lines(), np.random.default_rng(0)
    f: Formula = cost.formula
    slopes = [f"C_a_{i}_{j}" for i, j in itertools.product(range(1, n + 1), range(1, d + 1))]
    lines.let(_rows("a", n, d), "a.tolist()")
    lines.let(_rows("y", n, d), "y.tolist()")
    C = _write_end(lines, f, n, d, "a")
    scalar, tried = _compiled("a, y", [*lines.lines, f"return {', '.join([C, *slopes])}"]), 0
    for size, mixed in itertools.product(np.ldexp(1.0, np.arange(-10, 7)), (False,) * 7 + (True,)):
        a = size * rng.standard_normal((n, d)) if f.domain == ("-oo", "oo") else rng.random((n, d))
        y = rng.dirichlet(np.ones(d), n) if mixed else np.eye(d)[rng.integers(0, d, n)]
        try:
            found = np.array(scalar(a, y))
        except (ArithmeticError, ValueError):
            continue  # then arrays are asked
        slope = np.empty_like(a)
        expected = np.array([end(a, y, slope), *slope.flat])  # type: ignore[misc]  # it is not None
        scale = np.abs(expected).max() if mixed else np.abs(expected)
        if not (np.abs(found - expected) <= ULP * n * d * (1 + np.abs(a).max()) * np.spacing(scale)).all():
            return False
        tried += 1
    return tried > 60


def _of(f: Formula) -> tuple[str, str]:
    """Value and slope as the body evaluates them."""
    return f.numpy_value or f.statement, f.numpy_form or f.derivative


def _rows(name: str, m: int, d: int) -> str:
    """The names of the entries of a matrix, (m, d)."""
    return str([[f"{name}_{i}_{j}" for j in range(1, d + 1)] for i in range(1, m + 1)]).replace("'", "")


def _write_end(lines: Lines, cost: Formula, n: int, d: int, a: str) -> str:
    """The cost of outputs a_i_j and targets y_i_j, whose gradient C_a_i_j is written before."""
    value, slope = _of(cost)
    names = {
        **cost.parameters, "n": n, "d": d, "weight": lambda *at: 1,
        cost.prediction: lambda i, j: f"{a}_{i}_{j}", cost.target: lambda i, j: f"y_{i}_{j}",
    }  # fmt: skip
    for i, j in itertools.product(range(1, n + 1), range(1, d + 1)):
        lines.let(f"C_{a}_{i}_{j}", lines.write(slope, {**names, "i": i, "j": j}))
    return lines.write(value, names)


def _compiled(arguments: str, lines: Sequence[str]) -> Any:
    space: dict[str, Any] = {name: getattr(math, name) for name in CALLS.values() if hasattr(math, name)}
    exec("\n    ".join([f"def line({arguments}):", *lines]), space)
    return space["line"]


def written_out(
    sizes: Sequence[int], activations: Sequence[tuple[Formula, Mapping[str, Any]]], cost: Formula, n: int
) -> Line:
    """(x, y, W, b, out) ↦ C, with all ∂C/∂W and ∂C/∂b written to the flat array `out`.  Raises Unwritten.

    `activations` are records with parameters. The cost is of outputs and targets of one shape, as it stands in its
    record. What overflows, or is divided by 0, raises an ArithmeticError or a ValueError there.
    """
    L, d, lines = len(sizes) - 1, sizes[-1], Lines()
    every = range(1, n + 1)

    def units(layer: int) -> range:
        return range(1, sizes[layer] + 1)

    lines.let(_rows("a0", n, sizes[0]), "x.tolist()")
    lines.let(_rows("y", n, d), "y.tolist()")
    for l in range(1, L + 1):
        lines.let(_rows(f"w{l}", sizes[l], sizes[l - 1]), f"W[{l - 1}].tolist()")
        lines.let(f"[{', '.join(f'b{l}_{j}' for j in units(l))}]", f"b[{l - 1}].tolist()")
    for l, (g, parameters) in enumerate(activations, 1):
        for i, j in itertools.product(every, units(l)):
            terms = [f"a{l - 1}_{i}_{k}*w{l}_{j}_{k}" for k in units(l - 1)]
            lines.let(f"z{l}_{i}_{j}", " + ".join([*terms, f"b{l}_{j}"]))
            names = {"z": f"z{l}_{i}_{j}", **g.parameters, **parameters}
            for name, text in zip(("a{}_{}_{}", "g_z{}_{}_{}"), _of(g), strict=True):
                lines.let(name.format(l, i, j), lines.write(text, names))
    numbers = [f"z{l}_{i}_{j}" for l in range(1, L + 1) for i in every for j in units(l)]
    lines.let("total", " + ".join([*numbers, *(f"y_{i}_{j}" for i in every for j in units(L))]))
    lines.lines.append("if total - total != 0: raise ArithmeticError('not finite')")  # which a branch might hide

    C = _write_end(lines, cost, n, d, f"a{L}")

    def equation(f: Any, l: int, i: int, **at: int) -> str:
        """A derivative from its record, in layer l and example i."""
        return lines.write(f.formula.derivative, {
            "l": l, "L": L, "d": sizes[min(l + 1, L)], **at, "w": lambda l, k, j: f"w{l}_{k}_{j}",
            **{name: lambda l, j, name=name: f"{name}{l}_{i}_{j}" for name in ("a", "z", "delta")},
        })  # fmt: skip

    for l in range(L, 0, -1):
        for i, j in itertools.product(every, units(l)):
            lines.let(f"delta{l}_{i}_{j}", equation(output_error if l == L else hidden_error, l, i, j=j))
    slopes = [" + ".join(equation(weight_gradient, l, i, j=j, k=k) for i in every)
              for l in range(1, L + 1) for j in units(l) for k in units(l - 1)]  # fmt: skip
    slopes += [" + ".join(equation(bias_gradient, l, i, j=j) for i in every) for l in range(1, L + 1) for j in units(l)]
    return _compiled("x, y, W, b, out", [*lines.lines, f"out[:] = {', '.join(slopes)}", f"return {C}"])
