"""Questions that tell what is meant by the name of a layer, each answered by a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.conventions.probe import Probe, number, read

Pick = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]  # of outputs and gradients, a number
NONSENSE = "input that makes no sense"
GATES = "order of the gates"


def _arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as float64; arrays, such as indices and masks, as they are."""
    return {name: x if isinstance(x, np.ndarray) else np.asarray(x, np.float64) for name, x in given.items()}


def first(outputs: Mapping[str, Any], gradients: Mapping[str, Any]) -> Any:
    """The first entry of the value."""
    return np.ravel(outputs["value"])[0]


def last(outputs: Mapping[str, Any], gradients: Mapping[str, Any]) -> Any:
    """The last entry of the value."""
    return np.ravel(outputs["value"])[-1]


def windows(outputs: Mapping[str, Any], gradients: Mapping[str, Any]) -> Any:
    """How many entries the value has."""
    return np.size(outputs["value"])


def value_of(
    topic: str, name: str, what: str, pick: Pick, candidates: Mapping[str, float], options: Any = None, /, **given: Any
) -> Probe:
    """A number of the answer at one input."""
    id, arrays = f"layer/{name}", _arrays(given)

    def ask(side: Any) -> tuple[Any, str]:
        measured = float(pick(*side.native(id, arrays, **(options or {}))))
        return measured, read(measured, candidates)

    return Probe(topic, id, what, ask)


def accepts(name: str, what: str, options: Any = None, /, **given: Any) -> Probe:
    """What a call that makes no sense comes to: the first entry; in brackets, of a framework's operations."""
    id, arrays = f"layer/{name}", _arrays(given)

    def ask(side: Any) -> tuple[Any, str]:
        said = "{}"
        try:
            outputs, _ = side.native(id, arrays, **(options or {}))
        except LookupError as missing:
            if missing.args[0] != "no such function":
                raise
            said, (outputs, _) = "({})", side.vjp(id, arrays, None, **(options or {}))
        found = np.ravel(outputs["value"])
        return found.tolist(), said.format(number(float(found[0])) if found.size else "no entries")

    return Probe(NONSENSE, id, what, ask)


# ---------------------------------------------------------------- normalisation

INSIDE, OUTSIDE = "√(mean + ε)", "√mean + ε"


def _eps(name: str, short: Any, dtype: Any = np.float64, /, **given: Any) -> Probe:
    """ε by default, from what becomes of entries ±t so short that it outweighs them: y = t/√(t² + ε)."""
    arrays = {"x": np.asarray(short, dtype)}
    t = float(np.abs(arrays["x"]).max())

    def ask(side: Any) -> tuple[Any, str]:
        y = float(np.abs(side.native(f"layer/{name}", arrays, **given)[0]["value"]).max())
        eps = t * t * (1 / (y * y) - 1)
        known = {"1e-5": 1e-5, "1e-6": 1e-6, "1e-3": 1e-3, "2⁻⁵², that of the dtype": 2.0**-52,
                 "2⁻²³, that of the dtype": 2.0**-23}  # fmt: skip
        return eps, read(eps, known, digits=4)

    return Probe("ε by default", f"layer/{name}", f"entries ±{t:g}, {arrays['x'].dtype}", ask)


def _norms() -> list[Probe]:
    t = 1e-5
    row, column, far = [[-1.0, 1.0]], [[-1.0], [1.0]], 1e8
    places = {INSIDE: 0.5, "√(sum + ε)/√n": 1 / math.sqrt(2.5), OUTSIDE: 0.25}
    by_n = {"n": 1.0, "n − 1": 1 / math.sqrt(2)}
    small = {"eps": 1e-12}
    return [
        value_of("where ε stands", "layer_norm", "entries ±1, ε = 3", last, places, {"eps": 3.0}, x=row),
        value_of("where ε stands", "rms_norm", "entries ±1, ε = 3", last, places, {"eps": 3.0}, x=row),
        value_of("where ε stands", "batch_norm", "entries ±1, ε = 3", last, places, {"eps": 3.0}, x=column),
        value_of("where ε stands", "group_norm", "entries ±1, ε = 3", last, places, {"eps": 3.0, "groups": 1}, x=row),
        _eps("layer_norm", [[-t, t]]),
        _eps("rms_norm", [[-t, t]]),
        _eps("rms_norm", [[-t, t]], np.float32),
        _eps("batch_norm", [[-t], [t]]),
        _eps("group_norm", [[-t, t]], groups=1),
        value_of("the variance inside divides by", "layer_norm", "entries ±1, ε = 1e-12", last, by_n, small, x=row),
        value_of("the variance inside divides by", "batch_norm", "entries ±1, ε = 1e-12", last, by_n, small, x=column),
        value_of("a mean far from 0", "layer_norm", "10⁸ ± 1, ε = 0", last,
                 {"keeps its digits": 1.0}, {"eps": 0.0}, x=[[far - 1, far + 1]]),
        _stored("what it stores of the mean", "entries 1 and 3", lambda mean, variance: mean / 2,
                {"all: the batch's own": 1.0, "0.1 of the new one": 0.1, "0.9 of the new one": 0.9}),
        _stored("the stored variance divides by", "entries 1 and 3",
                lambda mean, variance: (variance - (1 - mean / 2)) / (mean / 2), {"n": 1.0, "n − 1": 2.0}),
        value_of("divides by", "variance", "entries ±1", first, {"n": 1.0, "n − 1": 2.0}, x=row),
        value_of("divides by", "standard_deviation", "entries ±1", first, {"n": 1.0, "n − 1": math.sqrt(2)}, x=row),
        value_of("one length for", "weight_norm", "rows (3, 4) and (0, 1) of lengths 10", first,
                 {"each row": 6.0, "each column": 10.0}, w=[[3.0, 4.0], [0.0, 1.0]], g=[10.0, 10.0]),
    ]  # fmt: skip


