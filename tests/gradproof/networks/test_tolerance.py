import itertools
from dataclasses import replace

import numpy as np
import pytest

from gradproof.networks.draws import ARCHITECTURES, COSTS, ELEMENTWISE, PARAMETERS, Cases, Configuration
from gradproof.networks.ends import draw_targets
from gradproof.networks.judge import distance, gradient, unbounded
from gradproof.networks.tolerance import (
    COST_CURVATURES,
    ELEMENT,
    Tolerance,
    flat,
    propagate,
    repeated,
    slope_and_curvature,
    unit_roundoff,
    where_bounds,
    with_penalty,
)
from oracles import finite_difference as fd
from oracles.cost_arguments import ENDS
from reference import CATALOGUE

U = {"float32": 2.0**-24, "float64": 2.0**-53}
NETWORKS = [
    ("tanh", "sigmoid", "bce"),
    ("gelu", "softmax", "cross_entropy"),
    ("softplus", "identity", "mse"),
    ("silu", "log_softmax", "nll"),
    ("sigmoid", "identity", "softmax_cross_entropy"),
    ("gelu_tanh", "identity", "bce_logits"),
    ("tanh", "tanh", "huber"),
    ("relu", "identity", "quadratic"),
    ("elu", "identity", "mae"),
    ("leaky_relu", "softplus", "quadratic"),
    ("huber", "gelu", "mse"),
]
ENDINGS = [
    ("tanh", "sigmoid", "binary_cross_entropy"), ("relu", "softmax", "jensen_shannon"),
    ("tanh", "identity", "cross_entropy_labels"), ("gelu", "identity", "softmax_focal"),
    ("tanh", "identity", "poly_cross_entropy"), ("silu", "softplus", "poisson_nll_rate"),
    ("tanh", "identity", "poisson_nll"), ("relu", "identity", "hinge"), ("tanh", "tanh", "squared_hinge"),
    ("tanh", "sigmoid", "tversky"), ("elu", "identity", "sigmoid_focal"), ("tanh", "identity", "quantile"),
    ("tanh", "identity", "multi_margin"), ("tanh", "identity", "multilabel_margin"),
    ("tanh", "log_softmax", "kl_div"), ("tanh", "identity", "log_cosh"), ("tanh", "identity", "wasserstein_critic"),
]  # fmt: skip
SYNTHETIC = [a.name for a in ARCHITECTURES.values() if not a.data]


def configuration(architecture, dtype, hidden, output, cost, regularizer="none"):
    ids = f"activation/{hidden}", f"activation/{output}", f"cost/{cost}", f"regularizer/{regularizer}"
    return Configuration(architecture, dtype, *ids)


def random_cases(c, S, seed):
    """S networks of Gaussian parameters, with targets that every cost takes."""
    a, rng = ARCHITECTURES[c.architecture], np.random.default_rng(seed)
    W = [(rng.standard_normal((S, o, i)) / np.sqrt(i)).astype(c.dtype) for i, o in itertools.pairwise(a.sizes)]
    b = [(0.3 * rng.standard_normal((S, o))).astype(c.dtype) for o in a.sizes[1:]]
    x = rng.standard_normal((S, a.batch, a.sizes[0])).astype(c.dtype)
    if c.cost in ENDS:
        return Cases(x, draw_targets(c.cost, (S, a.batch, a.sizes[-1]), rng).astype(c.dtype), W, b)
    return Cases(x, rng.dirichlet(np.ones(a.sizes[-1]), (S, a.batch)).astype(c.dtype), W, b)


def in_float64(cases):
    return Cases(
        *(q.astype(float) for q in (cases.x, cases.y)), *([q.astype(float) for q in p] for p in (cases.W, cases.b))
    )


def tolerance(c, cases, g, p=2):
    return propagate(g, cases.x, cases.y, cases.W, cases.b, *c.formulas[:3], U[c.dtype], p)


def parts(g):
    return [g.cost, *g.dW, *g.db]


