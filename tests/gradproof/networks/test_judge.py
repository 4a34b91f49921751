import math
import sys
import types

import numpy as np
import pytest
from plants import derivative, patch

from gradproof.evidence.environment import load
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.configurations import PARAMETERS, REGIMES, REGULARIZERS, by_id
from gradproof.networks.draws import Cases, draw
from gradproof.networks.errors import ELEMENT
from gradproof.networks.gradients import flat, functions, gradient
from gradproof.networks.judge import (
    Arbiter,
    Distance,
    distance,
    judge,
    slopes_at_kinks,
    unbounded,
    under_conventions_of,
)
from gradproof.networks.tolerance import NORM, Tolerance, propagate
from oracles import finite_difference as fd
from reference import CATALOGUE

U = 2.0**-53
TANH = "4-5-3/float64/tanh/sigmoid/squared_error"
LINEAR = "4-5-3/float64/identity/identity/squared_error"


def cases_of(x, y, W, b):
    """One case, float64, from lists without the leading axis."""
    return Cases(*(np.array([q], float) for q in (x, y)), *([np.array([q], float) for q in p] for p in (W, b)))


def plain(g):
    return g.cost, g.dW, g.db


def copied(g, *places):
    """The gradient with other entries of dW[0] and db[0] of the first case: (index of dW, index of db, value)."""
    other = g.cost, [w.copy() for w in g.dW], [q.copy() for q in g.db]
    for i, j, value in places:
        other[1][0][0][i], other[2][0][0, j] = value, value
    return other


def verdict(c, cases, oracle, other=None):
    """The verdict about `oracle` (or about the gradient `other`) on the first case, and the ruling if there was one."""
    g = gradient(c, cases)
    if other is None:
        other = oracle.network(cases.x, cases.y, cases.W, cases.b, *c.ids, PARAMETERS, ends=c.ends)
    t = propagate(g, cases, *c.formulas[:3], U)
    penalty = functions(c)[3](cases.W)
    verdicts, _, rulings = judge([c], cases, flat(plain(g)), flat(other), oracle, t, penalty, Arbiter(c, cases))
    return verdicts[0], rulings.get(0)


def ruled(c, cases, ours, other, t):
    """The arbiter's ruling on the first case."""
    p, q, sigma = (g.rows[0] for g in (flat(ours), flat(other), t.sigma))
    return Arbiter(c, cases).rule(0, c.regularizer, p, q, sigma, not t.correlated[0])


def with_slope(id, slope):
    """An oracle like the complex step, but with another slope of one formula at exactly 0."""

    def vjp(asked, arguments, v=None, **given):
        outputs, gradients = fd.vjp(asked, arguments, v, **given)
        if asked == id:
            gradients = {n: np.where(arguments[n] == 0, slope, g) for n, g in gradients.items()}
        return outputs, gradients

    module = types.ModuleType("framework")
    module.vjp = vjp
    return module


ONE_UNIT = cases_of([[1.0]], [[0.5]], [[[0.0]], [[1.0]]], [[0.0], [0.0]])  # hidden z is exactly 0


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
        assert apart.sigmas[0, 1] == apart.norm[0] == np.inf
        for correlated in (np.zeros(2, bool), np.ones(2, bool)):
            assert apart.of_two(correlated).tolist() == [False, True]


@pytest.mark.parametrize(
    ("sigmas", "norm", "independent", "correlated"),
    [(math.sqrt(2) * ELEMENT, math.sqrt(2) * NORM, True, True), (math.sqrt(2) * ELEMENT * 1.001, 0, False, True),
     (0, math.sqrt(2) * NORM * 1.001, False, True), (2 * ELEMENT, 99, False, True),
     (2 * ELEMENT * 1.001, 0, False, False)],
)  # fmt: skip
def test_two_variances_add_and_so_do_two_bounds(sigmas, norm, independent, correlated):
    apart = Distance(np.array([[0, sigmas, 0.0]]), np.array([norm]), np.zeros((1, 3)), np.zeros(1, bool))
    assert apart.of_two(np.array([False])).tolist() == [independent]
    assert apart.of_two(np.array([True])).tolist() == [correlated]


@pytest.mark.parametrize(
    ("factor", "expected"), [(1, Verdict.exact), (1 + 2 * U, Verdict.agrees), (1 + 1e-12, Verdict.inaccurate)]
)
def test_rounding_agrees_and_more_than_rounding_does_not(factor, expected):
    pytest.importorskip("flint")
    c = by_id(f"{TANH}/l2")
    cases = draw(c, 0)
    g = gradient(c, cases)
    assert verdict(c, cases, fd, (g.cost, [w * factor for w in g.dW], g.db))[0] is expected


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
@pytest.mark.parametrize("slope", [-0.5, 0.5, 1.0, 1.5])
def test_another_slope_at_a_kink_is_a_convention_between_left_and_right_alone(hidden, slope):
    """An oracle that takes `slope` at exactly 0."""
    record = CATALOGUE[f"activation/{hidden}"]
    oracle = with_slope(record.id, slope)
    inside = 0 <= slope <= 1
    assert slopes_at_kinks(record.id, oracle) == ({0.0: (record.at(record.kinks[0].chosen), slope)} if inside else {})
    c = by_id(f"4-5-3/float64/{hidden}/identity/squared_error/none")
    g = gradient(c, ONE_UNIT)
    other = copied(g, ((0, 0), 0, slope * g.delta[1].item()))
    if inside:
        theirs = under_conventions_of(oracle, [c], ONE_UNIT, functions(c)[3](ONE_UNIT.W))
        assert np.array_equal(theirs.rows, flat(other).rows)
        assert verdict(c, ONE_UNIT, oracle, other) == (Verdict.convention, None)
        return
    pytest.importorskip("flint")
    found, ruling = verdict(c, ONE_UNIT, oracle, other)
    assert found is Verdict.inaccurate
    assert ruling.ours == 0 < ruling.other


