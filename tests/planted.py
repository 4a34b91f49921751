"""Wrong answers of ours, planted for one test: what a check must find before it is trusted."""

import dataclasses
import functools

from reference import CATALOGUE


def plant(monkeypatch, id, change):
    """Let what formula `id` answers go through `change`: (outputs, gradients) to others, and its cotangent last."""
    record = CATALOGUE[id]

    @functools.wraps(record.function)
    def wrong(*args, **given):
        return record.function(*args, **given)

    def vjp(arguments, cotangent=None, **parameters):
        return change(*record.vjp(arguments, cotangent, **parameters), cotangent)

    wrong.vjp = vjp
    monkeypatch.setitem(CATALOGUE, id, dataclasses.replace(record, function=wrong))


def scaled(factor):
    """Gradients times a factor."""
    return lambda outputs, gradients, _: (outputs, {name: factor * g for name, g in gradients.items()})
