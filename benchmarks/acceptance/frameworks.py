"""The checkers of the frameworks, each asked in its own terms: a function whose backward is the subject's.

They are asked at their defaults, but for what a hand-written backward leaves no choice in: reverse mode and first
order. Every one says True where it accepts the gradient; what it raises is a rejection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.acceptance.questions import Question
from reference.formula import Array

SCIPY_LIMIT = 5e-7  # of SciPy's own tests of its check_grad, which has none


def torch_function(q: Question) -> Any:
    """A torch.autograd.Function whose forward and backward are the subject's."""
    import torch

    class Asked(torch.autograd.Function):
        @staticmethod
        @torch.enable_grad()  # the subject may be of torch itself
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            found = tuple(torch.from_numpy(y) for y in q.outputs([t.detach().numpy() for t in tensors]).values())
            return found[0] if len(found) == 1 else found

        @staticmethod
        @torch.enable_grad()
        def backward(ctx: Any, *seeds: Any) -> Any:
            v = dict(zip(q.cotangent("ones"), (np.array(s.numpy()) for s in seeds), strict=True))
            arrays = [t.detach().numpy() for t in ctx.saved_tensors]
            found = tuple(torch.from_numpy(np.array(g, dtype="float64")) for g in q.gradients(arrays, v))
            return found[0] if len(found) == 1 else found

    return Asked.apply


def gradcheck(q: Question, fast: bool = False) -> bool:
    """`torch.autograd.gradcheck`."""
    import torch

    tensors = [torch.from_numpy(np.array(x)).requires_grad_() for x in q.arrays]
    return bool(torch.autograd.gradcheck(torch_function(q), tensors, fast_mode=fast))


def gradcheck_fast(q: Question) -> bool:
    """`torch.autograd.gradcheck(…, fast_mode=True)`."""
    return gradcheck(q, fast=True)


def jax_check_grads(q: Question) -> bool:
    """`jax.test_util.check_grads(…, order=1, modes=["rev"])` of a jax.custom_vjp."""
    import jax
    from jax.test_util import check_grads

    from oracles import jax_grad  # which lets JAX have 64 bits

    del jax_grad

    def outputs(*arrays: Any) -> Any:
        return tuple(jax.numpy.asarray(y) for y in q.outputs([np.asarray(x) for x in arrays]).values())

    def backward(arrays: Any, seeds: Any) -> Any:
        v = dict(zip(q.cotangent("ones"), (np.array(s) for s in seeds), strict=True))
        return tuple(jax.numpy.asarray(g) for g in q.gradients([np.asarray(x) for x in arrays], v))

    asked = jax.custom_vjp(outputs)
    asked.defvjp(lambda *arrays: (outputs(*arrays), arrays), backward)
    check_grads(asked, tuple(map(jax.numpy.asarray, q.arrays)), order=1, modes=["rev"])
    return True


def flat(q: Question) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array], Array]:
    """Outputs and pullback as functions of one vector, and the vector: all arguments, one after another."""
    shapes = [x.shape for x in q.arrays]
    ends = np.cumsum([x.size for x in q.arrays])[:-1]
    seeds = q.cotangent("ones")

    def arrays(x: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(x, ends), shapes, strict=True)]

    def outputs(x: Array) -> Array:
        return np.concatenate([np.ravel(y) for y in q.outputs(arrays(x)).values()])

    def pullback(x: Array, v: Array) -> Array:
        parts = np.split(v, np.cumsum([s.size for s in seeds.values()])[:-1])
        by = {name: part.reshape(s.shape) for (name, s), part in zip(seeds.items(), parts, strict=True)}
        return np.concatenate([np.ravel(g) for g in q.gradients(arrays(x), by)])

    return outputs, pullback, np.concatenate([np.ravel(x) for x in q.arrays])


def autograd_check_grads(q: Question) -> bool:
    """`autograd.test_util.check_grads(…, modes=["rev"], order=1)` of a primitive of HIPS autograd."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    outputs, pullback, x = flat(q)
    asked = primitive(outputs)
    defvjp(asked, lambda _, x: lambda v: pullback(x, v))
    np.random.seed(0)  # noqa: NPY002  # it draws its directions from the world's generator
    check_grads(asked, modes=["rev"], order=1)(x)
    return True


def scipy_number(q: Question) -> float:
    """What `scipy.optimize.check_grad` returns of ⟨v, outputs⟩ under a normal cotangent v."""
    from scipy.optimize import check_grad

    outputs, pullback, x = flat(q)
    v = np.concatenate([np.ravel(s) for s in q.cotangent("normal").values()])
    with np.errstate(all="ignore"):
        return float(check_grad(lambda x: float(v @ outputs(x)), lambda x: pullback(x, v), x))


def scipy_check_grad(q: Question) -> bool:
    """`scipy.optimize.check_grad`, by the limit of SciPy's own tests."""
    return scipy_number(q) < SCIPY_LIMIT


FRAMEWORKS: dict[str, Callable[[Question], bool]] = {
    "torch.autograd.gradcheck": gradcheck,
    "torch.autograd.gradcheck, fast mode": gradcheck_fast,
    "jax.test_util.check_grads": jax_check_grads,
    "autograd.test_util.check_grads": autograd_check_grads,
    "scipy.optimize.check_grad": scipy_check_grad,
}
