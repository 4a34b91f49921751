"""Random networks on which published equations are tried, in our notation, every number recorded.

Layers count from 1, the input, to L, as in the literature: `w[l]` is (units of layer l, units of layer l − 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracles.recorded import Array, Number, as_number, d, leaf, native, objects, prime


def each(op: str) -> Callable[..., Any]:
    """A named function of one number, entry by entry; of several, number by number."""

    def apply(z: Any, *more: Any) -> Any:
        return objects([apply(e) for e in z]) if isinstance(z, np.ndarray) else native(op, z, *more)

    return apply


def softmax(z: Array) -> Array:
    """Softmax of a vector by each oracle's own implementation."""
    return objects([native("softmax", leaf(k), *z) for k in range(len(z))])


@dataclass(frozen=True)
class Example:
    """One example through the network: a[1] is the input, z[l] and a[l] each layer, C the cost of this example."""

    a: dict[int, Array]
    z: dict[int, Array]
    y: Array
    C: Number


@dataclass
class Scene:
    """What a reading sees before the document's notation is laid over it."""

    random: np.random.Generator
    L: int = 0
    w: dict[int, Array] = field(default_factory=dict)
    b: dict[int, Array] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    sigma: Callable[[Any], Any] = field(default=lambda z: z)
    C: Any = None  # the mean over the examples

    d = staticmethod(d)
    prime = staticmethod(prime)
    native = staticmethod(each)
    number = staticmethod(as_number)  # a constant in whichever arithmetic replays the record
    softmax = staticmethod(softmax)

    def draw(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Any:
        """Fresh numbers, uniform on [low, high): an array of `shape`, or one number."""
        if not shape:
            return leaf(self.random.uniform(low, high))
        array = np.empty(shape, object)
        for k in np.ndindex(shape):
            array[k] = leaf(self.random.uniform(low, high))
        return array

    @property
    def layers(self) -> range:
        """Every layer that has weights: 2 … L."""
        return range(2, self.L + 1)

    @property
    def hidden(self) -> range:
        """2 … L − 1."""
        return range(2, self.L)


def _cost(name: str, a: Array, y: Array) -> Number:
    """Cost of one example, by each oracle's own implementation, summed over the outputs."""
    if name not in ("quadratic", "bce"):
        raise ValueError(f"cost {name!r}: a network here takes 'quadratic' or 'bce'")
    op = "half_square" if name == "quadratic" else "bce"
    total: Number = sum(native(op, p, t) for p, t in zip(a, y, strict=True))  # type: ignore[assignment]
    return total


def network(sizes: tuple[int, ...], activation: str, cost: str, examples: int, seed: int) -> Scene:
    """A random network of `sizes` with its examples. The same seed gives the same numbers."""
    scene = Scene(np.random.default_rng(seed), len(sizes), sigma=each(activation))
    for l in scene.layers:
        scene.w[l] = scene.draw(sizes[l - 1], sizes[l - 2])
        scene.b[l] = scene.draw(sizes[l - 1])
    for _ in range(examples):
        a, z = {1: scene.draw(sizes[0])}, {}
        for l in scene.layers:
            rows = [native("linear", *w, *a[l - 1], b) for w, b in zip(scene.w[l], scene.b[l], strict=True)]
            z[l] = objects(rows)
            a[l] = scene.sigma(z[l])
        y = scene.draw(sizes[-1], low=0.0, high=1.0)
        scene.examples.append(Example(a, z, y, _cost(cost, a[scene.L], y)))
    scene.C = sum(example.C for example in scene.examples) / len(scene.examples)
    return scene
