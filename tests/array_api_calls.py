"""Every function of the array API that is there over balls, called as a user calls it: xp, x (2, 3), y (2, 3)."""

import numpy as np

RNG = np.random.default_rng(3)
X, Y = RNG.uniform(0.3, 0.9, (2, 3)), RNG.uniform(1.1, 1.9, (2, 3))
K, B = np.array([2, 0, 1]), np.array([True, False, True])

UNARY = (
    *("abs", "acos", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "exp", "expm1", "floor", "log", "log1p"),
    *("log2", "log10", "negative", "positive", "reciprocal", "round", "sign", "sin", "sinh", "sqrt", "square", "tan"),
    *("tanh", "trunc"),
)
BINARY = (
    *("add", "atan2", "copysign", "divide", "floor_divide", "hypot", "logaddexp", "maximum", "minimum", "multiply"),
    *("pow", "remainder", "subtract"),
)
COMPARE = ("less", "less_equal", "equal", "not_equal", "greater", "greater_equal")
LOGICAL = ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor")


def choosing(name):
    """x where a comparison of x and y holds, else y²."""
    return lambda xp, x, y: xp.where(getattr(xp, name)(x, 0.6 * y * y), x, y * y)


def joining(name):
    return lambda xp, x, y: xp.where(getattr(xp, name)(x > 0.5, y > 1.4), x, y * y)


CALLS = {
    **{name: lambda xp, x, y, name=name: getattr(xp, name)(x) for name in UNARY},
    **{name: lambda xp, x, y, name=name: getattr(xp, name)(x, y) for name in BINARY},
    **{name: choosing(name) for name in COMPARE},
    **{name: joining(name) for name in LOGICAL},
    **{name: lambda xp, x, y, name=name: getattr(xp, name)(x, axis=1, keepdims=True) * y for name in
       ("sum", "mean", "max", "min", "prod", "var", "std")},
    **{name: lambda xp, x, y, name=name: xp.where(getattr(xp, name)(x > 0.5, axis=0), x, y) for name in ("all", "any")},
    **{name: lambda xp, x, y, name=name: y[:, getattr(xp, name)(x, axis=1)] for name in ("argmax", "argmin")},
    **{name: lambda xp, x, y, name=name: getattr(xp, name)(x, axis=1, include_initial=True) for name in
       ("cumulative_sum", "cumulative_prod")},
    **{name: lambda xp, x, y, name=name: xp.where(getattr(xp, name)(x > 0.5), x, y) for name in
       ("logical_not", "bitwise_invert")},
    **{name: lambda xp, x, y, name=name: xp.where(getattr(xp, name)(x), x, y) for name in
       ("isfinite", "isnan", "isinf")},
    **{name: lambda xp, x, y, name=name: x * getattr(xp, name)((2, 3)) for name in ("zeros", "ones")},
    **{name: lambda xp, x, y, name=name: x + getattr(xp, name)(y) for name in ("zeros_like", "ones_like")},
    "acosh": lambda xp, x, y: xp.acosh(y),
    "arange": lambda xp, x, y: x * xp.arange(0.5, 3.0, 1.0) + xp.arange(3),
    "asarray": lambda xp, x, y: x * xp.asarray([0.5, 0.25, 2.0]),
    "astype": lambda xp, x, y: x * xp.astype(y > 1.4, xp.float64),
    "broadcast_arrays": lambda xp, x, y: xp.broadcast_arrays(x[:1], y)[0],
    "broadcast_to": lambda xp, x, y: xp.broadcast_to(x[:1], (4, 3)),
    "clip": lambda xp, x, y: xp.clip(x, 0.5, 0.75),
    "concat": lambda xp, x, y: xp.concat([x, y], axis=1),
    "diff": lambda xp, x, y: xp.diff(x, axis=1, n=2),
    "empty": lambda xp, x, y: xp.concat([xp.empty((0, 3)), x]),
    "empty_like": lambda xp, x, y: xp.concat([xp.empty_like(x)[:0], x]),
    "expand_dims": lambda xp, x, y: xp.expand_dims(x, axis=1) * y,
    "eye": lambda xp, x, y: x @ xp.eye(3),
    "flip": lambda xp, x, y: xp.flip(x, axis=1),
    "full": lambda xp, x, y: x * xp.full((2, 3), 0.3),
    "full_like": lambda xp, x, y: x * xp.full_like(y, 0.3),
    "linspace": lambda xp, x, y: x * xp.linspace(0.0, 1.0, 3),
    "matmul": lambda xp, x, y: xp.matmul(x[:, None, :], xp.matrix_transpose(y)),
    "matrix_transpose": lambda xp, x, y: xp.matrix_transpose(x) + y.T,
    "moveaxis": lambda xp, x, y: xp.moveaxis(x, 0, 1),
    "permute_dims": lambda xp, x, y: xp.permute_dims(x, (1, 0)),
    "repeat": lambda xp, x, y: xp.repeat(x, 2, axis=0),
    "reshape": lambda xp, x, y: xp.reshape(x, (3, 2)) * y.reshape(-1, 2),
    "roll": lambda xp, x, y: xp.roll(x, 1, axis=1),
    "squeeze": lambda xp, x, y: xp.squeeze(x[:1], axis=0),
    "stack": lambda xp, x, y: xp.stack([x, y], axis=1),
    "take": lambda xp, x, y: xp.take(x, xp.asarray(K), axis=1),
    "take_along_axis": lambda xp, x, y: xp.take_along_axis(x, xp.asarray(K)[None, :2] % 2, axis=1),
    "tensordot": lambda xp, x, y: xp.tensordot(x, y, axes=((0,), (0,))),
    "tile": lambda xp, x, y: xp.tile(x, (2, 1)),
    "tril": lambda xp, x, y: xp.tril(x, k=-1),
    "triu": lambda xp, x, y: xp.triu(x, k=1),
    "unstack": lambda xp, x, y: xp.unstack(x, axis=1)[1],
    "vecdot": lambda xp, x, y: xp.vecdot(x, y, axis=0),
    "where": lambda xp, x, y: xp.where(xp.asarray(B), x, y),
}  # fmt: skip
OPERATORS = {
    "arithmetic": lambda xp, x, y: (1 - x) * 2 / y + (-x) ** 3 - y**-2 + 2**x + x**y + 1 / (+x) - abs(x - 1),
    "matrices": lambda xp, x, y: (x @ y.T)[..., None] * x.sum(axis=0) + y.mean(axis=-1, keepdims=True)[:, None],
    "comparisons": lambda xp, x, y: xp.where(((x < 0.6) & ~(y >= 1.5)) | (x == y) ^ (x != y), x, y),
    "indices": lambda xp, x, y: x[:, ::2][..., -1] * y[0, 1] + x[xp.arange(2), xp.asarray([2, 0])],
    "rows": lambda xp, x, y: sum(row[0] * row[1] for row in x) / len(y) + x.shape[0] + x.ndim,
    "whole": lambda xp, x, y: x // 0.25 + y % 0.4,
}
