"""Wrong gradients that happened, each by its own number, judged against a forward of NumPy or torch."""

import numpy as np
from wrong.mutants import Wrong, pullback_of

import gradproof
from reference import vjp

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
    Wrong("W01", batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(r + EPS))), batch_norm,
          "the saved inverse deviation is taken for a variance", how=XWB),
    Wrong("W01-outer", batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(r + EPS), inner=r)), batch_norm,
          "the saved inverse deviation is taken for a variance", how=XWB),
    Wrong("batch_norm-constant-variance", batch(lambda x, dy, r: normal(x, dy, 0, r, terms=(1, 0))), batch_norm,
          "the variance is taken as constant", how=XWB),
    Wrong("batch_norm-constant-mean", batch(lambda x, dy, r: normal(x, dy, 0, r, terms=(0, 1))), batch_norm,
          "the mean is taken as constant", how=XWB),
    Wrong("batch_norm-constants", batch(lambda x, dy, r: r * dy), batch_norm, "mean and variance are taken as constants",
          how=XWB),
    Wrong("batch_norm-sample", batch(lambda x, dy, r: normal(x, dy, 0, 1 / np.sqrt(x.var(0, ddof=1) + EPS))), batch_norm,
          "the variance is that of a sample", how=XWB),
    Wrong("batch_norm-no-front", batch(lambda x, dy, r: normal(x, dy, 0, r) / r), batch_norm,
          "the inverse deviation in front is missing", how=XWB),
    Wrong("layer_norm-no-weight", layer(lambda x, v, w, r: normal(x, v, -1, r)), layer_norm, "w is left out", how=XWB),
    Wrong("layer_norm-wrong-axis", layer(lambda x, v, w, r: normal(x, v * w, 0, r)), layer_norm, "only ∂/∂x is wrong", how=XWB),
    Wrong("layer_norm-eps", layer(lambda x, v, w, r: normal(x, v * w, -1, 1 / (np.sqrt(1 / r**2 - EPS) + EPS))),
          layer_norm, "eps", how=XWB),
    Wrong("layer_norm-no-eps", layer(lambda x, v, w, r: normal(x, v * w, -1, 1 / np.sqrt(1 / r**2 - EPS))),
          layer_norm, "eps is left out", how=XWB),
    Wrong("layer_norm-sum-dropped", layer(right_layer, db=lambda v: v), layer_norm, "it must be summed over axis 0", how=XWB),
    Wrong("layer_norm-mean", layer(right_layer, db=lambda v: v.mean(0)), layer_norm, "ratio 0.25", how=XWB),
    Wrong("layer_norm-last-row", layer(right_layer, db=lambda v: v[-1] + 0), layer_norm, "only ∂/∂b is wrong", how=XWB),
    Wrong("W09", rms(lambda x, v, w, r: normal(x, v, -1, r, False)), rms_norm, "w is left out", how=XW),
    Wrong("W10", rms(right_rms, dw=lambda v, h: None), rms_norm, "∂/∂w: no gradient is given", how=XW),
    Wrong("rms_norm-constant", rms(lambda x, v, w, r: r * v * w), rms_norm, "the variance is taken as constant", how=XW),
    Wrong("rms_norm-sign", rms(lambda x, v, w, r: normal(x, v * w, -1, r, False, terms=(1, -1))), rms_norm,
          "the second term has the wrong sign", how=XW),
    Wrong("rms_norm-dw", rms(right_rms, dw=lambda v, h: (v * h).mean(0)), rms_norm, "ratio 0.25", how=XW),
]  # fmt: skip


# ---------------------------------------------------------------- W02: gate; W03: LSTM; W04: quadratic form


def silu(g):
    return g / (1 + np.exp(-g))


def gated(x, w, g):
    return rms_norm(x, w) * silu(g)


