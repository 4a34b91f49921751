"""The comparison of trajectories: it accepts what only rounds differently and finds every planted error."""

import dataclasses
import types

import numpy as np
import pytest

from gradproof.evidence.verdicts import Verdict
from gradproof.training import paths as optimizer_paths
from gradproof.training import variants as optimizer_variants
from gradproof.training.paths import Setting, apart, bounds, compare, follow, quadratic
from reference import CATALOGUE
from reference.updates.steps import each_parameter

DTYPES = ("float32", "float64")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(optimizer_paths, "STEPS", 40)


def side(**rules):
    """An oracle made of rules: update/NAME follows the rule given under NAME."""

    def trajectory(id, start, gradient, steps, **h):
        if id.split("/")[1] not in rules:
            raise LookupError(f"no {id} here")
        return follow(rules[id.split("/")[1]], start, gradient, steps, **h)

    return types.SimpleNamespace(trajectory=trajectory)


@each_parameter("m", "v")
def lerped_adam(w, g, t, m, v, *, eta, beta1, beta2, eps):
    """Adam with its operations in another order."""
    m = m + (1 - beta1) * (g - m)
    v = v * beta2 + (1 - beta2) * (g * g)
    denominator = np.sqrt(v) * (1 - beta2**t) ** -0.5 + eps
    return w - (eta / (1 - beta1**t)) * (m / denominator), m, v


def adam_with(**change):
    def planted(m_hat="m / (1 - beta1**t)", v_hat="v / (1 - beta2**t)", root="np.sqrt(v_hat) + eps", sign="-"):
        source = (
            "def rule(w, g, t, m, v, *, eta, beta1, beta2, eps):\n"
            "    m = beta1 * m + (1 - beta1) * g\n"
            "    v = beta2 * v + (1 - beta2) * g * g\n"
            f"    m_hat = {m_hat}\n    v_hat = {v_hat}\n"
            f"    return w {sign} eta * m_hat / ({root}), m, v\n"
        )
        scope = {"np": np}
        exec(source, scope)
        return each_parameter("m", "v")(scope["rule"])

    return planted(**change)


ADAM = Setting("update/adam")


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_order_of_operations_agrees(dtype):
    ours, theirs = compare(ADAM, "quadratic", dtype, {"other": side(adam=lerped_adam)})
    assert ours["verdict"] == "agrees"
    assert theirs["verdict"] == "agrees"
    assert 0 < theirs["ratio"] < 1


def test_the_same_code_is_exact():
    rows = compare(ADAM, "quadratic", "float64", {"other": side(adam=CATALOGUE["update/adam"].function)})
    assert rows[-1]["verdict"] == "exact"


PLANTS = {
    "m not corrected": {"m_hat": "m"},
    "v not corrected": {"v_hat": "v"},
    "corrected one step late": {"v_hat": "v / (1 - beta2**(t + 1))"},
    "uphill": {"sign": "+"},
    "no root": {"root": "v_hat + eps"},
    "off by a ten-thousandth": {"m_hat": "1.0001 * m / (1 - beta1**t)"},
}
SUBTLE = {
    "eps inside the root": {"root": "np.sqrt(v_hat + eps)"},
    "off by a billionth": {"m_hat": "1.000000001 * m / (1 - beta1**t)"},
}


