"""What a sweep counts: one input of a segment that is off by an ULP is found, whichever it is."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("flint")

from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.evidence.finding import hexed
from gradproof.evidence.verdicts import ROUNDED
from gradproof.sweeps import measure
from gradproof.sweeps.inputs import NOT_FINITE, floats, run_length, segments, spans
from gradproof.sweeps.measure import Asked, compared, merged, run, whole
from oracles.arb_truth import points
from oracles.floats import Truth
from reference import CATALOGUE

ELEMENTWISE = [id for id, f in CATALOGUE.items() if f.elementwise]
N = run_length("float32")


def off_at(bits, change):
    """Ours, but at one input, where `change` is made to value and slope."""

    def side(case):
        value, slope = (np.array(a) for a in (ours(case).outputs["value"], ours(case).gradients["z"]))
        at = np.flatnonzero(case.arguments["z"].view(np.uint32) == bits)
        value[at], slope[at] = change(value[at]), change(slope[at])
        return Answer({"value": value}, {"z": slope})

    return side


def asked(id="activation/tanh", dtype="float32", parts=measure.PARTS, sides=("ours",)):
    return Asked(id, dtype, parts, sides)


@pytest.mark.parametrize("id", ["activation/tanh", "activation/mish", "activation/softplus"])
@pytest.mark.parametrize("bits", [0x00000001, 0x3F400123, 0xBF800000 + N - 1, 0x41200000, 0x3A876543])
def test_one_ulp_at_one_input_is_found(id, bits):
    first = bits // N * N
    up = off_at(bits, lambda y: np.nextafter(y, np.float32(np.inf)))
    for f in run(asked(id), first, {"ours": ours, "off": up}):
        assert f.entries == N
        assert f.more.get("right", 0) == (N if f.side == "ours" else N - 1)
        if f.side == "off":
            assert f.at == hexed(floats(bits, 1, "float32")[0])
            assert 0.5 < f.max <= 1.5
            assert float.fromhex(f.got) != float.fromhex(f.truth)


@pytest.mark.parametrize(("count", "change"), [("nan", lambda y: y * np.nan), ("flushed", lambda y: y * 0),
                                               ("sign", lambda y: -y)])  # fmt: skip
def test_what_is_no_rounding_error_is_counted_by_its_kind(count, change):
    for f in run(asked(), 0x40000000, {"off": off_at(0x40000005, change)}):
        assert f.more == {"right": N - 1, "faithful": N - 1, count: 1}
        assert f.max > 1000


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_ours_is_correctly_rounded_wherever_it_is_looked_at(id):
    """In float32 up to its promise; at kinks and ±∞ too."""
    for first in (0x00000000, 0x80000000, 0x3F400000, 0xC0400000, 0x7F800000, 0xFF800000):
        found = list(run(asked(id), first, {"ours": ours}))
        assert [f.quantity for f in found] == ["value", "slope"]
        for f in found:
            assert f.entries + f.more.get("untold", 0) == N
            assert f.max <= ROUNDED
            assert f.more["faithful"] == f.entries


def test_a_kink_is_untold():
    value, slope = run(asked("activation/relu"), 0, {"ours": ours})
    assert "untold" not in value.more
    assert slope.more["untold"] == 1
    assert slope.more["right"] == N - 1


def test_next_to_a_tie_that_is_not_told_either_float_is_right():
    truth = Truth(np.array([1.0, 1.0, 1.0]), np.array([0.5, 0.5, 0.5]), np.array([True, True, True]), "float32")
    next_one = 1 + 2.0**-23
    f = compared(
        measure.Finding("", "", quantity="value"), np.arange(3.0), np.array([1, next_one, 1 - 2.0**-24]), truth
    )
    assert f.more == {"right": 2, "faithful": 3, "ties": 3}


def test_a_limit_that_does_not_exist_and_nan():
    for f in run(asked("activation/identity"), 0x7F800000, {"ours": ours}):
        assert f.what == NOT_FINITE
        assert f.more["right"] == f.entries == N
    stubborn = {"off": lambda case: Answer({"value": 0 * np.ones(N)}, {"z": 0 * np.ones(N)})}
    for f in run(asked("activation/identity"), 0x7F800000 + N, stubborn):
        assert "right" not in f.more
        assert f.max == np.inf


def test_spans_of_any_cut_make_the_same_finding():
    pytest.importorskip("ml_dtypes")
    about_all = asked(dtype="bfloat16")
    parts = [measure.measure(about_all, first, n) for first, n in spans("bfloat16")]
    one = whole([f for part in parts for f in part], about_all)
    halves = [measure.measure(about_all, k << 14, 1 << 14) for k in (3, 0, 2, 1)]
    assert whole([f for part in halves for f in part], about_all) == one
    for f in one:
        assert f.entries == 1 << 16
        assert f.verdict == "exact"
        assert [row["of"] for row in f.more["segments"]] == segments("bfloat16")
        assert sum(row["entries"] for row in f.more["segments"]) == f.entries


def test_all_of_bfloat16_against_the_points():
    """An answer that is off here and there, counted by another way: over balls, point by point."""
    pytest.importorskip("ml_dtypes")
    x = np.concatenate([floats(first, 128, "bfloat16").astype(np.float64) for first in range(0x3F00, 0x4080, 128)])
    exact = points.truths("activation/gelu", x, (1,), dtype="bfloat16")[0]
    rough = (x.astype(np.float32) / 2).astype(np.float64)

    def side(case):
        z = case.arguments["z"]
        return Answer({"value": z}, {"z": (z.astype(np.float32) / 2).astype(z.dtype)})

    found = [
        f
        for k in range(3)
        for f in run(asked("activation/gelu", "bfloat16", ("slope",)), 0x3F00 + 128 * k, {"off": side})
    ]
    f = found[0]
    for other in found[1:]:
        f = merged(f, replace(other, what=f.what))
    right = rough == exact.hi
    assert f.more.get("right", 0) == np.count_nonzero(right)
    assert f.entries == len(x)


def test_what_is_a_hair_beyond_a_tie_is_told_from_it():
    """gelu(x) = x/2 + x²/√2π + … is more than x/2, a tie of every second subnormal, by 10⁻⁷⁶ or so."""
    value, _ = run(asked("activation/gelu"), 0, {"down": lambda case: Answer(*_halves(case.arguments["z"], np.floor))})
    assert value.more["right"] == N // 2
    value, _ = run(asked("activation/gelu"), 0, {"up": lambda case: Answer(*_halves(case.arguments["z"], np.ceil))})
    assert value.more["right"] == N
    assert "ties" not in value.more


def _halves(z, rounded):
    half = np.ldexp(rounded(np.ldexp(z.astype(np.float64), 148)), -149).astype(np.float32)
    return {"value": half}, {"z": half}


@pytest.mark.parametrize(
    ("side", "error", "said"),
    [("ours", 0.5005, "agrees"), ("ours", 0.502, "wrong"), ("ours", np.inf, "wrong"),
     ("torch", 3.9, "agrees"), ("torch", 4.1, "inaccurate"), ("jax", np.inf, "inaccurate")],
)  # fmt: skip
def test_ours_keeps_its_promise_or_is_wrong(side, error, said):
    assert measure.verdict(measure.Finding("exhaustive", "", side=side, entries=9, max=error)) == said
    assert (
        measure.verdict(measure.Finding("exhaustive", "", side=side, entries=9, max=0.5, more={"right": 9})) == "exact"
    )