def gated_without(x, w, g):
    r, s = inverse(x, -1, centred=False), 1 / (1 + np.exp(-g))
    n = x * r

    def back(v):
        dw = (v * n).sum(0)  # should be of v·silu(g)
        return normal(x, v * silu(g) * w, -1, r, False), dw, v * n * w * s * (1 + g * (1 - s))

    return gated(x, w, g), back


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cell(i, f, g, o, c):
    """h of an LSTM cell, from the inputs of its gates and the state before."""
    return sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(g))


def lstm(change):
    def function(i, f, g, o, c):
        s = {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}
        new = s["f"] * c + s["i"] * s["g"]

        def back(v):
            dc = v * s["o"] * (1 - np.tanh(new) ** 2)
            right = {
                "i": dc * s["g"] * s["i"] * (1 - s["i"]),
                "f": dc * c * s["f"] * (1 - s["f"]),
                "g": dc * s["i"] * (1 - s["g"] ** 2),
                "o": v * np.tanh(new) * s["o"] * (1 - s["o"]),
                "c": dc * s["f"],
            }
            return change(right, dc, s, c, v)

        return cell(i, f, g, o, c), back

    return gradproof.pullback(function)


GATES = {**F64, "inputs": dict.fromkeys("ifgoc", (2, 3))}


def form(a, b, c, dx, dy):
    return -(a * dx**2 + c * dy**2) / 2 - b * dx * dy


def half_form(a, b, c, dx, dy):
    def back(v):
        by = (-v * (a * dx + b * dy), -v * (c * dy + b * dx))
        return -v * dx**2 / 2, -v * dx * dy / 2, -v * dy**2 / 2, *by

    return form(a, b, c, dx, dy), back


MADE += [
    Wrong("W02", gradproof.pullback(gated_without), gated, "only ∂/∂w is wrong", how={
        **F64, "inputs": {"x": (4, 3), "w": (3,), "g": (4, 3)}}),
    Wrong("W03-i", lstm(lambda d, dc, s, c, v: {**d, "i": dc * s["i"] * s["i"] * (1 - s["i"])}), cell, "only ∂/∂i is wrong", how=GATES),
    Wrong("W03-g", lstm(lambda d, dc, s, c, v: {**d, "g": dc * s["i"] * (1 - np.tanh(s["g"]) ** 2)}), cell,
          "∂/∂g: wrong only where", how=GATES),
    Wrong("W03-o", lstm(lambda d, dc, s, c, v: {**d, "o": v * np.tanh(c) * s["o"] * (1 - s["o"])}), cell, "only ∂/∂o is wrong", how=GATES),
    Wrong("W03-slope", lstm(lambda d, dc, s, c, v: {**d, "f": d["f"] / (1 - s["f"])}), cell, "∂/∂f", how=GATES),
    Wrong("W04", gradproof.pullback(half_form), form, "∂/∂b: a factor 2 or ½ (ratio 0.5)", how={
        **F64, "inputs": dict.fromkeys(("a", "b", "c", "dx", "dy"), (3,))}),
]  # fmt: skip


# ---------------------------------------------------------------- W05 … W08: products, pools, traces, counts


def cumprod(x):
    return np.cumprod(x)


def divided(x):
    y = np.cumprod(x)
    return y, lambda v: np.cumsum((v * y)[::-1])[::-1] / x


def pool(x):
    """Average over windows of 2, the last of which is cut off."""
    return np.array([x[0:2].mean(), x[2:4].mean(), x[4:5].mean()])


def pool_by_kernel(x):
    return pool(x), lambda v: np.repeat(v, 2)[:5] / 2


def trace(x):
    return np.trace(x[:2]) * np.ones(())


def past_the_diagonal(x):
    def back(v):
        g = np.zeros(x.shape)
        g.ravel()[:: x.shape[1] + 1] = v
        return g

    return trace(x), back


def mean(x):
    return x.mean()


def counted_in_its_dtype(x):
    n = x.dtype.type(x.size)
    return np.asarray(x.astype(np.float64).mean(), x.dtype), lambda v: np.full(x.shape, v / n)


