"""Regularizers against the exact truth: the value, and the gradient with respect to every float array, by entry.

The error is that of `gradproof.costs`, conditioned on all inputs: E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). For singular
values Σ|xᵢ·∂y/∂xᵢ| is replaced by ‖x‖·‖∂y/∂x‖, as no decomposition in floats knows the small entries of W better than
u‖W‖. The condition σ₁/gap is in that number: it is what ∂y/∂x grows with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.cases.costs import Case
from gradproof.cases.regularizers import DROPOUT, LAYERS, NETWORK, WEIGHTS, cases, layers
from gradproof.checks.accuracy import INACCURATE, Worst, gate
from gradproof.evidence.environment import importable
from gradproof.evidence.verdicts import Verdict
from reference import CATALOGUE
from reference.formula import Array, Formula

Row = dict[str, Any]
Answer = tuple[Any, dict[str, Array]]  # value, gradient by argument

ORACLES = {"torch": "oracles.torch_autograd.regularizers", "jax": "oracles.jax_grad.regularizers"}
SEEDS = 6  # per regime


def load(names: Sequence[str] = tuple(ORACLES)) -> dict[str, ModuleType]:
    """The oracles of regularizers among `names` whose framework is installed."""
    return importable(ORACLES, names)


def penalty(id: str, first: Array, *others: Array, **parameters: float) -> tuple[Array, Array]:
    """(R, ∂R/∂first) by our formula, in the form in which oracles answer."""
    function = CATALOGUE[id].function
    if id.split("/")[1] in WEIGHTS:
        R, (gradient,) = function([first], **parameters)
        return R, gradient
    return function(first, *others, **parameters)


def input_gradient_penalty(
    id: str, x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[str], **parameters: float
) -> tuple[Array, list[Array], list[Array]]:
    """(R, ∂R/∂W, ∂R/∂b) by our formula, in the form in which oracles answer."""
    return CATALOGUE[id].function(x, W, b, [CATALOGUE[g].function for g in activations], **parameters)


def ours(case: Case) -> Answer:
    """Our value and gradients of a case."""
    if case.id.split("/")[1] in NETWORK:
        return _by_layer(*input_gradient_penalty(case.id, *layers(case.inputs), LAYERS, **case.parameters))
    R, gradient = penalty(case.id, *case.inputs.values(), **case.parameters)
    return R, {next(iter(case.inputs)): gradient}


def theirs(case: Case, oracle: ModuleType) -> Answer | None:
    """Value and gradients by an oracle; None where it has no such function of a given mask."""
    if case.id.split("/")[1] in NETWORK:
        return _by_layer(*oracle.input_gradient_penalty(case.id, *layers(case.inputs), LAYERS, **case.parameters))
    if case.id not in oracle.PENALTIES:
        return None
    R, gradient = oracle.penalty(case.id, *case.inputs.values(), **case.parameters)
    return R, {next(iter(case.inputs)): gradient}


def exact(case: Case) -> tuple[Any, Mapping[str, Any]]:
    """The exact value and gradients of a case. Raises ImportError without python-flint."""
    from oracles.arb_truth.regularizers import penalty_truth

    activations = {"activations": LAYERS} if case.id.split("/")[1] in NETWORK else {}
    return penalty_truth(case.id, case.inputs, dtype=case.dtype, **case.parameters, **activations)


def answers(case: Case, oracles: Mapping[str, ModuleType]) -> dict[str, Answer | None]:
    """Value and gradients by us and by each oracle."""
    return {"ours": ours(case), **{who: theirs(case, oracle) for who, oracle in oracles.items()}}


def _by_layer(R: Any, dW: Sequence[Array], db: Sequence[Array]) -> Answer:
    weights = {f"W{k}": d for k, d in enumerate(dW, 1)}
    return R, weights | {f"b{k}": d for k, d in enumerate(db, 1)}


def accuracy(id: str, dtype: str, oracles: Mapping[str, ModuleType], seeds: int = SEEDS) -> list[Row]:
    """Rows of evidence on one regularizer in one dtype: value, and all gradients together. Needs python-flint."""
    found: dict[tuple[str, str], Worst | None] = {}
    for case in cases(id, dtype, seeds):
        value, gradients = exact(case)
        with np.errstate(all="ignore"):
            given = answers(case, oracles)
        for side, answer in given.items():
            if answer is None:
                found["value", side] = found["gradient", side] = None
                continue
            pairs = [("value", "", value, answer[0])]
            pairs += [("gradient", f" {name}", gradients[name], g) for name, g in answer[1].items()]
            for quantity, of, truth, got in pairs:
                worst = found.get((quantity, side)) or Worst([])
                y = np.asarray(got).astype(np.float64).reshape(truth.truth.hi.shape)
                worst.add(truth.error(y), y, truth.truth.hi, case.name + of)
                found[quantity, side] = worst
    return [_row(CATALOGUE[id], dtype, *key, worst) for key, worst in found.items()]


def _row(formula: Formula, dtype: str, quantity: str, side: str, worst: Worst | None) -> Row:
    row: Row = {"part": "accuracy", "id": formula.id, "dtype": dtype, "quantity": quantity, "who": side}
    if worst is None:
        return row | {"entries": 0, "verdict": Verdict.undefined.value,
                      "why": "takes no mask" if formula.name in DROPOUT else "no such function"}  # fmt: skip
    limit = gate(formula, dtype) if side == "ours" else max(INACCURATE, formula.conditioned_ulp)
    fails = Verdict.wrong if side == "ours" else Verdict.inaccurate
    finite = [e for e in worst.errors if math.isfinite(e)]
    return row | {
        "entries": len(worst.errors), "max": float(f"{worst.largest:.4g}"),
        "mean": float(f"{np.mean(finite):.4g}") if finite else None,
        "gate": limit, "at": worst.at, "got": worst.got.hex(), "truth": worst.truth.hex(),
        "not a number": worst.not_numbers,
        "verdict": (Verdict.agrees if worst.largest <= limit and not worst.not_numbers else fails).value,
    }  # fmt: skip


def failure(row: Row) -> str:
    """For a person: what was wrong, by how much, and the line that makes it again."""
    regime, seed, *_ = row["at"].split(" ")
    return (
        f"{row['id']}: {row['quantity']} in {row['dtype']} is {float.fromhex(row['got'])!r}, exact "
        f"{float.fromhex(row['truth'])!r}: {row['max']} conditioned ULP at {row['at']}\n"
        f"again: gradproof case {row['id']} {regime} {seed} --dtype {row['dtype']}"
    )
