"""Gated feed-forward layers: two linear maps, one of which opens and closes the other, and a third one back."""

from __future__ import annotations

from reference.activations import gelu, gelu_tanh, identity, relu, sigmoid, silu, squared_relu
from reference.formula import Array, Kink, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import LEADING, expect, outer
from reference.lift import choice, times

GATES = {g.formula.name: g for g in (silu, gelu, gelu_tanh, relu, squared_relu, sigmoid, identity)}

G, U = "Sum(gate[r, k]*x[i, k], (k, 1, d))", "Sum(up[r, k]*x[i, k], (k, 1, d))"
OPEN = f"{G}/(1 + exp(-{G}))"
SLOPE = f"(1 + {G}*exp(-{G})/(1 + exp(-{G})))/(1 + exp(-{G}))"
BACK = "Sum(v[i, l]*down[l, r], (l, 1, d))"


@formula(
    "layer/gated_mlp",
    statement=f"Sum(down[j, r]*{OPEN}*{U}, (r, 1, m))",
    derivative=f"Sum({BACK}*({SLOPE}*{U}*gate[r, j] + {OPEN}*up[r, j]), (r, 1, m))",
    arguments=("x[i, j]", "gate[r, j]", "up[r, j]", "down[l, r]"),
    partials={
        "gate[r, j]": f"Sum({BACK}*{SLOPE}*{U}*x[i, j], (i, 1, n))",
        "up[r, j]": f"Sum({BACK}*{OPEN}*x[i, j], (i, 1, n))",
        "down[l, r]": f"Sum(v[i, l]*{OPEN}*{U}, (i, 1, n))",
    },
    kinks=(Kink(of="an entry of the gate, for the activation relu", at="0", left="0", right="1", chosen="0"),),
    assumptions=(
        LEADING,
        "printed for silu (SwiGLU); gelu makes it GeGLU, relu ReGLU, identity a bilinear layer",
        "no biases",
    ),
    sources=("shazeer-2020", "dauphin-2017"),
)
@layer()
def gated_mlp(x: Array, gate: Array, up: Array, down: Array, *, activation: str = "silu") -> tuple[Array, Pullback]:
    """Gated feed-forward layer y = (act(xGᵀ) ∘ xUᵀ)·Dᵀ.  x: (..., d), gate and up: (h, d), down: (m, h) -> y: (..., m).

    G, U, D are gate, up and down. With g = xGᵀ, u = xUᵀ and a = act(g), all (..., h), y = (a ∘ u)Dᵀ. With v the
    cotangent of y, a ∘ u has the cotangent w = vD; the product rule gives u the cotangent du = w ∘ a, and g the
    cotangent dg = w ∘ u ∘ act′(g). So ∂C/∂x = dg·G + du·U, and over all rows ∂C/∂G = Σ dg⊗x, ∂C/∂U = Σ du⊗x,
    ∂C/∂D = Σ v⊗(a ∘ u). The activations are those of the catalogue under that name: silu, gelu, gelu_tanh, relu,
    squared_relu, sigmoid, identity.

    Raises ValueError for another name and for shapes that do not fit.
    """
    choice("activation", activation, GATES)
    expect("gate", gate, "h", "d")
    expect("x", x, "...", gate.shape[1], why=f"as gate has shape {gate.shape}")
    expect("up", up, *gate.shape, why="as gate")
    expect("down", down, "m", gate.shape[0], why=f"as gate has shape {gate.shape}")
    u = x @ up.T  # (..., h)
    a, slope = GATES[activation](x @ gate.T)  # (..., h)

    def pullback(v: Array) -> Gradients:
        w = v @ down  # (..., h)
        dg, du = times(w, u * slope), times(w, a)
        return {"x": dg @ gate + du @ up, "gate": outer(dg, x), "up": outer(du, x), "down": outer(v, a * u)}

    return (a * u) @ down.T, pullback
