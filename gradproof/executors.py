"""Who works: processes of this computer, the workers of a Dask scheduler or MPI ranks; and how a task is called there.

A task is small and the same wherever it runs. What it finds comes back and is written, whole, by the process that has
asked: workers need no folder in common, and a task whose worker is lost is done again by another.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gradproof import __version__
from gradproof.evidence.environment import CPU, ORACLES, cpu, versions
from gradproof.lookup import UsageError
from gradproof.workers import load_frameworks, place, pool, tidily

T = TypeVar("T")
K = TypeVar("K")

WAIT = 10  # seconds for a scheduler, and for its first worker
ELSEWHERE = "dask://HOST:PORT or mpi"
ONE_AT_A_TIME = threading.Lock()  # the precision of balls is one of the process, and workers may be threads


class Refused(UsageError):
    """A worker has other versions, or not the device."""


# ---------------------------------------------------------------- how a task is called


@functools.cache
def about() -> dict[str, str]:
    """What findings depend on, of this process: the source, and versions."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    packages = ("reference", "oracles", "gradproof", "literature")
    for path in sorted(path for package in packages for path in (root / package).rglob("*.py")):
        digest.update(path.read_bytes())
    return {"gradproof": f"{__version__}, source {digest.hexdigest()[:16]}", **versions()}


def there(
    made_with: Mapping[str, str], oracles: Iterable[str], device: str, function: Callable[..., T], *args: Any
) -> tuple[dict[str, str], T]:
    """Call `function` on a worker, with these oracles on that device; the worker's processors, and what it returned.

    Raises Refused, which names the computer, where it has other versions than `made_with`, or no such device.
    """
    if strange := [f"{name} {about().get(name)} (not {v})" for name, v in made_with.items() if about().get(name) != v]:
        raise Refused(f"the worker on {platform.node()} has {'; '.join(strange)}; install the same on all")
    frameworks = tuple(name for name in oracles if name in ORACLES)
    with ONE_AT_A_TIME:
        load_frameworks(frameworks)
        try:
            placed = place(frameworks, device)
        except UsageError as error:
            raise Refused(f"the worker on {platform.node()}: {error}") from error
        return {"cpu": cpu()} | ({} if device == CPU else {"device": f"{device}, {placed}"}), tidily(function, *args)


def made_on(headers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The processors of all workers, each once, from the headers of what was measured there.

    >>> made_on([{"cpu": "A, B"}, {"cpu": "B"}, {"cpu": "C"}])
    {'cpu': 'A, B, C'}
    """
    found: dict[str, str] = {}
    said = {(key, header[key]) for header in headers for key in ("cpu", "device") if key in header}
    for key, name in sorted(said, key=lambda each: (each[0], -len(each[1]), each[1])):
        if name not in found.get(key, ""):
            found[key] = ", ".join(filter(None, [found.get(key), name]))
    return found


def folder(out: Path, device: str) -> Path:
    """Where evidence and pages go: what frameworks compute on another device than the CPU has its own, OUT/cuda."""
    return out if device == CPU else out / device.partition(":")[0]


def ended(running: dict[Future[T], K]) -> Iterator[tuple[K, Future[T]]]:
    """What has ended, after 0.2 s at most, and runs no more: that which ended well first, to be written."""
    futures, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
    for future in sorted(futures, key=lambda f: f.cancelled() or f.exception() is not None):
        yield running.pop(future), future


# ---------------------------------------------------------------- who works


@contextmanager
def executor(on: str = "", jobs: int = 0, log: str = "") -> Iterator[Executor]:
    """Processes of this computer; with "dask://HOST:PORT" the workers of that scheduler, with "mpi" all other ranks.

    Raises UsageError for another address, for `jobs` beside one, where Dask or mpi4py is not installed, where no
    scheduler or no worker answers, and where MPI has not started this process as the one that asks.
    """
    if not on:
        with pool(jobs, log) as workers:
            yield workers
        return
    if jobs:
        raise UsageError(f"--jobs {jobs} is of processes here, and --on {on} names workers elsewhere; leave one out")
    scheme, _, address = on.partition("://")
    if on == "mpi":
        elsewhere = _mpi()
    elif scheme == "dask" and address.rpartition(":")[0] and address.rpartition(":")[2].isdecimal():
        elsewhere = _dask(on, address)
    else:
        raise UsageError(f"--on {on}: expected {ELSEWHERE}")
    with elsewhere as workers:
        yield workers


@contextmanager
def _dask(on: str, address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(f"--on {on}: Dask is not installed; pip install 'gradproof[dask]'") from error
    try:
        client = Client(f"tcp://{address}", timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"--on {on}: no Dask scheduler answers there within {WAIT} s") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError as error:
            raise UsageError(f"--on {on}: the scheduler has no workers") from error
        yield client.get_executor()


@contextmanager
def _mpi() -> Iterator[Executor]:
    start = "mpirun -n N python -m mpi4py.futures -m gradproof …"
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPIPoolExecutor
    except (ImportError, RuntimeError) as error:  # the latter without a library of MPI
        raise UsageError("--on mpi: mpi4py or MPI is not installed; pip install 'gradproof[mpi]'") from error
    if "mpi4py.futures" not in sys.orig_argv or MPI.COMM_WORLD.Get_size() < 2:
        raise UsageError(f"--on mpi: there are no ranks to work; start as '{start}', with N of 2 or more")
    with MPIPoolExecutor(main=False) as workers:  # of workers this process is not the program
        try:
            yield workers
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
