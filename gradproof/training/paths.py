"""Trajectories of optimizers: ours beside an oracle's, and how far rounding alone may part them.

Two problems. On the stiff quadratic ½Σhw² every side computes the gradient hw at its own parameters (h is a power of
two, so the product is exact). On the digits network the gradients are those of our backprop along our own path, and
every side is fed the same ones. No rule looks at the shape of a parameter, so either problem has one: the weights and
biases of the network are one array.

The tolerance is the first-order bound of `gradproof.roundoff`: the recurrence is run once on numbers that carry the
effect of every rounding so far. An implementation may round twice where the recurrence is run with one operation (a
scalar to the dtype of the arrays, then the product; or a fused form taken apart), so each side may be off by the
bound B for two roundings per operation, and two sides by 2B. The statistical tolerance that serves gradients would be
wrong here: a parameter that moves by less than half its last place is rounded the same way at every step.

Where a side leaves the bound, our rule with that side's choice put in (`gradproof.optimizer_variants`) must stay
inside, else the difference is unexplained and the verdict `unknown`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.verdicts import Verdict
from gradproof.networks.draws import dataset
from gradproof.training.roundoff import Rounded, Roundoff
from gradproof.training.variants import VARIANTS
from reference import CATALOGUE
from reference.activations import identity, tanh
from reference.costs import softmax_cross_entropy
from reference.formula import Array
from reference.network import backprop
from reference.updates.steps import Step

STEPS = 200
SEED = 20
ROUNDINGS = 2
MEANINGFUL = 0.1  # a bound beyond this share of the distance moved decides nothing

CURVATURES = 2.0 ** np.arange(0, 15, 2)  # condition number 2¹⁴
LAYERS = ((16, 64), (16,), (10, 16), (10,))  # W, b, W, b
BATCH = 64

Trajectory = list[list[Array]]  # parameters after each step
Gradient = Callable[[int, list[Array]], Sequence[Array]]


@dataclass(frozen=True)
class Setting:
    """A rule with hyperparameters; η on the quadratic and on the digits network, None where it is not run."""

    id: str
    quadratic: float | None = 0.01
    digits: float | None = 0.01
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The hyperparameters that are not our defaults."""
        return ", ".join(f"{k} = {v}" for k, v in self.given.items()).replace("inf", "∞") or "defaults"

    def hyperparameters(self, eta: float) -> dict[str, Any]:
        """All of them, spelled out."""
        signature = inspect.signature(CATALOGUE[self.id].function)
        ours = {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
        return {**ours, **self.given, "eta": eta}


def follow(
    step: Step, parameters: Sequence[Array], gradient: Gradient, steps: int, **hyperparameters: Any
) -> Trajectory:
    """The parameters after each of `steps` steps of one of our rules."""
    w, state, path = list(parameters), None, []
    for t in range(steps):
        w, state = step(w, list(gradient(t, w)), state, **hyperparameters)
        path.append(w)
    return path


def quadratic(dtype: str) -> tuple[list[Array], Gradient]:
    """Start and gradient of ½Σhw²; the condition number is 2¹⁴."""
    h = CURVATURES.astype(dtype)
    start = np.random.default_rng(SEED).standard_normal(h.size).astype(np.float32)
    return [start.astype(dtype)], lambda _, w: [h * w[0]]


@functools.cache
def _digits(dtype: str) -> tuple[list[Array], Array, Array]:
    x, y = (q.astype(dtype) for q in dataset("digits"))
    rng = np.random.default_rng(SEED)
    start = [rng.standard_normal(s) / np.sqrt(s[-1]) if len(s) == 2 else np.zeros(s) for s in LAYERS]
    return [_flat(start).astype(np.float32).astype(dtype)], x, y


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])


def _layers(w: Array) -> list[Array]:
    """What `_flat` made one array of."""
    parts = np.split(w, np.cumsum([math.prod(s) for s in LAYERS])[:-1])
    return [part.reshape(s) for part, s in zip(parts, LAYERS, strict=True)]


def digits(dtype: str) -> tuple[list[Array], Gradient]:
    """Start and mini-batch gradient of a 64-16-10 tanh network with softmax cross-entropy."""
    start, x, y = _digits(dtype)

    def gradient(t: int, w: list[Array]) -> list[Array]:
        batch = np.arange(t * BATCH, (t + 1) * BATCH) % len(x)
        V, a, W, b = _layers(w[0])
        g = backprop(x[batch], y[batch], [V, W], [a, b], [tanh, identity], softmax_cross_entropy)
        return [_flat([g.dW[0], g.db[0], g.dW[1], g.db[1]])]

    return start, gradient


PROBLEMS = {"quadratic": quadratic, "digits": digits}


def recorded(gradient: Gradient) -> tuple[Gradient, list[Sequence[Array]]]:
    """`gradient`, and the list in which it leaves what it returned at each step."""
    tape: list[Sequence[Array]] = []

    def recording(t: int, w: list[Array]) -> Sequence[Array]:
        tape.append(gradient(t, w))
        return tape[-1]

    return recording, tape


