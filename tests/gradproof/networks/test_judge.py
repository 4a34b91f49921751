import math
import sys
import types

import numpy as np
import pytest

import oracles
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import judge as judging
from gradproof.networks.draws import REGIMES, Cases, by_id, draw
from gradproof.networks.judge import (
    Arbiter,
    Distance,
    distance,
    flat,
    gradient,
    judge,
    slopes_at_kinks,
    unbounded,
    under_conventions_of,
)
from gradproof.networks.tolerance import ELEMENT, NORM, Tolerance, propagate
from oracles import finite_difference as fd
from reference import CATALOGUE

U = 2.0**-53


@pytest.fixture(autouse=True)
def quiet():
    """The audit judges with floating-point warnings off: saturated and singular cases are meant to overflow."""
    with np.errstate(all="ignore"):
        yield


def cases_of(x, y, W, b):
    """One case, float64, from lists without the leading axis."""
    return Cases(*(np.array([q], float) for q in (x, y)), *([np.array([q], float) for q in p] for p in (W, b)))


def tolerance(c, cases, g):
    return propagate(g, cases.x, cases.y, cases.W, cases.b, *c.formulas[:3], U)


def plain(g):
    return g.cost, g.dW, g.db


def verdict(c, cases, oracle, other=None):
    """The verdict about `oracle` (or about the gradient `other`) on one case, and the ruling if there was one."""
    g = gradient(c, cases)
    if other is None:
        ids = c.hidden, c.output, c.cost, c.regularizer
        other = oracle.network(cases.x, cases.y, cases.W, cases.b, *ids)
    verdicts, _, rulings = judge(
        [c], cases, flat(plain(g)), flat(other), oracle, tolerance(c, cases, g), Arbiter(c, cases)
    )
    return verdicts[0], rulings.get(0)


def ruled(c, cases, ours, other, t):
    """The arbiter's ruling on the first case."""
    p, q, sigma = (g.rows[0] for g in (flat(ours), flat(other), t.sigma))
    return Arbiter(c, cases).rule(0, c.regularizer, p, q, sigma, not t.correlated[0])


def framework(**replaced):
    """An oracle like `finite_difference`, with other definitions of some activations: stands for a framework."""
    module = types.ModuleType("framework")
    for name in ("elementwise", "pullback", "cost", "regularizer"):
        setattr(module, name, getattr(fd, name))
    definitions = {f"activation/{name}": f for name, f in replaced.items()}

    def elementwise(id, z, **parameters):
        z = np.asarray(z)
        if id not in definitions:
            return fd.elementwise(id, z, **parameters)
        return definitions[id](z.astype(float)), fd.complex_step(definitions[id], z.astype(float))

    module.elementwise = elementwise
    return module


ONE_UNIT = cases_of([[1.0]], [[0.5]], [[[0.0]], [[1.0]]], [[0.0], [0.0]])  # hidden z is exactly 0


# ---------------------------------------------------------------- distances


def gradients(cost, dW, db):
    return np.array(cost, float), [np.array(dW, float)], [np.array(db, float)]


UNIT = Tolerance(np.ones(2), [np.ones((2, 1, 2))], [np.ones((2, 1))], np.zeros(2, bool), np.zeros(2, bool))
ZERO = gradients([0, 0], [[[0, 0]], [[0, 0]]], [[0], [0]])


def test_a_distance_is_counted_in_sigmas_per_case_and_quantity():
    other = gradients([1, 0], [[[2, -3]], [[0, 0]]], [[0], [5]])
    apart = distance(flat(other), flat(ZERO), UNIT)
    assert apart.sigmas.tolist() == [[1, 3, 0], [0, 0, 5]]
    assert apart.norm.tolist() == [math.sqrt(13 / 3), math.sqrt(25 / 3)]  # gradients only, over 3 entries
    assert apart.relative.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert apart.equal.tolist() == [False, False]


