"""Penalties on the gradient at the input: differentiating backpropagation itself, by hand.

The backward pass with cotangent v at the output computes, from rᴸ = v ⊙ g'(zᴸ) downwards,

    sˡ = rˡ⁺¹Wˡ⁺¹,  rˡ = sˡ ⊙ g'(zˡ),  q = r¹W¹ = ∂⟨v, aᴸ⟩/∂x.

A penalty P(q) therefore depends on W directly and through every z. Going back over these lines, a bar marking ∂P/∂·,
runs *up* the network,

    r̄¹ = q̄W¹ᵀ,  s̄ˡ = r̄ˡ ⊙ g'(zˡ),  r̄ˡ⁺¹ = s̄ˡWˡ⁺¹ᵀ,

and leaves W̄¹ = r¹ᵀq̄, W̄ˡ⁺¹ = rˡ⁺¹ᵀs̄ˡ and z̄ˡ = r̄ˡ ⊙ sˡ ⊙ g''(zˡ). The z̄ then go *down* like any errors:

    δᴸ = z̄ᴸ,  δˡ = z̄ˡ + (δˡ⁺¹Wˡ⁺¹) ⊙ g'(zˡ),  ∂P/∂Wˡ = W̄ˡ + δˡᵀaˡ⁻¹,  ∂P/∂bˡ = Σδˡ,  ∂P/∂x = δ¹W¹.

The second derivatives g'' are in the records of the activations (`curvature`). Shapes as in `reference.network`:
x (n, d_in), Wˡ (d_out, d_in), bˡ (d_out,), everything else (n, d).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.formula import CATALOGUE, Array, Kink, find, formula
from reference.layers.attention import summed_to
from reference.lift import QUIET, Answer, checked, cotangent_of, defaults, named, rounded, times
from reference.network import check_shapes, feedforward, layers, wide
from reference.regularizers.matrices import row_norms, square_sum

Gradients = tuple[Array, list[Array], list[Array]]  # P, ∂P/∂W, ∂P/∂b


class Penalised(NamedTuple):
    """A penalty and its gradients by input, weights and biases."""

    P: Array
    dx: Array
    dW: list[Array]
    db: list[Array]

    def __add__(self, other: Any) -> Penalised:
        """The sum of two penalties of the same network."""
        dW, db = ([p + q for p, q in zip(*pair, strict=True)] for pair in ((self.dW, other.dW), (self.db, other.db)))
        return Penalised(self.P + other.P, self.dx + other.dx, dW, db)


def through_network(body: Callable[..., Penalised]) -> Callable[..., Gradients]:
    """Lift `body`, which maps float64 arrays of a network and its activations to a penalty, to any floating dtype.

    The lifted function returns (R, [∂R/∂W], [∂R/∂b]): R in the dtype of x, each gradient in that of its own parameter.
    Its vjp takes x, W1, b1, W2, b2, …, with the activations, functions or their ids, as a parameter. λ = 0 takes a
    penalty out. Raises ValueError for an activation whose record has no curvature, and where shapes do not fit.
    """
    known = defaults(body, 4)

    def evaluate(
        x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Any], parameters: Mapping[str, Any]
    ) -> Penalised:
        parameters = checked(lifted, known, parameters)
        functions = [find(g).function if isinstance(g, str) else g for g in activations]
        check_shapes(x, W, b, functions)
        found = body(wide(x), [*map(wide, W)], [*map(wide, b)], functions, **parameters)
        if parameters.get("lam") == 0:
            found = Penalised(*(_zeros(q) for q in found))
        return found

    @functools.wraps(body)
    @QUIET
    def lifted(
        x: npt.ArrayLike,
        W: Sequence[npt.ArrayLike],
        b: Sequence[npt.ArrayLike],
        activations: Sequence[Any],
        *positional: float,
        **parameters: float,
    ) -> Gradients:
        x, W, b, _ = layers(x, W, b)
        given = {**dict(zip(known, positional, strict=False)), **parameters}
        R, _, dW, db = evaluate(x, W, b, activations, given)
        each = [[rounded(d, p.dtype) for d, p in zip(*pair, strict=True)] for pair in ((dW, W), (db, b))]
        return rounded(np.asarray(R), x.dtype), each[0], each[1]

    @QUIET
    def vjp(
        arguments: Mapping[str, Any], cotangent: Any = None, *, activations: Sequence[Any], **parameters: float
    ) -> Answer:
        depth = range(1, len(activations) + 1)
        names = ["x", *(f"{kind}{k}" for k in depth for kind in "Wb")]
        given = named(lifted, arguments, names, len(names))
        x, W, b, _ = layers(given["x"], [given[f"W{k}"] for k in depth], [given[f"b{k}"] for k in depth])
        R, dx, dW, db = evaluate(x, W, b, activations, parameters)
        v = cotangent_of(cotangent, np.shape(R))
        found = {"x": dx} | {f"W{k}": d for k, d in enumerate(dW, 1)} | {f"b{k}": d for k, d in enumerate(db, 1)}
        gradients = {}
        for name, gradient in found.items():
            behind = (..., *([None] * (2 - name.startswith("b"))))
            weighed = times(None if v is None else v[behind], gradient)
            gradients[name] = rounded(summed_to(weighed, np.shape(given[name])), x.dtype)
        return {"value": rounded(np.asarray(R), x.dtype)}, {name: gradients[name] for name in names}

    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


def _zeros(q: Any) -> Any:
    return [np.zeros_like(p) for p in q] if isinstance(q, list) else np.zeros_like(q)


def _derivatives(activation: Any, z: Array) -> tuple[Array, Array]:
    """g'(z) and g''(z)."""
    given: Mapping[str, Any] = {}
    if isinstance(activation, functools.partial):
        activation, given = activation.func, activation.keywords
    record = getattr(activation, "formula", None)
    if record is None or record.curvature is None:
        known = ", ".join(f.name for f in CATALOGUE.values() if f.curvature is not None)
        name = getattr(activation, "__name__", repr(activation)) if record is None else record.id
        raise ValueError(f"{name} has no second derivative here; choose from {known}")
    a, slope = activation(z, **given)
    return slope, record.curvature(z, a, slope, **given)