MADE += [
    Wrong("W05", gradproof.pullback(divided), cumprod, "a division by it", how={
        **F64, "inputs": {"x": np.array([2.0, 0.0, 3.0, 4.0])}}),
    Wrong("W06", gradproof.pullback(pool_by_kernel), pool, "wrong only at the last index: there a factor 2 or ½", how={
        **F64, "inputs": {"x": (5,)}}),
    Wrong("W07", gradproof.pullback(past_the_diagonal), trace, "wrong only in the entry [3, 0]", how={
        **F64, "inputs": {"x": (4, 2)}}),
]  # fmt: skip


# ---------------------------------------------------------------- W14, W16, W18, W19, W23


def logistic(z, y):
    p = sigmoid(z)
    return p - y, 2 * p * (1 - p)


def xlogy(p, q):
    return (p * np.log(p / q)).sum()


def jensen_shannon(p, q, beta=0.1):
    m = beta * p + (1 - beta) * q
    return beta * xlogy(p, m) + (1 - beta) * xlogy(q, m)


def exchanged(p, q, beta=0.1):
    """The gradient is that of the other convention: β and 1 − β exchanged."""
    value, b = jensen_shannon(p, q, beta), 1 - beta
    m = b * p + (1 - b) * q
    return value, lambda v: (v * b * np.log(p / m), v * (1 - b) * np.log(q / m))


def one_element(x, w, b):
    return layer_norm(x, w, b)


def biased_weight(x, w, b):
    """One element a row: x̂ is 0, but this x̂ is made of a mean in another precision."""
    h = (x - x.astype(np.float32).astype(x.dtype)) * 1e5 + 1e-3
    return layer_norm(x, w, b), lambda v: (0 * x, (v * h).sum(0), v.sum(0))


def mean_of_squares(x):
    return (x * x).mean()


def reads_a_full_cotangent(x):
    def back(v):
        full = np.zeros(x.size)
        full[: np.size(v)] = np.ravel(v)  # whatever lies behind the only number
        return 2 * x * full.reshape(x.shape) / x.size

    return mean_of_squares(x), back


def with_sum(z):
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True), np.log(e.sum(-1))


def drops_the_second(z):
    s, total = with_sum(z)
    return (s, total), lambda v, w: s * (v - (v * s).sum(-1, keepdims=True))


def probabilities(rng):
    return {"p": rng.dirichlet(np.ones(4)), "q": rng.dirichlet(np.ones(4))}


MADE += [
    Wrong("W11", pullback_of("activation/softmax", lambda g, x, v: {"z": np.array(v)}), "activation/softmax",
          "the cotangent itself is returned", how=F64),
    Wrong("W14", gradproof.objective(logistic), "cost/binary_cross_entropy_logits", "∂/∂z²: a factor 2", how={
        **F64, "parameters": {"reduction": "sum"}}),
    Wrong("W16", gradproof.pullback(exchanged), jensen_shannon, "it is that of beta = 0.9, not 0.1", how={
        **F64, "inputs": probabilities, "parameters": {"beta": 0.1}}),
    Wrong("W18", gradproof.pullback(biased_weight), one_element, "∂/∂w: it is not zero where the truth is", how={
        **F64, "inputs": {"x": (5, 1), "w": (1,), "b": (1,)}}),
    Wrong("W19", gradproof.pullback(reads_a_full_cotangent), mean_of_squares,
          "but at the first index, which is right: there it is zero", how={**F64, "inputs": {"x": (7,)}}),
    Wrong("W23", gradproof.pullback(drops_the_second, outputs=("p", "lse")), with_sum,
          "the cotangent of the output lse is ignored", how={**F64, "inputs": {"z": (3, 4)}}),
]  # fmt: skip


def counts():
    """W08: 70,000 entries, counted in float16; a difference quotient by each would take too long."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return
    yield Wrong("W08", gradproof.pullback(counted_in_its_dtype), gradproof.torch_function(lambda x: x.mean()),
                "it is zero", how={"dtypes": ["float16"], "accumulate": "float32", "inputs": lambda rng: {"x": rng.uniform(0.5, 1, 70_000)}})  # fmt: skip


MADE += counts()
