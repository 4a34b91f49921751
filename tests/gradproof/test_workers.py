import os
import pathlib
import signal
import subprocess
import sys
import time
import types
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children

import pytest

from gradproof import workers
from gradproof.workers import cache_folder, pool

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def work(amount):
    """Runs in a worker."""
    if amount == 3:
        raise ValueError("no threes")
    print("a library has its say", file=sys.stderr, flush=True)
    torch = workers.load("torch")
    return os.getpid(), {*(os.environ[v] for v in THREADS), str(torch.torch.get_num_threads() if torch else 1)}


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
    assert threads == {"1"}
    assert (tmp_path / "log").read_text().count("a library has its say\n") == 3
    assert "has its say" not in capfd.readouterr().err


def test_an_exception_ends_what_runs_and_cancels_what_has_not_begun():
    tasks, start = [], time.monotonic()
    with pytest.raises(KeyboardInterrupt), pool(1) as executor:  # noqa: PT012
        executor.submit(time.sleep, 0).result()
        tasks.extend(executor.submit(time.sleep, 300) for _ in range(5))
        raise KeyboardInterrupt
    assert time.monotonic() - start < 200
    assert all(task.cancelled() or isinstance(task.exception(timeout=0), BrokenProcessPool) for task in tasks)
    assert not active_children()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda how: how.name)
def test_workers_end_with_their_parent(how, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys, time\nsys.path.insert(0, {str(pathlib.Path(workers.__file__).parents[1])!r})\n"
        "from gradproof.workers import pool\nif __name__ == '__main__':\n    with pool(1) as executor:\n"
        "        executor.submit(print, 'here', flush=True)\n        executor.submit(time.sleep, 300).result()\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "here\n"
        parent.send_signal(how)
        assert parent.communicate(timeout=100) == ("", None)  # the worker has closed the pipe too
    assert parent.returncode == (-how if how is signal.SIGKILL else 128 + how)


@pytest.mark.parametrize("xdg", ["/caches", "", None])
def test_programs_are_kept_where_caches_go_by_version_and_processor(monkeypatch, xdg):
    monkeypatch.setenv("XDG_CACHE_HOME", xdg or "")
    if xdg is None:
        monkeypatch.delenv("XDG_CACHE_HOME")
    folders = [cache_folder()]
    for what, other in (("cpu", lambda: "another"), ("versions", lambda uses: {"jaxlib": "0.0"})):
        monkeypatch.setattr(workers, what, other)
        folders.append(cache_folder())
    assert len({*folders}) == 3
    assert {f.parent for f in folders} == {(pathlib.Path(xdg) if xdg else pathlib.Path.home() / ".cache") / "gradproof"}


@pytest.mark.parametrize(("enough", "growth", "times"), [(0, -(1 << 60), 2), (0, 0, 1), (1 << 60, 0, 0)])
def test_programs_are_forgotten_after_a_task_where_memory_is_short(monkeypatch, enough, growth, times):
    """And not again before more is held than then."""
    assert workers.resident() == 0 or 10 << 20 < workers.resident() < 100 << 30
    forgotten = []
    jax = types.SimpleNamespace(forget_programs=lambda: forgotten.append("all"))
    replaced = {"load": {"jax": jax}.get, "resident": lambda: 1 << 30, "ENOUGH": enough, "GROWTH": growth, "_left": 0}
    for name, value in replaced.items():
        monkeypatch.setattr(workers, name, value)
    assert workers.tidily(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        workers.tidily(divmod, 7, 0)
    assert len(forgotten) == times
