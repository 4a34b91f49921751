"""The transformer block, and a language model made of such blocks.

Every line forward keeps its pullback; the way back reads the lines upwards. Where a value goes two ways, at a residual
or as a table that is first and last layer at once, what comes back on both is added.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from reference.blocks import parts as ours
from reference.formula import Array
from reference.layers.attention import summed_to
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import expect
from reference.lift import choice

Part = Callable[[Array], tuple[Array, Pullback]]  # a layer as a function of its rows alone
NORMS = ("rms_norm", "layer_norm")


def expect_parts(parts: Any) -> None:
    """Raise TypeError for what is plain data and no layers by name."""
    if type(parts).__module__ == "builtins" and not isinstance(parts, ModuleType):
        raise TypeError(f"parts = {parts!r}; expected layers by name, a module such as reference.blocks.parts")


def dropout(keep: Array | None, rate: float) -> Callable[[Array], Array]:
    """x ↦ x/(1 − rate) where `keep`, else 0: a diagonal map, which is its own pullback. Without `keep`, the identity.

    Raises ValueError for a rate outside 0 ≤ rate < 1, TypeError for a mask that is not of bools.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate = {rate}; need 0 <= rate < 1")
    if keep is None:
        return lambda x: x
    if keep.dtype != bool:
        raise TypeError(f"a mask of dropout has dtype {keep.dtype}; pass bools, True for entries that stay")
    return lambda x: np.where(keep, x / (1 - rate), 0)


def residual(
    x: Array, f: Part, norm: Part, drop: Callable[[Array], Array], pre_norm: bool
) -> tuple[Array, Callable[[Array], tuple[Array, Gradients, Gradients]]]:
    """A layer f beside the identity: y = x + f(norm(x)), or with the norm behind, y = norm(x + f(x)).

    The pullback gives the cotangent of x, in which both ways add, and what f and the norm give.
    """
    if pre_norm:
        n, norm_back = norm(x)  # (..., T, d)
        a, f_back = f(n)

        def before(v: Array) -> tuple[Array, Gradients, Gradients]:
            df = f_back(drop(v))
            dn = norm_back(df["x"])
            return v + dn["x"], df, dn

        return x + drop(a), before
    a, f_back = f(x)  # (..., T, d)
    y, norm_back = norm(x + drop(a))

    def behind(v: Array) -> tuple[Array, Gradients, Gradients]:
        dn = norm_back(v)
        df = f_back(drop(dn["x"]))
        return dn["x"] + df["x"], df, dn

    return y, behind


def normalised(norm: str, parts: ModuleType, weight: Array, bias: Array | None) -> Part:
    """The norm of that name with its weights. Raises ValueError for another name, and for a bias that it has not."""
    choice("norm", norm, NORMS)
    if bias is not None and norm == "rms_norm":
        raise ValueError("a bias is given, but rms_norm has none; leave it out or use layer_norm")
    given = {} if bias is None else {"bias": bias}
    return lambda x: getattr(parts, norm)(x, weight, **given)


@layer(indices=("keep_attention", "keep_mlp"))
def transformer(
    x: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    gate: Array,
    up: Array,
    down: Array,
    norm1: Array,
    norm2: Array,
    bias1: Array | None = None,
    bias2: Array | None = None,
    keep_attention: Array | None = None,
    keep_mlp: Array | None = None,
    *,
    norm: str = "rms_norm",
    pre_norm: bool = True,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = True,
    activation: str = "silu",
    rate: float = 0.0,
    parts: ModuleType = ours,
) -> tuple[Array, Pullback]:
    """Transformer block: attention beside a residual, then a gated MLP beside another.  x: (..., T, d) -> (..., T, d).

    Weights of attention as in `multi_head_attention`, with m = d; gate, up: (h, d), down: (d, h); norm1, norm2 and the
    biases of layer_norm: (d,). The norm is rms_norm or layer_norm, before each layer or behind its sum. keep_attention
    and keep_mlp, bools as x, are masks of dropout of that rate: what stays is divided by 1 − rate. `parts` are the
    layers by name, ours or others. Raises ValueError for shapes that do not fit, and what the layers raise.
    """
    expect_parts(parts)
    expect("x", x, "...", "T", "d")
    if out_weight.ndim == 2 and out_weight.shape[0] != x.shape[-1]:
        raise ValueError(f"out_weight has shape {out_weight.shape}; expected ({x.shape[-1]}, heads·f), as x is added")
    if down.ndim == 2 and down.shape[0] != x.shape[-1]:
        raise ValueError(f"down has shape {down.shape}; expected ({x.shape[-1]}, h), as its input is added")

    def attend(rows: Array) -> tuple[Array, Pullback]:
        found: tuple[Array, Pullback] = parts.multi_head_attention(
            rows, q_weight, k_weight, v_weight, out_weight, heads=heads, kv_heads=kv_heads, causal=causal
        )
        return found

    def feed(rows: Array) -> tuple[Array, Pullback]:
        found: tuple[Array, Pullback] = parts.gated_mlp(rows, gate, up, down, activation=activation)
        return found

    first, second = normalised(norm, parts, norm1, bias1), normalised(norm, parts, norm2, bias2)
    h, attention_back = residual(x, attend, first, dropout(keep_attention, rate), pre_norm)  # (..., T, d)
    y, mlp_back = residual(h, feed, second, dropout(keep_mlp, rate), pre_norm)  # (..., T, d)

    def pullback(v: Array) -> Gradients:
        dh, of_mlp, of_norm2 = mlp_back(v)
        dx, of_attention, of_norm1 = attention_back(dh)
        norms = {"norm1": of_norm1["weight"], "norm2": of_norm2["weight"]}
        biases = {name: g["bias"] for name, g in (("bias1", of_norm1), ("bias2", of_norm2)) if "bias" in g}
        return {**of_attention, **of_mlp, **norms, **biases, "x": dx}

    return y, pullback


