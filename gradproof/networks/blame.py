"""Why a gradient is wrong: which formula, which argument, and the likely cause when one explains the numbers.

Everything here is recomputed in float64 beside derivatives by the complex step, which keep their digits where a
framework's slopes vanish; so a gross error stands out far above rounding. Nothing here decides a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.answers.factors import LEAST, NEAR, close, explain
from gradproof.networks.conditioning import certain, penalty_sizes
from gradproof.networks.configurations import PARAMETERS, Configuration
from gradproof.networks.draws import Cases
from gradproof.networks.errors import unit_roundoff
from gradproof.networks.gradients import functions, gradient
from reference import CATALOGUE
from reference.formula import Array, Formula


@dataclass(frozen=True)
class Diagnosis:
    """One wrong number and its likely cause."""

    formula: str
    argument: str
    index: tuple[int, ...]
    at: str
    got: float
    expected: float
    cause: str

    def __str__(self) -> str:
        where = f"{self.argument}{list(self.index) if self.index else ''}"
        return (
            f"{self.formula}: {where}{self.at} is {self.got:.9g} ({self.got.hex()}), should be {self.expected:.9g} "
            f"({self.expected.hex()}); likely cause: {self.cause}"
        )


def _worst(got: Array, expected: Array) -> tuple[int, ...]:
    off = np.abs(np.asarray(got, np.float64) - expected)
    return tuple(int(i) for i in np.unravel_index(np.argmax(np.nan_to_num(off, nan=np.inf)), off.shape))


def _found(
    formula: Formula,
    argument: str,
    got: Array,
    expected: Array,
    n: int,
    at: Array | None,
    others: Mapping[str, Array],
    slack: float = LEAST,
) -> Diagnosis | None:
    """A diagnosis if `got` is off, naming the worst entry."""
    if close(np.asarray(got, np.float64), np.asarray(expected, np.float64), slack):
        return None
    i = _worst(got, expected)
    where = f" at {float(at[i])!r}" if at is not None and at.shape == np.shape(got) else ""
    cause = explain(got, expected, n, others)
    return Diagnosis(formula.id, argument, i, where, float(got[i]), float(expected[i]), cause)


def _slopes_of_others(formula: Formula, z: Array) -> dict[str, Array]:
    return {
        f"it is the slope of {other.id}": np.asarray(other.function(z)[1])
        for other in CATALOGUE.values()
        if other.kind == "activation" and other.elementwise and other.id != formula.id
    }


def _as_chosen(formula: Formula, at: Array, ours: Array, theirs: Array, **given: float) -> Array:
    """Slopes `theirs`, with ours at a kink where it lies between left and right: a choice is no error."""
    for kink in formula.kinks:
        left, right = sorted((formula.at(kink.left, **given), formula.at(kink.right, **given)))
        chosen = (at == formula.at(kink.at, **given)) & (left <= ours) & (ours <= right)
        theirs = np.where(chosen, ours, theirs)
    return theirs


def _beside(a: Array) -> list[Array]:
    """Outputs with one entry of every row a little higher, or lower."""
    step = NEAR**2 * np.maximum(1, np.abs(a))
    return [a + sign * step * alone for alone in np.eye(a.shape[-1]) for sign in (1, -1)]


def _as_around(ours: Array, theirs: Array, around: Sequence[Array]) -> Array:
    """Slopes `theirs`, with ours at a kink where it lies among the slopes `around`: a choice is no error."""
    every = np.stack([theirs, *around])
    low, high = np.fmin.reduce(every), np.fmax.reduce(every)
    kink = high - low > NEAR * np.abs(theirs).max()
    return np.where(kink & (low <= ours) & (ours <= high), ours, theirs)


def _by(oracle: ModuleType, id: str, argument: str, x: Array, v: Any = None, **given: Any) -> tuple[Array, Array]:
    """Value, and gradient by one argument, of what an oracle says; the other arguments are among `given`."""
    others = {name: given.pop(name) for name in [*given] if isinstance(given[name], np.ndarray)}
    outputs, gradients = oracle.vjp(id, {argument: x, **others}, v, **given)
    return outputs["value"], gradients[argument]


def _in_activation(formula: Formula, z: Array, oracle: ModuleType) -> Diagnosis | None:
    if not formula.elementwise:
        value, pullback = formula.function(z)
        v = np.random.default_rng(0).standard_normal(value.shape)
        true_value, true_pullback = _by(oracle, formula.id, "z", z, v)
        return _found(formula, "value", value, true_value, 1, z, {}) or _found(
            formula, "pullback", pullback(v), true_pullback, 1, z, {}
        )
    value, slope = formula.function(z)
    true_value, true_slope = _by(oracle, formula.id, "z", z)
    true_slope = _as_chosen(formula, z, slope, true_slope)
    at_a = {"it is taken at a = g(z) instead of z": _by(oracle, formula.id, "z", true_value)[1]}
    return _found(formula, "value", value, true_value, 1, z, {}) or _found(
        formula, "slope", slope, true_slope, 1, z, {**at_a, **_slopes_of_others(formula, z)}
    )


def _in_cost(c: Configuration, a: Array, y: Array, oracle: ModuleType) -> Diagnosis | None:
    cost, (prediction, target) = c.formulas[2], c.ends
    given = {**PARAMETERS.get(cost.id, {}), target: y.argmax(-1) if target == "labels" else y}
    C, dC = functions(c)[2](a, y)
    true_C, true_dC = _by(oracle, cost.id, prediction, a, **given)
    around = [_by(oracle, cost.id, prediction, beside, **given)[1] for beside in _beside(a)]
    true_dC = _as_around(dC, true_dC, around)
    value = np.atleast_1d(C), np.atleast_1d(true_C)  # of which a definition may cancel all but the rounding of 1
    return _found(cost, "value", *value, len(a), None, {}, slack=NEAR**2) or _found(
        cost, "gradient", dC, true_dC, len(a), None, {}
    )


def _in_regularizer(c: Configuration, W: Sequence[Array], n: int, oracle: ModuleType) -> Diagnosis | None:
    regularizer = c.formulas[3]
    given = PARAMETERS.get(regularizer.id, {})
    value, dR = functions(c)[3](W)
    theirs = [_by(oracle, regularizer.id, "w", w, **given) for w in W]
    total = np.atleast_1d(sum(t[0] for t in theirs))
    if found := _found(regularizer, "value", np.atleast_1d(value), total, n, None, {}):
        return found
    _, sizes = penalty_sizes(regularizer.id, W, (value, dR), unit_roundoff(np.dtype(float)), **given)
    for layer, (got, (_, expected), w, size) in enumerate(zip(dR, theirs, W, sizes, strict=True)):
        if not np.isfinite(size).all() and np.isfinite(got).all():
            continue  # singular vectors that nothing determines
        expected = _as_chosen(regularizer, w, got, expected, **given)
        if found := _found(regularizer, f"dW[{layer}]", got, expected, n, w, {}):
            return found
    return None


def _in_formulas(c: Configuration, cases: Cases, g: Any, oracle: ModuleType) -> Diagnosis | None:
    """The first of the configuration's four formulas that disagrees with an oracle on its own inputs."""
    hidden, output, _, _ = c.formulas
    for formula, z in zip([*[hidden] * (len(g.z) - 1), output], g.z, strict=True):
        if found := _in_activation(formula, z, oracle):
            return found
    return _in_cost(c, g.a[-1], cases.y, oracle) or _in_regularizer(c, cases.W, cases.x.shape[-2], oracle)


