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
    """Run the audit's parts in this process, where monkeypatching reaches them."""

    @contextlib.contextmanager
    def pool(jobs=0):
        yield Inline()

    monkeypatch.setattr("gradproof.audit.run.pool", pool)


def quicken(monkeypatch):
    """The network audit in this process, of one architecture, with the complex step in the place of torch."""
    for package in ("polars", "matplotlib"):
        pytest.importorskip(package)
    from gradproof.audit import run as audit
    from gradproof.networks import run as networks
    from gradproof.networks.draws import ARCHITECTURES

    run_inline(monkeypatch)
    monkeypatch.setitem(environment.ORACLES, "torch", "oracles.finite_difference")
    monkeypatch.setattr("gradproof.networks.draws.ARCHITECTURES", {"4-5-3": ARCHITECTURES["4-5-3"]})
    for module in (networks, audit):
        monkeypatch.setattr(module, "source_hash", lambda *packages: "as it is")  # parsing everything takes a second
