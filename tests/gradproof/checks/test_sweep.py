"""Every elementwise activation at many points; a value or slope that is off anywhere must be seen."""

import dataclasses
import math

import numpy as np
import pytest
from planted import plant

from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.cases.parameters import OTHERS
from gradproof.checks import sweep
from gradproof.checks.sweep import DTYPES, PARTS, WIDE, Sweep, ask, formulas, tasks
from gradproof.evidence.explain import failure
from gradproof.tasks import Plan
from reference import CATALOGUE

TANH = CATALOGUE["activation/tanh"]


def swept(id, dtype="float64", n=100, **parameters):
    pytest.importorskip("flint")
    return Sweep(CATALOGUE[id], dtype, parameters, {"ours": ours}).findings(n)


def verdicts(id, **given):
    return {f.quantity: f.verdict for f in swept(id, **given) if f.kind == "sweep"}


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("id", [f.id for f in formulas()])
def test_we_are_within_the_gate(id, dtype):
    for parameters in ({}, *OTHERS.get(id, ())[-1:]):
        found = [f for f in swept(id, dtype, 60, **parameters) if f.kind == "sweep"]
        assert [f.quantity for f in found] == list(PARTS)
        for f in found:
            assert f.verdict == "agrees", failure(f)
            assert f.entries > 60, "the search round the worst points adds some"
            assert math.isfinite(float.fromhex(f.at))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_float_of_16_bits_is_rounded_correctly(dtype):
    pytest.importorskip("ml_dtypes")
    for f in swept("activation/gelu", dtype):
        assert (f.kind, f.verdict) == ("sweep", "agrees"), failure(f)
        assert f.entries > 60_000
        assert f.max <= 0.501


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda o, g, _: (o, {"z": -g["z"]}), ["agrees", "wrong"]),
        (lambda o, g, _: (o, {"z": g["z"] * (1 + 1e-13)}), ["agrees", "wrong"]),
        (lambda o, g, _: (o, {"z": np.where(g["z"] == 1, np.nan, g["z"])}), ["agrees", "wrong"]),
        (lambda o, g, _: (o, {"z": np.where(g["z"] == g["z"].min(), 2 * g["z"] + 1, g["z"])}), ["agrees", "wrong"]),
        (lambda o, g, _: ({"value": o["value"] * (1 - 1e-13)}, g), ["wrong", "agrees"]),
    ],
    ids=["sign", "a few ULP", "NaN", "one point", "value"],
)
def test_a_planted_error_is_seen_in_its_part(monkeypatch, change, expected):
    plant(monkeypatch, TANH.id, change)
    assert list(verdicts(TANH.id).values()) == expected


@pytest.mark.parametrize(
    ("there", "unit"),
    [
        (lambda y: y > 1e20, "strict ULP"),  # half an ULP of the input does forty to eˣ, which conditioned ULP forgive
        (lambda y: (y > 0) & (y < 2.0**-126), "ULP of a subnormal result"),
    ],
)
def test_a_failure_is_shown_where_the_bound_was_broken(monkeypatch, there, unit):
    def step(o, g, _):
        with np.errstate(over="ignore", under="ignore"):
            return {"value": np.where(there(o["value"]), np.nextafter(o["value"], np.inf), o["value"])}, g

    plant(monkeypatch, "activation/exp", step)
    (found,) = (f for f in swept("activation/exp", "float32", 1000) if f.kind == "sweep" and f.quantity == "value")
    got, truth = float.fromhex(found.got), float.fromhex(found.truth)
    assert (found.verdict, there(truth)) == ("wrong", True)
    assert got > truth
    assert found.max <= found.more["allowed"] < found.more["broken"]["error"]
    assert f"off by {found.more['broken']['error']:.4g} {unit}, allowed 0.501" in failure(found)
    assert found.again() == f"gradproof at activation/exp {found.at} --dtype float32"


def test_a_slope_that_is_lost_is_lost_in_a_range(monkeypatch):
    plant(monkeypatch, TANH.id, lambda o, g, _: (o, {"z": np.where(abs(o["value"]) > 0.99, 0.0, g["z"])}))
    (found,) = (f for f in swept(TANH.id, n=400) if f.kind == "sweep" and f.quantity == "slope")
    ((first, last), *_) = [[float.fromhex(x) for x in pair] for pair in found.more["lost"]]
    assert first < last < -math.atanh(0.99)
    assert found.again() == f"gradproof at activation/tanh {found.at}"


@pytest.mark.parametrize("count", [1, 8, 20])
def test_a_side_is_asked_by_blocks_of_one_size(monkeypatch, count):
    monkeypatch.setattr(sweep, "BLOCK", 8)
    sizes = set()

    def side(case):
        z = case.arguments["z"]
        sizes.add((z.shape, z.dtype.name))
        return Answer({"value": np.exp(z)}, {"z": z * z})

    z = np.linspace(-1, 1, count, dtype=np.float32).astype(float)
    value, slope = ask(side, TANH, z, "float32", {})
    assert sizes == {((8,), "float32")}
    np.testing.assert_array_equal(value, np.exp(z.astype(np.float32)))
    np.testing.assert_array_equal(slope, z.astype(np.float32) ** 2)


def test_a_framework_that_loses_digits_is_inaccurate_not_wrong():
    pytest.importorskip("flint"), pytest.importorskip("torch")
    found = sweep.measure("activation/sigmoid", "float64", {}, 200, ("torch",))
    said = {(f.quantity, f.side): f for f in found if f.kind == "sweep"}
    assert said["slope", "ours"].verdict == "agrees"
    assert said["slope", "torch"].verdict == "inaccurate"  # σ(1 − σ) is 0 from z = 37 on
    assert said["slope", "torch"].more["lost"]
    curves = {f.side: f.more for f in found if f.kind == "curve" and f.quantity == "slope"}
    errors = {side: [e or 0 for e in more["ulp"]] for side, more in curves.items()}
    assert max(errors["torch"]) > 1e10 > 10 > max(errors["ours"])
    lost = [numbers for bin, numbers in curves["torch"]["shown"].items() if errors["torch"][int(bin)] > 1e10]
    assert lost
    assert all(float.fromhex(at) > 36 and float.fromhex(got) == 0 != float.fromhex(truth) for at, got, truth in lost)
    assert all(errors["ours"][int(bin)] >= 1 for bin in curves["ours"]["shown"])


def test_what_has_no_answer_is_left_out():
    def silent(case):
        raise sweep.Missing("no such function")

    pytest.importorskip("flint")
    found = dataclasses.replace(Sweep(TANH, "float64", {}, {"ours": ours}), sides={"ours": ours, "it": silent})
    assert {f.side for f in found.findings(50)} == {"ours"}


def test_tasks_are_every_dtype_at_the_defaults_and_the_wide_ones_at_others():
    names = [task.name for task in tasks(Plan(formulas=frozenset({"activation/celu", "cost/l1"})))]
    settings = ("", " alpha = 2", " alpha = 0.3")
    assert sorted(names) == sorted(
        f"sweep of activation/celu in {dtype}{said}"
        for dtype in DTYPES
        for said in settings[: 3 if dtype in WIDE else 1]
    )
