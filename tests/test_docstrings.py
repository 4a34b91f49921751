"""The examples in docstrings do what they show."""

import doctest
import importlib
import pkgutil

import pytest

import gradproof
import literature
import oracles
import reference

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (reference, oracles, gradproof, literature)
    for module in pkgutil.iter_modules(package.__path__)
    if module.name != "__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] in ("gradproof", "literature", "oracles", "reference"):
            raise
        pytest.skip(f"{error.name} is not installed")
    assert doctest.testmod(module).failed == 0
