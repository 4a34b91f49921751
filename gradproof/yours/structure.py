"""Hypotheses about the inside of a derivative: sums over an axis, a Jacobian too many, a normalisation, a term."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from gradproof.answers.factors import close, ratio
from gradproof.yours.hypotheses import Hypothesis, Seen, elementwise
from reference import CATALOGUE
from reference.formula import Array, Formula

EPS = (0.0, 1e-5, 1e-6, 1e-8, 1e-3, 1e-12)  # that are added to a variance


# ---------------------------------------------------------------- Jacobians


def softmax(z: Array) -> Array:
    """That of each row."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


def _through_softmax(s: Array, v: Array) -> Array:
    return np.asarray(s * (v - (s * v).sum(-1, keepdims=True)))


def of_jacobians(s: Seen) -> Iterator[Hypothesis]:
    """A Jacobian of rows that is left out, applied once more, summed over the wrong axis, or of which a part is."""
    if s.x.ndim == 0 or elementwise(s):
        return
    yield "softmax is applied twice", lambda s: s.right({s.argument: softmax(s.x)})
    yield (
        "softmax is applied twice, and differentiated twice",
        (lambda s: _maybe(s.right({s.argument: softmax(s.x)}), lambda g: _through_softmax(softmax(s.x), g))),
    )
    yield (
        "softmax's Jacobian is applied once more: this is no gradient by its output",
        (lambda s: _through_softmax(softmax(s.x), s.truth) if s.truth.shape == s.x.shape else None),
    )
    yield (
        "it is the gradient by the logits of a softmax (p − y), not by its probabilities",
        (lambda s: _through_softmax(s.x, s.truth)),
    )
    yield (
        "it is the gradient by the logit of a sigmoid (p − y), not by its probability",
        (lambda s: s.x * (1 - s.x) * s.truth),
    )
    yield "the slope of a sigmoid is applied once more", lambda s: s.truth / (2 + np.exp(s.x) + np.exp(-s.x))
    yield "the input stands in it once more", lambda s: s.truth * s.x
    yield "it is divided by the input", lambda s: s.truth / s.x
    yield from _of_rows(s)


def _of_rows(s: Seen) -> Iterator[Hypothesis]:
    a = s.value()
    if a is None or s.v is None or a.shape != s.v.shape or a.shape != s.x.shape or a.ndim < 2:
        return

    def of(build: Callable[[Array, Array], Array]) -> Callable[[Seen], Any]:
        def predict(s: Seen) -> Any:
            a, v = s.value(), s.v
            return None if a is None or v is None else build(a, v)

        return predict

    yield "the sum over the row, Σ a·v, is missing", of(lambda a, v: a * v)
    yield "the sum runs over the wrong axis", of(lambda a, v: a * (v - (a * v).sum(0, keepdims=True)))
    yield "the sum runs over the whole array", of(lambda a, v: a * (v - (a * v).sum()))
    yield "the mean over the row stands for the sum", of(lambda a, v: a * (v - (a * v).mean(-1, keepdims=True)))
    yield "only the diagonal of the Jacobian is there: a(1 − a)·v", of(lambda a, v: a * (1 - a) * v)
    yield "the sum over the row is added, not subtracted", of(lambda a, v: a * (v + (a * v).sum(-1, keepdims=True)))
    yield "the sum is of v, not of a·v", of(lambda a, v: a * (v - v.sum(-1, keepdims=True)))
    yield "the factor a in front is missing", of(lambda a, v: v - (a * v).sum(-1, keepdims=True))
    yield "the softmax in front of the sum is missing", of(lambda a, v: v - v.sum(-1, keepdims=True))
    yield "the sum of the cotangent over the row is missing", of(lambda a, v: v - a)
    yield "exp(a) is replaced by a", of(lambda a, v: v - a * v.sum(-1, keepdims=True))
    yield "the sum runs over the wrong axis", of(lambda a, v: v - np.exp(a) * v.sum(0, keepdims=True))
    yield (
        "the projection on the row is missing",
        (lambda s: None if s.v is None else s.v / np.sqrt((s.x * s.x).sum(-1, keepdims=True))),
    )
    yield "the sum runs over the wrong axis", lambda s: _over_the_other_axis(s)


def _over_the_other_axis(s: Seen) -> Any:
    found = s.right({s.argument: s.x.T}, {name: np.asarray(v).T for name, v in (s.case.cotangent or {}).items()})
    return None if found is None else found.T


