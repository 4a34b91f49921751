"""A small case of every definition over balls, and the same formula as a textbook prints it, in float64."""

import itertools
from typing import NamedTuple

import numpy as np

rng = np.random.default_rng(11)


class Case(NamedTuple):
    arguments: dict
    parameters: dict
    textbook: object  # the arguments and parameters -> the outputs, an array or a mapping


Z = rng.standard_normal((2, 3))
Y = rng.standard_normal((2, 3))
P = rng.dirichlet(np.ones(3), 2)
Q = rng.dirichlet(np.ones(3), 2)
U = rng.uniform(0.1, 0.9, (2, 3))
V = rng.uniform(0.3, 3, (2, 3))
SIGNS = np.array([[1.0, -1, 1], [-1, 1, 1]])
BITS = np.array([[1, 0, 1], [0, 1, 0]])
LABELS = np.array([2, 0])
WEIGHT = np.array([0.5, 2.0, 1.25])
W = np.array([[1.5, -0.5, 2.0], [0.25, 1.0, -1.25]])


def softmax(z):
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def huber(r, delta):
    return np.where(np.abs(r) <= delta, r * r / 2, delta * (np.abs(r) - delta / 2))


def softplus(z):
    return np.log1p(np.exp(z))


def relu(z):
    return np.maximum(z, 0)


def norm(x):
    return np.sqrt((x * x).sum(-1))


def cosine(a, b):
    return (a * b).sum(-1) / (norm(a) * norm(b))


def of(rows, labels):
    return rows[np.arange(len(rows)), labels]


def smooth(y, eps):
    return (1 - eps) * y + eps / y.shape[-1]


def contrastive(z, labels, temperature):
    c = np.exp(cosine(z[:, None], z[None]) / temperature)
    pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j and labels[i] == labels[j]]
    return np.mean([-np.log(c[i, j] / (c[i, j] + c[i][labels != labels[i]].sum())) for i, j in pairs])


def one_label_in_two_frames(a, labels, blank):
    """Paths l l, blank l and l blank."""
    paths = [((0, k), (1, j)) for k, j in ((labels[0, 0],) * 2, (blank, labels[0, 0]), (labels[0, 0], blank))]
    return -np.log(sum(np.exp(sum(a[0, t, k] for t, k in path)) for path in paths))


def margins(z, labels, margin):
    others = np.arange(z.shape[-1]) != labels[:, None]
    return np.where(others, relu(margin - of(z, labels)[:, None] + z), 0)


def sets(z, y):
    return np.mean([sum(relu(1 - row[l] + row[j]) for l in np.flatnonzero(t) for j in np.flatnonzero(1 - t)) / len(row)
                    for row, t in zip(z, y, strict=True)])  # fmt: skip


def input_gradients(x, W1, b1, W2, b2):
    """∂a/∂x of a = W₂ tanh(W₁x + b₁) + b₂."""
    return np.array([W2 @ np.diag(1 - np.tanh(W1 @ row + b1) ** 2) @ W1 for row in x])


def clipped(gradients, limit):
    size = np.sqrt(sum((g * g).sum() for g in gradients.values()))
    return {name: g * min(1, limit / size) for name, g in gradients.items()}


NETWORK = {
    "x": rng.standard_normal((2, 2)), "W1": rng.standard_normal((2, 2)), "b1": rng.standard_normal(2),
    "W2": rng.standard_normal((1, 2)), "b2": rng.standard_normal(1),
}  # fmt: skip
LAYERS = {"activations": ("activation/tanh", "activation/identity")}
GRADIENTS = {"g1": np.array([[0.75, -2.0]]), "g2": np.array([0.25])}

