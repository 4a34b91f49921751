"""Runs of pytest over files that are written for them, with the plugin as it is here."""

import contextlib
from importlib.metadata import entry_points

with contextlib.suppress(ImportError):  # what a run imports first it forgets, and SciPy cannot be imported once more
    import scipy.special  # noqa: F401
    import sympy  # noqa: F401

INSTALLED = any(point.name == "gradproof" for point in entry_points(group="pytest11"))
PLUGIN = [] if INSTALLED else ["-p", "gradproof.pytest_plugin"]
QUIET = [*PLUGIN, "-p", "no:cacheprovider", "-p", "no:randomly"]

MINE = """
import numpy as np
import gradproof, pytest

def right(x):
    return np.tanh(x), 1 / np.cosh(np.clip(x, -350, 350)) ** 2

def wrong(x):
    return np.tanh(x), 1 + np.tanh(x) ** 2

def raises(x):
    raise RuntimeError("no such luck")

def check(f, check_gradient, id="activation/tanh"):
    return check_gradient(gradproof.slope(f), id, dtypes=["float64"])
"""

BOTH = """
def test_right(check_gradient):
    assert check(right, check_gradient).ok

def test_wrong(check_gradient):
    check(wrong, check_gradient)
"""


def run_pytest(pytester, code, *options, name="test_mine", apart=False):
    """What comes of pytest over a file with `code` below the functions of MINE; `apart` in another process."""
    pytester.makepyfile(**{name: MINE + code})
    run = pytester.runpytest_subprocess if apart else pytester.runpytest
    return run(*QUIET, *options)
