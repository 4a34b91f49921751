"""Fichou, the vignettes LSTM units and GRU units: one step of each, backwards, in numbered errors."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Source

Equal = Iterator[tuple[Any, ...]]

units = Source("rnn-units")
OF_OUTPUT = "the slope f' is written as a function of the output: tanh'(y) = 1 − y², sigmoid'(y) = y(1 − y)"


def lstm(s: Any) -> SimpleNamespace:
    """One LSTM unit of the vignette, rows from the left; E has the errors δ1 + δ2 by h_t and δ4 by C_t."""
    h, x, c, delta3, delta4 = (s.draw(2) for _ in range(5))
    W, U = {k: s.draw(2, 2) for k in "figo"}, {k: s.draw(2, 2) for k in "figo"}
    z = {k: h @ W[k] + x @ U[k] for k in "figo"}
    f, i, o = (s.native("sigmoid")(z[k]) for k in "fio")
    g = s.native("tanh")(z["g"])
    C = c * f + i * g
    a = s.native("tanh")(C)
    E = sum(delta3 * a * o) + sum(delta4 * C)
    return SimpleNamespace(
        h=h, x=x, c=c, W=W, U=U, z=z, f=f, i=i, g=g, o=o, C=C, a=a, E=E, delta3=delta3, delta4=delta4,
        through_h=sum(delta3 * a * o),
    )  # fmt: skip


def gates(s: Any, u: Any, tanh_slope: Any, sigmoid_slope: Any) -> Equal:
    d8 = s.d(u.E, u.C)
    yield s.d(u.through_h, u.C), u.delta3 * u.o * tanh_slope(u.a)
    yield s.d(u.E, u.z["o"]), u.delta3 * u.a * sigmoid_slope(u.o)
    yield s.d(u.E, u.z["g"]), d8 * u.i * tanh_slope(u.g)
    yield s.d(u.E, u.z["i"]), d8 * u.g * sigmoid_slope(u.i)
    yield s.d(u.E, u.z["f"]), d8 * u.c * sigmoid_slope(u.f)
    yield s.d(u.E, u.c), d8 * u.f


@units("lstm-gates", "LSTM units, delta 5 to delta 7 and delta 9 to delta 16",
       r"\delta_7 = \delta_3 o_t \tanh'(\tanh c_t), \; \delta_{13} = \delta_3 \tanh(c_t)\, \mathrm{sigmoid}'(o_t), \; "
       r"\delta_{14} = \delta_8 i_t \tanh'(g_t), \; \delta_{15} = \delta_8 g_t\, \mathrm{sigmoid}'(i_t), \; "
       r"\delta_{16} = \delta_8 c_{t-1}\, \mathrm{sigmoid}'(f_t), \; \delta_{11} = \delta_8 f_t",
       supports=("layer/lstm",), assumptions=("δ8 is the whole error of the cell",), convention=OF_OUTPUT)  # fmt: skip
def lstm_gates(s: Any) -> Equal:
    yield from gates(s, lstm(s), lambda y: 1 - y * y, lambda y: y * (1 - y))


@lstm_gates.otherwise
def _(s: Any) -> Equal:
    yield from gates(s, lstm(s), s.prime(s.native("tanh")), s.prime(s.native("sigmoid")))


@units("lstm-cell", "LSTM units, delta 8", r"\delta_8 = \delta_7 \cdot \delta_4", supports=("layer/lstm",),
       wrong="The cell goes two ways, into h_t and into the next cell, and errors of two ways are added.")  # fmt: skip
def lstm_cell(s: Any) -> Equal:
    u = lstm(s)
    yield s.d(u.E, u.C), u.delta3 * u.o * (1 - u.a * u.a) * u.delta4


@lstm_cell.again
def _(s: Any) -> Equal:
    # Where no error comes from the future, δ4 = 0, the cell has that of h_t all the same.
    u = lstm(s)
    yield s.d(u.through_h, u.C), s.d(u.through_h, u.C) * s.number(0)


@lstm_cell.corrected(r"\delta_8 = \delta_7 + \delta_4")
def _(s: Any) -> Equal:
    u = lstm(s)
    yield s.d(u.E, u.C), u.delta3 * u.o * (1 - u.a * u.a) + u.delta4


@lstm_cell.smallest("With δ7 = 2 and δ4 = 3 the error of the cell is {meant}; as printed it is {claimed}.")
def _(s: Any) -> Equal:
    C = s.number(1)
    yield s.d(2 * C + 3 * C, C), s.number(2) * 3


def lstm_back(u: Any, d8: Any, by_i: Any, by_f: Any) -> tuple[Any, Any]:
    """δ25 and δ26 of the vignette: what goes to h_{t−1} and to x_t; `by_i` and `by_f` are δ22 and δ23."""
    d13, d14 = u.delta3 * u.a * u.o * (1 - u.o), d8 * u.i * (1 - u.g * u.g)
    d15, d16 = d8 * u.g * u.i * (1 - u.i), d8 * u.c * u.f * (1 - u.f)
    to_h = d13 @ u.W["o"].T + d14 @ u.W["g"].T + by_i(d15, d16) + d16 @ u.W["f"].T
    return to_h, d13 @ u.U["o"].T + d14 @ u.U["g"].T + d15 @ u.U["i"].T + by_f(d16)


@units("lstm-back", "LSTM units, delta 22, delta 23, delta 25 and delta 26",
       r"\delta_{22} = \delta_{16} W_i^T, \; \delta_{23} = \delta_{16} W_f^T, \; \delta_{25} = \delta_{18} + "
       r"\delta_{20} + \delta_{22} + \delta_{24}, \; \delta_{26} = \delta_{17} + \delta_{19} + \delta_{21} + "
       r"\delta_{23}", supports=("layer/lstm",),
       wrong="Through W_i goes the error of the input gate, δ15, not that of the forget gate; and what reaches x_t "
             "goes through U_f, not W_f.")  # fmt: skip
def lstm_input(s: Any) -> Equal:
    u = lstm(s)
    to_h, to_x = lstm_back(u, s.d(u.E, u.C), lambda d15, d16: d16 @ u.W["i"].T, lambda d16: d16 @ u.W["f"].T)
    yield s.d(u.E, u.h), to_h
    yield s.d(u.E, u.x), to_x


@lstm_input.again
def _(s: Any) -> Equal:
    # What goes through W_i and U_f alone.
    u = lstm(s)
    yield s.d(u.E, u.z["i"]) @ u.W["i"].T, s.d(u.E, u.z["f"]) @ u.W["i"].T
    yield s.d(u.E, u.z["f"]) @ u.U["f"].T, s.d(u.E, u.z["f"]) @ u.W["f"].T


@lstm_input.corrected(r"\delta_{22} = \delta_{15} W_i^T, \; \delta_{23} = \delta_{16} U_f^T")
def _(s: Any) -> Equal:
    u = lstm(s)
    to_h, to_x = lstm_back(u, s.d(u.E, u.C), lambda d15, d16: d15 @ u.W["i"].T, lambda d16: d16 @ u.U["f"].T)
    yield s.d(u.E, u.h), to_h
    yield s.d(u.E, u.x), to_x


@lstm_input.smallest(
    "With one unit, W_i = 3 and the errors δ15 = 1 and δ16 = 2, hₜ₋₁ gets {meant} through W_i; as printed it gets "
    "{claimed}."
)
def _(s: Any) -> Equal:
    h = s.number(1)
    yield s.d(1 * (3 * h), h), s.number(2) * 3


def gru(s: Any) -> SimpleNamespace:
    """One GRU unit of the vignette, rows from the left; E has the error δ3 = δ1 + δ2 by h_t."""
    h, x, delta3 = s.draw(2), s.draw(2), s.draw(2)
    W, U = {k: s.draw(2, 2) for k in "rzg"}, {k: s.draw(2, 2) for k in "rzg"}
    z_r, z_z = h @ W["r"] + x @ U["r"], h @ W["z"] + x @ U["z"]
    r, z = s.native("sigmoid")(z_r), s.native("sigmoid")(z_z)
    g = s.native("tanh")((h * r) @ W["g"] + x @ U["g"])
    E = sum(delta3 * (h * (1 - z) + z * g))
    d10 = delta3 * z * (1 - g * g)
    return SimpleNamespace(h=h, x=x, W=W, U=U, z_r=z_r, r=r, z=z, g=g, E=E, delta3=delta3, d10=d10)


@units("gru-update-gate", "GRU units, delta 9",
       r"\delta_9 = \delta_7 + \delta_8, \; \delta_7 = \delta_3 g_t, \; \delta_8 = \delta_3 z_t",
       supports=("layer/gru",),
       wrong="The update gate stands before g_t and, as 1 − z_t, before h_{t−1}: its error is δ7 less δ5 = "
             "δ3·h_{t−1}. δ8 is the error of g_t.")  # fmt: skip
def gru_update(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.z), u.delta3 * u.g + u.delta3 * u.z


@gru_update.again
def _(s: Any) -> Equal:
    u = gru(s)
    d7, d8 = u.delta3 * u.g, s.d(u.E, u.g)
    yield s.d(u.E, u.z), d7 + d8


@gru_update.corrected(r"\delta_9 = \delta_7 - \delta_5, \; \delta_5 = \delta_3 h_{t-1}")
def _(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.z), u.delta3 * u.g - u.delta3 * u.h


@gru_update.smallest(
    "With hₜ₋₁ = 2, gₜ = 3, zₜ = ½ and δ3 = 1, the error of the update gate is {meant}; as printed it is {claimed}."
)
def _(s: Any) -> Equal:
    z = s.number(0.5)
    yield s.d(2 * (1 - z) + z * 3, z), 3 + z


@units("gru-one-minus", "GRU units, delta 6", r"\delta_6 = 1 - \delta_5", supports=("layer/gru",),
       wrong="The slope of 1 − z_t is −1, not the function once more: the error goes on with its sign changed.",
       )  # fmt: skip
def gru_one_minus(s: Any) -> Equal:
    u = gru(s)
    yield s.d(sum(u.delta3 * u.h * (1 - u.z)), u.z), 1 - u.delta3 * u.h


@gru_one_minus.again
def _(s: Any) -> Equal:
    for delta5, z in zip(s.draw(4), s.draw(4), strict=True):
        yield s.d(delta5 * (1 - z), z), 1 - delta5


@gru_one_minus.corrected(r"\delta_6 = -\delta_5")
def _(s: Any) -> Equal:
    u = gru(s)
    yield s.d(sum(u.delta3 * u.h * (1 - u.z)), u.z), -u.delta3 * u.h


@gru_one_minus.smallest("With δ5 = 3 the error δ6 is {meant}; as printed it is {claimed}.")
def _(s: Any) -> Equal:
    z = s.number(0.5)
    yield s.d(3 * (1 - z), z), s.number(1) - 3


@units("gru-reset-gate", "GRU units, delta 12, delta 13 and delta 16 to delta 18",
       r"\delta_{13} = \delta_{10} U_g^T, \; \delta_{17} = \delta_{13} r_t, \; \delta_{18} = \delta_{17}\, "
       r"\mathrm{sigmoid}'(r_t)", supports=("layer/gru",), assumptions=(OF_OUTPUT,),
       wrong="The reset gate meets h_{t−1} before W_g: its error is δ10·W_gᵀ·h_{t−1}. δ13 goes through U_g, which "
             "leads to x_t, and δ17 is what h_{t−1} gets.")  # fmt: skip
def gru_reset(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.z_r), (u.d10 @ u.U["g"].T) * u.r * u.r * (1 - u.r)


@gru_reset.again
def _(s: Any) -> Equal:
    # Through W_g, as the figure has it, but still as what h_{t−1} gets.
    u = gru(s)
    yield s.d(u.E, u.z_r), (u.d10 @ u.W["g"].T) * u.r * (u.r * (1 - u.r))


@gru_reset.corrected(r"\delta_{18} = (\delta_{10} W_g^T)\, h_{t-1}\, \mathrm{sigmoid}'(r_t)")
def _(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.z_r), (u.d10 @ u.W["g"].T) * u.h * u.r * (1 - u.r)


@gru_reset.smallest(
    "With one unit, hₜ₋₁ = 4, rₜ = ½, W_g = U_g = 1 and δ10 = 1, the error of the reset gate before its sigmoid's "
    "slope is {meant}; as printed it is {claimed}."
)
def _(s: Any) -> Equal:
    r = s.number(0.5)
    yield s.d(4 * r, r), 1 * r


@units("gru-weights", "GRU units, the weight update",
       r"\delta W_r = h_{t-1}^T \delta_{10}, \; \delta W_g = (h_{t-1}^T r_t)\, \delta_{18}", supports=("layer/gru",),
       assumptions=("δ18 is the error of the reset gate, corrected",),
       wrong="The errors are exchanged: δ10 is that of g_t and belongs to W_g, δ18 that of the reset gate and belongs "
             "to W_r.")  # fmt: skip
def gru_weights(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.W["r"]), np.outer(u.h, u.d10)
    yield s.d(u.E, u.W["g"]), np.outer(u.h * u.r, s.d(u.E, u.z_r))


@gru_weights.again
def _(s: Any) -> Equal:
    u = gru(s)
    for k, l in np.ndindex(2, 2):
        yield s.d(u.E, u.W["r"][k, l]), u.h[k] * u.delta3[l] * u.z[l] * (1 - u.g[l] * u.g[l])


@gru_weights.corrected(r"\delta W_r = h_{t-1}^T \delta_{18}, \; \delta W_g = (h_{t-1}^T r_t)\, \delta_{10}")
def _(s: Any) -> Equal:
    u = gru(s)
    yield s.d(u.E, u.W["r"]), np.outer(u.h, s.d(u.E, u.z_r))
    yield s.d(u.E, u.W["g"]), np.outer(u.h * u.r, u.d10)


@gru_weights.smallest("With one unit, hₜ₋₁ = 4, δ18 = 2 and δ10 = 1, W_r gets {meant}; as printed it gets {claimed}.")
def _(s: Any) -> Equal:
    W = s.number(1)
    yield s.d(2 * (4 * W), W), s.number(4) * 1
