"""Random inputs for every cost of several inputs, by regime.

    plain   numbers as they come: standard normal scores, probabilities of normal logits
    wide    magnitudes over many powers of ten, saturated logits, probabilities close to 0 and 1
    near    predictions close to their targets, where terms all but cancel

A case is drawn from (formula id, dtype, regime, seed) alone. Inputs are floats of the dtype; no branch of a cost is met
exactly, except by design of the data (a target of exactly 0 or 1).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.formula import Array

REGIMES = ("plain", "wide", "near")
N, D = 3, 4
SWITCHES = {
    ("cost/hinge_embedding", "y"), ("cost/multilabel_margin", "y"), ("cost/cosine_embedding", "y"),
    ("cost/ctc", "input_lengths"), ("cost/ctc", "target_lengths"),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One call of a cost: its inputs by name, parameters, and what makes it again."""

    id: str
    dtype: str
    regime: str
    seed: int
    inputs: Mapping[str, Array]
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Regime and seed, as `draw` takes them: "wide 3"."""
        return f"{self.regime} {self.seed}"


Draw = tuple[dict[str, Any], dict[str, Any]]


class _Source:
    """Numbers for one case. `odd` is true in every second case: options are then given."""

    def __init__(self, rng: np.random.Generator, regime: str, odd: bool):
        self.rng, self.regime, self.odd = rng, regime, odd

    def real(self, *shape: int) -> Array:
        """Real numbers."""
        x = self.rng.standard_normal(shape)
        return x * 10 ** self.rng.uniform(-4, 4, shape) if self.regime == "wide" else x

    def logits(self, *shape: int) -> Array:
        """Scores: saturated where the regime is wide."""
        x = self.rng.standard_normal(shape)
        return x * self.rng.uniform(1, 60) if self.regime == "wide" else 2 * x

    def positive(self, *shape: int) -> Array:
        """Numbers > 0."""
        return np.exp(self.rng.standard_normal(shape) * (6 if self.regime == "wide" else 1))

    def close(self, x: Array) -> Array:
        """Numbers close to x in the regime near, else any."""
        return x * (1 + 1e-3 * self.rng.standard_normal(x.shape)) if self.regime == "near" else self.real(*x.shape)

    def unit(self, *shape: int) -> Array:
        """Numbers inside (0, 1)."""
        z = np.clip(self.logits(*shape), -14, 14)  # in float32 as well, no result is 1
        return 1 / (1 + np.exp(-z))

    def rows(self, n: int = N, d: int = D) -> Array:
        """Distributions."""
        e = np.exp(np.clip(self.logits(n, d), -20, 20))
        return e / e.sum(-1, keepdims=True)

    def labels(self, n: int = N, d: int = D) -> Array:
        """Class labels."""
        return self.rng.integers(0, d, n)

    def signs(self, *shape: int) -> Array:
        """−1 and +1."""
        return self.rng.choice([-1.0, 1.0], shape)

    def weight(self, *shape: int) -> Array | None:
        """Weights, in every second case."""
        return self.rng.uniform(0.25, 4, shape) if self.odd else None


def _pair(**options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        a = s.real(N, D)
        return {"a": a, "y": s.close(a)}, options if s.odd else {}

    return draw


def _weighted_pair(**options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        a = s.real(N, D)
        return {"a": a, "y": s.close(a), "weight": s.weight(N, D)}, options if s.odd else {}

    return draw


def _poisson_nll(s: _Source) -> Draw:
    a = np.clip(s.logits(N, D), -12, 12)
    y = np.exp(a) * (1 + 1e-3 * s.rng.standard_normal(a.shape)) if s.regime == "near" else s.positive(N, D)
    return {"a": a, "y": y}, {"full": s.odd}


def _poisson_nll_rate(s: _Source) -> Draw:
    a = s.positive(N, D)
    return {"a": a, "y": s.close(a) if s.regime == "near" else s.positive(N, D)}, {"full": s.odd, "eps": 1e-8 * s.odd}


def _gaussian_nll(s: _Source) -> Draw:
    a, v = s.real(N, D), s.positive(N, D)
    y = a + np.sqrt(v) * (1 + 1e-3 * s.rng.standard_normal(a.shape)) if s.regime == "near" else s.real(N, D)
    return {"a": a, "y": y, "v": v}, {"full": s.odd}


def _log_rows(s: _Source) -> tuple[Array, Array]:
    """Log-probabilities, and distributions that in the regime near are close to them."""
    p = s.rows()
    q = p * (1 + 1e-3 * s.rng.standard_normal(p.shape)) if s.regime == "near" else s.rows()
    return np.log(p), q / q.sum(-1, keepdims=True)


def _kl_div(s: _Source) -> Draw:
    a, y = _log_rows(s)
    return {"a": a, "y": y}, {}


def _kl_div_log_target(s: _Source) -> Draw:
    a, y = _log_rows(s)
    return {"a": a, "y": np.log(y)}, {}


def _jensen_shannon(s: _Source) -> Draw:
    a, y = _log_rows(s)
    return {"p": np.exp(a), "q": y}, {}


def _binary_cross_entropy(s: _Source) -> Draw:
    a = s.unit(N, D)
    hard = s.rng.integers(0, 2, (N, D))
    return {"a": a, "y": a.astype(np.float32) if s.regime == "near" else hard, "weight": s.weight(N, D)}, {}


def _binary_logits(s: _Source) -> Draw:
    z = s.logits(N, D)
    return {"z": z, "y": _targets(s, z), "weight": s.weight(N, D), "pos_weight": s.weight(D)}, {}


def _targets(s: _Source, z: Array) -> Array:
    """Probabilities: σ(z) rounded to single precision in the regime near, else hard targets."""
    if s.regime == "near":
        return (1 / (1 + np.exp(-z))).astype(np.float32)
    return s.rng.integers(0, 2, z.shape).astype(np.float64)


def _sigmoid_focal(s: _Source) -> Draw:
    z = s.logits(N, D)
    return {"z": z, "y": _targets(s, z)}, {"alpha": 0.5, "gamma": 1.5} if s.odd else {}


def _by_labels(argument: str, log: bool = False, **options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        z = np.log(s.rows()) if log else s.logits(N, D)
        labels = z.argmax(-1) if s.regime == "near" else s.labels()  # near: learned
        if s.odd and "ignore_index" in options:
            labels = np.concatenate([labels[:-1], [options["ignore_index"]]])
        return {argument: z, "labels": labels, "weight": s.weight(D)}, options if s.odd else {}

    return draw


def _labels_only(s: _Source) -> Draw:
    return {"z": s.real(N, D), "labels": s.labels()}, {}


def _distributions(weight: bool, **options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        a, y = _log_rows(s)
        given = {"z": a + s.rng.standard_normal((N, 1)), "y": y}
        return given | ({"weight": s.weight(D)} if weight else {}), options if s.odd else {}

    return draw


def _signed(**options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        y = s.signs(N, D)
        z = y + 1e-3 * s.rng.standard_normal((N, D)) if s.regime == "near" else s.real(N, D)
        return {"z": z, "y": y}, options if s.odd else {}

    return draw


def _margin_ranking(s: _Source) -> Draw:
    a = s.real(N, D)
    return {"a": a, "b": s.close(a), "y": s.signs(N, D)}, {"margin": 0.5} if s.odd else {}


def _label_sets(weight: bool) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        given = {"z": s.logits(N, D), "y": s.rng.integers(0, 2, (N, D)).astype(np.float64)}
        return given | ({"weight": s.weight(D)} if weight else {}), {}

    return draw


def _wasserstein_critic(s: _Source) -> Draw:
    a = s.real(2 * N)
    return {"a": a, "b": s.close(a)[1:]}, {}


def _embeddings(s: _Source) -> tuple[Array, Array]:
    a = s.real(N, D)
    return a, s.close(a) * s.rng.uniform(0.5, 2, (N, 1))


def _cosine_distance(s: _Source) -> Draw:
    a, b = _embeddings(s)
    return {"a": a, "b": -b if s.odd else b}, {}


def _cosine_embedding(s: _Source) -> Draw:
    a, b = _embeddings(s)
    return {"a": a, "b": b, "y": s.signs(N)}, {"margin": 0.25} if s.odd else {}


def _triplet_margin(s: _Source) -> Draw:
    a = s.real(N, D)
    return {"a": a, "b": s.close(a), "c": s.close(a)}, {"margin": 2.0, "eps": 1e-6} if s.odd else {}


def _nt_xent(s: _Source) -> Draw:
    z = s.rng.standard_normal((4, 3))
    if s.regime == "near":  # pairs that agree already
        z[1::2] = z[::2] + 1e-3 * z[1::2]
    return {"z": z * s.positive(4, 1), "labels": np.array([0, 0, 1, 1])}, {"temperature": 0.5} if s.odd else {}


def _masks(**options: Any) -> Callable[[_Source], Draw]:
    def draw(s: _Source) -> Draw:
        y = s.rng.integers(0, 2, (N, D))
        a = np.abs(y - 1e-3 * s.unit(N, D)) if s.regime == "near" else s.unit(N, D)
        return {"a": a, "y": y.astype(np.float64)}, options if s.odd else {}

    return draw


def _ctc(s: _Source) -> Draw:
    """Two examples of five frames, three symbols and two labels; in every second case not all of them count."""
    n, T, d = 2, 5, 3
    blank = 2 if s.odd else 0
    labels = s.rng.integers(0, d - 1, (n, 2)) + (blank == 0)
    z = s.logits(n, T, d)
    if s.regime == "near":  # learned: one alignment stands out
        first, second = labels.T
        path = np.stack([first, first, np.full(n, blank), second, second], 1)
        z = z + s.rng.uniform(5, 15) * (np.arange(d) == path[..., None])
    z = z - z.max(-1, keepdims=True)
    given = {"a": z - np.log(np.exp(z).sum(-1, keepdims=True)), "labels": labels}
    if not s.odd:
        return given, {}
    return given | {"input_lengths": [4, 5], "target_lengths": [2, s.rng.integers(0, 2)]}, {"blank": blank}


DRAWS: dict[str, Callable[[_Source], Draw]] = {
    "cost/l1": _weighted_pair(),
    "cost/squared_error": _weighted_pair(),
    "cost/huber_error": _weighted_pair(delta=0.3),
    "cost/smooth_l1": _pair(beta=0.3),
    "cost/log_cosh": _pair(),
    "cost/quantile": _pair(tau=0.9),
    "cost/poisson_nll": _poisson_nll,
    "cost/poisson_nll_rate": _poisson_nll_rate,
    "cost/gaussian_nll": _gaussian_nll,
    "cost/kl_div": _kl_div,
    "cost/kl_div_log_target": _kl_div_log_target,
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": _binary_cross_entropy,
    "cost/nll_labels": _by_labels("a", log=True, ignore_index=-100),
    "cost/binary_cross_entropy_logits": _binary_logits,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": _by_labels("z", ignore_index=-100, label_smoothing=0.1),
    "cost/cross_entropy_probabilities": _distributions(True, label_smoothing=0.1),
    "cost/softmax_focal": _by_labels("z", gamma=1.5),
    "cost/poly_cross_entropy": _distributions(False, epsilon=-0.5),
    "cost/hinge": _signed(),
    "cost/squared_hinge": _signed(),
    "cost/perceptron": _signed(),
    "cost/soft_margin": _signed(),
    "cost/hinge_embedding": _signed(margin=0.5),
    "cost/margin_ranking": _margin_ranking,
    "cost/multi_margin": _by_labels("z", p=2, margin=0.5),
    "cost/multilabel_margin": _label_sets(False),
    "cost/multilabel_soft_margin": _label_sets(True),
    "cost/multiclass_hinge": _labels_only,
    "cost/multiclass_perceptron": _labels_only,
    "cost/wasserstein_critic": _wasserstein_critic,
    "cost/cosine_distance": _cosine_distance,
    "cost/cosine_embedding": _cosine_embedding,
    "cost/triplet_margin": _triplet_margin,
    "cost/nt_xent": _nt_xent,
    "cost/dice": _masks(smooth=0.0),
    "cost/tversky": _masks(alpha=0.3, beta=0.7, smooth=0.5),
    "cost/ctc": _ctc,
}


def draw(id: str, dtype: str, regime: str, seed: int) -> Case:
    """The case of this formula, dtype, regime and seed. Raises KeyError for a formula that has no draws."""
    rng = np.random.default_rng([zlib.crc32(f"{id} {dtype} {regime}".encode()), seed])
    inputs, parameters = DRAWS[id](_Source(rng, regime, bool(seed % 2)))
    arrays = {name: np.asarray(x) for name, x in inputs.items() if x is not None}
    kept = {name: x.astype(int if (id, name) in SWITCHES else dtype) for name, x in arrays.items() if name != "labels"}
    return Case(id, dtype, regime, seed, {name: kept.get(name, x) for name, x in arrays.items()}, parameters)


def cases(id: str, dtype: str, seeds: int) -> Iterator[Case]:
    """All regimes, `seeds` cases each."""
    for regime in REGIMES:
        for seed in range(seeds):
            yield draw(id, dtype, regime, seed)
