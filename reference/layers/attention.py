"""Attention: every query takes the mean of the values, weighed by how well their keys fit it.

In one head are queries Q: (T, d), keys K: (S, d), values V: (S, e) and a bias B: (T, S). With L = scale·QKᵀ, A = L or,
bounded, A = c·tanh(L/c), and logits Z = A + B, by rows P = softmax(Z) and lse = log Σₛ e^Z; the value is Y = PV. Let dY
be the cotangent of Y and g that of lse. Y = PV gives dV = PᵀdY and the cotangent U = dY·Vᵀ of P. Z, P, U are (T, S);
lse, g and Σₛ P∘U are (T, 1). From ∂P_s/∂Z_r = P_s([s = r] − P_r) and ∂lse/∂Z_r = P_r:

    dZ = P∘(U − Σₛ P∘U + g);

dB = dZ, dL = dZ/cosh²(L/c) if bounded, else dZ; dQ = scale·dL·K, dK = scale·dLᵀ·Q. dB is summed to the shape of the
bias, dK and dV over the heads of queries that share a head of keys.

A sink adds a column of logits a, not bounded, with U = 0, for its value is 0; lse counts it; da = Σ P_a·(g − Σₛ P∘U)
over queries and examples, and over heads where a is one number.

Apart from the term P∘g, dZ does not change if a constant is added to a row of U. Where P_m > ½, U − U_m is used instead
of U, so that 1 − P_m is never a difference.

`reference.layers.streaming` is the same without P in memory.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from reference.exact import DEEP, exponential
from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.lift import scalar

HUGE = 2.0**100
EVERY = np.ones((1, 1), bool)  # all keys enter


class Heads(NamedTuple):
    """Queries, keys and values with an axis for the queries that share one head of keys."""

    q: Array  # (..., G, T, d)
    k: Array  # (..., 1, S, d)
    v: Array  # (..., 1, S, e)


def heads_of(q: Array, k: Array, v: Array) -> Heads:
    """Heads of queries grouped by their head of keys.  q: (..., H, T, d), k: (..., H/G, S, d), v: (..., H/G, S, e).

    Head h of q, from 0, meets head ⌊h/G⌋ of k and v. Without an axis of heads there is one of each.

    Raises ValueError for shapes that do not fit.
    """
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x.ndim < 2 or 0 in x.shape[-2:]:
            raise ValueError(f"{name} has shape {x.shape}; expected (..., positions, entries), one or more of each")
    if k.shape[-1] != q.shape[-1]:
        raise ValueError(f"k has shape {k.shape}; expected (..., S, {q.shape[-1]}), as q has shape {q.shape}")
    if v.shape[:-1] != k.shape[:-1]:
        raise ValueError(f"v has shape {v.shape}; expected {k.shape[:-1]} and a last axis, as k has shape {k.shape}")
    queries, keys = (*q.shape[:-3], *q.shape[-3:-2]), k.shape[:-2]
    same = len(queries) == len(keys) and queries[:-1] == keys[:-1]
    if not same or (keys and keys[-1] == 0) or (keys and queries[-1] % keys[-1]):
        raise ValueError(
            f"k has shape {k.shape}; expected the leading axes {queries} of q, the heads (axis −3) or a divisor of them"
        )
    group = queries[-1] // keys[-1] if keys else 1
    return Heads(q.reshape(*keys, group, *q.shape[-2:]), k[..., None, :, :], v[..., None, :, :])


def band(T: int, S: int, causal: bool, window: int | None, offset: int) -> Array:
    """Which keys a query may see by their places: query t stands at t + offset among the keys.  -> (T, S), bools."""
    ahead = np.arange(S) - np.arange(T)[:, None]  # s − t, less than T + S in size, as places of any size are not
    reach = T + S if window is None else window
    least, here, most = (max(-T - S, min(place, T + S)) for place in (offset - reach, offset, offset + reach))
    seen = ahead <= here if causal else np.ones((T, S), bool)
    return seen if window is None else seen & (least < ahead) & (ahead < most)


def optional(name: str, value: Any, kind: type = float, positive: bool = True) -> Any:
    """A parameter that may be None, else a finite number, of a `kind` and positive. Raises TypeError, ValueError."""
    if value is None:
        return None
    x = scalar(value)
    if x is None:
        raise TypeError(f"{name} = {value!r} is neither a number nor None")
    if not np.isfinite(x) or (positive and x <= 0) or kind(x) != x:
        what = "a positive integer" if kind is int else "a finite number" + " > 0" * positive
        raise ValueError(f"{name} = {value}; need {what}, or None")
    return kind(x)


def exponent_of(x: Array) -> Array:
    """The power of two that brings the largest entry of every row below 1, as an exponent.  (..., d) -> (..., 1)."""
    largest = np.abs(x).max(-1, keepdims=True)
    return np.frexp(np.where(np.isfinite(largest), largest, 1))[1]


def logits_of(q: Array, k: Array, scale: float) -> Array:
    """scale·QKᵀ, of which no intermediate overflows or vanishes.  (..., T, d), (..., S, d) -> (..., T, S)."""
    z = q @ k.swapaxes(-1, -2)
    z *= scale
    if abs(scale) < HUGE and np.vdot(z, z) < np.inf:  # what has vanished is then nothing beside 1
        return z
    a, b = exponent_of(q), exponent_of(k)  # (..., T, 1), (..., S, 1)
    return np.ldexp(np.ldexp(q, -a) @ np.ldexp(k, -b).swapaxes(-1, -2) * scale, a + b.swapaxes(-1, -2))


def bounded(z: Array, c: float) -> tuple[Array, Array, Array]:
    """c·tanh(z/c), and its slope 1/cosh²(z/c) as two factors, of which neither is subnormal.  Of the shape of z."""
    near, far = exponential(-2 * np.abs(z / c))
    return c * np.tanh(z / c), 4 * near / (1 + near * far) ** 2, far


def where(enters: Array, x: Array, else_: float = 0.0) -> Array:
    """x where it enters, `else_` elsewhere; x itself if all of it enters."""
    return x if enters.all() else np.where(enters, x, else_)


def over(weights: Array, x: Array, enters: Array) -> Array:
    """Σₛ weights[t, s]·x[s] over the s that enter, whatever else holds.  (..., T, S), (..., S, d) -> (..., T, d)."""
    if enters.all() or np.isfinite(x).all():
        return where(enters, weights) @ x
    return np.where(enters[..., None], weights[..., None] * x[..., None, :, :], 0).sum(-2)


def broadcasts(shape: tuple[int, ...], full: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can stand for one of the shape `full`."""
    last = full[len(full) - len(shape) :]
    return len(shape) <= len(full) and all(n in (1, m) for n, m in zip(shape, last, strict=True))


