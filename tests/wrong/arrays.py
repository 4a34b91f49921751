"""Wrong gradients of costs, regularizers and functions of rows: factors, sums, cotangents, weights, conventions."""

import numpy as np
from wrong.mutants import Wrong, by, pullback_of

from reference import vjp

F64 = {"dtypes": ["float64"]}


def first(id):
    from wrong.mutants import needed

    return needed(id)[0]


def of(id, name, change, cause, *, kind="", arg="", **how):
    arg = arg or first(id)
    return Wrong(f"{id.split('/')[1]}-{name}", pullback_of(id, by(arg, change), **how), id, cause, how=F64)


COSTS = (
    "squared_error",
    "quadratic",
    "l1",
    "huber_error",
    "log_cosh",
    "binary_cross_entropy",
    "cross_entropy",
    "binary_cross_entropy_logits",
    "cross_entropy_probabilities",
    "kl_div",
    "hinge",
    "soft_margin",
    "poisson_nll",
    "gaussian_nll",
    "dice",
    "cosine_distance",
    "jensen_shannon",
    "sigmoid_focal",
    "nll",
)
FACTORS = {
    "n": (lambda g, x, v: g * len(g), "the 1/n of the mean is missing (ratio 3)"),
    "1/n": (lambda g, x, v: g / len(g), "1/n is applied twice"),
    "nd": (lambda g, x, v: g * g.size, "the 1/(n·d) of the mean is missing (ratio 12)"),
    "d": (lambda g, x, v: g * g.shape[-1], "the 1/d of the mean is missing (ratio 4)"),
    "sign": (lambda g, x, v: -g, "the sign is wrong (ratio −1)"),
    "twice": (lambda g, x, v: 2 * g, "a factor 2 or ½ (ratio 2)"),
    "half": (lambda g, x, v: g / 2, "a factor 2 or ½ (ratio 0.5)"),
    "last_row": (
        lambda g, x, v: np.where(np.arange(len(g))[:, None] == len(g) - 1, 0, g),
        "wrong only at the last index of axis 0: there it is zero",
    ),
    "first_column": (
        lambda g, x, v: np.where(np.arange(g.shape[1]) == 0, 2 * g, g),
        "wrong only at the first index of axis 1: there a factor 2",
    ),
    "l2": (lambda g, x, v: g + 0.01 * next(iter(x.values())), "0.01 times the argument is added: it is regularised"),
}
MADE = [
    of(f"cost/{name}", mistake, change, cause)
    for k, name in enumerate(COSTS)
    for m, (mistake, (change, cause)) in enumerate(FACTORS.items())
    if (k + m) % 4 == 0 and name not in ("hinge", "soft_margin", "poisson_nll")
]
MADE += [
    Wrong(
        f"{name}-ignores-v",
        pullback_of(f"cost/{name}", seen=lambda v, x: np.ones_like(v)),
        f"cost/{name}",
        "the cotangent is ignored, as if it were ones",
        how=F64,
    )
    for name in ("squared_error", "cross_entropy_labels", "dice", "nll", "triplet_margin", "ctc")
]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def through(s, g):
    return s * (g - (s * g).sum(-1, keepdims=True))