def _stored(topic: str, what: str, measure: Callable[[float, float], float], known: Mapping[str, float]) -> Probe:
    """Of the mean m·2 and the variance (1 − m) + m·v that one call makes of 0 and 1, or gives with m = 1."""

    def ask(side: Any) -> tuple[Any, str]:
        outputs, _ = side.native("layer/batch_norm", {"x": np.array([[1.0], [3.0]])})
        if "variance" not in outputs:
            raise LookupError("keeps no statistics")
        measured = measure(float(outputs["mean"][0]), float(outputs["variance"][0]))
        return measured, read(measured, known)

    return Probe(topic, "layer/batch_norm", what, ask)


# ---------------------------------------------------------------- recurrent

ONE = np.ones((1, 1, 1))  # one step of one example with one input


def _order(
    name: str, states: tuple[str, ...], outputs: tuple[str, ...], known: Mapping[tuple[float, ...], str]
) -> Probe:
    """A weight of 1 for one gate after the other, 0 for the others, states of 1: which gate each of them is."""

    def ask(side: Any) -> tuple[Any, str]:
        count, said, measured = len(known), [], []
        for k in range(count):
            rows = (np.arange(count) == k).astype(np.float64)[:, None]
            given = {"x": ONE, **dict.fromkeys(states, np.ones((1, 1))), "weight_x": rows, "weight_h": 0 * rows}
            found, _ = side.native(f"layer/{name}", given)
            numbers = [float(found[output][0, 0]) for output in outputs]
            same = (gate for key, gate in known.items() if np.allclose(numbers, key, rtol=1e-6))
            said.append(next(same, "(" + ", ".join(map(number, numbers)) + ")"))
            measured.append(numbers)
        return measured, ", ".join(said)

    return Probe(GATES, f"layer/{name}", "a weight of 1 for one of them, 0 for the others", ask)


def _recurrent() -> list[Probe]:
    half, open_, new = 0.5, 1 / (1 + math.exp(-1)), math.tanh(1)

    def cell(c: float, o: float = half) -> tuple[float, ...]:
        return c, o * math.tanh(c)

    lstm = {cell(half): "input", cell(open_): "forget", cell(half + half * new): "cell", cell(half, open_): "output"}
    states: tuple[tuple[float, ...], ...] = ((half,), (open_,), (half + half * new,))
    gru = dict(zip(states, ("reset", "update, which keeps the state", "new"), strict=True))
    of_h = {"x": 0 * ONE, "h0": [[0.0]], "weight_x": np.zeros((3, 1)), "weight_h": np.zeros((3, 1)),
            "bias_x": np.zeros(3), "bias_h": np.array([0.0, 0.0, 1.0])}  # fmt: skip
    return [
        _order("lstm", ("h0", "c0"), ("c", "h"), lstm),
        _order("gru", ("h0",), ("h",), gru),
        value_of("the reset gate, at ½, meets", "gru", "bias 1 of the new gate's state", first,
                 {"the product with its bias": half * math.tanh(half), "the state alone": half * new}, **of_h),
    ]  # fmt: skip


# ---------------------------------------------------------------- windows