def of_order(s: Seen) -> Iterator[Hypothesis]:
    """The right entries in the wrong order."""
    for axis in range(s.got.ndim):
        n, along = s.got.shape[axis], f" along axis {axis}" if s.got.ndim > 1 else ""
        yield f"the entries are reversed{along}", lambda s, k=axis: np.flip(s.truth, k)  # type: ignore[misc]
        if n % 2 == 0:
            yield f"the two halves are exchanged{along}", lambda s, k=axis: np.roll(s.truth, s.truth.shape[k] // 2, k)  # type: ignore[misc]
        for by in (1, -1):
            yield f"the entries are shifted by {by}{along}", lambda s, k=axis, by=by: np.roll(s.truth, by, k)  # type: ignore[misc]


def _maybe(x: Array | None, change: Callable[[Array], Array]) -> Array | None:
    return None if x is None else change(x)


def of_slopes(s: Seen) -> Iterator[Hypothesis]:
    """The slope of an activation that stands in it once more, or is missing."""
    for other in CATALOGUE.values():
        if other.elementwise:
            yield f"the slope of {other.id} stands in it once more", lambda s, f=other: s.truth * _slope(f, s.x)  # type: ignore[misc]
            yield f"the slope of {other.id} is missing", lambda s, f=other: s.truth / _slope(f, s.x)  # type: ignore[misc]


def _slope(formula: Formula, x: Array) -> Array:
    return np.asarray(formula.function(x)[1])


# ---------------------------------------------------------------- normalisations


class Normalisation(NamedTuple):
    """The gradient of one by x: r·(w·v − mean − x̂·mean(w·v·x̂)) over `axis`, and `rest`, which other outputs add."""

    x: Array
    v: Array
    weight: Array
    axis: tuple[int, ...]
    centred: bool
    eps: float
    rest: Array

    @property
    def deviations(self) -> Array:
        """x from its mean, where that is subtracted."""
        return np.asarray(self.x - self.x.mean(self.axis, keepdims=True)) if self.centred else self.x

    @property
    def square(self) -> Array:
        """Their mean square."""
        return np.asarray((self.deviations**2).mean(self.axis, keepdims=True))

    @property
    def inverse(self) -> Array:
        """1/√(mean square + ε)."""
        return np.asarray(1 / np.sqrt(self.square + self.eps))

    @property
    def entries(self) -> int:
        """How many are normalised together."""
        return int(np.prod([self.x.shape[k] for k in self.axis]))

    def gradient(self, r: Array, inner: Array, terms: tuple[int, int] = (1, 1), scaled: bool = True) -> Array:
        """That, with `r` in front, `inner` the inverse deviation in x̂, and `terms` that are there."""
        dy = self.v * self.weight if scaled else self.v
        h = self.deviations * inner
        mean = dy.mean(self.axis, keepdims=True) if self.centred else 0.0
        return np.asarray(
            r * (dy - terms[0] * mean - terms[1] * h * (dy * h).mean(self.axis, keepdims=True)) + self.rest
        )


Part = Callable[[Normalisation], Array]  # of it: what stands for its inverse deviation


def _normalisation(s: Seen) -> Normalisation | None:
    """Over the last axes, or over all but that of channels: the one of which the truth is the gradient, if there is."""
    seeds = {name: np.asarray(v).astype(np.float64) for name, v in (s.case.cotangent or {}).items()}
    v = s.v if len(seeds) < 2 else seeds.get("value")
    if v is None or v.shape != s.x.shape or s.x.ndim == 0 or s.truth.shape != s.x.shape:
        return None
    alone = s.right(None, {name: np.zeros_like(w) for name, w in seeds.items() if name != "value"})
    rest = s.truth - alone if len(seeds) > 1 and alone is not None else np.zeros(())
    given = s.parameters
    columns = tuple(k for k in range(s.x.ndim) if k != 1) or (0,)
    weights = [np.ones(()), *(w + given.get("offset", 0) for w in s.others().values())]
    last = tuple(range(-int(given.get("axes", 1)), 0))
    for weight, axis, centred in product(weights, (last, columns), (True, False)):
        w = weight.reshape(-1, *[1] * (s.x.ndim - 2)) if axis == columns and weight.ndim == 1 else weight
        for eps in dict.fromkeys((given.get("eps", 0.0), *EPS)) if _broadcasts(w, v) else ():
            found = Normalisation(s.x, v, w, axis, centred, eps, rest)
            if close(found.gradient(found.inverse, found.inverse), s.truth, near=1e-9):
                return found
    return None


def _broadcasts(w: Array, v: Array) -> bool:
    try:
        return np.broadcast_shapes(w.shape, v.shape) == v.shape
    except ValueError:
        return False


def of_normalisations(s: Seen) -> Iterator[Hypothesis]:
    """Where the truth is the gradient of a normalisation over an axis, what goes wrong in one."""
    if (this := _normalisation(s)) is None:
        return
    known: dict[int, Normalisation | None] = {id(s): this}  # of each case once: what the truth is costs balls

    def of(front: Part, inner: Part, terms: tuple[int, int] = (1, 1), scaled: bool = True) -> Callable[[Seen], Any]:
        def predict(other: Seen) -> Any:
            if id(other) not in known:
                known[id(other)] = _normalisation(other)
            n = known[id(other)]
            return None if n is None else n.gradient(front(n), inner(n), terms, scaled)

        return predict

    def both(part: Part) -> Callable[[Seen], Any]:
        return of(part, part)

    def r(n: Normalisation) -> Array:
        return n.inverse

    def again(extra: float | None) -> Part:
        return lambda n: 1 / np.sqrt(n.inverse + (n.eps if extra is None else extra))

    for extra in (None, *EPS):
        words = "the saved inverse deviation is taken for a variance"
        yield words, both(again(extra))
        yield words, of(again(extra), r)
    yield "the inverse deviation is squared", of(lambda n: n.inverse**2, r)
    yield "the inverse deviation in front is missing", of(lambda n: np.ones_like(n.inverse), r)
    yield "the deviation is multiplied, not divided by", of(lambda n: 1 / n.inverse, r)
    yield "the variance is taken as constant: the term x̂·mean(dy·x̂) is missing", of(r, r, (1, 0))
    yield "the mean is taken as constant: the term mean(dy) is missing", of(r, r, (0, 1))
    yield "mean and variance are taken as constants", of(r, r, (0, 0))
    yield "the second term has the wrong sign", of(r, r, (1, -1))
    yield "the weight is left out", of(r, r, (1, 1), False)
    yield "the deviation is left out of x̂", of(r, lambda n: np.ones_like(n.inverse))
    yield "eps stands outside the root", both(lambda n: 1 / (np.sqrt(n.square) + n.eps))
    yield "eps is left out", both(lambda n: 1 / np.sqrt(n.square))
    yield (
        "the variance is that of a sample (n − 1)",
        both(lambda n: 1 / np.sqrt(n.square * n.entries / (n.entries - 1) + n.eps)),
    )


# ---------------------------------------------------------------- terms


def added(seen: Sequence[Seen]) -> Iterator[str]:
    """What is added to the truth: a multiple of the argument, of its sign, a constant, in words."""
    parts: dict[str, Callable[[Seen], Array]] = {
        "the argument is added: it is regularised": lambda s: s.x,
        "the sign of the argument is added: it is regularised": lambda s: np.sign(s.x),
        "the cotangent is added": lambda s: np.zeros(()) if s.v is None else s.v,
        "a constant is added": lambda s: np.ones(s.got.shape),
    }
    for words, part in parts.items():
        found = np.array([_multiple(s, part(s)) for s in seen])
        by_v = np.array([float(s.v) if s.v is not None and s.v.ndim == 0 else np.nan for s in seen])
        for c, more in ((found, ""), (found / by_v, ", times the cotangent")):
            if np.isfinite(c).all() and close(c, np.full(len(c), c[0]), near=1e-4):
                what = words.replace("a constant", f"the constant {c[0]:.6g}")
                yield (what if what != words else f"{c[0]:.6g} times {words}") + more
                break


def _multiple(s: Seen, part: Array) -> float:
    here = ~np.isnan(s.truth)
    if part.shape != s.got.shape or not np.isfinite(s.got[here]).all():
        return float("nan")
    rest = s.got[here] - s.truth[here]
    c = ratio(rest, part[here], near=1e-4)
    return c if np.abs(rest).max(initial=0) > s.near() * np.abs(s.truth[here]).max(initial=0) else float("nan")


def terms(seen: Sequence[Seen]) -> Iterator[str]:
    """A term of the derivative that is missing or has another coefficient, by least squares over those of the record.

    The record must state a function entry by entry. Nothing without SymPy.
    """
    formula = seen[0].standard.formula
    if formula is None or not seen[0].argument:
        return
    try:
        parts = _parts_of(formula, seen[0].argument)
    except Exception:  # a record that SymPy cannot take apart says nothing
        return
    if len(parts) < 2:
        return
    rows, got, truth = [], [], []
    for s in seen:
        values = _evaluated(parts, s)
        if values is None:
            return
        here = ~np.isnan(s.truth) & np.isfinite(s.got) & np.isfinite(values).all(0)
        total = ratio(s.truth[here], values.sum(0)[here])  # 1/n of a mean, and the cotangent of a cost
        scale = total if np.isfinite(total) else 1.0
        v = s.v if s.v is not None and s.v.shape == s.truth.shape else np.ones(s.truth.shape)
        rows.append((scale * values * (v if not np.isfinite(total) else 1.0))[:, here])
        got.append(s.got[here])
        truth.append(s.truth[here])
    table, mine, theirs = np.concatenate(rows, 1).T, np.concatenate(got), np.concatenate(truth)
    if len(mine) <= len(parts) or not close(table.sum(1), theirs):
        return
    c = np.linalg.lstsq(table, mine, rcond=None)[0]
    if not close(table @ c, mine, near=seen[0].near()) or np.linalg.matrix_rank(table) < len(parts):
        return
    kept, missing = ([t for (t, _), k in zip(parts, c, strict=True) if abs(k - p) <= 1e-4] for p in (1, 0))
    said = [f"a term has the factor {k:.4g}: {decimal(t)}"
            for (t, _), k in zip(parts, c, strict=True) if t not in kept and t not in missing]  # fmt: skip
    if kept and missing and (rho := _common_ratio(missing, kept)) is not None:
        said.insert(0, f"a factor is missing: 1 + {decimal(rho)}")
    elif kept and missing:
        are = "a term is missing" if len(missing) == 1 else "terms are missing"
        said.insert(0, f"{are}: {' and '.join(map(decimal, missing))}")
    if kept and said:
        yield "; ".join(said)


def _common_ratio(missing: Sequence[Any], kept: Sequence[Any]) -> Any:
    """The ρ with which every term that is missing is ρ times one that is there: they came of a factor 1 + ρ.

    It must be a multiple of a power. None where there is none.
    """
    each = [{m / k for k in kept if (m / k).is_polynomial() and (m / k).free_symbols} for m in missing]
    return next(iter(sorted(set.intersection(*each), key=str)), None)


def decimal(term: Any) -> str:
    """A SymPy expression as people write it, its numbers in six decimal digits.

    >>> from sympy import sqrt, symbols
    >>> decimal(sqrt(2) * symbols("z") ** 3 / 4)
    '0.353553·z³'
    """
    powers = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"\*\*(\d+)\b(?!\.)", lambda m: m[1].translate(powers), str(term.evalf(6)))
    return text.replace("*", "·")


