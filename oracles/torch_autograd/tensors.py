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
NAMES = {"target": "y"}  # of arguments, where torch's is another than ours


def tensor(x: Any) -> Tensor:
    """A NumPy array as a tensor of its own; bfloat16, which NumPy does not know, goes by its bits."""
    x = np.array(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def array(t: Tensor) -> Any:
    """The inverse of `tensor`."""
    t = t.detach()
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

    What torch refuses to differentiate is left out; what no output depends on has the gradient 0.
    """
    dtype = next(x.dtype for x in given.values() if floating(x))
    tensors = {name: leaf(x) if name in by else tensor(x) for name, x in given.items()}
    while True:
        try:
            outputs = named(definition(**tensors, **parameters))
            break
        except (RuntimeError, NotImplementedError) as error:
            refused = REFUSED.search(str(error))
            name = refused and NAMES.get(refused[1], refused[1])
            if name is None or not tensors[name].requires_grad:
                raise
            tensors[name] = tensors[name].detach()
    leaves = {name: t for name, t in tensors.items() if t.requires_grad}
    v = cotangents(as_arrays(cotangent), outputs)
    paths = [name for name, t in outputs.items() if t.requires_grad]
    slopes: Any = [None] * len(leaves)
    if paths and leaves:
        slopes = torch.autograd.grad(
            [outputs[name] for name in paths],
            list(leaves.values()),
            [tensor(v[name]).to(outputs[name].dtype) for name in paths],
            allow_unused=True,
        )
    gradients = {
        name: np.zeros(given[name].shape, dtype) if g is None else array(g).reshape(given[name].shape)
        for name, g in zip(leaves, slopes, strict=True)
    }
    return {name: array(t) for name, t in outputs.items()}, gradients
