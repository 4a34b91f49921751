"""Seconds of `gradproof.check` of a network's gradient beside `torch.autograd.gradcheck`: python -m benchmarks.yours.

Both are warm. gradcheck differences one network entry by entry; the check judges hand-written gradients of several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SIZES = (784, 30, 10)
BATCH = 5
NAMES = ("W1", "b1", "W2", "b2")


def arrays(sizes: Sequence[int] = SIZES) -> Callable[[np.random.Generator], dict[str, Any]]:
    """Inputs, weights, biases and targets of a network with one hidden layer, drawn anew by each generator."""
    d, h, k = sizes

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        return {
            "x": rng.uniform(0.1, 1, (BATCH, d)),
            "W1": rng.normal(size=(h, d)) / np.sqrt(d),
            "b1": rng.normal(size=h),
            "W2": rng.normal(size=(k, h)) / np.sqrt(h),
            "b2": rng.normal(size=k),
            "y": rng.uniform(size=(BATCH, k)),
        }

    return draw


def by_hand(x, W1, b1, W2, b2, y):  # type: ignore[no-untyped-def]
    """Quadratic cost of a sigmoid network and its gradient by the four equations of backpropagation."""
    a1 = 1 / (1 + np.exp(-(x @ W1.T + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ W2.T + b2)))
    delta2 = (a2 - y) * a2 * (1 - a2)
    delta1 = delta2 @ W2 * a1 * (1 - a1)
    by = {"W1": delta1.T @ x, "b1": delta1.sum(0), "W2": delta2.T @ a1, "b2": delta2.sum(0)}
    return ((a2 - y) ** 2).sum() / 2, by


def forward_numpy(x, W1, b1, W2, b2, y):  # type: ignore[no-untyped-def]
    """The cost alone."""
    a1 = 1 / (1 + np.exp(-(x @ W1.T + b1)))
    a2 = 1 / (1 + np.exp(-(a1 @ W2.T + b2)))
    return ((a2 - y) ** 2).sum() / 2


def forward_torch(x, W1, b1, W2, b2, y):  # type: ignore[no-untyped-def]
    """The cost alone, of tensors."""
    import torch

    a2 = torch.sigmoid(torch.sigmoid(x @ W1.T + b1) @ W2.T + b2)
    return ((a2 - y) ** 2).sum() / 2


def contenders(sizes: Sequence[int] = SIZES) -> dict[str, Callable[[], bool]]:
    """What is timed, by name; each says whether the gradient is right."""
    import torch

    import gradproof

    draw, free = arrays(sizes), ("x", "y")
    subject, torch_forward = gradproof.gradients(by_hand), gradproof.torch_function(forward_torch)
    given = draw(np.random.default_rng(0))
    tensors = [torch.from_numpy(x).requires_grad_(name in NAMES) for name, x in given.items()]
    return {
        "check, by autodiff of torch": lambda: gradproof.check(subject, torch_forward, inputs=draw, constant=free).ok,
        "check, by differences": lambda: gradproof.check(subject, forward_numpy, inputs=draw, constant=free).ok,
        "torch gradcheck": lambda: bool(torch.autograd.gradcheck(forward_torch, tensors)),
    }


def seconds(sizes: Sequence[int] = SIZES) -> dict[str, float]:
    """Seconds of each, once warm. Raises AssertionError where one calls the right gradient wrong."""
    found = {}
    for name, run in contenders(sizes).items():
        if name != "torch gradcheck":
            assert run(), name
        start = time.perf_counter()
        assert run(), name
        found[name] = time.perf_counter() - start
    return found


if __name__ == "__main__":
    times = seconds()
    for name, t in times.items():
        print(f"{name:28} {t:8.2f} s   {times['torch gradcheck'] / t:6.1f}x")
