"""Recurrent layers over T steps, and backpropagation through time.

    x: (T, n, d) inputs, h0: (n, m) the state before them  ->  h₁ … h_T: (T, n, m), and the last state: (n, m)

Going back from the last step, the state h_t gets the cotangent of its own output and that of step t + 1, and hands on
what reaches h_{t−1}. The gradients by weights are the sums over all steps of what they are in each. One step alone,
T = 1, is the cell.
"""

from __future__ import annotations

import numpy as np

from reference.activations import relu, sigmoid, tanh
from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer

ACTIVATIONS = {"tanh": tanh, "relu": relu}
LAST = "the last state is an output too, with a cotangent of its own"
PRINTED = "printed is one unit in one step, by its pre-activations"


def _check(gates: int, x: Array, state: Array, weight_x: Array, weight_h: Array, **others: Array | None) -> None:
    """Raise ValueError for arrays that do not fit x: (T, n, d) and a state (n, m) with so many gates."""
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected (T steps, n, d), none of them 0")
    if state.ndim != 2 or state.shape[0] != x.shape[1]:
        raise ValueError(f"h0 has shape {state.shape}; expected ({x.shape[1]}, m), as x has shape {x.shape}")
    m, d = state.shape[1], x.shape[2]
    expected = {"weight_x": (gates * m, d), "weight_h": (gates * m, m), "c0": state.shape}
    for name, w in {"weight_x": weight_x, "weight_h": weight_h, **others}.items():
        shape = expected.get(name, (gates * m,))
        if w is not None and w.shape != shape:
            raise ValueError(f"{name} has shape {w.shape}; expected {shape}: {gates} gates of {m} units, {d} inputs")


def _affine(x: Array, weight: Array, bias: Array | None) -> Array:
    """x Wᵀ + b of every step.  (T, n, d) -> (T, n, g·m)."""
    z = x @ weight.T
    return z if bias is None else z + bias


def _summed(dz: Array, x: Array) -> Array:
    """Σ δᵀx over all steps: the gradient by the weight that x met.  (T, n, k), (T, n, d) -> (k, d)."""
    return np.tensordot(dz, x, ((0, 1), (0, 1)))


@formula(
    "layer/rnn",
    statement="tanh(Sum(weight_x[j, k]*x[i, k], (k, 1, d)) + Sum(weight_h[j, l]*h0[i, l], (l, 1, m)) + bias[j])",
    derivative="Sum(v[i, j]*(1 - s[i, j]**2)*weight_x[j, k], (j, 1, m))",
    arguments=("x[i, k]", "h0[i, l]", "weight_x[j, k]", "weight_h[j, l]", "bias[j]"),
    partials={
        "h0[i, l]": "Sum(v[i, j]*(1 - s[i, j]**2)*weight_h[j, l], (j, 1, m))",
        "weight_x[j, k]": "Sum(v[i, j]*(1 - s[i, j]**2)*x[i, k], (i, 1, n))",
        "weight_h[j, l]": "Sum(v[i, j]*(1 - s[i, j]**2)*h0[i, l], (i, 1, n))",
        "bias[j]": "Sum(v[i, j]*(1 - s[i, j]**2), (i, 1, n))",
    },
    assumptions=(LAST, "printed is one step"),
    sources=("elman-1990", "werbos-1990"),
)
@layer("value", "h")
def rnn(
    x: Array, h0: Array, weight_x: Array, weight_h: Array, bias: Array | None = None, *, activation: str = "tanh"
) -> tuple[tuple[Array, Array], Pullback]:
    """Elman's network h_t = g(W x_t + U h_{t−1} + b).  W: (m, d), U: (m, m), b: (m,).

    δ_t = (v_t + δ_{t+1}U) ⊙ g'(z_t) is the cotangent of z_t, with v_t that of output t; the last state adds its own to
    v_T. Then ∂C/∂x_t = δ_t W, ∂C/∂W = Σ δ_tᵀx_t, ∂C/∂U = Σ δ_tᵀh_{t−1} and ∂C/∂b = Σ δ_t. `activation`: tanh or relu.
    """
    _check(1, x, h0, weight_x, weight_h, bias=bias)
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation = {activation!r} is not one of {', '.join(ACTIVATIONS)}")
    h, slopes = [h0], []
    for z in _affine(x, weight_x, bias):  # (n, m)
        value, slope = ACTIVATIONS[activation](z + h[-1] @ weight_h.T)
        h.append(value)
        slopes.append(slope)

    def pullback(v: Array, v_last: Array) -> Gradients:
        delta, dh = np.empty(v.shape), v_last  # (T, n, m), (n, m)
        for t in reversed(range(len(v))):
            delta[t] = (v[t] + dh) * slopes[t]
            dh = delta[t] @ weight_h
        return {
            "x": delta @ weight_x,
            "h0": dh,
            "weight_x": _summed(delta, x),
            "weight_h": _summed(delta, np.stack(h[:-1])),
            "bias": delta.sum((0, 1)),
        }

    return (np.stack(h[1:]), h[-1]), pullback


