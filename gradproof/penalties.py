"""Regularizers beyond the elementwise ones: ours against autograd and grad, and what each does at ties and zeros.

`measure` writes the evidence; `write_page` makes the tables of it and of nothing else.

A difference is counted in u of the largest entry of the gradient. The limit is the number of operations between an
entry of the input and an entry of the gradient, which is what rounding can add up to when nothing cancels, times the
condition of the problem where something does.
"""

from __future__ import annotations

import datetime
import importlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof import __version__, tables
from gradproof.environment import cpu, source_hash, versions
from gradproof.files import read_lines, write_lines
from gradproof.tables import Table, number
from gradproof.verdicts import Verdict
from reference import CATALOGUE
from reference.formula import Array

Row = dict[str, Any]

ORACLES = {"torch": "oracles.torch_penalties", "jax": "oracles.jax_penalties"}
DTYPES = ("float32", "float64")
CASES = 50
SEED = 22
SHAPES = ((5, 7), (7, 5))

MATRIX = ("group_lasso", "max_norm", "orthogonality", "spectral_norm", "nuclear_norm")
OUTPUT = ("entropy", "label_smoothing", "activity_l2", "activity_l1")
NETWORK = {"jacobian": 2, "gradient_penalty": 1}  # with the number of outputs
LAYERS = ("activation/softplus", "activation/tanh", "activation/sigmoid")


def load(name: str) -> ModuleType | None:
    """The oracle module `name`, or None if its framework is not installed."""
    try:
        return importlib.import_module(ORACLES[name])
    except ImportError:
        return None


def ours(id: str, first: Array, *others: Array, **parameters: float) -> tuple[Array, Array]:
    """(R, ∂R/∂first) by our formula, in the form in which oracles answer."""
    function = CATALOGUE[id].function
    if id.split("/")[1] in MATRIX:
        R, (gradient,) = function([first], **parameters)
        return R, gradient
    return function(first, *others, **parameters)


def _condition(name: str, w: Array) -> float:
    """How much the gradient magnifies a relative change of w.

    Singular vectors turn by σ₁ over a gap: to σ₂ for the leading pair, to 0 for all of them. The max-norm penalty
    subtracts its limit from the norm of a row.
    """
    sigma = np.linalg.svd(w.astype(np.float64), compute_uv=False)
    norms = np.linalg.norm(w.astype(np.float64), axis=-1)
    excess = float((norms - CATALOGUE["regularizer/max_norm"].parameters["limit"]).max())
    by_name = {
        "spectral_norm": sigma[0] / (sigma[0] - sigma[1]),
        "nuclear_norm": sigma[0] / sigma[-1],
        "max_norm": norms.max() / excess if excess > 0 else 1.0,
    }
    return float(by_name.get(name, 1.0))


def _draw(name: str, rng: np.random.Generator, dtype: str) -> tuple[tuple[Array, ...], float]:
    """Inputs of one case, and how many roundings the limit allows for."""
    if name in MATRIX:
        m, d = SHAPES[int(rng.integers(len(SHAPES)))]
        w = rng.standard_normal((m, d)).astype(dtype)
        operations = m * m * d if name in ("spectral_norm", "nuclear_norm") else m * d
        return (w,), (operations + 16) * _condition(name, w)
    n, d = SHAPES[int(rng.integers(len(SHAPES)))]
    z = (3 * rng.standard_normal((n, d))).astype(dtype)
    return ((z, rng.integers(0, d, n)) if name == "label_smoothing" else (z,)), n * d * 4 + 16


