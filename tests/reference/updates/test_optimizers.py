"""The update rules: their records, values known in closed form, and the invariances they are chosen for."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from updates import FIRST, STEPS, Printed, letters, number, over_steps, run

from reference import CATALOGUE, updates
from reference.updates.optimizers import (
    adadelta,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    lion,
    momentum,
    nadam,
    nesterov,
    radam,
    rmsprop,
    rmsprop_centered,
    sgd,
    sgd_l2,
    sgdw,
)


def path(step, gradients, start=1.0, dtype=np.float64, **hyperparameters):
    """Parameter after each step, for one scalar gradient a step."""
    w, state, out = [np.full(1, start, dtype)], None, []
    for g in gradients:
        w, state = step(w, [np.full(1, g, dtype)], state, **hyperparameters)
        out.append(float(w[0][0]))
    return out


# The record says what the code does


def states(record, shape, seed):
    """Random gradients up to a step t, the state before it, and the gradient of that step."""
    rng = np.random.default_rng(seed)
    for steps in (0,) if record.id in FIRST else (0, 1, 2, 9):
        w, state = [rng.standard_normal(shape)], None
        for _ in range(steps):
            w, state = record.function(w, [rng.standard_normal(shape)], state)
        before = record.function.start(w) if state is None else state
        g = rng.standard_normal(shape)
        kept = {s: x[0] for s, x in before.items() if s != "t"}
        yield w, state, g, {**letters({"w": w[0], "dC": g, **kept}), **record.parameters, "t": steps + 1}


@over_steps
def test_the_statement_is_what_the_code_computes(record):
    printed = Printed(record)
    for w, state, g, values in states(record, printed.shape, 1):
        got = record.function(w, [g], state, **FIRST.get(record.id, {}))[0][0]
        for x, said in zip(got.ravel(), printed.new(values).ravel(), strict=True):
            assert abs(x - said) <= 1e-12 * (1 + abs(said))


@over_steps
def test_the_derivative_is_that_of_the_statement(record):
    if record.name == "adafactor":
        pytest.skip("too long for SymPy: test_matrices evaluates it term by term")
    sympy, mpmath = pytest.importorskip("sympy"), pytest.importorskip("mpmath")
    printed, v = Printed(record), np.random.default_rng(4)
    claims = [*printed.slopes()][:2]
    with mpmath.workdps(40):
        for _, _, _, values in states(record, printed.shape, 2):
            values |= letters({"v": v.standard_normal(printed.shape)}) if "[" in record.arguments[0] else {}
            for statement, slope, by in claims:
                others = {s: sympy.Rational(float(values[s.name])) for s in statement.free_symbols - {by}}
                f = sympy.lambdify(by, statement.xreplace(others), "mpmath")
                numeric, said = mpmath.diff(f, mpmath.mpf(float(values[by.name]))), number(slope, values)
                assert abs(numeric - said) <= mpmath.mpf(10) ** -15 * (abs(said) + mpmath.mpf(10) ** -6)


@over_steps
def test_every_record_states_conventions_and_a_source(record):
    assert record.assumptions
    assert record.sources
    assert record.derivation


# Values known in closed form

ETA = 0.25  # exact, as are the gradients below


def test_sgd_is_one_multiple_of_the_gradient():
    assert path(sgd, [2.0, -4.0], eta=ETA) == [0.5, 1.5]


def test_sgd_l2_is_sgd_on_the_penalised_gradient():
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 50))
    decayed = sgd_l2([w], [g], eta=0.1, lam=0.3, n=7)[0][0]
    np.testing.assert_allclose(decayed, sgd([w], [g + 0.3 / 7 * w], eta=0.1)[0][0], rtol=1e-15, atol=1e-16)


def test_momentum_adds_a_geometric_series():
    assert path(momentum, [1.0] * 3, 0.0, eta=1.0, mu=0.5) == [-1.0, -2.5, -4.25]


def test_dampening_spares_the_first_gradient():
    assert path(momentum, [1.0] * 2, 0.0, eta=1.0, mu=0.5, dampening=0.5) == [-1.0, -2.0]


def test_nesterov_is_the_look_ahead_form():
    """θ, v of the paper: v ← μv − η∇f(θ + μv), θ ← θ + v; ours is θ + μv."""
    theta, v, h, eta, mu = 1.0, 0.0, 3.0, 0.1, 0.9
    w, state = [np.array([theta])], None
    for _ in range(30):
        w, state = nesterov(w, [h * w[0]], state, eta=eta, mu=mu)
        v = mu * v - eta * h * (theta + mu * v)
        theta += v
        assert math.isclose(w[0][0], theta + mu * v, rel_tol=1e-12, abs_tol=1e-14)


def test_sgdw_keeps_the_decay_out_of_the_velocity():
    w, state = run(sgdw, [np.array([1.0])], [np.array([0.0])], 3, eta=0.5, mu=0.9, lam=0.5)
    assert w[0][0] == 0.75**3
    assert state["b"][0][0] == 0


def test_adagrad_shrinks_like_one_over_the_root_of_t():
    moves = -np.diff([0.0, *path(adagrad, [3.0] * 9, 0.0, eta=1.0, eps=0.0)])
    np.testing.assert_allclose(moves, 1 / np.sqrt(np.arange(1, 10)), rtol=1e-14)


def test_adagrad_starts_its_sum_once():
    moves = -np.diff([0.0, *path(adagrad, [1.0] * 3, 0.0, eta=1.0, eps=0.0, initial=8.0)])
    np.testing.assert_allclose(moves, 1 / np.sqrt([9.0, 10.0, 11.0]), rtol=1e-14)


def test_rmsprop_first_step():
    assert math.isclose(path(rmsprop, [2.0], 0.0, eta=1.0, rho=0.75, eps=1.0)[0], -2 / (1 + 1))


def test_centered_rmsprop_is_the_textbook_variance():
    rng = np.random.default_rng(5)
    v = m = w = 0.0
    gradients = rng.standard_normal(60)
    for got, g in zip(path(rmsprop_centered, gradients, 0.0, eta=0.1, rho=0.9), gradients, strict=True):
        v, m = 0.9 * v + 0.1 * g * g, 0.9 * m + 0.1 * g
        w -= 0.1 * g / (math.sqrt(v - m * m) + 1e-8)
        assert math.isclose(got, w, rel_tol=1e-11)


def test_centered_rmsprop_survives_steady_gradients_where_the_textbook_variance_turns_negative():
    rho, g = np.float32(0.9), np.linspace(0.1, 4, 200, dtype=np.float32)
    v = m = np.zeros_like(g)
    w, state, lowest = [np.zeros_like(g)], None, np.inf
    for _ in range(300):
        v, m = rho * v + (1 - rho) * g * g, rho * m + (1 - rho) * g
        lowest = min(lowest, (v - m * m).min())
        w, state = rmsprop_centered(w, [g], state)
    assert lowest < 0
    assert (state["s"][0] >= 0).all()
    assert np.isfinite(w[0]).all()


def test_adadelta_first_step():
    w = path(adadelta, [2.0], 0.0, rho=0.75, eps=3.0)[0]
    assert math.isclose(w, -math.sqrt(3) / math.sqrt(4) * 2)


@pytest.mark.parametrize("step", [adam, adamw, adamax])
def test_the_first_step_is_eta_whatever_the_gradient(step):
    for g in (1e-3, 1.0, 1e5):
        assert math.isclose(path(step, [g], 0.0, eta=0.1, eps=0.0)[0], -0.1, rel_tol=1e-12)


def test_adam_of_a_steady_gradient_always_steps_by_eta():
    moves = np.diff([0.0, *path(adam, [0.5] * 50, 0.0, eta=0.1, eps=0.0)])
    np.testing.assert_allclose(moves, -0.1, rtol=1e-10)


def test_adamw_without_decay_is_adam_and_with_it_loses_eta_lambda_w():
    rng = np.random.default_rng(6)
    g = rng.standard_normal(20)
    assert path(adamw, g, lam=0.0) == path(adam, g)
    assert math.isclose(path(adamw, [0.0], 1.0, eta=0.5, lam=0.5)[0], 0.75)


def test_amsgrad_never_forgets_the_largest_gradient():
    _, state = run(amsgrad, [np.zeros(1)], [np.full(1, 10.0)], 1)
    peak = state["v_max"][0].copy()
    w = [np.zeros(1)]
    for _ in range(2000):
        w, state = amsgrad(w, [np.full(1, 1e-3)], state)
    assert state["v"][0] < peak == state["v_max"][0]


def test_amsgrad_with_bias_correction_is_adam_while_v_grows():
    g = np.linspace(1, 2, 20)
    np.testing.assert_allclose(path(amsgrad, g, bias_correction=True), path(adam, g), rtol=1e-14)


def test_nadam_with_constant_momentum():
    m = v = w = 0.0
    gradients = np.random.default_rng(7).standard_normal(30)
    for t, (got, g) in enumerate(
        zip(path(nadam, gradients, 0.0, eta=0.1, momentum_decay=math.inf), gradients, strict=True), 1
    ):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        m_hat = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
        w -= 0.1 * m_hat / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert math.isclose(got, w, rel_tol=1e-11)


@pytest.mark.parametrize(("threshold", "first"), [(4.0, 5), (5.0, 6)])
def test_radam_rectifies_from_its_threshold_on(threshold, first):
    moves = -np.diff([0.0, *path(radam, [3.0] * 8, 0.0, eta=1.0, threshold=threshold)])
    np.testing.assert_allclose(moves[: first - 1], 3.0, rtol=1e-12)
    assert (moves[first - 1 :] < 1).all()


def test_radam_becomes_adam():
    moves = -np.diff(path(radam, [0.5] * 20000, 0.0, eta=1.0))
    assert 0.999 < moves[-1] < 1


def test_lion_moves_by_eta_and_stands_still_at_zero():
    assert path(lion, [1e-30, -5.0, -5.0], 0.0, eta=ETA) == [-0.25, 0.0, 0.25]
    assert path(lion, [0.0], 1.0, eta=ETA) == [1.0]
    assert path(lion, [0.0], 1.0, eta=0.5, lam=0.5) == [0.75]


# Invariances

SCALE_FREE = [adagrad, rmsprop, rmsprop_centered, adam, adamw, amsgrad, nadam, adamax, lion]


@pytest.mark.parametrize("step", SCALE_FREE, ids=lambda f: f.formula.name)
@given(
    gradients=st.lists(st.floats(0.01, 100) | st.floats(-100, -0.01), min_size=1, max_size=12),
    k=st.integers(-20, 20),
)
def test_scaling_all_gradients_by_a_power_of_two_changes_no_bit(step, gradients, k):
    options = {"eps": 0.0} if "eps" in inspect.signature(step).parameters else {}
    with np.errstate(invalid="ignore"):
        scaled = path(step, [g * 2.0**k for g in gradients], **options)
    assert scaled == path(step, gradients, **options)


@over_steps
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8))
def test_mirrored_gradients_mirror_the_path(record, gradients):
    there = path(record.function, gradients, 0.5)
    back = path(record.function, [-g for g in gradients], -0.5)
    assert back == [-w for w in there]


@over_steps
def test_a_zero_gradient_at_the_start_moves_nothing_but_the_decay(record):
    w = path(record.function, [0.0], 1.0)[0]
    decay = record.parameters.get("lam", 0.0)
    shrunk = (1 + record.parameters["eta"] ** 2) ** -0.5 if record.name == "fromage" else 1.0
    assert w == pytest.approx(shrunk - record.parameters["eta"] * decay, abs=1e-15)


def test_the_catalogue_has_every_rule():
    assert {f.name for f in STEPS} == {name for name in updates.__all__ if hasattr(getattr(updates, name), "start")}
    assert all(CATALOGUE[f.id].function.formula is f for f in STEPS)