def test_unit_roundoff():
    for dtype, u in U.items():
        assert unit_roundoff(np.dtype(dtype)) == u
        one = np.dtype(dtype).type(1)
        assert one + np.dtype(dtype).type(u) == one < one + np.dtype(dtype).type(2 * u)


@pytest.fixture(scope="module")
def errors():
    """|float32 − float64|/e for every entry of many random networks, by σ (p = 2) and by bound (p = 1)."""
    ratios = {1: [], 2: []}
    for k, (names, architecture) in enumerate(itertools.product(NETWORKS, SYNTHETIC)):
        c = configuration(architecture, "float32", *names)
        cases = random_cases(c, 60, k)
        g, exact = gradient(c, cases), gradient(c, in_float64(cases))
        for p, found in ratios.items():
            t = tolerance(c, cases, g, p)
            for got, truth, e in zip(parts(g), parts(exact), parts(t), strict=True):
                found.append((np.abs(got - truth) / e)[~t.branch].ravel())
    return {p: np.concatenate(found) for p, found in ratios.items()}


@pytest.mark.parametrize("names", ENDINGS, ids="-".join)
@pytest.mark.parametrize("architecture", ["4-5-3", "wide"])
def test_neither_sigma_nor_the_bound_is_violated_by_a_further_cost(names, architecture):
    """Errors of the float32 gradient against that in float64, and few cases given up."""
    c = configuration(architecture, "float32", *names)
    cases = random_cases(c, 20, 1)
    g, exact = gradient(c, cases), gradient(c, in_float64(cases))
    for p, limit in ((1, 1), (2, ELEMENT)):
        t = tolerance(c, cases, g, p)
        assert t.branch.mean() <= 0.05
        ratios = [
            (np.abs(got - truth) / e)[~t.branch].ravel()
            for got, truth, e in zip(parts(g), parts(exact), parts(t), strict=True)
        ]
        assert max(r.max() for r in ratios) <= limit
        off = np.concatenate(ratios)  # a gradient that is made of ±1/n and 0 is often exact
        assert p == 1 or np.median(off[off > 0]) > 0.02


def test_sigma_is_not_violated(errors):
    assert len(errors[2]) > 100_000
    assert errors[2].max() < ELEMENT


def test_sigma_is_not_useless(errors):
    assert np.median(errors[2]) > 0.1


def test_the_bound_is_never_violated(errors):
    assert errors[1].max() <= 1


@pytest.mark.parametrize("architecture", SYNTHETIC)
def test_few_cases_are_given_up(architecture):
    """Only where rounding alone decides the side of a kink is there no bound."""
    for hidden in ("relu", "leaky_relu", "tanh"):
        c = configuration(architecture, "float32", hidden, "identity", "mse")
        cases = random_cases(c, 60, 0)
        t = tolerance(c, cases, gradient(c, cases))
        assert unbounded(t).mean() <= (0 if hidden == "tanh" else 0.02)


@pytest.mark.parametrize("names", [*NETWORKS, *ENDINGS], ids="-".join)
@pytest.mark.parametrize("architecture", ["4-5-3", "deep"])
def test_one_entry_off_by_1e_12_is_noticed(names, architecture):
    """In float64, in any entry that is not itself the small rest of large terms."""
    c = configuration(architecture, "float64", *names)
    cases = random_cases(c, 1, 7)
    g = gradient(c, cases)
    t = tolerance(c, cases, g)
    ours = flat((g.cost, g.dW, g.db))
    independent = np.zeros(1, bool)
    assert distance(ours, ours, t).of_two(independent).all()
    planted = 0
    for k, q in enumerate(parts(g)):
        for index in np.ndindex(q.shape):
            if abs(q[index]) > 0.1 * np.abs(q).max() > 0:
                other = [p.copy() for p in parts(g)]
                other[k][index] *= 1 + 1e-12
                L = len(g.dW)
                apart = distance(ours, flat((other[0], other[1 : L + 1], other[L + 1 :])), t)
                assert not apart.of_two(independent)[0], f"array {k}, entry {index}"
                planted += 1
    assert planted > 10


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_curvature_is_the_slope_of_the_slope(id):
    """Away from a jump of the slope and from one of the curvature (|z| = δ of huber, 0 of elu)."""
    z = np.linspace(-6, 6, 241)
    z = z[(np.abs(z) > 0.02) & (np.abs(np.abs(z) - 1) > 0.02)]
    h = 1e-5
    expected = (fd.elementwise(id, z + h)[1] - fd.elementwise(id, z - h)[1]) / (2 * h)
    slope, curvature = slope_and_curvature(CATALOGUE[id], z)
    assert np.array_equal(slope, CATALOGUE[id].function(z)[1])
    np.testing.assert_allclose(curvature, expected, rtol=1e-3, atol=1e-5)