CELL = "(c/(1 + exp(-z_f)) + tanh(z_g)/(1 + exp(-z_i)))"
OPEN = "1/(1 + exp(-z_o))"
BY_CELL = f"{OPEN}*(1 - tanh({CELL})**2)"


@formula(
    "layer/lstm",
    statement=f"{OPEN}*tanh({CELL})",
    derivative=f"{BY_CELL}/(1 + exp(-z_f))",
    arguments=("c", "z_i", "z_f", "z_g", "z_o"),
    partials={
        "z_i": f"{BY_CELL}*tanh(z_g)*exp(-z_i)/(1 + exp(-z_i))**2",
        "z_f": f"{BY_CELL}*c*exp(-z_f)/(1 + exp(-z_f))**2",
        "z_g": f"{BY_CELL}*(1 - tanh(z_g)**2)/(1 + exp(-z_i))",
        "z_o": f"exp(-z_o)/(1 + exp(-z_o))**2*tanh({CELL})",
    },
    assumptions=(LAST, PRINTED, "gates in the order input, forget, cell, output", "no peepholes"),
    sources=("hochreiter-1997", "gers-2000"),
)
@layer("value", "h", "c")
def lstm(
    x: Array, h0: Array, c0: Array, weight_x: Array, weight_h: Array, bias: Array | None = None
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Long short-term memory: c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh c_t.  W: (4m, d), U: (4m, m), b: (4m,).

    The pre-activations (z_i, z_f, z_g, z_o) = W x_t + U h_{t−1} + b give i, f, o = σ(z) and g = tanh z_g. Going back,
    ∂C/∂o = ∂C/∂h ⊙ tanh c; the cell gets ∂C/∂h ⊙ o ⊙ (1 − tanh² c) beside what comes from step t + 1, and of that
    gives g to i, i to g, c_{t−1} to f, and f to c_{t−1}. Each times the slope of its gate is δ_t, which goes on as in
    `rnn`.
    """
    _check(4, x, h0, weight_x, weight_h, c0=c0, bias=bias)
    h, c, kept = [h0], [c0], []
    for z in _affine(x, weight_x, bias):  # (n, 4m)
        z_i, z_f, z_g, z_o = np.split(z + h[-1] @ weight_h.T, 4, -1)
        gates = sigmoid(z_i), sigmoid(z_f), tanh(z_g), sigmoid(z_o)  # value and slope, (n, m) each
        (i, _), (f, _), (g, _), (o, _) = gates
        c.append(f * c[-1] + i * g)
        squashed = tanh(c[-1])
        h.append(o * squashed[0])
        kept.append((gates, squashed))

    def pullback(v: Array, v_h: Array, v_c: Array) -> Gradients:
        delta, dh, dc = np.empty((*v.shape[:2], 4 * h0.shape[1])), v_h, v_c
        for t in reversed(range(len(v))):
            ((i, i1), (f, f1), (g, g1), (o, o1)), (squashed, slope) = kept[t]
            dh = v[t] + dh
            dc = dc + dh * o * slope
            delta[t] = np.concatenate([dc * g * i1, dc * c[t] * f1, dc * i * g1, dh * squashed * o1], -1)
            dh, dc = delta[t] @ weight_h, dc * f
        return {
            "x": delta @ weight_x,
            "h0": dh,
            "c0": dc,
            "weight_x": _summed(delta, x),
            "weight_h": _summed(delta, np.stack(h[:-1])),
            "bias": delta.sum((0, 1)),
        }

    return (np.stack(h[1:]), h[-1], c[-1]), pullback


CANDIDATE = "tanh(z_n + u_n/(1 + exp(-z_r)))"


@formula(
    "layer/gru",
    statement=f"{CANDIDATE}/(1 + exp(z_z)) + h/(1 + exp(-z_z))",
    derivative="1/(1 + exp(-z_z))",
    arguments=("h", "z_r", "z_z", "z_n", "u_n"),
    partials={
        "z_r": f"(1 - {CANDIDATE}**2)*u_n*exp(-z_r)/(1 + exp(-z_r))**2/(1 + exp(z_z))",
        "z_z": f"(h - {CANDIDATE})*exp(-z_z)/(1 + exp(-z_z))**2",
        "z_n": f"(1 - {CANDIDATE}**2)/(1 + exp(z_z))",
        "u_n": f"(1 - {CANDIDATE}**2)/(1 + exp(-z_r))/(1 + exp(z_z))",
    },
    assumptions=(LAST, PRINTED, "gates in the order reset, update, new", "the update gate keeps the state: z·h"),
    sources=("cho-2014",),
)
@layer("value", "h")
def gru(
    x: Array,
    h0: Array,
    weight_x: Array,
    weight_h: Array,
    bias_x: Array | None = None,
    bias_h: Array | None = None,
    *,
    reset_after: bool = True,
) -> tuple[tuple[Array, Array], Pullback]:
    """Gated recurrent unit h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}.  W: (3m, d), U: (3m, m), bias_x, bias_h: (3m,).

    r, z = σ(W x_t + U h_{t−1} + b) and n = tanh(W_n x_t + b_n + r ⊙ (U_n h_{t−1} + b'_n)); the reset gate may also
    stand before the product, n = tanh(W_n x_t + b_n + U_n(r ⊙ h_{t−1}) + b'_n). Going back, n gets (1 − z) of the
    cotangent of h_t, z gets h_{t−1} − n, and h_{t−1} gets z; what the products answer is as in `rnn`. 1 − z is σ(−z_z).
    Where states saturate, h_{t−1} − n is a difference of distances from ±1, which are averaged as the states are.
    """
    _check(3, x, h0, weight_x, weight_h, bias_x=bias_x, bias_h=bias_h)
    m = h0.shape[1]
    U, U_n = weight_h[: 2 * m], weight_h[2 * m :]  # (2m, m), (m, m)
    b, b_n = (0.0, 0.0) if bias_h is None else (bias_h[: 2 * m], bias_h[2 * m :])
    h, kept, ends = [h0], [], np.stack([1 - h0, 1 + h0])  # how far h is from 1 and −1, to all digits: (2, n, m)
    for z_x in _affine(x, weight_x, bias_x):  # (n, 3m)
        z_r, z_z = np.split(z_x[:, : 2 * m] + h[-1] @ U.T + b, 2, -1)
        r, z = sigmoid(z_r), sigmoid(z_z)
        u = h[-1] @ U_n.T + b_n if reset_after else (r[0] * h[-1]) @ U_n.T + b_n  # (n, m)
        z_n = z_x[:, 2 * m :] + (r[0] * u if reset_after else u)
        new, left = tanh(z_n), sigmoid(-z_z)[0]
        of_new = 2 * sigmoid(np.stack([-2 * z_n, 2 * z_n]))[0]  # 1 ∓ tanh
        by_ends = np.where(h[-1] > 0, of_new[0] - ends[0], ends[1] - of_new[1])
        less = np.where(np.abs(h[-1]) > 0.5, by_ends, h[-1] - new[0])  # h_{t−1} − n
        kept.append((r, z, u, new[1], left, less))
        h.append(left * new[0] + z[0] * h[-1])
        ends = left * of_new + z[0] * ends

    def pullback(v: Array, v_h: Array) -> Gradients:
        by_x, by_h = np.empty((*v.shape[:2], 3 * m)), np.empty((*v.shape[:2], 3 * m))  # δ of what x and h meet
        met, dh = np.stack(h[:-1]), v_h  # what U_n meets
        for t in reversed(range(len(v))):
            (r, r1), (z, z1), u, slope, left, less = kept[t]
            dh = v[t] + dh
            by_new = dh * left * slope
            if reset_after:
                by_u, by_reset, straight = by_new * r, by_new * u, 0.0
            else:
                back = by_new @ U_n
                by_u, by_reset, straight = by_new, back * h[t], back * r
                met[t] = r * h[t]
            gates = np.concatenate([by_reset * r1, dh * less * z1], -1)
            by_x[t], by_h[t] = np.concatenate([gates, by_new], -1), np.concatenate([gates, by_u], -1)
            dh = dh * z + gates @ U + (by_u @ U_n if reset_after else straight)
        before = np.stack(h[:-1])
        by_weight = [_summed(by_h[..., : 2 * m], before), _summed(by_h[..., 2 * m :], met)]
        return {
            "x": by_x @ weight_x,
            "h0": dh,
            "weight_x": _summed(by_x, x),
            "weight_h": np.concatenate(by_weight),
            "bias_x": by_x.sum((0, 1)),
            "bias_h": by_h.sum((0, 1)),
        }

    return (np.stack(h[1:]), h[-1]), pullback