def test_equal_bits_are_at_no_distance_even_where_sigma_is_zero_or_values_are_not_finite():
    none = Tolerance(np.zeros(2), [np.zeros((2, 1, 2))], [np.zeros((2, 1))], UNIT.branch, UNIT.branch)
    same = gradients([np.nan, np.inf], [[[0, -0.0]], [[1, 2]]], [[-np.inf], [np.nan]])
    apart = distance(flat(same), flat(same), none)
    assert apart.equal.all()
    assert not apart.sigmas.any()
    assert not apart.norm.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_infinitely_far(bad):
    other = gradients([0, 0], [[[bad, 0]], [[0, 0]]], [[0], [0]])
    for apart in (distance(flat(ZERO), flat(other), UNIT), distance(flat(other), flat(ZERO), UNIT)):
        assert apart.sigmas[0, 1] == np.inf
        assert apart.norm[0] == np.inf
        assert apart.of_two(np.zeros(2, bool)).tolist() == [False, True]
        assert apart.of_two(np.ones(2, bool)).tolist() == [False, True]


def at(sigmas, norm):
    return Distance(np.array([[0, sigmas, 0.0]]), np.array([norm]), np.zeros((1, 3)), np.zeros(1, bool))


@pytest.mark.parametrize(
    ("sigmas", "norm", "independent", "correlated"),
    [
        (math.sqrt(2) * ELEMENT, math.sqrt(2) * NORM, True, True),
        (math.sqrt(2) * ELEMENT * 1.001, 0, False, True),
        (0, math.sqrt(2) * NORM * 1.001, False, True),
        (2 * ELEMENT, 99, False, True),
        (2 * ELEMENT * 1.001, 0, False, False),
    ],
)
def test_two_variances_add_and_so_do_two_bounds(sigmas, norm, independent, correlated):
    assert at(sigmas, norm).of_two(np.array([False])).tolist() == [independent]
    assert at(sigmas, norm).of_two(np.array([True])).tolist() == [correlated]


@pytest.mark.parametrize("quantity", range(3))
def test_one_infinite_error_leaves_the_case_without_bound(quantity):
    arrays = [np.ones(2), np.ones((2, 1, 2)), np.ones((2, 1))]
    arrays[quantity][1, ...] = np.inf
    t = Tolerance(arrays[0], [arrays[1]], [arrays[2]], np.zeros(2, bool), np.zeros(2, bool))
    assert unbounded(t).tolist() == [False, True]


# ---------------------------------------------------------------- the ladder


def test_equal_bits_are_exact():
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/none")
    cases = draw(c, 0)
    g = gradient(c, cases)
    assert verdict(c, cases, fd, plain(g)) == (Verdict.exact, None)


def test_rounding_agrees_and_more_than_rounding_does_not():
    pytest.importorskip("flint")
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/l2")
    cases = draw(c, 0)
    g = gradient(c, cases)
    for factor, expected in ((1 + 2 * U, Verdict.agrees), (1 + 1e-12, Verdict.inaccurate)):
        other = g.cost, [w * factor for w in g.dW], g.db
        assert verdict(c, cases, fd, other)[0] is expected


