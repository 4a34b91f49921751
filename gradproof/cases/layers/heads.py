"""Multi-head attention and rotary positions: heads that share keys, a context of another size, places far apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.cases.layers.linear import matrix
from gradproof.cases.source import Draw, Drawn, Source

HEADS: tuple[tuple[tuple[int, ...], int, int, int, int, int, int, int], ...] = (
    ((), 3, 4, 2, 2, 2, 2, 4), ((2,), 2, 3, 2, 1, 1, 2, 2), ((), 2, 3, 1, 1, 2, 1, 4),
    ((), 3, 2, 2, 2, 1, 1, 2), ((1,), 3, 2, 4, 2, 1, 1, 3), ((), 1, 3, 3, 3, 1, 2, 1),
)  # leading axes, T, d, heads, kv_heads, entries of a key and of a value, m; by seed  # fmt: skip
ROTARY: tuple[tuple[tuple[int, ...], int, dict[str, Any]], ...] = (
    ((3,), 4, {}), ((2, 3), 6, {"interleaved": True}), ((2,), 5, {"dimension": 4}),
    ((3, 2, 2), 2, {}), ((1,), 7, {"dimension": 2, "interleaved": True}), ((4,), 8, {}),
)  # axes before the last, d, options; by seed  # fmt: skip


def _multi_head_attention(s: Source) -> Drawn:
    lead, T, d, heads, shared, e, f, m = HEADS[s.seed % len(HEADS)]
    c, S = (d, T) if s.seed % 3 else (d + 1, T + 1)
    c = c if m != d or s.seed % 3 else d
    given: dict[str, Any] = {
        "x": s.rng.standard_normal((*lead, T, d)), "q_weight": matrix(s, heads * e, d),
        "k_weight": matrix(s, shared * e, c), "v_weight": matrix(s, shared * f, c),
        "out_weight": matrix(s, m, heads * f),
    }  # fmt: skip
    if s.seed % 3 == 0:
        given["context"] = s.rng.standard_normal((*lead, S, c))
    if s.seed % 6 in (2, 3):
        given["mask"] = (s.rng.random((T, S)) < 0.6) | (np.arange(S) == 0)
    options: dict[str, Any] = {"heads": heads} | ({"kv_heads": shared} if shared != heads else {})
    return Drawn(given, (*lead, T, m), {**options, **({"causal": True} if s.odd else {})})


def _rotary(s: Source) -> Drawn:
    axes, d, options = ROTARY[s.seed % len(ROTARY)]
    given: dict[str, Any] = {"x": s.real(*axes, d)}
    if s.seed % 3:
        far = 100_000 if s.regime == "wide" else 40
        given["positions"] = s.rng.integers(-3 if s.odd else 0, far, axes[-1:] if s.odd else axes)
    return Drawn(given, (*axes, d), options)


DRAWS: dict[str, Draw] = {"multi_head_attention": _multi_head_attention, "rotary": _rotary}
