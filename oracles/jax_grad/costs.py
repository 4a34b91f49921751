"""JAX's answer for costs of several inputs: Optax's losses where it has them, differentiated by `jax.grad`.

Optax reduces nothing: its losses come one a term. Every definition takes arrays under the names of the formula's
record, and returns the terms and what the mean divides their sum by, or each of them; None stands for their number.
What Optax has no function for is written out from the definition and listed in `COMPOSED`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import xlog1py, xlogy

from oracles.alignments import alignments
from oracles.cost_arguments import ENDS

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

NAME = "jax"
Definition = Callable[..., "tuple[Any, Any]"]


def _by_weights(terms: Any, weight: Any) -> tuple[Any, Any]:
    return (terms, None) if weight is None else (weight * terms, weight.sum())


def _times(terms: Any, weight: Any) -> tuple[Any, Any]:
    return (terms if weight is None else weight * terms), None


def _per_class(weight: Any, z: Any) -> Any:
    return jnp.ones(z.shape[-1], z.dtype) if weight is None else weight


def _smooth_l1(a: Any, y: Any, beta: float = 1.0) -> Any:
    return optax.huber_loss(a, y, delta=beta) / beta, None


def _stirling(y: Any, full: bool) -> Any:
    safe = jnp.where(y > 1, y, 1.0)
    return jnp.where(y > 1, safe * jnp.log(safe) - safe + jnp.log(2 * jnp.pi * safe) / 2, 0.0) if full else 0.0


def _poisson_nll(a: Any, y: Any, full: bool = False) -> Any:
    return jnp.exp(a) - y * a + _stirling(y, full), None


def _poisson_nll_rate(a: Any, y: Any, eps: float = 0.0, full: bool = False) -> Any:
    return a - xlogy(y, a + eps) + _stirling(y, full), None


def _gaussian_nll(a: Any, y: Any, v: Any, full: bool = False) -> Any:
    return (jnp.log(v) + (a - y) ** 2 / v + (jnp.log(2 * jnp.pi) if full else 0)) / 2, None


def _jensen_shannon(p: Any, q: Any) -> Any:
    m = (p + q) / 2
    return (xlogy(p, p / m) + xlogy(q, q / m)).sum(-1) / 2, None


def _pick(row: Any, labels: Any) -> Any:
    return jnp.take_along_axis(row, labels[:, None], -1)[:, 0]


def _nll_labels(a: Any, labels: Any, weight: Any = None, ignore_index: int | None = None) -> Any:
    counts = labels != ignore_index if ignore_index is not None else jnp.ones(labels.shape, bool)
    y = jnp.where(counts, labels, 0)
    w = jnp.where(counts, _per_class(weight, a)[y], 0)
    return -w * _pick(a, y), w.sum()


def _bce_logits(z: Any, y: Any, weight: Any = None, pos_weight: Any = None) -> Any:
    if pos_weight is None:
        return _times(optax.sigmoid_binary_cross_entropy(z, y), weight)
    terms = -pos_weight * y * jax.nn.log_sigmoid(z) - (1 - y) * jax.nn.log_sigmoid(-z)
    return _times(terms, weight)


def _sigmoid_focal(z: Any, y: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    one, zero = (optax.sigmoid_focal_loss(z, jnp.full_like(z, t), alpha=alpha, gamma=gamma) for t in (1.0, 0.0))
    return y * one + (1 - y) * zero, None


def _cross_entropy_labels(
    z: Any, labels: Any, weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0
) -> Any:
    counts = labels != ignore_index if ignore_index is not None else jnp.ones(labels.shape, bool)
    y = jnp.where(counts, labels, 0)
    w = _per_class(weight, z)
    if weight is None and label_smoothing == 0:
        terms = optax.softmax_cross_entropy_with_integer_labels(z, y)
    else:
        one_hot = jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype)
        terms = optax.softmax_cross_entropy(z, w * optax.smooth_labels(one_hot, label_smoothing))
    return jnp.where(counts, terms, 0), jnp.where(counts, w[y], 0).sum()


def _cross_entropy_probabilities(z: Any, y: Any, weight: Any = None, label_smoothing: float = 0.0) -> Any:
    return optax.softmax_cross_entropy(z, _per_class(weight, z) * optax.smooth_labels(y, label_smoothing)), None


def _softmax_focal(z: Any, labels: Any, weight: Any = None, gamma: float = 2.0) -> Any:
    loss = optax.softmax_cross_entropy_with_integer_labels(z, labels)
    return _per_class(weight, z)[labels] * (1 - jnp.exp(-loss)) ** gamma * loss, None


def _multi_margin(z: Any, labels: Any, weight: Any = None, p: int = 1, margin: float = 1.0) -> Any:
    slack = jnp.maximum(0, margin - _pick(z, labels)[:, None] + z) ** p
    others = jax.nn.one_hot(labels, z.shape[-1]) == 0
    return _per_class(weight, z)[labels] * jnp.where(others, slack, 0).mean(-1), None


def _multilabel_margin(z: Any, y: Any) -> Any:
    slack = jnp.maximum(0, 1 - z[:, :, None] + z[:, None, :])
    pairs = (y[:, :, None] == 1) & (y[:, None, :] == 0)
    return jnp.where(pairs, slack, 0).sum((1, 2)) / z.shape[-1], None


def _multilabel_soft_margin(z: Any, y: Any, weight: Any = None) -> Any:
    return (_per_class(weight, z) * optax.sigmoid_binary_cross_entropy(z, y)).mean(-1), None


def _cosine_embedding(a: Any, b: Any, y: Any, margin: float = 0.0) -> Any:
    c = optax.cosine_similarity(a, b)
    return jnp.where(y > 0, 1 - c, jnp.maximum(0, c - margin)), None


def _triplet_margin(a: Any, b: Any, c: Any, margin: float = 1.0, eps: float = 0.0) -> Any:
    """Optax adds its eps to the sum of squares; ours is added to every difference before."""
    return optax.losses.triplet_margin_loss(a + eps, b, c, margin=margin, eps=0.0), None


def _nt_xent(z: Any, labels: Any, i: Any, j: Any, temperature: float = 0.07) -> Any:
    """One term for each pair i, j of one label."""
    c = optax.cosine_similarity(z[:, None], z[None]) / temperature
    others = jnp.where(labels[i][:, None] != labels, c[i], -jnp.inf)
    return -jax.nn.log_softmax(jnp.concatenate([c[i, j][:, None], others], -1), -1)[:, 0], None


def _with_pairs(inputs: Mapping[str, Any], **parameters: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """All ordered pairs i, j of one label."""
    labels = np.asarray(inputs["labels"])
    i, j = np.nonzero((labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool))
    return {**inputs, "i": i, "j": j}, parameters


def _dice(a: Any, y: Any, smooth: float = 1.0) -> Any:
    return 1 - (2 * (a * y).sum(-1) + smooth) / (a.sum(-1) + y.sum(-1) + smooth), None


def _tversky(a: Any, y: Any, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> Any:
    both = (a * y).sum(-1)
    whole = both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1) + smooth
    return 1 - (both + smooth) / whole, None


def _ctc_over_paths(a: Any, paths: Any, possible: Any, frames: Any, lengths: Any) -> Any:
    """The sum over all paths: optax.ctc_loss takes logits, and its slopes are those of logits."""
    logs = jnp.take_along_axis(a[:, None], paths[..., None], -1)[..., 0]  # (n, d^T, T)
    inside = jnp.arange(a.shape[1]) < frames[:, None, None]
    terms = -jax.nn.logsumexp(jnp.where(possible, jnp.where(inside, logs, 0).sum(-1), -jnp.inf), -1)
    return terms, len(a) * jnp.maximum(lengths, 1)


def _with_paths(inputs: Mapping[str, Any], blank: int = 0) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """All paths (n, d^T, T), of one shape for all targets, and which of them are possible."""
    labels = np.asarray(inputs["labels"])
    n, T, d = np.shape(inputs["a"])
    frames, lengths = inputs.get("input_lengths"), inputs.get("target_lengths")
    frames = np.full(n, T) if frames is None else np.asarray(frames)
    lengths = np.full(n, labels.shape[1]) if lengths is None else np.asarray(lengths)
    paths, possible = np.zeros((n, d**T, T), int), np.zeros((n, d**T), bool)
    for example, (row, t, u) in enumerate(zip(labels, frames, lengths, strict=True)):
        found = alignments(row[:u], t, d, blank)
        paths[example, : len(found), :t], possible[example, : len(found)] = found, True
    return {"a": inputs["a"], "paths": paths, "possible": possible, "frames": frames, "lengths": lengths}, {}


COSTS: dict[str, Definition] = {
    "cost/l1": lambda a, y, weight=None: _by_weights(jnp.abs(a - y), weight),
    "cost/squared_error": lambda a, y, weight=None: _by_weights(optax.squared_error(a, y), weight),
    "cost/huber_error": lambda a, y, weight=None, delta=1.0: _times(optax.huber_loss(a, y, delta=delta), weight),
    "cost/smooth_l1": _smooth_l1,
    "cost/log_cosh": lambda a, y: (optax.log_cosh(a, y), None),
    "cost/quantile": lambda a, y, tau=0.5: (jnp.maximum(tau * (y - a), (tau - 1) * (y - a)), None),
    "cost/poisson_nll": _poisson_nll,
    "cost/poisson_nll_rate": _poisson_nll_rate,
    "cost/gaussian_nll": _gaussian_nll,
    "cost/kl_div": lambda a, y: (xlogy(y, y) - y * a, None),
    "cost/kl_div_log_target": lambda a, y: (jnp.exp(y) * (y - a), None),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": lambda a, y, weight=None: _times(-xlogy(y, a) - xlog1py(1 - y, -a), weight),
    "cost/nll_labels": _nll_labels,
    "cost/binary_cross_entropy_logits": _bce_logits,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": _cross_entropy_labels,
    "cost/cross_entropy_probabilities": _cross_entropy_probabilities,
    "cost/softmax_focal": _softmax_focal,
    "cost/poly_cross_entropy": lambda z, y, epsilon=2.0: (
        optax.losses.poly_loss_cross_entropy(z, y, epsilon=epsilon),
        None,
    ),
    "cost/hinge": lambda z, y: (optax.hinge_loss(z, y), None),
    "cost/squared_hinge": lambda z, y: (jnp.maximum(0, 1 - y * z) ** 2, None),
    "cost/perceptron": lambda z, y: (optax.losses.perceptron_loss(z, y), None),
    "cost/soft_margin": lambda z, y: (jax.nn.softplus(-y * z), None),
    "cost/hinge_embedding": lambda z, y, margin=1.0: (jnp.where(y > 0, z, jnp.maximum(0, margin - z)), None),
    "cost/margin_ranking": lambda a, b, y, margin=0.0: (jnp.maximum(0, margin - y * (a - b)), None),
    "cost/multi_margin": _multi_margin,
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": _multilabel_soft_margin,
    "cost/multiclass_hinge": lambda z, labels: (optax.losses.multiclass_hinge_loss(z, labels), None),
    "cost/multiclass_perceptron": lambda z, labels: (optax.losses.multiclass_perceptron_loss(z, labels), None),
    "cost/wasserstein_critic": lambda a, b: (b.mean() - a.mean(), 1),
    "cost/cosine_distance": lambda a, b: (optax.cosine_distance(a, b), None),
    "cost/cosine_embedding": _cosine_embedding,
    "cost/triplet_margin": _triplet_margin,
    "cost/nt_xent": _nt_xent,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    "cost/ctc": _ctc_over_paths,
}

COMPOSED = frozenset(
    f"cost/{name}"
    for name in ("l1", "quantile", "poisson_nll", "poisson_nll_rate", "gaussian_nll", "kl_div", "kl_div_log_target",
                 "jensen_shannon", "binary_cross_entropy", "nll_labels", "softmax_focal", "squared_hinge",
                 "soft_margin",
                 "hinge_embedding", "margin_ranking", "multi_margin", "multilabel_margin", "wasserstein_critic",
                 "nt_xent",
                 "dice", "tversky", "ctc")
)  # fmt: skip


def ending(id: str) -> Callable[..., Any]:
    """The cost `id` of outputs a for targets y at the end of a network.  (..., n, d), (..., n, d) -> (...)."""
    end = ENDS[id]

    def cost(a: Any, y: Any, **parameters: Any) -> Any:
        def mean_of(outputs: Any, targets: Any) -> Any:
            terms, divisor = COSTS[id](**{end.outputs: outputs, end.targets: targets}, **parameters)
            if end.reduction == "batchmean":
                divisor = len(outputs)
            mean = terms.sum() / (terms.size if divisor is None else divisor)
            return mean.astype(outputs.dtype)  # Optax makes one-hot rows in double precision

        targets = y.argmax(-1) if end.labelled else y
        for _ in a.shape[:-2]:
            mean_of = jax.vmap(mean_of)
        return mean_of(a, targets)

    return cost


# Optax's functions themselves, with their own defaults.
NATIVE: dict[str, Callable[..., Any]] = {
    "cost/quadratic": lambda a, y: optax.l2_loss(a, y),
    "cost/squared_error": lambda a, y: optax.squared_error(a, y),
    "cost/huber_error": lambda a, y, **options: optax.huber_loss(a, y, **options),
    "cost/log_cosh": lambda a, y: optax.log_cosh(a, y),
    "cost/kl_div": lambda a, y: optax.kl_divergence(a, y),
    "cost/kl_div_log_target": lambda a, y: optax.losses.kl_divergence_with_log_targets(a, y),
    "cost/binary_cross_entropy_logits": lambda z, y: optax.sigmoid_binary_cross_entropy(z, y),
    "cost/sigmoid_focal": lambda z, y, **options: optax.sigmoid_focal_loss(z, y, **options),
    "cost/cross_entropy_labels": lambda z, labels: optax.softmax_cross_entropy_with_integer_labels(z, labels),
    "cost/cross_entropy_probabilities": lambda z, y: optax.softmax_cross_entropy(z, y),
    "cost/poly_cross_entropy": lambda z, y, **options: optax.losses.poly_loss_cross_entropy(z, y, **options),
    "cost/hinge": lambda z, y: optax.hinge_loss(z, y),
    "cost/perceptron": lambda z, y: optax.losses.perceptron_loss(z, y),
    "cost/multiclass_hinge": lambda z, labels: optax.losses.multiclass_hinge_loss(z, labels),
    "cost/multiclass_perceptron": lambda z, labels: optax.losses.multiclass_perceptron_loss(z, labels),
    "cost/cosine_distance": lambda a, b, **options: optax.cosine_distance(a, b, **options),
    "cost/triplet_margin": lambda a, b, c, **options: optax.losses.triplet_margin_loss(a, b, c, **options),
    "cost/nt_xent": lambda z, labels, **options: optax.losses.ntxent(z, labels, **options),
    "cost/dice": lambda a, y, **options: _native_dice(a, y, **options),
    "cost/tversky": lambda a, y, **options: _native_dice(a, y, **options),
    "cost/ctc": lambda a, labels, **options: _ctc(a, labels, **options),
}


def _ctc(a: Any, labels: Any, input_lengths: Any = None, target_lengths: Any = None, **options: Any) -> Any:
    """Optax takes logits, of which a is one choice, and paddings for lengths: 1 where nothing counts."""
    (n, T), U = a.shape[:2], labels.shape[1]
    frames = jnp.full(n, T) if input_lengths is None else input_lengths
    lengths = jnp.full(n, U) if target_lengths is None else target_lengths
    beyond, padding = (1.0 * (jnp.arange(size) >= x[:, None]) for size, x in ((T, frames), (U, lengths)))
    return optax.ctc_loss(a, beyond, labels, padding, blank_id=options.pop("blank", 0), **options)


def _native_dice(a: Any, y: Any, **options: Any) -> Any:
    """Optax wants rows of class probabilities at every place: (n, d, classes)."""
    both = (jnp.stack([1 - m, m], -1) for m in (a, y))
    return optax.losses.dice_loss(*both, apply_softmax=False, reduction="none", **options)[..., 1]


EAGER = frozenset({"cost/dice", "cost/tversky"})  # not compiled as a whole: Optax asks in Python for the masks
# What follows from labels alone is found before the rest is compiled: inputs and parameters of the definition.
PREPARED: dict[str, Callable[..., tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "cost/nt_xent": _with_pairs,
    "cost/ctc": _with_paths,
}


def native(id: str, inputs: Mapping[str, Any], **options: Any) -> tuple[Any, dict[str, Any]]:
    """As `cost`, but by Optax alone and with its defaults. Raises LookupError for what it does not have."""
    if id not in NATIVE:
        raise LookupError("no such function")
    try:
        slopes = _slopes(lambda **given: NATIVE[id](**given, **options))
        return _differentiated(slopes if id in EAGER else jax.jit(slopes), inputs)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise LookupError(f"no option {str(error).split()[-1]}") from error
        raise


def cost(id: str, inputs: Mapping[str, Any], reduction: str = "mean", **parameters: Any) -> tuple[Any, dict[str, Any]]:
    """Cost and the gradient of its sum with respect to every float array among `inputs` (NumPy in, NumPy out)."""
    n = len(np.asarray(next(iter(inputs.values()))))
    given, options = PREPARED[id](inputs, **parameters) if id in PREPARED else (inputs, parameters)
    program = _program if id in EAGER else _compiled
    return _differentiated(program(id, reduction, n, tuple(sorted(options.items()))), given)


def _program(id: str, reduction: str, n: int, parameters: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """Value and gradient of the reduced cost of n examples."""

    def reduced(**given: Any) -> Any:
        terms, mean = COSTS[id](**given, **dict(parameters))
        if reduction == "mean" and np.ndim(mean):
            return (terms / mean).sum()
        divisor = {"none": 1, "sum": 1, "batchmean": n}.get(reduction, terms.size if mean is None else mean)
        return terms if reduction == "none" else terms.sum() / divisor

    return _slopes(reduced)


@functools.cache
def _compiled(*described: Any) -> Callable[..., Any]:
    """The same as one jitted program: in parts it would take longer to compile."""
    return jax.jit(_program(*described))


def _slopes(function: Callable[..., Any]) -> Callable[..., Any]:
    """((sum, value), gradients of the sum) of a function of named arrays, `variable` ones and `fixed` ones."""

    def summed(variable: Mapping[str, Any], fixed: Mapping[str, Any]) -> Any:
        value = function(**variable, **fixed)
        return value.sum(), value

    return jax.value_and_grad(summed, has_aux=True)


def _differentiated(slopes: Callable[..., Any], inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The value and the gradient of its sum with respect to every float array."""
    arrays = {name: jnp.asarray(x) for name, x in inputs.items() if x is not None}
    fixed = {name: x for name, x in arrays.items() if not jnp.issubdtype(x.dtype, jnp.floating)}
    variable = {name: x for name, x in arrays.items() if name not in fixed}
    (_, value), gradients = slopes(variable, fixed)
    return np.asarray(value), {name: np.asarray(g) for name, g in gradients.items()}
