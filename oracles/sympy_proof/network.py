"""The four equations of backpropagation, proved for a concrete network with undefined activations and cost.

Layer l has its own undefined gˡ, and the cost is one undefined function of all outputs of all examples, so that
nothing but the chain rule can make an equation hold. SymPy differentiates the forward pass; the right-hand side of
the equation is read from the record, letter by letter:

    w[l, j, k], b[l, j]      weight from unit k to unit j of layer l, bias
    z[l, j], a[l, j]         pre-activation and activation, a[0, k] = x
    delta[l, j]              by definition the derivative of C in z[l, j], taken by SymPy
    Derivative(C, ...)       of the cost, through everything that depends on the quantity
    g(z[l, j])               the activation of that layer;  L is the last layer, d the width of the layer summed over

For parameters, which all examples share, the right-hand side is summed over the examples of the batch.
"""

from __future__ import annotations

import ast
import functools
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import sympy as sp

from oracles.sympy_proof.expressions import FUNCTIONS, ExpressionError, names, parse, real
from oracles.sympy_proof.identity import Proof, conjunction
from oracles.sympy_proof.refutation import DIGITS, Counterexample

LETTERS = ("w", "b", "z", "a", "delta")
C, g, DERIVATIVE = sp.Symbol("C"), sp.Function("g"), sp.Function("Derivative")  # as printed, before evaluation

Layer = dict[tuple[int, int], sp.Expr]  # (unit, example) -> value; units, layers and examples count from 1


@functools.cache
def undefined(name: str) -> Any:
    """A function of which nothing is known but that it has partial derivatives, called name_1, name_2, …"""
    return type(sp.Function)(name, (sp.Function,), {"fdiff": lambda f, k=1: undefined(f"{name}_{k}")(*f.args)})


DEFINITIONS = "with g(u) = u + l*u**2/2 in layer l and C = Sum(m*a[m]**2/2) over all outputs"


def defined(e: sp.Expr) -> sp.Expr:
    """`e` at a point, with the undefined functions as in `DEFINITIONS`: an exact rational."""

    def definition(f: sp.Expr) -> sp.Expr:
        letter, _, partial = f.func.__name__.partition("_")
        if letter == "C":
            m = int(partial or 0)
            return m * f.args[m - 1] if m else sum(k * a**2 / 2 for k, a in enumerate(f.args, 1))
        layer, u = int(letter[1:]), f.args[0]
        return 1 + layer * u if partial else u + layer * u**2 / 2

    return e.replace(lambda f: isinstance(f, sp.Function), definition)


class Network:
    """The forward pass of a dense network in symbols, and the derivatives of its cost by SymPy.

    `sizes` are the widths from input to output, `batch` the number of examples.
    """

    def __init__(self, sizes: Sequence[int], batch: int = 1) -> None:
        self.sizes, self.depth, self.batch = tuple(sizes), len(sizes) - 1, batch
        self.parameters = dict(self._parameters())
        self.a: list[Layer] = [{(k, e): real(f"x[{e}, {k}]") for k, e in self.places(0)}]
        self.z: list[Layer] = [{}]
        for layer in range(1, self.depth + 1):
            self.z.append(self.affine(layer, self.a[-1]))
            self.a.append(self.activate(layer, self.z[-1]))
        self.cost = self.cost_from(self.depth, self.a[-1])

    def places(self, layer: int) -> list[tuple[int, int]]:
        """Every (unit, example) of a layer."""
        return list(product(range(1, self.sizes[layer] + 1), range(1, self.batch + 1)))

    def _parameters(self) -> Iterator[tuple[tuple[str | int, ...], sp.Symbol]]:
        for layer, (width, below) in enumerate(zip(self.sizes[1:], self.sizes[:-1], strict=True), 1):
            for j in range(1, width + 1):
                yield ("b", layer, j), real(f"b[{layer}, {j}]")
                for k in range(1, below + 1):
                    yield ("w", layer, j, k), real(f"w[{layer}, {j}, {k}]")

    def affine(self, layer: int, a: Layer) -> Layer:
        """zˡ = Wˡaˡ⁻¹ + bˡ."""
        below = range(1, self.sizes[layer - 1] + 1)
        return {
            (j, e): sp.Add(
                *(self.parameters["w", layer, j, k] * a[k, e] for k in below), self.parameters["b", layer, j]
            )
            for j, e in self.places(layer)
        }

    def activate(self, layer: int, z: Layer) -> Layer:
        """aˡ = gˡ(zˡ)."""
        return {place: undefined(f"g{layer}")(u) for place, u in z.items()}

    def cost_from(self, layer: int, a: Layer) -> sp.Expr:
        """The cost as a function of the activations of `layer`."""
        for above in range(layer + 1, self.depth + 1):
            a = self.activate(above, self.affine(above, a))
        return undefined("C")(*a.values())

    @functools.cache  # noqa: B019  # a network lives as long as the proof of one equation
    def cost_slope(self, letter: str, layer: int, place: tuple[int, int]) -> sp.Expr:
        """∂C/∂z or ∂C/∂a at one place of a layer: the network is cut there and differentiated above the cut."""
        values = self.z[layer] if letter == "z" else self.a[layer]
        cut = {p: sp.Dummy(real=True) for p in values}
        C = self.cost_from(layer, self.activate(layer, cut) if letter == "z" else cut)
        return sp.diff(C, cut[place]).xreplace({cut[p]: value for p, value in values.items()})


