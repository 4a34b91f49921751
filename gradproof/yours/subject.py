"""A function of one's own as a side: an adapter for each form in which people write a value and its gradient.

Every adapter makes a `Subject`, which answers a case as ours and the frameworks do: outputs and gradients by name.
Arguments go by the names of its signature; floating ones are differentiated, all others are labels, masks, indices.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.lookup import UsageError
from gradproof.yours.returned import Broken as Broken
from gradproof.yours.returned import in_order, is_float, kind, named_gradients, named_outputs, pair
from reference.formula import Array

Function = Callable[..., Any]


@dataclass(frozen=True)
class Subject:
    """A function of one's own. `answer(arguments, cotangent, options)` gives outputs and gradients by name.

    `arguments` are the names of its positional parameters, `outputs` those of its outputs; `form` is the adapter. With
    `values` False it returns gradients alone, with `linear` False it takes no cotangent (that of its one number is 1,
    and a slope is multiplied by it elsewhere). `wrapped` is the function itself. With `counts` True an array that is
    given twice is one variable, whose gradient is the total.
    """

    name: str
    form: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    answer: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Answer]
    wrapped: Any
    values: bool = True
    linear: bool = True
    forward: Function | None = None  # the outputs alone, where there is a function for them
    second: Function | None = None  # (arguments, v, u, options): the gradient of ⟨u, gradient⟩ through the backward
    counts: bool = False
    dtypes: tuple[str, ...] = ()  # that it takes, where this is known


def slope(function: Function) -> Subject:
    """`function(x, **options)` returns (value, slope), entry by entry.

    >>> import numpy as np
    >>> subject = slope(lambda x: (np.tanh(x), 1 - np.tanh(x) ** 2))
    >>> subject.form, subject.arguments
    ('slope', ('x',))
    """

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        value, by = pair(function(*given.values(), **options), "(value, slope)")
        return Answer({"value": value}, {next(iter(given)): by})

    return _subject(function, "slope", answer, linear=False)


def pullback(function: Function, outputs: Sequence[str] = ("value",)) -> Subject:
    """`function(x, w, …)` returns (value, back), and `back(v)` the gradients for the cotangent v of the value.

    Gradients are one array, a tuple in the order of the floating arguments, or a mapping by name. Of several `outputs`
    the value is a tuple or a mapping, and back takes a cotangent for each.
    """

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        value, back = pair(function(*given.values(), **options), "(value, pullback)")
        if not callable(back):
            raise Broken(f"returns (value, pullback), but the second is {kind(back)}, which cannot be called")
        return Answer(named_outputs(value, outputs), named_gradients(back(*in_order(v, value, outputs)), given))

    return _subject(function, "pullback", answer, outputs)


def gradients(function: Function) -> Subject:
    """`function(x, y, …)` returns (value, gradients) of one number: a cost, say.

    Gradients are as those of `pullback`.
    """

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        value, by = pair(function(*given.values(), **options), "(value, gradients)")
        return Answer({"value": value}, named_gradients(by, given))

    return _subject(function, "gradients", answer, linear=False)


def forward_backward(
    forward: Function, backward: Function, saved: bool = True, outputs: Sequence[str] = ("value",)
) -> Subject:
    """A pair: `forward(x, w, …)` returns (value, cache) and `backward(v, cache)` the gradients.

    With `saved` False `forward` returns the value alone, and backward is called as backward(v, x, w, …). Several
    `outputs` and gradients are as those of `pullback`; the value and the cotangent are then tuples.
    """

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        found = forward(*given.values(), **options)
        value, cache = pair(found, "(value, cache)") if saved else (found, None)
        cotangents = in_order(v, value, outputs)
        one = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
        by = backward(one, cache) if saved else backward(one, *given.values(), **options)
        return Answer(named_outputs(value, outputs), named_gradients(by, given))

    def outputs_alone(*given: Any, **options: Any) -> Any:
        found = forward(*given, **options)
        return found[0] if saved else found

    return _subject(forward, "forward_backward", answer, outputs, forward=outputs_alone, wrapped=(forward, backward))


def objective(function: Function, arguments: Sequence[str] = ()) -> Subject:
    """A boosting objective: `function(prediction, target)` returns (grad, hess), an entry an example.

    As XGBoost, LightGBM and CatBoost want them, of the sum of the costs of all examples: hess is the diagonal of the
    second derivatives, which an argument "z²" among those that are `constant` leaves unjudged. There is no value.
    """

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        grad, hess = pair(function(*given.values(), **options), "(grad, hess)")
        name = next(iter(given))
        return Answer({}, {name: grad, f"{name}²": hess})

    names = tuple(arguments) or _arguments(function)
    return Subject(_name(function), "objective", names, ("value",), answer, function, values=False, linear=False)


def torch_function(
    function: Any, outputs: Sequence[str] = ("value",), arguments: Sequence[str] = (), device: str = "cpu"
) -> Subject:
    """A torch callable, or a subclass of torch.autograd.Function, differentiated by torch as it stands.

    Arguments arrive as tensors on `device`; what comes back is judged on the CPU. The names of `arguments` are those of
    the signature (of `forward` without ctx) unless given.
    """
    import torch

    if torch.device(device).type == "meta":
        raise UsageError("device='meta' has no numbers to judge")
    custom = isinstance(function, type) and issubclass(function, torch.autograd.Function)
    call = function.apply if custom else function

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        from oracles.torch_autograd.tensors import array

        leaves, by, values, seeds = run(given, v, options)
        roots = [values[name] for name in seeds]
        found = torch.autograd.grad(roots, list(by.values()), list(seeds.values()), allow_unused=True)
        for name, x in leaves.items():
            _written(given[name], x)
        for name, seed in seeds.items():
            _written(v.get(name), seed)
        return Answer({name: array(y.detach().cpu()) for name, y in values.items()},
                      {name: array(g.cpu()) for name, g in zip(by, found, strict=True) if g is not None})  # fmt: skip

    def run(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Tensors of the arguments, those that are differentiated, the outputs, and the cotangents of some of these."""
        from oracles.torch_autograd.tensors import tensor

        made = {id(x): tensor(x).to(device).requires_grad_(is_float(x)) for x in given.values()
                if isinstance(x, np.ndarray)}  # fmt: skip
        leaves = {name: made.get(id(x), x) for name, x in given.items()}  # one leaf for an array given twice
        values = named_outputs(call(*leaves.values(), **options), outputs)
        by = {name: x for name, x in leaves.items() if isinstance(x, torch.Tensor) and x.requires_grad}
        seeds = {name: tensor(np.asarray(v[name])).to(values[name]) if name in v else torch.ones_like(values[name])
                 for name in paths(values, v)}  # fmt: skip
        return [leaves, by, values, seeds]

    def paths(values: Mapping[str, Any], v: Mapping[str, Any]) -> list[str]:
        """The outputs that the cotangent sees: what is 0 throughout is left out, as an unused output is."""
        strangers = [f"{name} is {kind(y)}" for name, y in values.items() if not isinstance(y, torch.Tensor)]
        if strangers:
            raise Broken(f"{strangers[0]}, not a tensor")
        moving = [name for name, y in values.items() if y.requires_grad]
        if not moving:
            raise Broken("no output depends on its arguments for torch: requires_grad is lost on the way")
        return [name for name in moving if name not in v or np.asarray(v[name], np.float64).any()] or moving

    def second(given: Mapping[str, Any], v: Mapping[str, Any], u: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        """The gradient of ⟨u, gradient⟩, through the backward; None where that is no function of the arguments."""
        from oracles.torch_autograd.tensors import array, tensor

        _, by, values, seeds = run(given, v, options)
        roots = [values[name] for name in seeds]
        firsts = torch.autograd.grad(roots, list(by.values()), list(seeds.values()), allow_unused=True,
                                     create_graph=True)  # fmt: skip
        pairs = [(g, tensor(u[name]).to(g)) for name, g in zip(by, firsts, strict=True)
                 if g is not None and g.requires_grad]  # fmt: skip
        if not pairs:
            return None
        found = torch.autograd.grad([g for g, _ in pairs], list(by.values()), [d for _, d in pairs], allow_unused=True)
        return {name: array(g.cpu()) for name, g in zip(by, found, strict=True) if g is not None}

    names = tuple(arguments) or _arguments(function.forward if custom else function)[int(custom) :]
    made = _subject(function, "torch_function", answer, outputs, arguments=names)
    return replace(made, second=second, counts=True)


def jax_function(function: Any, outputs: Sequence[str] = ("value",), arguments: Sequence[str] = ()) -> Subject:
    """A JAX callable, jax.custom_vjp and jax.jit included, differentiated by jax.vjp as it stands."""

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        import jax

        jax.config.update("jax_enable_x64", True)
        by = [name for name, x in given.items() if is_float(x)]
        alike = {name: next(n for n in by if given[n] is given[name]) for name in by}  # an array may be given twice
        once = list(dict.fromkeys(alike.values()))

        def of(*floats: Any) -> Any:
            moving = dict(zip(once, floats, strict=True))
            return function(*{**given, **{n: moving[first] for n, first in alike.items()}}.values(), **options)

        found, back = jax.vjp(of, *(jax.numpy.asarray(given[name]) for name in once))
        values = named_outputs(found, outputs)
        seeds = [jax.numpy.asarray(v[name]).astype(y.dtype) if name in v else jax.numpy.ones_like(y)
                 for name, y in values.items()]  # fmt: skip
        flat, tree = jax.tree.flatten(found)
        if len(flat) != len(seeds):
            raise Broken(f"returns {len(flat)} arrays, {len(seeds)} outputs were named")
        grads = dict(zip(once, back(jax.tree.unflatten(tree, seeds)), strict=True))
        return Answer({name: np.asarray(y) for name, y in values.items()},
                      {name: np.asarray(grads[alike[name]]) for name in by})  # fmt: skip

    return replace(_subject(function, "jax_function", answer, outputs, arguments=tuple(arguments)), counts=True)


def compiled(function: Any, roles: Sequence[str], dtype: str = "float64") -> Subject:
    """A C function behind ctypes or cffi that takes pointers, of arrays of one length.

    `roles` says in order what it is passed: the name of an argument, "value" for where it writes the value, "slope" or
    "∂x" for where it writes the gradient by x, "v" for the cotangent, "n" for the length; all arrays are of `dtype`.

    >>> subject = compiled(lambda x, value, slope, n: None, ["x", "value", "slope", "n"], dtype="float32")
    >>> subject.arguments, subject.linear
    (('x',), False)
    """
    made = {"value", "slope", "v", "n"}
    names = tuple(role for role in roles if role not in made and not role.startswith("∂"))
    if not names:
        raise UsageError(f"roles {list(roles)} name no argument")

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        arrays = {name: np.ascontiguousarray(x) for name, x in given.items()}
        if strangers := [f"{name} is {x.dtype}" for name, x in arrays.items() if is_float(x) and x.dtype != dtype]:
            raise Broken(f"{strangers[0]}, the pointers are of {dtype}")
        shape = np.shape(next(iter(given.values())))  # of a 0-d array a contiguous one has an axis
        places = [role for role in roles if role in ("value", "slope") or role[0] == "∂"]
        written = {role: np.full(shape, np.nan, dtype) for role in places}
        passed = {**arrays, **written, "v": np.ascontiguousarray(v.get("value", np.ones(shape)), dtype)}
        size = int(np.prod(shape))
        function(
            *(
                _length(function, size) if role == "n" else _pointer(function, k, passed[role])
                for k, role in enumerate(roles)
            )
        )
        by = {names[0] if role == "slope" else role[1:]: x for role, x in written.items() if role != "value"}
        return Answer({"value": written["value"]} if "value" in written else {}, by)

    return Subject(_name(function), "compiled", names, ("value",), answer, function, values="value" in roles,
                   linear="v" in roles, dtypes=(dtype,))  # fmt: skip


ADAPTERS: dict[str, Callable[..., Subject]] = {
    adapter.__name__: adapter
    for adapter in (slope, pullback, gradients, forward_backward, objective, torch_function, jax_function, compiled)
}


def subject_of(thing: Any) -> Subject:
    """A subject as it is, and what says by its type how it is differentiated. Raises UsageError for a bare function."""
    if isinstance(thing, Subject):
        return thing
    bases = (thing if isinstance(thing, type) else type(thing)).__mro__
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in bases]
    owner = getattr(thing, "__self__", None)
    if isinstance(owner, type) and getattr(thing, "__name__", "") == "apply":  # of a torch.autograd.Function
        return subject_of(owner)
    if any(kind == "torch.autograd.function.Function" for kind in kinds):
        return torch_function(thing)
    if "torch.nn.modules.module.Module" in kinds:
        return torch_function(thing, arguments=_arguments(thing.forward))
    if any(kind.startswith(("jax.", "jaxlib.")) for kind in kinds):
        return jax_function(thing)
    raise UsageError(
        f"{_name(thing)} is {kind(thing)}: say what it returns, as gradproof.pullback({_name(thing)}); if it computes "
        f"with torch or JAX: gradproof.torch_function or gradproof.jax_function; there are {', '.join(ADAPTERS)}"
    )


