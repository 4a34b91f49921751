"""Three steps from two gradients to a verdict.

1. Rounding. Do they differ by no more than the propagated rounding error? Then they agree.
2. Convention. Does ours become theirs once their own slopes at the kinks are put in? Then only a choice inside
   [left, right] parts them.
3. Truth. What is left is decided by the exact gradient: whoever is off by more than rounding is at fault.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.verdicts import Verdict
from gradproof.networks.configurations import NONE, PARAMETERS, Configuration
from gradproof.networks.draws import Cases
from gradproof.networks.errors import ELEMENT
from gradproof.networks.gradients import Flat, Penalty, bound, flat, gradient, in_blocks
from gradproof.networks.tolerance import NORM, Tolerance
from reference import CATALOGUE
from reference.formula import Array, Formula


@dataclass(frozen=True)
class Distance:
    """How far two gradients are apart, one entry per case.

    `sigmas`: (S, 3), the worst entry of cost, dW and db in standard deviations of its rounding error.
    `norm`: (S,), norm of the difference over the norm of σ. `relative`: (S, 3), norm of the difference over the
    larger of the two norms, so that 1 and more means that nothing is shared. `equal`: (S,), the same bits everywhere.
    """

    sigmas: Array
    norm: Array
    relative: Array
    equal: Array

    def of_two(self, correlated: Array) -> Array:
        """(S,) True where rounding explains the difference: two variances add, and so do two bounds."""
        element = np.where(correlated, 2, np.sqrt(2)) * ELEMENT
        return np.asarray((self.sigmas.max(-1) <= element) & (correlated | (self.norm <= np.sqrt(2) * NORM)))


def distance(p: Flat, q: Flat, t: Tolerance) -> Distance:
    """Distance of two gradients of S cases in units of the tolerance `t`."""
    sigma = t.sigma
    same = p.rows == q.rows
    e = np.abs(p.rows - q.rows)
    if not np.isfinite(e).all():
        same |= np.isnan(p.rows) & np.isnan(q.rows)
        e[same] = 0
    worst = np.maximum.reduceat(_in_units(e, sigma.rows), p.starts, axis=1)
    e2 = np.add.reduceat(e * e, p.starts, axis=1)
    relative = np.where(e2 == 0, 0, np.sqrt(e2) / np.sqrt(np.maximum(p.squares, q.squares)))
    norm = _in_units(np.sqrt(e2[:, 1:].sum(1)), sigma.norm)
    return Distance(worst, norm, relative, same.all(1))


def _in_units(e: Array, sigma: Array) -> Array:
    """e/σ: 0 where nothing is off, ∞ where an error is not a number."""
    ratio = np.where(e == 0, 0, e / sigma)
    return np.where(np.isnan(ratio), np.inf, ratio)


def unbounded(t: Tolerance) -> Array:
    """(S,) True where the rounding error has no bound: an infinite slope, or a kink within rounding error."""
    return np.asarray(t.branch | ~np.isfinite(t.sigma.rows).all(1))


def _with_slopes(
    f: Callable[..., Any], formula: Formula, slopes: dict[float, tuple[float, float]]
) -> Callable[..., Any]:
    """`f` with other slopes at its kinks: `slopes` maps each to the slope on record and the one to return instead.

    Only the slope on record is replaced, so that an error of ours at a kink is not excused. Costs have their kinks
    in a − y, and a 1/(n·d) in front.
    """

    def put(slope: Array, at: Array, divisor: int = 1) -> Array:
        for kink, (ours, theirs) in slopes.items():
            old, new = (slope.dtype.type(s / divisor) for s in (ours, theirs))
            slope = np.where((at == kink) & (slope == old), new, slope)
        return slope

    def cost(a: Array, y: Array) -> tuple[Array, Array]:
        value, slope = f(a, y)
        return value, put(slope, a - y, a.shape[-1] * a.shape[-2])

    def activation(z: Array) -> tuple[Array, Array]:
        value, slope = f(z)
        return value, put(slope, z)

    def regularizer(W: Sequence[Array]) -> tuple[Array, list[Array]]:
        value, dR = f(W)
        return value, [put(r, w) for w, r in zip(W, dR, strict=True)]

    by_kind: dict[str, Callable[..., Any]] = {"cost": cost, "regularizer": regularizer}
    return by_kind.get(formula.kind, activation) if slopes else f


@functools.cache
def slopes_at_kinks(id: str, oracle: ModuleType) -> dict[float, tuple[float, float]]:
    """The slope on record and the oracle's, for each kink where they differ and the oracle's is in [left, right].

    None for a cost whose kinks are not in a − y; there the exact gradient decides.
    """
    formula, given = CATALOGUE[id], PARAMETERS.get(id, {})
    at_kink: dict[str, Callable[[float], dict[str, Array]]] = {
        "activation": lambda at: {"z": np.array([[at]])},
        "regularizer": lambda at: {"w": np.array([[at]])},
        "cost": lambda at: {formula.prediction: np.array([[at]]), formula.target: np.zeros((1, 1))},
    }
    found = {}
    for kink in formula.kinks:
        if kink.of not in ("z", "w", "a - y"):
            continue
        at = formula.at(kink.at, **given)
        arguments = at_kink[formula.kind](at)
        _, gradients = oracle.vjp(id, arguments, **given)
        theirs = float(np.ravel(gradients[next(iter(arguments))])[0])
        left, right = sorted((formula.at(kink.left, **given), formula.at(kink.right, **given)))
        ours = formula.at(kink.chosen, **given)
        if theirs != ours and left <= theirs <= right:
            found[at] = (ours, theirs)
    return found


def under_conventions_of(
    oracle: ModuleType, stack: Sequence[Configuration], cases: Cases, penalty: Penalty
) -> Flat | None:
    """Our gradient with the oracle's own slopes at the kinks; None if it chooses as we do.

    `penalty` is what our own regularizers come to.
    """
    formulas = (*stack[0].formulas[:3], *(c.formulas[3] for c in stack))
    theirs = [slopes_at_kinks(f.id, oracle) for f in formulas]
    if not any(theirs):
        return None
    hidden, output, cost, *penalties = (_with_slopes(bound(f), f, s) for f, s in zip(formulas, theirs, strict=True))
    regularizer = in_blocks(penalties) if any(theirs[3:]) else lambda W: penalty
    g = gradient(stack[0], cases, (hidden, output, cost, regularizer))
    return flat((g.cost, g.dW, g.db))


@dataclass(frozen=True)
class Ruling:
    """What the exact gradient says of one case: is ours within rounding of it, is the other's, and why not."""

    ours: float  # worst distance to the truth in σ; inf where it is not a number
    other: float
    verdict: Verdict
    reason: str = ""


