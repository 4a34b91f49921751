"""Wrong gradients of layers and costs that happened, planted in the formulas of the catalogue.

A defect is a change of the right gradients, made of the arguments, the cotangents by name, and the parameters. It is
put before `gradproof.check` as a user's function, and into the catalogue before the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from wrong.behaviours import contiguous
from wrong.mutants import Wrong, needed, pullback_of, signed, vjp_outputs
from wrong.norms import normal

import gradproof
from reference import CATALOGUE, vjp
from reference.layers.linear import outer

F64 = {"dtypes": ["float64"]}
Given = Mapping[str, Any]
Change = Callable[[dict[str, Any], Given, Given, Given], dict[str, Any]]
RIGHT = {id: f.function for id, f in CATALOGUE.items()}  # however the catalogue is changed


@dataclass(frozen=True)
class Defect:
    """A wrong gradient by `argument`: gradients, arguments, cotangents and parameters to the gradients that are given.

    `optional` are arguments with a default that it takes, `options` parameters, and `parameters` what it is asked at.
    """

    row: str
    id: str
    argument: str
    change: Change
    cause: str = ""
    optional: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.row} {self.id}"

    def wrong(self) -> Wrong:
        """As a user's function, and what must be said of it."""
        names = [*needed(self.id), *self.optional]

        def function(*arrays: Any, **given: Any) -> Any:
            x = dict(zip(names, arrays, strict=True))
            outputs = vjp(self.id, x, None, **given)[0]

            def back(*seeds: Any) -> dict[str, Any]:
                v = dict(zip(outputs, map(np.asarray, seeds), strict=True))
                return self.change(vjp(self.id, x, v, **given)[1], x, v, given)

            return (next(iter(outputs.values())) if len(outputs) == 1 else outputs), back

        subject = gradproof.pullback(signed(function, names, self.options), outputs=tuple(vjp_outputs(self.id)))
        cause = self.cause or f"∂/∂{self.argument}"
        how = {**F64, **({"parameters": self.parameters} if self.parameters else {})}
        return Wrong(f"{self.row}-{self.id}", subject, self.id, cause, how=how)

    def answers(self, arguments: Given, cotangent: Given, **parameters: Any) -> Any:
        """Outputs and gradients, as the catalogue is asked for them."""
        outputs, right = RIGHT[self.id].vjp(arguments, cotangent, **parameters)
        return outputs, self.change(right, arguments, cotangent, parameters)


def again(id: str, argument: str, of: Callable[..., Any]) -> Change:
    """The gradient by one argument is that of another question: `of`(arguments, cotangents, parameters)."""

    def change(g: dict[str, Any], x: Given, v: Given, p: Given) -> dict[str, Any]:
        arguments, cotangents, parameters = of(dict(x), dict(v), dict(p))
        found = RIGHT[id].vjp(arguments, cotangents, **parameters)[1]
        return {**g, argument: found[argument]}

    return change


def one(argument: str, of: Callable[..., Any]) -> Change:
    """The gradient by one argument is `of`(right gradient, arguments, cotangents, parameters)."""
    return lambda g, x, v, p: {**g, argument: of(g[argument], x, v, p)} if argument in g else g


def without(argument: str) -> Change:
    """No gradient by it."""
    return lambda g, x, v, p: {name: y for name, y in g.items() if name != argument}


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rsqrt_of_rsqrt(g: Any, x: Given, v: Given, p: Given) -> Any:
    """The saved inverse deviation taken for a variance; what the statistics hand back is right."""
    X, eps = x["x"], p.get("eps", 1e-5)
    others = (0, *range(2, X.ndim))
    dy = v["value"] * (x["weight"].reshape(-1, *[1] * (X.ndim - 2)) if x.get("weight") is not None else 1)
    r = 1 / np.sqrt(X.var(others, keepdims=True) + eps)
    return g - normal(X, dy, others, r) + normal(X, dy, others, 1 / np.sqrt(r + eps))


def by_states_after(g: Any, x: Given, v: Given, p: Given) -> Any:
    """Σ δᵀh_t in the place of Σ δᵀh_{t−1}. δ is the gradient by inputs that go into the gates as they are."""
    straight = {**x, "x": x["x"] @ x["weight_x"].T, "weight_x": np.eye(len(x["weight_x"]))}
    outputs, found = RIGHT["layer/lstm"].vjp(straight, v)
    return np.tensordot(found["x"], outputs["value"], ((0, 1), (0, 1)))


def divided(g: Any, x: Given, v: Given, p: Given) -> Any:
    """Σ_{t ≥ s} v_t y_t/x_s."""
    axis = int(p.get("axis", -1))
    y = RIGHT["layer/cumprod"].vjp(x, v, **p)[0]["value"]
    return np.flip(np.cumsum(np.flip(v["value"] * y, axis), axis), axis) / x["x"]


def by_the_kernel(g: Any, x: Given, v: Given, p: Given) -> Any:
    """Each window's share is 1 over the kernel, whatever of it counts."""
    total, size = np.zeros(g.shape), np.prod(np.atleast_1d(p.get("kernel_size", (2,))))
    for at in np.ndindex(v["value"].shape):
        seed = np.zeros(v["value"].shape)
        seed[at] = v["value"][at]
        part = RIGHT["layer/average_pooling"].vjp(x, {"value": seed}, **p)[1]["x"]
        total += np.where(part != 0, seed[at] / size, 0)
    return total


