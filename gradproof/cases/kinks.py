"""Places where slopes on two sides differ: cases that meet a branch exactly, and the directions to look along.

Elementwise activations have theirs on record, and are asked at all settings of their parameters. Of the others, a
place is written down here: every tie, margin, limit and zero at which a choice has to be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.cases.case import Case
from gradproof.cases.parameters import label, settings
from reference import CATALOGUE
from reference.formula import Array

DIRECTIONS = 8  # random ones, where more than one entry is torn


@dataclass(frozen=True)
class Place:
    """A case at a kink, in words, and directions of one of its arguments along which slopes are compared."""

    case: Case
    what: str
    argument: str
    directions: tuple[Array, ...]


def _place(
    id: str, what: str, argument: str, index: Sequence[int] | None, parameters: dict[str, Any], **arguments: Any
) -> Place:
    """`index`: the one entry that is moved; None for random directions in all of the argument."""
    given = {name: np.asarray(x) for name, x in arguments.items()}
    shape = given[argument].shape
    if index is None:
        rng = np.random.default_rng(len(what))
        directions = tuple(rng.integers(1, 64, shape) * rng.choice([-1.0, 1.0], shape) / 64 for _ in range(DIRECTIONS))
    else:
        unit = np.zeros(shape)
        unit[tuple(index)] = 1
        directions = (unit,)
    said = f"{what}; {label(parameters)}" if parameters else what
    return Place(Case(id, "float64", "kink", 0, given, None, parameters), said, argument, directions)


def _cost(name: str, what: str, argument: str, index: Sequence[int] = (0, 0), /, **given: Any) -> Place:
    options = given.pop("given", {})
    return _place(f"cost/{name}", what, argument, index, options, **given)


def _costs() -> list[Place]:
    pair = {"a": [[0.5]], "y": [[0.5]]}
    return [
        _cost("l1", "a = y", "a", **pair),
        _cost("l1", "a = y", "y", **pair),
        _cost("quantile", "a = y", "a", **pair),
        _cost("quantile", "a = y", "a", **pair, given={"tau": 0.9}),
        _cost("quantile", "a = y", "a", **pair, given={"tau": 0.05}),
        _cost("huber_error", "a − y = δ", "a", a=[[2.0]], y=[[0.5]], given={"delta": 1.5}),
        _cost("smooth_l1", "a − y = β", "a", a=[[2.0]], y=[[0.5]], given={"beta": 1.5}),
        _cost("hinge", "yz = 1", "z", z=[[1.0]], y=[[1.0]]),
        _cost("squared_hinge", "yz = 1", "z", z=[[-1.0]], y=[[-1.0]]),
        _cost("perceptron", "z = 0", "z", z=[[0.0]], y=[[1.0]]),
        _cost("hinge_embedding", "z = margin, y = −1", "z", z=[[1.0]], y=[[-1]]),
        _cost("hinge_embedding", "z = margin, y = −1", "z", z=[[2.5]], y=[[-1]], given={"margin": 2.5}),
        _cost("margin_ranking", "a = b", "a", a=[[0.5]], b=[[0.5]], y=[[1.0]]),
        _cost("margin_ranking", "a − b = margin", "b", a=[[1.0]], b=[[0.5]], y=[[1.0]], given={"margin": 0.5}),
        _cost("multi_margin", "z_y − z_j = margin", "z", (0, 1), z=[[1.5, 0.5]], labels=[0]),
        _cost("multi_margin", "z_y − z_j = margin", "z", (0, 1), z=[[1.0, 0.5]], labels=[0], given={"margin": 0.5}),
        _cost("multi_margin", "z_y − z_j = margin", "z", (0, 1), z=[[1.5, 0.5]], labels=[0], given={"p": 2}),
        _cost("multilabel_margin", "z_l − z_j = 1", "z", (0, 1), z=[[1.5, 0.5]], y=[[1, 0]]),
        _cost("multiclass_hinge", "z_y − z_j = 1", "z", (0, 1), z=[[1.5, 0.5]], labels=[0]),
        _cost("multiclass_hinge", "two largest others", "z", (0, 1), z=[[0.0, 2.0, 2.0]], labels=[0]),
        _cost("multiclass_perceptron", "z_y = z_j", "z", (0, 1), z=[[0.5, 0.5]], labels=[0]),
        _cost("cosine_embedding", "cos = margin, y = −1", "b", a=[[1.0, 0.0]], b=[[0.0, 1.0]], y=[-1]),
        _cost("cosine_embedding", "cos = margin, y = −1", "b", a=[[3.0, 4.0]], b=[[1.0, 0.0]], y=[-1],
              given={"margin": 0.6}),
        _cost("triplet_margin", "‖a − c‖ − ‖a − b‖ = margin", "b", a=[[0.0]], b=[[1.0]], c=[[2.0]]),
        _cost("triplet_margin", "‖a − c‖ − ‖a − b‖ = margin", "b", a=[[0.0]], b=[[1.0]], c=[[3.0]],
              given={"margin": 2.0}),
        _cost("triplet_margin", "‖a − c‖ = ‖b − c‖, with swap", "c", a=[[0.0]], b=[[1.0]], c=[[0.5]],
              given={"swap": True}),
        _cost("gaussian_nll", "v = ε", "v", a=[[2.0]], y=[[0.5]], v=[[0.25]], given={"eps": 0.25}),
        _cost("triplet_margin", "a = b", "b", a=[[0.5]], b=[[0.5]], c=[[0.75]]),
        _cost("total_variation", "p = q", "p", p=[[0.25, 0.75]], q=[[0.25, 0.75]]),
        _cost("total_variation", "p = q", "q", p=[[0.25, 0.75]], q=[[0.25, 0.75]]),
        _cost("ppo_clip", "ρ = 1 + ε, A > 0", "a", (0,), a=[-1.0], old=[-1.0], advantage=[2.0], given={"high": 0.0}),
        _cost("ppo_clip", "ρ = 1 − ε, A < 0", "a", (0,), a=[-1.0], old=[-1.0], advantage=[-2.0], given={"low": 0.0}),
        _cost("grpo_clip", "ρ = 1 + ε, A > 0", "a", (0,), a=[[-1.0]], old=[[-1.0]], advantage=[2.0],
              given={"high": 0.0}),
        _cost("grpo_clip", "ρ = 1 − ε, A < 0", "a", (0,), a=[[-1.0]], old=[[-1.0]], advantage=[-2.0],
              given={"low": 0.0}),
    ]  # fmt: skip


ZERO_ROW, ZEROS, EQUAL = [[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [[2.0, 0.0], [0.0, 2.0]]


def _penalty(name: str, what: str, w: Any, argument: str = "w", **parameters: Any) -> Place:
    return _place(f"regularizer/{name}", what, argument, None, {"lam": 1.0, **parameters}, **{argument: w})


def _regularizers() -> list[Place]:
    flat = {"x": [[1.0, 1.0]], "W1": [[0.0, 0.0]], "b1": [0.0]}
    one_layer = {"lam": 1.0, "target": 1.0, "activations": ("activation/identity",)}
    return [
        _penalty("l1", "w = 0", [[0.0]]),
        _penalty("elastic_net", "w = 0", [[0.0]]),
        _penalty("elastic_net", "w = 0", [[0.0]], mix=0.125),
        _penalty("group_lasso", "a row of zeros", ZERO_ROW),
        _penalty("max_norm", "a row of zeros", ZERO_ROW),
        _penalty("max_norm", "a row as long as the limit", [[0.0, 3.0]]),
        _penalty("max_norm", "a row as long as the limit", [[3.0, 4.0]], limit=5.0),
        _penalty("spectral_norm", "W = 0", ZEROS),
        _penalty("spectral_norm", "σ₁ = σ₂", EQUAL),
        _penalty("nuclear_norm", "W = 0", ZEROS),
        _penalty("nuclear_norm", "rank 1 of 2", [[0.0, 3.0], [0.0, 4.0]]),
        _penalty("nuclear_norm", "σ₁ = σ₂", EQUAL),
        _penalty("activity_l1", "a = 0", [[0.0, 0.0]], "a"),
        _place("regularizer/gradient_penalty", "∂a/∂x = 0", "W1", None, one_layer, **flat),
    ]


def _rows_and_clipping() -> list[Place]:
    def clipped(name: str, what: str, g: Any, index: Sequence[int] | None, **parameters: Any) -> Place:
        place = _place(f"update/{name}", what, "g1", index, parameters, g1=g)
        cotangent = {"g1": np.array([0.5, -2.0])[: len(g)]}
        return Place(Case(f"update/{name}", "float64", "kink", 0, place.case.arguments, cotangent, parameters),
                     place.what, "g1", place.directions)  # fmt: skip

    return [
        _place("activation/maxout", "two entries of a piece tie", "z", (0, 1), {}, z=[[1.5, 1.5, 0.25, 2.0]]),
        _place("activation/reglu", "a gate of 0", "z", (0, 1), {}, z=[[1.5, 0.0]]),
        clipped("clip_by_value", "g = max_value", [1.0, 0.5], (0,), max_value=1.0),
        clipped("clip_by_value", "g = −max_value", [0.25, -0.75], (1,), max_value=0.75),
        clipped("clip_by_norm", "‖g‖ = max_norm", [3.0, 4.0], None, max_norm=5.0),
    ]


def _layer(name: str, what: str, argument: str, index: Sequence[int] | None, /, **given: Any) -> Place:
    options = given.pop("given", {})
    return _place(f"layer/{name}", what, argument, index, options, **given)


def _layers() -> list[Place]:
    gated = {"x": [[0.5]], "gate": [[0.0]], "up": [[3.0]], "down": [[-2.0]]}
    return [
        _layer("max_pooling", "two places tie, the later one", "x", (0, 1), x=[[1.5, 1.5, 0.25, 2.0]]),
        _layer("max_pooling", "two places tie, the first", "x", (0, 0), x=[[1.5, 1.5, 0.25, 2.0]]),
        _layer("max_pooling", "all places tie", "x", None, x=[[0.0, 0.0], [0.0, 0.0]], given={"kernel_size": (2, 2)}),
        _layer("adaptive_max_pooling", "two places tie, the later one", "x", (0, 1), x=[[1.5, 1.5, 0.25, 2.0]],
               given={"output_size": (2,)}),
        _layer("adaptive_max_pooling", "all places tie", "x", None, x=[[0.0, 0.0], [0.0, 0.0]],
               given={"output_size": (1, 1)}),
        _layer("fractional_max_pooling", "two places tie, the first", "x", (0, 0), x=[[1.5, 1.5, 0.25]],
               given={"output_size": (2,), "samples": (0.25,)}),
        _layer("grid_sample", "an entry is met", "grid", (0, 0, 0), x=[[[1.5, 0.25, 2.0]]], grid=[[[0.0]]]),
        _layer("grid_sample", "a border", "grid", (0, 0, 0), x=[[[1.5, 0.25]]], grid=[[[0.5]]],
               given={"padding_mode": "border"}),
        _layer("lp_pooling", "a window of zeros", "x", None, x=[[0.0, 0.0, 3.0, 4.0]]),
        _layer("lp_pooling", "an entry of 0", "x", (0, 1), x=[[1.5, 0.0]], given={"p": 1.0}),
        _layer("lp_pooling", "two largest sizes", "x", (0, 1), x=[[1.5, 1.5]], given={"p": float("inf")}),
        _layer("maximum", "two entries tie", "x", (0, 1), x=[[1.5, 1.5, 0.25], [1.0, 2.0, 0.5]]),
        _layer("minimum", "three entries tie", "x", None, x=[[0.25, 0.25, 0.25]]),
        _layer("norm", "a row of zeros", "x", None, x=[[0.0, 0.0], [3.0, 4.0]]),
        _layer("norm", "an entry of 0", "x", (0, 1), x=[[1.5, 0.0]], given={"p": 1.0}),
        _layer("norm", "two largest sizes", "x", (0, 1), x=[[1.5, -1.5, 0.25]], given={"p": float("inf")}),
        _layer("standard_deviation", "all entries equal", "x", None, x=[[1.5, 1.5, 1.5]]),
        _layer("sparsemax", "an entry at the threshold", "z", (0, 1), z=[[1.0, 0.0]]),
        _place("layer/gated_mlp", "an entry of the gate is 0", "gate", (0, 0), {"activation": "relu"}, **gated),
        _place("layer/gated_mlp", "a row at right angles to one of the gate", "x", (0, 0), {"activation": "relu"},
               x=[[0.0, 0.5]], gate=[[1.5, 0.0]], up=[[2.0, 3.0]], down=[[-2.0]]),
    ]  # fmt: skip


def activations() -> Iterator[Place]:
    """Every kink on record of an elementwise activation, at every setting of its parameters."""
    for formula in CATALOGUE.values():
        for parameters in settings(formula.id) if formula.elementwise else ():
            for at in sorted({formula.at(kink.at, **parameters) + 0.0 for kink in formula.kinks}):
                yield _place(formula.id, f"z = {at:g}", "z", (0,), dict(parameters), z=[at])


def places() -> list[Place]:
    """All of them."""
    return [*activations(), *_rows_and_clipping(), *_costs(), *_regularizers(), *_layers()]