def test_curvature_stays_on_its_side_of_a_kink():
    z = np.array([-1e-12, 0.0, 1e-12])
    assert np.array_equal(slope_and_curvature(CATALOGUE["activation/relu"], z)[1], [0, 0, 0])
    np.testing.assert_allclose(slope_and_curvature(CATALOGUE["activation/elu"], z[:1])[1], 1, rtol=1e-3)


@pytest.mark.parametrize("cost", sorted(COST_CURVATURES))
def test_cost_curvature_is_the_second_derivative_of_one_entry(cost):
    rng = np.random.default_rng(0)
    n, d = 3, 4
    a, y = rng.uniform(0.2, 0.8, (n, d)), rng.dirichlet(np.ones(d), n)
    got = np.asarray(COST_CURVATURES[cost](a, y)) / n * np.ones((n, d))
    h = 1e-5
    for i in np.ndindex(n, d):
        up, down = a.copy(), a.copy()
        up[i] += h
        down[i] -= h
        second = (fd.cost(cost, up, y)[1][i] - fd.cost(cost, down, y)[1][i]) / (2 * h)
        assert got[i] == pytest.approx(second, rel=1e-5, abs=1e-9)


def test_every_cost_has_its_curvature():
    assert {*COST_CURVATURES, "cost/softmax_cross_entropy"} == set(COSTS)


def one_unit(z, dtype="float64", x=1.0, w=0.0):
    """A 1-1-1 network whose hidden unit sees w·x + z."""
    one = np.ones((1, 1, 1), dtype)
    return Cases(x * one, 0 * one, [w * one, one], [np.full((1, 1), z, dtype), np.zeros((1, 1), dtype)])


def test_a_pre_activation_that_is_exact_decides_its_kink():
    """z = b where the weight is zero; with w·x in it, rounding decides, and the case is given up."""
    c = configuration("4-5-3", "float64", "relu", "identity", "mse")
    exact, rounded = one_unit(0.0), one_unit(-0.3, x=0.1, w=3.0)
    for cases, given_up in ((exact, False), (rounded, True)):
        t = tolerance(c, cases, gradient(c, cases))
        assert t.branch.tolist() == [given_up]
        assert unbounded(t).tolist() == [given_up]


def test_a_slope_without_jump_gives_nothing_up():
    """elu at 0 for α = 1: a kink on record where both slopes are 1."""
    c = configuration("4-5-3", "float64", "elu", "identity", "mse")
    cases = one_unit(-0.3, x=0.1, w=3.0)
    assert not tolerance(c, cases, gradient(c, cases)).branch.any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_infinite_slope_has_no_bound():
    c = configuration("4-5-3", "float64", "identity", "sigmoid", "bce")
    cases = one_unit(-800.0)  # a = e^(−800) is 0 in float64, and the target is 1
    cases = replace(cases, y=np.ones((1, 1, 1)))
    g = gradient(c, cases)
    assert np.isinf(g.cost)
    for p in (1, 2):
        assert unbounded(tolerance(c, cases, g, p)).all()