@pytest.mark.parametrize("change", PLANTS.values(), ids=PLANTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_planted_error_is_unexplained(change, dtype):
    with np.errstate(all="ignore"):
        rows = compare(ADAM, "quadratic", dtype, {"other": side(adam=adam_with(**change))})
    assert rows[-1]["verdict"] == "unknown"
    assert rows[-1]["ratio"] > 1


@pytest.mark.parametrize("change", SUBTLE.values(), ids=SUBTLE)
def test_a_subtle_error_shows_in_float64(change):
    row = compare(ADAM, "quadratic", "float64", {"other": side(adam=adam_with(**change))})[-1]
    assert row["verdict"] == "unknown"


def test_a_nan_is_infinitely_far():
    a = [[np.array([1.0, 2.0])]]
    assert apart(a, [[np.array([1.0, np.nan])]], np.ones((1, 2))) == (np.inf, np.inf)
    assert apart(a, a, np.zeros((1, 2))) == (0.0, 0.0)
    assert apart(a, [[np.array([1.0, 2.5])]], np.zeros((1, 2)))[1] == np.inf


def test_what_a_side_does_not_offer_is_said():
    row = compare(ADAM, "quadratic", "float64", {"other": side()})[-1]
    assert row["verdict"] is None
    assert row["why"] == "no update/adam here"


@pytest.mark.parametrize(
    ("id", "who", "given", "problem"),
    [
        ("update/adagrad", "optax", {}, "quadratic"),
        ("update/amsgrad", "optax", {"bias_correction": True}, "quadratic"),
        ("update/radam", "torch", {"threshold": 5.0}, "quadratic"),
        ("update/nadam", "torch", {}, "quadratic"),
    ],
)
def test_a_known_choice_explains_exactly_itself(id, who, given, problem, monkeypatch):
    variant, verdict = optimizer_variants.VARIANTS[id, who]
    setting = Setting(id, 1e-4 if id == "update/radam" else 0.1, None, given)
    name = id.split("/")[1]
    row = compare(setting, problem, "float64", {who: side(**{name: variant})})[-1]
    assert (row["verdict"], row["why"]) == (verdict, variant.__doc__.splitlines()[0])
    assert row["ratio"] > 1
    stranger = compare(setting, problem, "float64", {"stranger": side(**{name: variant})})[-1]
    assert stranger["verdict"] == "unknown"


def test_a_bound_beyond_the_distance_moved_decides_nothing(monkeypatch):
    monkeypatch.setattr(optimizer_paths, "MEANINGFUL", 0.0)
    row = compare(ADAM, "quadratic", "float64", {"other": side(adam=lerped_adam)})[-1]
    assert Verdict(row["verdict"]) is Verdict.undefined


def test_an_error_in_our_own_rule_shows_against_its_extended_precision(monkeypatch):
    """The run in extended precision takes the same rule, so only what depends on the dtype can show here."""
    if np.finfo(np.longdouble).eps == np.finfo(np.float64).eps:
        pytest.skip("no wider type than float64 here")

    @each_parameter()
    def rounded_sgd(w, g, t, *, eta):
        return w - eta * g * (1 + 1e-9 * (getattr(w, "dtype", None) == np.float64 and isinstance(w, np.ndarray)))

    broken = dataclasses.replace(CATALOGUE["update/sgd"], function=rounded_sgd)
    monkeypatch.setitem(CATALOGUE, "update/sgd", broken)
    assert compare(Setting("update/sgd", 5e-5), "quadratic", "float64", {})[0]["verdict"] == "wrong"


def test_the_digits_are_fed_our_gradients_and_bounded_without_feedback():
    pytest.importorskip("sklearn")
    fed = []

    def trajectory(id, start, gradient, steps, **h):
        fed.extend(gradient(t, None) for t in range(steps))  # does not ask for the parameters
        return follow(lerped_adam, start, gradient, steps, **h)

    rows = compare(ADAM, "digits", "float32", {"other": types.SimpleNamespace(trajectory=trajectory)})
    assert len(fed) == 40
    assert [g.shape for g in fed[0]] == [(1210,)]
    assert [row["verdict"] for row in rows] == ["agrees", "agrees"]


def test_bounds_grow_with_the_precision_lost():
    start, gradient = quadratic("float32")
    step, h = CATALOGUE["update/adam"].function, ADAM.hyperparameters(0.01)
    single, _ = bounds(step, start, gradient, 20, "float32", **h)
    double, _ = bounds(step, start, gradient, 20, "float64", **h)
    coarse, _ = bounds(step, start, gradient, 20, "float32", scalars="float32", **h)
    assert (double < 1e-7 * single).all()
    assert coarse[0].max() > 10 * single[0].max()


def test_settings_spell_out_every_hyperparameter():
    setting = Setting("update/nadam", given={"momentum_decay": np.inf})
    assert setting.label == "momentum_decay = ∞"
    assert setting.hyperparameters(0.5) == {
        "eta": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": np.inf,
    }  # fmt: skip
