"""Arrays as tensors and back, and a definition differentiated by autograd."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor

from oracles.calls import Answer, Array, Definition, as_arrays, cotangents, floating, named

REFUSED = re.compile(r"(?:differentiable with respect to argument|derivative for) '(\w+)'")
NUMBER = re.compile(r"argument '(\w+)' \(position \d+\) must be \w+, not Tensor")
NAMES = {"target": "y"}  # of arguments, where torch's is another than ours


def place(device: str) -> str:
    """Compute on "cpu", "cuda" or "cuda:N" from now on; what it is called. Raises LookupError where it is not there."""
    kind, _, number = device.partition(":")
    n = torch.cuda.device_count() if kind == "cuda" else int(kind == "cpu")
    if int(number or 0) >= n:
        raise LookupError(f"torch has no {device} here")
    torch.set_default_device(None if kind == "cpu" else device)  # a mode, under which some functions behave otherwise
    return str(torch.cuda.get_device_name(device)) if kind == "cuda" else kind


def tensor(x: Any) -> Tensor:
    """A NumPy array as a tensor of its own, on the device; bfloat16, which NumPy does not know, goes by its bits."""
    x = np.array(x)
    short = x.dtype.name == "bfloat16"
    t = torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) if short else torch.from_numpy(x)
    return t.to(torch.get_default_device())


def array(t: Tensor) -> Any:
    """The inverse of `tensor`."""
    t = t.detach().cpu()
    if t.dtype == torch.bfloat16:
        import ml_dtypes

        return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


def leaf(x: Any) -> Tensor:
    """A tensor that gradients are taken by."""
    return tensor(x).requires_grad_()


def differentiate(
    definition: Definition, given: Mapping[str, Array], by: Set[str], cotangent: Any, parameters: Mapping[str, Any]
) -> Answer:
    """Outputs, and the gradient of ⟨cotangent, outputs⟩ with respect to every array named in `by`.

    What torch refuses to differentiate, or takes as a Python number, is left out; what no output depends on has the
    gradient 0.
    """
    dtype = next(x.dtype for x in given.values() if floating(x))
    tensors: dict[str, Any] = {name: leaf(x) if name in by else tensor(x) for name, x in given.items()}
    leaves = set(by)
    while True:
        try:
            outputs = named(definition(**tensors, **parameters))
            break
        except (RuntimeError, NotImplementedError) as error:
            refused = REFUSED.search(str(error))
            name = refused and NAMES.get(refused[1], refused[1])
            if name not in leaves:
                raise
            tensors[name] = tensors[name].detach()
            leaves.remove(name)
        except TypeError as error:
            number = NUMBER.search(str(error))
            if number is None or given.get(number[1], np.ones(1)).ndim:
                raise
            tensors[number[1]] = tensors[number[1]].item()
            leaves.discard(number[1])
    paths = [name for name, t in outputs.items() if t.requires_grad]
    wanted = [name for name in given if name in leaves]
    roots, seeds = [outputs[name] for name in paths], None
    if cotangent is None:
        roots = [t.sum() for t in roots]
    else:
        v = cotangents(as_arrays(cotangent), outputs)
        seeds = [tensor(v[name]).to(outputs[name].dtype) for name in paths]
    slopes: Any = [None] * len(wanted)
    if paths and wanted:
        slopes = torch.autograd.grad(roots, [tensors[name] for name in wanted], seeds, allow_unused=True)
    gradients = {
        name: np.zeros(given[name].shape, dtype) if g is None else array(g).reshape(given[name].shape)
        for name, g in zip(wanted, slopes, strict=True)
    }
    return {name: array(t) for name, t in outputs.items()}, gradients
