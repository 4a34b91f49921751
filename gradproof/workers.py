"""Worker processes: one thread each, with JAX's compiled programs kept between runs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from gradproof.environment import load


def report(amount: int) -> None:
    """Nothing: the audit counts tasks and files."""


def cache_folder() -> Path:
    """Where compiled JAX programs are kept: $XDG_CACHE_HOME/gradproof, or ~/.cache/gradproof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradproof"


def _start() -> None:
    if torch := load("torch"):
        torch.torch.set_num_threads(1)
    if jax := load("jax"):
        jax.cache_programs(str(cache_folder() / "jax"))


@contextmanager
def pool(jobs: int = 0) -> Iterator[ProcessPoolExecutor]:
    """A pool of `jobs` worker processes (0: one per processor). What has not begun at the end is cancelled."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    executor = ProcessPoolExecutor(jobs or os.cpu_count() or 1, multiprocessing.get_context("spawn"), _start)
    try:
        yield executor
    finally:  # wait: an executor that nobody holds any more cancels nothing
        executor.shutdown(wait=True, cancel_futures=True)
