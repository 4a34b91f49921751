"""The examples in docstrings do what they show."""

import doctest
import importlib
import pathlib

import pytest

import reference

ROOT = pathlib.Path(reference.__file__).parents[1]
PACKAGES = ("reference", "oracles", "gradproof", "literature")
FILES = [
    path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if ">>>" in path.read_text("utf-8")
]


NEEDS = {"gradproof/yours/check": "flint", "gradproof/yours/structure": "sympy"}  # for what an example does


@pytest.mark.parametrize("path", [path.relative_to(ROOT).with_suffix("") for path in FILES], ids=str)
def test_examples_of(path):
    try:
        module = importlib.import_module(".".join(path.parts).removesuffix(".__init__"))
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in PACKAGES:
            raise
        pytest.skip(f"{error.name} is not installed")
    if need := NEEDS.get(path.as_posix()):
        pytest.importorskip(need)
    found = doctest.testmod(module)
    assert found.failed == 0 < found.attempted
