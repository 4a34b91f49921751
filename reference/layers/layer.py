"""From a body over float64 arrays to a layer: several arguments, one output or more, and the way back.

A layer returns (outputs, pullback). The pullback maps the cotangents of the outputs to {argument: gradient}, for every
floating argument that is given. A body does the same in float64: it takes its arrays by position, an optional one as
None, and gives the gradients by all arguments, of which those that nobody asked for are dropped.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference.entries import check_entries
from reference.lift import QUIET, Answer, Array, checked, cotangent_of, floating, is_floating, named, real, rounded

Gradients = dict[str, Array]
Outputs = Any  # an array, or a tuple of them in the order of their names
Pullback = Callable[..., Gradients]
Layer = Callable[..., tuple[Outputs, Pullback]]


def layer(*outputs: str, indices: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Layer]:
    """Lift a body, (arrays, *, parameters) ↦ (outputs, pullback), to a layer in any floating dtype, with its vjp.

    `outputs` are the names of the outputs where there are several; the body then returns a tuple, and its pullback
    takes their cotangents in this order. What is evaluated in float64 is rounded once, to the dtype of the first
    floating argument. `indices` are arguments that are integers or bools (indices, lengths, masks): they go to the
    body as they are.

    The layer raises TypeError for an array that is not floating, an unknown argument or parameter and one that is
    missing; ValueError for a cotangent of another shape and for entries that are not what the record says of them;
    and what the body raises.
    """
    names = outputs or ("value",)

    def lift(body: Callable[..., Any]) -> Layer:
        signature = inspect.signature(body)
        arrays = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        known = {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
        needed = sum(p.default is p.empty for p in arrays)
        taken = tuple(p.name for p in arrays)

        def evaluate(given: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[list[Array], Pullback]:
            """Outputs, and the pullback of float64 cotangents, both in the dtype of the first floating argument."""
            x = {
                name: real(array, name) if name in indices else floating(array, name)
                for name, array in named(lifted, given, taken, needed).items()
            }
            dtypes = {name: array.dtype for name, array in x.items() if is_floating(array.dtype)}
            dtype = next(iter(dtypes.values()))
            wide = [_wide(x[name]) if name in x else None for name in taken]
            if (record := getattr(lifted, "formula", None)) is not None:
                given_wide = {name: array for name, array in zip(taken, wide, strict=True) if array is not None}
                check_entries(given_wide, record.entries, dtypes)
            found, pull = body(*wide, **checked(lifted, known, parameters))
            values = [*found] if outputs else [found]

            def pullback(cotangents: Sequence[Array | None]) -> Gradients:
                v = [np.zeros(y.shape) if w is None else np.asarray(w, order="C")
                     for w, y in zip(cotangents, values, strict=True)]  # fmt: skip
                gradients = pull(*v)
                return {name: _own(rounded(np.asarray(gradients[name]), dtype), v) for name in dtypes}

            return [rounded(np.asarray(y), dtype) for y in values], pullback

        @functools.wraps(body)
        @QUIET
        def lifted(*positional: Any, **keywords: Any) -> tuple[Outputs, Pullback]:
            if len(positional) > len(taken):
                raise TypeError(f"{body.__name__} takes the arrays {', '.join(taken)}; {len(positional)} are given")
            given = dict(zip(taken, positional, strict=False))
            given |= {name: keywords.pop(name) for name in taken if name in keywords and name not in given}
            values, pull = evaluate(given, keywords)

            @QUIET
            def pullback(*cotangents: Any) -> Gradients:
                if len(cotangents) > len(names):
                    raise TypeError(f"{len(cotangents)} cotangents; the outputs are {', '.join(names)}")
                pairs = zip(cotangents, values, strict=False)
                v = [None if w is None else cotangent_of(w, y.shape, copy=False) for w, y in pairs]
                return pull([*v, *[None] * (len(values) - len(v))])

            return tuple(values) if outputs else values[0], pullback

        @QUIET
        def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: Any) -> Answer:
            values, pull = evaluate(arguments, parameters)
            found = dict(zip(names, values, strict=True))
            return found, pull(_cotangents(cotangent, found))

        lifted.vjp = vjp  # type: ignore[attr-defined]
        return lifted

    return lift


def _wide(x: Array) -> Array:
    """Floats in float64, in one order of summation however they lie in memory; integers and bools as they are."""
    return np.asarray(x, np.float64, order="C") if is_floating(x.dtype) else x


def _own(g: Array, cotangents: Sequence[Array]) -> Array:
    """A gradient, or a copy of it where it is a cotangent or a part of one, which the caller keeps."""
    return g.copy() if any(np.may_share_memory(g, v) for v in cotangents) else g


def _cotangents(cotangent: Any, outputs: Mapping[str, Array]) -> list[Array | None]:
    """One cotangent for each output, None for zeros. None as a whole stands for ones."""
    if cotangent is None:
        return [np.ones(y.shape) for y in outputs.values()]
    if not isinstance(cotangent, Mapping):
        if len(outputs) > 1:
            raise ValueError(f"one cotangent, but the outputs are {', '.join(outputs)}: pass a mapping by name")
        cotangent = {next(iter(outputs)): cotangent}
    if strangers := [name for name in cotangent if name not in outputs]:
        raise ValueError(f"a cotangent of {strangers[0]!r}; the outputs are {', '.join(outputs)}")
    return [cotangent_of(cotangent.get(name), y.shape, copy=False) for name, y in outputs.items()]
