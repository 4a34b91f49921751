"""A planted mutant runs in the place of the function, closures and all, and is gone afterwards."""

import importlib.util
import sys

import pytest

from benchmarks.mutants.mutate import mutants
from benchmarks.mutants.plant import Unplantable, changed, planted, running

SOURCE = """
import functools

def lift(body):
    scale = 1 + 1
    def lifted(x):
        return scale * body(x)
    return functools.wraps(body)(lifted)

@lift
def f(x):
    return x + 1
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The module, and what plants one of its mutants: (before, after)."""
    path = tmp_path / "small_module.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("small_module", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "small_module", module)
    spec.loader.exec_module(module)
    functions = running(tmp_path)

    def one(before, after):
        (m,) = (m for m in mutants(SOURCE, "small_module.py", str(path)) if (m.before, m.after) == (before, after))
        return m.compiled(), functions

    return module, one


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("x + 1", "x - 1", 4), ("x + 1", "x", 6), ("scale * body(x)", "body(x)", 4), ("scale * body(x)", "scale", 2)],
)
def test_the_mutant_answers_and_is_gone(small, before, after, expected):
    module, one = small
    assert module.f(3) == 8
    with planted(*one(before, after)):
        assert module.f(3) == expected
    assert module.f(3) == 8


def test_it_is_gone_after_an_error_too(small):
    module, one = small

    with pytest.raises(KeyError), planted(*one("x + 1", "x")):
        raise KeyError
    assert module.f(3) == 8


def test_the_changed_function_is_found(small):
    _, one = small
    before = compile(SOURCE, one("x + 1", "x")[0].co_filename, "exec", dont_inherit=True)
    assert changed(before, one("x + 1", "x")[0])[2] == "f"
    assert changed(before, one("scale * body(x)", "scale")[0])[2] == "lifted"
    assert changed(before, one("1 + 1", "1 - 1")[0])[2] == "lift"


def test_what_no_function_runs_cannot_be_planted(small):
    _, one = small
    code, _ = one("x + 1", "x")
    with pytest.raises(Unplantable), planted(code, {}):
        pass
