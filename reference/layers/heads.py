"""Multi-head attention: linear maps to queries, keys and values, attention in every head, and a linear map back."""

from __future__ import annotations

from reference.formula import Array, formula
from reference.layers.attention import attention, optional, room
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import expect, outer


def split(x: Array, heads: int) -> Array:
    """Rows cut into heads.  (..., T, heads·d) -> (..., heads, T, d)."""
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads).swapaxes(-2, -3)


def joined(x: Array) -> Array:
    """The inverse of `split`.  (..., heads, T, d) -> (..., T, heads·d)."""
    return x.swapaxes(-2, -3).reshape(*x.shape[:-3], x.shape[-2], -1)


def _read(letter: str, i: str) -> str:
    """The one query, key or value of row i."""
    return f"Sum(x[{i}, p]*{letter}[p], (p, 1, d))"


def _fit(i: str, l: str) -> str:
    return f"exp({_read('a', i)}*{_read('b', l)})"


def _share(i: str, l: str, k: str) -> str:
    """The weight of row l for row i, its total over k."""
    return f"{_fit(i, l)}/Sum({_fit(i, k)}, (k, 1, n))".replace("(k,", f"({k},")


def _logit(i: str, l: str) -> str:
    """The cotangent of the logit of row l for row i: P·u·(value of l − mean value), u = ⟨v, w⟩ that of the mean."""
    mean = f"Sum({_share(i, 'g', 'h')}*{_read('c', 'g')}, (g, 1, n))"
    return f"{_share(i, l, 'k')}*Sum(v[{i}, q]*w[q], (q, 1, d))*({_read('c', l)} - {mean})"


@formula(
    "layer/multi_head_attention",
    statement=f"Sum({_share('i', 'l', 'k')}*{_read('c', 'l')}, (l, 1, n))*w[j]",
    derivative=f"a[j]*Sum({_logit('i', 'l')}*{_read('b', 'l')}, (l, 1, n))"
    f" + b[j]*Sum({_logit('l', 'i')}*{_read('a', 'l')}, (l, 1, n))"
    f" + c[j]*Sum({_share('l', 'i', 'k')}*Sum(v[l, q]*w[q], (q, 1, d)), (l, 1, n))",
    arguments=("x[i, j]", "a[j]", "b[j]", "c[j]", "w[j]"),
    partials={
        "a[j]": f"Sum({_logit('i', 'l')}*{_read('b', 'l')}*x[i, j], (i, 1, n), (l, 1, n))",
        "b[j]": f"Sum({_logit('i', 'l')}*{_read('a', 'i')}*x[l, j], (i, 1, n), (l, 1, n))",
        "c[j]": f"Sum({_share('i', 'l', 'k')}*Sum(v[i, q]*w[q], (q, 1, d))*x[l, j], (i, 1, n), (l, 1, n))",
        "w[j]": f"Sum({_share('i', 'l', 'k')}*{_read('c', 'l')}*v[i, j], (i, 1, n), (l, 1, n))",
    },
    valid={"heads": "heads >= 1 and heads % 1 == 0"},
    assumptions=(
        "printed for one head of one entry, whose scale is 1, in self-attention: a, b, c are the one row of q_weight, "
        "k_weight and v_weight, w the one column of out_weight; the general case is held against the exact truth alone",
        "head h takes the entries h·d … h·d + d − 1 of a projection; scale 1/√d; no biases, no dropout",
        "without context, keys and values are of x",
    ),
    sources=("vaswani-2017", "ainslie-2023", "pytorch-multihead-attention"),
)
@layer(indices=("mask",))
def multi_head_attention(
    x: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    context: Array | None = None,
    mask: Array | None = None,
    *,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = False,
) -> tuple[Array, Pullback]:
    """Multi-head attention of x, (..., T, d), to a context, (..., S, c), or to itself.  -> (..., T, m).

    q_weight: (heads·e, d), k_weight: (kv_heads·e, c), v_weight: (kv_heads·f, c), out_weight: (m, heads·f); mask: bools,
    True is seen, that broadcast to (..., heads, T, S). kv_heads, heads by default, must divide heads; `causal` and the
    scale, 1/√e, are as in `attention`. With X the context, Q = xW_qᵀ, K = XW_kᵀ, V = XW_vᵀ and A, (..., T, heads·f),
    their attention, head by head, y = AW_oᵀ. With v the cotangent of y, dA = vW_o, attention makes dQ, dK, dV of it:

        ∂C/∂x = dQ·W_q,        ∂C/∂X = dK·W_k + dV·W_v,
        ∂C/∂W_q = Σ dQ⊗x,      ∂C/∂W_k = Σ dK⊗X,      ∂C/∂W_v = Σ dV⊗X,      ∂C/∂W_o = Σ v⊗A

    over all rows; where X is x, the first two add. Raises ValueError for shapes that do not fit.
    """
    c = x if context is None else context
    shared = _shared(x, c, (q_weight, k_weight, v_weight, out_weight), heads, optional("kv_heads", kv_heads, int))
    Q, K, V = split(x @ q_weight.T, heads), split(c @ k_weight.T, shared), split(c @ v_weight.T, shared)
    (A, _), attention_pullback = attention(Q, K, V, mask=mask, causal=causal)  # (..., heads, T, f)

    def pullback(v: Array) -> Gradients:
        up = 2.0 ** min(200, room(v, x, c, q_weight, k_weight, v_weight, out_weight))  # so that dQ and dK do not vanish
        found = attention_pullback(split(up * v @ out_weight, heads))
        dQ, dK, dV = (joined(found[name]) for name in ("q", "k", "v"))
        to_x, to_context = dQ @ q_weight, dK @ k_weight + dV @ v_weight
        raised = {
            "x": to_x + to_context if context is None else to_x,
            "context": to_context,
            "q_weight": outer(dQ, x),
            "k_weight": outer(dK, c),
            "v_weight": outer(dV, c),
        }
        return {**{name: g / up for name, g in raised.items()}, "out_weight": outer(v, joined(A))}

    return joined(A) @ out_weight.T, pullback


def _shared(x: Array, c: Array, weights: tuple[Array, Array, Array, Array], heads: int, kv_heads: int | None) -> int:
    """The number of heads of keys. Raises ValueError unless rows, context and weights fit."""
    (W_q, W_k, W_v, W_o), shared = weights, heads if kv_heads is None else kv_heads
    if heads % shared:
        raise ValueError(f"kv_heads = {kv_heads}; need a divisor of heads = {heads}, or None")
    expect("x", x, "...", "T", "d")
    expect("context", c, *x.shape[:-2], "S", "c", why=f"leading axes as x of shape {x.shape}")
    for name, w, count, rows in (
        ("q_weight", W_q, heads, x),
        ("k_weight", W_k, shared, c),
        ("v_weight", W_v, shared, c),
    ):
        expect(name, w, f"{count}·e", rows.shape[-1], why=f"{count} heads, of rows of {rows.shape[-1]} entries")
        if w.shape[0] % count or not w.shape[0]:
            raise ValueError(f"{name} has shape {w.shape}; expected {count} heads of as many rows")
    expect("k_weight", W_k, W_q.shape[0] // heads * shared, "c", why="heads as long as those of q_weight")
    expect("out_weight", W_o, "m", W_v.shape[0] // shared * heads, why=f"{heads} heads as long as those of v_weight")
    return shared