def summed_to(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient by an array of `shape` that was broadcast to that of g."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True)


class Weights(NamedTuple):
    """A softmax over keys, 0 in a row that sees none: P = near·far·share, neither near nor far subnormal."""

    near: Array  # (..., T, S)
    far: Array  # (..., T, S), 1 for all but the smallest; or () where there are none of these
    share: Array  # (..., T, 1), P_m
    others: Array  # (..., T, 1), Σ P/P_m over all keys but m
    m: Array  # (..., T, 1), the heaviest key
    lse: Array  # (..., T, 1), log Σ e^z

    def over_m(self, raised: float = 1.0) -> Array:
        """P/P_m, raised by a factor before anything is lost.  (..., T, S)."""
        return self.near * raised * self.far if self.far.ndim else self.near * raised if raised != 1 else self.near

    @property
    def p(self) -> Array:
        """The weights.  (..., T, S)."""
        return self.near * self.share * self.far


def weights_of(z: Array) -> Weights:
    """The softmax of logits, −∞ where a key is not seen.  (..., T, S)."""
    m = z.argmax(-1)[..., None]
    z_m = np.take_along_axis(z, m, -1)
    high = z - np.where(z_m == -np.inf, 0, z_m)
    near, far = exponential(high) if high.size and not high.min() >= DEEP else (np.exp(high, out=high), np.ones(()))
    if not np.isfinite(z_m).all():
        np.put_along_axis(near, m, np.where(z_m == -np.inf, 0, 1), -1)
    e = near * far if far.ndim else near
    others = e.sum(-1, keepdims=True) - 1
    if not (others >= 1).all():  # else the difference loses nothing
        e = e.copy()
        np.put_along_axis(e, m, 0, -1)
        others = e.sum(-1, keepdims=True)
    return Weights(near, far, 1 / (1 + others), others, m, z_m + np.log1p(others))


def through_weights(u: Array, w: Weights, g: Array) -> Array:
    """dZ = P∘(U − Σₛ P∘U + g), from u = U·P_m and g = g·P_m.  u, dZ: (..., T, S), g: (..., T, 1)."""
    heavy = w.others < 1  # P_m > ½: (..., T, 1)
    if some := heavy.any():
        u = u - np.where(heavy, np.take_along_axis(u, w.m, -1), 0)
    raised = 2.0 ** room(u) if w.far.ndim else 1.0
    mean = np.vecdot(w.over_m(raised), u)[..., None] / raised * w.share - g
    beside = u - mean  # (..., T, S)
    if some:
        at_m = np.take_along_axis(beside, w.m, -1)
        np.put_along_axis(beside, w.m, np.where(heavy, -mean, at_m), -1)  # there U is 0
    beside *= w.near
    return beside * w.far if w.far.ndim else beside


def room(*arrays: Array) -> int:
    """Powers of two, up to 400, by which products of an entry of each may be raised within the range, else 0."""

    def size(x: Array) -> float:
        squares = float(np.vdot(x, x))
        return math.log2(1 + squares) / 2 if squares < math.inf else math.log2(np.abs(x).max())

    left = 1000 - sum(map(size, arrays))
    return int(min(400, left)) if left > 0 else 0  # 0 also where something is no number


def shared(x: Array) -> Array:
    """Summed over the queries of one head of keys.  (..., G, S, d) -> (..., S, d)."""
    return x.sum(-3) if x.shape[-3] > 1 else x[..., 0, :, :]


LOGIT = "exp(scale*Sum(Q[i, p]*K[l, p], (p, 1, d)) + B[i, l])"
TOTAL = LOGIT.replace("[l", "[k").replace(" l]", " k]")
WEIGHT = f"{LOGIT}/Sum({TOTAL}, (k, 1, m))"
TOWARD = "Sum(v[i, q]*(V[l, q] - s[i, q]), (q, 1, d))"  # U − Σ P∘U, by rows


@formula(
    "layer/attention",
    statement=f"Sum(({WEIGHT})*V[l, j], (l, 1, m))",
    derivative=f"scale*Sum(({WEIGHT})*{TOWARD}*K[l, j], (l, 1, m))",
    arguments=("Q[i, j]", "K[l, j]", "V[l, j]", "B[i, l]"),
    partials={
        "K[l, j]": f"scale*Sum(({WEIGHT})*{TOWARD}*Q[i, j], (i, 1, n))",
        "V[l, j]": f"Sum(({WEIGHT})*v[i, j], (i, 1, n))",
        "B[i, l]": f"({WEIGHT})*{TOWARD}",
    },
    valid={"offset": "offset % 1 == 0"},
    assumptions=(
        "Q, K, V, B are q, k, v and the bias of one head; scale is 1/√d unless given",
        "printed and proved for the output value of all keys, without sink and bound; what lse, sink, bound and masks "
        "add is held against the exact truth alone",
        "a key is seen where the mask is True, and by its place: query t stands at t + offset among the keys, so that "
        "causal begins in the upper left corner, and offset = S − T makes it end in the lower right one; a window of w "
        "sees keys nearer than w",
        "logits are bounded first, then the bias is added; lse counts the sink",
        "a query that sees no key: value 0, lse −∞, gradient 0",
        "keys and values that no query sees do not enter, nor do queries whose cotangents are 0: they may be NaN",
        "heads of queries, axis −3, share heads of keys in turn: the first H/H_k of them the first",
    ),
    sources=(
        "vaswani-2017",
        "ainslie-2023",
        "gemma-2-2024",
        "xiao-2024",
        "dao-2022",
        "pytorch-scaled-dot-product-attention",
    ),
)
@layer("value", "lse", indices=("mask",))
def attention(
    q: Array,
    k: Array,
    v: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    sink: Array | None = None,
    *,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    softcap: float | None = None,
) -> tuple[tuple[Array, Array], Pullback]:
    """Scaled dot-product attention softmax(scale·QKᵀ + bias)·V, and lse = log Σ e^logits of every query.

    q: (..., T, d), k: (..., S, d), v: (..., S, e); bias, and mask of bools, broadcast to (..., T, S); sink: () or (H,),
    one logit a head -> value: (..., T, e), lse: (..., T). Heads are axis −3; in q their number may be a multiple of
    that of k and v. With `softcap` c, L = scale·QKᵀ is bounded to c·tanh(L/c); the bias is added after the bound.

    mask: True is seen. scale: 1/√d by default. Query t stands at place t + offset; causal sees s ≤ t + offset, window w
    sees |s − t − offset| < w, both counted from 0. A key is seen where all of these say so and its bias is not −∞. A
    query that sees no key (and no sink) has value 0, lse −∞, gradient 0. The pullback is derived in the module's
    docstring. Raises ValueError for shapes that do not fit, TypeError for a mask that is not bool.

    >>> q, k, v = np.ones((2, 1)), np.array([[0.0], [np.log(3.0)]]), np.array([[0.0], [4.0]])
    >>> (value, lse), pullback = attention(q, k, v, causal=True)
    >>> value.round(3).tolist(), lse.round(3).tolist()  # the second query weighs its keys 1 : 3
    ([[0.0], [3.0]], [0.0, 1.386])
    >>> pullback(np.ones((2, 1)))["v"].round(3).tolist()
    [[1.25], [0.75]]
    """
    heads = heads_of(q, k, v)
    T, S = q.shape[-2], k.shape[-2]
    full, grouped = (*q.shape[:-1], S), (*heads.q.shape[:-1], S)  # (..., H, T, S), (..., H/G, G, T, S)
    scale = optional("scale", scale, positive=False)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    seen = _seen(full, band(T, S, causal, optional("window", window, int), offset), bias, mask).reshape(grouped)
    z, slope, rest = logits_of(heads.q, heads.k, scale), np.ones(()), np.ones(())  # L: (..., G, T, S)
    if softcap is not None:
        z, slope, rest = bounded(z, optional("softcap", softcap))
    if bias is not None:
        z = z + np.broadcast_to(bias, full).reshape(grouped)
    w = weights_of(_with_sink(where(seen, z, -np.inf), sink, q.shape))
    raised = 2.0 ** room(v) if w.far.ndim else 1.0
    value = over(w.over_m(raised)[..., :S], heads.v, seen) * w.share / raised  # (..., G, T, e)

    def pullback(v_value: Array, v_lse: Array) -> Gradients:
        dy, g = v_value.reshape(value.shape), v_lse.reshape(*value.shape[:-1], 1)
        up = 2.0 ** room(q, k, v, dy, g, np.asarray(scale))
        # where all is finite, what has no weight and what has no cotangent adds 0 anyway
        enters = EVERY if up > 1 else seen & ((dy != 0).any(-1, keepdims=True) | (g != 0))
        shares = up * w.share
        u = where(enters, (ds := dy * shares) @ heads.v.swapaxes(-1, -2))
        u = u if sink is None else np.concatenate([u, np.zeros((*u.shape[:-1], 1))], -1)  # that of the sink is 0
        dz = through_weights(u, w, g * shares)
        dz, d_sink = where(enters, dz[..., :S]), dz[..., S:]
        back = scale * dz if softcap is None else scale * dz * slope * rest  # scale·dL
        turned, e = enters.swapaxes(-1, -2), w.near
        if w.far.ndim:  # small weights are raised themselves
            e, ds = w.over_m(up), dy * w.share
        dk = shared(over(back.swapaxes(-1, -2), heads.q, turned))
        dv = shared(over(e[..., :S].swapaxes(-1, -2), ds, turned))
        gradients = {"q": over(back, heads.k, enters).reshape(q.shape), "k": dk, "v": dv}
        if bias is not None:
            gradients["bias"] = summed_to(dz.reshape(full), bias.shape)
        if sink is not None:
            of_row = np.where(((dy != 0).any(-1) | (g[..., 0] != 0)), d_sink[..., 0], 0).reshape(q.shape[:-1])
            gradients["sink"] = summed_to(of_row.sum(-1), sink.shape)
        return {name: x / up for name, x in gradients.items()}

    return (value.reshape(*q.shape[:-1], v.shape[-1]), w.lse.reshape(q.shape[:-1])), pullback


def _seen(full: tuple[int, ...], band: Array, bias: Array | None, mask: Array | None) -> Array:
    """Which keys enter, (..., H, T, S): by place, by mask, and by a bias above −∞."""
    if mask is not None and mask.dtype != bool:
        raise TypeError(f"mask has dtype {mask.dtype}; pass bools, True for keys that are seen")
    for name, x in (("bias", bias), ("mask", mask)):
        if x is not None and not broadcasts(x.shape, full):
            raise ValueError(f"{name} has shape {x.shape}; expected what broadcasts to {full}, queries by keys")
    seen = band if mask is None else band & mask
    seen = seen if bias is None else seen & (bias != -np.inf)
    return np.broadcast_to(seen, full)


def _with_sink(z: Array, sink: Array | None, queries: tuple[int, ...]) -> Array:
    """Logits with that of the sink as one more key.  (..., H/G, G, T, S) -> (..., H/G, G, T, S + 1)."""
    if sink is None:
        return z
    heads = queries[-3:-2]
    if sink.shape not in ((), heads):
        raise ValueError(f"sink has shape {sink.shape}; expected one logit, (), or one a head, {heads}")
    column = np.broadcast_to(sink[..., None], queries[:-1])  # (..., H, T)
    return np.concatenate([z, column.reshape(*z.shape[:-1], 1)], -1)
