"""Our planned gradient as one more side of the audit, asked as the oracles are and judged as they are.

It differs from an oracle in whose fault it is: where the exact gradient sides with `backprop`, the plan is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.evidence.verdicts import Verdict
from gradproof.networks.gradients import blocks
from reference import CATALOGUE, plan, vjp
from reference.formula import Array

__all__ = ["at_fault", "network", "vjp"]

FEW = 64  # cases that are asked one by one


def network(
    x: Array, y: Array, W: Sequence[Array], b: Sequence[Array], hidden: str, output: str, cost: str,
    regularizers: Sequence[str], parameters: Mapping[str, Mapping[str, Any]], ends: Mapping[str, tuple[str, str]],
) -> tuple[Array, list[Array], list[Array]]:  # fmt: skip
    """Cost, ∂C/∂W and ∂C/∂b by plans.  x: (S, n, d_in), W[l]: (S, d_out, d_in), an equal block of S a regularizer.

    The first block is asked case by case, as users ask, unless there are many; others at once, on a leading axis.
    """
    inner, last, end, *penalties = (
        functools.partial(CATALOGUE[id].function, **parameters.get(id, {}))
        for id in (hidden, output, cost, *regularizers)
    )
    y = y.argmax(-1) if ends[cost][1] == "labels" else y
    sizes, activations = (x.shape[-1], *(c.shape[-1] for c in b)), [inner] * (len(W) - 1) + [last]
    found = []
    for block, penalty in zip(blocks([x, y, *W, *b], len(penalties)), penalties, strict=True):
        S = len(block[0])
        alone = penalty is penalties[0] and S <= FEW
        gradient = plan(sizes, activations, end, x.shape[1], x.dtype, penalty, () if alone else (S,))
        for k in range(S) if alone else [slice(None)]:
            one, targets, *q = [each[k] for each in block]
            C, (dW, db) = gradient(one, targets, q[: len(W)], q[len(W) :])
            found.append([slope[None].copy() if alone else slope for slope in (C, *dW, *db)])
    C, *slopes = map(np.concatenate, zip(*found, strict=True))
    return C, slopes[: len(W)], slopes[len(W) :]


def at_fault(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts about a framework as those about a plan: what is off the exact gradient is ours, and wrong."""
    return [Verdict.wrong if v is Verdict.inaccurate else v for v in verdicts]
