"""Wrong gradients that happened, each by its own number, judged against a forward of NumPy or torch."""

import numpy as np
from wrong.mutants import Wrong, pullback_of
from wrong.norms import F64, inverse, layer_norm, normal, rms_norm

import gradproof

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


MADE = [
    Wrong(
        "W02",
        gradproof.pullback(gated_without),
        gated,
        "only ∂/∂w is wrong",
        how={**F64, "inputs": {"x": (4, 3), "w": (3,), "g": (4, 3)}},
    ),
    Wrong(
        "W03-i",
        lstm(lambda d, dc, s, c, v: {**d, "i": dc * s["i"] * s["i"] * (1 - s["i"])}),
        cell,
        "only ∂/∂i is wrong",
        how=GATES,
    ),
    Wrong(
        "W03-g",
        lstm(lambda d, dc, s, c, v: {**d, "g": dc * s["i"] * (1 - np.tanh(s["g"]) ** 2)}),
        cell,
        "∂/∂g: wrong only where",
        how=GATES,
    ),
    Wrong(
        "W03-o",
        lstm(lambda d, dc, s, c, v: {**d, "o": v * np.tanh(c) * s["o"] * (1 - s["o"])}),
        cell,
        "only ∂/∂o is wrong",
        how=GATES,
    ),
    Wrong("W03-slope", lstm(lambda d, dc, s, c, v: {**d, "f": d["f"] / (1 - s["f"])}), cell, "∂/∂f", how=GATES),
    Wrong(
        "W04",
        gradproof.pullback(half_form),
        form,
        "∂/∂b: a factor 2 or ½ (ratio 0.5)",
        how={**F64, "inputs": dict.fromkeys(("a", "b", "c", "dx", "dy"), (3,))},
    ),
]


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
    Wrong(
        "W05",
        gradproof.pullback(divided),
        cumprod,
        "a division by it",
        how={**F64, "inputs": {"x": np.array([2.0, 0.0, 3.0, 4.0])}},
    ),
    Wrong(
        "W06",
        gradproof.pullback(pool_by_kernel),
        pool,
        "wrong only at the last index: there a factor 2 or ½",
        how={**F64, "inputs": {"x": (5,)}},
    ),
    Wrong(
        "W07",
        gradproof.pullback(past_the_diagonal),
        trace,
        "wrong only in the entry [3, 0]",
        how={**F64, "inputs": {"x": (4, 2)}},
    ),
]


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
    Wrong(
        "W11",
        pullback_of("activation/softmax", lambda g, x, v: {"z": np.array(v)}),
        "activation/softmax",
        "the cotangent itself is returned",
        how=F64,
    ),
    Wrong(
        "W14",
        gradproof.objective(logistic),
        "cost/binary_cross_entropy_logits",
        "∂²/∂z²: a factor 2",
        how={**F64, "parameters": {"reduction": "sum"}},
    ),
    Wrong(
        "W16",
        gradproof.pullback(exchanged),
        jensen_shannon,
        "beta and 1 − beta are exchanged",
        how={**F64, "inputs": probabilities, "parameters": {"beta": 0.1}},
    ),
    Wrong(
        "W18",
        gradproof.pullback(biased_weight),
        one_element,
        "∂/∂w: it is not zero where the truth is",
        how={**F64, "inputs": {"x": (5, 1), "w": (1,), "b": (1,)}},
    ),
    Wrong(
        "W19",
        gradproof.pullback(reads_a_full_cotangent),
        mean_of_squares,
        "only the first entry is there: a cotangent of shape ()",
        how={**F64, "inputs": {"x": (7,)}},
    ),
    Wrong(
        "W23",
        gradproof.pullback(drops_the_second, outputs=("p", "lse")),
        with_sum,
        "the cotangent of the output lse is ignored",
        how={**F64, "inputs": {"z": (3, 4)}},
    ),
]


def counts():
    """W08: 70,000 entries, counted in float16; a difference quotient by each would take too long."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return
    yield Wrong(
        "W08",
        gradproof.pullback(counted_in_its_dtype),
        gradproof.torch_function(lambda x: x.mean()),
        "it is zero",
        how={"dtypes": ["float16"], "accumulate": "float32", "inputs": lambda rng: {"x": rng.uniform(0.5, 1, 70_000)}},
    )


MADE += counts()