ROWS = {
    "copies-v": (lambda g, x, v: np.array(v), "the cotangent itself is returned"),
    "diagonal": (lambda g, x, v: softmax(x["z"]) * (1 - softmax(x["z"])) * v, "only the diagonal of the Jacobian"),
    "no-sum": (lambda g, x, v: softmax(x["z"]) * v, "the sum over the row, Σ a·v, is missing"),
    "wrong-axis": (
        lambda g, x, v: softmax(x["z"]) * (v - (softmax(x["z"]) * v).sum(0, keepdims=True)),
        "the sum runs over the wrong axis",
    ),
    "mean": (
        lambda g, x, v: softmax(x["z"]) * (v - (softmax(x["z"]) * v).mean(-1, keepdims=True)),
        "the mean over the row stands for the sum",
    ),
    "sum-of-v": (lambda g, x, v: softmax(x["z"]) * (v - v.sum(-1, keepdims=True)), "the sum is of v, not of a·v"),
    "plus": (
        lambda g, x, v: softmax(x["z"]) * (v + (softmax(x["z"]) * v).sum(-1, keepdims=True)),
        "the sum over the row is added",
    ),
    "no-front": (lambda g, x, v: v - (softmax(x["z"]) * v).sum(-1, keepdims=True), "the factor a in front is missing"),
    "twice": (lambda g, x, v: through(softmax(softmax(x["z"])), v), "the slope is taken at a = g(z) instead of z"),
    "again": (lambda g, x, v: through(softmax(x["z"]), g), "softmax's Jacobian is applied once more"),
    "temperature": (
        lambda g, x, v: vjp("activation/softmax", {"z": x["z"]}, v, temperature=2.0)[1]["z"],
        "it is that of temperature = 2, not 1",
    ),
}
MADE += [of("activation/softmax", name, change, cause) for name, (change, cause) in ROWS.items()]
LOG = {
    "copies-v": (lambda g, x, v: np.array(v), "the cotangent itself is returned"),
    "a": (lambda g, x, v: v - np.log(softmax(x["z"])) * v.sum(-1, keepdims=True), "exp(a) is replaced by a"),
    "no-softmax": (lambda g, x, v: v - v.sum(-1, keepdims=True), "the softmax in front of the sum is missing"),
    "wrong-axis": (lambda g, x, v: v - softmax(x["z"]) * v.sum(0, keepdims=True), "the sum runs over the wrong axis"),
}
MADE += [of("activation/log_softmax", name, change, cause) for name, (change, cause) in LOG.items()]
MADE += [
    of(
        "activation/l2_normalize",
        "no-projection",
        lambda g, x, v: v / np.linalg.norm(x["z"], axis=-1, keepdims=True),
        "the projection on the row is missing",
    ),
    of(
        "activation/swiglu",
        "halves",
        lambda g, x, v: np.roll(g, g.shape[-1] // 2, -1),
        "the two halves are exchanged along axis 1",
    ),
    of(
        "activation/glu",
        "gate",
        lambda g, x, v: np.where(np.arange(g.shape[-1]) < g.shape[-1] // 2, g, 0),
        "wrong only in the second half of the last axis: there it is zero",
    ),
    of(
        "activation/geglu",
        "silu",
        lambda g, x, v: vjp("activation/swiglu", {"z": x["z"]}, v)[1]["z"],
        "it is the gradient of activation/swiglu",
    ),
    # W15, and its sisters: softmax once too often
    of(
        "cost/cross_entropy_probabilities",
        "W15",
        lambda g, x, v: vjp("cost/cross_entropy_probabilities", {"z": softmax(x["z"]), "y": x["y"]}, v)[1]["z"],
        "softmax is applied twice",
    ),
    of(
        "cost/cross_entropy_probabilities",
        "W15-chain",
        lambda g, x, v: through(
            softmax(x["z"]), vjp("cost/cross_entropy_probabilities", {"z": softmax(x["z"]), "y": x["y"]}, v)[1]["z"]
        ),
        "softmax is applied twice, and differentiated twice",
    ),
    of(
        "cost/cross_entropy_probabilities",
        "unfused",
        lambda g, x, v: through(softmax(x["z"]), g),
        "softmax's Jacobian is applied once more",
    ),
    of(
        "cost/cross_entropy",
        "fused",
        lambda g, x, v: v * (x["a"] - x["y"]) / len(g),
        "it is the gradient by the logits of a softmax",
    ),
    of(
        "cost/binary_cross_entropy",
        "fused",
        lambda g, x, v: v * (x["a"] - x["y"]) / g.size,
        "it is the gradient by the logit of a sigmoid",
    ),
    of(
        "cost/binary_cross_entropy_logits",
        "unfused",
        lambda g, x, v: g / (1 + np.exp(-x["z"])) / (1 + np.exp(x["z"])),
        "the slope of a sigmoid is applied once more",
    ),
    # other formulas and conventions
    of(
        "cost/l1",
        "squared",
        lambda g, x, v: vjp("cost/squared_error", x, v)[1]["a"],
        "it is the gradient of cost/squared_error",
    ),
    of(
        "cost/hinge",
        "squared",
        lambda g, x, v: vjp("cost/squared_hinge", x, v)[1]["z"],
        "it is the gradient of cost/squared_hinge",
    ),
    of("cost/huber_error", "delta", lambda g, x, v: vjp("cost/huber_error", x, v, delta=2.0)[1]["a"], "delta"),
    of(
        "cost/quantile",
        "tau",
        lambda g, x, v: vjp("cost/quantile", x, v, tau=0.25)[1]["a"],
        "it is that of tau = 0.25, not 0.5",
    ),
    of(
        "cost/sigmoid_focal",
        "gamma",
        lambda g, x, v: vjp("cost/sigmoid_focal", x, v, gamma=1.0)[1]["z"],
        "it is that of gamma = 1, not 2",
    ),
    of(
        "cost/sigmoid_focal",
        "alpha",
        lambda g, x, v: vjp("cost/sigmoid_focal", x, v, alpha=0.5)[1]["z"],
        "it is that of alpha = 0.5, not 0.25",
    ),
    of(
        "cost/poly_cross_entropy",
        "epsilon",
        lambda g, x, v: vjp("cost/poly_cross_entropy", x, v, epsilon=0.0)[1]["z"],
        "it is that of epsilon = 0, not 2",
    ),
    of(
        "cost/dice",
        "smooth",
        lambda g, x, v: vjp("cost/dice", x, v, smooth=1e-5)[1]["a"],
        "it is that of smooth = 1e-05",
    ),
    of("regularizer/l2", "no-half", lambda g, x, v: 2 * g, "a factor 2"),
    of(
        "regularizer/l1",
        "l2",
        lambda g, x, v: vjp("regularizer/l2", {"w": x["w"]}, v)[1]["w"],
        "it is the gradient of regularizer/l2",
    ),
    of(
        "regularizer/elastic_net",
        "mix",
        lambda g, x, v: vjp("regularizer/elastic_net", x, v, mix=0.9)[1]["w"],
        "it is that of mix = 0.9, not 0.5",
    ),
    of("regularizer/l2", "zero", lambda g, x, v: 0 * g, "it is zero"),
    of(
        "regularizer/orthogonality",
        "no-identity",
        lambda g, x, v: 4 * 0.1 * v * (x["w"] @ x["w"].T) @ x["w"],
        "0.4 times the argument is added",
    ),
    of("regularizer/group_lasso", "no-root", lambda g, x, v: g / np.sqrt(g.shape[-1]), "a factor 1/√d"),
    of(
        "regularizer/inverted_dropout",
        "no-mask",
        lambda g, x, v: v / 0.5,
        "wrong only in rows where mask is 0",
        arg="a",
    ),
    of("regularizer/dropout", "copies", lambda g, x, v: np.array(v), "the cotangent itself is returned", arg="a"),
    # shapes
    Wrong(
        "squared_error-transposed",
        pullback_of("cost/squared_error", by("a", lambda g, x, v: g.T)),
        "cost/squared_error",
        "it is the transpose",
        how=F64,
    ),
    Wrong(
        "squared_error-sum",
        pullback_of("cost/squared_error", by("a", lambda g, x, v: g.sum(0))),
        "cost/squared_error",
        "summed over an axis too many",
        how=F64,
    ),
    Wrong(
        "squared_error-none",
        pullback_of("cost/squared_error", by("a", lambda g, x, v: None)),
        "cost/squared_error",
        "no gradient is given",
        how=F64,
    ),
]


def stale():
    """The backward of a case is that of the case before it."""
    kept = []

    def seen(g, x, v):
        kept.append(dict(g))
        return kept[-2] if len(kept) > 1 else g

    return pullback_of("cost/squared_error", seen)


def counted():
    """Ignored rows have no gradient, but are among those that the mean divides by."""
    import gradproof

    def cross_entropy(z, labels, ignore_index=None):
        value = vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, None, ignore_index=ignore_index)[0][
            "value"
        ]

        def back(v):
            g = vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, v, ignore_index=ignore_index)[1]["z"]
            rows = len(labels) if ignore_index is None else (labels != ignore_index).sum()
            return g * rows / len(labels)

        return value, back

    return gradproof.pullback(cross_entropy)


