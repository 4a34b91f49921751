import numpy as np
import pytest


@pytest.fixture(autouse=True)
def quiet():
    """Saturated and singular cases are meant to overflow, and planted errors are not finite: they are judged."""
    with np.errstate(all="ignore"):
        yield
