"""The probes tell conventions apart: each is shown a side that does the other thing, and must say so."""

import functools
import math
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from gradproof.answers.variants import adagrad_eps_inside, amsgrad_corrected_first, radam_eps_first
from gradproof.conventions import updates as probes
from reference import CATALOGUE
from reference.updates.optimizers import adamax, adamw, amsgrad, momentum, nadam, rmsprop
from reference.updates.steps import each_parameter


def playing(step, **fixed):
    """A side with one rule, whose hyperparameters in `fixed` the probe cannot change."""
    record = SimpleNamespace(function=functools.partial(step, **fixed))

    def play(name, *how, **h):
        with mock.patch.dict(CATALOGUE, {f"update/{name}": record}):
            return probes.play_ours(name, *how, **h)

    return play


@each_parameter("v")
def rms_eps_inside(w, g, t, v, *, eta=1.0, eps=1e-8, rho=0.9):
    v = rho * v + (1 - rho) * g * g
    return w - eta * g / np.sqrt(v + eps), v


@each_parameter("b")
def velocity_with_eta(w, g, t, b, *, eta=1.0, mu=0.9, dampening=0.0):
    b = mu * b + eta * (1 - dampening) * g
    return w - b, b


@each_parameter()
def plain(w, g, t, *, eta=1.0, lam=0.0, share=1.0, up=False):
    return w + (eta * g if up else -eta * g) - share * lam * w


@each_parameter("v")
def centered_textbook(w, g, t, v, *, eta=1.0, rho=0.9):
    return w - eta * np.sqrt(-(g * g)), v


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("probe", "name", "play", "reading"),
    [
        (probes.where_eps_is, "rmsprop", playing(rmsprop), "√v + ε"),
        (probes.where_eps_is, "rmsprop", playing(rms_eps_inside), "√(v + ε)"),
        (probes.where_eps_is, "adagrad", playing(adagrad_eps_inside, initial=0.0), "√(v + ε)"),
        (probes.where_eps_is, "adagrad", playing(adagrad_eps_inside, initial=0.1), "√(v + ε)"),
        (probes.where_eps_is, "radam", playing(radam_eps_first), "√v + ε, v not corrected"),
        (probes.where_eps_is, "adamax", playing(adamax), "|g| + ε in the maximum"),
        (probes.initial_accumulator, "adagrad", playing(adagrad_eps_inside, initial=0.25), "0.25"),
        (probes.dampened_start, "momentum", playing(momentum), "no: b₁ = g"),
        (probes.dampened_start, "momentum", playing(velocity_with_eta), "yes: b₁ = (1 − τ)g"),
        (probes.where_eta_is, "momentum", playing(momentum), "outside: a new η acts on all of the velocity"),
        (probes.where_eta_is, "momentum", playing(velocity_with_eta), "inside: a new η acts on new gradients only"),
        (probes.amsgrad_maximum, "amsgrad", playing(amsgrad), "max v, never corrected"),
        (probes.amsgrad_maximum, "amsgrad", playing(amsgrad, bias_correction=True), "max v, corrected after"),
        (probes.amsgrad_maximum, "amsgrad", playing(amsgrad_corrected_first), "max v̂, corrected before"),
        (probes.nadam_schedule, "nadam", playing(nadam, momentum_decay=math.inf), "μₜ = β₁"),
        (probes.nadam_schedule, "nadam", playing(nadam), "μₜ = β₁(1 − ½·0.96^(t/250))"),
        (probes.decay_factor, "adamw", playing(adamw), "ηλw"),
        (probes.decay_factor, "adamw", playing(plain), "λw"),
        (probes.decay_factor, "adamw", playing(plain, share=1 / 3), "0.0333333"),  # unheard of: a number
        (probes.direction, "adamw", playing(adamw), "downhill"),
        (probes.direction, "adamw", playing(plain, up=True), "uphill"),
        (probes.steady_gradient, "rmsprop_centered", playing(centered_textbook), "NaN from step 1"),
        (probes.at_zero, "rmsprop", playing(rmsprop), "stays; NaN at ε = 0"),
    ],
)
def test_each_probe_reads_what_is_there(probe, name, play, reading):
    assert probe(name, play)[1] == reading


def test_the_name_of_a_rule_is_not_enough_to_answer():
    with pytest.raises(LookupError, match="sgd has no rho"):
        probes.play_ours("sgd", [1.0], rho=0.5)


@pytest.mark.parametrize("name", probes.EVERY)
def test_defaults_stand_beside_the_answers(name):
    found = probes.of(name, {})
    (given,) = (f.more["given"] for f in found if f.kind == "default")
    assert given == dict(CATALOGUE[f"update/{name}"].parameters)
    topics = {topic for topic, _, names in probes.QUESTIONS if name in names}
    assert {f.more["topic"] for f in found if f.kind == "convention"} == topics
