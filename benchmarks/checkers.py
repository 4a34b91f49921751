"""Cases per second of the network audit against the frameworks' own gradient checkers, on the same configurations.

The audit compares cost and gradients of three implementations, judges them by propagated rounding error and decides
the rest by exact arithmetic; `gradcheck` and `check_grads` compare one implementation with finite differences. All of
them are warm: what JAX compiles once is compiled, and everything is imported.
"""

from __future__ import annotations

import itertools
import timeit
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gradproof.evidence.finding import Finding
from gradproof.networks.configurations import ARCHITECTURES, PARAMETERS, PRODUCTS, Configuration, configurations
from gradproof.networks.draws import Cases, draw
from gradproof.networks.run import measure as audited
from gradproof.workers import cache_folder

SAMPLED = ("2-3-2", "4-5-3", "deep", "digits")  # architectures
HIDDEN = ("activation/sigmoid", "activation/tanh", "activation/relu", "activation/gelu")  # in the order of the audit
SEED = 0
DRAWS = 256  # sane networks of each configuration that the audit takes at once

Check = Callable[[Configuration, Cases], bool]


def sample(architecture: str) -> list[Configuration]:
    """For each hidden activation, one output and cost with all four regularizers: float64, as gradcheck needs it.

    Outputs and costs are taken evenly from all that the audit compares for this architecture.
    """
    chosen: list[Configuration] = []
    every = [c for c in configurations(f"{architecture}/float64/*", ("float64",)) if c.product == PRODUCTS[0]]
    for k, hidden in enumerate(HIDDEN):
        pairs = list(dict.fromkeys((c.output, c.cost) for c in every if c.hidden == hidden))
        pair = pairs[(2 * k + 1) * len(pairs) // (2 * len(HIDDEN))]
        chosen += [c for c in every if c.hidden == hidden and (c.output, c.cost) == pair]
    return chosen


def audit(sampled: Sequence[Configuration], draws: int = DRAWS) -> int:
    """Audit all cases of the configurations as `gradproof audit --draws` does, in this process; the number of cases."""
    return sum(f.entries for f in audited(sampled, SEED, ("torch", "jax"), draws) if f.kind == "case")


def cost_by(
    c: Configuration,
    case: tuple[Any, Any],
    definitions: Mapping[str, Callable[..., Any]],
    cost_of_problems: Callable[..., Callable[..., Any]],
    affine: Callable[..., Any],
) -> Callable[..., Any]:
    """The cost of inputs and targets as a function of all weights, then all biases, in an oracle's own definitions."""
    hidden, output, penalty = (
        partial(definitions[id], **PARAMETERS.get(id, {})) for id in (c.hidden, c.output, c.regularizer)
    )
    end = cost_of_problems(c.cost, c.ends, **PARAMETERS.get(c.cost, {}))
    x, y = case

    def cost(*parameters: Any) -> Any:
        W, b = parameters[: len(parameters) // 2], parameters[len(parameters) // 2 :]
        a = x
        for w, bias in zip(W[:-1], b[:-1], strict=True):
            a = hidden(affine(a, w, bias))
        C = end(output(affine(a, W[-1], b[-1])), y)
        for w in W:
            C = C + penalty(w)
        return C

    return cost


def torch_cost(c: Configuration, case: Cases) -> tuple[Callable[..., Any], list[Any]]:
    """The cost as a function of weights and biases in torch's native functions, and these as tensors."""
    import torch
    import torch.nn.functional as F

    from oracles.torch_autograd import DEFINITIONS
    from oracles.torch_autograd.network import cost_of_problems

    given = torch.from_numpy(case.x), torch.from_numpy(case.y)
    cost = cost_by(c, given, DEFINITIONS, cost_of_problems, F.linear)
    return cost, [torch.from_numpy(q.copy()).requires_grad_() for q in (*case.W, *case.b)]


def torch_gradcheck(c: Configuration, case: Cases, fast_mode: bool = False) -> bool:
    """`torch.autograd.gradcheck` of one case."""
    import torch

    cost, parameters = torch_cost(c, case)
    return bool(torch.autograd.gradcheck(cost, parameters, fast_mode=fast_mode, raise_exception=False))


def torch_gradcheck_fast(c: Configuration, case: Cases) -> bool:
    """`torch.autograd.gradcheck(..., fast_mode=True)` of one case."""
    return torch_gradcheck(c, case, fast_mode=True)


def jax_check_grads(c: Configuration, case: Cases) -> bool:
    """`jax.test_util.check_grads(..., order=1, modes=["rev"])` of one case."""
    from jax.test_util import check_grads

    from oracles.jax_grad import DEFINITIONS
    from oracles.jax_grad.network import cost_of_problems

    cost = cost_by(c, (case.x, case.y), DEFINITIONS, cost_of_problems, lambda a, w, bias: a @ w.T + bias)
    try:
        check_grads(cost, (*case.W, *case.b), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


CHECKERS: dict[str, Check] = {
    "gradcheck": torch_gradcheck,
    "gradcheck fast": torch_gradcheck_fast,
    "check_grads": jax_check_grads,
}


def check_all(check: Check, cases: Sequence[tuple[Configuration, Cases]]) -> int:
    """Check every case; the number of cases, whatever the answers."""
    return len([check(c, case) for c, case in cases])


def measure(
    rounds: int, architectures: Sequence[str] = SAMPLED, progress: Callable[[str], None] = lambda line: None
) -> Iterator[Finding]:
    """One finding per architecture and contender: how many cases in how many seconds, one figure a round.

    The audit takes all cases of the sampled configurations, with many draws and with one; the checkers take the first
    case of each, which is Gaussian or real data: at a kink or a saturated unit finite differences mean nothing.
    """
    import torch

    from oracles import jax_grad

    torch.set_num_threads(1)
    jax_grad.cache_programs(str(cache_folder()))
    for architecture in architectures:
        sampled = sample(architecture)
        cases = [(c, draw(c, SEED)[0]) for c in sampled]
        work: dict[str, Callable[[], int]] = {
            "audit": partial(audit, sampled),
            "one draw": partial(audit, sampled, draws=1),
        }
        work |= {who: partial(check_all, check, cases) for who, check in CHECKERS.items()}
        counts: dict[str, int] = {}
        measured: dict[str, list[float]] = {}
        for who, f in work.items():
            progress(f"{architecture}: {who}")
            counts[who], measured[who] = f(), []
        for r, who in itertools.product(range(rounds), work):
            progress(f"{architecture}: {who}, round {r + 1}")
            measured[who].append(timeit.timeit(work[who], number=1))
        sizes = ARCHITECTURES[architecture].sizes
        parameters = sum((d_in + 1) * d_out for d_in, d_out in itertools.pairwise(sizes))
        for who, times in measured.items():
            seconds = [float(f"{t:.4g}") for t in times]
            more = {"architecture": architecture, "parameters": parameters, "cases": counts[who], "seconds": seconds}
            yield Finding("checking", "network/gradient", architecture, side=who, more=more)