def _penalise(
    x: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[Any],
    v: Array,
    penalty: Callable[[Array], Any],
) -> Penalised:
    """P(q) of the gradient q = ∂⟨v, aᴸ⟩/∂x, and its gradients; `penalty` returns (P, ∂P/∂q)."""
    forward = feedforward(x, W, b, activations)
    slopes, curvatures = zip(*(_derivatives(g, z) for g, z in zip(activations, forward.z, strict=True)), strict=True)
    L = len(W)
    s, r = [v], [v * slopes[-1]]  # from the last layer down
    for layer in range(L - 1, 0, -1):
        s.insert(0, r[0] @ W[layer])
        r.insert(0, s[0] * slopes[layer - 1])
    P, s_bar = penalty(r[0] @ W[0])  # s̄⁰ = q̄
    z_bar, W_bar = [], []
    for layer in range(L):  # up
        W_bar.append(r[layer].mT @ s_bar)
        r_bar = s_bar @ W[layer].mT
        z_bar.append(times(curvatures[layer], r_bar * s[layer]))  # a straight piece passes nothing on, were r̄ infinite
        s_bar = times(slopes[layer], r_bar)
    delta = z_bar[-1]
    for layer in range(L - 1, -1, -1):  # down
        W_bar[layer] = W_bar[layer] + delta.mT @ forward.a[layer]
        z_bar[layer] = delta
        if layer:
            delta = z_bar[layer - 1] + (delta @ W[layer]) * slopes[layer - 1]
    return Penalised(P, delta @ W[0], W_bar, [d.sum(-2) for d in z_bar])


RANGE = "products of the weights of all layers, which backpropagation forms twice, are in the range of float64"


@formula(
    "regularizer/jacobian",
    statement="lam*Sum(q[i, j]**2, (j, 1, d), (i, 1, n))/(2*n)",
    derivative="lam*q[i, j]/n",
    arguments=("q[i, j]",),
    assumptions=(
        "q[i, :] are the entries of the Jacobian ∂a/∂x of the outputs for example i",
        RANGE,
        "factor ½",
        "mean over examples",
        "off the kinks of the activations",
    ),
    valid={"lam": "lam >= 0"},
    sources=("drucker-lecun-1992", "hoffman-2019"),
)
@through_network
def jacobian(
    x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Any], lam: float = 0.1
) -> Penalised:
    """Jacobian penalty λ/(2n)·Σ‖∂a/∂x‖² (Frobenius).  Returns (R, ∂R/∂W, ∂R/∂b).

    The row of output k is the input gradient for the cotangent eₖ; the squares of the rows add up, and so do their
    gradients.
    """
    n, outputs = x.shape[-2], W[-1].shape[-2]

    def penalty(q: Array) -> tuple[Array, Array]:
        return square_sum(q, lam / n / 2), lam / n * q

    def of_output(k: int) -> Penalised:
        e_k = np.zeros((*x.shape[:-1], outputs))
        e_k[..., k] = 1
        return _penalise(x, W, b, activations, e_k, penalty)

    return functools.reduce(Penalised.__add__, map(of_output, range(outputs)))


@formula(
    "regularizer/gradient_penalty",
    statement="lam*Sum((sqrt(Sum(q[i, j]**2, (j, 1, d))) - target)**2, (i, 1, n))/n",
    derivative="2*lam*(1 - target/sqrt(Sum(q[i, k]**2, (k, 1, d))))*q[i, j]/n",
    arguments=("q[i, j]",),
    assumptions=(
        "q[i, :] is the gradient ∂a/∂x of the one output for example i",
        RANGE,
        "no factor ½",
        "mean over examples",
        "off the kinks of the activations",
    ),
    kinks=(Kink(of="norm of q", at="0", left="2*target", right="-2*target", chosen="0"),),
    valid={"lam": "lam >= 0"},
    sources=("gulrajani-2017",),
)
@through_network
def gradient_penalty(
    x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Any], lam: float = 10.0, target: float = 1.0
) -> Penalised:
    """Gradient penalty λ/n·Σ(‖∂a/∂x‖ − 1)² of a network with one output.  Returns (R, ∂R/∂W, ∂R/∂b).

    ∂‖q‖/∂q = q/‖q‖, so q̄ = 2λ(‖q‖ − 1)q/‖q‖ over n. Raises ValueError if there is more than one output.
    """
    if W[-1].shape[-2] != 1:
        raise ValueError(f"gradient_penalty: the network has {W[-1].shape[-2]} outputs; it needs exactly 1")
    n = x.shape[-2]

    def penalty(q: Array) -> tuple[Array, Array]:
        norm, unit = row_norms(q)
        excess = norm - target
        return square_sum(excess, lam / n), lam / n * (excess * unit) * 2

    return _penalise(x, W, b, activations, np.ones((*x.shape[:-1], 1)), penalty)
