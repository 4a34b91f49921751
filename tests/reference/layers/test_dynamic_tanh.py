"""tanh with a slope that is learned."""

import numpy as np

from reference.layers import dynamic_tanh


def test_far_out_nothing_answers_to_anything_but_the_weight():
    x = np.array([[-1e200, 1e200, 0.5]])
    y, pullback = dynamic_tanh(x, np.array(2.0))
    np.testing.assert_array_equal(y[0, :2], [-1.0, 1.0])
    found = pullback(np.ones_like(x))
    np.testing.assert_array_equal(found["x"][0, :2], [0.0, 0.0])
    np.testing.assert_allclose(found["x"][0, 2], 2 / np.cosh(1) ** 2, rtol=1e-15)
    np.testing.assert_allclose(found["alpha"], 0.5 / np.cosh(1) ** 2, rtol=1e-15)
