"""Who calls what how: one record a source, with the translation of our parameters into its layout.

Ours: W[l] of shape (units, inputs), l = 1 the first layer with weights; examples are rows, z = xWᵀ + b.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Sequence[Any]

QUANTITIES = (
    "weight from unit k to unit j",
    "affine map of a layer",
    "pre-activation",
    "activation",
    "error (∂C/∂z)",
    "index of the input layer",
    "index of the first weights",
    "bias",
    "activation function",
    "cost",
    "target",
    "learning rate",
    "size of the mini-batch",
    "size of the training set",
    "gradient of the weights",
)


@dataclass(frozen=True)
class Notation:
    """One column of the table.

    `symbols` has one entry for each of `QUANTITIES`, LaTeX between dollar signs or plain words, "–" where the
    source has none. `parameters` translates our (W, b) into the source's; `weight` finds in them the weight
    from unit k to unit j of our layer l (all counted from 0); `forward` maps rows x through them.
    """

    key: str
    name: str
    symbols: tuple[str, ...]
    parameters: Callable[[Arrays, Arrays], Any]
    weight: Callable[[Any, int, int, int], Any]
    forward: Callable[[Any, Any, Callable[[Any], Any]], Any]


def _columns(x: Any, p: Any, g: Callable[[Any], Any]) -> Any:
    """Layers counted from 2, examples in columns: a = g(W a + b)."""
    a = x.T
    for l in sorted(p["w"]):
        a = g(p["w"][l] @ a + p["b"][l][:, None])
    return a.T


def _from_two(W: Arrays, b: Arrays) -> Any:
    return {"w": dict(enumerate(W, 2)), "b": dict(enumerate(b, 2))}


def _from_one(W: Arrays, b: Arrays) -> Any:
    return {"w": dict(enumerate(W, 1)), "b": dict(enumerate(b, 1))}


def _rows(x: Any, p: Any, g: Callable[[Any], Any]) -> Any:
    """Examples in rows, weights as (inputs, units): h = g(x w + b)."""
    for w, b in p:
        x = g(x @ w + b)
    return x


def _augmented(W: Arrays, b: Arrays) -> Any:
    return {l: np.column_stack([c, w]) for l, (w, c) in enumerate(zip(W, b, strict=True), 2)}


def _augmented_forward(x: Any, p: Any, g: Callable[[Any], Any]) -> Any:
    a = x.T
    for l in sorted(p):
        a = g(p[l] @ np.vstack([np.ones((1, a.shape[1])), a]))
    return a.T


def _linear(x: Any, p: Any, g: Callable[[Any], Any]) -> Any:
    for layer in p:
        x = g(x @ layer["weight"].T + layer["bias"])
    return x


def _dense(x: Any, p: Any, g: Callable[[Any], Any]) -> Any:
    for k in range(len(p)):
        x = g(x @ p[f"Dense_{k}"]["kernel"] + p[f"Dense_{k}"]["bias"])
    return x


# fmt: off
NOTATIONS = (
    Notation(
        "gradproof", "ours",
        ("$w^l_{jk}$", "$z^l = a^{l-1} (W^l)^T + b^l$, rows", "$z^l$", "$a^l$", "$\\delta^l$", "0", "1", "$b^l$",
         "$g$", "$C$", "$y$", "$\\eta$", "$n$", "$n$ of the regularizer", "$(\\delta^l)^T a^{l-1}$"),
        lambda W, b: list(zip(W, b, strict=True)),
        lambda p, l, j, k: p[l][0][j, k],
        lambda x, p, g: _rows(x, [(w.T, b) for w, b in p], g),
    ),
    Notation(
        "backprop-05", "Backpropagation 05",
        ("$w^l_{jk}$", "$z^l = w^l a^{l-1} + b^l$, columns", "$z^l_j$", "$a^l_j$", "$\\delta^l_j$", "1", "2",
         "$b^l_j$", "$\\sigma$", "$C$, $C_{X_i}$", "–", "$\\eta$", "–", "$n$", "$a^{l-1}_k \\delta^l_j$"),
        _from_two, lambda p, l, j, k: p["w"][l + 2][j, k], _columns,
    ),
    Notation(
        "backprop-summary-2019", "Summary 2019, Nielsen",
        ("$w^l_{jk}$", "$z^l = w^l a^{l-1} + b^l$, columns", "$z^l_j$", "$a^l_j$", "$\\delta^l_j$", "1", "2",
         "$b^l_j$", "$\\sigma$", "$C$, $C_x$", "$y$", "$\\eta$", "$m$", "$n$", "$\\delta^{x,l} (a^{x,l-1})^T$"),
        _from_two, lambda p, l, j, k: p["w"][l + 2][j, k], _columns,
    ),
    Notation(
        "valchanov-365", "Valchanov",
        ("$w_{kj}$, second layer $u_{kj}$", "$\\mathbf{a} = \\mathbf{x}\\mathbf{w} + \\mathbf{b}$, rows",
         "$a^{(1)}, a^{(2)}$", "$h$, $y$", "$\\delta_j$", "–", "(1)", "$b^{(1)}, b^{(2)}$", "$\\sigma$", "$L$", "$t$",
         "$\\eta$", "–", "–", "$\\delta_j h_i$, $\\delta_j x_i$"),
        lambda W, b: [(w.T, c) for w, c in zip(W, b, strict=True)],
        lambda p, l, j, k: p[l][0][k, j], _rows,
    ),
    Notation(
        "deriving-backprop", "Deriving Backpropagation",
        ("$W^{[l]}_{jk}$", "$z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}$, columns (by its gradients)", "$z^{[l]}$",
         "$a^{[l]}$", "$dz^{[l]}$", "–", "[1]", "$b^{[l]}$", "$\\sigma$", "$L$", "$y$", "$\\alpha$", "1", "–",
         "$dz^{[l]} a^{[l-1]T}$"),
        _from_one, lambda p, l, j, k: p["w"][l + 1][j, k], _columns,
    ),
    Notation(
        "dong-2016", "Dong",
        ("$w^l_{ji}$, $i \\ge 1$", "$\\underline{z}^l = W^l \\underline{a}^{l-1}$, columns", "$z^l_i$", "$a^l_i$",
         "$\\delta^l_i$", "–", "–", "$w^l_{j0}$, with $a_0 = 1$", "$g$", "$C$", "$y_i$", "$\\eta$",
         "$n$ (columns of $X$)", "$n$", "$\\underline{\\delta}^l [\\underline{a}^{l-1}]^T$"),
        _augmented, lambda p, l, j, k: p[l + 2][j, 1 + k], _augmented_forward,
    ),
    Notation(
        "ufldl", "UFLDL",
        ("$W^{(l)}_{jk}$", "$z^{(l+1)} = W^{(l)} a^{(l)} + b^{(l)}$, columns", "$z^{(l)}_i$", "$a^{(l)}_i$",
         "$\\delta^{(l)}_i$", "1", "1", "$b^{(l)}_i$", "$f$", "$J$", "$y$", "$\\alpha$", "–", "$m$",
         "$\\delta^{(l+1)} (a^{(l)})^T$"),
        _from_one, lambda p, l, j, k: p["w"][l + 1][j, k], _columns,
    ),
    Notation(
        "goodfellow-2016", "Goodfellow et al.",
        ("$W^{(k)}_{ji}$ (from $i$, layer $k$)", "$a^{(k)} = b^{(k)} + W^{(k)} h^{(k-1)}$, columns", "$a^{(k)}$",
         "$h^{(k)}$", "$g$ after $g \\odot f'(a^{(k)})$", "0", "1", "$b^{(k)}$", "$f$", "$J$, $L$", "$y$", "–", "–",
         "–", "$g\\, h^{(k-1)\\top}$"),
        _from_one, lambda p, l, j, k: p["w"][l + 1][j, k], _columns,
    ),
    Notation(
        "cs231n", "CS231n",
        ("`W[k, j]`", "`scores = np.dot(X, W) + b`, rows", "$f$", "`hidden_layer`", "`dscores`, `dhidden`", "–", "–",
         "`b`", "$\\max(0, x)$", "$L$", "`y`", "`step_size`", "–", "$N$", "`np.dot(X.T, dscores)`"),
        lambda W, b: [(w.T, c) for w, c in zip(W, b, strict=True)],
        lambda p, l, j, k: p[l][0][k, j], _rows,
    ),
    Notation(
        "pytorch-linear", "`torch.nn.Linear`",
        ("`weight[j, k]`", "$y = xA^T + b$, rows", "–", "–", "–", "–", "`layers[0]`", "`bias`", "–", "–", "`target`",
         "`lr`", "–", "–", "`weight.grad`"),
        lambda W, b: [{"weight": w, "bias": c} for w, c in zip(W, b, strict=True)],
        lambda p, l, j, k: p[l]["weight"][j, k], _linear,
    ),
    Notation(
        "flax-dense", "`flax.linen.Dense`",
        ("`kernel[k, j]`", "$y = x\\,\\mathrm{kernel} + \\mathrm{bias}$, rows", "–", "–", "–", "–", "`Dense_0`",
         "`bias`", "–", "–", "–", "`learning_rate` (optax)", "–", "–", "`grads['kernel']`"),
        lambda W, b: {f"Dense_{k}": {"kernel": w.T, "bias": c} for k, (w, c) in enumerate(zip(W, b, strict=True))},
        lambda p, l, j, k: p[f"Dense_{l}"]["kernel"][k, j], _dense,
    ),
)
# fmt: on
