"""A line of scalars is the same gradient as that of arrays, is taken only where it is as good, and gives way else."""

import ast
import dataclasses
import functools
import importlib
import math

import numpy as np
import pytest

from gradproof.networks.configurations import COSTS, FURTHER_COSTS, PARAMETERS
from reference import CATALOGUE, plan, straight
from reference.activations import identity, relu, sigmoid, silu, softmax, tanh
from reference.costs import cross_entropy_probabilities, quadratic
from reference.network import backprop, weight_gradient
from reference.straight import Lines, Unwritten, straight_line

SIZES, BATCH = (2, 3, 2), 3
ELEMENTWISE = [f.id for f in CATALOGUE.values() if f.kind == "activation" and f.elementwise]
TAKEN = ("", "probability", "distribution", "count")  # targets that rows of probabilities can be
ENDS = [f.id for f in map(CATALOGUE.get, (*COSTS, *FURTHER_COSTS))
        if f.function.form.plain and f.entries.get(f.target, "") in TAKEN]  # fmt: skip


def network(dtype=np.float64, size=1.0):
    """x, y, W and b of a tiny network."""
    rng = np.random.default_rng(0)
    x, *W = ((size * rng.standard_normal(s)).astype(dtype) for s in ((BATCH, 2), (3, 2), (2, 3)))
    b = [rng.standard_normal(d).astype(dtype) for d in (3, 2)]
    return x, rng.dirichlet(np.ones(2), BATCH).astype(dtype), W, b


def row(C, dW, db):
    return np.concatenate([np.ravel(q) for q in (C, *dW, *db)])


def asked(monkeypatch, activations, cost, dtype=np.float64):
    """The plan, and a list that has an entry for every time that arrays were asked."""
    calls = []

    def watched(sizes, activations, cost, by_arrays, n, flat):
        def counted(*given):
            calls.append(1)
            return by_arrays(*given)

        return straight_line(sizes, activations, cost, counted, n, flat)

    monkeypatch.setattr(importlib.import_module("reference.plan"), "straight_line", watched)
    return plan(SIZES, activations, cost, BATCH, dtype), calls


def as_backprop(found, given, activations, cost, tolerance):
    g = backprop(*given, activations, cost)
    expected = row(g.cost, g.dW, g.db)
    assert np.linalg.norm(row(found[0], *found[1]) - expected) <= tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("id", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_activation_inside(id, dtype):
    given, layers = network(dtype), [CATALOGUE[id].function, identity]
    found = plan(SIZES, layers, quadratic, BATCH, dtype)(*given)
    as_backprop(found, given, layers, quadratic, 1e-14 if dtype is np.float64 else 2e-6)
    assert {q.dtype for q in (found[0], *found[1].dW, *found[1].db)} == {np.dtype(dtype)}


@pytest.mark.parametrize("id", ENDS)
@pytest.mark.parametrize("reduction", ["batchmean", "mean", "sum"])
def test_every_cost_at_the_end_with_every_reduction(id, reduction):
    given = network()
    layers = [tanh, identity if CATALOGUE[id].domain[0] == "-oo" else softmax]
    cost = functools.partial(CATALOGUE[id].function, **{**PARAMETERS.get(id, {}), "reduction": reduction})
    as_backprop(plan(SIZES, layers, cost, BATCH, np.float64)(*given), given, layers, cost, 1e-13)


@pytest.mark.parametrize("cost", [quadratic, cross_entropy_probabilities])
@pytest.mark.parametrize("hidden", [sigmoid, relu, silu])
def test_what_is_usual_goes_without_arrays(monkeypatch, hidden, cost):
    gradient, calls = asked(monkeypatch, [hidden, identity], cost)
    as_backprop(gradient(*network()), network(), [hidden, identity], cost, 1e-14)
    assert not calls


@pytest.mark.parametrize(("hidden", "cost"), [(softmax, quadratic), (tanh, lambda a, y: quadratic.end(a, y, 0, {}))])
def test_what_cannot_be_written_goes_by_arrays(monkeypatch, hidden, cost):
    gradient, calls = asked(monkeypatch, [hidden, identity], cost)
    as_backprop(gradient(*network()), network(), [hidden, identity], cost, 1e-14)
    assert calls


def test_a_larger_network_goes_by_arrays(monkeypatch):
    monkeypatch.setattr(importlib.import_module("reference.plan"), "straight_line", lambda *given: pytest.fail("asked"))
    plan((2, 3, 2), [tanh, tanh], quadratic, 9, np.float64)  # 17·9 > 150


@pytest.mark.parametrize("size", [1.0, 10.0, 1000.0])
def test_learned_rows_keep_their_digits(size):
    """Where a class is all but certain, p − y cancels; what stands in the record does not."""
    x, _, W, b = network(size=size)
    given = x, np.eye(2)[[0, 1, 0]], W, b
    layers = [relu, identity]
    C, (dW, db) = plan(SIZES, layers, cross_entropy_probabilities, BATCH, np.float64)(*given)
    g = backprop(*given, layers, cross_entropy_probabilities)
    np.testing.assert_allclose(row(C, dW, db), row(g.cost, g.dW, g.db), rtol=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, 800.0, -800.0])
