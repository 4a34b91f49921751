"""The checkers check the configurations that the audit is given, and would notice a wrong gradient."""

import numpy as np
import pytest

from benchmarks import checkers
from gradproof.evidence.finding import Finding
from gradproof.networks.configurations import ARCHITECTURES, REGULARIZERS, Configuration
from gradproof.networks.draws import draw
from gradproof.networks.gradients import gradient

SMOOTH = Configuration(
    "2-3-2", "float64", "activation/tanh", "activation/identity", "cost/quadratic", "regularizer/none"
)


@pytest.mark.parametrize("architecture", checkers.SAMPLED)
def test_the_sample_is_four_pairs_with_all_regularizers(architecture):
    sampled = checkers.sample(architecture)
    assert [(c.hidden, c.regularizer) for c in sampled] == [(h, r) for h in checkers.HIDDEN for r in REGULARIZERS]
    assert {(c.architecture, c.dtype) for c in sampled} == {(architecture, "float64")}
    assert len({(c.output, c.cost) for c in sampled}) == 4


@pytest.mark.parametrize("c", checkers.sample("4-5-3")[:: len(REGULARIZERS) + 1], ids=lambda c: c.id)
def test_torch_gets_the_cost_of_the_configuration(c):
    pytest.importorskip("torch")
    cases = draw(c, checkers.SEED)
    cost, parameters = checkers.torch_cost(c, cases[0])
    assert cost(*parameters).item() == pytest.approx(float(gradient(c, cases).cost[0]), rel=1e-12)


def test_torch_checks(monkeypatch):
    torch = pytest.importorskip("torch")
    from oracles import torch_autograd

    class WrongSlope(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return torch.tanh(z)

        @staticmethod
        def backward(ctx, v):
            return 0.99 * v

    case = draw(SMOOTH, checkers.SEED)[0]
    assert checkers.torch_gradcheck(SMOOTH, case)
    assert checkers.torch_gradcheck_fast(SMOOTH, case)
    monkeypatch.setitem(torch_autograd.DEFINITIONS, "activation/tanh", WrongSlope.apply)
    assert not checkers.torch_gradcheck(SMOOTH, case)
    assert not checkers.torch_gradcheck_fast(SMOOTH, case)


def test_jax_checks(monkeypatch):
    jax = pytest.importorskip("jax")
    from oracles import jax_grad

    @jax.custom_vjp
    def wrong(z):
        return jax.numpy.tanh(z)

    wrong.defvjp(lambda z: (wrong(z), None), lambda _, v: (0.5 * v,))
    case = draw(SMOOTH, checkers.SEED)[0]
    assert checkers.jax_check_grads(SMOOTH, case)
    monkeypatch.setitem(jax_grad.DEFINITIONS, "activation/tanh", wrong)
    assert not checkers.jax_check_grads(SMOOTH, case)


def counted(group, seed, oracles, draws):
    cases = len(ARCHITECTURES[group[0].architecture].regimes(draws))
    return [*(Finding("case", c.id, entries=cases) for c in group), Finding("disagreement", "cost/l1", entries=7)]


@pytest.mark.parametrize("draws", [1, 3])
def test_the_audit_counts_its_cases(monkeypatch, draws):
    monkeypatch.setattr(checkers, "audited", counted)
    regimes = len(ARCHITECTURES["digits"].regimes(draws))
    assert checkers.audit(checkers.sample("digits"), draws) == 4 * len(REGULARIZERS) * regimes


def test_measure_counts_cases_and_rounds(monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    seen = []
    monkeypatch.setattr(checkers, "audited", counted)
    monkeypatch.setattr(checkers, "CHECKERS", {"counted": lambda c, case: seen.append((c.id, case.x)) or True})
    found = list(checkers.measure(rounds=2, architectures=("4-5-3",)))
    assert [(f.side, f.more["cases"], len(f.more["seconds"])) for f in found] == [
        ("audit", 16 * (5 + checkers.DRAWS - 1), 2),
        ("one draw", 80, 2),
        ("counted", 16, 2),
    ]
    assert {(f.what, f.more["parameters"]) for f in found} == {("4-5-3", 43)}
    assert len(seen) == 16 * 3  # one call to warm up, then the rounds
    first = draw(checkers.sample("4-5-3")[0], checkers.SEED)
    assert np.array_equal(seen[0][1], first.x[0])
