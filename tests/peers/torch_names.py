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
    """What is asked of ours, and how torch's output is laid out as ours."""

    id: str
    arguments: Mapping[str, Tensor | None]
    parameters: Mapping[str, Any] = {}
    output: Callable[[Tensor], Tensor] = lambda out: out


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
    return lambda input, dim=-1, dtype=None: Asked(f"activation/{name}", {"z": input}, {"axis": dim})


def _logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Asked:
    """Torch takes several axes for one row."""
    axes = (dim,) if isinstance(dim, int) else tuple(dim)
    kept = [k for k in range(input.ndim) if k not in {axis % input.ndim for axis in axes}] if input.ndim else []
    shape = [input.shape[k] for k in kept]
    z = input if not input.ndim else input.permute(*kept, *axes).reshape(*shape, -1)
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


def _multilabel_margin(input: Tensor, target: Tensor, reduction: str = "mean") -> Asked:
    """Torch lists the labels of a row, up to the first −1; ours marks them."""
    listed = (target >= 0).cumprod(-1).bool() if target.ndim else target >= 0
    if torch.where(listed, target, 0).max() >= (input.shape[-1] if input.ndim else 1):
        raise ValueError("a label is no index of the scores")
    y = torch.zeros_like(input, requires_grad=False)
    y = y.scatter(-1, torch.where(listed, target, 0), 1.0) * 0 + _marked(input, target, listed)
    return Asked("cost/multilabel_margin", {"z": input, "y": y}, {"reduction": reduction})


def _marked(input: Tensor, target: Tensor, listed: Tensor) -> Tensor:
    rows = torch.nn.functional.one_hot(torch.where(listed, target, 0), input.shape[-1]) * listed[..., None]
    return rows.sum(-2).to(input.dtype)  # how often each is listed


def _ctc(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Asked:
    """Torch has frames before examples."""
    lengths = {"input_lengths": torch.as_tensor(input_lengths), "target_lengths": torch.as_tensor(target_lengths)}
    return Asked(
        "cost/ctc",
        {"a": log_probs.transpose(0, 1), "labels": targets, **lengths},
        {"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity},
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
    options = {"margin": margin, "p": p, "eps": eps, "swap": swap, "reduction": reduction}
    return Asked("cost/triplet_margin", {"a": anchor, "b": positive, "c": negative}, options)


def _triplet_of_distance(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance_function: Any = None, **options: Any
) -> Asked:
    """The distance that the samples ask for is PairwiseDistance, which has a p and an ε of its own."""
    distance = distance_function or torch.nn.PairwiseDistance()
    return _triplet(anchor, positive, negative, p=distance.norm, eps=distance.eps, **options)


def _cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Asked:
    """Ours is one minus it, along the last axis; ε is a floor under the lengths, which here are longer."""
    if x1.ndim == 0:
        raise ValueError("a number has no direction")
    a, b = (x.transpose(dim, -1) for x in torch.broadcast_tensors(x1, x2))
    k = dim % a.ndim
    return Asked(
        "cost/cosine_distance",
        {"a": a, "b": b},
        {"reduction": "none"},
        lambda out: 1 - (out if k == a.ndim - 1 else out.unsqueeze(k).transpose(k, -1).squeeze(k)),
    )


def _normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Asked:
    """ε is a floor under the length, and here it is longer."""
    if p != 2:
        raise TypeError(f"the length is Euclidean, not that of p = {p}")
    return Asked("activation/l2_normalize", {"z": input}, {"axis": dim})


def _prelu(input: Tensor, weight: Tensor) -> Asked:
    if weight.numel() != 1:
        raise TypeError("one slope for each channel")
    return Asked("activation/prelu", {"z": input, "weight": weight.reshape(())})


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
    F + "multi_margin_loss": lambda input, target, p=1, margin=1.0, weight=None, reduction="mean": Asked(
        "cost/multi_margin",
        {"z": input, "labels": target, "weight": weight},
        {"p": p, "margin": margin, "reduction": reduction},
    ),
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
