"""Pooling over one axis and over several, with every parameter off its default somewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source

# By seed: shape of x, windows, parameters. PyTorch pads by half a window at most.
Setting = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]
LARGEST: tuple[Setting, ...] = (
    ((2, 3, 5), (2,), {}),
    ((3, 4, 5), (2, 3), {"kernel_size": (3, 2), "stride": (1, 2), "padding": (0, 1)}),
    ((2, 7), (4,), {"kernel_size": (3,), "stride": (2,), "padding": (1,), "ceil_mode": True}),
    ((2, 1, 5, 4), (2, 2), {"kernel_size": (2, 1), "stride": (2,), "dilation": (3, 1), "ceil_mode": True}),
    ((4, 3, 1), (1,), {"kernel_size": (1,)}),
    ((2, 3, 2, 4), (3, 2, 3), {"kernel_size": (1, 1, 2), "stride": (1,)}),
)
AVERAGE: tuple[Setting, ...] = (
    ((2, 3, 5), (2,), {}),
    ((3, 4, 5), (2, 3), {"kernel_size": (3, 2), "stride": (1, 2), "padding": (0, 1)}),
    ((2, 6), (4,), {"kernel_size": (3,), "stride": (2,), "padding": (1,), "ceil_mode": True}),
    ((2, 6), (4,), {"kernel_size": (3,), "stride": (2,), "padding": (1,), "ceil_mode": True,
                    "count_include_pad": False}),
    ((4, 3, 2), (2,), {"kernel_size": (1,), "padding": (0,)}),
    ((2, 3, 2, 4), (3, 2, 3), {"kernel_size": (1, 1, 2), "stride": (1,), "count_include_pad": False}),
)  # fmt: skip
ADAPTIVE: tuple[Setting, ...] = (
    ((2, 3, 5), (1,), {}),
    ((2, 3, 5), (2, 3), {"output_size": (2, 3)}),
    ((3, 7), (4,), {"output_size": (4,)}),
    ((2, 3, 4), (1, 1), {"output_size": (1, 1)}),
    ((2, 3), (5,), {"output_size": (5,)}),
    ((2, 3, 2, 4), (2, 1, 3), {"output_size": (2, 1, 3)}),
)

LENGTH: tuple[Setting, ...] = (
    ((2, 3, 5), (2,), {}),
    ((3, 4, 5), (2, 2), {"kernel_size": (3, 2), "stride": (1, 3)}),
    ((2, 7), (3,), {"kernel_size": (3,), "stride": (2,)}),
    ((2, 1, 5, 4), (2, 4), {"kernel_size": (2, 1)}),
    ((4, 3, 1), (1,), {"kernel_size": (1,)}),
    ((2, 3, 2, 4), (3, 2, 3), {"kernel_size": (1, 1, 2), "stride": (1,)}),
)
# Of three axes PyTorch takes no windows that fill one to the end.
FRACTIONAL: tuple[Setting, ...] = (
    ((2, 5, 6), (2, 3), {"kernel_size": (2,), "output_size": (2, 3)}),
    ((3, 7, 4), (4, 2), {"kernel_size": (2, 1), "output_size": (4, 2)}),
    ((2, 5, 3, 6), (2, 1, 3), {"kernel_size": (3, 2, 2), "output_size": (2, 1, 3)}),
    ((3, 1, 7), (1, 3), {"kernel_size": (1, 3), "output_size": (1, 3)}),
    ((2, 3, 9), (4,), {"output_size": (4,)}),
)


def _pooling(settings: tuple[Setting, ...]) -> Draw:
    def draw(s: Source) -> Drawn:
        shape, windows, parameters = settings[s.seed % len(settings)]
        x = s.real(*shape) if s.regime != "near" else s.real(*shape[:-1], 1) + 1e-3 * s.real(*shape)
        return Drawn({"x": x}, (*shape[: len(shape) - len(windows)], *windows), parameters)

    return draw


def _lengths(s: Source) -> Drawn:
    """PyTorch sums powers of x, not of its size: x > 0 where the power is odd."""
    drawn = _pooling(LENGTH)(s)
    x = drawn.arguments["x"]
    return drawn if s.parameters["p"] in (2.0, math.inf) else drawn._replace(arguments={"x": np.abs(x)})


def _fractional(s: Source) -> Drawn:
    """Samples that are odd 32nds, at which no window begins anew."""
    drawn = _pooling(FRACTIONAL)(s)
    samples = (2 * s.rng.integers(0, 16, len(drawn.parameters["output_size"])) + 1) / 32
    return drawn._replace(parameters={**drawn.parameters, "samples": tuple(samples.tolist())})


DRAWS: dict[str, Draw] = {
    "max_pooling": _pooling(LARGEST),
    "average_pooling": _pooling(AVERAGE),
    "adaptive_average_pooling": _pooling(ADAPTIVE),
    "adaptive_max_pooling": _pooling(ADAPTIVE),
    "fractional_max_pooling": _fractional,
    "lp_pooling": _lengths,
}
