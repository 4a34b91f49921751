"""Fixtures for tests of the audit: an oracle that needs no framework, and a pool that starts no process."""

import contextlib
import queue
from concurrent.futures import Future

import pytest

from gradproof import environment, workers


@pytest.fixture
def complex_step(monkeypatch):
    """The name of an oracle that is always there: `oracles.finite_difference`."""
    monkeypatch.setitem(environment.ORACLES, "complex_step", "oracles.finite_difference")
    return "complex_step"


class Inline:
    """An executor that runs everything at once, here."""

    def submit(self, function, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def run_inline(monkeypatch):
    """Run the audit's parts in this process, where monkeypatching reaches them."""

    @contextlib.contextmanager
    def pool(jobs=0):
        yield Inline(), channel

    channel = queue.SimpleQueue()
    monkeypatch.setattr(workers, "_queue", channel)
    monkeypatch.setattr("gradproof.networks.pool", pool)
    monkeypatch.setattr("gradproof.audit.pool", pool)


@pytest.fixture
def inline(monkeypatch):
    """`run_inline` for one test."""
    run_inline(monkeypatch)
