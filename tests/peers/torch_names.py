"""How a call of torch is asked of ours: by torch's name, our id, arguments and parameters.

Every entry takes what torch's function takes, with torch's defaults, and says what that is in our catalogue. Arrays are
torch's tensors, perhaps laid out otherwise; so what is ours of a gradient goes back to torch's own tensors by torch's
rules for layouts alone. An option that an entry does not name is one that we do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Asked(NamedTuple):
    """What is asked of ours, and how torch's output and gradients are compared with it.

    `output` lays torch's output out as ours. With `apart` the first axis of all arrays counts problems of their own,
    which are asked one by one. `along` is applied to gradients of both sides before they are compared, and `slack` is
    what torch's roundings on the way add up to, where its way is longer than that of a sum.
    """

    id: str
    arguments: Mapping[str, Tensor | None]
    parameters: Mapping[str, Any] = {}
    output: Callable[[Tensor], Tensor] = lambda out: out
    apart: bool = False
    along: Callable[[Tensor], Tensor] = lambda gradient: gradient
    slack: float = 0.0


def _as_row(x: Tensor) -> Tensor:
    """Torch takes a number for a row of one."""
    return x if x.ndim else x.reshape(1)


def _plain(name: str, *parameters: str, **defaults: Any) -> Callable[..., Asked]:
    """An activation whose parameters have our names, in torch's order."""
    known = {**dict.fromkeys(parameters), **defaults}

    def ask(input: Tensor, *given: Any, inplace: bool = False, **more: Any) -> Asked:
        if strangers := set(more) - set(known):
            raise TypeError(f"{name} has no option {', '.join(strangers)}")
        return Asked(f"activation/{name}", {"z": input}, {**defaults, **dict(zip(known, given, strict=False)), **more})

    return ask


def _rows(name: str) -> Callable[..., Asked]:
    """An activation of rows along `dim`."""
    return lambda input, dim=-1, dtype=None: Asked(
        f"activation/{name}",
        {"z": _as_row(input)},
        {"axis": dim},
        lambda out: out.reshape(_as_row(input).shape) if name != "glu" else out,
    )


def _logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Asked:
    """Torch takes several axes for one row."""
    x = _as_row(input)
    axes = {axis % x.ndim for axis in ((dim,) if isinstance(dim, int) else dim)}
    kept = [k for k in range(x.ndim) if k not in axes]
    shape = [x.shape[k] for k in kept]
    z = x.permute(*kept, *sorted(axes)).reshape(*shape, -1)
    return Asked("activation/logsumexp", {"z": z}, {}, lambda out: out.reshape(shape))


def _entries(name: str, **own: Any) -> Callable[..., Asked]:
    """A cost of entries, input beside target, whose parameters have our names."""

    def ask(
        input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", **given: Any
    ) -> Asked:
        if strangers := set(given) - set(own):
            raise TypeError(f"{name} has no option {', '.join(strangers)}")
        arguments = {"a": input, "y": target} | ({} if weight is None else {"weight": weight})
        return Asked(f"cost/{name}", arguments, {**own, **given, "reduction": reduction})

    return ask


