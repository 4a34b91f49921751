"""Newton–Schulz orthogonalisation, which PyTorch has inside its optimizer alone."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition


def _newton_schulz(
    x: Tensor, a: float = 3.4445, b: float = -4.775, c: float = 2.0315, eps: float = 1e-7, iterations: int = 5
) -> Tensor:
    y = x / (torch.linalg.matrix_norm(x, keepdim=True) + eps)
    for _ in range(int(iterations)):
        G = y @ y.mT
        y = a * y + (b * G + c * G @ G) @ y
    return y


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {"layer/newton_schulz": _newton_schulz}
