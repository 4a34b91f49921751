"""PyTorch's answer to a function written against the array API: `array_api_compat` gives torch its names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from oracles.calls import Answer, check, double, floats
from oracles.torch_autograd.tensors import differentiate


def pullback_of(f: Callable[..., Any], arguments: Mapping[str, Any], cotangent: Any = None, **options: Any) -> Answer:
    """Outputs of f(xp, **arguments, **options), and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    In float64, on the CPU, by autograd; NumPy in, NumPy out. f returns an array, called "value", or a mapping by name;
    None stands for a cotangent of ones. Raises ModuleNotFoundError without `array_api_compat`, TypeError where nothing
    is floating or an argument is missing, LookupError for one that f does not take, and what f raises.
    """
    import array_api_compat.torch as xp

    definition = functools.partial(f, xp)
    given = double(f, arguments)
    check(getattr(f, "__name__", "f"), definition, given, options)
    with float64_by_default():
        return differentiate(definition, given, floats(given), cotangent, options)


@contextmanager
def float64_by_default() -> Iterator[None]:
    """Arrays that f makes are of float64, as its arguments are."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
