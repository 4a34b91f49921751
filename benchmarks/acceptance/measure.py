"""Everyone is asked about every gradient; what each misses, where each cries wolf, and what it was not asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import gradproof
from benchmarks.acceptance.frameworks import FRAMEWORKS, SCIPY_LIMIT, scipy_number
from benchmarks.acceptance.questions import ASKED, BEHAVIOURS, COTANGENTS, Question, catalogue, questions, truths
from benchmarks.acceptance.rules import RULES, Rule
from gradproof.evidence.finding import Finding, short

SAID = {  # of the checkers: what it compares, how it was asked, what it cannot see
    "gradproof.check": (
        "every entry with the truth over balls, within rounding; laws of behaviour",
        "its own cases, in the dtypes of the entry", "",
    ),
    "torch.autograd.gradcheck": (
        "|J−N| ≤ 1e-5 + 1e-3·|N| in every entry, N by central differences", "every unit vector",
        "entries of J below 1e-5; relative errors below 1e-3; what a backward makes of numbers other than 0 and 1",
    ),
    "torch.autograd.gradcheck, fast mode": (
        "the same of the one number uᵀJv", "one u and v, not negative",
        "errors that cancel in one sum; the tolerance grows with the sizes; what a backward makes of negative numbers",
    ),
    "jax.test_util.check_grads": (
        "|a−b| ≤ 1e-5 + 1e-5·|b| of one number ⟨u, Jᵀv⟩, b by central differences of step 1e-4",
        "one normal u and v, `order=1, modes=[\"rev\"]`", "errors across that one direction; NaN for NaN",
    ),
    "autograd.test_util.check_grads": (
        "|a−b| < 1e-6, or 1e-6 of |a+b|, of one number ⟨u, Jᵀv⟩",
        "one normal u and v, `order=1, modes=[\"rev\"]`", "errors across that one direction",
    ),
    "scipy.optimize.check_grad": (
        "‖g−n‖, n by forward differences: a number, no verdict; here below 5e-7, as in SciPy's own tests",
        "normal", "absolute: small gradients are always right, large ones never",
    ),
}  # fmt: skip


@dataclass
class Tally:
    """What one checker said of one set: the ids it accepted, those it rejected, those it was not asked."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unasked: dict[str, str] = field(default_factory=dict)  # and why

    def add(self, id: str, answer: bool | str) -> None:
        """Note one answer: accepted or not, or why there is none."""
        if isinstance(answer, str):
            self.unasked[id] = answer
        else:
            (self.accepted if answer else self.rejected).append(id)


def measure(
    sets: Mapping[str, Sequence[Any]] | None = None, progress: Callable[[str], None] = lambda line: None
) -> Iterator[Finding]:
    """Two findings a checker: what it said of the wrong gradients, and of the right ones."""
    import torch

    torch.set_num_threads(1)
    if sets is None:
        sets = dict(zip(("wrong", "right"), catalogue(), strict=True))
    for which, entries in sets.items():
        progress(f"gradproof.check: {len(entries)} {which}")
        yield _finding("gradproof.check", which, *_asked(entries, our_check))
        for name, checker in FRAMEWORKS.items():
            progress(f"{name}: {len(entries)} {which}")
            tally, more = _asked(entries, partial(framework, checker, name))
            if checker is FRAMEWORKS["scipy.optimize.check_grad"]:
                more |= {"numbers": _numbers(entries, tally), "limit": SCIPY_LIMIT}
            yield _finding(name, which, tally, more)
        progress(f"rules: {len(entries)} {which}")
        tallies = [Tally() for _ in RULES]
        for entry in entries:
            for tally, answer in zip(tallies, by_rules(entry), strict=True):
                tally.add(entry.id, answer)
        for rule, tally in zip(RULES, tallies, strict=True):
            yield _finding(rule.name, which, tally, {"rule": True}, rule)


def _asked(entries: Sequence[Any], ask: Callable[[Any], bool | str]) -> tuple[Tally, dict[str, Any]]:
    tally = Tally()
    for entry in entries:
        tally.add(entry.id, ask(entry))
    return tally, {}


