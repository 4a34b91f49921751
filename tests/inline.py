"""The audit in this process: a pool that starts no process, and an oracle that needs no framework."""

import contextlib
from concurrent.futures import Future

import pytest

from gradproof.evidence import environment


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
    """Run the tasks of an audit in this process, where monkeypatching reaches them."""

    @contextlib.contextmanager
    def pool(jobs=0, log=""):
        yield Inline()

    monkeypatch.setattr("gradproof.executors.pool", pool)


def quicken(monkeypatch):
    """The network audit in this process, of one architecture, with the complex step in the place of torch."""
    pytest.importorskip("matplotlib")
    from gradproof.audit import run as audit
    from gradproof.networks import configurations

    run_inline(monkeypatch)
    monkeypatch.setitem(environment.ORACLES, "torch", "oracles.finite_difference")
    monkeypatch.setattr(configurations, "ARCHITECTURES", {"4-5-3": configurations.ARCHITECTURES["4-5-3"]})
    for module in (audit, environment):
        monkeypatch.setattr(module, "source_hash", lambda *packages: "as it is")  # parsing everything takes a second
