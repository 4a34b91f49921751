"""Wrong gradients, planted: what an audit must notice, and what it must say about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gradproof.networks import gradients
from gradproof.networks.configurations import PARAMETERS
from reference import CATALOGUE, network

Put = Callable[[Any, str, Any], None]  # setattr(object or mapping, name, value)


def replace_function(put: Put, id: str, function: Callable[..., Any]) -> None:
    """Put `function` in the place of that of formula `id`."""
    put(CATALOGUE, id, replace(CATALOGUE[id], function=function))


def changed(id: str, change: Callable[..., Any]) -> Callable[[Put], None]:
    """Plants (value, derivative) ↦ `change`(value, derivative, *arguments) after the function of formula `id`."""

    def plant(put: Put) -> None:
        record = CATALOGUE[id]
        right, outputs = record.function, record.prediction

        def wrong(*args: Any, **given: Any) -> Any:
            return change(*right(*args, **given), *args, *given.values())

        def end(a: Any, y: Any, leading: int, given: Any) -> Any:
            C, gradients = wrong(**{outputs: a, record.target: y}, leading=leading, **given)
            return C, gradients[outputs]

        if outputs:
            wrong.formula, wrong.end = record, end  # type: ignore[attr-defined]
        replace_function(put, id, wrong)

    return plant


def derivative(id: str, change: Callable[..., Any]) -> Callable[[Put], None]:
    """The same with a change of the derivative alone; of a cost, of the gradient by its outputs."""
    end = CATALOGUE[id].prediction

    def keeping(value: Any, d: Any, *arguments: Any) -> Any:
        return value, {**d, end: change(d[end], *arguments)} if end else change(d, *arguments)

    return changed(id, keeping)


def equation(name: str, wrong: Callable[..., Any]) -> Callable[[Put], None]:
    """Plants an equation of backpropagation, one of `reference.network`."""
    return lambda put: put(network, name, wrong)


def gradient(wrong: Callable[..., Any]) -> Callable[[Put], None]:
    """Plants a gradient of networks: `wrong`(right, x, y, W, b, activations, cost, regularizer)."""
    right = gradients.backprop
    return lambda put: put(gradients, "backprop", lambda *args: wrong(right, *args))


def bias_regularized(right: Any, x: Any, y: Any, W: Any, b: Any, *rest: Any) -> Any:
    g, given = right(x, y, W, b, *rest), PARAMETERS["regularizer/l2"]
    return g._replace(db=[d + given["lam"] / given["n"] * c for d, c in zip(g.db, b, strict=True)])


def slopes_at_a(right: Any, x: Any, y: Any, W: Any, b: Any, activations: Any, *rest: Any) -> Any:
    """Every formula is right, but the slopes of hidden layers are taken at a."""

    def at_a(g: Any) -> Any:
        return lambda z: (g(z)[0], g(g(z)[0])[1])

    return right(x, y, W, b, [*map(at_a, activations[:-1]), activations[-1]], *rest)


def slope_at(value: Any, slope: Any, z: Any) -> Any:
    from reference.activations import tanh

    return value, tanh(value)[1]


def square(W: Any) -> bool:
    return bool(W.shape[-1] == W.shape[-2])


@dataclass(frozen=True)
class Plant:
    """A planted error, a configuration that meets it, and the words of the message about it."""

    name: str
    plant: Callable[[Put], None]
    configuration: str
    formula: str
    argument: str
    cause: str

    def __str__(self) -> str:
        return self.name


PLANTS = [
    Plant("the sign of a slope", derivative("activation/tanh", lambda slope, z: -slope),
          "4-5-3/float64/tanh/sigmoid/squared_error/none", "activation/tanh", "slope",
          "the sign is wrong (ratio −1)"),
    Plant("a slope taken at a", changed("activation/tanh", slope_at),
          "4-5-3/float32/tanh/sigmoid/binary_cross_entropy/none", "activation/tanh", "slope",
          "it is taken at a = g(z) instead of z"),
    Plant("a pullback that copies the cotangent", derivative("activation/softmax", lambda pullback, z: lambda v: v),
          "4-5-3/float64/relu/softmax/quadratic/none", "activation/softmax", "pullback", "no simple cause fits"),
    Plant("a mean that is none", derivative("cost/squared_error", lambda g, a, *rest: g * a.shape[-2]),
          "4-5-3/float32/relu/identity/squared_error/none", "cost/squared_error", "gradient",
          "the 1/n of the mean is missing (ratio 7)"),
    Plant("the sign of a cost", derivative("cost/hinge", lambda g, *arguments: -g),
          "4-5-3/float64/tanh/tanh/hinge/none", "cost/hinge", "gradient", "the sign is wrong (ratio −1)"),
    Plant("half a penalty", derivative("regularizer/orthogonality", lambda dW, *arguments: [d / 2 for d in dW]),
          "4-5-3/float64/tanh/identity/squared_error/orthogonality", "regularizer/orthogonality", "dW[0]",
          "a factor 2 or ½ (ratio 0.5)"),
    Plant("W as it stands", equation("hidden_error", lambda delta, W, back: back(delta @ (W.mT if square(W) else W))),
          "deep/float64/tanh/identity/squared_error/none", "network/bp2", "delta[2]", "W is not transposed"),
    Plant("∂C/∂W transposed", equation("weight_gradient", lambda delta, a: (
          a.mT @ delta if delta.shape[-1] == a.shape[-1] else delta.mT @ a)),
          "deep/float32/tanh/identity/squared_error/none", "network/bp4", "dW[3]", "it is the transpose"),
    Plant("slopes taken at a", gradient(slopes_at_a),
          "4-5-3/float64/gelu/identity/squared_error/none", "network/bp2", "delta[0]",
          "the slope is taken at a instead of z"),
    Plant("a bias regularized", gradient(bias_regularized),
          "4-5-3/float64/tanh/identity/squared_error/l2", "network/bp3", "db[1]", "the bias is regularized"),
]  # fmt: skip


def patch(monkeypatch: Any) -> Put:
    """Plants undone at the end of a test."""

    def put(target: Any, name: str, value: Any) -> None:
        (monkeypatch.setitem if isinstance(target, dict) else monkeypatch.setattr)(target, name, value)

    return put


def for_good(target: Any, name: str, value: Any) -> None:
    """Plants for the rest of a process."""
    if isinstance(target, dict):
        target[name] = value
    else:
        setattr(target, name, value)
