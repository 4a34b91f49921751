"""Wrong gradients, planted: what an audit must notice, and what it must say about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gradproof.networks.draws import PARAMETERS
from reference import CATALOGUE

Put = Callable[[Any, str, Any], None]  # setattr(object or mapping, name, value)


def replace_function(put: Put, id: str, function: Callable[..., Any]) -> None:
    """Put `function` in the place of that of formula `id`."""
    record = CATALOGUE[id]
    if record.elementwise:
        function.body = record.function.body  # type: ignore[attr-defined]  # keeps it an elementwise one
    put(CATALOGUE, id, replace(record, function=function))


def sign_of_a_slope(put: Put) -> None:
    """tanh' with the wrong sign."""
    right = CATALOGUE["activation/tanh"].function

    def wrong(z: Any) -> Any:
        value, slope = right(z)
        return value, -slope

    replace_function(put, "activation/tanh", wrong)


def missing_transpose(put: Put) -> None:
    """BP2 with W in place of its transpose, in row notation; only a square layer lets it pass."""
    from reference import network

    def wrong(delta: Any, W: Any, pullback: Any) -> Any:
        return pullback(delta @ (W.mT if W.shape[-1] == W.shape[-2] else W))

    put(network, "hidden_error", wrong)


def dropped_mean(put: Put) -> None:
    """The gradient of the mean squared error without the 1/n."""
    right = CATALOGUE["cost/mse"].function

    def wrong(a: Any, y: Any) -> Any:
        C, g = right(a, y)
        return C, g * a.shape[-2]

    replace_function(put, "cost/mse", wrong)


def sign_of_a_cost(put: Put) -> None:
    """The gradient of the hinge cost with the wrong sign."""
    right = CATALOGUE["cost/hinge"].function

    def wrong(z: Any, y: Any, **given: Any) -> Any:
        C, g = right(z, y, **given)
        return C, {**g, "z": -g["z"]}

    replace_function(put, "cost/hinge", wrong)


def dropped_mean_of_a_cost(put: Put) -> None:
    """The gradient of the smooth L1 cost without the 1/n."""
    right = CATALOGUE["cost/smooth_l1"].function

    def wrong(a: Any, y: Any, **given: Any) -> Any:
        C, g = right(a, y, **given)
        return C, {**g, "a": g["a"] * len(a)}

    replace_function(put, "cost/smooth_l1", wrong)


def half_a_penalty(put: Put) -> None:
    """The gradient of the orthogonality penalty with 2λ in place of 4λ."""
    right = CATALOGUE["regularizer/orthogonality"].function

    def wrong(W: Any, **given: Any) -> Any:
        R, dW = right(W, **given)
        return R, [d / 2 for d in dW]

    replace_function(put, "regularizer/orthogonality", wrong)


def regularized_bias(put: Put) -> None:
    """∂C/∂b with the L2 penalty's λb/n."""
    from gradproof.networks import judge

    right, given = judge.backprop, PARAMETERS["regularizer/l2"]

    def wrong(x: Any, y: Any, W: Any, b: Any, activations: Any, cost: Any, regularizer: Any = None) -> Any:
        g = right(x, y, W, b, activations, cost, regularizer)
        return g._replace(db=[d + given["lam"] / given["n"] * c for d, c in zip(g.db, b, strict=True)])

    put(judge, "backprop", wrong)


def slope_at_a(put: Put) -> None:
    """tanh' taken at a = tanh z."""
    right = CATALOGUE["activation/tanh"].function

    def wrong(z: Any) -> Any:
        value, _ = right(z)
        return value, right(value)[1]

    replace_function(put, "activation/tanh", wrong)


def slope_at_a_in_the_network(put: Put) -> None:
    """Every formula is right, but backprop evaluates the slopes of hidden layers at a."""
    from gradproof.networks import judge

    right = judge.backprop

    def wrong(x: Any, y: Any, W: Any, b: Any, activations: Any, cost: Any, regularizer: Any = None) -> Any:
        def at_a(g: Any) -> Any:
            return lambda z: (g(z)[0], g(g(z)[0])[1])

        return right(x, y, W, b, [*map(at_a, activations[:-1]), activations[-1]], cost, regularizer)

    put(judge, "backprop", wrong)


@dataclass(frozen=True)
class Plant:
    """A planted error, a configuration that meets it, and the words of the message about it."""

    plant: Callable[[Put], None]
    configuration: str
    formula: str
    argument: str
    cause: str

    def __str__(self) -> str:
        return self.plant.__name__


PLANTS = [
    Plant(sign_of_a_slope, "4-5-3/float64/tanh/sigmoid/mse/none", "activation/tanh", "slope",
          "the sign is wrong (ratio −1)"),
    Plant(missing_transpose, "deep/float64/tanh/identity/mse/none", "network/bp2", "delta[2]",
          "W is not transposed"),
    Plant(dropped_mean, "4-5-3/float32/relu/identity/mse/none", "cost/mse", "gradient",
          "the 1/n of the mean is missing (ratio 7)"),
    Plant(sign_of_a_cost, "4-5-3/float64/tanh/tanh/hinge/none", "cost/hinge", "gradient",
          "the sign is wrong (ratio −1)"),
    Plant(dropped_mean_of_a_cost, "4-5-3/float32/relu/identity/smooth_l1/none", "cost/smooth_l1", "gradient",
          "the 1/n of the mean is missing (ratio 7)"),
    Plant(half_a_penalty, "4-5-3/float64/tanh/identity/mse/orthogonality", "regularizer/orthogonality", "dW[0]",
          "a factor 2 or ½ (ratio 0.5)"),
    Plant(regularized_bias, "4-5-3/float64/tanh/identity/mse/l2", "network/bp3", "db[1]",
          "the bias is regularized"),
    Plant(slope_at_a, "4-5-3/float32/tanh/sigmoid/bce/none", "activation/tanh", "slope",
          "it is taken at a = g(z) instead of z"),
    Plant(slope_at_a_in_the_network, "4-5-3/float64/gelu/identity/mse/none", "network/bp2", "delta[0]",
          "the slope is taken at a instead of z"),
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
