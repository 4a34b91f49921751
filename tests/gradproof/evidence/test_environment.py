import importlib
import itertools
import sys
from importlib.metadata import version

import numpy as np
import pytest

from gradproof.evidence import environment
from gradproof.evidence.environment import ORACLES, PACKAGES, cpu, load, source_hash, versions

COUNT = itertools.count()
PACKAGE = {
    "__init__.py": '"""A package."""\n',
    "slopes.py": '''"""Docstring."""


def slope(z):
    """The slope of z²."""
    return 2 * z  # by the power rule


class Empty:
    """Nothing but a docstring."""
''',
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a small package under another name, with edits, and return its hash."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(**edits):
        name = f"package_{next(COUNT)}"
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {**PACKAGE, **{k.replace("_py", ".py"): v for k, v in edits.items()}}.items():
            (folder / file).write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return source_hash(name)

    return make


WORDS = [("  # by the power rule", ""), ("The slope of z²", "What z² rises by"), ("2 * z", "(2  *  z)"),
         ("\n\n\n", "\n\n"), ("Nothing but", "Just")]  # fmt: skip
CODE = [("2 * z", "-2 * z"), ("2 * z", "2.0 * z"), ("slope(z)", "slope(z=0)"), ("return 2 * z", "'2'; return 2 * z"),
        ("Empty", "Nothing"), ("return 2 * z", "z = 2 * z\n    return z"), ("2 * z", "z * 2")]  # fmt: skip


@pytest.mark.parametrize("edit", [*WORDS, *CODE], ids=repr)
def test_the_hash_changes_with_the_code_and_not_with_words_and_layout(package, edit):
    old, new = edit
    assert old in PACKAGE["slopes.py"]
    assert (package(slopes_py=PACKAGE["slopes.py"].replace(old, new)) == package()) is (edit in WORDS)


def test_a_new_file_and_a_new_name_change_the_hash(package):
    assert package(new_py="") != package()
    assert package(slopes_py="", slope_py=PACKAGE["slopes.py"]) != package(slopes_py="")
    assert len({source_hash("reference", "literature"), source_hash("reference"), source_hash("literature")}) == 3


def test_the_hash_is_the_same_in_every_python(package):
    """Written down once; the tests run on all supported versions, whose syntax trees have different fields."""
    text = "def f(x: int = 1, *a, k=(None, ...), **b):\n    class C: pass\n    return f'{x!r:>{k}}', lambda: 1e-3j\n"
    assert package(slopes_py=text) == "6d76066a845fbe38"


def test_versions_of_everything_that_evidence_depends_on(monkeypatch):
    found = versions()
    assert list(found) == ["python", *(package for packages in PACKAGES.values() for package in packages)]
    assert list(versions(["torch", "balls"])) == ["python", "torch", "python-flint"]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == np.__version__ == version("numpy")
    monkeypatch.setattr(environment, "PACKAGES", {"it": ("no-such-package",)})
    assert versions(["it"])["no-such-package"] == "not installed"


@pytest.mark.parametrize("name", ORACLES)
def test_an_oracle_is_its_module_or_none(name, monkeypatch):
    module = load(name)
    assert module is None or (module.__name__, module.NAME) == (ORACLES[name], name)
    monkeypatch.delitem(sys.modules, ORACLES[name], raising=False)
    monkeypatch.setitem(sys.modules, name, None)  # as if the framework were not installed
    assert load(name) is None
    with pytest.raises(KeyError, match="tensorflow"):
        load("tensorflow")  # a mistake in the program


def test_the_processor_is_named_with_what_decides_the_last_bits(monkeypatch):
    assert cpu().endswith(")")

    def unreadable(*args, **kwargs):
        raise OSError

    monkeypatch.setattr(environment.Path, "read_text", unreadable)
    name, features = cpu().rstrip(")").split(" (")
    assert name
    assert features
