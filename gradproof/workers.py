"""Worker processes: one thread each, with JAX's compiled programs kept between runs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradproof.environment import load

_queue: Any = None


def report(amount: int) -> None:
    """Tell the parent process that this much work is done."""
    if _queue is not None:
        _queue.put(amount)


def cache_folder() -> Path:
    """Where compiled JAX programs are kept: $XDG_CACHE_HOME/gradproof, or ~/.cache/gradproof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradproof"


def _start(queue: Any) -> None:
    global _queue
    _queue = queue
    if torch := load("torch"):
        torch.torch.set_num_threads(1)
    if jax := load("jax"):
        jax.cache_programs(str(cache_folder() / "jax"))


@contextmanager
def pool(jobs: int = 0) -> Iterator[tuple[ProcessPoolExecutor, Any]]:
    """A process pool of `jobs` workers (0: one per processor) and the queue that `report` writes to."""
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    executor = ProcessPoolExecutor(jobs or os.cpu_count() or 1, context, _start, (queue,))
    try:
        yield executor, queue
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()