def first_entry(g: Any, x: Given, v: Given, p: Given) -> Any:
    return np.where(np.arange(g.size).reshape(g.shape) == 0, g, 0)


def to_the_others(g: Any, x: Given, v: Given, p: Given) -> Any:
    """Label smoothing a/(V − 1) for the other classes, a/V for each in the right one."""
    z, a = x["z"], p.get("label_smoothing", 0.0)
    V = z.shape[-1]
    flat = RIGHT["cost/cross_entropy_labels"].vjp(x, v, **{**p, "label_smoothing": 0.0})[1]["z"]
    if a == 0 or V == 1:
        return flat
    share = (g - flat) / (a / V)  # 1 − V·e_y a row, over what the mean divides by: up, that is, −(1 − V·e_y)
    return flat + share * (a / V) * (V / (V - 1))


NORM = ("weight", "bias")
DEFECTS = [
    Defect("W01", "layer/batch_norm", "x", one("x", rsqrt_of_rsqrt),
           "the saved inverse deviation is taken for a variance", NORM),
    Defect("W02", "layer/gated_mlp", "down",
           one("down", lambda g, x, v, p: outer(v["value"], x["x"] @ x["up"].T))),
    Defect("W03", "layer/lstm", "weight_h", one("weight_h", by_states_after), optional=("bias",)),
    Defect("W05", "layer/cumprod", "x", one("x", divided), "division"),
    Defect("W06", "layer/average_pooling", "x", one("x", by_the_kernel),
           options={"kernel_size": (2,), "ceil_mode": False}, parameters={"ceil_mode": True}),
    Defect("W09", "layer/rms_norm", "x", again("layer/rms_norm", "x", lambda x, v, p: ({"x": x["x"]}, v, p)),
           "weight is left out", ("weight",)),
    Defect("W10", "layer/rms_norm", "weight", without("weight"), "no gradient is given", ("weight",)),
    Defect("W10", "layer/layer_norm", "weight", without("weight"), "no gradient is given", NORM),
    Defect("W11", "layer/sparsemax", "z", one("z", lambda g, x, v, p: v["value"]), "the cotangent itself is returned"),
    Defect("W15", "layer/load_balance", "logits",
           again("layer/load_balance", "logits", lambda x, v, p: ({**x, "logits": softmax(x["logits"])}, v, p)),
           "softmax is applied twice"),
    Defect("W16", "cost/jensen_shannon", "p",
           again("cost/jensen_shannon", "p", lambda x, v, p: (x, v, {**p, "beta": 1 - max(p.get("beta", 0.5), 1e-9)})),
           "beta and 1 − beta are exchanged", options={"beta": 0.5}, parameters={"beta": 0.1}),
    Defect("W17", "cost/cross_entropy_labels", "z", one("z", to_the_others),
           "label_smoothing goes to the other classes alone",
           options={"label_smoothing": 0.0}, parameters={"label_smoothing": 0.1}),
    Defect("W18", "layer/layer_norm", "weight",
           one("weight", lambda g, x, v, p: g + 0.1 * v["value"].sum() * (x["x"].shape[-1] == 1)),
           "it is not zero where the truth is", NORM),
    Defect("W19", "cost/squared_error", "a", one("a", first_entry),
           "only the first entry is there: a cotangent of shape ()"),
    Defect("W23", "layer/attention", "k",
           again("layer/attention", "k", lambda x, v, p: (x, {"value": v["value"]}, p)),
           "the cotangent of the output lse is ignored"),
    Defect("W24", "layer/rotary", "x", without("x"), "no gradient is given"),
]  # fmt: skip


def forgets(calls: int) -> Any:
    """Right for some calls, wrong afterwards."""
    count = [0]

    def change(g: dict[str, Any], x: Given, v: Any) -> dict[str, Any]:
        count[0] += 1
        return g if count[0] <= calls else {name: 1.5 * y for name, y in g.items()}

    return change


def overwritten(v: Any, x: Given) -> Any:
    """What the pullback is given, which it has halved: the cotangent of the caller."""
    right = v.copy()
    v *= 0.5
    return right


def breaks(row: str, id: str, law: str, **how: Any) -> Wrong:
    """Right numbers that break a law."""
    return Wrong(f"{row}-{id}", pullback_of(id, **how), id, law=law, how=F64)


MADE = [
    *(defect.wrong() for defect in DEFECTS if defect.row != "W06"),  # by windows of many shapes, no cause is named
    *(breaks("W21", id, "memory layout does not matter", seen=lambda v, x: contiguous(v))
      for id in ("layer/attention", "layer/convolution", "layer/layer_norm")),
    *(breaks("W22", id, "inputs are not overwritten", seen=overwritten)
      for id in ("layer/rms_norm", "cost/cross_entropy_labels")),
    Wrong("W25-layer/layer_norm", pullback_of("layer/layer_norm", forgets(10)), "layer/layer_norm", "1.5", how=F64),
]  # fmt: skip