def agreement(oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: the worst difference of any gradient entry over `CASES` random cases."""
    rows = []
    for name in (*MATRIX, *OUTPUT):
        for dtype in DTYPES:
            u = float(np.finfo(dtype).eps) / 2
            for who, oracle in oracles.items():
                rng, worst, share = np.random.default_rng(SEED), 0.0, 0.0
                for _ in range(CASES):
                    inputs, limit = _draw(name, rng, dtype)
                    (_, mine), (_, theirs) = (f(f"regularizer/{name}", *inputs) for f in (ours, oracle.penalty))
                    off = _off([mine], [theirs], u)
                    worst, share = max(worst, off), max(share, off / limit)
                rows.append(_row(name, who, dtype, worst, share))
    for name, outputs in NETWORK.items():
        for dtype in DTYPES:
            for who, oracle in oracles.items():
                rng, worst, share = np.random.default_rng(SEED), 0.0, 0.0
                for _ in range(5):
                    off, limit = _network_case(name, outputs, dtype, rng, oracle)
                    worst, share = max(worst, off), max(share, off / limit)
                rows.append({**_row(name, who, dtype, worst, share), "cases": 5})
    return rows


def _network_case(
    name: str, outputs: int, dtype: str, rng: np.random.Generator, oracle: ModuleType
) -> tuple[float, float]:
    sizes = [3, 5, 4, outputs]
    x = rng.standard_normal((4, 3)).astype(dtype)
    W = [rng.standard_normal((b, a)).astype(dtype) for a, b in itertools.pairwise(sizes)]
    b = [rng.standard_normal(k).astype(dtype) for k in sizes[1:]]
    parameters = dict(CATALOGUE[f"regularizer/{name}"].parameters)
    function = CATALOGUE[f"regularizer/{name}"].function
    _, dW, db = function(x, W, b, [CATALOGUE[g].function for g in LAYERS], **parameters)
    _, their_dW, their_db = oracle.input_gradient_penalty(f"regularizer/{name}", x, W, b, LAYERS, **parameters)
    # Four passes over the layers, each with a sum over its inputs, and the sum over examples.
    return _off([*dW, *db], [*their_dW, *their_db], float(np.finfo(dtype).eps) / 2), 4 * (sum(sizes) + 16 * 3) + 4


def _off(mine: Sequence[Array], theirs: Sequence[Array], u: float) -> float:
    """Largest difference of any entry, in u of the largest entry; ∞ for a NaN."""
    size = max(float(np.abs(g).max()) for g in mine) or 1.0
    difference = max(float(np.abs(g.astype(float) - h.astype(float)).max()) for g, h in zip(mine, theirs, strict=True))
    return math.inf if math.isnan(difference) else difference / (u * size)


def _row(name: str, who: str, dtype: str, worst: float, share: float) -> Row:
    verdict = Verdict.exact if worst == 0 else Verdict.agrees if share <= 1 else Verdict.unknown
    return {"part": "agreement", "id": f"regularizer/{name}", "who": who, "dtype": dtype, "cases": CASES,
            "difference": float(f"{worst:.3g}"), "ratio": float(f"{share:.3g}"), "verdict": verdict.value}  # fmt: skip


def edges(oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: gradients where the penalty has no derivative, or a cotangent meets a zero."""
    rank_one = np.outer([3.0, 4.0], [0.0, 1.0])  # σ = 5, 0
    cases: list[tuple[str, str, tuple[Array, ...]]] = [
        ("a row of zeros", "group_lasso", (np.array([[0.0, 0.0], [3.0, 4.0]]),)),
        ("a row of zeros", "max_norm", (np.array([[0.0, 0.0], [3.0, 4.0]]),)),
        ("W = 0", "spectral_norm", (np.zeros((2, 2)),)),
        ("σ₁ = σ₂", "spectral_norm", (np.diag([2.0, 2.0]),)),
        ("W = 0", "nuclear_norm", (np.zeros((2, 2)),)),
        ("rank 1 of 2", "nuclear_norm", (rank_one,)),
        ("σ₁ = σ₂", "nuclear_norm", (np.diag([2.0, 2.0]),)),
        ("a certain softmax, z = (800, 0)", "entropy", (np.array([[800.0, 0.0]]),)),
        ("a = 0", "activity_l1", (np.zeros((1, 2)),)),
    ]
    sides: dict[str, Callable[..., tuple[Array, Array]]] = {"ours": ours, **{w: o.penalty for w, o in oracles.items()}}
    rows = []
    for topic, name, inputs in cases:
        for who, answer in sides.items():
            with np.errstate(all="ignore"):
                _, gradient = answer(f"regularizer/{name}", *inputs, lam=1.0)
            text = "; ".join("(" + ", ".join(_figure(x) for x in row) + ")" for row in gradient)
            rows.append({"part": "edge", "id": f"regularizer/{name}", "topic": topic, "who": who, "measured": text})
    return rows


def _figure(x: float) -> str:
    return "NaN" if math.isnan(x) else f"{x + 0.0:.4g}" if abs(x) > 1e-15 else "0"


def measure(path: Path) -> list[Row]:
    """Make every comparison, write the evidence file `path`, and return its rows."""
    found = {name: module for name in ORACLES if (module := load(name)) is not None}
    rows = [*agreement(found), *edges(found)]
    header = {
        "kind": "penalties",
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "gradproof": __version__,
        "versions": versions(),
        "cpu": cpu(),
        "seed": SEED,
        "source": source_hash("reference", "oracles"),
        "missing": [name for name in ORACLES if name not in found],
    }
    write_lines(path, header, rows)
    return rows


def _grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], dict[tuple[Any, ...], Row]]:
    """{values of the keys: {(who, dtype): row}}, in the order in which they come."""
    found: dict[tuple[Any, ...], dict[tuple[Any, ...], Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[k] for k in keys), {})[row["who"], row.get("dtype")] = row
    return found


def _outcome(row: Row | None) -> str:
    return "not installed" if row is None else f"{row['verdict']} ({number(row['difference'])})"


def write_page(path: Path, folder: Path) -> None:
    """Write `penalties.md` with its tables into `folder`, from the evidence file `path` alone.

    Raises EvidenceError where the evidence is missing or damaged.
    """
    header, rows = read_lines(path)
    lines = []
    for (id,), by in _grouped((r for r in rows if r["part"] == "agreement"), "id").items():
        cells = [_outcome(by.get((who, dtype))) for dtype in DTYPES for who in ORACLES]
        lines.append([f"`{id.split('/')[1]}`", *cells])
    columns = ["regularizer", *(f"{who} {dtype}" for dtype in DTYPES for who in ORACLES)]
    compared = Table("Gradients", columns, lines, "In brackets the worst difference in u of the largest entry.")
    at_edges = [
        [f"`{id.split('/')[1]}`", topic, *(by[who, None]["measured"] if (who, None) in by else "not installed"
                                           for who in ("ours", *ORACLES))]
        for (id, topic), by in _grouped((r for r in rows if r["part"] == "edge"), "id", "topic").items()
    ]  # fmt: skip
    ties = Table(
        "Ties and zeros",
        ["regularizer", "where", "ours", "torch", "jax"],
        at_edges,
        "The gradient at λ = 1. Ours is the subgradient of least norm; a row in brackets is a row of the gradient.",
    )
    used = header["versions"]
    intro = (
        "# Penalties\n\n"
        "Regularizers that act on rows, matrices, logits, activations and input gradients, by our formulas, by PyTorch"
        f" {used['torch']} and by JAX {used['jax']}. The last two differentiate a gradient.\n"
    )
    tables.write_page(folder, "penalties", intro, [compared, ties])
