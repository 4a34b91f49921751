"""Value and all gradients of a formula at the sizes that people train with: how long, and how much memory.

Contenders are `reference.vjp`; torch, eager, with `torch.autograd.grad`; JAX, `jit` of `jax.vjp`, compiled beforehand.
The frameworks take the forward definitions of `oracles/`, which are their own functions where they have one. Where
a definition is written for truth and not for size, what people write stands here.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gradients import Disagreement
from benchmarks.memory import alone, growth
from benchmarks.timing import take_turns
from gradproof.evidence.finding import Finding
from reference import vjp
from reference.formula import Array
from reference.layers.streaming import streaming_attention

DTYPES = ("float32", "float64")
Draw = Callable[[np.random.Generator], Array]
Call = Callable[[], Mapping[str, Any]]  # the value, and the gradients by argument


def normal(*shape: int, scale: float = 1.0) -> Draw:
    """Gaussian entries."""
    return lambda rng: scale * rng.standard_normal(shape)


def positive(*shape: int) -> Draw:
    """Entries between 0.1 and 0.9: probabilities, variances, masks that are soft."""
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def simplex(*shape: int) -> Draw:
    """Rows of probabilities."""
    return lambda rng: rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def classes(d: int, *shape: int) -> Draw:
    """Labels of d classes."""
    return lambda rng: rng.integers(0, d, shape)


def hot(*shape: int, share: float = 0.5) -> Draw:
    """0 and 1."""
    return lambda rng: (rng.uniform(size=shape) < share).astype(float)


def signs(*shape: int) -> Draw:
    """−1 and 1."""
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def pairs(n: int) -> Draw:
    """Labels of two views of each of n/2 images: (n,)."""
    return lambda rng: np.arange(n) % (n // 2)


def log_softmax(*shape: int) -> Draw:
    """Rows of log-probabilities."""

    def draw(rng: np.random.Generator) -> Array:
        z = rng.standard_normal(shape)
        return z - np.log(np.exp(z).sum(-1, keepdims=True))

    return draw


@dataclass(frozen=True)
class Problem:
    """A formula at one size, which `what` says; `arguments` are drawn in float64."""

    id: str
    what: str
    arguments: Mapping[str, Draw]
    without: tuple[str, ...] = ()  # contenders that cannot be asked at this size
    differs: tuple[str, ...] = ()  # gradients that the frameworks define otherwise

    @property
    def function(self) -> Any:
        """Ours: arguments and a cotangent to (outputs, gradients)."""
        return _streaming if self.id == "layer/streaming_attention" else functools.partial(vjp, self.id)

    def arrays(self, dtype: str) -> tuple[dict[str, Array], Array | None]:
        """The arguments, floating ones in `dtype`, and a cotangent of the value where that is an array."""
        rng = np.random.default_rng(0)
        drawn = {name: draw(rng) for name, draw in self.arguments.items()}
        x = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in drawn.items()}
        if self.id.startswith("cost/"):
            return x, None
        return x, rng.standard_normal(self.function(x)[0]["value"].shape).astype(dtype)


def _streaming(x: Mapping[str, Array], cotangent: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    (value, _), back = streaming_attention(**x)
    return {"value": value}, {} if cotangent is None else back(cotangent["value"])


COSTS = (
    Problem("cost/cross_entropy_labels", "64 × 128,256", {"z": normal(64, 128_256), "labels": classes(128_256, 64)}),
    Problem("cost/linear_cross_entropy", "32 × 256, vocabulary 100,000",
            {"h": normal(32, 256), "W": normal(100_000, 256, scale=0.06), "labels": classes(100_000, 32)}),
    Problem("cost/z_loss", "32 × 128,256", {"z": normal(32, 128_256)}),
    Problem("cost/distillation", "64 × 32,000", {"z": normal(64, 32_000), "y": normal(64, 32_000)}),
    Problem("cost/kl_div", "64 × 32,000", {"a": log_softmax(64, 32_000), "y": simplex(64, 32_000)}),
    Problem("cost/nt_xent", "4,096 × 128", {"z": normal(4096, 128), "labels": pairs(4096)}),
    Problem("cost/multi_margin", "1,024 × 1,000", {"z": normal(1024, 1000), "labels": classes(1000, 1024)}),
    Problem("cost/multilabel_margin", "1,024 × 1,000, 10 labels a row",
            {"z": normal(1024, 1000), "y": hot(1024, 1000, share=0.01)}, without=("jax",)),
    Problem("cost/ctc", "1 × 8,000 frames, 32 symbols, 100 labels",
            {"a": log_softmax(1, 8000, 32), "labels": lambda rng: rng.integers(1, 32, (1, 100))},
            differs=("a",)),  # theirs is the slope in logits
    Problem("cost/triplet_margin", "8,192 × 128",
            {"a": normal(8192, 128), "b": normal(8192, 128), "c": normal(8192, 128)}),
    Problem("cost/cosine_embedding", "8,192 × 128",
            {"a": normal(8192, 128), "b": normal(8192, 128), "y": signs(8192)}),
    Problem("cost/binary_cross_entropy_logits", "1,000,000", {"z": normal(1_000_000), "y": hot(1_000_000)}),
    Problem("cost/sigmoid_focal", "10,000 × 80", {"z": normal(10_000, 80), "y": hot(10_000, 80, share=0.01)}),
    Problem("cost/dice", "16 × 65,536", {"a": positive(16, 65_536), "y": hot(16, 65_536)}),
    Problem("cost/squared_error", "1,000,000", {"a": normal(1_000_000), "y": normal(1_000_000)}),
    Problem("cost/huber_error", "1,000,000", {"a": normal(1_000_000), "y": normal(1_000_000)}),
    Problem("cost/gaussian_nll", "1,000,000",
            {"a": normal(1_000_000), "y": normal(1_000_000), "v": positive(1_000_000)}),
    Problem("cost/dpo", "65,536", {"chosen": normal(65_536), "rejected": normal(65_536)}),
)  # fmt: skip
LAYERS = (
    Problem("layer/layer_norm", "64 × 768", {"x": normal(64, 768), "weight": normal(768), "bias": normal(768)}),
    Problem("layer/rms_norm", "64 × 768", {"x": normal(64, 768), "weight": normal(768)}),
    Problem("layer/batch_norm", "32 × 64 × 28 × 28",
            {"x": normal(32, 64, 28, 28), "weight": normal(64), "bias": normal(64)}),
    Problem("layer/attention", "2 × 4 × 64 × 32",
            {"q": normal(2, 4, 64, 32), "k": normal(2, 4, 64, 32), "v": normal(2, 4, 64, 32)}),
    Problem("layer/streaming_attention", "1 × 1,024 × 32, by blocks of keys",
            {"q": normal(1, 1024, 32), "k": normal(1, 1024, 32), "v": normal(1, 1024, 32)}),
    Problem("layer/streaming_attention", "1 × 2,048 × 32, by blocks of keys",
            {"q": normal(1, 2048, 32), "k": normal(1, 2048, 32), "v": normal(1, 2048, 32)}),
    Problem("layer/convolution", "8 × 3 × 32 × 32 → 16, 3 × 3",
            {"x": normal(8, 3, 32, 32), "weight": normal(16, 3, 3, 3), "bias": normal(16)}),
    Problem("layer/lstm", "32 × 8 × 64",
            {"x": normal(32, 8, 64), "h0": normal(8, 64), "c0": normal(8, 64), "weight_x": normal(256, 64, scale=0.1),
             "weight_h": normal(256, 64, scale=0.1), "bias": normal(256)}),
    Problem("cost/cross_entropy_labels", "256 × 32,000", {"z": normal(256, 32_000), "labels": classes(32_000, 256)}),
)  # fmt: skip
PROBLEMS = (*COSTS, *LAYERS)


# ---------------------------------------------------------------- contenders


def ours(p: Problem, dtype: str) -> Call:
    """`reference.vjp`."""
    x, v = p.arrays(dtype)
    cotangent = v if v is None else {"value": v}

    def call() -> dict[str, Any]:
        outputs, gradients = p.function(x, cotangent)
        return {"value": outputs["value"], **gradients}

    return call


def torch_eager(p: Problem, dtype: str) -> Call:
    """The value by torch's own functions, and `torch.autograd.grad`."""
    import torch
    import torch.nn.functional as F

    from oracles.torch_autograd import DEFINITIONS

    torch.set_num_threads(1)

    def nt_xent(z: Any, labels: Any) -> Any:
        u = F.normalize(z)
        c = (u @ u.T / 0.07).fill_diagonal_(-torch.inf)
        return F.cross_entropy(c, (torch.arange(len(z)) + len(z) // 2) % len(z))  # the other view

    here: dict[str, Callable[..., Any]] = {
        "cost/nt_xent": nt_xent, "layer/attention": F.scaled_dot_product_attention,
            "layer/streaming_attention": F.scaled_dot_product_attention}  # fmt: skip
    arrays, v = p.arrays(dtype)
    given = {name: torch.from_numpy(a) for name, a in arrays.items()}
    leaves = {name: t.requires_grad_() for name, t in given.items() if t.is_floating_point()}
    seed = None if v is None else torch.from_numpy(v)
    names = {"q": "query", "k": "key", "v": "value"} if p.id.endswith("attention") else {}
    definition = here.get(p.id) or DEFINITIONS[p.id]

    def call() -> dict[str, Any]:
        value = definition(**{names.get(name, name): t for name, t in given.items()})
        value = value["value"] if isinstance(value, Mapping) else value
        slopes = torch.autograd.grad(value, [*leaves.values()], seed, allow_unused=True)
        return {"value": value.detach(), **{name: g for name, g in zip(leaves, slopes, strict=True) if g is not None}}

    return call


def jax_jit(p: Problem, dtype: str) -> Call:
    """`jax.jit` of the value and its `jax.vjp`; waits for the result."""
    import jax
    import jax.numpy as jnp
    import optax

    from oracles.jax_grad import DEFINITIONS

    def nt_xent(z: Any, labels: Any) -> Any:
        u = z / jnp.linalg.norm(z, axis=-1, keepdims=True)
        c = jnp.where(jnp.eye(len(z), dtype=bool), -jnp.inf, u @ u.T / 0.07)
        other = (jnp.arange(len(z)) + len(z) // 2) % len(z)
        return optax.softmax_cross_entropy_with_integer_labels(c, other).mean()

    def ctc(a: Any, labels: Any) -> Any:
        terms = optax.ctc_loss(a, jnp.zeros(a.shape[:2]), labels, jnp.zeros(labels.shape))
        return (terms / labels.shape[1]).mean()

    def attention(q: Any, k: Any, v: Any) -> Any:  # JAX's own has its softmax in float32 also where all is in float64
        return jax.nn.softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5, -1) @ v

    here: dict[str, Callable[..., Any]] = {
        "cost/nt_xent": nt_xent,
        "cost/ctc": ctc,
        "layer/attention": attention,
        "layer/streaming_attention": attention,
    }
    arrays, v = p.arrays(dtype)
    x = {name: jnp.asarray(a) for name, a in arrays.items()}
    floating = {name: a for name, a in x.items() if a.dtype == dtype}
    fixed = {name: a for name, a in x.items() if name not in floating}
    definition = here.get(p.id) or DEFINITIONS[p.id]

    def compute(floating: Any, fixed: Any, v: Any) -> tuple[Any, Any]:
        def value_of(given: Any) -> Any:
            value = definition(**given, **fixed)
            return value["value"] if isinstance(value, Mapping) else value

        value, back = jax.vjp(value_of, floating)
        return value, back(jnp.ones_like(value) if v is None else v)[0]

    seed, program = None if v is None else jnp.asarray(v), jax.jit(compute)

    def call() -> dict[str, Any]:
        value, gradients = jax.block_until_ready(program(floating, fixed, seed))
        return {"value": value, **gradients}

    return call


PEERS: dict[str, Callable[[Problem, str], Call]] = {"ours": ours, "torch": torch_eager, "jax": jax_jit}


def check_agreement(p: Problem, dtype: str, calls: Mapping[str, Call]) -> None:
    """Raise Disagreement unless value and gradients of all are ours to half of the digits, in norm."""
    mine = {name: np.asarray(x, np.float64) for name, x in calls["ours"]().items()}
    limit = float(np.sqrt(np.finfo(dtype).eps / 2))
    for who in [who for who in calls if who != "ours"]:
        theirs = calls[who]()
        for name in mine.keys() & theirs.keys() - {*p.differs}:
            apart = np.linalg.norm(mine[name] - np.asarray(theirs[name])) / np.linalg.norm(mine[name])
            if not apart <= limit:
                raise Disagreement(
                    f"{describe(p, dtype)}: {name} by {who} differs from ours by {apart:.1e} of its norm,"
                    f" more than {limit:.1e}"
                )


def describe(p: Problem, dtype: str) -> str:
    """One line for progress and errors."""
    return f"{p.id} {p.what} {dtype}"


def contenders(p: Problem, dtype: str) -> dict[str, Call]:
    """What is to be timed, by contender."""
    return {who: peer(p, dtype) for who, peer in PEERS.items() if who not in p.without}


def memories(who: str, chosen: Sequence[int]) -> dict[tuple[int, str], int | None]:
    """Of one contender, for the places of problems in `PROBLEMS`: bytes beside the arguments, by dtype."""
    return {
        (k, dtype): growth(PEERS[who](PROBLEMS[k], dtype))
        for k, dtype in itertools.product(chosen, DTYPES)
        if who not in PROBLEMS[k].without
    }


def measure(
    rounds: int,
    seconds: float = 0.005,
    chosen: Sequence[int] = range(len(PROBLEMS)),
    progress: Callable[[str], None] = lambda line: None,
) -> Iterator[Finding]:
    """One finding per problem, dtype and contender: seconds per call, and bytes.  Raises Disagreement."""
    memory = {}
    for who in PEERS:
        progress(f"memory of {who}")
        memory[who] = alone(memories, who, [*chosen])
    for k, dtype in itertools.product(chosen, DTYPES):
        p = PROBLEMS[k]
        progress(describe(p, dtype))
        calls = contenders(p, dtype)
        check_agreement(p, dtype, calls)
        given = sum(a.nbytes for a in p.arrays(dtype)[0].values())
        for who, times in take_turns(calls, rounds, seconds).items():
            more = {"given": given, "memory": memory[who][k, dtype], "seconds": [float(f"{t:.4g}") for t in times]}
            yield Finding("size", p.id, p.what, dtype=dtype, side=who, more=more)
