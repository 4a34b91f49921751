"""Trajectories of optimizers: ours beside an oracle's, and how far rounding alone may part them.

Two problems. On the stiff quadratic ½Σhw² every side computes the gradient hw at its own parameters (h is a power of
two, so the product is exact). On the digits network the gradients are those of our backprop along our own path, and
every side is fed the same ones. Either problem has one parameter, the weights and biases of the network being one
array. Where a rule looks at its shape, the setting gives one, and the gradients on the quadratic are ours for every
side too: steps whose size is that of no gradient take rounding errors of any size back into it.

The tolerance is the first-order bound of `gradproof.training.roundoff`: the recurrence is run once on numbers that
carry the effect of every rounding so far. An implementation may round twice where the recurrence is run with one
operation (a scalar to the dtype of the arrays, then the product; or a fused form taken apart), so each side may be off
by the bound B for two roundings per operation, and two sides by 2B. The statistical tolerance that serves gradients
would be wrong here: a parameter that moves by less than half its last place is rounded the same way at every step.

Where a side leaves the bound, our rule with that side's choice put in (`gradproof.answers.variants`) must stay
inside, else the difference is unexplained and the verdict `unknown`; unless a step of ours is not that of the exact
truth: then ours is `wrong`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.answers.variants import VARIANTS
from gradproof.cases.data import dataset
from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import Verdict
from gradproof.training.roundoff import Rounded, Roundoff
from gradproof.training.settings import Setting
from reference import CATALOGUE
from reference.activations import identity, tanh
from reference.costs import cross_entropy_probabilities
from reference.formula import Array
from reference.network import backprop
from reference.updates.steps import Step

STEPS = 200
OURS = "a step of ours is not the exact one"
SEED = 20
ROUNDINGS = 2
MEANINGFUL = 0.1  # a bound beyond this share of the distance moved decides nothing

CURVATURES = 2.0 ** np.arange(0, 15, 2)  # condition number 2¹⁴
LAYERS = ((16, 64), (16,), (10, 16), (10,))  # W, b, W, b
BATCH = 64

Trajectory = list[list[Array]]  # parameters after each step
Gradient = Callable[[int, list[Array]], Sequence[Array]]


def follow(
    step: Step, parameters: Sequence[Array], gradient: Gradient, steps: int, **hyperparameters: Any
) -> Trajectory:
    """The parameters after each of `steps` steps of one of our rules."""
    w, state, path = list(parameters), None, []
    for t in range(steps):
        w, state = step(w, list(gradient(t, w)), state, **hyperparameters)
        path.append(w)
    return path


def quadratic(dtype: str, shape: tuple[int, ...] = (-1,)) -> tuple[list[Array], Gradient]:
    """Start and gradient of ½Σhw²; the condition number is 2¹⁴."""
    h = CURVATURES.astype(dtype).reshape(shape)
    start = np.random.default_rng(SEED).standard_normal(h.size).astype(np.float32)
    return [start.astype(dtype).reshape(shape)], lambda _, w: [h * w[0]]


@functools.cache
def _digits(dtype: str) -> tuple[Array, Array, Array]:
    x, y = (q.astype(dtype) for q in dataset("digits"))
    rng = np.random.default_rng(SEED)
    start = [rng.standard_normal(s) / np.sqrt(s[-1]) if len(s) == 2 else np.zeros(s) for s in LAYERS]
    return _flat(start).astype(np.float32).astype(dtype), x, y


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])


def _layers(w: Array) -> list[Array]:
    """What `_flat` made one array of."""
    parts = np.split(w, np.cumsum([math.prod(s) for s in LAYERS])[:-1])
    return [part.reshape(s) for part, s in zip(parts, LAYERS, strict=True)]


def digits(dtype: str, shape: tuple[int, ...] = (-1,)) -> tuple[list[Array], Gradient]:
    """Start and mini-batch gradient of a 64-16-10 tanh network with softmax cross-entropy."""
    start, x, y = _digits(dtype)

    def gradient(t: int, w: list[Array]) -> list[Array]:
        batch = np.arange(t * BATCH, (t + 1) * BATCH) % len(x)
        V, a, W, b = _layers(w[0].ravel())
        g = backprop(x[batch], y[batch], [V, W], [a, b], [tanh, identity], cross_entropy_probabilities)
        return [_flat([g.dW[0], g.db[0], g.dW[1], g.db[1]]).reshape(shape)]

    return [start.reshape(shape)], gradient


PROBLEMS = {"quadratic": quadratic, "digits": digits}


def recorded(gradient: Gradient) -> tuple[Gradient, list[Sequence[Array]]]:
    """`gradient`, and the list in which it leaves what it returned at each step."""
    tape: list[Sequence[Array]] = []

    def recording(t: int, w: list[Array]) -> Sequence[Array]:
        tape.append(gradient(t, w))
        return tape[-1]

    return recording, tape


def replaying(tape: list[Sequence[Array]]) -> Gradient:
    """The gradients on a tape, whatever the parameters are."""
    return lambda t, w: tape[t]


def bounds(
    step: Step, start: Sequence[Array], gradient: Gradient, steps: int, dtype: str,
    *, scalars: str = "float64", feedback: bool = True, **hyperparameters: Any,
) -> tuple[Array, float]:  # fmt: skip
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


def compare(setting: Setting, problem: str, dtype: str, names: Sequence[str]) -> list[Finding]:
    """One setting on one problem: ours against extended precision, and each oracle against ours."""
    eta = getattr(setting, problem)
    start, gradient = PROBLEMS[problem](dtype, setting.shape)
    h = setting.hyperparameters(eta)
    step = CATALOGUE[setting.id].function
    feedback = problem == "quadratic" and len(setting.shape) == 1
    if feedback:
        ours = follow(step, start, gradient, STEPS, **h)
    else:  # every side is fed the gradients of our path
        recording, tape = recorded(gradient)
        ours = follow(step, start, recording, STEPS, **h)
        gradient = replaying(tape)
    run = Run(setting.id, start, gradient, dtype, feedback, h)
    bound, margin = run.bounds(step)
    moved = np.linalg.norm(ours[-1][0].astype(float) - start[0].astype(float))
    meaning = float(np.linalg.norm(bound[-1]) / moved)
    what = f"{setting.label}; {problem}, η = {eta}"
    common = {"unit": "times its rounding error", "setting": setting.label, "problem": problem,
              "bound": short(meaning, 3)}  # fmt: skip

    def finding(side: str, apart: tuple[float, float], verdict: Verdict, why: str = "") -> Finding:
        difference, ratio = apart
        return Finding("trajectory", setting.id, what, dtype=dtype, side=side, verdict=verdict.value, why=why,
                       entries=STEPS * start[0].size, max=short(ratio, 3),
                       more={**common, "difference": short(difference, 3)})  # fmt: skip

    found = []
    if np.finfo(np.longdouble).eps < np.finfo(np.float64).eps:
        wide = [w.astype(np.longdouble) for w in start]
        exact = follow(step, wide, lambda t, w: [g.astype(np.longdouble) for g in gradient(t, w)], STEPS, **h)
        off = apart(ours, exact, bound)
        found.append(finding("ours", off, Verdict.agrees if off[1] <= 1 else Verdict.wrong))
    for side, oracle in installed(names, "updates").items():
        try:
            theirs = oracle.trajectory(setting.id, start, gradient, STEPS, **h)
        except LookupError as missing:
            why = CATALOGUE[setting.id].unanswered.get(side, str(missing.args[0]))
            found.append(Finding("trajectory", setting.id, what, dtype=dtype, side=side, why=why, more=common))
            continue
        off = apart(ours, theirs, 2 * bound)
        if off[0] == 0:
            found.append(finding(side, off, Verdict.exact))
        elif meaning > MEANINGFUL or margin < 1:
            found.append(finding(side, off, Verdict.undefined, "the rounding error has no useful bound here"))
        elif off[1] <= 1:
            found.append(finding(side, off, Verdict.agrees))
        else:
            found.append(finding(side, off, *run.explain(side, theirs, ours)))
    unknown = [f for f in found if f.verdict == Verdict.unknown.value]
    if unknown and (wrong := run.own_fault(ours)):
        found = [replace(f, verdict=Verdict.undefined.value, why=OURS) if f in unknown else f for f in found]
        found = [f for f in found if f.side != "ours"] + [replace(wrong, what=what, more={**common, **wrong.more})]
    return found


@dataclass(frozen=True)
class Run:
    """A rule on a problem, as it is run by every side."""

    id: str
    start: Sequence[Array]
    gradient: Gradient
    dtype: str
    feedback: bool
    hyperparameters: Mapping[str, Any]

    def bounds(self, step: Step, scalars: str = "float64") -> tuple[Array, float]:
        """The rounding error of `step` on this run, with scalars in that dtype."""
        given: dict[str, Any] = {"scalars": scalars, "feedback": self.feedback, **self.hyperparameters}
        return bounds(step, self.start, self.gradient, STEPS, self.dtype, **given)

    def own_fault(self, ours: Trajectory) -> Finding | None:
        """The first step of ours that is not the exact one, in the entry that moves most; None without python-flint."""
        try:
            from oracles import arb_truth
        except ImportError:
            return None
        formula, h = CATALOGUE[self.id], dict(self.hyperparameters)
        k = int(np.argmax(np.abs(ours[-1][0].astype(float) - self.start[0].astype(float))))
        w, state = [self.start[0][k : k + 1]], dict[str, Any]()
        before = list(self.start)
        for t in range(STEPS):
            g = self.gradient(t, before)[0][k : k + 1]
            kept = {s: np.asarray(x[0], np.float64) for s, x in state.items() if s != "t"}
            given = {"w": np.asarray(w[0], np.float64), "dC": g.astype(np.float64), **kept}
            exact = arb_truth.vjp(self.id, given, dtype=self.dtype, t=t + 1, **h)[0]["w"]
            w, state = formula.function(w, [g.astype(w[0].dtype)], state or None, **h)
            error = exact.error(w[0].astype(np.float64))
            if not (error <= formula.conditioned_ulp).all():
                return Finding(
                    "trajectory", self.id, dtype=self.dtype, side="ours", verdict=Verdict.wrong.value, entries=1,
                    max=short(float(error[0])), at=f"step {t + 1} [{k}]", got=hexed(w[0][0]),
                    truth=hexed(exact.truth.hi[0]), why="by the truth of this step",
                    more={"unit": "conditioned ULP", "difference": float(abs(w[0][0] - exact.truth.hi[0]))},
                )  # fmt: skip
            before = ours[t]
        return None

    def explain(self, side: str, theirs: Trajectory, ours: Trajectory) -> tuple[Verdict, str]:
        """Why a side is outside the bound: scalars in float32, or a choice that, put into our rule, closes the gap."""
        scalars = "float32" if side == "jax" and self.dtype == "float32" else "float64"
        if scalars == "float32":
            bound, _ = self.bounds(CATALOGUE[self.id].function, scalars)
            if apart(ours, theirs, 2 * bound)[1] <= 1:
                return Verdict.inaccurate, "scalars such as 1 − βᵗ are computed in float32, and stay within that bound"
        if (self.id, side) in VARIANTS:
            variant, verdict = VARIANTS[self.id, side]
            path = follow(variant, self.start, self.gradient, STEPS, **self.hyperparameters)
            bound, _ = self.bounds(variant, scalars)
            if apart(path, theirs, 2 * bound)[1] <= 1:
                return Verdict(verdict), (inspect.getdoc(variant) or "").splitlines()[0]
        return Verdict.unknown, "outside the rounding bound, and no known choice explains it"