def _in_network(c: Configuration, cases: Cases, g: Any) -> Diagnosis | None:
    """The first of BP1–BP4, from the output downwards, that breaks while every formula by itself is right."""
    hidden, output, _, _ = c.formulas
    _, _, cost, penalty = functions(c)
    n, L = cases.x.shape[-2], len(cases.W)

    def back(formula: Formula, z: Array, v: Array) -> Array:
        """v pulled back through the activation at z: by its slope, or by the pullback that it returns."""
        slope = formula.function(z)[1]
        return np.asarray(v * slope if formula.elementwise else slope(v))

    v, dR = cost(g.a[-1], cases.y)[1], penalty(cases.W)[1]
    for layer in reversed(range(L)):
        formula, equation = (output, "network/bp1") if layer == L - 1 else (hidden, "network/bp2")
        delta = back(formula, g.z[layer], v)
        others = {"the slope g'(z) is missing": v}
        if formula.elementwise:
            others["the slope is taken at a instead of z"] = back(formula, g.a[layer + 1], v)
        if layer < L - 1:
            above = g.delta[layer + 1]
            if cases.W[layer + 1].shape[0] == cases.W[layer + 1].shape[1]:
                others["W is not transposed"] = back(formula, g.z[layer], above @ cases.W[layer + 1].T)
        if found := _found(CATALOGUE[equation], f"delta[{layer}]", g.delta[layer], delta, n, None, others):
            return found
        others = {"the bias is regularized": delta.sum(0) + penalty([cases.b[layer][None]])[1][0][0]}
        if found := _found(CATALOGUE["network/bp3"], f"db[{layer}]", g.db[layer], delta.sum(0), n, None, others):
            return found
        R, plain = dR[layer], delta.T @ g.a[layer]
        others = {"the regularizer's gradient is missing": plain, "the regularizer is added twice": plain + 2 * R}
        if found := _found(CATALOGUE["network/bp4"], f"dW[{layer}]", g.dW[layer], plain + R, n, None, others):
            return found
        v = delta @ cases.W[layer]
    return None