@pytest.mark.parametrize("slope", [-0.5, 1.5])
def test_our_own_slope_outside_left_and_right_is_not_excused(monkeypatch, slope):
    """Also where the oracle's choice differs from the one on record: that choice is not put in the place of ours."""
    pytest.importorskip("flint")
    derivative("activation/leaky_relu", lambda right, z: np.where(z == 0, slope, right))(patch(monkeypatch))
    c = by_id("4-5-3/float64/leaky_relu/identity/squared_error/none")
    assert verdict(c, ONE_UNIT, fd)[0] is Verdict.wrong  # finite_difference takes 1 there


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
def test_a_choice_at_a_kink_among_many_units_is_a_convention_too(hidden):
    """Our choice makes gradients exactly 0 or tiny, and their rounding error says nothing about the other choice."""
    pytest.importorskip("flint")
    c = by_id(f"4-5-3/float64/{hidden}/identity/squared_error/none")
    k = REGIMES.index("kink")
    met = [case for seed in range(20) if (gradient(c, case := draw(c, seed)[k : k + 1]).z[0] == 0).any()]
    assert len(met) > 5
    assert {verdict(c, case, fd)[0] for case in met} == {Verdict.convention}


def test_kinks_of_costs_and_regularizers_are_conventions_too():
    assert slopes_at_kinks("cost/l1", fd) == {0.0: (0, 1)}
    assert slopes_at_kinks("regularizer/l1", fd) == {0.0: (0, 0.0625)}
    assert slopes_at_kinks("cost/hinge", fd) == {}  # its kink is not in a − y: the exact gradient decides
    met = cases_of([[1.0], [2.0]], [[0.0], [1.0]], [[[0.0]], [[1.0]]], [[0.0], [0.0]])  # r = 0, −1; w = 0
    assert verdict(by_id("4-5-3/float64/identity/identity/l1/l1"), met, fd)[0] is Verdict.convention


@pytest.mark.parametrize(
    ("cost", "z", "y", "slope"),
    [("hinge", [1.0, 0.5], [1.0, 1.0], -0.25), ("quantile", [0.5, 0.0], [0.5, 1.0], 0.1),
     ("multi_margin", [1.0, 0.0], [1.0, 0.0], 0.5)],
)  # fmt: skip
def test_another_choice_where_a_cost_is_met_exactly_is_a_convention(cost, z, y, slope):
    """Within the slopes of both sides the exact gradient allows it; beyond them it does not."""
    pytest.importorskip("flint")
    c = by_id(f"4-5-3/float64/identity/identity/{cost}/none")
    case = cases_of([[1.0]], [y], [[[0.0], [0.0]]], [z])  # one layer, whose outputs are exactly z
    for choice, expected in ((slope, Verdict.convention), (2 * slope + 1, Verdict.inaccurate)):
        at = 1 if cost == "multi_margin" else 0
        places = [((at, 0), at, choice)]
        if at:  # what one score is pulled up, the label's is pulled down
            places.append(((0, 0), 0, -choice))
        assert verdict(c, case, fd, copied(gradient(c, case), *places))[0] is expected


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_framework_that_loses_the_tail_is_inaccurate_and_we_are_right(name):
    """At z = 38 both frameworks return σ(1 − σ) = 0; the truth is 3.1e-17."""
    pytest.importorskip(name)
    pytest.importorskip("flint")
    c = by_id("4-5-3/float64/identity/sigmoid/squared_error/none")
    found, ruling = verdict(c, cases_of([[1.0]], [[0.5]], [[[0.0]]], [[38.0]]), load(name))
    assert found is Verdict.inaccurate
    assert ruling.ours <= ELEMENT < ruling.other


def test_jax_takes_the_right_slope_of_leaky_relu():
    pytest.importorskip("jax")
    for hidden, expected in (("leaky_relu", Verdict.convention), ("relu", Verdict.exact)):
        c = by_id(f"4-5-3/float64/{hidden}/identity/squared_error/none")
        assert verdict(c, ONE_UNIT, load("jax"))[0] is expected


