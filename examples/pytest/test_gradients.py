"""A test a gradient: `pytest` in this folder, with gradproof and python-flint installed."""

import pytest
from activations import softmax, softplus, tanh

import gradproof

SLOPES = {"activation/tanh": tanh, "activation/softplus": softplus}


@pytest.mark.gradproof(*SLOPES)
def test_slope(formula, check_gradient):
    """Once for every formula; `pytest -k softplus` picks one."""
    check_gradient(gradproof.slope(SLOPES[formula]), formula)


def test_softmax(check_gradient):
    """The gradient of a function of arrays, in two dtypes."""
    check_gradient(gradproof.pullback(softmax), "activation/softmax", dtypes=["float64", "float32"])
