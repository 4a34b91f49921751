"""Between logits and probabilities in PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _log1mexp(z: Tensor) -> Tensor:
    near = z < 0.6931471805599453  # both branches are of what is theirs: NaN in the other would reach the slope
    return torch.where(
        near,
        torch.log(-torch.expm1(-torch.where(near, z, 1.0))),
        torch.log1p(-torch.exp(-torch.where(near, 1.0, z))),
    )


def _gumbel_softmax(z: Tensor, noise: Tensor, temperature: float = 1.0) -> Tensor:
    """As torch's own, which draws its noise by itself."""
    return F.softmax((z + noise) / temperature, -1)


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {"layer/log1mexp": _log1mexp, "layer/gumbel_softmax": _gumbel_softmax}
