"""Contenders take turns, and one thread means one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.timing import calls_per_block, take_turns


def test_every_contender_has_one_figure_a_round():
    measured = take_turns({"a": lambda: 1, "b": lambda: 2}, rounds=4, seconds=1e-4)
    assert {who: len(times) for who, times in measured.items()} == {"a": 4, "b": 4}
    assert all(t > 0 for times in measured.values() for t in times)


def test_a_ratio_of_times_is_measured():
    measured = take_turns({"long": lambda: time.sleep(0.02), "short": lambda: time.sleep(0.005)}, 3, seconds=1e-3)
    ratios = sorted(p / q for p, q in zip(measured["long"], measured["short"], strict=True))
    assert ratios[1] == pytest.approx(4, rel=0.5)


def test_contenders_are_interleaved():
    called = []
    take_turns({who: lambda who=who: called.append(who) for who in "abc"}, rounds=20, seconds=0)
    turns = called[-60:]  # one call a block
    rounds = ["".join(turns[k : k + 3]) for k in range(0, 60, 3)]
    assert all(sorted(r) == list("abc") for r in rounds)
    assert len(set(rounds)) > 1  # in changing order


@pytest.mark.parametrize(("pause", "block", "expected"), [(0.01, 0.001, 1), (0.004, 0.02, 5)])
def test_a_block_takes_about_as_long_as_asked(pause, block, expected):
    assert calls_per_block(lambda: time.sleep(pause), block) in (expected, expected - 1)


def test_one_thread_is_settled_before_numpy_is_loaded():
    program = (
        "import os, sys, benchmarks.timing as t; assert 'numpy' not in sys.modules; t.one_thread();"
        "print(os.environ['OPENBLAS_NUM_THREADS'], len(os.sched_getaffinity(0)))"
    )
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no CPU affinity on this system")
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["1", "1"]
