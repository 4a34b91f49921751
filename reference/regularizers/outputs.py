"""Regularizers of what a network computes: its logits, its activations, and which units it drops.

Arrays are (..., n examples, d units); leading axes are independent problems. Every penalty is a sum over units and a
mean over examples, as the costs are.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.costs import one_hot
from reference.costs.softmax import softmax
from reference.exact import DEEP, fallen, scaled
from reference.formula import Array, Kink, formula
from reference.lift import (
    QUIET,
    Answer,
    checked,
    cotangent_of,
    defaults,
    floating,
    is_floating,
    named,
    real,
    rounded,
    times,
)
from reference.network import (
    Activation,
    Backward,
    EndCost,
    at_end,
    bias_gradient,
    check_shapes,
    feedforward,
    layers,
    shortened,
    weight_gradient,
    wide,
)
from reference.regularizers.matrices import square_sum, weighed

Penalty = Callable[..., tuple[Array, Array]]
LAM = {"lam": "lam >= 0"}
SOFTMAX = "exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))"
LOG_SOFTMAX = "(z[i, j] - log(Sum(exp(z[i, k]), (k, 1, d))))"
NEGATIVE_ENTROPY = (
    "(Sum(z[i, k]*exp(z[i, k]), (k, 1, d))/Sum(exp(z[i, k]), (k, 1, d)) - log(Sum(exp(z[i, k]), (k, 1, d))))"
)


def of_outputs(body: Callable[..., tuple[Array, dict[str, Array]]]) -> Penalty:
    """Lift `body`, which maps float64 outputs (..., n, d), and targets, to R (...) and its gradients by argument.

    The lifted function returns (R, its gradient by the outputs) in their dtype. λ = 0 takes a penalty out, whatever
    the outputs are. Raises TypeError for outputs that are not floating and ValueError for a shape without n and d.
    """
    names = [p.name for p in inspect.signature(body).parameters.values() if p.default is p.empty]
    known = defaults(body, len(names))

    def evaluate(given: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[Array, dict[str, Array]]:
        first, *others = names
        x = floating(given[first], first)
        if x.ndim < 2 or x.shape[-2] == 0 or x.shape[-1] == 0:
            raise ValueError(f"{first} has shape {x.shape}; expected (n examples, d units), neither of them 0")
        targets = {name: real(given[name], name) for name in others}
        parameters = checked(lifted, known, parameters)
        if parameters.get("lam") == 0:
            R, gradients = np.zeros(x.shape[:-2]), {first: np.zeros(x.shape)}
        else:
            R, gradients = body(np.asarray(x, np.float64, order="C"), *targets.values(), **parameters)
        switches = {name for name, y in targets.items() if not is_floating(y.dtype)}
        return np.asarray(R), {name: g for name, g in gradients.items() if name not in switches}

    @functools.wraps(body)
    @QUIET
    def lifted(*arrays: npt.ArrayLike, **parameters: Any) -> tuple[Array, Array]:
        given = dict(zip((*names, *known), arrays, strict=False))
        parameters |= {name: given.pop(name) for name in [*known] if name in given}
        given |= {name: parameters.pop(name) for name in names if name in parameters}
        dtype = floating(named(lifted, given, names, len(names))[names[0]], names[0]).dtype
        R, gradients = evaluate(given, parameters)
        return rounded(R, dtype), rounded(gradients[names[0]], dtype)

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: Any) -> Answer:
        given = named(lifted, arguments, names, len(names))
        dtype = floating(given[names[0]], names[0]).dtype
        R, gradients = evaluate(given, parameters)
        v = cotangent_of(cotangent, R.shape)
        known_ones = {**known, **parameters}

        def again(name: str) -> Callable[..., Array]:
            return lambda **other: evaluate(given, {**parameters, **other})[1][name]

        weighted = {name: weighed(v, g, known_ones, again(name)) for name, g in gradients.items()}
        return {"value": rounded(R, dtype)}, {name: rounded(g, dtype) for name, g in weighted.items()}

    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


NOTHING = -3000.0  # e to that power is 0, times the largest float too


@formula(
    "regularizer/entropy",
    statement=f"lam*Sum({SOFTMAX}*{LOG_SOFTMAX}, (j, 1, d), (i, 1, n))/n",
    derivative=f"lam*{SOFTMAX}*({LOG_SOFTMAX} - {NEGATIVE_ENTROPY})/n",
    arguments=("z[i, j]",),
    valid=LAM,
    assumptions=(
        "acts on logits z",
        "−λ times the entropy of softmax(z): confidence is penalised",
        "mean over examples",
    ),
    sources=("pereyra-2017",),
)
@of_outputs
def entropy(z: Array, lam: float = 0.1) -> tuple[Array, dict[str, Array]]:
    """Confidence penalty −λH(s) = λΣ s log s with s = softmax(z), mean over examples.  Returns (R, ∂R/∂z).

    ∂(Σ s log s)/∂s_k = log s_k + 1, and the pullback of softmax drops the constant: s ⊙ (log s − Σ s log s). It drops
    the log Σe^z in log s as well, which leaves s ⊙ (t − Σ s t) with t = z − max z and saves the digits of nearly
    equal logits.
    """
    soft, m = softmax(z), z.argmax(-1)[..., None]
    t, whole = np.maximum(soft.below, NOTHING), 1 + soft.others[..., None]
    rivals = t.copy()
    np.put_along_axis(rivals, m, NOTHING, -1)
    shift = np.minimum(rivals.max(-1, keepdims=True) - DEEP, 0)  # λ may bring back what is left of a sure row
    e = np.exp(rivals - shift)  # of the others, over `fall`²
    fall, others = np.exp(shift / 2), e.sum(-1, keepdims=True)
    mean = (e * t).sum(-1, keepdims=True) / whole  # Σ s t, and Σ s log s is that less log Σe^t
    left = mean - np.where(shift < 0, others, np.log1p(others))
    near, half = fallen(t)
    slope = near / whole * (t - mean * fall * fall)
    np.put_along_axis(slope, m, -mean / whole, -1)
    np.put_along_axis(half, m, fall, -1)
    share = 1 / z.shape[-2]
    R = scaled(0, lam, share, left, fall, fall).sum((-2, -1))
    return R, {"z": scaled(0, lam, share, slope, half, half)}


def smooth(y: npt.ArrayLike, d: int, eps: float = 0.1) -> Array:
    """Smoothed targets (1 − ε)y + ε·Σy/d, of rows of d probabilities or of integer labels.

    Raises ValueError unless 0 ≤ eps ≤ 1, and for labels outside 0 … d − 1.

    >>> smooth([1], 4, 0.2)
    array([[0.05, 0.85, 0.05, 0.05]])
    """
    if not 0 <= eps <= 1:
        raise ValueError(f"eps = {eps}; need 0 ≤ eps ≤ 1")
    y = real(y, "y")
    y = one_hot(y, d) if y.dtype.kind in "iu" else y.astype(np.float64)
    return (1 - eps) * y + eps * y.sum(-1, keepdims=True) / d


@formula(
    "regularizer/label_smoothing",
    statement="eps*Sum((y[i, j] - Sum(y[i, k], (k, 1, d))/d)*(z[i, j] - log(Sum(exp(z[i, l]), (l, 1, d)))),"
    " (j, 1, d), (i, 1, n))/n",
    derivative="eps*(y[i, j] - Sum(y[i, k], (k, 1, d))/d)/n",
    arguments=("z[i, j]", "y[i, j]"),
    valid={"eps": "0 <= eps <= 1"},
    assumptions=(
        "acts on logits z with targets y",
        "y may also be integer labels",
        "what smoothing adds: with the cross-entropy of softmax(z) it is the same cost on targets (1 − eps)y + epsΣy/d",
        "mean over examples",
    ),
    sources=("szegedy-2016",),
)
@of_outputs
def label_smoothing(z: Array, y: Array, eps: float = 0.1) -> tuple[Array, dict[str, Array]]:
    """Label smoothing as a penalty, ε(CE(z, ȳ) − CE(z, y)) with ȳ = Σy/d.  Returns (R, ∂R/∂z).

    The cross-entropy −Σ y log s is linear in its targets, so CE on smoothed targets is CE(z, y) + R. The gradients
    are s·Σy − target, the softmax drops out of their difference, and ε(y − ȳ)/n remains. In the value the log Σe^z
    drops out too, as Σ(y − ȳ) = 0: it is ε⟨y − ȳ, z⟩/n. Raises as `smooth`, and ValueError where shapes differ.
    """
    n, d = z.shape[-2:]
    y = one_hot(y, d) if y.dtype.kind in "iu" and y.ndim == z.ndim - 1 else y.astype(np.float64)
    if y.shape != z.shape:
        raise ValueError(f"targets y have shape {y.shape}, logits z have shape {z.shape}; they must be equal")
    toward = eps * (y - y.mean(-1, keepdims=True)) / n
    aside = eps * (z - (z / d).sum(-1, keepdims=True)) / n
    return times(toward, z).sum((-2, -1)), {"z": toward, "y": aside}


@formula(
    "regularizer/activity_l2",
    statement="lam*Sum(a[i, j]**2, (j, 1, d), (i, 1, n))/(2*n)",
    derivative="lam*a[i, j]/n",
    arguments=("a[i, j]",),
    valid=LAM,
    assumptions=("acts on the activations of one layer", "factor ½", "sum over units, mean over examples"),
    sources=("goodfellow-2016",),
)
@of_outputs
def activity_l2(a: Array, lam: float = 0.1) -> tuple[Array, dict[str, Array]]:
    """Activity penalty λ/(2n)·Σa².  Returns (R, ∂R/∂a); `backprop` below lets ∂R/∂a join the cotangent of a."""
    n = a.shape[-2]
    return square_sum(a, lam / n / 2), {"a": lam / n * a}


@formula(
    "regularizer/activity_l1",
    statement="lam*Sum(Abs(a[i, j]), (j, 1, d), (i, 1, n))/n",
    derivative="lam*sign(a[i, j])/n",
    arguments=("a[i, j]",),
    kinks=(Kink(of="a", at="0", left="-lam/n", right="lam/n", chosen="0", why="minimum-norm subgradient"),),
    valid=LAM,
    assumptions=("acts on the activations of one layer", "sum over units, mean over examples"),
    sources=("goodfellow-2016",),
)
@of_outputs
def activity_l1(a: Array, lam: float = 0.1) -> tuple[Array, dict[str, Array]]:
    """Activity penalty λ/n·Σ|a|: ∂R/∂a = λ sign(a)/n, and 0 at a = 0.  Returns (R, ∂R/∂a)."""
    n = a.shape[-2]
    return (lam / n * np.abs(a)).sum((-2, -1)), {"a": lam / n * np.sign(a)}


def backprop(
    x: Array,
    y: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[Activation],
    cost: EndCost,
    penalties: Mapping[int, Penalty],
) -> Backward:
    """Backpropagation with penalties on activations: `penalties[l]` acts on aˡ, l = 1 … L.

    aˡ reaches the cost through layer l + 1 and through its penalty, so its cotangent is the sum
    δˡ⁺¹Wˡ⁺¹ + ∂R/∂aˡ, and everything else is as ever. Raises ValueError for a layer that is not there.
    """
    x, W, b, short = layers(x, W, b)
    check_shapes(x, W, b, activations)
    if short:
        g = backprop(wide(x), y, [*map(wide, W)], [*map(wide, b)], activations, cost, penalties)
        return shortened(g, x, W, b)
    z, a, pullbacks = feedforward(x, W, b, activations)
    if strangers := sorted(set(penalties) - set(range(1, len(W) + 1))):
        raise ValueError(f"penalties on layers {strangers}: this network has layers 1 … {len(W)}")
    C, v = at_end(cost, a[-1], y)
    delta: list[Array] = []
    for layer in range(len(W), 0, -1):
        if layer in penalties:
            R, dR = penalties[layer](a[layer])
            C, v = C + R, v + dR
        delta.insert(0, pullbacks[layer - 1](v))  # δˡ = v ⊙ g'(zˡ)
        v = delta[0] @ W[layer - 1]
    db = [bias_gradient(d) for d in delta]
    dW = [weight_gradient(d, below) for d, below in zip(delta, a[:-1], strict=True)]
    return Backward(C, dW, db, delta, z, a)