COSTS = {
    "l1": Case({"a": Z, "y": Y, "weight": V}, {}, lambda a, y, weight: (weight * abs(a - y)).sum() / weight.sum()),
    "squared_error": Case({"a": Z, "y": Y}, {}, lambda a, y: ((a - y) ** 2).mean()),
    "quadratic": Case({"a": Z, "y": Y}, {}, lambda a, y: ((a - y) ** 2).sum() / 4),
    "huber_error": Case({"a": Z, "y": Y, "weight": V}, {"delta": 0.7},
                        lambda a, y, weight, delta: (weight * huber(a - y, delta)).mean()),
    "smooth_l1": Case({"a": Z, "y": Y}, {"beta": 0.7}, lambda a, y, beta: (huber(a - y, beta) / beta).mean()),
    "log_cosh": Case({"a": Z, "y": Y}, {}, lambda a, y: np.log(np.cosh(a - y)).mean()),
    "quantile": Case({"a": Z, "y": Y}, {"tau": 0.9},
                     lambda a, y, tau: np.where(a < y, tau * (y - a), (1 - tau) * (a - y)).mean()),
    "poisson_nll": Case({"a": Z, "y": V}, {"full": True},
                        lambda a, y, full: (np.exp(a) - y * a + np.where(y > 1, stirling(y), 0)).mean()),
    "poisson_nll_rate": Case({"a": U, "y": V}, {"eps": 0.125},
                             lambda a, y, eps: (a - y * np.log(a + eps)).mean()),
    "gaussian_nll": Case({"a": Z, "y": Y, "v": V}, {"full": True},
                         lambda a, y, v, full: (np.log(2 * np.pi * v) + (a - y) ** 2 / v).mean() / 2),
    "kl_div": Case({"a": np.log(P), "y": Q}, {}, lambda a, y: (y * (np.log(y) - a)).sum() / 2),
    "kl_div_log_target": Case({"a": np.log(P), "y": np.log(Q)}, {}, lambda a, y: (np.exp(y) * (y - a)).sum() / 2),
    "jensen_shannon": Case({"p": P, "q": Q}, {}, lambda p, q: (
        p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))).sum(-1).mean() / 2),
    "binary_cross_entropy": Case({"a": U, "y": P, "weight": V}, {}, lambda a, y, weight: (
        -weight * (y * np.log(a) + (1 - y) * np.log(1 - a))).mean()),
    "cross_entropy": Case({"a": P, "y": Q}, {}, lambda a, y: -(y * np.log(a)).sum() / 2),
    "nll": Case({"a": np.log(P), "y": Q}, {}, lambda a, y: -(y * a).sum() / 2),
    "nll_labels": Case({"a": np.log(P), "labels": LABELS, "weight": WEIGHT}, {}, lambda a, labels, weight: (
        -(weight[labels] * of(a, labels)).sum() / weight[labels].sum())),
    "binary_cross_entropy_logits": Case({"z": Z, "y": P, "weight": V, "pos_weight": WEIGHT}, {},
        lambda z, y, weight, pos_weight: (
            -weight * (pos_weight * y * np.log(sigmoid(z)) + (1 - y) * np.log(sigmoid(-z)))).mean()),
    "sigmoid_focal": Case({"z": Z, "y": P}, {"alpha": 0.4, "gamma": 1.5}, lambda z, y, alpha, gamma: (
        -alpha * y * sigmoid(-z) ** gamma * np.log(sigmoid(z))
        - (1 - alpha) * (1 - y) * sigmoid(z) ** gamma * np.log(sigmoid(-z))).mean()),
    "cross_entropy_labels": Case({"z": Z, "labels": LABELS, "weight": WEIGHT}, {"label_smoothing": 0.2},
        lambda z, labels, weight, label_smoothing: (
            -(weight * smooth(np.eye(3)[labels], label_smoothing) * np.log(softmax(z))).sum() / weight[labels].sum())),
    "cross_entropy_probabilities": Case({"z": Z, "y": Q, "weight": WEIGHT}, {"label_smoothing": 0.2},
        lambda z, y, weight, label_smoothing: (
            -(weight * smooth(y, label_smoothing) * np.log(softmax(z))).sum(-1).mean())),
    "softmax_focal": Case({"z": Z, "labels": LABELS, "weight": WEIGHT}, {"gamma": 1.5},
        lambda z, labels, weight, gamma: (
            -weight[labels] * (1 - of(softmax(z), labels)) ** gamma * np.log(of(softmax(z), labels))).mean()),
    "poly_cross_entropy": Case({"z": Z, "y": Q}, {"epsilon": -0.5}, lambda z, y, epsilon: (
        y * (-np.log(softmax(z)) + epsilon * (1 - softmax(z)))).sum(-1).mean()),
    "hinge": Case({"z": Z, "y": SIGNS}, {}, lambda z, y: relu(1 - y * z).mean()),
    "squared_hinge": Case({"z": Z, "y": SIGNS}, {}, lambda z, y: (relu(1 - y * z) ** 2).mean()),
    "perceptron": Case({"z": Z, "y": SIGNS}, {}, lambda z, y: relu(-y * z).mean()),
    "soft_margin": Case({"z": Z, "y": SIGNS}, {}, lambda z, y: softplus(-y * z).mean()),
    "hinge_embedding": Case({"z": Z, "y": SIGNS.astype(int)}, {"margin": 0.5},
                            lambda z, y, margin: np.where(y > 0, z, relu(margin - z)).mean()),
    "margin_ranking": Case({"a": Z, "b": Y, "y": SIGNS}, {"margin": 0.5},
                           lambda a, b, y, margin: relu(margin - y * (a - b)).mean()),
    "multi_margin": Case({"z": Z, "labels": LABELS, "weight": WEIGHT}, {"p": 2, "margin": 1.5},
        lambda z, labels, weight, p, margin: (
            weight[labels] * (margins(z, labels, margin) ** p).sum(-1) / 3).mean()),
    "multilabel_margin": Case({"z": Z, "y": BITS}, {}, sets),
    "multilabel_soft_margin": Case({"z": Z, "y": BITS, "weight": WEIGHT}, {}, lambda z, y, weight: (
        weight * (y * softplus(-z) + (1 - y) * softplus(z))).mean()),
    "multiclass_hinge": Case({"z": Z, "labels": LABELS}, {}, lambda z, labels: (
        (z + (np.arange(3) != labels[:, None])).max(-1) - of(z, labels)).mean()),
    "multiclass_perceptron": Case({"z": Z, "labels": LABELS}, {},
                                  lambda z, labels: (z.max(-1) - of(z, labels)).mean()),
    "wasserstein_critic": Case({"a": Z[0], "b": Y[0, :2]}, {}, lambda a, b: b.mean() - a.mean()),
    "cosine_distance": Case({"a": Z, "b": Y}, {}, lambda a, b: (1 - cosine(a, b)).mean()),
    "cosine_embedding": Case({"a": Z, "b": Z + Y / 2, "y": np.array([-1, 1])}, {"margin": 0.25},
        lambda a, b, y, margin: np.where(y > 0, 1 - cosine(a, b), relu(cosine(a, b) - margin)).mean()),
    "triplet_margin": Case({"a": Z, "b": Y, "c": V}, {"margin": 2.0, "eps": 0.125},
        lambda a, b, c, margin, eps: relu(margin + norm(a - b + eps) - norm(a - c + eps)).mean()),
    "nt_xent": Case({"z": rng.standard_normal((4, 2)), "labels": np.array([0, 0, 1, 1])}, {"temperature": 0.5},
                    contrastive),
    "dice": Case({"a": U, "y": P}, {"smooth": 0.5}, lambda a, y, smooth: (
        1 - (2 * (a * y).sum(-1) + smooth) / (a.sum(-1) + y.sum(-1) + smooth)).mean()),
    "tversky": Case({"a": U, "y": P}, {"alpha": 0.3, "beta": 0.7, "smooth": 0.5},
        lambda a, y, alpha, beta, smooth: (1 - ((a * y).sum(-1) + smooth) / (
            (a * y).sum(-1) + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1) + smooth)).mean()),
    "ctc": Case({"a": np.log(P)[None], "labels": np.array([[1]])}, {"blank": 2}, one_label_in_two_frames),
}  # fmt: skip