class RightHandSide:
    """The printed right-hand side of an equation, evaluated in a network.

    Raises ExpressionError for a letter that no network has, or an entry that this one does not have.
    """

    def __init__(self, text: str, network: Network) -> None:
        self.text, self.network = text, network
        self.names = names(text, (*FUNCTIONS, "g"))
        plain = self.names.plain - {"C", "l", "L", *self.names.limits.values()}
        if strangers := sorted((self.names.subscripted - {*LETTERS}) | plain):
            raise ExpressionError(f"{text!r} has {', '.join(strangers)}; a network has {', '.join(LETTERS)}, g and C")

    def at(self, indices: Mapping[str, int], example: int) -> sp.Expr:
        """Its value at a concrete layer and units, for one example of the batch."""
        width = self.network.sizes[min(indices["l"] + 1, self.network.depth)]
        symbols = {
            **{letter: sp.IndexedBase(letter) for letter in LETTERS},
            **{index: sp.Symbol(index, integer=True) for index in self.names.limits},
            **{dimension: sp.Integer(width) for dimension in self.names.limits.values()},
            **{index: sp.Integer(value) for index, value in indices.items()},
            "C": C,
            "g": g,
            "Derivative": DERIVATIVE,
        }
        return self.evaluate(parse(self.text, symbols).doit(), example)

    def evaluate(self, e: sp.Basic, example: int) -> sp.Basic:
        """`e` with every letter replaced by what it stands for."""
        if isinstance(e, sp.Indexed):
            return self.quantity(e, example)
        if e.func == DERIVATIVE:
            f, x = e.args
            return self.slope(f, x, example)
        if e.func == g:
            return self.activation(e.args[0])(self.quantity(e.args[0], example))
        return e.func(*(self.evaluate(arg, example) for arg in e.args)) if e.args else e

    def slope(self, f: sp.Expr, x: sp.Basic, example: int) -> sp.Expr:
        """∂C/∂z or ∂C/∂a, or g'(x)."""
        if isinstance(x, sp.Indexed) and f == g(x):
            u = sp.Dummy()
            return sp.diff(self.activation(x)(u), u).xreplace({u: self.quantity(x, example)})
        if f == C and isinstance(x, sp.Indexed) and str(x.base) in ("z", "a"):
            self.quantity(x, example)  # raises where there is no such entry
            layer, unit = map(int, x.indices)
            return self.network.cost_slope(str(x.base), layer, (unit, example))
        raise ExpressionError(f"{self.text!r}: only Derivative(C, z or a) and Derivative(g(x), x) have a meaning")

    def activation(self, x: sp.Basic) -> Any:
        """The g of the layer that x is an entry of."""
        if not isinstance(x, sp.Indexed):
            raise ExpressionError(f"{self.text!r}: g is applied to {x}, not to an entry such as z[l, j]")
        return undefined(f"g{x.indices[0]}")

    def quantity(self, x: sp.Indexed, example: int) -> sp.Expr:
        """An entry such as w[2, 1, 1] or, for this example, a[1, 2] and delta[2, 1]."""
        letter, (layer, *units) = str(x.base), map(int, x.indices)
        try:
            if letter in ("w", "b"):
                return self.network.parameters[(letter, layer, *units)]
            place = (units[0], example)
            if letter == "delta":
                return self.network.cost_slope("z", layer, place)
            return (self.network.z if letter == "z" else self.network.a)[layer][place]
        except LookupError:
            sizes = "-".join(map(str, self.network.sizes))
            raise ExpressionError(f"{self.text!r} uses {x}, which a {sizes} network does not have") from None


