"""Convolutions of one and of two axes, with every parameter off its default somewhere."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source

# By seed: shapes of x and of the weight, parameters.
CONVOLUTIONS: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 5), (4, 3, 2), {}),
    ((2, 2, 4, 3), (3, 2, 2, 1), {"stride": (2, 1), "padding": (1, 0)}),
    ((4, 7), (2, 2, 3), {"dilation": (2,), "padding": ((3, 1),), "groups": 2}),
    ((1, 3, 4, 5), (6, 1, 3, 2), {"stride": (2,), "padding": (1,), "dilation": (1, 2), "groups": 3}),
    ((3, 2, 6), (3, 2, 1), {"stride": (3,)}),
    ((2, 1, 2, 3, 2), (2, 1, 2, 2, 1), {"padding": (0, 1, 0)}),
)
TRANSPOSED: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 4), (3, 2, 3), {}),
    ((2, 2, 2, 3), (2, 3, 2, 1), {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0)}),
    ((4, 5), (4, 1, 3), {"dilation": (2,), "padding": (1,), "groups": 2}),
    ((1, 3, 2, 3), (3, 2, 3, 2), {"stride": (3, 2), "padding": (1,), "output_padding": (2, 1), "groups": 3}),
    ((3, 2, 4), (2, 3, 1), {"stride": (2,), "output_padding": (1,)}),
    ((2, 1, 2, 2, 3), (1, 2, 2, 1, 2), {"dilation": (1, 1, 2)}),
)


def _convolution(s: Source) -> Drawn:
    shape, weight, parameters = CONVOLUTIONS[s.seed % len(CONVOLUTIONS)]
    axes, o = len(weight) - 2, weight[0]
    windows = _windows(shape[-axes:], weight[2:], parameters)
    given = {"x": _places(s, *shape), "weight": s.real(*weight), "bias": s.real(o) if s.odd else None}
    return Drawn(given, (*shape[: -axes - 1], o, *windows), parameters)


def _transposed(s: Source) -> Drawn:
    shape, weight, parameters = TRANSPOSED[s.seed % len(TRANSPOSED)]
    axes, o = len(weight) - 2, weight[1] * parameters.get("groups", 1)
    steps, gaps, padding, extra = (_each(parameters, name, axes) for name in NAMES)
    sizes = zip(shape[-axes:], steps, padding, gaps, weight[2:], extra, strict=True)
    places = [(p - 1) * a - 2 * z + d * (k - 1) + e + 1 for p, a, z, d, k, e in sizes]
    given = {"x": _places(s, *shape), "weight": s.real(*weight), "bias": s.real(o) if s.odd else None}
    return Drawn(given, (*shape[: -axes - 1], o, *places), parameters)


NAMES = {"stride": 1, "dilation": 1, "padding": 0, "output_padding": 0}


def _each(parameters: dict[str, Any], name: str, axes: int) -> list[Any]:
    entries = [*parameters.get(name, (NAMES[name],))]
    return entries * axes if len(entries) == 1 else entries


def _windows(places: tuple[int, ...], kernel: tuple[int, ...], parameters: dict[str, Any]) -> list[int]:
    axes = len(kernel)
    steps, gaps, padding = (_each(parameters, name, axes) for name in ("stride", "dilation", "padding"))
    both = [sum(p) if isinstance(p, tuple) else 2 * p for p in padding]
    return [(n + z - d * (k - 1) - 1) // a + 1
            for n, z, d, k, a in zip(places, both, gaps, kernel, steps, strict=True)]  # fmt: skip


def _places(s: Source, *shape: int) -> Any:
    """Inputs; near: neighbours all but cancel."""
    x = s.real(*shape)
    return x if s.regime != "near" else 1e4 * s.signs(*shape) + x


# By seed: shape of x, taps; with a state where the seed is odd.
CAUSAL = (((2, 3, 5), 4), ((3, 2, 4), 3), ((2, 1, 2), 4), ((3, 5), 2), ((2, 4, 3), 1), ((1, 2, 2), 5))


def _causal(s: Source) -> Drawn:
    shape, taps = CAUSAL[s.seed % len(CAUSAL)]
    state = (*shape[:-1], taps - 1)
    given = {"x": _places(s, *shape), "weight": s.real(shape[-2], taps), "bias": s.real(shape[-2]) if s.odd else None,
             "initial_state": _places(s, *state) if s.odd else None}  # fmt: skip
    return Drawn(given, {"value": shape, "final_state": state})


DRAWS: dict[str, Draw] = {
    "convolution": _convolution,
    "transposed_convolution": _transposed,
    "causal_convolution": _causal,
}
