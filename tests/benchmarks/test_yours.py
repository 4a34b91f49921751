"""The contenders check the same network, and would notice a wrong one."""

import numpy as np
import pytest

import gradproof

pytest.importorskip("torch")

from benchmarks import yours

SMALL = (6, 4, 3)


def test_every_contender_finds_the_gradient_right():
    assert set(yours.seconds(SMALL)) == {"check, by autodiff of torch", "check, by differences", "torch gradcheck"}


@pytest.mark.parametrize("forward", [yours.forward_numpy, gradproof.torch_function(yours.forward_torch)])
def test_a_planted_error_is_found(forward):
    def wrong(x, W1, b1, W2, b2, y):
        cost, by = yours.by_hand(x, W1, b1, W2, b2, y)
        return cost, {**by, "W1": by["W1"] * np.where(np.arange(6) == 2, 1.1, 1)}

    report = gradproof.check(gradproof.gradients(wrong), forward, inputs=yours.arrays(SMALL), constant=("x", "y"),
                             dtypes=["float64"])  # fmt: skip
    assert report.verdict == "wrong"
    assert [j.quantity for j in report.judged if j.verdict == "wrong"] == ["∂/∂W1"]
