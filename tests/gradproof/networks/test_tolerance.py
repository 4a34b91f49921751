import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest

from gradproof.networks import configurations as nets
from gradproof.networks.conditioning import certain
from gradproof.networks.configurations import Configuration, by_id, excluded
from gradproof.networks.draws import Cases, random_targets
from gradproof.networks.errors import ELEMENT, slope_and_curvature, unit_roundoff
from gradproof.networks.gradients import flat, gradient
from gradproof.networks.judge import distance, unbounded
from gradproof.networks.tolerance import Tolerance, propagate, repeated, where_bounds, with_penalty
from oracles import finite_difference as fd
from reference import CATALOGUE

SYNTHETIC = [a.name for a in nets.ARCHITECTURES.values() if not a.data]
SQUARED = "identity/squared_error/none"


def networks(cost, architecture, dtype):
    """Networks that end in a cost: each of its outputs after another hidden activation."""
    for k, output in enumerate(nets.OUTPUTS, [*nets.COSTS, *nets.FURTHER_COSTS].index(cost)):
        if not excluded(nets.ARCHITECTURES[architecture], output, cost):
            yield Configuration(architecture, dtype, nets.ELEMENTWISE[k % len(nets.ELEMENTWISE)], output, cost,
                                "regularizer/none")  # fmt: skip


def random_cases(c, S, seed):
    """S networks of Gaussian parameters."""
    a, rng = nets.ARCHITECTURES[c.architecture], np.random.default_rng(seed)
    W = [(rng.standard_normal((S, o, i)) / np.sqrt(i)).astype(c.dtype) for i, o in itertools.pairwise(a.sizes)]
    b = [(0.3 * rng.standard_normal((S, o))).astype(c.dtype) for o in a.sizes[1:]]
    x = rng.standard_normal((S, a.batch, a.sizes[0])).astype(c.dtype)
    y = random_targets(c.formulas[2].targets, (S, a.batch, a.sizes[-1]), rng).astype(c.dtype)
    return Cases(x, y, W, b)


def exactly(c, cases):
    """The gradient in float64."""
    x, y, *rest = (q.astype(float) for q in (cases.x, cases.y, *cases.W, *cases.b))
    L = len(cases.W)
    return gradient(c, Cases(x, certain(c.formulas[2], y), rest[:L], rest[L:]))


def tolerance(c, cases, g, p=2):
    return propagate(g, cases, *c.formulas[:3], unit_roundoff(np.dtype(c.dtype)), p)


def parts(g):
    return [g.cost, *g.dW, *g.db]


def ratios(g, exact, t):
    """|float32 − float64|/e of every entry of the cases that are not given up."""
    bounded = ~unbounded(t)
    off = [(np.abs(p - q)[bounded], e[bounded]) for p, q, e in zip(parts(g), parts(exact), parts(t), strict=True)]
    return np.concatenate([np.where(r == 0, 0, r / e).ravel() for r, e in off])


@functools.cache
def errors(cost, architecture):
    """Errors of float32 gradients against those in float64, in σ; none beyond the bound, and few cases given up."""
    found = []
    for c in networks(cost, architecture, "float32"):
        cases = random_cases(c, 10, 1)
        g, exact, t = gradient(c, cases), exactly(c, cases), tolerance(c, cases, gradient(c, cases))
        assert ratios(g, exact, tolerance(c, cases, g, 1)).max(initial=0) <= 1, c.id
        assert unbounded(t).mean() <= (0.02 if CATALOGUE[c.hidden].kinks else 0), c.id
        found.append(ratios(g, exact, t))
    return np.concatenate(found)


@pytest.mark.parametrize("cost", [*nets.COSTS, *nets.FURTHER_COSTS])
@pytest.mark.parametrize("architecture", SYNTHETIC)
def test_neither_sigma_nor_the_bound_is_violated(cost, architecture):
    off = errors(cost, architecture)
    assert off.max() <= ELEMENT
    assert np.median(off[off > 0]) > 0.02  # a gradient that is made of ±1/n and 0 is often exact


