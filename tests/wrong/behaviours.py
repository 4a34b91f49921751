"""Gradients with right numbers that break a law: they overwrite, keep, ignore, misread memory, forget."""

import numpy as np
from wrong.mutants import Wrong, by, pullback_of

import gradproof

F64 = {"dtypes": ["float64"]}
TANH = "activation/tanh"


def contiguous(x):
    """What a kernel reads that takes for granted that the array lies in one piece, in C's order."""
    if 0 in x.strides and x.size > 1:  # stride 0: one number, and whatever stands beside it
        return np.where(np.arange(x.size).reshape(x.shape) == 0, x, 0)
    if x.ndim == 1 and x.strides and x.strides[0] < 0:
        return x[::-1].copy()
    if x.flags.c_contiguous:
        return x
    return np.ascontiguousarray(x.T).reshape(x.shape) if x.flags.f_contiguous else np.roll(x, 1, -1)


def tanh(x):
    """The right one, to be spoilt."""
    y = np.tanh(x)
    return y, lambda v: v * (1 - y * y)


def overwrites_input(x):
    y, back = tanh(x.copy())
    x *= 0.5
    return y, back


def overwrites_cotangent(x):
    y, _ = tanh(x)

    def back(v):
        v *= 1 - y * y
        return v

    return y, back


def one_buffer():
    kept = {}

    def function(x):
        y, right = tanh(x)

        def back(v):
            g = right(v)
            out = kept.setdefault((g.shape, g.dtype), np.empty_like(g))
            out[...] = g
            return out

        return y, back

    return function


def forgets(calls):
    """W25: right for some calls, wrong afterwards."""
    count = [0]

    def function(x):
        y, right = tanh(x)

        def back(v):
            count[0] += 1
            return right(v) * (1 if count[0] <= calls else 1.5)

        return y, back

    return function


def random_noise(x):
    y, right = tanh(x)
    return y, lambda v: right(v) * (1 + 1e-15 * np.random.standard_normal(np.shape(v)))  # noqa: NPY002


def seeds_the_world(x):
    np.random.seed(0)  # noqa: NPY002
    return tanh(x)


def accumulates():
    """The gradient is added to that of the call before."""
    total = {}

    def function(x):
        y, right = tanh(x)

        def back(v):
            total[x.shape] = total.get(x.shape, 0) + right(v)
            return total[x.shape]

        return y, back

    return function


def reads_cotangent(x):
    y, right = tanh(x)
    return y, lambda v: right(contiguous(v))


def reads_input(x):
    return tanh(contiguous(x))


def squared_cotangent(x):
    y, right = tanh(x)
    return y, lambda v: right(v * np.abs(v))


def ignores_cotangent(x):
    y, right = tanh(x)
    return y, lambda v: right(np.ones_like(v))


def biased(x):
    y, right = tanh(x)
    return y, lambda v: right(v) + 1e-3


def flat(x):
    y, right = tanh(x)
    return y, lambda v: right(v).ravel()


def needs_an_axis(x):
    y = np.tanh(x)
    return y, lambda v: np.stack([v[i] * (1 - y[i] ** 2) for i in range(len(y))])


MADE = [
    Wrong(
        "W22-overwrites-input", gradproof.pullback(overwrites_input), TANH, law="inputs are not overwritten", how=F64
    ),
    Wrong(
        "W22-overwrites-cotangent",
        gradproof.pullback(overwrites_cotangent),
        TANH,
        law="inputs are not overwritten",
        how=F64,
    ),
    Wrong("one-buffer", gradproof.pullback(one_buffer()), TANH, law="earlier results stay", how=F64),
    Wrong("accumulates", gradproof.pullback(accumulates()), TANH, law="the same again", how=F64),
    Wrong("W25", gradproof.pullback(forgets(10)), TANH, law="the same again", how=F64),
    Wrong("W25-early", gradproof.pullback(forgets(4)), TANH, law="the same again", how=F64),
    Wrong("random", gradproof.pullback(random_noise), TANH, law="the same again", how=F64),
    Wrong("seeds", gradproof.pullback(seeds_the_world), TANH, law="leaves global state alone", how=F64),
    Wrong("W21-cotangent", gradproof.pullback(reads_cotangent), TANH, law="memory layout does not matter", how=F64),
    Wrong("W21-input", gradproof.pullback(reads_input), TANH, law="memory layout does not matter", how=F64),
    Wrong("not-linear", gradproof.pullback(squared_cotangent), TANH, law="linear in the cotangent", how=F64),
    Wrong("W26-tanh", gradproof.pullback(ignores_cotangent), TANH, law="no cotangent, no gradient", how=F64),
    Wrong("biased", gradproof.pullback(biased), TANH, law="no cotangent, no gradient", how=F64),
    Wrong("flat", gradproof.pullback(flat), TANH, law="any shape", how=F64),
    Wrong("needs-an-axis", gradproof.pullback(needs_an_axis), TANH, law="any shape", how=F64),
    Wrong(
        "W20",
        pullback_of("cost/cross_entropy_labels", seen=lambda v, x: contiguous(v), fixed={"reduction": "none"}),
        "cost/cross_entropy_labels",
        law="memory layout does not matter",
        how={**F64, "parameters": {"reduction": "none"}},
    ),
    Wrong(
        "W21-softmax",
        pullback_of("activation/softmax", seen=lambda v, x: contiguous(v)),
        "activation/softmax",
        law="memory layout does not matter",
        how=F64,
    ),
    Wrong(
        "W26",
        pullback_of("cost/cross_entropy_labels", seen=lambda v, x: np.ones_like(v), fixed={"reduction": "none"}),
        "cost/cross_entropy_labels",
        "the cotangent is ignored, as if it were ones",
        how={**F64, "parameters": {"reduction": "none"}},
    ),
    Wrong(
        "softmax-sums",
        pullback_of("activation/softmax", by("z", lambda g, x, v: g + 1e-6 * v)),
        "activation/softmax",
        law="∂/∂z sums to 0 along axis 1",
        how=F64,
    ),
]


def torch_functions():
    """What torch can be led to."""
    try:
        import torch
    except ImportError:
        return

    class Scaled(torch.autograd.Function):
        """The cotangent is ignored."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tanh(x)

        @staticmethod
        def backward(ctx, v):
            (x,) = ctx.saved_tensors
            return 1 - torch.tanh(x) ** 2

    class InPlace(torch.autograd.Function):
        """The cotangent is overwritten."""

        @staticmethod
        def forward(ctx, x):
            y = torch.tanh(x)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, v):
            (y,) = ctx.saved_tensors
            return v.mul_(1 - y * y)

    def detached(x):
        return torch.tanh(x.detach())

    yield Wrong("torch-ignores-v", Scaled, TANH, "the cotangent is ignored", how=F64)
    yield Wrong("W24-detached", gradproof.torch_function(detached), TANH, "requires_grad is lost", how=F64)
    yield Wrong("torch-in-place", InPlace, TANH, law="inputs are not overwritten", how=F64)


MADE += torch_functions()
