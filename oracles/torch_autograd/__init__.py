"""PyTorch's answer: its own forward operations, differentiated by autograd.

One table holds a forward definition for every id, of named tensors and parameters; one function differentiates any of
them. Nothing here contains a derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from oracles.calls import Answer, arrays, ask, find, floats, installed_version, known_options, named
from oracles.heard import calls as heard
from oracles.torch_autograd.layers.blocks import BLOCKS
from oracles.torch_autograd.network import network
from oracles.torch_autograd.table import ASKED, COMPOSED, DEFINITIONS, NATIVE, OWN, SLOPES
from oracles.torch_autograd.tensors import differentiate, place, tensor
from oracles.torch_autograd.updates import OPTIMIZERS, defaults, native_steps, step, trajectory

__all__ = [
    "DEFINITIONS",
    "NAME",
    "VERSION",
    "calls",
    "defaults",
    "has",
    "native",
    "native_steps",
    "network",
    "place",
    "trajectory",
    "vjp",
]

NAME = "torch"
VERSION = str(torch.__version__)


def vjp(id: str, arguments: Mapping[str, Any], cotangent: Any = None, **parameters: Any) -> Answer:
    """The outputs of the formula `id`, and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    NumPy in, NumPy out, in the dtype of the first floating array; a single output is called "value", and None stands
    for a cotangent of ones. A gradient that torch does not give is left out. Of an update rule this is one step, with
    outputs alone. Raises LookupError for an id, an option or a version that has no answer, and RuntimeError or
    NotImplementedError where torch has no kernel for the dtype.
    """
    if id.startswith("update/") and id not in DEFINITIONS:
        return step(id, arguments, **parameters), {}
    return ask(id, find(id, ASKED), SLOPES.get(id), differentiate, arguments, cotangent, parameters)


def has(id: str, quantity: str = "value") -> str:
    """Whose a quantity is: "native", torch's own function; "composed", written out here; or "", there is none.

    A quantity is an output, or an argument to take the gradient by.
    """
    if id in COMPOSED or id in BLOCKS or (id in SLOPES and quantity != "value" and SLOPES[id].give(quantity)):
        return "composed"
    return "native" if id in OWN or id in OPTIMIZERS else ""


def native(id: str, arguments: Mapping[str, Any], **options: Any) -> Answer:
    """What torch does by itself under the name of a formula, with its own defaults, and the gradients of the value.

    Of regularizers it may be another thing than ours: see `regularizers.NATIVE`. Where it changes weights these are
    the outputs, by their names, and there are no gradients. Raises LookupError: "no such function", "no option 'x'".
    """
    if id not in NATIVE:
        raise LookupError("no such function")

    def of_value(**given: Any) -> dict[str, Any]:
        outputs = named(NATIVE[id](**given))
        return {name: t if name == "value" else t.detach() for name, t in outputs.items()}

    given = arrays(id, arguments)
    with installed_version(), known_options():
        outputs, gradients = differentiate(of_value, given, floats(given), None, options)
    return outputs, gradients if "value" in outputs else {}


FUNCTIONS = r"torch\.(nn\.(functional|utils)|optim|distributions|linalg|renorm|clamp)"


def calls(id: str, arguments: Mapping[str, Any], **options: Any) -> list[str]:
    """The calls of torch's functions that `native` makes, arrays under the names of our arguments; [] without any."""
    if id not in NATIVE:
        return []
    return heard(NATIVE[id], {name: tensor(x) for name, x in arrays(id, arguments).items()}, options, FUNCTIONS)
