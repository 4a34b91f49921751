"""The checkers check the configurations that the audit is given, and would notice a wrong gradient."""

import numpy as np
import pytest

pytest.importorskip("polars")  # of the audit

from benchmarks import checkers
from gradproof.networks.draws import ARCHITECTURES, REGULARIZERS, Configuration, draw
from gradproof.networks.judge import gradient

SMOOTH = Configuration(
    "2-3-2", "float64", "activation/tanh", "activation/identity", "cost/quadratic", "regularizer/none"
)


@pytest.mark.parametrize("architecture", checkers.SAMPLED)
def test_the_sample_is_four_pairs_with_all_regularizers(architecture):
    parts = checkers.sample(architecture)
    assert [part.hidden for part in parts] == list(checkers.HIDDEN)
    for part in parts:
        assert [c.regularizer for c in part.configurations] == list(REGULARIZERS)
        assert {(c.architecture, c.dtype) for c in part.configurations} == {(architecture, "float64")}
    assert len({(c.output, c.cost) for part in parts for c in part.configurations}) == 4
    assert parts == checkers.sample(architecture)


@pytest.mark.parametrize("c", [part.configurations[k] for k, part in enumerate(checkers.sample("4-5-3"))])
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
    monkeypatch.setitem(torch_autograd.ELEMENTWISE, "activation/tanh", WrongSlope.apply)
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
    monkeypatch.setitem(jax_grad.ELEMENTWISE, "activation/tanh", wrong)
    assert not checkers.jax_check_grads(SMOOTH, case)


def counted(part, seed, oracles, draws):
    return {"case": list(range(part.cases(draws)))}


def test_the_audit_counts_its_cases(monkeypatch):
    monkeypatch.setattr(checkers, "run_part", counted)
    for draws in (1, 3):
        regimes = len(ARCHITECTURES["digits"].regimes(draws))
        assert checkers.audit(checkers.sample("digits"), draws) == 4 * len(REGULARIZERS) * regimes


def test_measure_counts_cases_and_rounds(monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    seen = []
    monkeypatch.setattr(checkers, "run_part", counted)
    monkeypatch.setattr(checkers, "CHECKERS", {"counted": lambda c, case: seen.append((c.id, case.x)) or True})
    rows = list(checkers.measure(rounds=2, architectures=("4-5-3",)))
    assert [(row["who"], row["cases"], len(row["seconds"])) for row in rows] == [
        ("audit", 16 * (5 + checkers.DRAWS - 1), 2),
        ("one draw", 80, 2),
        ("counted", 16, 2),
    ]
    assert rows[0]["parameters"] == 43
    assert len(seen) == 16 * 3  # one call to warm up, then the rounds
    first = draw(next(c for part in checkers.sample("4-5-3") for c in part.configurations), checkers.SEED)
    assert np.array_equal(seen[0][1], first.x[0])
