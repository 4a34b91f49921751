"""Optimizers and clipping behind the face: fed with our gradients, by our names, nothing changed."""

import importlib
import math
import re

import numpy as np
import pytest
from oracle_cases import load

ROOMS = {"torch": "oracles.torch_autograd.updates", "jax": "oracles.jax_grad.updates"}
over_sides = pytest.mark.parametrize("side", ROOMS)

W, G = [np.array([1.0, -2.0]), np.array([[0.5]])], [np.array([0.25, 0.5]), np.array([[-1.0]])]
ADAM = {"eta": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
RMSPROP = {"eta": 0.1, "rho": 0.9, "mu": 0.0, "eps": 1e-8}
RULES = {
    "sgd": {"eta": 0.1},
    "sgd_l2": {"eta": 0.1, "lam": 0.5, "n": 4},
    "momentum": {"eta": 0.1, "mu": 0.9, "dampening": 0.0},
    "momentum_l2": {"eta": 0.1, "mu": 0.9, "lam": 0.5},
    "nesterov": {"eta": 0.1, "mu": 0.9},
    "sgdw": {"eta": 0.1, "mu": 0.9, "lam": 0.5},
    "adagrad": {"eta": 0.1, "eps": 1e-8, "initial": 0.1},
    "rmsprop": RMSPROP,
    "rmsprop_centered": RMSPROP,
    "adadelta": {"eta": 0.1, "rho": 0.9, "eps": 1e-6},
    "adam": ADAM,
    "adam_l2": {**ADAM, "lam": 0.5},
    "adamw": {**ADAM, "lam": 0.5},
    "amsgrad": {**ADAM, "bias_correction": True},
    "nadam": {**ADAM, "momentum_decay": 0.004},
    "radam": {**ADAM, "threshold": 5},
    "adamax": ADAM,
    "yogi": ADAM,
    "adabelief": ADAM,
    "adan": {**ADAM, "beta2": 0.875, "beta3": 0.9, "gamma": 0.125},
    "sign_sgd": {"eta": 0.1},
    "signum": {"eta": 0.1, "beta1": 0.9},
    "rprop": {"eta": 0.1, "eta_minus": 0.5, "eta_plus": 1.5, "smallest": 1e-3, "largest": 2.0},
    "lion": {"eta": 0.1, "beta1": 0.9, "beta2": 0.99, "lam": 0.5},
    "asgd": {"eta": 0.1, "lam": 0.5, "alpha": 0.75, "t0": 1.0},
    "lookahead": {"eta": 0.1, "alpha": 0.25, "period": 2},
    "schedule_free_sgd": {"eta": 0.1, "beta1": 0.9, "lam": 0.5},
    "schedule_free_adamw": {**ADAM, "lam": 0.5},
    "optimistic_gradient_descent": {"eta": 0.1, "alpha": 0.75, "optimism": 0.5},
    "optimistic_adam": {**ADAM, "alpha": 0.75, "optimism": 0.5},
    "ademamix": {**ADAM, "beta3": 0.999, "alpha": 3.0, "lam": 0.5},
    "simplified_ademamix": {**ADAM, "alpha": 3.0, "lam": 0.5},
    "adopt": ADAM,
    "acprop": ADAM,
    "sophia": {"eta": 0.1, "beta1": 0.9, "gamma": 0.5, "eps": 1e-3, "clip": 2.0, "lam": 0.5},
    "madgrad": {"eta": 0.1, "mu": 0.9, "eps": 1e-3},
    "cocob": {"eta": 0.5, "alpha": 3.0, "eps": 1e-3},
    "polyak_sgd": {"eta": 0.5, "value": 0.75, "lower": 0.25, "most": 0.5, "eps": 1e-3},
    "dog": {"eta": 0.5, "alpha": 0.25, "eps": 1e-3},
    "dowg": {"eta": 0.5, "initial": 0.25, "eps": 1e-3},
    "dadapt_adamw": {**ADAM, "d0": 0.25, "lam": 0.5},
    "prodigy": {**ADAM, "eps": 1e-3, "d0": 0.25, "coefficient": 2.0, "lam": 0.5},
    "momo": {"eta": 0.5, "beta1": 0.9, "value": 0.75, "lower": 0.25, "lam": 0.5},
    "momo_adam": {**ADAM, "value": 0.75, "lower": 0.25, "lam": 0.5},
    "sam": {"eta": 0.5, "radius": 0.25},
    "adafactor": {"eta": 0.1, "decay": 0.8, "eps": 1e-30, "least": 1e-3, "clip": 1.0, "lam": 0.5},
    "sm3": {"eta": 0.1, "beta1": 0.9, "eps": 1e-3},
    "muon": {
        "eta": 0.1,
        "mu": 0.9,
        "lam": 0.5,
        "a": 1.5,
        "b": -0.5,
        "c": 0.125,
        "eps": 1e-3,
        "iterations": 2,
        "nesterov": True,
        "adjust": "original",
    },
    "centralize": {"eta": 0.1},
    "clip_by_block_rms": {"eta": 0.1, "clip": 0.25},
    "normalize_by_update_norm": {"eta": 0.1, "eps": 0.25},
    "lars": {"eta": 0.1, "mu": 0.9, "lam": 0.5, "trust": 0.25, "eps": 0.1},
    "lamb": {**ADAM, "lam": 0.5},
    "novograd": {**ADAM, "lam": 0.5},
    "fromage": {"eta": 0.1, "least": 1e-3},
    "adaptive_clipping": {"eta": 0.1, "clip": 0.1, "eps": 1e-3},
}


def room(side):
    load(side)
    return importlib.import_module(ROOMS[side])


def constant(t, w):
    return G


# ---------------------------------------------------------------- steps


@over_sides
def test_plain_sgd_by_hand(side):
    path = room(side).trajectory("update/sgd", W, constant, 3, eta=0.5)
    assert [len(step) for step in path] == [2, 2, 2]
    np.testing.assert_array_equal(path[2][0], [1 - 0.375, -2 - 0.75])
    np.testing.assert_array_equal(path[2][1], [[2.0]])
    np.testing.assert_array_equal(W[0], [1.0, -2.0])
    np.testing.assert_array_equal(G[0], [0.25, 0.5])


@over_sides
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_gradient_sees_the_parameters_of_this_side(side, dtype):
    seen = []

    def gradient(t, w):
        seen.append((t, float(w[0][0])))
        return [w[0]]

    start = np.ones(1, "float32" if dtype == "bfloat16" else dtype)
    if dtype == "bfloat16":
        start = start.astype(pytest.importorskip("ml_dtypes").bfloat16)
    path = room(side).trajectory("update/sgd", [start], gradient, 3, eta=0.5)
    assert seen == [(0, 1.0), (1, 0.5), (2, 0.25)]
    assert path[-1][0].dtype == start.dtype


@over_sides
@pytest.mark.parametrize("name", RULES)
def test_a_step_of_the_face_is_the_step_of_a_trajectory(side, name):
    """Handed on from step to step with its accumulators, by the names of the record."""
    oracle, updates, id = load(side), room(side), f"update/{name}"
    given = {**RULES[name], "momentum_decay": math.inf} if (side, name) == ("jax", "nadam") else RULES[name]
    gradients = np.random.default_rng(0).standard_normal((3, 2, 2))
    start = np.array([[1.0, -2.0], [0.5, 3.0]])
    path, says = [], ""
    try:
        path = updates.trajectory(id, [start], lambda t, w: [gradients[t]], 3, **given)
    except LookupError as missing:
        says = str(missing)
        with pytest.raises(LookupError, match=re.escape(says)):
            oracle.vjp(id, {"w": start, "dC": gradients[0]}, **given)
    assert oracle.has(id) == ("native" if not says or "not in this version" in says else "")
    outputs = {"w": start}
    for t, ((expected,), dC) in enumerate(zip(path, gradients[: len(path)], strict=True), 1):
        outputs, none = oracle.vjp(id, {**outputs, "dC": dC}, t=t, **given)
        assert none == {}
        np.testing.assert_allclose(outputs["w"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("side", "id", "given", "says"),
    [
        ("torch", "update/lion", RULES["lion"], r"^torch\.optim has no lion$"),
        ("torch", "update/sgdw", RULES["sgdw"], "no sgdw"),
        ("torch", "update/unheard_of", {}, r"^torch\.optim has no unheard_of$"),
        ("jax", "update/unheard_of", {}, r"^optax has no unheard_of$"),
        ("torch", "update/amsgrad", {**ADAM, "bias_correction": False}, "always corrects the bias"),
        ("torch", "update/radam", {**ADAM, "threshold": 4.0}, "ρ > 5, not 4.0"),
        ("torch", "update/muon", RULES["muon"], "takes matrices alone"),
        ("jax", "update/muon", RULES["muon"], "what is no matrix to AdamW"),
        ("jax", "update/momentum", {"eta": 0.1, "mu": 0.9, "dampening": 0.5}, "no dampening"),
        ("jax", "update/nadam", {**ADAM, "momentum_decay": 0.004}, "no momentum schedule"),
    ],
)
def test_what_a_framework_does_not_offer(side, id, given, says):
    with pytest.raises(LookupError, match=says):
        room(side).trajectory(id, W, constant, 1, **given)
    with pytest.raises(LookupError, match=says):
        load(side).vjp(id, {"w": W[0], "dC": G[0]}, **given)


@over_sides
def test_what_a_step_lacks_or_does_not_keep_is_named(side):
    oracle, first = load(side), {"w": W[0], "dC": G[0]}
    with pytest.raises(LookupError, match="no 'q' is kept for update/adam"):
        oracle.vjp("update/adam", {**first, "q": G[0]}, **ADAM)
    with pytest.raises(TypeError, match="step 1 of update/adam needs dC"):
        oracle.vjp("update/adam", {"w": W[0]}, **ADAM)
    with pytest.raises(TypeError, match="step 2 of update/adam needs v"):
        oracle.vjp("update/adam", {**first, "m": G[0]}, t=2, **ADAM)


def test_what_an_old_optax_lacks_is_said(monkeypatch):
    optax = pytest.importorskip("optax")
    amsgrad = optax.amsgrad
    monkeypatch.setattr(optax, "amsgrad", lambda eta, beta1, beta2, eps: amsgrad(eta, beta1, beta2, eps))
    for ask in (
        lambda: room("jax").trajectory("update/amsgrad", W, constant, 1, **RULES["amsgrad"]),
        lambda: load("jax").vjp("update/amsgrad", {"w": W[0], "dC": G[0]}, **RULES["amsgrad"]),
    ):
        with pytest.raises(LookupError, match=r"not in this version: .*bias_correction_mu"):
            ask()


def test_the_precision_switch_is_put_back():
    jax = pytest.importorskip("jax")
    updates = room("jax")
    for dtype in (np.float32, np.float64):
        updates.trajectory("update/sgd", [np.ones(1, dtype)], lambda t, w: [w[0]], 1, eta=0.5)
        assert jax.config.jax_enable_x64


@pytest.mark.parametrize(
    ("side", "known", "value", "unknown", "title"),
    [
        ("torch", "adagrad", ("eps", 1e-10), "lion", r"torch\.optim\.SGD"),
        ("jax", "adam", ("b2", 0.999), "sgdw", r"optax\.sgd"),
    ],
)
def test_native_defaults_and_a_schedule(side, known, value, unknown, title):
    updates, w = room(side), [np.zeros(1)]
    path = updates.native_steps("update/sgd", w, lambda t, _: [np.ones(1)], 2, rates=[1.0, 0.25])
    np.testing.assert_array_equal(np.array(path).ravel(), [-1.0, -1.25])
    assert updates.defaults(f"update/{known}")[value[0]] == value[1]
    assert updates.defaults(f"update/{unknown}") == {}
    with pytest.raises(LookupError, match=f"{title} has no beta7"):
        updates.native_steps("update/sgd", w, constant, 1, beta7=1.0)
    with pytest.raises(LookupError, match=f"no {unknown}"):
        updates.native_steps(f"update/{unknown}", w, constant, 1)


# ---------------------------------------------------------------- clipping


@over_sides
def test_clipping_and_its_backward(side):
    oracle = load(side)
    g, v = {"g1": np.array([3.0]), "g2": np.array([4.0])}, {"g1": np.array([1.0]), "g2": np.array([2.0])}
    outputs, back = oracle.vjp("update/clip_by_norm", g, v, max_norm=1.0)
    np.testing.assert_allclose([outputs["g1"], outputs["g2"]], [[0.6], [0.8]], rtol=1e-6 if side == "torch" else 1e-15)
    np.testing.assert_allclose([back["g1"], back["g2"]], [[-0.064], [0.048]], rtol=1e-12)
    outputs, back = oracle.vjp("update/clip_by_value", g, v, max_value=3.5)
    assert [outputs["g1"], outputs["g2"], back["g1"], back["g2"]] == [3.0, 3.5, 1.0, 0.0]
    assert oracle.has("update/clip_by_norm") == "native"
    assert oracle.has("update/clip_by_norm", "g1") == ("composed" if side == "torch" else "native")
    assert [g["g1"], g["g2"]] == [3.0, 4.0]