def _finding(name: str, which: str, tally: Tally, more: Mapping[str, Any], rule: Rule | None = None) -> Finding:
    says, cotangent, misses = (rule.says, rule.cotangent, rule.misses) if rule else SAID[name]
    reasons = sorted(set(tally.unasked.values()))
    counted = {reason: sum(r == reason for r in tally.unasked.values()) for reason in reasons}
    odd = tally.accepted if which == "wrong" else tally.rejected
    said = {"says": says, "cotangent": cotangent, "source": rule.source if rule else "", "odd": sorted(odd)}
    entries = len(tally.accepted) + len(tally.rejected)
    return Finding("acceptance", name, which, entries=entries, why=misses, more={**said, "unasked": counted, **more})


def our_check(entry: Any) -> bool | str:
    """`gradproof.check` at its defaults, in the dtypes of the entry."""
    return gradproof.check(entry.subject, entry.against, **entry.how).ok


def unasked(entry: Any) -> str:
    """Why nobody else is asked about an entry, or nothing."""
    if getattr(entry, "law", "") in BEHAVIOURS:
        return "behaviour"
    dtypes = entry.how.get("dtypes", ASKED)
    return "in 16 bits" if not {*dtypes} & {*ASKED} else ""


def framework(checker: Callable[[Question], bool], name: str, entry: Any) -> bool | str:
    """Whether a framework's checker accepts the entry at all its cases in float64, or why it was not asked."""
    again = name.startswith("torch.autograd.gradcheck") and getattr(entry, "law", "") == "the same again"
    if not again and (why := unasked(entry)):
        return why  # gradcheck alone calls a backward twice, and says so
    asked = list(questions(entry, "float64"))
    if any(refuses(q) for q in asked):
        return "no room to differentiate"
    return all(_accepts(checker, q) for q in asked)


def refuses(q: Question) -> bool:
    """Whether a function takes its arguments, but not those beside them: rows that must sum to 1, labels ±1."""
    try:
        q.outputs(q.arrays)
    except Exception:
        return False
    try:
        rng = np.random.default_rng(0)
        q.outputs([x + 1e-6 * rng.choice([-1.0, 1.0], np.shape(x)) for x in q.arrays])
    except ValueError:
        return True
    return False


def _accepts(checker: Callable[[Question], bool], q: Question) -> bool:
    """That it raises is how most checkers say no; a backward that raises is no gradient."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker(q)
        except Exception:
            return False


def _numbers(entries: Sequence[Any], tally: Tally) -> list[float | None]:
    """The largest number that SciPy gives each entry over its cases, sorted, NaN last."""
    found = []
    for entry in entries:
        if entry.id not in tally.unasked:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(max((_number(q) for q in questions(entry, "float64")), key=lambda x: (np.isnan(x), x)))
    return [short(x, 3) for x in sorted(found, key=lambda x: (np.isnan(x), x))]


def _number(q: Question) -> float:
    try:
        return scipy_number(q)
    except Exception:
        return float("nan")


def by_rules(entry: Any) -> list[bool | str]:
    """Whether each of RULES accepts every gradient of an entry at all its cases, or why it was not asked."""
    if why := unasked(entry):
        return [why] * len(RULES)
    accepted = [True] * len(RULES)
    for q in (q for dtype in ASKED for q in questions(entry, dtype)):
        for kind in COTANGENTS:
            pairs = _pairs(q, kind)
            for k, rule in enumerate(RULES):
                if rule.cotangent == kind:
                    accepted[k] &= pairs is not None and all(_passes(rule, g, r) for g, r in pairs)
    return list(accepted)


def _pairs(q: Question, kind: str) -> list[tuple[Any, Any]] | None:
    """Gradient and truth of each argument as vectors, where there is a truth; None for a gradient that is not given."""
    try:
        found = q.gradients(q.arrays, q.cotangent(kind))
    except Exception:
        return None
    pairs = []
    for g, r in zip(found, truths(q, kind), strict=True):
        there = ~np.isnan(r)
        pairs.append((np.asarray(g).astype(np.float64)[there], r.astype(np.float64)[there]))
    return pairs


def _passes(rule: Rule, g: Any, r: Any) -> bool:
    with np.errstate(all="ignore"):
        return g.size == 0 or rule.accepts(g, r)
