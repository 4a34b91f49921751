import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
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
    print("a library has its say", file=sys.stderr, flush=True)
    threads = [os.environ[v] for v in THREADS]
    if torch := workers.load("torch"):
        threads.append(str(torch.torch.get_num_threads()))
    return os.getpid(), threads


def test_workers_are_other_processes_of_one_thread_that_raise_and_write_to_a_log(monkeypatch, tmp_path, capfd):
    for variable in THREADS:
        monkeypatch.setenv(variable, "1")  # so that what the pool sets is taken back
        monkeypatch.delenv(variable)
    with pool(1, str(tmp_path / "log")) as executor:
        (pid, threads), (again, _) = executor.map(work, [10, 20])
        with pytest.raises(ValueError, match="no threes"):
            executor.submit(work, 3).result()
        assert executor.submit(work, 4).result()[0] == pid  # one failure does not end the worker
    assert pid == again != os.getpid()
    assert set(threads) == {"1"}
    assert (tmp_path / "log").read_text().count("a library has its say\n") == 3
    assert "has its say" not in capfd.readouterr().err


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


def alive(pid):
    """Whether the process runs; one that has ended and was not waited for does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(), reason="asks /proc who is alive")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda how: how.name)
def test_workers_end_with_their_parent(how, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        """
import os, time
from gradproof.workers import pool
if __name__ == "__main__":
    with pool(1) as executor:
        print(executor.submit(os.getpid).result(), flush=True)
        executor.submit(time.sleep, 300).result()
"""
    )
    root = str(pathlib.Path(workers.__file__).parents[1])
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=root,
                          env={**os.environ, "PYTHONPATH": root}) as parent:  # fmt: skip
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.send_signal(how)
        code = parent.wait(timeout=60)
    assert code == (-how if how is signal.SIGKILL else 128 + how)
    end = time.monotonic() + 60
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive(worker)


@pytest.mark.parametrize("xdg", ["/caches", "", None])
def test_programs_are_kept_where_caches_go_by_version_and_processor(monkeypatch, xdg):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    here = cache_folder()
    assert here.parent == (pathlib.Path(xdg) if xdg else pathlib.Path.home() / ".cache") / "gradproof"
    monkeypatch.setattr(workers, "cpu", lambda: "another processor")
    other = cache_folder()
    monkeypatch.setattr(workers, "versions", lambda uses: {"jaxlib": "0.0"})
    assert len({here, other, cache_folder()}) == 3


@pytest.mark.parametrize(("enough", "growth", "times"), [(0, -(1 << 60), 2), (0, 0, 1), (1 << 60, 0, 0)])
def test_programs_are_forgotten_after_a_task_where_memory_is_short(monkeypatch, enough, growth, times):
    """And not again before more is held than then."""
    forgotten = []
    jax = types.SimpleNamespace(forget_programs=lambda: forgotten.append("all"))
    monkeypatch.setattr(workers, "load", {"jax": jax}.get)
    monkeypatch.setattr(workers, "resident", lambda: 1 << 30)
    monkeypatch.setattr(workers, "ENOUGH", enough)
    monkeypatch.setattr(workers, "GROWTH", growth)
    monkeypatch.setattr(workers, "_left", 0)
    assert workers._tidily(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        workers._tidily(divmod, 7, 0)
    assert len(forgotten) == times


def test_a_process_knows_its_memory():
    assert workers.resident() == 0 or 10 << 20 < workers.resident() < 100 << 30
