"""A formula: a plain function, and beside it the record of what it claims.

The function is what runs. The record states the same thing the way a textbook prints it: `statement` and
`derivative` are one SymPy expression each, so the page that shows them and the proof that checks them read
the same line.

Notation in the expressions: `z` is the input of an activation; `a[i, j]`, `y[i, j]`, `z[i, j]` are output,
target and logit `j` of example `i` in a batch of `n` examples with `d` outputs; `w[i]` is a weight among `m`.
A derivative of an indexed statement is taken with respect to the first of its `arguments`, at the free
indices `i, j`; `partials` holds those with respect to anything else, further arguments and parameters. A vector
activation prints its derivative as the pullback of a cotangent `v`, where `s` stands for the output.

Accuracy. An error is counted in ULP of the exact result, and next to it in conditioned ULP: relative to ulp(y) plus
what half an ULP of the input does to y, u·|z·dy/dz|. No algorithm can do better than a few of these where the result
itself crosses zero, while a few strict ULP are asked for everywhere else.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.activation import Slope, elementwise
from reference.lift import Array, floating

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "Array",
    "Formula",
    "Kink",
    "Slope",
    "elementwise",
    "find",
    "floating",
    "formula",
    "resolve",
    "vjp",
]

Answer = tuple[dict[str, Any], dict[str, Any]]  # outputs by name, gradients by argument


@dataclass(frozen=True)
class Kink:
    """A point where the one-sided slopes differ: where `of` is `at`. The others may name parameters.

    `of` is an expression in arguments and parameters, without their indices, or says in words what reaches `at`.
    Unless it is the first argument itself, the slopes are those by `of`, for the factor 1.
    """

    at: str
    left: str
    right: str
    chosen: str
    why: str = "the one-sided slope of least magnitude (minimum-norm subgradient)"
    of: str = "z"

    @property
    def names(self) -> frozenset[str]:
        """The names in `of`; none where it is words."""
        try:
            tree = ast.parse(self.of, mode="eval")
        except SyntaxError:
            return frozenset()
        return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


@dataclass(frozen=True)
class Formula:
    """One formula with its hand-derived derivative under a permanent `id` such as `activation/gelu`.

    `parameters` are the numeric ones with their defaults. `valid` says of some what they must be, as an expression
    ("0 < tau < 1"); whatever calls the formula checks it, and finite numbers alone are taken unless the condition
    speaks of oo.

    `entries` says what the entries of an argument are, where they are not any real number: "probability",
    "log probability", "distribution" (rows that sum to one), "log distribution", "indicator" (0 or 1), "sign" (−1 or
    +1), "count", "rate", "variance" (positive), "variance or 0", "label" or "length". Of a cost, `prediction` and
    `target` are the arguments that take the outputs of a network and its targets; both are empty where it has no place
    at the end of one.

    `curvature` is g''(z), a function of z, the value, the slope and the parameters, for what differentiates twice.
    `unanswered` says of a side that has no answer ("torch", "jax", "truth" or "finite_difference") why; what holds of
    every formula of a kind is said once, by the decorator that lifts it.

    `numpy_value` and `numpy_form` are what is evaluated for value and derivative, by the body or where all is scalar
    (`reference.straight`), where that is an exact rewriting of the textbook form. `conditioned_ulp` and `strict_ulp`
    bound the errors of both in float64 (of a vector activation: of its value and of the entries of its Jacobian, in
    rows of up to ten). `slope_zeros` are points where the slope crosses zero, and within 1/4 of them its strict ULP are
    not bounded.
    """

    id: str
    function: Callable[..., Any]
    statement: str
    derivative: str
    arguments: tuple[str, ...] = ("z",)
    parameters: Mapping[str, float] = field(default_factory=dict)
    valid: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)
    prediction: str = ""
    target: str = ""
    domain: tuple[str, str] = ("-oo", "oo")
    range: tuple[str, str] = ("-oo", "oo")
    kinks: tuple[Kink, ...] = ()
    curvature: Callable[..., Any] | None = None
    unanswered: Mapping[str, str] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    numpy_value: str = ""
    numpy_form: str = ""
    partials: Mapping[str, str] = field(default_factory=dict)
    slope_zeros: tuple[str, ...] = ()
    conditioned_ulp: float = 4.0
    strict_ulp: float = 4.0
    elementwise: bool = False

    @property
    def kind(self) -> str:
        """The part of the id before the slash: activation, cost, regularizer, network or update."""
        return self.id.split("/")[0]

    @property
    def is_step(self) -> bool:
        """Whether it is the step of an optimizer: it has outputs, and no gradients here."""
        return self.kind == "update" and self.arguments[0].split("[")[0] == "dC"

    @property
    def name(self) -> str:
        """The part of the id after the slash."""
        return self.id.split("/")[1]

    @property
    def derivation(self) -> str:
        """Title and derivation by hand: the docstring of the function."""
        return inspect.getdoc(self.function) or ""

    @property
    def learnable(self) -> tuple[str, ...]:
        """The parameters by which an activation can be differentiated too."""
        return tuple(getattr(self.function, "parameter_slopes", ()))

    @property
    def targets(self) -> str:
        """What the targets of a cost at the end of a network are: "real", or as in `entries`. Empty without any."""
        return self.entries.get(self.target, "real") if self.target else ""

    @property
    def reduction(self) -> str:
        """The reduction of a cost unless told otherwise; empty where there is no choice."""
        parameter = inspect.signature(self.function).parameters.get("reduction")
        return "" if parameter is None else str(parameter.default)

    @property
    def printed_kinks(self) -> tuple[Kink, ...]:
        """The kinks that the printed statement shows: those of an expression in which the first argument takes part."""
        return tuple(kink for kink in self.kinks if self.arguments[0].split("[")[0] in kink.names)

    def vjp(self, arguments: Mapping[str, Any], cotangent: Any = None, **parameters: Any) -> Answer:
        """As the function `vjp` of this module. Raises LookupError where the formula has none."""
        answer = getattr(self.function, "vjp", None)
        if answer is None:
            raise LookupError(f"{self.id} has no vjp: it is no function of arrays by itself")
        found: Answer = answer(arguments, cotangent, **parameters)
        return found

    def at(self, expression: str, **parameters: float) -> float:
        """The number that `expression`, written in this formula's parameters, stands for.

        >>> from reference.activations import leaky_relu
        >>> leaky_relu.formula.at("negative_slope", negative_slope=0.2)
        0.2
        """
        names = {**self.parameters, **parameters, "oo": np.inf, "exp": np.exp}
        return float(eval(_compiled(expression), {"__builtins__": {}}, names))


@functools.cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<formula>", "eval")


LAYOUT = ("leading", "axis")  # integers that say how arrays lie: no parameters of a formula
CATALOGUE: dict[str, Formula] = {}
ALIASES: dict[str, tuple[str, Mapping[str, Any]]] = {}  # former id -> (id, the parameters that it stands for)


def formula(
    id: str, *, statement: str, derivative: str, aliases: Mapping[str, Mapping[str, Any]] | None = None, **record: Any
) -> Callable[[Any], Any]:
    """Put the decorated function into the catalogue under `id`; the function itself stays as it is.

    Numeric defaults of its signature are the formula's parameters. `aliases` are ids under which it was published
    before, each with the parameters it stands for. Raises ValueError if an id is taken, or a condition in `valid` is
    not on a parameter.
    """

    def register(function: Any) -> Any:
        for name in (id, *(aliases or ())):
            if name in CATALOGUE:
                raise ValueError(f"formula id {name!r} is taken by {CATALOGUE[name].function.__qualname__}")
            if aliases and id in aliases:
                raise ValueError(f"formula id {id!r} cannot be an alias of itself")
            if name in ALIASES:
                raise ValueError(f"formula id {name!r} is taken: it stands for {ALIASES[name][0]}")
        parameters = {
            p.name: float(p.default)
            for p in inspect.signature(function).parameters.values()
            if isinstance(p.default, (int, float)) and not isinstance(p.default, bool) and p.name not in LAYOUT
        }
        fields = {"valid": getattr(function, "valid", {}), "elementwise": hasattr(function, "body"), **record}
        fields["unanswered"] = {**getattr(function, "unanswered", {}), **record.get("unanswered", {})}
        if strangers := set(fields["valid"]) - set(inspect.signature(function).parameters):
            raise ValueError(f"{id}: conditions on {', '.join(sorted(strangers))}, which are no parameters")
        function.formula = CATALOGUE[id] = Formula(id, function, statement, derivative, parameters=parameters, **fields)
        ALIASES.update({alias: (id, dict(given)) for alias, given in (aliases or {}).items()})
        return function

    return register


def resolve(id: str) -> tuple[Formula, dict[str, Any]]:
    """The record behind an id or a former id, and the parameters that the latter stands for.

    Raises KeyError for an id that never was.

    >>> record, parameters = resolve("cost/bce")
    >>> record.id, parameters
    ('cost/binary_cross_entropy', {'reduction': 'batchmean'})
    """
    target, parameters = ALIASES.get(id, (id, {}))
    if target not in CATALOGUE:
        raise KeyError(f"no formula {id!r}")
    return CATALOGUE[target], dict(parameters)


def find(id: str) -> Formula:
    """The record behind an id or a former id. Raises KeyError for an id that never was."""
    return resolve(id)[0]


def vjp(id: str, arguments: Mapping[str, npt.ArrayLike | None], cotangent: Any = None, **parameters: Any) -> Answer:
    """Outputs of a formula and its gradients: ⟨cotangent, outputs⟩ differentiated by every floating argument.

    `arguments` are arrays by the names of the formula: integers and bools are labels, masks and indices; None is not
    given. `cotangent` is an array of the shape of the output, or one for each output by name; None stands for ones.
    Learnable parameters of an activation may stand among the arguments. Outputs and gradients have the dtype of
    the first floating argument, evaluated in float64 and rounded once.

    Raises KeyError for an unknown id, LookupError for a formula without vjp, and what the formula itself raises.

    >>> vjp("activation/prelu", {"z": [-2.0, 3.0], "weight": 0.5}, [1.0, 10.0])[1]
    {'z': array([ 0.5, 10. ]), 'weight': array(-2.)}
    """
    record, stands_for = resolve(id)
    return record.vjp(arguments, cotangent, **{**stands_for, **parameters})