# ---------------------------------------------------------------- what came back


def _subject(
    function: Any, form: str, answer: Any, outputs: Sequence[str] = ("value",), *, linear: bool = True,
    forward: Function | None = None, wrapped: Any = None, arguments: tuple[str, ...] = (),
) -> Subject:  # fmt: skip
    names = arguments or _arguments(function)
    return Subject(_name(function), form, names, tuple(outputs), answer, wrapped or function, linear=linear,
                   forward=forward)  # fmt: skip


def _arguments(function: Any) -> tuple[str, ...]:
    """The names of the positional parameters without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(f"{_name(function)} does not say what it takes: pass arguments=('x', …)") from None
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
                  and p.default is p.empty)  # fmt: skip
    if not names:
        raise UsageError(f"{_name(function)} takes no positional argument: there is nothing to differentiate")
    return names


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _written(x: Any, tensor: Any) -> None:
    """Writes into an array what was written into the tensor made of it, for all to see."""
    from oracles.torch_autograd.tensors import array

    if isinstance(x, np.ndarray) and x.flags.writeable and hasattr(tensor, "detach"):
        now = np.asarray(array(tensor.detach().cpu()), x.dtype)
        if not np.array_equal(now, x, equal_nan=x.dtype.kind == "f"):
            x[...] = now


def _length(function: Any, n: int) -> Any:
    """A length as wide as any C integer: ctypes itself would pass an int, of which a long on the stack has rubbish."""
    import ctypes

    untyped = getattr(function, "argtypes", 0) is None  # a function of ctypes, and nobody has said what it takes
    return ctypes.c_ssize_t(n) if untyped else n


def _pointer(function: Any, place: int, x: Array) -> Any:
    """A pointer to the data of x, as ctypes wants it, or as cffi does."""
    import ctypes

    types = getattr(function, "argtypes", None)
    if types:
        return x.ctypes.data_as(types[place])
    if type(function).__module__.startswith("_cffi"):
        import cffi

        kind = {"float64": "double *", "float32": "float *"}[x.dtype.name]
        return cffi.FFI().cast(kind, cffi.FFI().from_buffer(x))
    return x.ctypes.data_as(ctypes.c_void_p)