@pytest.mark.parametrize("where", ["x", "W", "b", "y"])
@pytest.mark.parametrize("cost", [quadratic, cross_entropy_probabilities])
def test_what_scalars_cannot_take_is_as_backprop_says(bad, where, cost):
    x, y, W, b = network()
    {"x": x, "y": y, "W": W[0], "b": b[1]}[where].flat[1] = bad
    gradient = plan(SIZES, [relu, identity], cost, BATCH, np.float64)
    with np.errstate(all="ignore"):
        if where == "y" and cost is cross_entropy_probabilities:  # such a target is none
            with pytest.raises(ValueError, match="y ="):
                backprop(x, y, W, b, [relu, identity], cost)
            if not np.isfinite(bad):
                with pytest.raises(ValueError, match="y ="):
                    gradient(x, y, W, b)
            return
        g = backprop(x, y, W, b, [relu, identity], cost)
        C, (dW, db) = gradient(x, y, W, b)
    np.testing.assert_allclose(row(C, dW, db), row(g.cost, g.dW, g.db), rtol=1e-9)


# ---------------------------------------------------------------- planted errors


@pytest.mark.parametrize("change", ["2*({})", "({}) + 0.0000001", "({})*(1 + exp(-100*z**2))", "erf({})"])
def test_a_record_that_is_off_is_not_written_out(monkeypatch, change):
    f = CATALOGUE["activation/tanh"]
    wrong = dataclasses.replace(f, numpy_form=change.format(f.numpy_form))
    monkeypatch.setattr(f.function, "formula", wrong)
    straight._good.cache_clear()
    gradient, calls = asked(monkeypatch, [tanh, identity], quadratic)
    as_backprop(gradient(*network()), network(), [tanh, identity], quadratic, 1e-14)
    assert calls
    straight._good.cache_clear()


@pytest.mark.parametrize("change", ["2*({})", "({}) + 0.0000001", "sign({})"])
@pytest.mark.parametrize("part", ["statement", "derivative"])
def test_a_cost_whose_record_is_off_is_not_written_out(monkeypatch, change, part):
    f = CATALOGUE["cost/quadratic"]
    monkeypatch.setattr(f.function, "formula", dataclasses.replace(f, **{part: change.format(getattr(f, part))}))
    straight._good_end.cache_clear()
    gradient, calls = asked(monkeypatch, [tanh, identity], quadratic)
    as_backprop(gradient(*network()), network(), [tanh, identity], quadratic, 1e-14)
    assert calls
    straight._good_end.cache_clear()


def test_the_equations_are_those_of_their_records(monkeypatch):
    """Another BP4 on record is another gradient: nothing of it is written a second time."""
    f = weight_gradient.formula
    before = plan(SIZES, [tanh, identity], quadratic, BATCH, np.float64)(*network())[1]
    monkeypatch.setattr(weight_gradient, "formula", dataclasses.replace(f, derivative=f"2*{f.derivative}"))
    _, (dW, db) = plan(SIZES, [tanh, identity], quadratic, BATCH, np.float64)(*network())
    np.testing.assert_allclose(dW[0], 2 * before.dW[0], rtol=1e-15)
    np.testing.assert_array_equal(db[0], before.db[0])


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize(
    ("text", "written", "lines"),
    [
        ("z + 0*z", "z", []),
        ("2*3*z/1", "(6 * z)", []),
        ("exp(-z)/(1 + exp(-z))", "(t0 / (1 + t0))", ["t0 = exp((-z))"]),
        ("Sum(v[i]*z, (i, 1, 3))", "t0", ["t0 = (((v1 * z) + (v2 * z)) + (v3 * z))"]),
        ("Piecewise((z, z > 0), (0, True))", "(z if (z > 0) else 0)", []),
        ("log(1 + z)", "t0", ["t0 = log1p(z)"]),
        ("KroneckerDelta(1, 2)*exp(z) + z", "z", []),
    ],
)
def test_an_expression_in_python(text, written, lines):
    out = Lines()
    assert out.write(text, {"z": "z", "v": lambda i: f"v{i}"}) == written
    assert out.lines == lines
    ast.parse("\n".join([*out.lines, written]))


@pytest.mark.parametrize("text", ["erf(z)", "w", "w[1]", "z % 2", "z.real", "f(z)(z)"])
def test_what_is_not_known_is_not_written(text):
    with pytest.raises(Unwritten):
        Lines().write(text, {"z": "z"})
