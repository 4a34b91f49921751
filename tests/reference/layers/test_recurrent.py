"""Recurrent layers: many steps are one step many times, gates at their ends, and bad input."""

import numpy as np
import pytest

from reference.layers import gru, lstm, rnn

rng = np.random.default_rng(7)
T, n, d, m = 4, 2, 3, 5


def arrays(gates, *states):
    given = {"x": rng.standard_normal((T, n, d)), "h0": rng.standard_normal((n, m))}
    given |= {name: rng.standard_normal((n, m)) for name in states}
    return given | {"weight_x": rng.standard_normal((gates * m, d)), "weight_h": rng.standard_normal((gates * m, m))}


LAYERS = {
    "rnn": (rnn, arrays(1) | {"bias": rng.standard_normal(m)}, {}),
    "relu": (rnn, arrays(1), {"activation": "relu"}),
    "lstm": (lstm, arrays(4, "c0") | {"bias": rng.standard_normal(4 * m)}, {}),
    "gru": (gru, arrays(3) | {"bias_x": rng.standard_normal(3 * m), "bias_h": rng.standard_normal(3 * m)}, {}),
    "gru, reset before": (gru, arrays(3) | {"bias_h": rng.standard_normal(3 * m)}, {"reset_after": False}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_t_steps_are_one_step_t_times_there_and_back(name):
    layer, given, options = LAYERS[name]
    outputs, pullback = layer(**given, **options)
    v = [rng.standard_normal(y.shape) for y in outputs]
    whole = pullback(*v)
    states = [name for name in ("h0", "c0") if name in given]
    at, steps = {name: given[name] for name in states}, []
    for t in range(T):
        (y, *last), back = layer(**{**given, **at, "x": given["x"][t : t + 1]}, **options)
        np.testing.assert_allclose(y[0], outputs[0][t], rtol=1e-13)
        steps.append(back)
        at = dict(zip(states, last, strict=True))
    handed, total = v[1:], {name: 0.0 for name in given if name.startswith(("weight", "bias"))}
    for t in reversed(range(T)):
        g = steps[t](v[0][t : t + 1], *handed)
        np.testing.assert_allclose(g["x"][0], whole["x"][t], rtol=1e-12, atol=1e-13)
        handed = [g[name] for name in states]
        total = {name: total[name] + g[name] for name in total}
    for name, g in {**total, **dict(zip(states, handed, strict=True))}.items():
        np.testing.assert_allclose(g, whole[name], rtol=1e-11, atol=1e-12)


def test_open_and_closed_gates():
    """An LSTM that forgets nothing and takes nothing in keeps its cell; a GRU that updates nothing keeps its state."""
    given = {name: x if name[:2] in ("x", "h0", "c0") else 0 * x for name, x in LAYERS["lstm"][1].items()}
    bias = np.repeat([-800.0, 800.0, 0.0, 800.0], m)
    (_, h, c), pullback = lstm(**{**given, "bias": bias})
    np.testing.assert_array_equal(c, given["c0"])
    np.testing.assert_allclose(h, np.tanh(given["c0"]), rtol=1e-15)
    np.testing.assert_array_equal(pullback(None, None, np.ones((n, m)))["c0"], 1)
    given = {name: x if name[:2] in ("x", "h0") else 0 * x for name, x in LAYERS["gru"][1].items()}
    (_, h), pullback = gru(**{**given, "bias_x": np.repeat([0.0, 800.0, 0.0], m)})
    np.testing.assert_array_equal(h, given["h0"])
    np.testing.assert_array_equal(pullback(None, np.ones((n, m)))["h0"], 1)


def test_both_places_of_the_reset_gate_are_one_where_it_is_open():
    _, given, _ = LAYERS["gru"]
    open_gate = {**given, "bias_x": given["bias_x"] + np.repeat([800.0, 0.0, 0.0], m)}
    np.testing.assert_allclose(gru(**open_gate)[0][0], gru(**open_gate, reset_after=False)[0][0], rtol=1e-13)
    assert np.abs(gru(**given)[0][0] - gru(**given, reset_after=False)[0][0]).max() > 1e-3


@pytest.mark.parametrize(
    ("layer", "change", "message"),
    [
        ("rnn", {"x": np.ones((n, d))}, r"x has shape \(2, 3\); expected \(T steps, n, d\)"),
        ("rnn", {"x": np.ones((0, n, d))}, r"x has shape \(0, 2, 3\)"),
        ("rnn", {"h0": np.ones((3, m))}, r"h0 has shape \(3, 5\); expected \(2, m\)"),
        ("rnn", {"activation": "gelu"}, "activation = 'gelu' is not one of tanh, relu"),
        ("lstm", {"c0": np.ones((n, 1))}, r"c0 has shape \(2, 1\); expected \(2, 5\)"),
        ("lstm", {"weight_x": np.ones((3 * m, d))}, r"weight_x has shape \(15, 3\); expected \(20, 3\): 4 gates"),
        ("gru", {"weight_h": np.ones((3 * m, d))}, r"weight_h has shape \(15, 3\); expected \(15, 5\)"),
        ("gru", {"bias_h": np.ones(m)}, r"bias_h has shape \(5,\); expected \(15,\)"),
    ],
)
def test_what_does_not_fit_is_refused(layer, change, message):
    function, given, options = LAYERS[layer]
    with pytest.raises(ValueError, match=message):
        function(**{**given, **options, **change})
