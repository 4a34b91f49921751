"""One thread on one CPU, and contenders that take turns.

A busy machine slows down whoever is running. So the contenders are timed in turns, a block of calls each, and only
figures of the same round are compared: what is reported is the median of their ratios. Nothing here imports NumPy,
because threads and CPU must be settled before it is loaded.
"""

from __future__ import annotations

import os
import random
import timeit
from collections.abc import Callable, Mapping

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread() -> None:
    """Pin this process to one CPU, and every numerical library to one thread.

    To be called before NumPy, torch or JAX is imported: JAX sizes its thread pool by the CPUs it may use then.
    """
    for variable in THREADS:
        os.environ[variable] = "1"
    if hasattr(os, "sched_setaffinity"):  # not on macOS
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # Once a block of this size has been freed, glibc keeps freed memory for the next call instead of returning it
    # to the system. Here everybody finds it so; else it would depend on who ran before.
    bytearray(31 << 20)


def calls_per_block(f: Callable[[], object], seconds: float) -> int:
    """How many calls of `f` take about `seconds`; at least one."""
    f()
    once = timeit.timeit(f, number=1)
    if once < seconds:
        once = min(once, *timeit.repeat(f, number=1, repeat=4))
    return max(1, round(seconds / once))


def take_turns(
    contenders: Mapping[str, Callable[[], object]], rounds: int, seconds: float, seed: int = 0
) -> dict[str, list[float]]:
    """Seconds per call of every contender, one figure a round.

    In each round every contender has one block of calls of about `seconds`, in random order. A block of several
    calls comes after one that is not counted: it refills the caches from what the one before has left there.
    """
    shuffled = random.Random(seed)
    calls = {who: calls_per_block(f, seconds) for who, f in contenders.items()}
    measured: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(rounds):
        for who in shuffled.sample(list(contenders), len(contenders)):
            if calls[who] > 1:
                contenders[who]()
            measured[who].append(timeit.timeit(contenders[who], number=calls[who]) / calls[who])
    return measured
