"""Boosting objectives: of every prediction z the gradient of the cost and the second derivative, as trees are fitted.

Each returns (gradient, Hessian) of the sum of the costs of all examples, of which the Hessian is the diagonal alone:
a tree sees one score at a time, the others as they are. Both have the shape and the dtype of z and are evaluated in
float64; arguments, parameters and errors are those of the cost, whose record states what is differentiated. Where the
Hessian is not positive, libraries put a positive number in its place; these are the second derivatives themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reference.activations import sigmoid
from reference.costs.logit import cosigma_power, sigmoids
from reference.costs.softmax import softmax as of_rows
from reference.formula import vjp
from reference.lift import QUIET, Array, floating, real, rounded, times

Objective = tuple[Array, Array]


def _gradient(id: str, arguments: dict[str, Any], **parameters: Any) -> Array:
    """∂C/∂z of the sum of all costs."""
    return np.asarray(vjp(id, arguments, reduction="sum", **parameters)[1]["z"])


def _wide(z: npt.ArrayLike) -> Array:
    return floating(z).astype(np.float64)


def _weighted(hessian: Array, weight: npt.ArrayLike | None, z: npt.ArrayLike) -> Array:
    w = None if weight is None else np.broadcast_to(real(weight, "weight").astype(np.float64), hessian.shape)
    return rounded(times(w, hessian), floating(z).dtype)


@QUIET
def logistic(z: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Objective:
    """Objective of cost/binary_cross_entropy_logits: σ(z) − y, and σ(z)σ(−z).  z, y: the same shape.

    `weight` is of that shape or broadcasts to it, and multiplies both.

    σ' = σ(z)σ(−z), the textbook p(1 − p), without its cancellation near p = 1; twice of it is an upper bound that some
    libraries use, and not the second derivative.

    >>> gradient, hessian = logistic([0.0, 0.0], [1.0, 0.0])
    >>> gradient.tolist(), hessian.tolist()
    ([-0.5, 0.5], [0.25, 0.25])
    """
    gradient = _gradient("cost/binary_cross_entropy_logits", {"z": z, "y": y, "weight": weight})
    return gradient, _weighted(sigmoid(_wide(z))[1], weight, z)


@QUIET
def softmax(z: npt.ArrayLike, labels: npt.ArrayLike) -> Objective:
    """Objective of cost/cross_entropy_labels: p − [j = y], and p(1 − p), p = softmax(z).  z: (n, d), labels: (n,).

    ∂p_j/∂z_j = p_j(1 − p_j), where 1 − p_j is the sum of the other probabilities: taken so at the largest of them,
    nothing is lost once a row is learned.
    """
    gradient = _gradient("cost/cross_entropy_labels", {"z": z, "labels": labels})
    rows = of_rows(_wide(z))
    p = rows.e / (1 + rows.others)[..., None]  # (n, d), 0 at the largest
    hessian = p * (1 - p)
    hessian.put(rows.m, rows.others / (1 + rows.others) ** 2)
    return gradient, _weighted(hessian, None, z)


@QUIET
def quantile(z: npt.ArrayLike, y: npt.ArrayLike, *, tau: float = 0.5) -> Objective:
    """Objective of cost/quantile: 1 − τ above y, −τ below, and 0.  z, y: the same shape.

    Both pieces are lines, so the second derivative is 0, at the corner it is none; a step −g/h there is none of
    Newton's, whatever is put for h.
    """
    _, gradients = vjp("cost/quantile", {"a": z, "y": y}, reduction="sum", tau=tau)
    gradient = np.asarray(gradients["a"])
    return gradient, np.where(np.isnan(gradient), gradient, np.zeros_like(gradient))


@QUIET
def focal(z: npt.ArrayLike, y: npt.ArrayLike, *, alpha: float = 0.25, gamma: float = 2.0) -> Objective:
    """Objective of cost/sigmoid_focal: its slope, and α·y·f″(z) + (1 − α)(1 − y)·f″(−z).  z, y: the same shape.

    f = c^γ·L with L = softplus(−z), s = σ(z), c = σ(−z): s' = sc, c' = −sc, L' = −c. So f' = −c^γ(γsL + c), and

        f″ = γsc^γ(γsL + c) − c^γ(γscL − γsc − sc) = sc^γ[γL(γs − c) + (2γ + 1)c].

    It is negative where an example is missed by far: there the cost is concave.
    """
    gradient = _gradient("cost/sigmoid_focal", {"z": z, "y": y}, alpha=alpha, gamma=gamma)
    x, t = _wide(z), real(y, "y").astype(np.float64)

    def curvature(x: Array) -> Array:
        s, c, _, loss = sigmoids(x)
        near, far = cosigma_power(x, gamma)
        loss = np.where(s == 0, 0, loss)  # sL has the limit 0 at −∞
        return s * near * (gamma * loss * (gamma * s - c) + (2 * gamma + 1) * c) * far

    hessian = alpha * times(t, curvature(x)) + (1 - alpha) * times(1 - t, curvature(-x))
    return gradient, _weighted(hessian, None, z)