@layer(indices=("tokens", "labels"))
def language_model(
    tokens: Array,
    labels: Array,
    embedding: Array,
    positions: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    gate: Array,
    up: Array,
    down: Array,
    norm1: Array,
    norm2: Array,
    last_norm: Array,
    *,
    heads: int = 1,
    kv_heads: int | None = None,
    activation: str = "silu",
    parts: ModuleType = ours,
) -> tuple[Array, Pullback]:
    """Cross-entropy of a transformer that predicts the next token, one number; its last layer is its table again.

    tokens, labels: (..., T), integers below V; embedding: (V, d); positions: (T, d). The weights of the L blocks, as
    `transformer` takes them, stand one behind the other: (L, …). Blocks are causal and have RMS norms before their
    layers; one more norm, last_norm: (d,), stands before the logits n·Eᵀ. The table gets what comes back from the
    logits and from the first layer. Raises ValueError for shapes that do not fit, and what the layers raise.
    """
    expect_parts(parts)
    expect("tokens", tokens, "...", "T")
    expect("embedding", embedding, "V", "d")
    expect("positions", positions, tokens.shape[-1], embedding.shape[-1], why="one row for each place of tokens")
    expect("labels", labels, *tokens.shape, why="as tokens")
    names = ("q_weight", "k_weight", "v_weight", "out_weight", "gate", "up", "down", "norm1", "norm2")
    stacked = (q_weight, k_weight, v_weight, out_weight, gate, up, down, norm1, norm2)
    for name, w in zip(names, stacked, strict=True):
        if w.shape[:1] != q_weight.shape[:1] or not w.size:
            raise ValueError(f"{name} has shape {w.shape}; expected {q_weight.shape[:1]} and more: one for each block")
    options: dict[str, Any] = {"heads": heads, "kv_heads": kv_heads, "activation": activation, "parts": parts}
    rows, table_back = parts.embedding(embedding, tokens)  # (..., T, d)
    h, blocks_back = rows + positions, []
    for weights in zip(*stacked, strict=True):
        h, back = transformer(h, *weights, **options)  # (..., T, d)
        blocks_back.append(back)
    n, norm_back = parts.rms_norm(h, last_norm)  # (..., T, d)
    z, logits_back = parts.linear(n, embedding)  # (..., T, V)
    C, dC = parts.cross_entropy_labels(z.reshape(-1, len(embedding)), labels.reshape(-1))

    def pullback(v: Array) -> Gradients:
        of_logits = logits_back(v * dC["z"].reshape(z.shape))
        of_norm = norm_back(of_logits["x"])
        dh = of_norm["x"]
        of_blocks: list[Gradients] = []
        for back in reversed(blocks_back):
            of_blocks.insert(0, back(dh))
            dh = of_blocks[0]["x"]
        return {
            **{name: np.stack([of_block[name] for of_block in of_blocks]) for name in names},
            "last_norm": of_norm["weight"],
            "positions": summed_to(dh, positions.shape),
            "embedding": of_logits["weight"] + table_back(dh)["weight"],
        }

    return C, pullback
