"""Worker processes: one thread each, with JAX's compiled programs kept between runs."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from gradproof.evidence.environment import load

P = ParamSpec("P")
T = TypeVar("T")

ENOUGH = 700 << 20  # bytes, of which the frameworks themselves take half
GROWTH = 300 << 20  # bytes more than after the last time: what the system did not get back then is no reason

_left = 0  # bytes that were held after programs had been forgotten


def cache_folder() -> Path:
    """Where compiled JAX programs are kept: $XDG_CACHE_HOME/gradproof, or ~/.cache/gradproof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradproof"


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one ends the others
    if torch := load("torch"):
        torch.torch.set_num_threads(1)
    if jax := load("jax"):
        jax.cache_programs(str(cache_folder() / "jax"))
    gc.freeze()  # what the frameworks are made of stays: no collection need look at it


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _tidily(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call `function`, after which JAX forgets its compiled programs if they have become many."""
    global _left
    try:
        return function(*args, **kwargs)
    finally:
        if resident() > max(ENOUGH, _left + GROWTH) and (jax := load("jax")):
            jax.forget_programs()
            _left = resident()


class Workers(ProcessPoolExecutor):
    """Processes that keep their memory within bounds, however many tasks they are given."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit `function` as an executor does."""
        return super().submit(functools.partial(_tidily, function), *args, **kwargs)


@contextmanager
def pool(jobs: int = 0) -> Iterator[Workers]:
    """A pool of `jobs` worker processes (0: one per processor). An exception ends them at once: files are whole."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    others = multiprocessing.active_children()
    with Workers(jobs or os.cpu_count() or 1, multiprocessing.get_context("spawn"), _start) as executor:
        try:
            yield executor
        except BaseException:
            for worker in multiprocessing.active_children():
                if worker not in others:
                    worker.terminate()
            raise