def prove_equation(
    statement: str, derivative: str, argument: str, sizes: Sequence[int] = (2, 2, 2, 2), batch: int = 1
) -> Proof:
    """Prove one equation of backpropagation at every layer and unit of a network, for any gˡ and any cost.

    `statement` is Derivative(C, argument), `argument` one of z[L, j], z[l, j] (hidden layers), b[l, j] and
    w[l, j, k]. Raises ExpressionError for what cannot be read.

    >>> bp2 = "Sum(w[l + 1, k, j]*delta[l + 1, k], (k, 1, d))*Derivative(g(z[l, j]), z[l, j])"
    >>> prove_equation("Derivative(C, z[l, j])", bp2, "z[l, j]").verdict
    'proved'
    >>> print(prove_equation("Derivative(C, b[l, j])", "a[l, j]*delta[l, j]", "b[l, j]").verdict)
    refuted
    """
    if ast.dump(ast.parse(statement)) != ast.dump(ast.parse(f"Derivative(C, {argument})")):
        raise ExpressionError(f"{statement!r}: the statement of an equation is Derivative(C, {argument})")
    network = Network(sizes, batch)
    side = RightHandSide(derivative, network)

    given = f"any g and C in a {'-'.join(map(str, sizes))} network"
    return conjunction((_compare(*claim) for claim in _claims(network, side, argument)), {"batch": batch}, given)


def _claims(network: Network, side: RightHandSide, argument: str) -> Iterator[tuple[str, sp.Expr, sp.Expr]]:
    """(quantity, derivative of the cost in it, claimed derivative) for every entry of the argument."""
    letter, _, subscript = argument.rstrip("]").partition("[")
    layer_index, *unit_indices = (index.strip() for index in subscript.split(","))
    depth, examples = network.depth, range(1, network.batch + 1)
    layers = [depth] if layer_index == "L" else range(1, depth if letter == "z" else depth + 1)
    for layer in layers:
        widths = network.sizes[layer], network.sizes[layer - 1]
        for units in product(*(range(1, width + 1) for _, width in zip(unit_indices, widths, strict=False))):
            indices = {"l": layer, "L": depth, **dict(zip(unit_indices, units, strict=True))}
            name = f"{letter}[{', '.join(map(str, (layer, *units)))}]"
            if letter == "z":
                for e in examples:
                    yield name, network.cost_slope("z", layer, (units[0], e)), side.at(indices, e)
            else:
                t = network.parameters[(letter, layer, *units)]
                yield name, sp.diff(network.cost, t), sp.Add(*(side.at(indices, e) for e in examples))


def _compare(name: str, true: sp.Expr, claimed: sp.Expr) -> Proof:
    """Equal as polynomials in everything undefined, or different where that is given a definition."""
    if sp.expand(true - claimed) == 0:
        return Proof("proved", ("expansion",))
    symbols = sorted(true.free_symbols | claimed.free_symbols, key=str)
    rng = random.Random(0)
    point = {symbol: sp.Rational(rng.randint(-40, 40), 17) for symbol in symbols}
    sides = [defined(side.xreplace(point)) for side in (true, claimed)]
    if sides[0] == sides[1]:
        return Proof("unknown", reason=f"the derivative in {name} is equal at a random point, but not by expansion")
    inputs = {str(symbol): str(value) for symbol, value in point.items()}
    found = Counterexample(inputs, *(str(sp.N(side, DIGITS)) for side in sides))
    return Proof("refuted", ("evaluation",), reason=f"derivative in {name}, {DEFINITIONS}", counterexample=found)
