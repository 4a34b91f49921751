"""Recurrent layers over T steps, and backpropagation through time.

    x: (T, n, d) inputs, h0: (n, m) the state before them  ->  h₁ … h_T: (T, n, m), and the last state: (n, m)

Going back from the last step, the state h_t gets the cotangent v_t of its own output and the share of step t + 1, and
passes to h_{t−1} its share, δ_tU, in `gru` with what the gates let through besides: δ_t is the cotangent of the
pre-activations z_t, U the weight by which h_{t−1} enters them. The last state has a cotangent of its own, v_h, which
step T takes instead of the share of step T + 1. The gradients by weights are the sums over all steps of what they are
in each. One step alone, T = 1, is the cell.
"""

from __future__ import annotations

import numpy as np

from reference.activations import relu, sigmoid, tanh
from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.lift import choice

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

    By rows z_t = x_tWᵀ + h_{t−1}Uᵀ + b: (n, m), W = weight_x, U = weight_h, h₀ = h0, b = 0 if not given; g is the
    `activation`, tanh or relu. Returns h₁ … h_T and h_T, with cotangents v and v_h. z_t has the cotangent
    δ_t = (v_t + δ_{t+1}U) ⊙ g′(z_t), where step T takes v_h instead of δ_{T+1}U. Then ∂C/∂x_t = δ_tW, ∂C/∂h0 = δ₁U,
    ∂C/∂W = Σₜ δ_tᵀx_t, ∂C/∂U = Σₜ δ_tᵀh_{t−1}, and ∂C/∂b = Σ δ_t over steps and rows.
    Raises ValueError for shapes that do not fit and for another activation.
    """
    _check(1, x, h0, weight_x, weight_h, bias=bias)
    choice("activation", activation, ACTIVATIONS)
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

    By rows z_t = x_tWᵀ + h_{t−1}Uᵀ + b: (n, 4m), W = weight_x, U = weight_h; its four blocks of m columns are z_i, z_f,
    z_g, z_o, and i, f, o = σ(z_i), σ(z_f), σ(z_o), g = tanh z_g: (n, m) each, and of step t where no other is named.
    c₀ = c0: (n, m). Returns h₁ … h_T, h_T and c_T, with cotangents v, v_h, v_c. h_t and c_t have the cotangents

        dh_t = v_t + δ_{t+1}U,    dc_t = dh_t ⊙ o ⊙ (1 − tanh² c_t) + f_{t+1} ⊙ dc_{t+1};

    step T takes v_h and v_c instead of the shares of step T + 1, δ_{T+1}U and f_{T+1} ⊙ dc_{T+1}. By blocks

        δ_t = (dc ⊙ g ⊙ i(1 − i),  dc ⊙ c_{t−1} ⊙ f(1 − f),  dc ⊙ i ⊙ (1 − g²),  dh ⊙ tanh c ⊙ o(1 − o));

    ∂C/∂h0 = δ₁U, ∂C/∂c0 = f₁ ⊙ dc₁; the rest as in `rnn`. Raises ValueError for shapes that do not fit.
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

    W = weight_x, U = weight_h, b = bias_x and b′ = bias_h have three blocks of m rows, such as W_r, W_z and W_n; a bias
    is 0 if not given. By rows, (n, m) each, z_r = x_tW_rᵀ + b_r + h_{t−1}U_rᵀ + b′_r and z_z likewise, r, z =
    σ(z_r), σ(z_z), n = tanh z_n, and

        z_n = x_tW_nᵀ + b_n + r ⊙ u,    u = h_{t−1}U_nᵀ + b′_n;    or, without `reset_after`,
        z_n = x_tW_nᵀ + b_n + u,        u = (r ⊙ h_{t−1})U_nᵀ + b′_n.

    Returns h₁ … h_T and h_T, with cotangents v and v_h. Let dh be the cotangent of h_t: v_t + the share that step t + 1
    passes to it, or v_T + v_h. Then δ_n = dh ⊙ (1 − z) ⊙ (1 − n²), δ_z = dh ⊙ (h_{t−1} − n) ⊙ z(1 − z), and

        δ_u = δ_n ⊙ r,   δ_r = δ_n ⊙ u ⊙ r(1 − r),               h_{t−1}: dh ⊙ z + δ_rU_r + δ_zU_z + δ_uU_n;    or
        δ_u = δ_n,       δ_r = δ_uU_n ⊙ h_{t−1} ⊙ r(1 − r),      h_{t−1}: dh ⊙ z + δ_rU_r + δ_zU_z + δ_uU_n ⊙ r.

    The share of h0 is ∂C/∂h0. ∂C/∂x, ∂C/∂W and ∂C/∂b are as in `rnn` with δ = (δ_r, δ_z, δ_n), ∂C/∂U and ∂C/∂b′ with
    δ = (δ_r, δ_z, δ_u); without `reset_after` U_n meets r ⊙ h_{t−1} instead of h_{t−1}. 1 − z is σ(−z_z). Where states
    saturate, h_{t−1} − n is a difference of distances from ±1, which are averaged as the states are. Raises ValueError
    for shapes that do not fit.
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