@pytest.mark.parametrize(
    ("output", "z", "unsaid"), [("sigmoid", -800.0, None), ("relu", -1.0, "logarithm of 0")], ids=["sigmoid", "relu"]
)
def test_the_logarithm_of_zero_is_undefined(output, z, unsaid):
    """The output is 0 in float64 and the target is 1; in exact arithmetic σ(−800) is not 0."""
    c = by_id(f"4-5-3/float64/identity/{output}/binary_cross_entropy/none")
    case = cases_of([[1.0]], [[1.0]], [[[0.0]]], [[z]])
    assert np.isinf(gradient(c, case).cost)
    other = gradients([100.0], [[[0]]], [[0]])  # as if the logarithm were clamped
    assert verdict(c, case, fd, other) == (Verdict.undefined, None)
    if unsaid:
        pytest.importorskip("flint")
        got = ruled(c, case, other, other, Tolerance(*other, np.zeros(1, bool), np.zeros(1, bool)))
        assert got.verdict is Verdict.undefined
        assert unsaid in got.reason


@pytest.mark.parametrize("missing", [True, False])
def test_where_nothing_decides_the_verdict_is_unknown(monkeypatch, missing):
    if missing:
        monkeypatch.setitem(sys.modules, "oracles.arb_truth", None)
        reason = "python-flint is not installed: nothing decides"
    else:
        pytest.importorskip("flint")
        from oracles import arb_truth

        def undecided(*args, **given):
            raise arb_truth.Undecided(reason)

        reason = "8192 bits do not decide"
        monkeypatch.setattr(arb_truth, "network", undecided)
    c = by_id(f"{TANH}/none")
    cases = draw(c, 0)
    g = gradient(c, cases)
    found, got = verdict(c, cases, fd, (g.cost, [2 * w for w in g.dW], g.db))
    assert (found, got.reason) == (Verdict.unknown, reason)


def test_the_truth_encloses_the_complex_step_and_is_worked_out_once_for_all_regularizers(monkeypatch):
    pytest.importorskip("flint")
    from oracles import arb_truth

    calls, network = [], arb_truth.network
    monkeypatch.setattr(arb_truth, "network", lambda *args, **given: calls.append(1) or network(*args, **given))
    c = by_id(f"{TANH}/none")
    one = draw(c, 0)[:1]
    arbiter = Arbiter(c, one)
    for regularizer in (*REGULARIZERS, *REGULARIZERS):
        low, high = arbiter.truth(0, regularizer)
        ids = c.hidden, c.output, c.cost, regularizer
        (got,) = flat(fd.network(one.x, one.y, one.W, one.b, *ids, PARAMETERS)).rows
        assert (low <= high).all()
        np.testing.assert_allclose([got, got], [low, high], rtol=0, atol=1e-14)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [(1, 1, Verdict.agrees), (1, 1 + 1e-9, Verdict.inaccurate), (1 + 1e-9, 1, Verdict.wrong),
     (1 + 1e-9, 1 + 1e-9, Verdict.wrong), (math.nan, 1, Verdict.wrong), (1, math.nan, Verdict.inaccurate),
     (math.inf, math.inf, Verdict.wrong)],
)  # fmt: skip
def test_whoever_is_off_the_truth_is_at_fault(ours, other, expected):
    pytest.importorskip("flint")
    c = by_id(f"{TANH}/l2")
    cases = draw(c, 0)
    g = gradient(c, cases)
    t = propagate(g, cases, *c.formulas[:3], U)
    scaled = [(g.cost, [f * w for w in g.dW], g.db) for f in (ours, other)]
    assert ruled(c, cases, *scaled, t).verdict is expected


@pytest.mark.parametrize(
    ("name", "W", "scale", "expected"),
    [("group_lasso", [[0.0, 0.0], [3.0, 4.0]], math.nan, Verdict.inaccurate),
     ("max_norm", [[0.0, 0.0], [3.0, 4.0]], math.nan, Verdict.inaccurate),
     ("spectral_norm", [[1.0, 1.0], [1.0, 1.0]], 1.5, Verdict.inaccurate),
     ("nuclear_norm", [[1.0, 1.0], [1.0, 1.0]], 1.5, Verdict.undefined)],
)  # fmt: skip
def test_norms_of_zeros_are_numbers_and_rank_1_has_a_spectral_but_no_nuclear_norm(name, W, scale, expected):
    pytest.importorskip("flint")
    c = by_id(f"{LINEAR}/{name}")
    case = cases_of([[1.0, 2.0]], [[0.5, 0.0]], [W], [[0.0, 1.0]])
    g = gradient(c, case)
    t = propagate(g, case, *c.formulas[:3], U)
    got = ruled(c, case, plain(g), (g.cost, [scale * w for w in g.dW], g.db), t)
    assert got.verdict is expected
    assert ("does not exist" in got.reason) == (expected is Verdict.undefined)
    assert expected is Verdict.undefined or got.ours <= ELEMENT


def test_one_infinite_error_leaves_the_case_without_bound():
    for quantity in range(3):
        arrays = [np.ones(2), np.ones((2, 1, 2)), np.ones((2, 1))]
        arrays[quantity][1, ...] = np.inf
        t = Tolerance(arrays[0], [arrays[1]], [arrays[2]], np.zeros(2, bool), np.zeros(2, bool))
        assert unbounded(t).tolist() == [False, True]