@pytest.mark.parametrize(("hidden", "slope"), [("relu", 0.3), ("relu", 1.0), ("leaky_relu", 1.0), ("leaky_relu", 0.5)])
def test_another_choice_at_a_kink_is_a_convention(hidden, slope):
    """Without a framework: one that returns `slope` at exactly 0."""
    right = fd.ELEMENTWISE[f"activation/{hidden}"]
    oracle = framework(**{hidden: lambda z: np.where(z.real == 0, slope * z, right(z))})
    c = by_id(f"4-5-3/float64/{hidden}/identity/mse/none")
    on_record = CATALOGUE[f"activation/{hidden}"].at(CATALOGUE[f"activation/{hidden}"].kinks[0].chosen)
    assert slopes_at_kinks(f"activation/{hidden}", oracle) == {0.0: (on_record, slope)}
    g = gradient(c, ONE_UNIT)
    other = g.cost, [slope * g.delta[1], g.dW[1]], [slope * g.delta[1][0], g.db[1]]
    assert np.array_equal(under_conventions_of(oracle, [c], ONE_UNIT).rows, flat(other).rows)
    assert verdict(c, ONE_UNIT, oracle, other) == (Verdict.convention, None)


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_a_choice_outside_left_and_right_is_not_excused(slope):
    pytest.importorskip("flint")
    oracle = framework(relu=lambda z: np.where(z.real == 0, slope * z, fd.ELEMENTWISE["activation/relu"](z)))
    c = by_id("4-5-3/float64/relu/identity/mse/none")
    assert slopes_at_kinks("activation/relu", oracle) == {}
    g = gradient(c, ONE_UNIT)
    other = plain(g)[0], [np.full((1, 1, 1), slope * g.delta[1].item()), g.dW[1]], [g.delta[1][0] * slope, g.db[1]]
    found, ruling = verdict(c, ONE_UNIT, oracle, other)
    assert found is Verdict.inaccurate
    assert ruling.ours == 0 < ruling.other


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_our_own_slope_outside_left_and_right_is_not_excused(monkeypatch, slope):
    """Also where the oracle's choice differs from the one on record: that choice is not put in the place of ours."""
    pytest.importorskip("flint")
    from dataclasses import replace

    record = CATALOGUE["activation/leaky_relu"]

    def wrong(z, negative_slope=0.01):
        value, right = record.function(z, negative_slope=negative_slope)
        return value, np.where(z == 0, slope, right)

    wrong.body = record.function.body
    monkeypatch.setitem(CATALOGUE, record.id, replace(record, function=wrong))
    c = by_id("4-5-3/float64/leaky_relu/identity/mse/none")
    assert verdict(c, ONE_UNIT, fd)[0] is Verdict.wrong  # finite_difference takes 1 there


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
def test_a_choice_at_a_kink_among_many_units_is_a_convention_too(hidden):
    """Our choice makes gradients exactly 0 or tiny, and their rounding error says nothing about the other choice."""
    pytest.importorskip("flint")
    c = by_id(f"4-5-3/float64/{hidden}/identity/mse/none")
    k = REGIMES.index("kink")
    drawn = [draw(c, seed) for seed in range(20)]
    met = [cases for cases in drawn if (gradient(c, cases).z[0][k] == 0).any()]
    assert len(met) > 5
    for cases in met:
        case = Cases(cases.x[k : k + 1], cases.y[k : k + 1], *([q[k : k + 1] for q in p] for p in (cases.W, cases.b)))
        assert verdict(c, case, fd)[0] is Verdict.convention


def test_kinks_of_costs_and_regularizers_are_conventions_too():
    assert slopes_at_kinks("cost/mae", fd) == {0.0: (0, 1)}
    assert slopes_at_kinks("regularizer/l1", fd) == {0.0: (0, 0.0625)}
    c = by_id("4-5-3/float64/identity/identity/mae/l1")
    met = cases_of([[1.0], [2.0]], [[0.0], [1.0]], [[[0.0]], [[1.0]]], [[0.0], [0.0]])  # r = 0, −1; w = 0
    other = fd.network(met.x, met.y, met.W, met.b, c.hidden, c.output, c.cost, c.regularizer, judging.PARAMETERS)
    assert verdict(c, met, fd, other)[0] is Verdict.convention


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_framework_that_loses_the_tail_is_inaccurate_and_we_are_right(name):
    """At z = 38 both frameworks return σ(1 − σ) = 0; the truth is 3.1e-17."""
    pytest.importorskip(name)
    pytest.importorskip("flint")
    from gradproof.evidence.environment import load

    c = by_id("4-5-3/float64/identity/sigmoid/mse/none")
    found, ruling = verdict(c, cases_of([[1.0]], [[0.5]], [[[0.0]]], [[38.0]]), load(name))
    assert found is Verdict.inaccurate
    assert ruling.ours <= ELEMENT < ruling.other


@pytest.mark.parametrize(("hidden", "expected"), [("leaky_relu", Verdict.convention), ("relu", Verdict.exact)])
def test_jax_takes_the_right_slope_of_leaky_relu(hidden, expected):
    pytest.importorskip("jax")
    from oracles import jax_grad

    assert verdict(by_id(f"4-5-3/float64/{hidden}/identity/mse/none"), ONE_UNIT, jax_grad)[0] is expected