def _windows() -> list[Probe]:
    ones, kernel = [[[1.0] * 5]], [[[1.0, 2.0]]]
    begun = {"3: even if it begins in the padding": 3, "2: if it begins before the padding": 2}
    return [
        value_of("padding of the maximum", "max_pooling", "places −3, −2, kernel 3, padding 1", first,
                 {"−∞": -2.0, "0": 0.0}, {"kernel_size": 3, "padding": 1}, x=[[[-3.0, -2.0]]]),
        value_of("padding in the average", "average_pooling", "places 6, kernel 2, padding 1", first,
                 {"counts": 3.0, "does not count": 6.0}, {"kernel_size": 2, "padding": 1}, x=[[[6.0, 6.0]]]),
        value_of("what hangs over the end", "average_pooling", "5 places of 1, kernel 2, ceil_mode", last,
                 {"does not count": 1.0, "counts": 0.5}, {"kernel_size": 2, "ceil_mode": True}, x=ones),
        value_of("slope where a window hangs over", "average_pooling", "5 places, kernel 2, ceil_mode",
                 lambda outputs, gradients: gradients["x"].flat[-1],
                 {"1, as the value": 1.0, "½, of the whole kernel": 0.5}, {"kernel_size": 2, "ceil_mode": True},
                 x=ones),
        value_of("is there a last window", "max_pooling", "3 places, kernel 2, padding 1, ceil_mode", windows, begun,
                 {"kernel_size": 2, "padding": 1, "ceil_mode": True}, x=[[[1.0, 2.0, 3.0]]]),
        value_of("windows by default", "average_pooling", "4 places, kernel 2", windows,
                 {"side by side": 2, "at every place": 3}, {"kernel_size": 2}, x=[[[1.0, 2.0, 3.0, 4.0]]]),
        value_of("windows of 5 places in 3", "adaptive_average_pooling", "place 3 of 5: the last of the averages",
                 last, {"share places": 0.5, "share none": 0.0}, {"output_size": 3}, x=[[[0.0, 0.0, 0.0, 1.0, 0.0]]]),
        value_of("the kernel", "convolution", "a 1 under (1, 2)", first, {"as it is": 1.0, "flipped": 2.0},
                 x=[[[1.0, 0.0]]], weight=kernel),
        value_of("the kernel", "transposed_convolution", "a 1 spread by (1, 2)", first,
                 {"as it is: the transpose": 1.0, "flipped: no transpose of the convolution": 2.0},
                 x=[[[1.0]]], weight=kernel),
    ]  # fmt: skip


# ---------------------------------------------------------------- heads


def _heads() -> list[Probe]:
    eye, seen = np.eye(2), np.array([[True, False]] * 2)
    turned = {"interleaved: 2k and 2k + 1": 1, "halves: k and k + d/2": 2}
    return [
        value_of("True in a mask", "multi_head_attention", "rows (1, 0) and (0, 1), mask (True, False)", first,
                 {"is seen": 1.0, "is hidden": 0.0}, x=eye, q_weight=eye, k_weight=eye, v_weight=eye, out_weight=eye,
                 mask=seen),
        value_of("entries that turn together", "rotary", "(1, 0, 0, 0) at position 1",
                 lambda outputs, gradients: np.abs(outputs["value"][1, 1:]).argmax() + 1, turned,
                 x=[[1.0, 0, 0, 0], [1.0, 0, 0, 0]]),
    ]  # fmt: skip


# ---------------------------------------------------------------- what makes no sense


def _nonsense() -> list[Probe]:
    three, row = [[[1.0, 2.0, 3.0]]], [[-1.0, 1.0]]
    table, eye = [[2.0], [3.0]], np.eye(4)
    heads = np.ones((3, 1, 2)), np.ones((2, 1, 2))
    maps = dict.fromkeys(("q_weight", "k_weight", "v_weight", "out_weight"), eye)
    cell = {"h0": [[0.0]], "c0": [[0.0]], "weight_x": np.ones((4, 1)), "weight_h": np.ones((4, 1))}
    return [
        accepts("attention", "3 heads of queries, 2 of keys", q=heads[0], k=heads[1], v=heads[1]),
        accepts("attention", "no keys", q=[[1.0]], k=np.zeros((0, 1)), v=np.zeros((0, 1))),
        accepts("multi_head_attention", "3 heads of rows of 4", {"heads": 3}, x=eye, **maps),
        accepts("rotary", "rows of 3", x=np.ones((2, 3))),
        accepts("embedding", "index 2 of 2 rows", weight=table, indices=np.array([2])),
        accepts("embedding", "index −1", weight=table, indices=np.array([-1])),
        accepts("router", "3 experts of 2", {"k": 3}, logits=row),
        accepts("layer_norm", "ε = −1, entries ±½", {"eps": -1.0}, x=[[-0.5, 0.5]]),
        accepts("rms_norm", "ε = −1, entries ±½", {"eps": -1.0}, x=[[-0.5, 0.5]]),
        accepts("batch_norm", "one example", x=row),
        accepts("batch_norm_inference", "a variance of −1", x=row, mean=[0.0, 0.0], variance=[-1.0, -1.0]),
        accepts("group_norm", "2 groups of 3 channels", {"groups": 2}, x=[[1.0, 2.0, 4.0]]),
        accepts("variance", "one entry", x=[[1.0]]),
        accepts("maximum", "no entries", x=np.zeros((1, 0))),
        accepts("convolution", "kernel 4 over 3 places", x=three, weight=np.ones((1, 1, 4))),
        accepts("convolution", "2 groups of 3 outputs", {"groups": 2}, x=np.ones((1, 2, 3)),
                weight=np.ones((3, 1, 1))),
        accepts("max_pooling", "kernel 4 over 3 places", {"kernel_size": 4}, x=three),
        accepts("max_pooling", "kernel 1, padding 1", {"kernel_size": 1, "padding": 1}, x=three),
        accepts("lstm", "no steps", x=np.zeros((0, 1, 1)), **cell),
    ]  # fmt: skip


def probes() -> list[Probe]:
    """All questions."""
    return [*_norms(), *_recurrent(), *_windows(), *_heads(), *_nonsense()]