def test_sigma_is_not_useless():
    off = np.concatenate([errors(cost, architecture) for cost in nets.COSTS for architecture in SYNTHETIC])
    assert len(off) > 100_000
    assert np.median(off) > 0.1


@pytest.mark.parametrize("cost", [*nets.COSTS, *nets.FURTHER_COSTS])
@pytest.mark.parametrize("architecture", ["4-5-3", "deep"])
def test_one_entry_off_by_1e_12_is_noticed(cost, architecture):
    """In float64, in any entry that is not itself the small rest of large terms."""
    c = next(networks(cost, architecture, "float64"))
    cases = random_cases(c, 1, 7)
    g = gradient(c, cases)
    t, ours = tolerance(c, cases, g), flat((g.cost, g.dW, g.db))
    independent, planted, L = np.zeros(1, bool), 0, len(g.dW)
    assert distance(ours, ours, t).of_two(independent).all()
    for k, q in enumerate(parts(g)):
        for index in np.ndindex(q.shape):
            if abs(q[index]) > 0.1 * np.abs(q).max() > 0:
                other = [p.copy() for p in parts(g)]
                other[k][index] *= 1 + 1e-12
                apart = distance(ours, flat((other[0], other[1 : L + 1], other[L + 1 :])), t)
                assert not apart.of_two(independent)[0], f"{c.id}: array {k}, entry {index}"
                planted += 1
    assert planted > 10


@pytest.mark.parametrize("id", nets.ELEMENTWISE)
def test_curvature_is_the_slope_of_the_slope(id):
    """Away from a jump of the slope and from one of the curvature (|z| = δ of huber, 0 of elu)."""
    z = np.linspace(-6, 6, 241)
    z = z[(np.abs(z) > 0.02) & (np.abs(np.abs(z) - 1) > 0.02)]
    low, high = (fd.vjp(id, {"z": z + h})[1]["z"] for h in (-1e-5, 1e-5))
    slope, curvature = slope_and_curvature(CATALOGUE[id], z)
    assert np.array_equal(slope, CATALOGUE[id].function(z)[1])
    np.testing.assert_allclose(curvature, (high - low) / 2e-5, rtol=1e-3, atol=1e-5)


def test_curvature_stays_on_its_side_of_a_kink():
    z = np.array([-1e-12, 0.0, 1e-12])
    assert np.array_equal(slope_and_curvature(CATALOGUE["activation/relu"], z)[1], [0, 0, 0])
    np.testing.assert_allclose(slope_and_curvature(CATALOGUE["activation/elu"], z[:1])[1], 1, rtol=1e-3)


def one_unit(z, x=1.0, w=0.0):
    """A 1-1-1 network whose hidden unit sees w·x + z."""
    one = np.ones((1, 1, 1))
    return Cases(x * one, 0 * one, [w * one, one], [np.full((1, 1), z), np.zeros((1, 1))])


@pytest.mark.parametrize(
    ("hidden", "cases", "given_up"),
    [("relu", one_unit(0.0), False), ("relu", one_unit(-0.3, x=0.1, w=3.0), True),
     ("elu", one_unit(-0.3, x=0.1, w=3.0), False)],  # for α = 1 a kink on record where both slopes are 1
)  # fmt: skip
def test_a_pre_activation_that_is_exact_decides_its_kink(hidden, cases, given_up):
    """z = b where the weight is zero; with w·x in it, rounding decides, and the case is given up."""
    c = by_id(f"4-5-3/float64/{hidden}/{SQUARED}")
    t = tolerance(c, cases, gradient(c, cases))
    assert t.branch.tolist() == unbounded(t).tolist() == [given_up]