def test_an_infinite_cost_is_undefined():
    """σ(−800) is 0 in float64 and the target is 1: log 0."""
    c = by_id("4-5-3/float64/identity/sigmoid/bce/none")
    case = cases_of([[1.0]], [[1.0]], [[[0.0]]], [[-800.0]])
    assert np.isinf(gradient(c, case).cost)
    other = np.array([100.0]), [np.zeros((1, 1, 1))], [np.zeros((1, 1))]  # as if the logarithm were clamped
    assert verdict(c, case, fd, other) == (Verdict.undefined, None)


def ruling(c, case, other):
    """What the arbiter says of one case, whatever the distances."""
    t = Tolerance(np.ones(1), [np.ones_like(w) for w in case.W], [np.ones_like(q) for q in case.b],
                  np.zeros(1, bool), np.zeros(1, bool))  # fmt: skip
    return ruled(c, case, other, other, t)


def test_the_logarithm_of_zero_has_no_truth_either():
    pytest.importorskip("flint")
    c = by_id("4-5-3/float64/identity/relu/bce/none")  # not in the audit: its output may be exactly 0
    case = cases_of([[1.0]], [[1.0]], [[[0.0]]], [[-1.0]])
    got = ruling(c, case, gradients([0], [[[0]]], [[0]]))
    assert got.verdict is Verdict.undefined
    assert "logarithm of 0" in got.reason


def test_an_undecided_truth_is_unknown(monkeypatch):
    pytest.importorskip("flint")
    from oracles.arb_truth import network as arb_network

    def undecided(*args, **kwargs):
        raise arb_network.Undecided("8192 bits do not decide")

    monkeypatch.setattr(arb_network, "truth", undecided)
    got = ruling(by_id("4-5-3/float64/tanh/relu/mse/none"), ONE_UNIT, gradients([0], [[[0]]], [[0]]))
    assert got.verdict is Verdict.unknown
    assert got.reason == "8192 bits do not decide"


def test_without_flint_nothing_decides(monkeypatch):
    monkeypatch.delattr(oracles, "arb_network", raising=False)
    monkeypatch.setitem(sys.modules, "oracles.arb_truth.network", None)
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/none")
    cases = draw(c, 0)
    g = gradient(c, cases)
    found, got = verdict(c, cases, fd, (g.cost, [2 * w for w in g.dW], g.db))
    assert found is Verdict.unknown
    assert got.reason == "python-flint is not installed: nothing decides"


# ---------------------------------------------------------------- the truth


def with_truth(c, cases, k=0):
    pytest.importorskip("flint")
    return Arbiter(c, cases).truth(k, c.regularizer)


@pytest.mark.parametrize("regularizer", ["none", "l2", "l1", "elastic_net"])
def test_the_truth_encloses_the_complex_step(regularizer):
    c = by_id(f"4-5-3/float64/tanh/sigmoid/mse/{regularizer}")
    cases = draw(c, 0)
    low, high = with_truth(c, cases)
    C, dW, db = fd.network(cases.x[:1], cases.y[:1], [w[:1] for w in cases.W], [q[:1] for q in cases.b],
                           c.hidden, c.output, c.cost, c.regularizer, judging.PARAMETERS)  # fmt: skip
    (got,) = flat((C, dW, db)).rows
    assert (low <= high).all()
    np.testing.assert_allclose(got, low, rtol=0, atol=1e-14)
    np.testing.assert_allclose(got, high, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [(1, 1, Verdict.agrees), (1, 1 + 1e-9, Verdict.inaccurate), (1 + 1e-9, 1, Verdict.wrong),
     (1 + 1e-9, 1 + 1e-9, Verdict.wrong), (math.nan, 1, Verdict.wrong), (1, math.nan, Verdict.inaccurate),
     (math.inf, math.inf, Verdict.wrong)],
)  # fmt: skip
def test_whoever_is_off_the_truth_is_at_fault(ours, other, expected):
    pytest.importorskip("flint")
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/l2")
    cases = draw(c, 0)
    g = gradient(c, cases)
    t = tolerance(c, cases, g)
    scaled = [(g.cost, [f * w for w in g.dW], g.db) for f in (ours, other)]
    assert ruled(c, cases, *scaled, t).verdict is expected