Enclosure = tuple[Array, Array]  # lower and upper ends, each a row of `flat`


class Arbiter:
    """The exact gradients of the cases of one network and cost, each worked out once for all who ask."""

    def __init__(self, c: Configuration, cases: Cases) -> None:
        self.c, self.cases = c, cases
        self.known: dict[tuple[int, str], Enclosure | ArithmeticError] = {}

    def truth(self, k: int, regularizer: str) -> Enclosure:
        """Lower and upper ends of cost, every ∂C/∂W and every ∂C/∂b of case k. Raises Undefined or Undecided."""
        if (k, regularizer) not in self.known:
            try:
                self.known[k, regularizer] = self._enclose(k, regularizer)
            except ArithmeticError as error:
                self.known[k, regularizer] = error
        found = self.known[k, regularizer]
        if isinstance(found, ArithmeticError):
            raise found
        return found

    def _enclose(self, k: int, regularizer: str) -> Enclosure:
        from oracles import arb_truth

        one, c = self.cases[k], self.c
        if regularizer == NONE:
            t = arb_truth.network(one.x, one.y, one.W, one.b, c.hidden, c.output, c.cost, parameters=PARAMETERS,
                                  ends=c.ends)  # fmt: skip
            return t.lower, t.upper
        low, high = self.truth(k, NONE)
        penalty = arb_truth.penalty(one.W, regularizer, PARAMETERS)
        return np.nextafter(low + penalty.lower, -np.inf), np.nextafter(high + penalty.upper, np.inf)

    def rule(self, k: int, regularizer: str, ours: Array, other: Array, sigma: Array, by_norm: bool) -> Ruling:
        """Decide case k between two gradients and their errors, rows of `flat`; `by_norm`: their norms count too."""
        try:
            from oracles.arb_truth import Undecided
        except ImportError:
            return Ruling(math.nan, math.nan, Verdict.unknown, "python-flint is not installed: nothing decides")
        try:
            truth = self.truth(k, regularizer)
        except ArithmeticError as error:
            verdict = Verdict.unknown if isinstance(error, Undecided) else Verdict.undefined
            return Ruling(math.nan, math.nan, verdict, str(error))
        (ours_fits, other_fits), (ours_off, other_off) = _fits(np.array([ours, other]), *truth, sigma, by_norm)
        if not (ours_fits and other_fits):
            return Ruling(ours_off, other_off, Verdict.inaccurate if ours_fits else Verdict.wrong)
        # Both lie in the enclosure. Farther apart than two roundings, they show that it is the hull of a kink's slopes.
        apart = _in_units(np.abs(ours - other), sigma).max()
        return Ruling(ours_off, other_off, Verdict.convention if apart > 2 * ELEMENT else Verdict.agrees)


