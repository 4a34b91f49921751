"""Recurrent layers: one step, two and three; a cotangent on every output and on the last state."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SIZES = ((3, 2, 3, 2), (1, 3, 2, 3), (2, 1, 4, 2), (2, 2, 1, 3))  # T, n, d, m by seed


def _recurrent(gates: int, biases: tuple[str, ...], *states: str, **options: Any) -> Draw:
    def draw(s: Source) -> Drawn:
        T, n, d, m = SIZES[s.seed % len(SIZES)]
        saturated, all_but_linear = float(s.rng.uniform(2, 12)), 1e-3
        scale = {"wide": saturated, "near": all_but_linear}.get(s.regime, 1.0)

        def real(*shape: int) -> Array:
            return s.real(*shape) if s.style else s.rng.standard_normal(shape)

        given: dict[str, Any] = {"x": real(T, n, d)}
        given |= {name: real(n, m) for name in states}
        given["weight_x"] = scale * real(gates * m, d)
        given["weight_h"] = scale * real(gates * m, m)
        if s.odd:
            given |= {name: real(gates * m) for name in biases}
        shapes = {"value": (T, n, m), **{name[0]: (n, m) for name in states}}
        chosen = {name: values[s.seed % len(values)] for name, values in options.items()}
        return Drawn(given, shapes, chosen)

    return draw


DRAWS: dict[str, Draw] = {
    "rnn": _recurrent(1, ("bias",), "h0", activation=("tanh", "tanh", "relu")),
    "lstm": _recurrent(4, ("bias",), "h0", "c0"),
    "gru": _recurrent(3, ("bias_x", "bias_h"), "h0", reset_after=(True, False, False, True)),
}
