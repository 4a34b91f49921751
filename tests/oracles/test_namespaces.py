"""A function written once: balls, torch, JAX and the complex step say the same of it, and a wrong gradient is seen."""

import importlib
import time

import numpy as np
import pytest
from array_api_calls import CALLS, OPERATORS, X, Y
from users import CASES, attention, layer_norm, normal

pytest.importorskip("flint")

from oracles.arb_truth.namespace import pullback_of

SIDES = {
    "torch": "oracles.torch_autograd.namespace",
    "jax": "oracles.jax_grad.namespace",
    "complex step": "oracles.finite_difference.namespace",
}
TOLERANCE = 64  # ULP, each forgiven what half an ULP of the inputs does: some dozens of operations
over_cases = pytest.mark.parametrize("name", CASES)


def load(side):
    if side == "torch":
        pytest.importorskip("array_api_compat")
    pytest.importorskip(side if side != "complex step" else "numpy")
    return importlib.import_module(SIDES[side])


def question(name):
    """A case, and random cotangents of its outputs."""
    case, rng = CASES[name], np.random.default_rng(len(name))
    outputs = pullback_of(case.f, case.arguments, **case.options).outputs
    return case, {key: rng.standard_normal(y.truth.hi.shape) for key, y in outputs.items()}


def errors(truths, answers):
    assert truths.keys() == answers.keys()
    return max(float(np.max(truths[name].error(answers[name]))) for name in truths)


@over_cases
@pytest.mark.parametrize("side", SIDES)
def test_every_side_is_near_the_truth(name, side):
    oracle, (case, v) = load(side), question(name)
    truth = pullback_of(case.f, case.arguments, v, **case.options)
    outputs, gradients = oracle.pullback_of(case.f, case.arguments, v, **case.options)
    assert truth.vacuity > 1e-3
    assert not any(g.truth.undecided.any() for g in truth.gradients.values())
    assert errors(truth.outputs, outputs) < TOLERANCE
    assert errors(truth.gradients, gradients) < TOLERANCE
    assert all(x.dtype == np.float64 for x in (*outputs.values(), *gradients.values()))


REFUSED = {  # what a side has no derivative of
    "complex step": {
        *("atan2", "ceil", "copysign", "floor", "floor_divide", "remainder", "round", "trunc", "whole"),
    },
    "torch": {"floor_divide", "whole"},
    "jax": set(),
}


@pytest.mark.parametrize("side", SIDES)
def test_every_function_is_the_same_on_every_side(side):
    oracle, arguments, refused = load(side), {"x": X, "y": Y}, set()
    for name, f in {**CALLS, **OPERATORS}.items():
        v = np.random.default_rng(1).standard_normal(np.shape(f(np, X, Y)))
        try:
            outputs, gradients = oracle.pullback_of(f, arguments, v)
        except (ValueError, RuntimeError):
            refused.add(name)
            continue
        truth = pullback_of(f, arguments, v)
        assert errors(truth.outputs, outputs) < TOLERANCE, name
        assert errors(truth.gradients, gradients) < TOLERANCE, name
    assert refused == REFUSED[side]


@over_cases
def test_a_wrong_gradient_is_seen(name):
    """One entry that is off by a millionth, in each argument."""
    case, v = question(name)
    truth = pullback_of(case.f, case.arguments, v, **case.options).gradients
    for argument, right in truth.items():
        wrong = right.truth.hi.copy()
        wrong.flat[np.abs(wrong).argmax()] *= 1 + 1e-6
        assert np.max(right.error(wrong)) > TOLERANCE, argument


@pytest.mark.parametrize("side", SIDES)
def test_what_does_not_fit_is_refused(side):
    oracle = load(side)

    def f(xp, x, w):
        return xp.sum(x * w)

    with pytest.raises(TypeError, match="f needs w"):
        oracle.pullback_of(f, {"x": [1.0]})
    with pytest.raises(LookupError, match="'y'"):
        oracle.pullback_of(f, {"x": [1.0], "w": [2.0], "y": [1.0]})
    with pytest.raises(TypeError, match="no floating array"):
        oracle.pullback_of(f, {"x": [1], "w": [2]})
    with pytest.raises(ValueError, match="shape"):
        oracle.pullback_of(f, {"x": [1.0], "w": [2.0]}, [1.0, 2.0])


@pytest.mark.parametrize("side", SIDES)
def test_narrow_arguments_are_not_rounded_to_each_other(side):
    """float32 first, float64 next: each counts as it is."""
    x, w = np.float32([0.1, 0.7]), np.array([1 / 3, 2 / 3])
    _, gradients = load(side).pullback_of(lambda xp, x, w: xp.sum(x * w), {"x": x, "w": w})
    np.testing.assert_array_equal(gradients["x"], w)
    np.testing.assert_array_equal(gradients["w"], x.astype(np.float64))


def test_torch_keeps_its_default_dtype():
    torch, oracle = pytest.importorskip("torch"), load("torch")
    outputs, _ = oracle.pullback_of(lambda xp, x: x + xp.ones(2) / 3, {"x": [0.0, 0.0]})
    assert outputs["value"][0] == 1 / 3
    assert torch.get_default_dtype() == torch.float32


def test_a_truth_is_not_slow():
    """Layer norm in a part of 2 s, attention in a part of 10 s: this gives a busy machine time."""
    x, w = normal(4, 8), normal(8)
    start = time.process_time()
    pullback_of(layer_norm, {"x": x, "w": w, "b": w}, x)
    middle = time.process_time()
    q = normal(2, 4, 4)
    pullback_of(attention, {"q": q, "k": q + 0.1, "v": q - 0.3}, q)
    assert middle - start < 2
    assert time.process_time() - middle < 10
