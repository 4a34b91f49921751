"""Questions that tell what is meant by attention and its neighbours, each answered by a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.conventions.layers import first, value_of
from gradproof.conventions.probe import Probe, read

ATTENTION, EMBEDDING = "layer/attention", "layer/embedding"
SMALL = 1e-9  # a logit that float32 does not see beside 0
SIZE = 4  # of a key
KEYS = np.array([[2.0, 0, 0, 0], [0.0, 0, 0, 0]])
VALUES = np.array([[1.0, 0, 0, 0], [0.0, 0, 0, 0]])  # the value of a query is the weight of the first key
LOOK = np.array([[1.0, 0, 0, 0]])


def _scale() -> Probe:
    """The logit of the first key over ⟨q, k⟩, from its weight σ(z)."""

    def ask(side: Any) -> tuple[Any, str]:
        outputs, _ = side.native(ATTENTION, {"q": LOOK, "k": KEYS, "v": VALUES})
        p = float(outputs["value"].flat[0])
        measured = float(np.log(p / (1 - p))) / 2
        return measured, read(measured, {"1/√d": SIZE**-0.5, "1/d": 1 / SIZE, "1": 1.0}, digits=5)  # as float32 has it

    return Probe("scale by default", ATTENTION, "d = 4", ask)


def _digits() -> Probe:
    """What a logit of 10⁻⁹ adds to a weight of ½ in float64, over what it should."""

    def ask(side: Any) -> tuple[Any, str]:
        outputs, _ = side.native(ATTENTION, {"q": LOOK, "k": SMALL * KEYS / 2, "v": VALUES}, scale=1.0)
        measured = (float(outputs["value"].flat[0]) - 0.5) * 4 / SMALL
        return measured, read(measured, {"float64": 1.0, "float32": 0.0}, digits=5)

    return Probe("dtype of the softmax", ATTENTION, "float64 arrays", ask)


def _row_of_padding(what: str, **options: Any) -> Probe:
    """The gradient of a sum by a row that is read twice, padding or not."""

    def ask(side: Any) -> tuple[Any, str]:
        arrays = {"weight": np.array([[2.0], [3.0]]), "indices": np.array([0, 0, 1])}
        outputs, gradients = side.native(EMBEDDING, arrays, **options)
        value, slope = float(outputs["value"][0, 0]), float(gradients["weight"][0, 0])
        said = read(value, {"read as it is": 2.0, "read as 0": 0.0})
        return [value, slope], f"{said}, " + read(slope, {"takes the sum": 2.0, "takes the mean": 1.0, "takes 0": 0.0})

    return Probe("a row that is read twice", EMBEDDING, what, ask)


def probes() -> list[Probe]:
    """All questions."""
    two = {"q": np.zeros((1, SIZE)), "k": np.zeros((2, SIZE)), "v": 4 * VALUES + np.array([[0.0], [8.0]])}
    return [
        _scale(),
        _digits(),
        value_of("where causal begins", "attention", "1 query, 2 keys", first,
                 {"upper left: the first key": 4.0, "lower right: all keys": 6.0}, {"causal": True}, **two),
        value_of("a query that sees no key", "attention", "values 4 and 8", first,
                 {"0": 0.0, "the mean of all values": 6.0}, **two, mask=np.zeros((1, 2), bool)),
        value_of("True in a mask", "attention", "values 4 and 8, mask (True, False)", first,
                 {"is seen": 4.0, "is hidden": 8.0}, **two, mask=np.array([[True, False]])),
        _row_of_padding("any row"),
        _row_of_padding("padding_idx", padding_idx=0),
        _row_of_padding("scale_grad_by_freq", scale_grad_by_freq=True),
    ]  # fmt: skip
