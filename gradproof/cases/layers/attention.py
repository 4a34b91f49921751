"""Attention: with and without heads, queries that share keys, masks, biases and sinks; keys that are all but equal."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SIZES: tuple[
    tuple[tuple[int, ...], tuple[int, ...], int, int, int, int, str], ...
] = (  # leading axes of q, and of k; T, S, d, e; what is given beside them
    ((), (), 3, 4, 2, 3, ""),
    ((2,), (2,), 3, 4, 2, 2, "bias mask"),
    ((4,), (2,), 2, 3, 1, 2, "sink"),
    ((2, 3), (2, 1), 3, 2, 2, 1, "bias"),
    ((), (), 1, 5, 3, 3, "mask"),
    ((3,), (3,), 4, 3, 2, 2, "bias sink"),
)  # by seed


def _alike(s: Source, *shape: int) -> Array:
    """Rows; near: all but equal, so that no key fits better than another."""
    x = s.logits(*shape) if s.regime == "wide" else s.real(*shape)
    return x if s.regime != "near" else x[..., :1, :] * (1 + 1e-3 * s.rng.standard_normal(shape))


def _mask(s: Source, T: int, S: int) -> Array:
    """Some of the keys, and of every query the one at its own place, so that none sees nothing."""
    return (s.rng.random((T, S)) < 0.6) | (np.arange(S) == np.arange(T)[:, None] % S)


def _attention(s: Source) -> Drawn:
    lead, heads, T, S, d, e, given = SIZES[s.seed % len(SIZES)]
    arguments: dict[str, Any] = {
        "q": s.real(*lead, T, d, decades=1), "k": _alike(s, *heads, S, d), "v": _alike(s, *heads, S, e)
    }  # fmt: skip
    if s.style == "ends":  # logits are those of the bias: what a sum of the largest absorbs would decide which key wins
        arguments["q"] *= 2.0**s.least
    if "bias" in given:
        draw = s.logits if s.style else functools.partial(s.real, decades=1)
        arguments["bias"] = draw(T, S) if lead[-1:] == (3,) else draw(*lead[-1:], T, S)
    if "mask" in given:
        arguments["mask"] = _mask(s, T, S)
    if "sink" in given:
        arguments["sink"] = s.logits(*lead[-1:])
    return Drawn(arguments, {"value": (*lead, T, e), "lse": (*lead, T)})


DRAWS: dict[str, Draw] = {"attention": _attention}
