"""Terms of costs of sequences for complex arrays, by every path."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from oracles.alignments import lattice_paths
from oracles.calls import Array, Definition
from oracles.finite_difference.functions import log_softmax, log_total


def _crf(z: Array, transitions: Array, labels: Array, start: Any = None, end: Any = None, lengths: Any = None) -> Array:
    terms = []
    for i, x in enumerate(z):
        T = len(x) if lengths is None else int(lengths[i])
        if T == 0:
            terms.append(0 * x.sum())
            continue
        paths = np.array(list(product(range(z.shape[-1]), repeat=T)))  # (Kᵀ, T)
        scores = x[np.arange(T), paths].sum(-1) + transitions[paths[:, :-1], paths[:, 1:]].sum(-1)
        scores = scores if start is None else scores + start[paths[:, 0]]
        scores = scores if end is None else scores + end[paths[:, -1]]
        terms.append(-log_softmax(scores)[(paths == labels[i, :T]).all(-1)][0])
    return np.array(terms)


def _transducer(
    a: Array, labels: Array, input_lengths: Any = None, target_lengths: Any = None, blank: int = 0
) -> Array:
    terms = []
    for i, x in enumerate(a):
        T = len(x) if input_lengths is None else int(input_lengths[i])
        U = labels.shape[1] if target_lengths is None else int(target_lengths[i])
        ways = [
            sum(x[t, u, labels[i, u] if speaks else blank] for t, u, speaks in path) for path in lattice_paths(T, U)
        ]
        top, rest = log_total(np.array(ways))
        terms.append(-(top + rest)[0])
    return np.array(terms)


TERMS: dict[str, Definition] = {"cost/crf": _crf, "cost/transducer": _transducer}
