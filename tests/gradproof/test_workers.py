import multiprocessing
import os
import pathlib
import time
import types
from concurrent.futures.process import BrokenProcessPool

import pytest

from gradproof import workers
from gradproof.workers import cache_folder, pool

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def work(amount):
    """Runs in a worker."""
    if amount == 3:
        raise ValueError("no threes")
    threads = [os.environ[v] for v in THREADS]
    try:
        import torch

        threads.append(str(torch.get_num_threads()))
    except ImportError:
        pass
    return os.getpid(), threads


def test_workers_are_other_processes_of_one_thread_that_raise(monkeypatch):
    for variable in THREADS:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(variable, "1")  # so that what the pool sets is taken back
        monkeypatch.delenv(variable)
    with pool(1) as executor:
        (pid, threads), (again, _) = executor.map(work, [10, 20])
        failed = executor.submit(work, 3)
        with pytest.raises(ValueError, match="no threes"):
            failed.result()
        assert executor.submit(work, 4).result()[0] == pid  # one failure does not end the worker
    assert pid == again != os.getpid()
    assert set(threads) == {"1"}


def test_an_exception_ends_what_runs_and_cancels_what_has_not_begun():
    def interrupted():
        with pool(1) as executor:
            executor.submit(time.sleep, 0).result()
            tasks.extend(executor.submit(time.sleep, 300) for _ in range(5))
            raise KeyboardInterrupt

    tasks = []
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - start < 200
    assert all(task.cancelled() or isinstance(task.exception(timeout=0), BrokenProcessPool) for task in tasks)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("xdg", "expected"), [("/caches", "/caches/gradproof"), ("", None), (None, None)])
def test_programs_are_kept_where_caches_go(monkeypatch, xdg, expected):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert cache_folder() == pathlib.Path(expected or pathlib.Path.home() / ".cache" / "gradproof")


@pytest.mark.parametrize(("enough", "growth", "times"), [(0, -(1 << 60), 2), (0, 0, 1), (1 << 60, 0, 0)])
def test_programs_are_forgotten_after_a_task_where_memory_is_short(monkeypatch, enough, growth, times):
    """And not again before more is held than then."""
    if not workers.resident():
        pytest.skip("this system does not say how much memory a process holds")
    forgotten = []
    jax = types.SimpleNamespace(forget_programs=lambda: forgotten.append("all"))
    monkeypatch.setattr(workers, "load", {"jax": jax}.get)
    monkeypatch.setattr(workers, "ENOUGH", enough)
    monkeypatch.setattr(workers, "GROWTH", growth)
    monkeypatch.setattr(workers, "_left", 0)
    assert workers._tidily(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        workers._tidily(divmod, 7, 0)
    assert len(forgotten) == times


def test_a_process_knows_its_memory():
    assert workers.resident() == 0 or 10 << 20 < workers.resident() < 100 << 30