def _smooth_l1(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Asked:
    """At β = 0 it is the absolute error."""
    arguments = {"a": input, "y": target}
    if beta == 0:
        return Asked("cost/l1", arguments, {"reduction": reduction})
    return Asked("cost/smooth_l1", arguments, {"beta": beta, "reduction": reduction})


def _poisson_nll(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Asked:
    """ε stands beside a rate; beside its logarithm there is none."""
    arguments, options = {"a": input, "y": target}, {"full": full, "reduction": reduction}
    if log_input:
        return Asked("cost/poisson_nll", arguments, options)
    return Asked("cost/poisson_nll_rate", arguments, {"eps": eps, **options})


def _by_target(labels: str, rows: str) -> Callable[..., Asked]:
    """Integers are labels, floats are distributions."""

    def ask(
        input: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> Asked:
        smoothing = {"label_smoothing": label_smoothing} if label_smoothing else {}
        options = {**smoothing, "reduction": reduction}
        if target.is_floating_point():
            return Asked(rows, {"z": input, "y": target, "weight": weight}, options)
        if ignore_index is not None:
            options["ignore_index"] = ignore_index
        first = "z" if labels.endswith("cross_entropy_labels") else "a"
        return Asked(labels, {first: input, "labels": target, "weight": weight}, options)

    return ask


def _multi_margin(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Asked:
    z = _as_row(input)
    labels = target.reshape(z.shape[:-1]) if z.ndim == 1 and target.numel() == 1 else target
    options = {"p": p, "margin": margin, "reduction": reduction}
    return Asked("cost/multi_margin", {"z": z, "labels": labels, "weight": weight}, options)


def _multilabel_margin(input: Tensor, target: Tensor, reduction: str = "mean") -> Asked:
    """Torch lists the labels of a row, up to the first −1; ours marks them, and 2 says that one is listed twice."""
    if target.is_floating_point():
        raise TypeError("labels are integers")
    z, labels = _as_row(input), _as_row(target)
    listed = (labels >= 0).long().cumprod(-1)
    marks = torch.zeros(*labels.shape[:-1], z.shape[-1], dtype=z.dtype)
    y = marks.scatter_add(-1, labels.clamp(min=0), listed.to(z.dtype))
    return Asked("cost/multilabel_margin", {"z": z, "y": y}, {"reduction": reduction})


def _ctc(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Asked:
    """Torch has frames before examples, and gives the slopes in logits: gradients are compared along these."""
    lengths = {"input_lengths": torch.as_tensor(input_lengths), "target_lengths": torch.as_tensor(target_lengths)}
    return Asked(
        "cost/ctc",
        {"a": log_probs.transpose(0, 1), "labels": targets, **lengths},
        {"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity},
        slack=3 * len(log_probs) ** 2 * float(log_probs.detach().abs().max()) * 2.0**-53,  # of T sums of |log α|
        along=lambda g: g - torch.exp(log_probs.detach()) * g.sum(-1, keepdim=True),  # back through log-softmax
    )


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Asked:
    if p != 2:
        raise TypeError(f"distances are Euclidean, not those of p = {p}")
    options = {"margin": margin, "eps": eps, "swap": swap, "reduction": reduction}
    return Asked("cost/triplet_margin", {"a": anchor, "b": positive, "c": negative}, options)


def _triplet_of_distance(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance_function: Any = None, **options: Any
) -> Asked:
    """The distance that the samples ask for is PairwiseDistance, which has a p and an ε of its own."""
    distance = distance_function or torch.nn.PairwiseDistance()
    return _triplet(anchor, positive, negative, p=distance.norm, eps=distance.eps, **options)


def _cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Asked:
    """Ours is one minus it, along the last axis; ε is a floor under the lengths, which here are longer."""
    a, b = (x.movedim(dim, -1) for x in torch.broadcast_tensors(_as_row(x1), _as_row(x2)))
    if min(x.norm(dim=-1).min() for x in (a, b)) <= eps:
        raise ValueError("a row is shorter than the floor")
    return Asked("cost/cosine_distance", {"a": a, "b": b}, {"reduction": "none"}, lambda out: 1 - out)


def _normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Asked:
    """ε is a floor under the length, and here it is longer."""
    if p != 2:
        raise TypeError(f"the length is Euclidean, not that of p = {p}")
    return Asked("activation/l2_normalize", {"z": input}, {"axis": dim})


def _prelu(input: Tensor, weight: Tensor) -> Asked:
    """A slope for each channel is a problem of its own for each."""
    if weight.ndim == 0 or weight.numel() == 1:
        return Asked("activation/prelu", {"z": input, "weight": weight.reshape(())})
    arguments = {"z": input.movedim(1, 0), "weight": weight}
    return Asked("activation/prelu", arguments, {}, lambda out: out.movedim(1, 0), apart=True)


def _rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Asked:
    if training:
        raise TypeError("a random slope")
    return Asked("activation/rrelu", {"z": input}, {"lower": lower, "upper": upper})


F = "nn.functional."
TABLE: dict[str, Callable[..., Asked]] = {
    **{name: _plain(name) for name in ("sigmoid", "tanh", "exp")},
    "atan": _plain("arctan"),
    **{
        F + name: _plain(name)
        for name in ("relu", "relu6", "selu", "silu", "mish", "softsign", "tanhshrink", "logsigmoid")
    },
    **{F + name: _plain(name) for name in ("hardsigmoid", "hardswish")},
    F + "elu": _plain("elu", alpha=1.0),
    F + "celu": _plain("celu", alpha=1.0),
    F + "leaky_relu": _plain("leaky_relu", negative_slope=0.01),
    F + "hardtanh": _plain("hardtanh", min_val=-1.0, max_val=1.0),
    F + "hardshrink": _plain("hardshrink", lambd=0.5),
    F + "softshrink": _plain("softshrink", lambd=0.5),
    F + "threshold": _plain("threshold", "threshold", "value"),
    F + "softplus": _plain("softplus_threshold", beta=1.0, threshold=20.0),
    F + "gelu": lambda input, approximate="none": Asked(
        {"none": "activation/gelu", "tanh": "activation/gelu_tanh"}[approximate], {"z": input}
    ),
    F + "prelu": _prelu,
    F + "rrelu": _rrelu,
    "softmax": _rows("softmax"),
    "log_softmax": _rows("log_softmax"),
    "logsumexp": _logsumexp,
    F + "softmin": _rows("softmin"),
    F + "glu": _rows("glu"),
    F + "normalize": _normalize,
    F + "l1_loss": _entries("l1"),
    F + "mse_loss": _entries("squared_error"),
    F + "huber_loss": _entries("huber_error", delta=1.0),
    F + "smooth_l1_loss": _smooth_l1,
    F + "poisson_nll_loss": _poisson_nll,
    F + "gaussian_nll_loss": lambda input, target, var, full=False, eps=1e-6, reduction="mean": Asked(
        "cost/gaussian_nll", {"a": input, "y": target, "v": var}, {"full": full, "eps": eps, "reduction": reduction}
    ),
    F + "kl_div": lambda input, target, reduction="mean", log_target=False: Asked(
        "cost/kl_div_log_target" if log_target else "cost/kl_div",
        {"a": input, "y": target},
        {"reduction": reduction},
    ),
    F + "binary_cross_entropy": _entries("binary_cross_entropy"),
    F + "binary_cross_entropy_with_logits": lambda input, target, weight=None, pos_weight=None, reduction="mean": Asked(
        "cost/binary_cross_entropy_logits",
        {"z": input, "y": target, "weight": weight, "pos_weight": pos_weight},
        {"reduction": reduction},
    ),
    F + "nll_loss": _by_target("cost/nll_labels", "cost/nll"),
    F + "cross_entropy": _by_target("cost/cross_entropy_labels", "cost/cross_entropy_probabilities"),
    F + "soft_margin_loss": lambda input, target, reduction="mean": Asked(
        "cost/soft_margin", {"z": input, "y": target}, {"reduction": reduction}
    ),
    F + "hinge_embedding_loss": lambda input, target, margin=1.0, reduction="mean": Asked(
        "cost/hinge_embedding", {"z": input, "y": target}, {"margin": margin, "reduction": reduction}
    ),
    F + "margin_ranking_loss": lambda input1, input2, target, margin=0.0, reduction="mean": Asked(
        "cost/margin_ranking", {"a": input1, "b": input2, "y": target}, {"margin": margin, "reduction": reduction}
    ),
    F + "multi_margin_loss": _multi_margin,
    F + "multilabel_margin_loss": _multilabel_margin,
    F + "multilabel_soft_margin_loss": lambda input, target, weight=None, reduction="mean": Asked(
        "cost/multilabel_soft_margin", {"z": input, "y": target, "weight": weight}, {"reduction": reduction}
    ),
    F + "cosine_similarity": _cosine_similarity,
    F + "cosine_embedding_loss": lambda input1, input2, target, margin=0.0, reduction="mean": Asked(
        "cost/cosine_embedding", {"a": input1, "b": input2, "y": target}, {"margin": margin, "reduction": reduction}
    ),
    F + "triplet_margin_loss": _triplet,
    F + "triplet_margin_with_distance_loss": _triplet_of_distance,
    F + "ctc_loss": _ctc,
}
