"""Gated layers with every activation; routers of experts whose logits differ much, little and hardly."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.cases.layers.linear import SHAPES, matrix
from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

ACTIVATIONS = ("silu", "gelu", "relu", "gelu_tanh", "squared_relu", "sigmoid", "identity")  # by seed
ROWS: tuple[tuple[int, ...], ...] = ((3, 4), (2, 3, 5), (5, 3), (4, 2), (1, 2, 6), (7, 4))  # by seed


def _gated_mlp(s: Source) -> Drawn:
    lead, d, m = SHAPES[s.seed % len(SHAPES)]
    h = 2 + s.seed % 3
    given = {"x": s.rng.standard_normal((*lead, d)), "gate": matrix(s, h, d), "up": matrix(s, h, d),
             "down": matrix(s, m, h)}  # fmt: skip
    return Drawn(given, (*lead, m), {"activation": ACTIVATIONS[s.seed % len(ACTIVATIONS)]} if s.seed else {})


def _logits(s: Source) -> Array:
    """Near: all but equal, and every second time all but 0."""
    z = s.logits(*ROWS[s.seed % len(ROWS)])
    return z if s.regime != "near" else z[..., :1] * (1.0 if s.odd else 0.0) + 1e-3 * z


def _router(s: Source) -> Drawn:
    z = _logits(s)
    return Drawn({"logits": z}, z.shape, {"normalised": False} if s.seed % 3 == 1 else {})


def _of_rows(s: Source) -> Drawn:
    given: dict[str, Any] = {"logits": _logits(s)}
    if s.odd:
        given["mask"] = np.arange(given["logits"][..., 0].size).reshape(given["logits"].shape[:-1]) % 3 != 2
    return Drawn(given)


DRAWS: dict[str, Draw] = {
    "gated_mlp": _gated_mlp, "router": _router, "load_balance": _of_rows, "router_z": _of_rows
}  # fmt: skip
