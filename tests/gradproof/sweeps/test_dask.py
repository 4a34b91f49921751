"""A sweep over a Dask cluster of this computer: a worker that is killed costs nothing, and strangers are refused."""

import os
import signal
import socket

import pytest

from gradproof.lookup import UsageError
from gradproof.sweeps import run as sweeps
from gradproof.sweeps.run import Asked, run

pytest.importorskip("flint")
distributed = pytest.importorskip("distributed")

N = 1 << 15
SPANS = [(0x3F800000 + k * N, N) for k in range(30)]
TANH = Asked("activation/tanh", "float32", ("slope",), ("ours",))


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


def sweep(out, address, progress=lambda *_: None, **more):
    return run(out, TANH, progress, on=address.replace("tcp://", "dask://"), only=SPANS, **more)


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(cluster, tmp_path):
    killed = []

    def progress(name, done, total):
        if 3 <= done < total and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    found = sweep(tmp_path, cluster.scheduler_address, progress)
    assert killed
    assert [(f.entries, f.more["right"]) for f in found] == [(30 * N, 30 * N)]


@pytest.mark.parametrize("package", ["numpy", "gradproof"])
def test_another_version_on_a_worker_is_refused_and_named(cluster, tmp_path, monkeypatch, package):
    here = sweeps.about()
    monkeypatch.setattr(sweeps, "about", lambda: {**here, package: "0.0"})
    with pytest.raises(UsageError, match=rf"the worker on \S+ has {package} .* \(not 0\.0\); install the same on all"):
        sweep(tmp_path, cluster.scheduler_address)


def test_a_scheduler_that_dies_leaves_what_was_measured(tmp_path):
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:

        def progress(name, done, total):
            if 3 <= done < total:
                cluster.close()

        with pytest.raises(UsageError, match=r"a task failed \(.*\); go on from here with --resume"):
            sweep(tmp_path, cluster.scheduler_address, progress)
    kept = len(list((tmp_path / "sweeping").glob("*.jsonl")))
    assert 3 <= kept < len(SPANS)
    assert run(tmp_path, TANH, lambda *_: None, jobs=1, only=SPANS, resume=True)[0].entries == 30 * N


def test_who_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "WAIT", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"dask://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UsageError, match=f"--on {address}: no Dask scheduler answers there within 1 s"):
        sweep(tmp_path, address)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(UsageError, match="the scheduler has no workers"),
    ):
        sweep(tmp_path, empty.scheduler_address)
