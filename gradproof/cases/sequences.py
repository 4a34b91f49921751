"""Costs of sequences: few frames and symbols, as every path is tried for the truth; near, labels that are learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.cases.costs import CERTAIN, reduced_terms
from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array


def _scores(s: Source, *shape: int) -> Array:
    return np.clip(s.logits(*shape), -CERTAIN, CERTAIN)


def _crf(s: Source) -> Drawn:
    """Two examples of four frames and three labels; in every second case with start and end, and not all frames."""
    n, T, K = (2, 4, 3) if s.style != "single" else (1, 1, 2)
    z, transitions, labels = _scores(s, n, T, K), _scores(s, K, K), s.rng.integers(0, K, (n, T))
    if s.regime == "near":
        z = z + s.rng.uniform(8, 20) * (np.arange(K) == labels[..., None])
    given: dict[str, Any] = {"z": z, "transitions": transitions, "labels": labels}
    if s.odd:
        given |= {"start": _scores(s, K), "end": _scores(s, K), "lengths": np.array([T, s.rng.integers(0, T)])[:n]}
    return reduced_terms(s, given, n)


def _transducer(s: Source) -> Drawn:
    """Two examples of three frames, two labels and three symbols; in every second case not all of them count."""
    n, T, U, d = (2, 3, 2, 3) if s.style != "single" else (1, 1, 1, 3)
    blank = (0, 2, 0, 1)[s.seed % 4]
    labels = s.rng.integers(0, d - 1, (n, U))
    labels += labels >= blank
    z = _scores(s, n, T, U + 1, d)
    if s.regime == "near":  # learned: one path stands out
        said = np.minimum(np.arange(T)[:, None] + 1, U) > np.arange(U + 1)  # a label at each of the first frames
        wanted = np.where(said, np.pad(labels, ((0, 0), (0, 1)))[:, None], blank)
        z = z + s.rng.uniform(5, 15) * (np.arange(d) == wanted[..., None])
    z = z - z.max(-1, keepdims=True)
    given: dict[str, Any] = {"a": z - np.log(np.exp(z).sum(-1, keepdims=True)), "labels": labels}
    if s.odd and n > 1:
        given |= {"input_lengths": np.array([T - 1, T]), "target_lengths": np.array([U, s.rng.integers(0, U)])}
    return reduced_terms(s, given, n, **({"blank": blank} if blank else {}))


DRAWS: dict[str, Draw] = {"cost/crf": _crf, "cost/transducer": _transducer}
