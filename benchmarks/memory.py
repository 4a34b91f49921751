"""How much memory a call takes, by one ruler for everybody: the growth of resident memory, in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")


def growth(call: Callable[[], object]) -> int | None:
    """By how many bytes resident memory rises while `call` runs, results included. None where the system is not Linux.

    It is called once before, so that what is compiled is compiled, and what was freed since goes back to the system.
    """
    call()
    if not (PROCESS / "clear_refs").exists():
        return None
    gc.collect()
    with contextlib.suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    (PROCESS / "clear_refs").write_text("5")  # the highest so far is what it is now
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def alone(f: Callable[..., Any], *arguments: Any) -> Any:
    """f(*arguments) in a fresh process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(f, *arguments).result()


def _status(name: str) -> int:
    """A line of the status of this process, in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", (PROCESS / "status").read_text())
    assert found is not None
    return 1024 * int(found[1])