def test_the_network_is_worked_out_once_for_all_regularizers(monkeypatch):
    pytest.importorskip("flint")
    from oracles.arb_truth import network as arb_network

    calls = []
    truth = arb_network.truth
    monkeypatch.setattr(arb_network, "truth", lambda *args, **given: calls.append(1) or truth(*args, **given))
    c = by_id("4-5-3/float64/tanh/sigmoid/mse/none")
    arbiter = Arbiter(c, draw(c, 0))
    for regularizer in ("none", "l2", "l1", "none"):
        arbiter.truth(1, f"regularizer/{regularizer}")
    assert len(calls) == 1


# ---------------------------------------------------------------- costs of several inputs, penalties on matrices


def one_output(cost, z, y):
    """A network of one layer whose outputs are exactly z: its weights are zero and its biases are z."""
    z = np.array([z], float)
    zero = np.zeros((1, z.shape[1], 1))
    c = by_id(f"4-5-3/float64/identity/identity/{cost}/none")
    return c, Cases(np.ones((1, 1, 1)), np.array([[y]], float), [zero], [z])


@pytest.mark.parametrize(
    ("cost", "z", "y", "slope"),
    [("hinge", [1.0, 0.5], [1.0, 1.0], -0.25), ("l1", [0.5, 0.0], [0.5, 1.0], 0.5),
     ("multi_margin", [1.0, 0.0], [1.0, 0.0], 0.5)],
)  # fmt: skip
def test_another_choice_where_a_cost_is_met_exactly_is_a_convention(cost, z, y, slope):
    """Within the slopes of both sides the exact gradient allows it; beyond them it does not."""
    pytest.importorskip("flint")
    c, case = one_output(cost, z, y)
    g = gradient(c, case)
    at = 1 if cost == "multi_margin" else 0
    for choice, expected in ((slope, Verdict.convention), (2 * slope + 1, Verdict.inaccurate)):
        other = g.cost, [w.copy() for w in g.dW], [q.copy() for q in g.db]
        other[1][0][0, at] = other[2][0][0, at] = choice
        if cost == "multi_margin":  # what one score is pulled up, the label's is pulled down
            other[1][0][0, 0] = other[2][0][0, 0] = -choice
        assert verdict(c, case, fd, other)[0] is expected


def test_no_slope_of_a_further_cost_is_put_into_ours():
    assert slopes_at_kinks("cost/hinge", fd) == {}


@pytest.mark.parametrize("name", ["group_lasso", "max_norm"])
def test_a_norm_of_zeros_that_is_no_number_is_inaccurate(name):
    pytest.importorskip("flint")
    c = by_id(f"4-5-3/float64/identity/identity/mse/{name}")
    case = cases_of([[1.0, 2.0]], [[0.5, 0.0]], [[[0.0, 0.0], [3.0, 4.0]]], [[0.0, 1.0]])
    g = gradient(c, case)
    other = g.cost, [w.copy() for w in g.dW], g.db
    other[1][0][0, 0] = np.nan
    found, ruling = verdict(c, case, fd, other)
    assert found is Verdict.inaccurate
    assert ruling.ours <= ELEMENT


@pytest.mark.parametrize(
    ("name", "expected"), [("nuclear_norm", Verdict.undefined), ("spectral_norm", Verdict.inaccurate)]
)
def test_a_matrix_without_full_rank_has_a_spectral_but_no_nuclear_norm(name, expected):
    pytest.importorskip("flint")
    c = by_id(f"4-5-3/float64/identity/identity/mse/{name}")
    case = cases_of([[1.0, 2.0]], [[0.5, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]], [[0.0, 1.0]])
    g = gradient(c, case)
    t = propagate(g, case.x, case.y, case.W, case.b, *c.formulas[:3], U)
    other = g.cost, [1.5 * w for w in g.dW], g.db
    got = ruled(c, case, plain(g), other, t)
    assert got.verdict is expected
    assert ("rank 1" in got.reason) == (name == "nuclear_norm")