def test_an_infinite_slope_has_no_bound():
    c = by_id("4-5-3/float64/identity/sigmoid/binary_cross_entropy/none")
    cases = replace(one_unit(-800.0), y=np.ones((1, 1, 1)))  # a = e^(−800) is 0 in float64, and the target is 1
    g = gradient(c, cases)
    assert np.isinf(g.cost)
    for p in (1, 2):
        assert unbounded(tolerance(c, cases, g, p)).all()


@pytest.mark.parametrize("p", [1, 2])
def test_a_penalty_brings_a_few_ulp_of_its_own(p):
    c = by_id("4-5-3/float32/tanh/identity/squared_error/l2")
    cases = random_cases(c, 20, 0)
    g, u = gradient(c, cases), 2.0**-24
    assert u == unit_roundoff(np.dtype(c.dtype))
    before = tolerance(c, cases, g, p)
    after = with_penalty(before, g, CATALOGUE[c.regularizer].function(cases.W, **nets.PARAMETERS[c.regularizer]), u, p)
    assert ratios(g, exactly(c, cases), after).max() <= (1 if p == 1 else ELEMENT)
    assert all((q >= e).all() for q, e in zip(parts(after), parts(before), strict=True))
    assert all(np.array_equal(q, e) for q, e in zip(after.db, before.db, strict=True))  # biases are not regularized
    none = with_penalty(before, g, CATALOGUE["regularizer/none"].function(cases.W), u, p)
    assert np.array_equal(none.sigma.rows, before.sigma.rows)


@pytest.mark.parametrize("cost", [*nets.COSTS, *nets.FURTHER_COSTS])
def test_each_case_has_its_own_p_and_its_errors_grow_with_u(cost):
    """Bounds and variances of a mixed stack are those of cases that are all judged alike."""
    c = next(networks(cost, "4-5-3", "float32"))
    cases = random_cases(c, 4, 5)
    g, p = gradient(c, cases), np.array([1, 2, 2, 1])
    penalty = CATALOGUE["regularizer/l1"].function(cases.W)
    for which in (lambda t, p: t, lambda t, p: with_penalty(t, g, penalty, 2.0**-24, p)):
        mixed, bounds, sigmas = (which(tolerance(c, cases, g, k), k).sigma.rows for k in (p, 1, 2))
        np.testing.assert_array_equal(mixed, np.where(p[:, None] == 1, bounds, sigmas))
    if cost == "cost/squared_error":
        for k in (1, 2):
            small, large = (propagate(g, cases, *c.formulas[:3], u, k).sigma.rows for u in (1e-9, 1e-8))
            np.testing.assert_allclose(large, 10 * small, rtol=1e-6)


def test_symmetric_cases_are_judged_by_the_bound():
    x, no, symmetric = np.array([80.0, 1.0]), np.zeros(2, bool), np.array([True, False])
    dW, db = np.outer(x, np.ones(6)).reshape(2, 3, 2), np.outer(x, np.ones(3))
    t = where_bounds(Tolerance(x, [dW], [db], no, no), symmetric)
    assert all((q[0] == 80 / ELEMENT).all() and (q[1] == 1).all() for q in parts(t))
    twice = repeated(t, 2)
    assert all(np.array_equal(r, [*q, *q]) for q, r in zip(parts(t), parts(twice), strict=True))
    assert twice.correlated.tolist() == [True, False] * 2


@pytest.mark.parametrize("regime", ["zero", "equal"])
def test_errors_of_equal_units_stay_within_the_bound(regime):
    """There the errors of the units are the same ones: they add up, and σ would be too small for many of them."""
    c = by_id(f"wide/float32/tanh/{SQUARED}")
    cases = random_cases(c, 40, 3)
    for q in (cases.x, *cases.b, *(cases.W if regime == "equal" else ())):
        q[:] = 0 if regime == "zero" else q.reshape(40, -1)[:, 0].reshape(-1, *[1] * (q.ndim - 1))
    g = gradient(c, cases)
    assert ratios(g, exactly(c, cases), tolerance(c, cases, g, 1)).max() <= 1
