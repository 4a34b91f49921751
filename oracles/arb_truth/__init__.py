"""The exact truth: forward definitions over balls, which the machines of this oracle differentiate.

    outputs, gradients = vjp(id, arguments, cotangent, **parameters)      any formula of arrays; see `arrays`
    pullback(…)                                                           the same, and what the cotangent sees
    one_sided(id, arguments, direction, cotangent, **parameters)          derivatives on both sides of a kink
    network(x, y, W, b, hidden, output, cost, …), penalty(W, …)           enclosures for whole networks
    pullback_of(f, arguments, cotangent)          as `pullback`, of a function of one's own, def f(xp, x, …)
    truth, truths(id, x, …), vector_truth, parallel_truths                activations at very many floats

Here the arrays of an answer are truths: `Conditioned`, or floats that bracket it. A definition says what a formula is,
over arrays of numbers; no derivative is written anywhere, and every gradient is found by two machines at least.
"""

from oracles.arb_truth.arrays import DEFINITIONS, Conditioned, Pullback, has, pullback, vjp
from oracles.arb_truth.chains import chained
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.namespace import forward, pullback_of
from oracles.arb_truth.network import NetworkTruth, network, penalty
from oracles.arb_truth.numbers import Undecided, Undefined
from oracles.arb_truth.onesided import OneSided, one_sided
from oracles.arb_truth.points import Request, parallel_truths, truth, truths, vector_truth

__all__ = [
    "DEFINITIONS",
    "Conditioned",
    "Forward",
    "NetworkTruth",
    "OneSided",
    "Pullback",
    "Request",
    "Undecided",
    "Undefined",
    "chained",
    "forward",
    "has",
    "network",
    "one_sided",
    "parallel_truths",
    "penalty",
    "pullback",
    "pullback_of",
    "truth",
    "truths",
    "vector_truth",
    "vjp",
]