@pytest.mark.parametrize("p", [1, 2])
def test_a_penalty_brings_a_few_ulp_of_its_own(p):
    c = configuration("4-5-3", "float32", "tanh", "identity", "mse", "l2")
    cases = random_cases(c, 20, 0)
    g, exact = gradient(c, cases), gradient(c, in_float64(cases))
    penalty = CATALOGUE["regularizer/l2"].function(cases.W, **PARAMETERS["regularizer/l2"])
    before = tolerance(c, cases, g, p)
    after = with_penalty(before, g, penalty, U["float32"], p)
    for got, truth, e in zip(parts(g), parts(exact), parts(after), strict=True):
        assert (np.abs(got - truth) <= (1 if p == 1 else ELEMENT) * e).all()
    assert all((q >= e).all() for q, e in zip(parts(after), parts(before), strict=True))
    assert all(np.array_equal(q, e) for q, e in zip(after.db, before.db, strict=True))  # biases are not regularized
    none = with_penalty(before, g, CATALOGUE["regularizer/none"].function(cases.W), U["float32"], p)
    assert all(np.array_equal(q, e) for q, e in zip(parts(none), parts(before), strict=True))


@pytest.mark.parametrize("names", [*NETWORKS[:4], *ENDINGS[:4]], ids="-".join)
def test_each_case_has_its_own_p(names):
    """Bounds and variances of a mixed stack are those of cases that are all judged alike."""
    c = configuration("4-5-3", "float32", *names)
    cases = random_cases(c, 4, 5)
    g = gradient(c, cases)
    bounds, sigmas = tolerance(c, cases, g, 1), tolerance(c, cases, g, 2)
    penalty = CATALOGUE["regularizer/l1"].function(cases.W)
    p = np.array([1, 2, 2, 1])
    mixed = tolerance(c, cases, g, p)
    for which in (lambda t, p: t, lambda t, p: with_penalty(t, g, penalty, U["float32"], p)):
        found = zip(*(parts(which(t, k)) for t, k in ((mixed, p), (bounds, 1), (sigmas, 2))), strict=True)
        for got, bound, sigma in found:
            np.testing.assert_array_equal(got[[0, 3]], bound[[0, 3]])
            np.testing.assert_array_equal(got[1:3], sigma[1:3])


def test_symmetric_cases_are_judged_by_the_bound():
    x, no = np.array([80.0, 1.0]), np.zeros(2, bool)
    symmetric = np.array([True, False])
    t = where_bounds(
        Tolerance(x, [np.outer(x, np.ones(6)).reshape(2, 3, 2)], [np.outer(x, np.ones(3))], no, no), symmetric
    )
    for q in parts(t):
        assert (q[0] == 80 / ELEMENT).all()
        assert (q[1] == 1).all()
    assert np.array_equal(t.correlated, symmetric)
    twice = repeated(t, 2)
    for q, r in zip(parts(t), parts(twice), strict=True):
        assert np.array_equal(r, [*q, *q])
    assert np.array_equal(twice.correlated, [True, False, True, False])


@pytest.mark.parametrize("regime", ["zero", "equal"])
def test_errors_of_equal_units_stay_within_the_bound(regime):
    """There the errors of the units are the same ones: they add up, and σ would be too small for many of them."""
    c = configuration("wide", "float32", "tanh", "identity", "mse")
    cases = random_cases(c, 40, 3)
    for q in (cases.x, *cases.b, *(cases.W if regime == "equal" else ())):
        q[:] = 0 if regime == "zero" else q.reshape(40, -1)[:, 0].reshape(-1, *[1] * (q.ndim - 1))
    g, exact = gradient(c, cases), gradient(c, in_float64(cases))
    bound = tolerance(c, cases, g, 1)
    for got, truth, e in zip(parts(g), parts(exact), parts(bound), strict=True):
        assert (np.abs(got - truth) <= e).all()


def test_sigma_grows_with_the_unit_roundoff():
    """The same network, ten times the rounding error: ten times σ."""
    c = configuration("4-5-3", "float64", "tanh", "identity", "mse")
    cases = random_cases(c, 3, 0)
    g = gradient(c, cases)
    given = (g, cases.x, cases.y, cases.W, cases.b, *c.formulas[:3])
    for p in (1, 2):
        small, large = propagate(*given, 1e-9, p), propagate(*given, 1e-8, p)
        for q, r in zip(parts(small), parts(large), strict=True):
            np.testing.assert_allclose(r, 10 * q, rtol=1e-6)