REGULARIZERS = {
    "none": Case({"w": W}, {}, lambda w: 0.0),
    "l2": Case({"w": W}, {"lam": 0.3, "n": 4.0}, lambda w, lam, n: lam / (2 * n) * (w**2).sum()),
    "l1": Case({"w": W}, {"lam": 0.3}, lambda w, lam: lam * abs(w).sum()),
    "elastic_net": Case({"w": W}, {"lam": 0.3, "mix": 0.8},
                        lambda w, lam, mix: lam * (mix * abs(w) + (1 - mix) * w**2 / 2).sum()),
    "group_lasso": Case({"w": W}, {"lam": 0.3}, lambda w, lam: lam * np.sqrt(3) * norm(w).sum()),
    "max_norm": Case({"w": W}, {"lam": 0.3, "limit": 2.0},
                     lambda w, lam, limit: lam * (relu(norm(w) - limit) ** 2).sum()),
    "orthogonality": Case({"w": W}, {"lam": 0.3}, lambda w, lam: lam * ((w @ w.T - np.eye(2)) ** 2).sum()),
    "spectral_norm": Case({"w": W}, {"lam": 0.3}, lambda w, lam: lam * np.linalg.norm(w, 2)),
    "nuclear_norm": Case({"w": W.T}, {"lam": 0.3}, lambda w, lam: lam * np.linalg.norm(w, "nuc")),
    "entropy": Case({"z": Z}, {"lam": 0.3}, lambda z, lam: lam * (softmax(z) * np.log(softmax(z))).sum() / 2),
    "label_smoothing": Case({"z": Z, "y": Q}, {"eps": 0.2}, lambda z, y, eps: (
        -((smooth(y, eps) - y) * np.log(softmax(z))).sum() / 2)),
    "activity_l2": Case({"a": Z}, {"lam": 0.3}, lambda a, lam: lam * (a**2).sum() / 4),
    "activity_l1": Case({"a": Z}, {"lam": 0.3}, lambda a, lam: lam * abs(a).sum() / 2),
    "dropout": Case({"a": Z, "mask": BITS}, {}, lambda a, mask: a * mask),
    "inverted_dropout": Case({"a": Z, "mask": BITS}, {"rate": 0.25}, lambda a, mask, rate: a * mask / (1 - rate)),
    "jacobian": Case(NETWORK, {"lam": 0.3, **LAYERS}, lambda lam, activations, **layers: (
        lam * (input_gradients(**layers) ** 2).sum() / 4)),
    "gradient_penalty": Case(NETWORK, {"lam": 3.0, "target": 0.5, **LAYERS}, lambda lam, target, activations, **layers:
        lam * ((norm(input_gradients(**layers)[:, 0]) - target) ** 2).mean()),
}  # fmt: skip

