"""Where optimizers of the same name differ: each convention measured by a probe that only it can answer.

A probe feeds one parameter with gradients chosen so that the conventions give different numbers, and reads the
convention off the number. A reading is a name only if the measured number is that convention's to seven digits, else
the number speaks for itself. Nothing is taken from documentation or source.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.conventions.probe import Probe, finding
from gradproof.conventions.probe import read as by_name
from gradproof.evidence.finding import Finding
from reference import CATALOGUE

Play = Callable[..., list[float]]  # (name, gradients, dtype=, start=, rates=, **hyperparameters) -> moves of each step
Ask = Callable[[str, Play], "tuple[Any, str]"]  # (name, play) -> what was measured, and its reading


def play_ours(
    name: str,
    gradients: Sequence[float],
    dtype: str = "float64",
    start: float = 0.0,
    rates: Sequence[float] = (),
    **h: Any,
) -> list[float]:
    """The move that our rule makes with one parameter at each step; LookupError for an unknown hyperparameter."""
    step = CATALOGUE[f"update/{name}"].function
    for missing in h.keys() - inspect.signature(step).parameters.keys():
        raise LookupError(f"{name} has no {missing}")
    w, state, path = [np.full(1, start, dtype)], None, [start]
    for t, g in enumerate(gradients):
        eta = {"eta": rates[t]} if rates else {}
        w, state = step(w, [np.full(1, g, dtype)], state, **h, **eta)
        path.append(float(w[0][0]))
    return _moves(path)


def player(oracle: ModuleType) -> Play:
    """The same for an oracle, with its own defaults."""

    def play(
        name: str,
        gradients: Sequence[float],
        dtype: str = "float64",
        start: float = 0.0,
        rates: Sequence[float] = (),
        **h: Any,
    ) -> list[float]:
        path = oracle.native_steps(
            f"update/{name}",
            [np.full(1, start, dtype)],
            lambda t, _: [np.full(1, gradients[t], dtype)],
            len(gradients),
            rates,
            **h,
        )
        return _moves([start, *(float(w[0][0]) for w in path)])

    return play


def _moves(path: Sequence[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(path)]


def read(measured: float, candidates: Mapping[str, float]) -> str:
    """To seven digits."""
    return by_name(measured, candidates, 7)


def where_eps_is(name: str, play: Play) -> tuple[Any, str]:
    """Steady gradient 3 with ε = 0, 1 and 2: the three moves tell √v + ε from √(v + ε) and give √v itself."""
    steps = 8  # RAdam rectifies from step 5 or 6 on
    zero, one, two = (abs(play(name, [3.0] * steps, eta=1.0, eps=e)[-1]) for e in (0.0, 1.0, 2.0))
    if zero == 0:  # Adadelta starts from ε alone
        v = 9 * (1 - 0.9)
        first = abs(play(name, [3.0], eta=1.0, eps=1.0)[0])
        return first, read(
            first, {"√(d + ε)/√(v + ε)": 3 / math.sqrt(v + 1), "(√d + ε)/(√v + ε)": 3 / (math.sqrt(v) + 1)}
        )
    r, r2 = one / zero, two / zero
    outside, inside = r / (1 - r), r / math.sqrt(1 - r * r)  # the root, if ε is outside or inside
    if math.isclose(r2, outside / (outside + 2), rel_tol=1e-7):
        corrected = {"√v̂ + ε": 3.0, "√v + ε, v not corrected": 3 * math.sqrt(1 - 0.999**steps)}
        plain = name in ("adagrad", "rmsprop", "rmsprop_centered")
        return r, "√v + ε" if plain else "|g| + ε in the maximum" if name == "adamax" else read(outside, corrected)
    return r, "√(v + ε)" if math.isclose(r2, inside / math.sqrt(inside**2 + 2), rel_tol=1e-7) else f"{r:.6g}"


def initial_accumulator(name: str, play: Play) -> tuple[Any, str]:
    """First move at gradient 1 and ε = 0: 1/√(accumulator), from which its start follows."""
    first = abs(play(name, [1.0], eta=1.0, eps=0.0)[0])
    if name == "adagrad":
        start = 1 / first**2 - 1
        return start, f"{start:.3g}"
    second = abs(play(name, [1.0, 0.0, 1.0], eta=1.0, eps=0.0)[2])  # two equations for the start and the decay
    # 1/first² = ρs + (1 − ρ), 1/second² = ρ³s + ρ²(1 − ρ) + (1 − ρ); s = 0 means 1/second² = (1 − ρ)(1 + ρ²)
    rho = 1 - 1 / first**2
    return first, "0" if math.isclose(1 / second**2, (1 - rho) * (1 + rho**2), rel_tol=1e-7) else f"{first:.6g}"


def dampened_start(name: str, play: Play) -> tuple[Any, str]:
    """Two gradients of 1, μ = 0.9, dampening ½: is the first gradient dampened too?"""
    moves = [abs(m) for m in play(name, [1.0, 1.0], eta=1.0, mu=0.9, dampening=0.5)]
    return moves, read(moves[1], {"no: b₁ = g": 1.4, "yes: b₁ = (1 − τ)g": 0.95})


def where_eta_is(name: str, play: Play) -> tuple[Any, str]:
    """Gradients 1, 0 with μ = 0.9, η halved for the second step: does it act on the velocity carried over?"""
    kept, halved = (play(name, [1.0, 0.0], mu=0.9, rates=[1.0, eta])[1] for eta in (1.0, 0.5))
    ratio = halved / kept
    return ratio, read(
        ratio, {"outside: a new η acts on all of the velocity": 0.5, "inside: a new η acts on new gradients only": 1.0}
    )


def at_zero(name: str, play: Play) -> tuple[Any, str]:
    """First step at gradient 0, with the default ε and, where there is one, with ε = 0."""
    found = [play(name, [0.0], eta=0.1)[0]]
    try:
        found.append(play(name, [0.0], eta=0.1, eps=0.0)[0])
    except LookupError:
        return found, _zero(found[0])
    return found, _zero(found[0]) + (f"; {_zero(found[1])} at ε = 0" if _zero(found[1]) != _zero(found[0]) else "")


def _zero(move: float) -> str:
    return "stays" if move == 0 else "NaN" if math.isnan(move) else f"moves by {move:.3g}"


def amsgrad_maximum(name: str, play: Play) -> tuple[Any, str]:
    """Gradients 1, 0.1 with ε = 0: what the second move is divided by."""
    move = abs(play(name, [1.0, 0.1], eta=1.0, eps=0.0)[1])
    m, v1 = 0.9 * 0.1 + 0.1 * 0.1, 0.001
    v2 = 0.999 * v1 + 0.001 * 0.01
    c1, c2 = 1 - 0.9**2, 1 - 0.999**2
    top = max(v1, v2)
    return move, read(
        move,
        {
            "max v, never corrected": m / math.sqrt(top),
            "max v, corrected after": m / c1 / math.sqrt(top / c2),
            "max v̂, corrected before": m / c1 / math.sqrt(max(v1 / 0.001, v2 / c2)),
        },
    )


def rectified_from(name: str, play: Play) -> tuple[Any, str]:
    """Steady gradient 3: until the rectifier sets in, each move is η·3."""
    moves = play(name, [3.0] * 12, eta=1.0, eps=0.0)
    step = next(t for t, m in enumerate(moves, 1) if abs(abs(m) - 3) > 1e-6)
    rho = [1999 - 2 * t * 0.999**t / (1 - 0.999**t) for t in (step - 1, step)]
    return step, f"step {step}: between ρ = {rho[0]:.2f} and {rho[1]:.2f}"


def nadam_schedule(name: str, play: Play) -> tuple[Any, str]:
    """First move at gradient 1, η = 1, ε = 0: 1 + μ₂(1 − β₁)/(1 − μ₁μ₂) + …, which shows μ."""
    move = abs(play(name, [1.0], eta=1.0, eps=0.0)[0])
    mu1, mu2 = (0.9 * (1 - 0.5 * 0.96 ** (t / 250)) for t in (1, 2))
    return move, read(
        move, {"μₜ = β₁(1 − ½·0.96^(t/250))": 1 + mu2 * 0.1 / (1 - mu1 * mu2), "μₜ = β₁": 1 + 0.9 * 0.1 / (1 - 0.81)}
    )


def decay_factor(name: str, play: Play) -> tuple[Any, str]:
    """Parameter 1, gradient 0, η = λ = 0.1: what is taken off the parameter."""
    move = abs(play(name, [0.0], start=1.0, eta=0.1, lam=0.1)[0])
    names = {"ηλw": 0.01, "λw": 0.1, "nothing": 0.0}
    if name == "adam":
        names = {"ηλw": 0.01, "η: the decay is normalised like a gradient": 0.1 * 0.1 / (0.1 + 1e-8)}
    return move, read(move, names)


def after_a_spike(name: str, play: Play) -> tuple[Any, str]:
    """One gradient of 10²⁰, then a hundred of 1: how far the hundred move the parameter in float32 and in float64."""
    moved, wide = (abs(sum(play(name, [1e20] + [1.0] * 100, t, eta=0.01)[1:])) / 0.01 for t in ("float32", "float64"))
    as_wide = "as far as in float64" if math.isclose(moved, wide, rel_tol=1e-3) else f"{moved:.3g}·η, not {wide:.3g}·η"
    return [moved, wide], as_wide


def steady_gradient(name: str, play: Play) -> tuple[Any, str]:
    """float32, gradient ⅓ again and again, ρ = 0.9: E[g²] − E[g]² cancels, and may turn negative."""
    moves = play(name, [1 / 3] * 400, "float32", eta=0.01, rho=0.9)
    bad = next((t for t, m in enumerate(moves, 1) if math.isnan(m)), 0)
    return bad, f"NaN from step {bad}" if bad else f"finite; last move {abs(moves[-1]) / 0.01:.3g}·η"


def direction(name: str, play: Play) -> tuple[Any, str]:
    """All defaults, gradient 1: which way the parameter goes."""
    move = play(name, [1.0])[0]
    return move, "downhill" if move < 0 else "uphill" if move > 0 else "stays"


def vector(name: str, play: Play) -> tuple[Any, str]:
    """A parameter of one axis, gradient 1, η = 1: whose step it makes."""
    move = abs(play(name, [1.0], eta=1.0)[0])
    column = 1.0
    for _ in range(5):
        column = 3.4445 * column - 4.775 * column**3 + 2.0315 * column**5
    return move, by_name(move, {"a column's": column, "that of AdamW with Nesterov's momentum": 1 + 0.09 / 0.19}, 5)


def single_scalars(name: str, play: Play) -> tuple[Any, str]:
    """float32, gradient 1, η = 1, ε = 0: the first move of Adam is exactly 1; its error shows that of 1 − βᵗ."""
    error = abs(play(name, [1.0], "float32", eta=1.0, eps=0.0)[0]) - 1
    return error, f"off by {abs(error) / 2**-24:.0f} u" if error else "exact"


def nonsense(name: str, play: Play) -> tuple[Any, str]:
    """η = −1, β₁ = 1.5, ε = −1: refused or used?"""
    answers = {}
    for label, given in (("η = −1", {"eta": -1.0}), ("β₁ = 1.5", {"beta1": 1.5}), ("ε = −1", {"eps": -1.0})):
        try:
            play(name, [1.0], **({"eta": 0.1} | given))
            answers[label] = "used"
        except ValueError as error:
            answers[label] = f"ValueError: {error}"
    used = [label for label, answer in answers.items() if answer == "used"]
    return answers, f"uses {', '.join(used)}" if used else "refuses all three (ValueError)"


ADAPTIVE = (
    "adagrad",
    "rmsprop",
    "rmsprop_centered",
    "adadelta",
    "adam",
    "adamw",
    "amsgrad",
    "nadam",
    "radam",
    "adamax",
)
EVERY = ("sgd", "momentum", *ADAPTIVE, "lion")

QUESTIONS: tuple[tuple[str, Ask, tuple[str, ...]], ...] = (
    ("where ε is added", where_eps_is, ADAPTIVE),
    ("accumulator starts at", initial_accumulator, ("adagrad", "rmsprop")),
    ("first gradient dampened", dampened_start, ("momentum",)),
    ("η and the velocity", where_eta_is, ("momentum", "nesterov", "rmsprop")),
    ("first step at gradient 0", at_zero, EVERY),
    ("maximum taken of", amsgrad_maximum, ("amsgrad",)),
    ("rectified from", rectified_from, ("radam",)),
    ("momentum schedule", nadam_schedule, ("nadam",)),
    ("decay takes off", decay_factor, ("sgd", "adam", "adamw", "lion")),
    ("one gradient of 10²⁰ in float32", after_a_spike, ("adam",)),
    ("steady gradient in float32", steady_gradient, ("rmsprop_centered",)),
    ("direction with all defaults", direction, ("adadelta",)),
    ("what is no matrix", vector, ("muon",)),
    ("float32 scalars", single_scalars, ("adam",)),
    ("impossible hyperparameters", nonsense, ("adam",)),
)


def of(name: str, oracles: Mapping[str, ModuleType]) -> list[Finding]:
    """Every question that applies to one rule, by us and by each oracle, and the defaults of each."""
    players = {"ours": play_ours, **{side: player(oracle) for side, oracle in oracles.items()}}
    id = f"update/{name}"
    found = [
        finding(Probe(topic, id, (ask.__doc__ or "").strip(), functools.partial(ask, name)), side, play)
        for topic, ask, names in QUESTIONS if name in names
        for side, play in players.items()
    ]  # fmt: skip
    given = {"ours": dict(CATALOGUE[id].parameters), **{side: oracle.defaults(id) for side, oracle in oracles.items()}}
    return found + [Finding("default", id, side=side, more={"given": numbers}) for side, numbers in given.items()]


# ---------------------------------------------------------------- clipping at its edges

VALUE, NORM = "update/clip_by_value", "update/clip_by_norm"


def _length(side: Any, g: Any, limit: float) -> float:
    return float(np.linalg.norm(side.native(NORM, {"g1": g}, max_norm=limit)[0]["g1"]))


def _clipped(side: Any, id: str, g: Any, limit: float) -> list[float]:
    name = "max_norm" if id == NORM else "max_value"
    return list(side.native(id, {"g1": g}, **{name: limit})[0]["g1"].tolist())


def _backward(side: Any, id: str, g: Any, limit: float, v: Any) -> list[float]:
    name = "max_norm" if id == NORM else "max_value"
    return list(side.vjp(id, {"g1": g}, {"g1": v}, **{name: limit})[1]["g1"].tolist())


def edges() -> list[Probe]:
    """Clipping at its edges."""
    g34, v12, one = np.array([3.0, 4.0]), np.array([1.0, 2.0]), np.ones(1)
    asked: list[tuple[str, str, Callable[[Any], Any]]] = [
        ("length after clipping, over the limit, −1 (‖g‖ = 5, limit 0.001)", NORM,
         lambda side: _length(side, g34, 1e-3) / 1e-3 - 1),
        ("backward at ‖g‖ = limit, g = (3, 4), v = (1, 2)", NORM, lambda side: _backward(side, NORM, g34, 5.0, v12)),
        ("backward at g = 0, v = (1, 2)", NORM, lambda side: _backward(side, NORM, 0 * g34, 1.0, v12)),
        ("length of a clipped float32 (10³⁰, 10³⁰), limit 1", NORM,
         lambda side: _length(side, np.full(2, 1e30, np.float32), 1.0)),
        ("g = (∞, 1), limit 1", NORM, lambda side: _clipped(side, NORM, np.array([np.inf, 1.0]), 1.0)),
        ("g = 0, limit 0", NORM, lambda side: _clipped(side, NORM, 0 * g34, 0.0)),
        ("backward at g = limit = 1, v = 1", VALUE, lambda side: _backward(side, VALUE, one, 1.0, one)),
        ("g = NaN, limit 1", VALUE, lambda side: _clipped(side, VALUE, np.full(1, np.nan), 1.0)),
    ]  # fmt: skip

    def probe(what: str, id: str, measure: Callable[[Any], Any]) -> Probe:
        def ask(side: Any) -> tuple[Any, str]:
            measured = measure(side)
            return measured, _text(measured)

        return Probe("clipping at its edges", id, what, ask)

    return [probe(*question) for question in asked]


def _text(x: Any) -> str:
    return f"({', '.join(map(_text, x))})" if isinstance(x, list) else "NaN" if math.isnan(x) else f"{x:.4g}"