def diagnose(c: Configuration, cases: Cases, oracle: ModuleType | None = None) -> Diagnosis | None:
    """Blame one formula for a wrong gradient of the single case `cases`; None if all is within 1e-6.

    Without an `oracle` the complex step is asked.
    """
    from oracles import finite_difference  # needs SciPy

    wide = Cases(
        cases.x.astype(float),
        certain(c.formulas[2], cases.y.astype(float)),
        [w.astype(float) for w in cases.W],
        [b.astype(float) for b in cases.b],
    )
    with np.errstate(all="ignore"):
        g = gradient(c, wide)
        return _in_formulas(c, wide, g, oracle or finite_difference) or _in_network(c, wide, g)


def parting(c: Configuration, cases: Cases, oracle: ModuleType, name: str) -> str | None:
    """Where an oracle parts most from us inside one case: formula, value or slope, input, and both results.

    None where neither a single activation nor the cost explains it.
    """
    with np.errstate(all="ignore"):
        g = gradient(c, cases)
        found: list[tuple[float, str]] = []

        def compare(what: str, ours: Array, theirs: Array, *at: Array) -> None:
            p, q = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
            same = (p == q) | (np.isnan(p) & np.isnan(q))
            apart = np.nan_to_num(np.where(same, 0, np.abs(p - q) / np.maximum(np.abs(p), np.abs(q))), nan=3.0)
            i = np.unravel_index(np.argmax(apart), apart.shape)
            if apart[i] > 0:
                where = ", ".join(f"{float(x[i]):.6g}" for x in at)
                both = f"ours {float(p[i]):.9g}, {name} {float(q[i]):.9g}"
                found.append((float(apart[i]), f"{what} at {where}: {both}"))

        for layer, z in enumerate(g.z):
            formula = c.formulas[1] if layer == len(g.z) - 1 else c.formulas[0]
            if formula.elementwise:
                ours, theirs = formula.function(z), _by(oracle, formula.id, "z", z)
                for part, p, q in zip(("value", "slope"), ours, theirs, strict=True):
                    compare(f"{part} of {formula.name}", p, q, z)
        prediction, target = c.ends
        given = {**PARAMETERS.get(c.cost, {}), target: cases.y.argmax(-1) if target == "labels" else cases.y}
        slopes = functions(c)[2](g.a[-1], cases.y)[1]
        _, of_cost = _by(oracle, c.cost, prediction, g.a[-1], **given)
        compare(f"gradient of {c.formulas[2].name}", slopes, of_cost, g.a[-1], cases.y)
    return max(found)[1] if found else None
