"""Fixtures for tests of the audit, and no deadlines."""

import pytest
from hypothesis import settings
from inline import quicken

from gradproof.evidence import environment

settings.register_profile("gradproof", deadline=None)  # a busy machine may stop a test for a second
settings.load_profile("gradproof")


@pytest.fixture
def complex_step(monkeypatch):
    """The name of an oracle that is always there: `oracles.finite_difference`."""
    monkeypatch.setitem(environment.ORACLES, "complex_step", "oracles.finite_difference")
    return "complex_step"


@pytest.fixture
def quick(monkeypatch):
    """`quicken` for one test."""
    quicken(monkeypatch)
