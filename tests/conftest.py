"""Fixtures for tests of the audit."""

import pytest
from inline import quicken

from gradproof.evidence import environment


@pytest.fixture
def complex_step(monkeypatch):
    """The name of an oracle that is always there: `oracles.finite_difference`."""
    monkeypatch.setitem(environment.ORACLES, "complex_step", "oracles.finite_difference")
    return "complex_step"


@pytest.fixture
def quick(monkeypatch):
    """`quicken` for one test."""
    quicken(monkeypatch)