def _fits(g: Array, low: Array, high: Array, sigma: Array, by_norm: bool) -> tuple[list[bool], list[float]]:
    """Which rows of `g` are within rounding of the truth, and how many σ off is the worst entry of each?"""
    e = np.maximum(np.maximum(low - g, g - high), 0)
    worst = _in_units(e, sigma).max(1)
    fits = worst <= ELEMENT
    if by_norm:
        fits &= np.linalg.norm(e[:, 1:], axis=1) <= NORM * np.linalg.norm(sigma[1:])
    return fits.tolist(), worst.tolist()


EXPLAINED = (Verdict.exact, Verdict.undefined, Verdict.agrees, Verdict.convention)


def judge(
    stack: Sequence[Configuration],
    cases: Cases,
    ours: Flat,
    other: Flat,
    oracle: ModuleType,
    t: Tolerance,
    penalty: Penalty,
    arbiter: Arbiter,
) -> tuple[list[Verdict], Distance, dict[int, Ruling]]:
    """Verdicts about one oracle on the cases of a stack of configurations, their distances, and the rulings needed.

    Each configuration has its block of cases, and `arbiter` knows the networks of one block; `penalty` is what our
    regularizers come to.
    """
    apart = distance(ours, other, t)
    nothing = unbounded(t)
    close = apart.of_two(t.correlated)
    by_choice = np.zeros(len(close), bool)
    if not (close | nothing).all() and (alternative := under_conventions_of(oracle, stack, cases, penalty)):
        by_choice = distance(alternative, other, t).of_two(t.correlated)
    explained = np.array([apart.equal, nothing, close, by_choice])
    verdicts = [EXPLAINED[first] for first in explained.argmax(0)]
    rulings = {}
    if open := np.flatnonzero(~explained.any(0)).tolist():
        p, q, sigma = ours.rows, other.rows, t.sigma.rows
        block = len(close) // len(stack)
        for i in open:
            regularizer = stack[i // block].regularizer
            rulings[i] = arbiter.rule(i % block, regularizer, p[i], q[i], sigma[i], not t.correlated[i])
            verdicts[i] = rulings[i].verdict
    return verdicts, apart, rulings