def _parts_of(formula: Formula, argument: str) -> list[tuple[Any, Callable[..., Any]]]:
    """The terms of the derivative of what the record sums, entry by entry: as SymPy has them, and as functions."""
    import sympy

    names = {n: sympy.IndexedBase(n) for n in inspect.signature(formula.function).parameters if len(n) > 0}
    indices = {n: sympy.Symbol(n, integer=True) for n in ("i", "j", "k", "l", "n", "d", "m")}
    indexed = formula.arguments[0] != "z"
    known = {**indices, **{n: (b if indexed else sympy.Symbol(n, real=True)) for n, b in names.items()}}
    known |= {p: sympy.Symbol(p, positive=True) for p in formula.parameters}
    known |= {"full": sympy.Integer(0)}
    statement = sympy.sympify(formula.statement, locals=known)
    entries = {x: sympy.Symbol(str(x.base), real=True) for x in statement.atoms(sympy.Indexed)}
    for sum_ in statement.atoms(sympy.Sum):
        statement = statement.xreplace({sum_: sum_.function})
    statement = statement.xreplace(entries).subs(dict.fromkeys(indices.values(), 1))
    derivative = sympy.expand(sympy.diff(statement, sympy.Symbol(argument, real=True)))
    symbols = sorted(derivative.free_symbols, key=str)
    return [(t, _function(sympy.lambdify(symbols, t, "scipy" if _scipy() else "numpy"), [str(x) for x in symbols]))
            for t in sympy.Add.make_args(derivative)]  # fmt: skip


def _scipy() -> bool:
    import importlib.util

    return importlib.util.find_spec("scipy") is not None


def _function(of: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    return lambda given: of(*(given[name] for name in names))


def _evaluated(parts: Sequence[tuple[Any, Callable[..., Any]]], s: Seen) -> Array | None:
    formula = s.standard.formula
    given: Mapping[str, Any] = {
        **(formula.parameters if formula else {}), **s.standard.parameters, **s.case.parameters,
        "weight": 1.0, "pos_weight": 1.0, **s.others(), s.argument: s.x,
    }  # fmt: skip
    try:
        return np.array([np.broadcast_to(of(given), s.truth.shape) for _, of in parts], np.float64)
    except (KeyError, ValueError, TypeError):
        return None