UPDATES = {
    "clip_by_value": Case(GRADIENTS, {"max_value": 0.5}, lambda max_value, **g: {
        name: np.clip(x, -max_value, max_value) for name, x in g.items()}),
    "clip_by_norm": Case(GRADIENTS, {"max_norm": 1.5}, lambda max_norm, **g: clipped(g, max_norm)),
}  # fmt: skip

ACTIVATIONS = {
    "identity": Case({}, {}, lambda z: z),
    "sigmoid": Case({}, {}, sigmoid),
    "tanh": Case({}, {}, lambda z: np.tanh(z)),
    "relu": Case({}, {}, relu),
    "relu6": Case({}, {}, lambda z: np.clip(z, 0, 6)),
    "leaky_relu": Case({}, {"negative_slope": 0.2}, lambda z, negative_slope: np.where(z > 0, z, negative_slope * z)),
    "prelu": Case({}, {"weight": 0.2}, lambda z, weight: np.where(z > 0, z, weight * z)),
    "rrelu": Case({}, {"lower": 0.2, "upper": 0.5},
                  lambda z, lower, upper: np.where(z > 0, z, (lower + upper) / 2 * z)),
    "elu": Case({}, {"alpha": 1.5}, lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(z))),
    "celu": Case({}, {"alpha": 1.5}, lambda z, alpha: np.where(z > 0, z, alpha * np.expm1(z / alpha))),
    "selu": Case({}, {}, lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))),
    "softplus": Case({}, {"beta": 1.5}, lambda z, beta: softplus(beta * z) / beta),
    "softsign": Case({}, {}, lambda z: z / (1 + abs(z))),
    "silu": Case({}, {}, lambda z: z * sigmoid(z)),
    "gelu": Case({}, {}, lambda z: z * np.vectorize(normal_cdf)(z)),
    "gelu_tanh": Case({}, {}, lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))),
    "mish": Case({}, {}, lambda z: z * np.tanh(softplus(z))),
    "hardtanh": Case({}, {"min_val": -0.5, "max_val": 0.25}, lambda z, min_val, max_val: np.clip(z, min_val, max_val)),
    "hardsigmoid": Case({}, {}, lambda z: np.clip((z + 3) / 6, 0, 1)),
    "hardswish": Case({}, {}, lambda z: z * np.clip((z + 3) / 6, 0, 1)),
    "hardshrink": Case({}, {"lambd": 0.3}, lambda z, lambd: np.where(abs(z) > lambd, z, 0)),
    "softshrink": Case({}, {"lambd": 0.3}, lambda z, lambd: np.sign(z) * relu(abs(z) - lambd)),
    "tanhshrink": Case({}, {}, lambda z: z - np.tanh(z)),
    "threshold": Case({}, {"threshold": 0.1, "value": 2.0},
                      lambda z, threshold, value: np.where(z > threshold, z, value)),
    "logsigmoid": Case({}, {}, lambda z: np.log(sigmoid(z))),
    "squareplus": Case({}, {"b": 2.0}, lambda z, b: (z + np.sqrt(z * z + b)) / 2),
    "sparse_plus": Case({}, {}, lambda z: np.where(z <= -1, 0, np.where(z >= 1, z, (z + 1) ** 2 / 4))),
    "sparse_sigmoid": Case({}, {}, lambda z: np.clip((z + 1) / 2, 0, 1)),
    "gaussian": Case({}, {}, lambda z: np.exp(-z * z)),
    "exp": Case({}, {}, lambda z: np.exp(z)),
    "arctan": Case({}, {}, lambda z: np.arctan(z)),
    "log_cosh": Case({}, {}, lambda z: np.log(np.cosh(z))),
    "squared_relu": Case({}, {}, lambda z: relu(z) ** 2),
    "huber": Case({}, {"delta": 0.5}, lambda z, delta: huber(z, delta)),
    "softmax": Case({}, {"temperature": 0.5}, lambda z, temperature: softmax(z / temperature)),
    "softmin": Case({}, {"temperature": 0.5}, lambda z, temperature: softmax(-z / temperature)),
    "log_softmax": Case({}, {"temperature": 0.5}, lambda z, temperature: np.log(softmax(z / temperature))),
    "logsumexp": Case({}, {"temperature": 0.5},
                      lambda z, temperature: temperature * np.log(np.exp(z / temperature).sum(-1))),
    "glu": Case({}, {}, lambda z: z[:, :1] * sigmoid(z[:, 1:])),
    "geglu": Case({}, {}, lambda z: z[:, :1] * z[:, 1:] * np.vectorize(normal_cdf)(z[:, 1:])),
    "swiglu": Case({}, {}, lambda z: z[:, :1] * z[:, 1:] * sigmoid(z[:, 1:])),
    "reglu": Case({}, {}, lambda z: z[:, :1] * relu(z[:, 1:])),
    "maxout": Case({}, {"k": 3}, lambda z, k: z.reshape(len(z), -1, k).max(-1)),
    "l2_normalize": Case({}, {}, lambda z: z / norm(z)[:, None]),
}  # fmt: skip


def normal_cdf(z):
    from math import erf, sqrt

    return (1 + erf(z / sqrt(2))) / 2


def stirling(y):
    return y * np.log(y) - y + np.log(2 * np.pi * y) / 2


def activation_input(name):
    return {"z": Z[:, :2] if name.endswith("glu") else Z}


CASES = {
    **{f"activation/{n}": c._replace(arguments=activation_input(n)) for n, c in ACTIVATIONS.items()},
    **{f"{kind}/{n}": c for kind, table in (("cost", COSTS), ("regularizer", REGULARIZERS), ("update", UPDATES))
       for n, c in table.items()},
}  # fmt: skip


def floats(case):
    """Names of the float arguments, and their entries in turn."""
    names = [name for name, x in case.arguments.items() if x.dtype.kind == "f"]
    return names, list(itertools.chain(*(case.arguments[name].ravel().tolist() for name in names)))