def unmasked():
    import gradproof

    def cross_entropy(z, labels, ignore_index=None):
        x = {"z": z, "labels": labels}
        value = vjp("cost/cross_entropy_labels", x, None, ignore_index=ignore_index)[0]["value"]

        def back(v):
            y = np.zeros(z.shape)
            y[np.arange(len(z)), np.maximum(labels, 0)] = 1
            return v * (softmax(z) - y) / (labels != (-1 if ignore_index is None else ignore_index)).sum()

        return value, back

    return gradproof.pullback(cross_entropy)


def unheeded(name):
    import gradproof

    def cross_entropy(z, labels, ignore_index=None, label_smoothing=0.0):
        given = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
        value = vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, None, **given)[0]["value"]
        given[name] = {"ignore_index": None, "label_smoothing": 0.0}[name]

        def back(v):
            return vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, v, **given)[1]["z"]

        return value, back

    return gradproof.pullback(cross_entropy)


def smoothed(z, labels, label_smoothing=0.1):
    """W17: a/(V − 1) for the other classes."""
    value = vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, None, label_smoothing=label_smoothing)[0][
        "value"
    ]

    def back(v):
        classes = z.shape[-1]
        y = np.full(z.shape, label_smoothing / (classes - 1))
        y[np.arange(len(z)), labels] = 1 - label_smoothing
        return v * (softmax(z) - y) / len(z)

    return value, back


def weighted(z, labels, weight):
    """The weights of the classes are left out of the gradient."""
    x = {"z": z, "labels": labels, "weight": weight}
    value = vjp("cost/cross_entropy_labels", x, None)[0]["value"]
    return value, lambda v: vjp("cost/cross_entropy_labels", {"z": z, "labels": labels}, v)[1]["z"]


def made():
    import gradproof

    id = "cost/cross_entropy_labels"
    yield Wrong("squared_error-stale", stale(), "cost/squared_error", "it is the gradient of the case before", how=F64)
    yield Wrong("cross_entropy_labels-rows-count", counted(), id, "the mean divides by all rows", how=F64)
    yield Wrong("cross_entropy_labels-ignore_index", unmasked(), id, "wrong only in rows where labels is -100", how=F64)
    yield Wrong(
        "cross_entropy_labels-label_smoothing",
        unheeded("label_smoothing"),
        id,
        "label_smoothing",
        how={**F64, "parameters": {"label_smoothing": 0.2}},
    )
    yield Wrong(
        "W17",
        gradproof.pullback(smoothed),
        id,
        "label_smoothing goes to the other classes alone",
        how={**F64, "parameters": {"label_smoothing": 0.1}},
    )
    yield Wrong("cross_entropy_labels-weight", gradproof.pullback(weighted), id, "weight is left out", how=F64)


MADE += made()
