"""Costs of sequences that are summed over paths: forward definitions, which try every path."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np

from oracles.alignments import lattice_paths
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import log, surprises, total
from oracles.arb_truth.numbers import Array, Scalar, objects
from oracles.arb_truth.reduction import Terms, entering

Option = Any  # a parameter that is given as it is

SEQUENCES: dict[str, Forward] = {}
cost = entering(SEQUENCES)


@cost()
def crf(
    z: Array,
    transitions: Array,
    labels: Array,
    start: Array | None = None,
    end: Array | None = None,
    lengths: Array | None = None,
) -> Terms:
    """−log softmax of the scores of all sequences, at that of the labels."""

    def score(x: Array, path: tuple[int, ...]) -> Scalar:
        parts = [x[t][k] for t, k in enumerate(path)]
        parts += [transitions[j][k] for j, k in pairwise(path)]
        parts += [] if start is None else [start[path[0]]]
        return total(parts + ([] if end is None else [end[path[-1]]]))

    terms: list[Scalar] = []
    for x, row, T in zip(z, np.asarray(labels), [len(x) for x in z] if lengths is None else lengths, strict=True):
        if not T:
            terms.append(0 * x[0][0])
            continue
        paths = list(product(range(z.shape[-1]), repeat=int(T)))
        given = tuple(int(k) for k in row[: int(T)])
        terms.append(surprises([score(x, path) for path in paths])[paths.index(given)])
    return objects(terms)


@cost(blank=0)
def transducer(
    a: Array, labels: Array, input_lengths: Array | None = None, target_lengths: Array | None = None, *, blank: Option
) -> Terms:
    """−log Σ exp of what the steps of every path add up to."""
    frames = [x.shape[0] for x in a] if input_lengths is None else input_lengths
    lengths = [len(row) for row in labels] if target_lengths is None else target_lengths
    terms = []
    for x, row, T, U in zip(a, np.asarray(labels), frames, lengths, strict=True):
        ways = [
            total(x[t][u][int(row[u]) if speaks else int(blank)] for t, u, speaks in path)
            for path in lattice_paths(int(T), int(U))
        ]
        terms.append(-log(total(way.exp() for way in ways)))
    return objects(terms)
