"""The likely cause of a wrong gradient: hypotheses, tried on the cases where it is wrong, the most telling first.

Nothing here decides a verdict. What no hypothesis explains is located: in which branch, at which index, by which
arguments it is wrong; and what fits there is said.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gradproof.answers.factors import named, ratio
from gradproof.cases.case import Case
from gradproof.yours import hypotheses as h
from gradproof.yours import structure
from gradproof.yours.asked import Asking
from gradproof.yours.hypotheses import Seen, fitting
from gradproof.yours.judge import Judged
from gradproof.yours.places import places
from gradproof.yours.standard import Standard
from gradproof.yours.steps import of_steps
from gradproof.yours.subject import Subject
from oracles.floats import FORMATS, format_of
from reference.formula import Array

MOST = 3  # causes that are said
CASES = 3  # that a hypothesis must explain
POINTS = 2000  # of an elementwise function, at most


def causes(subject: Subject, standard: Standard, judged: Sequence[Judged]) -> list[str]:
    """What explains the numbers, the most telling first: at most three, each a line for a person.

    `judged` may hold what is right too: which arguments are wrong and which are right may say where to look.
    """
    found: dict[str, list[str]] = {}  # quantities by what is said of them
    done: set[str] = set()
    for j in sorted(judged, key=lambda j: (j.verdict != "wrong", not j.quantity.startswith("∂/∂"))):
        if j.verdict in ("wrong", "inaccurate") and j.quantity not in done:
            done.add(j.quantity)
            for words in _of(standard, j):
                found.setdefault(words, []).append(j.quantity)
    lines = [f"{' and '.join(quantities)}: {words}" for words, quantities in found.items()]
    unexplained = {j.quantity for j in judged if j.verdict == "wrong"} - {q for said in found.values() for q in said}
    if unexplained and (line := _whose(judged)):
        lines.insert(0, line)
    return lines[:MOST]


def _of(standard: Standard, j: Judged) -> list[str]:
    """The causes of one quantity in one dtype."""
    if j.why == "has no gradient":
        return ["no gradient is given: None, or nothing that leads there"]
    quantity = f"∂/∂{j.argument}" if j.argument else j.quantity  # by the standard's names
    every = [Seen(standard, a.case, quantity, got, truth) for a, got, truth in j.shown]
    if not every:
        return []
    with np.errstate(all="ignore"):
        if every[0].got.shape != every[0].truth.shape:
            return _shape(every)
        if j.verdict == "inaccurate":
            return _unstable(every)
        seen = _ordinary(every)
        if stale := _stale(every):
            return [stale]
        if all(s.fits(s.truth) for s in seen):
            return _noise(every) or _unstable(every)
        slopes = fitting(structure.of_slopes(seen[0]), seen) if j.quantity.startswith("∂/∂") else iter(())
        return list(_first(_explained(seen), MOST)) or _located(seen) or list(_first(slopes, 1)) or _noise(every)


def of_one(standard: Standard, quantity: str, seen: Sequence[tuple[Case, Array, Array]]) -> str:
    """The most telling cause of one quantity that is wrong in these cases: (case, got, truth) each; empty for none.

    `quantity` is an output or "∂/∂" and an argument.
    """
    argument = quantity.removeprefix("∂/∂") if quantity.startswith("∂/∂") else ""
    shown = [(Asking(case, {n: n for n in case.arguments}), got, truth) for case, got, truth in seen]
    judged = Judged(quantity, seen[0][0].dtype, 0.0, argument, verdict="wrong", shown=shown)
    return next(iter(_of(standard, judged)), "")


def _first(words: Iterator[str], most: int) -> Iterator[str]:
    """The first few, none twice; what says all by itself stands alone."""
    given: list[str] = []
    for line in words:
        if line not in given:
            given.append(line)
            yield line
        if len(given) == most or (len(given) == 1 and line.startswith(ALONE)):
            return


ALONE = (
    "it is not finite",
    "the divisor is n",
    "it is zero",
    "the sign is wrong",
    "it is the transpose",
    "the cotangent",
)


def _ordinary(every: Sequence[Seen]) -> list[Seen]:
    """The cases that show most: plain ones, and of an elementwise function ordinary points."""
    if h.elementwise(every[0]):
        return [_thinned(s) for s in every]
    plain = [s for s in every if s.case.regime == "plain"]
    return (plain or list(every))[:CASES]


def _thinned(s: Seen) -> Seen:
    """The ordinary points alone: the others are not to be explained; of very many only some are kept."""
    x = np.abs(s.x)
    middle = (x >= h.PLAIN[0]) & (x <= h.PLAIN[1]) & ~np.isnan(s.truth)
    if not middle.any():
        return s
    truth = np.where(middle, s.truth, np.nan)
    if x.size <= POINTS:
        return dataclasses.replace(s, truth=truth)
    some = np.flatnonzero(middle)[:: 1 + int(middle.sum()) // POINTS]
    arguments = {n: np.asarray(a)[some] for n, a in s.case.arguments.items()}
    seeds = {n: np.asarray(v)[some] for n, v in (s.case.cotangent or {}).items()}
    case = dataclasses.replace(s.case, arguments=arguments, cotangent=seeds)
    return dataclasses.replace(s, case=case, got=s.got[some], truth=s.truth[some])


def _explained(seen: Sequence[Seen]) -> Iterator[str]:
    """What explains all of it, in words."""
    s = seen[0]
    if any(not np.isfinite(t.got[np.isfinite(t.truth)]).all() for t in seen):
        yield from _not_finite(seen)
        return
    if all(not t.got[~np.isnan(t.truth)].any() for t in seen):
        yield "it is zero"
        return
    if all(not t.truth[~np.isnan(t.truth)].any() for t in seen):
        yield "it is not zero where the truth is"
        return
    factor = _factor(seen)
    if words := named(factor, _sizes(s), s.near()) if math.isfinite(factor) else "":
        yield words
    if s.standard.formula is not None and s.standard.formula.is_step:
        yield from fitting(of_steps(s), seen)
    if s.argument:
        yield from fitting(h.of_the_cotangent(s), seen)
        if s.got.ndim == 2 and s.got.shape[0] == s.got.shape[1]:
            yield from fitting(iter([("it is the transpose", lambda s: s.truth.T)]), seen)
        yield from fitting(h.of_the_point(s), seen)
    yield from fitting(h.of_options(s), seen)
    yield from fitting(h.of_shares(s), seen)
    yield from h.fitted(seen)
    yield from fitting(h.of_other_arguments(s), seen)
    if s.argument:
        yield from fitting(structure.of_jacobians(s), seen)
    yield from fitting(h.of_other_formulas(s), seen)
    if s.argument:
        if not h.elementwise(s):
            yield from fitting(structure.of_order(s), seen)
        yield from structure.added(seen)
        yield from fitting(structure.of_normalisations(s), seen)
        yield from structure.terms(seen)
    yield from _divisors(seen)
    yield from _ignored(seen)
    if math.isfinite(factor) and not words:
        one = "" if len(seen) > 1 or h.elementwise(s) else ", of one case: it may be another in each"
        yield f"a constant factor (ratio {factor:.9g}{one})"
    yield from _factors(seen)


def _factor(seen: Sequence[Seen]) -> float:
    """The constant by which all are off; NaN if there is none."""
    got, truth = (np.concatenate([np.ravel(getattr(s, part)) for s in seen]) for part in ("got", "truth"))
    here = np.isfinite(truth)
    each = [ratio(s.got[np.isfinite(s.truth)], s.truth[np.isfinite(s.truth)], s.near()) for s in seen]
    c = ratio(got[here], truth[here], seen[0].near())
    return c if all(abs(r - c) <= 2 * seen[0].near() * abs(c) for r in each) else math.nan


def _sizes(s: Seen) -> dict[str, int]:
    """Numbers by which means divide."""
    shape = s.x.shape
    if h.elementwise(s) or not shape:
        return {}
    return {"n": shape[0], **({"d": shape[-1], "(n·d)": s.x.size} if len(shape) > 1 else {})}


def _factors(seen: Sequence[Seen]) -> Iterator[str]:
    """A factor that is constant in every case, but another one in each."""
    each = [ratio(s.got[~np.isnan(s.truth)], s.truth[~np.isnan(s.truth)], s.near()) for s in seen]
    if len(seen) < 2 or not all(map(math.isfinite, each)) or max(each) - min(each) < seen[0].near() * abs(max(each)):
        return
    said = ", ".join(f"{r:.6g}" for r in each)
    for name, of in FUNCTIONS.items():
        if all(s.x.ndim and abs(r / of(s.x.shape) - 1) < s.near() for r, s in zip(each, seen, strict=True)):
            yield f"a factor {name} (ratios {said}), n and d the first and the last size of {seen[0].argument}"
            return
    yield f"a factor that depends on the case (ratios {said}): a normalisation, a weight or the cotangent"


def _divisors(seen: Sequence[Seen]) -> Iterator[str]:
    """The number of rows where the weights of their labels are summed."""
    integers = [n for n, x in seen[0].case.arguments.items() if np.asarray(x).dtype.kind == "i" and np.ndim(x) == 1]
    for labels, weight in itertools.product(integers, seen[0].others()):
        if all(s.fits(s.truth * _mean_weight(s, labels, weight)) for s in seen):
            yield f"the divisor is n, not Σ {weight}[{labels}]"


def _mean_weight(s: Seen, labels: str, weight: str) -> float:
    """That of the labels that are classes; NaN where there is no weight for each."""
    y, w = np.asarray(s.case.arguments[labels]), s.others().get(weight, np.zeros(()))
    y = y[(y >= 0) & (y != s.parameters.get("ignore_index"))]
    return float(np.mean(w[y])) if w.ndim == 1 and y.size and y.max() < w.size else math.nan


def _ignored(seen: Sequence[Seen]) -> Iterator[str]:
    """Rows that an option leaves out, but that are counted by the mean."""
    for name, label in seen[0].case.parameters.items():
        if not isinstance(label, int):
            continue
        for argument, x in seen[0].case.arguments.items():
            if np.asarray(x).dtype.kind == "i" and all(s.fits(s.truth * _counted(s, argument, label)) for s in seen):
                yield f"the mean divides by all rows, with those that {name} = {label} leaves out"


def _counted(s: Seen, argument: str, label: int) -> float:
    return float(np.mean(np.asarray(s.case.arguments[argument]) != label))


FUNCTIONS: dict[str, Callable[[tuple[int, ...]], float]] = {
    "n": lambda shape: shape[0],
    "1/n": lambda shape: 1 / shape[0],
    "d": lambda shape: shape[-1],
    "1/d": lambda shape: 1 / shape[-1],
    "n·d": lambda shape: math.prod(shape),
    "1/(n·d)": lambda shape: 1 / math.prod(shape),
    "√d": lambda shape: math.sqrt(shape[-1]),
    "1/√d": lambda shape: 1 / math.sqrt(shape[-1]),
    "√n": lambda shape: math.sqrt(shape[0]),
    "1/√n": lambda shape: 1 / math.sqrt(shape[0]),
}


def _not_finite(seen: Sequence[Seen]) -> Iterator[str]:
    """Where a gradient is not finite and the truth is."""
    bad = [np.isfinite(s.truth) & ~np.isfinite(s.got) for s in seen]
    zero = [s.x == 0 if s.x.shape == s.got.shape else np.zeros(s.got.shape, bool) for s in seen]
    if any(z.any() for z in zero) and all((b <= z).all() for b, z in zip(bad, zero, strict=True)):
        yield "it is not finite where the input is 0: a division by it"
        return
    yield f"it is not finite in {sum(int(b.sum()) for b in bad)} of {sum(b.size for b in bad)} entries"


def _shape(every: Sequence[Seen]) -> list[str]:
    """What was done with an array that came in another shape."""
    s = every[0]
    got, truth = s.got, s.truth
    if got.T.shape == truth.shape and s.fits_as(got.T):
        return ["it is the transpose"]
    more = got.ndim - truth.ndim
    axes = {f"axis {k}": (k,) for k in range(got.ndim)} | {"the leading axes": tuple(range(max(more, 0)))}
    for name, over in axes.items():
        for word, reduce in (("summed", np.sum), ("averaged", np.mean)):
            for keep in (False, True):
                r = reduce(got, axis=over, keepdims=keep)
                if r.shape == truth.shape and s.fits_as(r):
                    return [f"it must be {word} over {name}, along which {s.argument} was broadcast"]
    said = (
        "summed over an axis too many" if got.size < truth.size else "not summed over an axis of a broadcast argument"
    )
    return [f"it is {said} (shape {got.shape}, not {truth.shape})"]


def _stale(every: Sequence[Seen]) -> str:
    """Whether each case has the gradient of the one before it, or all the same one."""
    pairs = [(s, t) for s, t in itertools.pairwise(every) if s.truth.shape == t.truth.shape]
    if len(pairs) < 2:
        return ""
    if all(t.got.shape == s.truth.shape and (t.fits(s.truth) or t.fits(t.right(s.case.arguments))) for s, t in pairs):
        return "it is the gradient of the case before: a cache that is not renewed"
    if all(np.array_equal(s.got, t.got) and s.got.any() for s, t in pairs) and not h.elementwise(every[0]):
        return "it is the same whatever the input is: kept from an earlier call"
    return ""


# ---------------------------------------------------------------- what no formula explains


def _located(seen: Sequence[Seen]) -> list[str]:
    """Where it is wrong and where it is right, and what explains it there."""
    for where, masks in places(seen):
        there = [dataclasses.replace(s, truth=np.where(m, s.truth, np.nan)) for s, m in zip(seen, masks, strict=True)]
        there = [s for s in there if np.isfinite(s.truth).any()]
        why = next(_explained(there), "") if there else ""
        return [f"wrong only {where}" + (f": there {why}" if why else "")]
    return []


def _noise(every: Sequence[Seen]) -> list[str]:
    """Errors of the size of a narrower format's roundoff."""
    digits = format_of(every[0].case.dtype)[1].digits
    got, truth = (np.concatenate([np.ravel(getattr(s, part)) for s in every]) for part in ("got", "truth"))
    here = np.isfinite(got) & np.isfinite(truth) & (np.abs(truth) > 2.0**-14) & (np.abs(truth) < 2.0**15)
    here &= np.abs(got - truth) > 2.0 ** (3 - digits) * np.abs(truth)
    if here.sum() < 3:
        return []
    error = float(np.median(np.abs(got[here] / truth[here] - 1)))
    for name in ("float32", "float16", "bfloat16"):
        narrow = FORMATS[name].digits
        if narrow < digits and 2.0 ** -(narrow + 4) < error < 2.0 ** -(narrow - 3):
            return [f"right but for errors of {error:.2g}, the roundoff of {name}: some of it is computed in {name}"]
    return []


def _unstable(every: Sequence[Seen]) -> list[str]:
    """How a right formula loses its digits."""
    if noise := _noise(every):
        return noise
    for where, _ in places(every):
        lost = "overflows" if any((~np.isfinite(s.got) & np.isfinite(s.truth)).any() for s in every) else "cancels"
        return [f"right elsewhere, but it {lost} {where}: a right formula in an unstable form"]
    overflow = any((~np.isfinite(s.got) & np.isfinite(s.truth)).any() for s in every)
    regimes = dict.fromkeys(s.case.regime.split(",")[0] for s in every)
    where = "where inputs are extreme" if "points" in regimes else f"in cases of the regime {', '.join(regimes)}"
    return [f"{'it overflows' if overflow else 'digits cancel'} {where}: an unstable form"]


def _whose(judged: Sequence[Judged]) -> str:
    """By which arguments a gradient is wrong, where others are right."""
    by = {j.quantity for j in judged if j.quantity.startswith("∂/∂")}
    wrong = sorted({j.quantity for j in judged if j.verdict == "wrong"} & by)
    fine = sorted(by - {*wrong})
    if not wrong or not fine:
        return ""
    return f"only {', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} wrong; {', '.join(fine)} right"
