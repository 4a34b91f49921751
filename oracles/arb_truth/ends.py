"""Costs and regularizers: forward definitions over numbers, which may be balls, power series or nodes of a tape.

A cost takes outputs a and targets y, lists of rows: n examples of d numbers, and returns one number. A regularizer
takes the list of all weights. Parameters are exact balls.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flint import arb

from oracles.arb_truth.costs import LOSSES
from oracles.arb_truth.definition import Ball, Number, bind, check_parameters, log_softmax, lookup
from oracles.arb_truth.tape import elementwise, sum_of_sizes, sum_of_squares, total
from oracles.cost_arguments import ENDS

Matrix = list[list[Number]]
Targets = list[list[Ball]]


class Undefined(ArithmeticError):
    """The cost does not exist there, such as the logarithm of a number that is not positive."""


# ---------------------------------------------------------------- costs


def _log(u: Number) -> Number:
    if u[0] <= 0:
        raise Undefined(f"the cost takes the logarithm of {u[0]}")
    return u.log()


def _each(a: Matrix, y: Targets, term: Callable[[Number, Ball], Number]) -> Number:
    """Σᵢⱼ term(a_ij, y_ij)."""
    return total([term(p, t) for row, targets in zip(a, y, strict=True) for p, t in zip(row, targets, strict=True)])


def _residuals(a: Matrix, y: Targets) -> list[Number]:
    return [p - t for row, targets in zip(a, y, strict=True) for p, t in zip(row, targets, strict=True)]


def _weighted(y: Ball, f: Callable[[Number], Number], u: Number) -> Number:
    """y·f(u), and 0 for y = 0 whatever u is: the convention 0·log 0 = 0."""
    return 0 if y == 0 else y * f(u)


def quadratic(a: Matrix, y: Targets) -> Number:
    """Σ(a − y)²/(2n)."""
    return sum_of_squares(_residuals(a, y)) / (2 * len(a))


def mse(a: Matrix, y: Targets) -> Number:
    """Σ(a − y)²/(nd)."""
    return sum_of_squares(_residuals(a, y)) / (len(a) * len(a[0]))


def mae(a: Matrix, y: Targets) -> Number:
    """Σ|a − y|/(nd)."""
    return sum_of_sizes(_residuals(a, y)) / (len(a) * len(a[0]))


def huber(a: Matrix, y: Targets, delta: Ball) -> Number:
    """Σh(a − y)/(nd), h(r) = r²/2 for |r| ≤ δ and δ(|r| − δ/2) beyond."""
    g = bind("activation/huber", delta=delta)
    return _each(a, y, lambda p, t: elementwise(g, p - t)) / (len(a) * len(a[0]))


def bce(a: Matrix, y: Targets) -> Number:
    """−Σ[y log a + (1 − y) log(1 − a)]/n."""
    return -_each(a, y, lambda p, t: _weighted(t, _log, p) + _weighted(1 - t, _log, 1 - p)) / len(a)


def bce_logits(z: Matrix, y: Targets) -> Number:
    """Σ[log(1 + eᶻ) − yz]/n."""
    g = bind("activation/softplus")
    return _each(z, y, lambda p, t: elementwise(g, p) - t * p) / len(z)


def cross_entropy(a: Matrix, y: Targets) -> Number:
    """−Σ y log a/n."""
    return -_each(a, y, lambda p, t: _weighted(t, _log, p)) / len(a)


def nll(a: Matrix, y: Targets) -> Number:
    """−Σ y a/n."""
    return -_each(a, y, lambda p, t: t * p) / len(a)


def softmax_cross_entropy(z: Matrix, y: Targets) -> Number:
    """−Σ y log softmax(z)/n, softmax over each row."""
    return nll([log_softmax(row, arb(1)) for row in z], y)


class Term(NamedTuple):
    """A cost or a regularizer: its function, parameters with defaults, and a condition on them, in Python."""

    function: Callable[..., Number]
    parameters: Mapping[str, float] = {}
    requires: str = "True"


COSTS = {
    "cost/quadratic": Term(quadratic),
    "cost/mse": Term(mse),
    "cost/mae": Term(mae),
    "cost/huber": Term(huber, {"delta": 1.0}, "delta > 0"),
    "cost/bce": Term(bce),
    "cost/bce_logits": Term(bce_logits),
    "cost/cross_entropy": Term(cross_entropy),
    "cost/nll": Term(nll),
    "cost/softmax_cross_entropy": Term(softmax_cross_entropy),
}


def ending(id: str) -> Term:
    """The cost `id` of several inputs, of outputs and targets at the end of a network."""
    end, loss = ENDS[id], LOSSES[id]

    def cost(a: Matrix, y: Targets, **parameters: Ball) -> Number:
        outputs, targets = (a, [row.index(1) for row in y]) if end.labelled else (a, y)
        if id == "cost/wasserstein_critic":  # scores, not rows
            outputs, targets = ([u for row in matrix for u in row] for matrix in (a, y))
        terms, divisor = loss.function(**{end.outputs: outputs, end.targets: targets}, **parameters)
        mean: Number = len(a) if end.reduction == "batchmean" else divisor
        return total(terms) / mean

    return Term(cost, loss.parameters)


ENDINGS = {id: ending(id) for id in ENDS}


# ---------------------------------------------------------------- regularizers: every weight of the network


def none(w: list[Number]) -> Number:
    """No penalty."""
    return 0


def l2(w: list[Number], lam: Ball, n: Ball) -> Number:
    """λ/(2n)·Σw²."""
    return lam / (2 * n) * sum_of_squares(w)


def l1(w: list[Number], lam: Ball) -> Number:
    """λΣ|w|."""
    return lam * sum_of_sizes(w)


def elastic_net(w: list[Number], lam: Ball, mix: Ball) -> Number:
    """λΣ(mix·|w| + (1 − mix)·w²/2)."""
    return mix * l1(w, lam) + (1 - mix) * l2(w, lam, arb(1))


REGULARIZERS = {
    "regularizer/none": Term(none),
    "regularizer/l2": Term(l2, {"lam": 0.1, "n": 1}, "lam >= 0 and n > 0"),
    "regularizer/l1": Term(l1, {"lam": 0.1}, "lam >= 0"),
    "regularizer/elastic_net": Term(elastic_net, {"lam": 0.1, "mix": 0.5}, "lam >= 0 and 0 <= mix <= 1"),
}


def bind_term(id: str, table: Mapping[str, Term], parameters: Mapping[str, float]) -> Callable[..., Number]:
    """The cost or regularizer `id` of `table` with its parameters filled in; errors as `arb_definitions.bind`."""
    term = lookup(id, table)
    values = check_parameters(id, term.parameters, term.requires, parameters)
    return functools.partial(term.function, **values)
