"""Scans: every output is made of the one before, so the slopes are made from the end backwards.

    y_t = f(y_{t−1}, x_t),    λ_t = v_t + λ_{t+1} ∂y_{t+1}/∂y_t,    ∂C/∂x_t = λ_t ∂y_t/∂x_t.

v_t is the cotangent of y_t, and λ_t the slope by y_t of all that comes of it; λ_T = v_T. T is the length of the axis
that is scanned. No table of T × T is made, and nothing is divided by an input.
"""

from __future__ import annotations

import numpy as np

from reference.formula import Array, formula
from reference.layers.axes import WHOLE, last
from reference.layers.layer import Gradients, Pullback, layer

UP_TO = "Piecewise((1, {0} <= {1}), (0, True))"
AXIS = "along one axis, the last by default"


def from_the_end(v: Array, factor: Array) -> Array:
    """λ_t = v_t + f_{t+1} λ_{t+1}, and λ = v at the end.  (..., T), (..., T) -> (..., T)."""
    out = v.copy()
    for t in reversed(range(v.shape[-1] - 1)):
        out[..., t] += factor[..., t + 1] * out[..., t + 1]
    return out


@formula(
    "layer/cumsum",
    statement=f"Sum(x[k]*{UP_TO.format('k', 'p')}, (k, 1, d))",
    derivative=f"Sum(v[p]*{UP_TO.format('q', 'p')}, (p, 1, d))",
    arguments=("x[q]",),
    valid=WHOLE,
    assumptions=(AXIS,),
    sources=("blelloch-1990", "pytorch-cumsum"),
)
@layer()
def cumsum(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Cumulative sum y_t = Σ_{s ≤ t} x_s along an axis.  x: (..., T) -> y: (..., T).

    x_s is in every y_t from t = s on: ∂C/∂x_s = Σ_{t ≥ s} v_t, the sum from the end. Raises ValueError for an axis
    that x does not have.
    """
    y = np.cumsum(last(x, axis), -1)  # (..., T)

    def pullback(v: Array) -> Gradients:
        back = np.cumsum(np.moveaxis(v, axis, -1)[..., ::-1], -1)[..., ::-1]
        return {"x": np.moveaxis(back, -1, axis)}

    return np.moveaxis(y, -1, axis), pullback


Scaled = tuple[Array, Array]  # m·2ᵉ with 1/2 ≤ |m| < 1: products of any size
ZERO_EXPONENT = -(1 << 40)  # below that of any product


def scaled(m: Array, e: Array | int = 0) -> Scaled:
    """m·2ᵉ as such a pair."""
    m, shift = np.frexp(m)
    return m, np.where(m == 0, ZERO_EXPONENT, shift.astype(np.int64) + e)


def number(a: Scaled) -> Array:
    """As a float."""
    return np.ldexp(a[0], np.clip(a[1], -5000, 5000).astype(np.intc))


def product(a: Scaled, b: Scaled) -> Scaled:
    """a·b; 0 where one is, whatever the other is."""
    return scaled(np.where((a[0] == 0) | (b[0] == 0), 0, a[0] * b[0]), a[1] + b[1])


def plus(a: Scaled, b: Scaled) -> Scaled:
    """a + b."""
    e = np.maximum(a[1], b[1])
    return scaled(number((a[0], a[1] - e)) + number((b[0], b[1] - e)), e)


REACHED = "Max(0, Min(1, {1} - ({0}) + 1))"  # 1 for {0} ≤ {1}, else 0, as an exponent
OTHERS = f"Product(x[k]**({REACHED.format('k', 'p')}*(1 - KroneckerDelta(k, q))), (k, 1, d))"


@formula(
    "layer/cumprod",
    statement=f"Product(x[k]**{REACHED.format('k', 'p')}, (k, 1, d))",
    derivative=f"Sum(v[p]*{REACHED.format('q', 'p')}*{OTHERS}, (p, 1, d))",
    arguments=("x[q]",),
    valid=WHOLE,
    assumptions=(
        AXIS,
        "the exponents are 1 for factors that take part, else 0",
        "nothing is divided by x, which may be 0",
    ),
    sources=("blelloch-1990", "pytorch-cumprod"),
)
@layer()
def cumprod(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Cumulative product y_t = Π_{s ≤ t} x_s along an axis.  x: (..., T) -> y: (..., T).

    ∂y_t/∂x_s for t ≥ s is the product of the others: y_{s−1} of those before, and those after up to t. Over all t,

        ∂C/∂x_s = y_{s−1} λ_s,    λ_s = v_s + x_{s+1} λ_{s+1},    y₀ = 1,    λ_T = v_T,

    also where an x is 0. Mantissas and exponents are kept apart, so that no product on the way overflows or vanishes.
    Raises ValueError for an axis that x does not have.
    """
    rows = last(x, axis)
    factors = [scaled(rows[..., t]) for t in range(rows.shape[-1])]  # (...) each
    before = [scaled(np.ones(rows.shape[:-1]))]  # y_{t−1}, the product of those before
    for factor in factors:
        before.append(product(before[-1], factor))
    y = np.stack([number(a) for a in before[1:]], -1)  # (..., T)

    def pullback(v: Array) -> Gradients:
        v, dx = np.moveaxis(v, axis, -1), np.empty(rows.shape)
        slope = scaled(np.zeros(rows.shape[:-1]))  # x_{t+1} λ_{t+1}
        for t in reversed(range(rows.shape[-1])):
            slope = plus(scaled(v[..., t]), slope)
            dx[..., t] = number(product(before[t], slope))
            slope = product(factors[t], slope)
        return {"x": np.moveaxis(dx, -1, axis)}

    return np.moveaxis(y, -1, axis), pullback


@formula(
    "layer/logcumsumexp",
    statement=f"log(Sum(exp(x[k])*{UP_TO.format('k', 'p')}, (k, 1, d)))",
    derivative=f"Sum(v[p]*{UP_TO.format('q', 'p')}*exp(x[q] - s[p]), (p, 1, d))",
    arguments=("x[q]",),
    valid=WHOLE,
    assumptions=(AXIS,),
    sources=("blelloch-1990", "pytorch-logcumsumexp"),
)
@layer()
def logcumsumexp(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Logarithm of the cumulative sum of exponentials, y_t = log Σ_{s ≤ t} e^{x_s}.  x: (..., T) -> y: (..., T).

    y_t = log(e^{y_{t−1}} + e^{x_t}), so with r_t = x_t − y_{t−1} the share of x_t in y_t is σ(r_t) and that of y_{t−1}
    is σ(−r_t): λ_t = v_t + σ(−r_{t+1}) λ_{t+1}, ∂C/∂x_t = σ(r_t) λ_t. It begins with y₀ = −∞, so σ(r₁) = 1, and going
    back with λ_T = v_T. Nothing overflows: both shares are at most 1. Raises ValueError for an axis that x does not
    have.
    """
    rows = last(x, axis)
    y = rows.copy()  # (..., T)
    for t in range(1, rows.shape[-1]):
        y[..., t] = np.logaddexp(y[..., t - 1], rows[..., t])
    before = np.concatenate([np.full((*rows.shape[:-1], 1), -np.inf), y[..., :-1]], -1)
    r = np.where(before == -np.inf, np.inf, rows - before)  # what begins has all of the share
    r = np.where(rows == -np.inf, -np.inf, r)

    def pullback(v: Array) -> Gradients:
        e = np.exp(-np.abs(r))  # (..., T)
        larger, smaller = 1 / (1 + e), e / (1 + e)
        slope = from_the_end(np.moveaxis(v, axis, -1), np.where(r > 0, smaller, larger))
        return {"x": np.moveaxis(np.where(r > 0, larger, smaller) * slope, -1, axis)}

    return np.moveaxis(y, -1, axis), pullback


THROUGH = f"Product(a[l]**({REACHED.format('l', '{1}')}*{REACHED.format('{0} + 1', 'l')}), (l, 1, d))"
BEGUN = f"Product(a[l]**{REACHED.format('l', '{0}')}, (l, 1, d))"
FROM = f"{REACHED}*{THROUGH}"
CARRIED = f"Sum(v[p]*{FROM.format('q', 'p')}, (p, 1, d))"
STATE = f"(h*{BEGUN} + Sum(b[k]*{FROM.format('k', '{0}')}, (k, 1, d)))"


@formula(
    "layer/linear_recurrence",
    statement=STATE.format("p"),
    derivative=CARRIED,
    arguments=("b[q]", "a[q]", "h"),
    partials={
        "a[q]": f"{CARRIED}*{STATE.format('q - 1')}",
        "h": f"Sum(v[p]*{BEGUN.format('p')}, (p, 1, d))",
    },
    valid=WHOLE,
    assumptions=(
        AXIS,
        "h is the initial state, 0 where it is not given",
        "printed written out, exponents 1 for what is reached",
    ),
    sources=("blelloch-1990", "martin-cundy-2018"),
)
@layer("value", "final_state")
def linear_recurrence(
    a: Array, b: Array, initial_state: Array | None = None, *, axis: int = -1
) -> tuple[tuple[Array, Array], Pullback]:
    """Linear recurrence h_t = a_t h_{t−1} + b_t along an axis.

    a, b: (..., T); initial_state h_0: (...) -> value h: (..., T), final_state h_T: (...).

    With v_t the cotangent of h_t, λ_T = v_T + that of the final state, and λ_t = v_t + a_{t+1} λ_{t+1} before:
    ∂C/∂b_t = λ_t, ∂C/∂a_t = λ_t h_{t−1}, ∂C/∂h_0 = a_1 λ_1. Without an initial state h_0 = 0, and a_1 does not enter.
    Raises ValueError for shapes that do not fit.
    """
    if a.shape != b.shape:
        raise ValueError(f"a has shape {a.shape}, b has shape {b.shape}; they must be equal")
    rows, h = last(a, axis, "a"), last(b, axis, "b").copy()  # (..., T)
    if initial_state is not None and initial_state.shape != h.shape[:-1]:
        raise ValueError(f"initial_state has shape {initial_state.shape}; expected {h.shape[:-1]}, all axes but {axis}")
    if initial_state is not None:
        h[..., 0] += rows[..., 0] * initial_state
    for t in range(1, h.shape[-1]):
        h[..., t] += rows[..., t] * h[..., t - 1]
    start = np.zeros(h.shape[:-1]) if initial_state is None else initial_state
    before = np.concatenate([start[..., None], h[..., :-1]], -1)  # h_{t−1}: (..., T)

    def pullback(v: Array, v_final: Array) -> Gradients:
        v = np.moveaxis(v, axis, -1).copy()
        v[..., -1] += v_final
        slope = from_the_end(v, rows)
        return {
            "a": np.moveaxis(slope * before, -1, axis),
            "b": np.moveaxis(slope, -1, axis),
            "initial_state": rows[..., 0] * slope[..., 0],
        }

    return (np.moveaxis(h, -1, axis), h[..., -1].copy()), pullback


ERASED = "(u[j] - Sum(S[j, p]*k[p], (p, 1, d)))"  # what is new in the value at this key
WRITTEN = f"(S[j, l] + b*k[l]*{ERASED})"
MATCH = "Sum(k[p]*q[p], (p, 1, d))"


@formula(
    "layer/delta_rule",
    statement=f"Sum(q[l]*{WRITTEN}, (l, 1, d))",
    derivative=f"Sum(v[j]*{WRITTEN}, (j, 1, m))",
    arguments=("q[l]", "k[l]", "u[j]", "b", "S[j, l]"),
    partials={
        "k[l]": f"Sum(b*v[j]*(q[l]*{ERASED} - {MATCH}*S[j, l]), (j, 1, m))",
        "u[j]": f"b*v[j]*{MATCH}",
        "b": f"Sum(v[j]*{ERASED}, (j, 1, m))*{MATCH}",
        "S[j, l]": f"v[j]*(q[l] - b*k[l]*{MATCH})",
    },
    assumptions=(
        "printed for one step: value u, write strength b, state S; later steps begin with the state of the one before",
        "the state begins with 0 where it is not given; keys are taken as they are, not normalised",
    ),
    sources=("schlag-2021", "yang-2024"),
)
@layer("value", "final_state")
def delta_rule(
    q: Array, k: Array, v: Array, beta: Array, initial_state: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """Delta rule S_t = S_{t−1} + β_t (v_t − S_{t−1} k_t) k_tᵀ, o_t = S_t q_t: a linear attention that corrects itself.

    q, k: (..., T, d); v: (..., T, m); beta: (..., T); initial_state S_0: (..., m, d)
    -> value o: (..., T, m), final_state S_T: (..., m, d).

    A bar marks a cotangent. In step t, with S: (m, d), q, k: (d,) and v: (m,), let r = v − S_{t−1}k be what is new, w
    the cotangent of o_t, and Λ = w qᵀ + what step t + 1 passes to S_t; step T takes the cotangent of the final state
    instead of that. Λ is the cotangent of S_t; q̄ = S_tᵀw, and the product β r kᵀ gives β̄ = rᵀΛk and r̄ = β Λk. Then

        v̄ = r̄,    k̄ = β Λᵀr − S_{t−1}ᵀr̄,    and Λ − r̄ kᵀ passes to S_{t−1}.

    What passes to S₀, 0 if not given, is the gradient by the initial state. Raises ValueError for shapes that do not
    fit.
    """
    if k.shape != q.shape or q.ndim < 2 or q.shape[-2] == 0:
        raise ValueError(f"q has shape {q.shape}, k has shape {k.shape}; expected (..., T, d) with T ≥ 1, both alike")
    (*before, T, d), m = q.shape, v.shape[-1] if v.ndim else 0
    for name, x, shape in (("v", v, (*before, T, m)), ("beta", beta, (*before, T))):
        if x.shape != shape:
            raise ValueError(f"{name} has shape {x.shape}; expected {shape}, as q has shape {q.shape}")
    if initial_state is not None and initial_state.shape != (*before, m, d):
        raise ValueError(f"initial_state has shape {initial_state.shape}; expected {(*before, m, d)}")
    states = [np.zeros((*before, m, d)) if initial_state is None else initial_state.copy()]  # (..., m, d) each
    news, outputs = [], []
    for t in range(T):
        news.append(v[..., t, :] - _apply(states[-1], k[..., t, :]))  # r: (..., m)
        states.append(states[-1] + beta[..., t, None, None] * _outer(news[-1], k[..., t, :]))
        outputs.append(_apply(states[-1], q[..., t, :]))
    o = np.stack(outputs, -2)  # (..., T, m)

    def pullback(w: Array, w_final: Array) -> Gradients:
        dq, dk, dv, dbeta = (np.zeros(x.shape) for x in (q, k, v, beta))
        dS = w_final.copy()  # Λ: (..., m, d)
        for t in reversed(range(T)):
            k_t, r, strength = k[..., t, :], news[t], beta[..., t, None]
            dS = dS + _outer(w[..., t, :], q[..., t, :])
            dq[..., t, :] = _apply(states[t + 1].swapaxes(-1, -2), w[..., t, :])
            along = _apply(dS, k_t)  # Λk: (..., m)
            dbeta[..., t] = (r * along).sum(-1)
            dr = strength * along
            dv[..., t, :] = dr
            dk[..., t, :] = strength * _apply(dS.swapaxes(-1, -2), r) - _apply(states[t].swapaxes(-1, -2), dr)
            dS = dS - _outer(dr, k_t)
        return {"q": dq, "k": dk, "v": dv, "beta": dbeta, "initial_state": dS}

    return (o, states[-1]), pullback


def _apply(S: Array, x: Array) -> Array:
    """S x.  (..., m, d), (..., d) -> (..., m)."""
    return (S @ x[..., None])[..., 0]


def _outer(x: Array, y: Array) -> Array:
    """x yᵀ.  (..., m), (..., d) -> (..., m, d)."""
    return x[..., :, None] * y[..., None, :]
