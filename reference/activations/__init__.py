"""Every activation, by name.

An elementwise activation takes z of any shape and floating dtype and returns its value and its slope g'(z), two
arrays of that shape and dtype. A vector activation acts along `axis`, by default the last, and returns its value and
its pullback, because its Jacobian is not diagonal. Parameters are keyword arguments and count as exact float64
numbers; the derivative with respect to one that can be learned is in `parameter_slopes` of the function:

>>> import numpy as np
>>> value, slope = prelu(np.array([-2.0, 3.0]), weight=0.5)
>>> value.tolist(), slope.tolist()
([-1.0, 3.0], [0.5, 1.0])
>>> prelu.parameter_slopes["weight"](np.array([-2.0, 3.0]), weight=0.5).tolist()  # ∂g/∂weight
[-2.0, 0.0]
"""

from reference.activation import Pullback
from reference.activations.gates import gelu, gelu_tanh, mish, silu
from reference.activations.piecewise import (
    celu,
    elu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    huber,
    identity,
    leaky_relu,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    softplus_threshold,
    softshrink,
    sparse_plus,
    sparse_sigmoid,
    squared_relu,
    threshold,
)
from reference.activations.smooth import (
    arctan,
    exp,
    gaussian,
    log_cosh,
    logsigmoid,
    sigmoid,
    softplus,
    softsign,
    squareplus,
    tanh,
    tanhshrink,
)
from reference.activations.vector import (
    geglu,
    glu,
    l2_normalize,
    log_softmax,
    logmeanexp,
    logsumexp,
    maxout,
    reglu,
    softmax,
    softmin,
    swiglu,
)

__all__ = [
    "Pullback",
    "arctan",
    "celu",
    "elu",
    "exp",
    "gaussian",
    "geglu",
    "gelu",
    "gelu_tanh",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber",
    "identity",
    "l2_normalize",
    "leaky_relu",
    "log_cosh",
    "log_softmax",
    "logmeanexp",
    "logsigmoid",
    "logsumexp",
    "maxout",
    "mish",
    "prelu",
    "reglu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softplus_threshold",
    "softshrink",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squared_relu",
    "squareplus",
    "swiglu",
    "tanh",
    "tanhshrink",
    "threshold",
]
