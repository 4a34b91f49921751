"""The update rules of the catalogue, and how a test runs one."""

import pytest

from reference import CATALOGUE

STEPS = [f for f in CATALOGUE.values() if f.kind == "update" and not f.name.startswith("clip")]
over_steps = pytest.mark.parametrize("record", STEPS, ids=lambda f: f.name)


def run(step, parameters, gradients, steps, **hyperparameters):
    state = None
    for _ in range(steps):
        parameters, state = step(parameters, gradients, state, **hyperparameters)
    return parameters, state
