"""Processes that measure: bounded in memory, silent, and gone when their parent is."""

from __future__ import annotations

import functools
import gc
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gradproof.evidence.environment import cpu, installed, load, versions
from gradproof.lookup import UsageError

T = TypeVar("T")

ENOUGH = 700 << 20  # bytes, of which the frameworks themselves take half
GROWTH = 300 << 20  # bytes more than after the last time: what the system did not get back then is no reason

_left = 0  # bytes that were held after programs had been forgotten


def cache_folder() -> Path:
    """Where compiled JAX programs are kept: $XDG_CACHE_HOME/gradproof or ~/.cache/gradproof, by version and processor.

    A program compiled for the instructions of one processor may not run, or round otherwise, on another.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradproof"
    machine = hashlib.sha256(cpu().encode()).hexdigest()[:8]
    return base / f"jax-{versions(['jax'])['jaxlib'].replace(' ', '-')}-{machine}"


def end_with_parent(whole_group: bool = False) -> None:
    """From now on this process ends when the one that started it does, even without a word, as by SIGKILL.

    With `whole_group`, where the system has such groups, all end that it has started.
    """
    threading.Thread(target=_end_with_parent, args=(whole_group,), daemon=True).start()


def _end_with_parent(whole_group: bool) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL) if whole_group and hasattr(os, "killpg") else os._exit(1)


def _start(log: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    os.dup2(os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)  # what the libraries have to say
    load_frameworks()
    gc.freeze()  # what the frameworks are made of stays: no collection need look at it


@functools.cache
def load_frameworks(names: tuple[str, ...] = ("torch", "jax")) -> None:
    """These frameworks as a worker has them: torch with one thread, JAX with its programs kept."""
    if "torch" in names and (torch := load("torch")):
        torch.torch.set_num_threads(1)
    if "jax" in names and (jax := load("jax")):
        jax.cache_programs(str(cache_folder()))


def place(names: Iterable[str], device: str) -> str:
    """Have these frameworks compute on a device from now on; what they call it.

    Raises UsageError where one of them has no such device.
    """
    try:
        return ", ".join(dict.fromkeys(module.place(device) for module in installed(names, "place").values()))
    except LookupError as error:
        raise UsageError(f"--device {device}: {error.args[0]}; leave out that side, or compute on cpu") from error


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def tidily(function: Callable[..., T], *args: Any) -> T:
    """Call `function`, after which JAX forgets its compiled programs if they have become many."""
    global _left
    try:
        return function(*args)
    finally:
        if resident() > max(ENOUGH, _left + GROWTH) and (jax := load("jax")):
            jax.forget_programs()
            _left = resident()


@contextmanager
def pool(jobs: int = 0, log: str = "") -> Iterator[ProcessPoolExecutor]:
    """A pool of `jobs` worker processes (0: one per processor), whose standard error goes to the file `log`.

    An exception ends them at once (files are whole), and so does a signal that asks this process to end.
    """
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    with _ending_on_signals(), ProcessPoolExecutor(jobs or os.cpu_count() or 1, context, _start, (log,)) as executor:
        try:
            yield executor
        except BaseException:
            for worker in multiprocessing.active_children():
                if worker not in others:
                    worker.terminate()
            raise


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end this process as an exception does, so that nothing is left behind."""

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
