"""Wrong gradients of normalisations, those that happened by their numbers, judged against a forward of NumPy; and of
gates and of means by weights."""

import numpy as np
from wrong.mutants import Wrong, pullback_of

import gradproof

F64 = {"dtypes": ["float64"]}
EPS = 1e-5


# ---------------------------------------------------------------- normalisations


def batch_norm(x, w, b):
    c = x - x.mean(0)
    return c / np.sqrt((c * c).mean(0) + EPS) * w + b


def layer_norm(x, w, b):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + EPS) * w + b


def rms_norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def normal(x, dy, axis, r, centred=True, inner=None, terms=(1, 1)):
    """r·(dy − mean dy − x̂·mean(dy·x̂)), of which parts may be left out."""
    c = x - x.mean(axis, keepdims=True) if centred else x
    h = c * (r if inner is None else inner)
    mean = dy.mean(axis, keepdims=True) if centred else 0
    return r * (dy - terms[0] * mean - terms[1] * h * (dy * h).mean(axis, keepdims=True))


def inverse(x, axis, eps=EPS, centred=True):
    c = x - x.mean(axis, keepdims=True) if centred else x
    return 1 / np.sqrt((c * c).mean(axis, keepdims=True) + eps)


def batch(change):
    """batch_norm with `change`(x, dy, r) for dx."""

    def function(x, w, b):
        h = (x - x.mean(0)) * inverse(x, 0)
        return batch_norm(x, w, b), lambda v: (change(x, v * w, inverse(x, 0)), (v * h).sum(0), v.sum(0))

    return gradproof.pullback(function)


def layer(change, dw=lambda v, h: (v * h).sum(0), db=lambda v: v.sum(0)):
    def function(x, w, b):
        r = inverse(x, -1)
        h = (x - x.mean(-1, keepdims=True)) * r
        return layer_norm(x, w, b), lambda v: (change(x, v, w, r), dw(v, h), db(v))

    return gradproof.pullback(function)


def rms(change, dw=lambda v, h: (v * h).sum(0)):
    def function(x, w):
        r = inverse(x, -1, centred=False)
        return rms_norm(x, w), lambda v: (change(x, v, w, r), dw(v, x * r))

    return gradproof.pullback(function)


XWB = {**F64, "inputs": {"x": (4, 3), "w": (3,), "b": (3,)}}
XW = {**F64, "inputs": {"x": (4, 3), "w": (3,)}}


def right_layer(x, v, w, r):
    return normal(x, v * w, -1, r)


def right_rms(x, v, w, r):
    return normal(x, v * w, -1, r, False)


MADE = [
    Wrong(
        "W01",
        batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(r + EPS))),
        batch_norm,
        "the saved inverse deviation is taken for a variance",
        how=XWB,
    ),
    Wrong(
        "W01-outer",
        batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(r + EPS), inner=r)),
        batch_norm,
        "the saved inverse deviation is taken for a variance",
        how=XWB,
    ),
    Wrong(
        "batch_norm-constant-variance",
        batch(lambda x, dy, r: normal(x, dy, 0, r, terms=(1, 0))),
        batch_norm,
        "the variance is taken as constant",
        how=XWB,
    ),
    Wrong(
        "batch_norm-constant-mean",
        batch(lambda x, dy, r: normal(x, dy, 0, r, terms=(0, 1))),
        batch_norm,
        "the mean is taken as constant",
        how=XWB,
    ),
    Wrong(
        "batch_norm-constants",
        batch(lambda x, dy, r: r * dy),
        batch_norm,
        "mean and variance are taken as constants",
        how=XWB,
    ),
    Wrong(
        "batch_norm-sample",
        batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(x.var(0, ddof=1) + EPS))),
        batch_norm,
        "the variance is that of a sample",
        how=XWB,
    ),
    Wrong(
        "batch_norm-no-front",
        batch(lambda x, dy, r: normal(x, dy, 0, r) / r),
        batch_norm,
        "the inverse deviation in front is missing",
        how=XWB,
    ),
    Wrong("layer_norm-no-weight", layer(lambda x, v, w, r: normal(x, v, -1, r)), layer_norm, "w is left out", how=XWB),
    Wrong(
        "layer_norm-wrong-axis",
        layer(lambda x, v, w, r: normal(x, v * w, 0, r)),
        layer_norm,
        "only ∂/∂x is wrong",
        how=XWB,
    ),
    Wrong(
        "layer_norm-eps",
        layer(lambda x, v, w, r: normal(x, v * w, -1, 1 / (np.sqrt(1 / r**2 - EPS) + EPS))),
        layer_norm,
        "eps",
        how=XWB,
    ),
    Wrong(
        "layer_norm-no-eps",
        layer(lambda x, v, w, r: normal(x, v * w, -1, 1 / np.sqrt(1 / r**2 - EPS))),
        layer_norm,
        "eps is left out",
        how=XWB,
    ),
    Wrong(
        "layer_norm-sum-dropped",
        layer(right_layer, db=lambda v: v),
        layer_norm,
        "it must be summed over axis 0",
        how=XWB,
    ),
    Wrong("layer_norm-mean", layer(right_layer, db=lambda v: v.mean(0)), layer_norm, "ratio 0.25", how=XWB),
    Wrong("layer_norm-last-row", layer(right_layer, db=lambda v: v[-1] + 0), layer_norm, "only ∂/∂b is wrong", how=XWB),
    Wrong("W09", rms(lambda x, v, w, r: normal(x, v, -1, r, False)), rms_norm, "w is left out", how=XW),
    Wrong("W10", rms(right_rms, dw=lambda v, h: None), rms_norm, "∂/∂w: no gradient is given", how=XW),
    Wrong(
        "rms_norm-constant", rms(lambda x, v, w, r: r * v * w), rms_norm, "the variance is taken as constant", how=XW
    ),
    Wrong(
        "rms_norm-sign",
        rms(lambda x, v, w, r: normal(x, v * w, -1, r, False, terms=(1, -1))),
        rms_norm,
        "the second term has the wrong sign",
        how=XW,
    ),
    Wrong("rms_norm-dw", rms(right_rms, dw=lambda v, h: (v * h).mean(0)), rms_norm, "ratio 0.25", how=XW),
]


def forget_gate(g):
    """1 − f² for f·(1 − f), say: other numbers in the second of four blocks of rows."""
    n = len(g) // 4
    return np.where((np.arange(len(g)) // n == 1)[:, None], g * g + 0.1, g)


MADE += [
    Wrong(
        "lstm-forget-gate",
        pullback_of("layer/lstm", lambda g, x, v: {n: forget_gate(y) if n == "weight_x" else y for n, y in g.items()}),
        "layer/lstm",
        "(block 2 of 4)",
        how=F64,
    ),
    Wrong(
        "class-weights-divided-by-n",
        pullback_of(
            "cost/cross_entropy_labels",
            lambda g, x, v: {n: y * x["weight"][x["labels"]].mean() for n, y in g.items()},
            optional=("weight",),
        ),
        "cost/cross_entropy_labels",
        "the divisor is n, not Σ weight[labels]",
        how=F64,
    ),
]
