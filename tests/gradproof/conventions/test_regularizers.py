"""The probes tell conventions of regularizers apart: a side that does the other thing is read as such."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.conventions import regularizers as asked


def side(name, answer):
    """A side that does one thing, whatever it is asked: `answer` of the arrays and options."""

    def call(id, arguments, *cotangent, **options):
        return answer(*arguments.values(), **options)

    return SimpleNamespace(NAME=name, native=call, vjp=call)


def layer(change):
    return lambda w, b, lam: ({"w": change(lam, w), "b": 0 * b}, {})


@pytest.mark.parametrize(
    ("name", "topic", "who", "answer", "expected"),
    [
        ("l2", "factor", "torch", layer(lambda lam, w: lam * w), "½λw²"),
        ("l2", "factor", "torch", layer(lambda lam, w: 2 * lam * w), "λw²"),
        ("l2", "factor", "torch", layer(lambda lam, w: 3 * lam * w), "0.6"),
        ("l2", "biases", "torch", lambda w, b, lam: ({"w": lam * w, "b": lam * b}, {}), "decayed"),
        ("l2", "biases", "torch", layer(lambda lam, w: lam * w), "left alone"),
        ("spectral_norm", "power", "torch", lambda w: ({"value": np.float64(9)}, {}), "σ₁²"),
        ("entropy", "sign and reduction", "torch", lambda z: ({"value": np.ones(2)}, {}),
         "none: one number an example, 1, 1"),
        ("inverted_dropout", "kept entries", "torch", lambda a, rate: ({"value": a}, {}), "left as they are"),
        ("alpha_dropout", "dropped entries", "torch", lambda a, rate: ({"value": 0 * a}, {}), "0"),
        ("alpha_dropout", "kept entries", "torch", lambda a, rate: ({"value": a / 0.75}, {}), "divided by 1 − rate"),
        ("max_norm", "as a constraint: what is scaled", "torch", lambda w, limit: ({"w": w * limit / np.sqrt(26)}, {}),
         "all entries as one"),
        ("spectral_norm", "as a constraint: W = 0", "torch", lambda w: ({"w": w * np.nan}, {}), "NaN"),
        ("label_smoothing", "share of a class", "torch",
         lambda z, y, eps: ({}, {"z": np.array([[eps, -eps / 3, -eps / 3, -eps / 3]])}), "ε/(d − 1) to the others"),
        ("gradient_penalty", "factor", "ours", lambda x, W, b, **given: ({"value": 2.0}, {}),
         "½(‖∂a/∂x‖ − target)²"),
        ("l1", "gradient at a tie or a zero, λ = 1", "torch", lambda w, lam: ({}, {"w": -lam + w}), "(-1)"),
    ],
)  # fmt: skip
def test_each_probe_reads_what_is_there(name, topic, who, answer, expected):
    (probe,) = (p for p in asked.probes() if (p.id, p.topic) == (f"regularizer/{name}", topic))
    assert probe.ask(side(who, answer))[1] == expected
