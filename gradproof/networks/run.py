"""The network audit: every configuration, ours against each oracle and the oracles against each other.

A task is all configurations of one product, architecture and dtype. It leaves one finding a configuration, with the
verdict and the relative difference of every case, and what lies behind its largest disagreements;
`networks.summary` folds them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.environment import PLANNED, installed
from gradproof.evidence.finding import Finding, short
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import planned
from gradproof.networks.blame import diagnose, parting
from gradproof.networks.conditioning import penalty_sizes
from gradproof.networks.configurations import (
    ARCHITECTURES,
    DTYPES,
    ENDS,
    NONE,
    PARAMETERS,
    SYMMETRIC,
    Configuration,
    configurations,
    exclusions,
)
from gradproof.networks.draws import Cases, draw
from gradproof.networks.errors import unit_roundoff
from gradproof.networks.gradients import Flat, Penalty, blocks, flat, functions, gradient, joined, picked
from gradproof.networks.judge import Arbiter, Distance, Ruling, distance, judge
from gradproof.networks.tolerance import Tolerance, propagate, repeated, where_bounds, with_penalty
from gradproof.tasks import Plan, Task
from reference.formula import Array
from reference.network import Backward

CAUSES = 5  # of disagreements, that a task looks for with each oracle
APART = ("inaccurate", "convention", "wrong")  # verdicts that mean a disagreement


def tasks(plan: Plan) -> Iterator[Task]:
    """The largest groups first."""
    wanted = configurations(plan.configuration, plan.those(DTYPES), plan.wants)
    groups: dict[tuple[str, str, str], list[Configuration]] = {}
    for c in wanted:
        groups.setdefault((c.product.name, c.architecture, c.dtype), []).append(c)
    found = [
        Task(
            " ".join(key), functools.partial(measure, tuple(group), plan.seed, (*plan.oracles, PLANNED), plan.draws),
            len(group) * len(ARCHITECTURES[key[1]].regimes(plan.draws)),
        )
        for key, group in groups.items()
    ]  # fmt: skip
    yield from sorted(found, key=lambda task: -task.weight)
    if groups and plan.configuration == "*" and plan.formulas is None:
        yield Task("left out", left_out)


def left_out() -> list[Finding]:
    """Combinations that are mathematically undefined or vacuous, and why."""
    return [Finding("left out", f"{output} {cost}", architecture, why=why)
            for architecture, output, cost, why in dict.fromkeys(exclusions())]  # fmt: skip


def measure(group: Sequence[Configuration], seed: int, names: Sequence[str], draws: int = 1) -> list[Finding]:
    """The findings on configurations of one product, architecture and dtype, and the causes of the largest.

    `names` are oracles, and `PLANNED`.
    """
    modules = installed([name for name in names if name != PLANNED], "network")
    if PLANNED in names:
        modules[PLANNED] = planned
    found: list[Finding] = []
    with np.errstate(all="ignore"):  # saturated and singular cases are meant to overflow; they are judged instead
        for _, stack in itertools.groupby(group, lambda c: (c.hidden, c.output, c.cost)):
            found += _findings(list(stack), seed, modules, draws)
        by_id = {c.id: c for c in group}
        for name, oracle in modules.items():  # of which the plan, made of our own functions, tells no cause
            found += _causes(found, by_id, name, oracle, seed, draws)
    return found


def _findings(
    stack: Sequence[Configuration], seed: int, modules: dict[str, ModuleType], draws: int
) -> Iterator[Finding]:
    """One finding each of configurations that differ in the regularizer, computed at once in blocks of cases."""
    c = replace(stack[0], regularizer=NONE)
    regimes = ARCHITECTURES[c.architecture].regimes(draws)
    cases = draw(c, seed, draws)
    stacked = cases.repeated(len(stack))
    *layers, regularizer = functions(*stack)
    penalty = regularizer(stacked.W)
    g = gradient(c, stacked, (*layers, lambda W: penalty))
    first = np.arange(len(regimes))
    plain = picked(g, first) if stack[0] == c else gradient(c, cases)
    t = _tolerance(stack, cases, stacked.W, plain, g, penalty, np.isin(regimes, SYMMETRIC))
    ours = flat((g.cost, g.dW, g.db))
    arbiter = Arbiter(c, cases)
    theirs: dict[str, Flat] = {}
    judged: dict[str, tuple[list[Verdict], Distance, dict[int, Ruling]]] = {}
    for name, oracle in modules.items():
        extra = {"among": stack[0].product.families[:3]} if name == "jax" else {}
        try:
            theirs[name] = flat(oracle.network(
                stacked.x, stacked.y, stacked.W, stacked.b, c.hidden, c.output, c.cost,
                [one.regularizer for one in stack], PARAMETERS, ends=ENDS, **extra,
            ))  # fmt: skip
        except Exception as error:  # whatever a framework raises is a finding, and the other findings stay
            theirs[name] = _no_gradient(ours)
            judged[name] = _unknown(f"{name} raised {type(error).__name__}: {error}", ours, t)
        else:
            judged[name] = judge(stack, stacked, ours, theirs[name], oracle, t, penalty, arbiter)
            if name == PLANNED:
                verdicts, d, rulings = judged[name]
                judged[name] = planned.at_fault(verdicts), d, rulings
    apart = {name: d for name, (_, d, _) in judged.items()}
    for first_side, second_side in itertools.combinations([name for name in theirs if name != PLANNED], 2):
        apart[f"{first_side}-{second_side}"] = distance(theirs[first_side], theirs[second_side], t)
    for k, one in enumerate(stack):
        here = slice(k * len(regimes), (k + 1) * len(regimes))
        sides: dict[str, dict[str, Any]] = {
            name: {"relative": [short(float(x), 3) for x in d.relative[here, 1:].max(1)]} for name, d in apart.items()
        }
        for name, (verdicts, _, rulings) in judged.items():
            sides[name]["verdicts"] = [v.value for v in verdicts[here]]
            if why := _failing(one, cases, verdicts[here], rulings, here.start, seed, draws, name):
                sides[name]["why"] = why
        yield Finding("case", one.id, entries=len(regimes), more={"regimes": list(regimes), "sides": sides})


def _failing(
    c: Configuration, cases: Cases, verdicts: Sequence[Verdict], rulings: dict[int, Ruling], start: int, seed: int,
    draws: int, name: str,
) -> str:  # fmt: skip
    """What is wrong with the first case that fails: the formula to blame and the likely cause, where one is found."""
    for k, verdict in enumerate(verdicts):
        if verdict is Verdict.unknown:
            return rulings[start + k].reason
        if verdict is Verdict.wrong:
            ruling = rulings[start + k]
            if name == PLANNED and ruling.ours < ruling.other:
                return f"case {k}: the plan is {ruling.other:.3g}σ off the exact gradient, backprop {ruling.ours:.3g}σ"
            blamed = diagnose(c, cases[k])
            off = f"{ruling.ours:.3g}σ off the exact gradient, no gross error"
            return f"case {k}: {blamed or off}"
    return ""


def _causes(
    found: Sequence[Finding], by_id: dict[str, Configuration], name: str, oracle: ModuleType, seed: int, draws: int
) -> list[Finding]:
    """The largest disagreements of ours with an oracle, no two of one cause, each with its cause."""
    largest: dict[tuple[str, str, str], tuple[float, str, int]] = {}
    for f in found:
        said = f.more["sides"].get(name, {}) if f.kind == "case" else {}
        for k, verdict in enumerate(said.get("verdicts", ())):
            if verdict in APART:
                c = by_id[f.formula]
                size = said["relative"][k]
                size = math.inf if math.isnan(size) else size  # a difference that is not a number is the largest
                key = (c.hidden, c.output, verdict)
                if size > largest.get(key, (-1.0, "", 0))[0]:
                    largest[key] = (size, f.formula, k)
    causes: dict[str, Finding] = {}
    for (*_, verdict), (size, id, k) in sorted(largest.items(), key=lambda item: (-item[1][0], item[1][1])):
        if len(causes) == CAUSES:
            break  # what follows is smaller
        c = by_id[id]
        cause = parting(c, draw(replace(c, regularizer=NONE), seed, draws)[k], oracle, name)
        if cause and not (math.isinf(size) and f"{name} nan" not in cause):
            what = cause.split(" at ")[0]
            regime = ARCHITECTURES[c.architecture].regimes(draws)[k]
            causes.setdefault(what, Finding("disagreement", what, dtype=c.dtype, side=name, verdict=verdict, max=size,
                                            at=f"{c.id} {regime}", why=cause))  # fmt: skip
    return list(causes.values())


def _tolerance(
    stack: Sequence[Configuration], cases: Cases, W: Sequence[Array], plain: Backward, g: Backward, penalty: Penalty,
    symmetric: Array,
) -> Tolerance:  # fmt: skip
    """Errors of the gradients `g` with `penalty` at weights `W`, a block of cases for each configuration of the stack.

    `plain` are the gradients without regularizer, of one block.
    """
    c, count = stack[0], len(stack)
    u = unit_roundoff(np.dtype(c.dtype))
    p = np.where(symmetric, 1, 2)
    t = propagate(plain, cases, *c.formulas[:3], u, p)
    sizes = joined(
        penalty_sizes(one.regularizer, w, (R, dR), u, **PARAMETERS.get(one.regularizer, {}))
        for one, w, (R, *dR) in zip(stack, blocks(W, count), blocks([penalty[0], *penalty[1]], count), strict=True)
    )
    return where_bounds(with_penalty(repeated(t, count), g, sizes, u, np.tile(p, count)), np.tile(symmetric, count))


def _no_gradient(g: Flat) -> Flat:
    """NaN in place of a gradient like `g`."""
    return g._replace(rows=np.full_like(g.rows, np.nan), squares=np.full_like(g.squares, np.nan))


def _unknown(reason: str, ours: Flat, t: Tolerance) -> tuple[list[Verdict], Distance, dict[int, Ruling]]:
    """What `judge` returns, for an oracle that gave no gradient at all."""
    S = len(ours.rows)
    ruling = Ruling(math.nan, math.nan, Verdict.unknown, reason)
    return [Verdict.unknown] * S, distance(ours, _no_gradient(ours), t), dict.fromkeys(range(S), ruling)