def bounds(
    step: Step,
    start: Sequence[Array],
    gradient: Gradient,
    steps: int,
    dtype: str,
    *,
    scalars: str = "float64",
    feedback: bool = True,
    **hyperparameters: Any,
) -> tuple[Array, float]:
    """First-order bound of the rounding error after each step, (steps, entries), and the margin of decisions.

    `feedback` says whether the gradient depends on the parameters; if not, correlations between steps need not be
    kept. A margin below 1 means that a rounding could have turned a sign that the rule decides by.
    """
    roundoff = Roundoff(dtype, scalars, ROUNDINGS)
    h = {k: roundoff.scalar(v) if isinstance(v, float) and math.isfinite(v) else v for k, v in hyperparameters.items()}
    w, state, bound = roundoff.exact(start[0]), None, []
    for t in range(steps):
        g = gradient(t, [w])  # type: ignore[list-item]  # Rounded numbers stand in for arrays
        (w,), state = step([w], [g[0] if feedback else g[0].astype(float)], state, **h)  # type: ignore[list-item,assignment]
        bound.append(w.bound())
        if not feedback:
            slots = [s for s, v in state.items() if s != "t" and isinstance(v[0], Rounded)]
            w, *kept = roundoff.collapse([w, *(state[s][0] for s in slots)])
            state |= {s: [x] for s, x in zip(slots, kept, strict=True)}
    return np.array(bound), roundoff.margin


def apart(p: Trajectory, q: Trajectory, bound: Array) -> tuple[float, float]:
    """Largest difference of two paths, and largest ratio of a difference to its bound; a NaN counts as ∞."""
    x, y = (np.array([w for (w,) in path]).astype(np.longdouble) for path in (p, q))
    difference = np.abs(x - y).astype(float)
    difference[np.isnan(difference)] = np.inf
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(difference == 0, 0, difference / bound)
    ratio[np.isnan(ratio)] = np.inf
    return float(difference.max()), float(ratio.max())


def _short(x: float) -> float:
    return float(f"{x:.3g}")


def compare(setting: Setting, problem: str, dtype: str, oracles: Mapping[str, ModuleType]) -> list[dict[str, Any]]:
    """Evidence rows of one setting on one problem: ours against extended precision and against each oracle."""
    eta = getattr(setting, problem)
    start, gradient = PROBLEMS[problem](dtype)
    h = setting.hyperparameters(eta)
    step = CATALOGUE[setting.id].function
    feedback = problem == "quadratic"
    if feedback:
        ours = follow(step, start, gradient, STEPS, **h)
    else:
        recording, tape = recorded(gradient)
        ours = follow(step, start, recording, STEPS, **h)

        def gradient(t: int, w: list[Array]) -> Sequence[Array]:
            return tape[t]

    bound, margin = bounds(step, start, gradient, STEPS, dtype, feedback=feedback, **h)
    moved = np.linalg.norm(ours[-1][0].astype(float) - start[0].astype(float))
    meaning = float(np.linalg.norm(bound[-1]) / moved)
    common = {"part": "trajectory", "id": setting.id, "setting": setting.label, "eta": eta, "problem": problem,
              "dtype": dtype, "steps": STEPS, "bound": _short(meaning)}  # fmt: skip
    rows = []
    if np.finfo(np.longdouble).eps < np.finfo(np.float64).eps:
        wide_start = [w.astype(np.longdouble) for w in start]
        exact = follow(step, wide_start, lambda t, w: [g.astype(np.longdouble) for g in gradient(t, w)], STEPS, **h)
        difference, ratio = apart(ours, exact, bound)
        verdict = Verdict.agrees if ratio <= 1 else Verdict.wrong
        rows.append({**common, "who": "ours", "against": "extended precision", "difference": _short(difference),
                     "ratio": _short(ratio), "verdict": verdict.value, "why": ""})  # fmt: skip
    for who, oracle in oracles.items():
        row = {**common, "who": who, "against": "ours"}
        try:
            theirs = oracle.trajectory(setting.id, start, gradient, STEPS, **h)
        except LookupError as missing:
            rows.append({**row, "difference": None, "ratio": None, "verdict": None, "why": str(missing.args[0])})
            continue
        difference, ratio = apart(ours, theirs, 2 * bound)
        verdict, why = Verdict.agrees, ""
        if difference == 0:
            verdict = Verdict.exact
        elif meaning > MEANINGFUL or margin < 1:
            verdict, why = Verdict.undefined, "the rounding error has no useful bound here"
        elif ratio > 1:
            verdict, why = explain(setting.id, who, start, gradient, dtype, feedback, ours, theirs, h)
        rows.append({**row, "difference": _short(difference), "ratio": _short(ratio), "verdict": verdict.value,
                     "why": why})  # fmt: skip
    return rows


def explain(
    id: str,
    who: str,
    start: Sequence[Array],
    gradient: Gradient,
    dtype: str,
    feedback: bool,
    ours: Trajectory,
    theirs: Trajectory,
    hyperparameters: Mapping[str, Any],
) -> tuple[Verdict, str]:
    """Why a side is outside the bound: scalars in float32, or a choice that, put into our rule, closes the gap."""
    step = CATALOGUE[id].function
    if who == "optax" and dtype == "float32":
        bound, _ = bounds(step, start, gradient, STEPS, dtype, scalars=dtype, feedback=feedback, **hyperparameters)
        if apart(ours, theirs, 2 * bound)[1] <= 1:
            return Verdict.inaccurate, "scalars such as 1 − βᵗ are computed in float32, and stay within that bound"
    if (id, who) in VARIANTS:
        variant, verdict = VARIANTS[id, who]
        path = follow(variant, start, gradient, STEPS, **hyperparameters)
        scalars = "float32" if who == "optax" and dtype == "float32" else "float64"
        bound, _ = bounds(variant, start, gradient, STEPS, dtype, scalars=scalars, feedback=feedback, **hyperparameters)
        if apart(path, theirs, 2 * bound)[1] <= 1:
            return Verdict(verdict), (inspect.getdoc(variant) or "").splitlines()[0]
    return Verdict.unknown, "outside the rounding bound, and no known choice explains it"
