"""Each law is broken by a planted error that breaks no other, and the numbers of the gradient are right throughout."""

import re

import numpy as np
import pytest

import gradproof

INPUTS = {"x": (3, 4), "w": (3, 4)}
FORWARD = "x * w"


def product(x, w):
    """Right, and keeps every law."""
    return x * w, lambda v: (v * w, v * x)


def broken(law):
    """The product with one fault that is no wrong number."""
    state = {"calls": 0, "out": None}

    def function(x, w):
        state["calls"] += 1

        def back(v):
            gx, gw = v * w, v * x
            if law == "inputs are not overwritten":
                x.flags.writeable and x.__setitem__(Ellipsis, x * 2)
            if law == "earlier results stay":
                if state["out"] is None or state["out"].shape != gx.shape or state["out"].dtype != gx.dtype:
                    state["out"] = np.empty_like(gx)
                state["out"][...] = gx
                return state["out"], gw
            if law == "the same again":
                return gx * (1 + 1e-14 * state["calls"]), gw
            if law == "no cotangent, no gradient":
                return gx if v.any() else gx + 1, gw
            if law == "linear in the cotangent":
                return np.where(np.abs(v) < 0.1, 2, 1) * gx, gw
            if law == "memory layout does not matter" and v.strides and v.strides[-1] < 0:
                return np.flip(v) * w, gw
            if law == "prints nothing":
                print("hello")
            if law == "leaves global state alone":
                np.random.rand()  # noqa: NPY002
            if law == "results are arrays of their own":
                return gx, v
            return gx, gw

        return x * w, back

    return function


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_right_keeps_every_law(dtype):
    report = gradproof.check(gradproof.pullback(product), inputs=INPUTS, dtypes=[dtype])
    assert report.verdict == "right"
    assert len(report.laws) > 8
    assert all(law.holds for law in report.laws if law.name != "an empty batch")


LAWS = (
    "inputs are not overwritten", "earlier results stay", "the same again", "no cotangent, no gradient",
    "linear in the cotangent", "memory layout does not matter", "prints nothing", "leaves global state alone",
)  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_a_broken_law_is_found(law):
    report = gradproof.check(gradproof.pullback(broken(law)), lambda x, w: x * w, inputs=INPUTS, dtypes=["float64"])
    failed = {found.name: found.message for found in report.laws if found.holds is False}
    assert law in failed, str(report)
    assert failed[law] in str(report)
    assert report.ok == (law == "prints nothing")


def test_memory_that_is_shared_is_said_and_no_reason_to_fail():
    subject = gradproof.pullback(lambda x, c: (x + c, lambda v: (v, v)))
    report = gradproof.check(subject, inputs={"x": (3,), "c": (3,)}, dtypes=["float64"])
    assert report.verdict == "right"
    assert "∂/∂x shares its memory with value" in str(report)


def test_any_shape_of_an_elementwise_function():
    pytest.importorskip("flint")

    def flat(x):
        t = np.tanh(x.ravel())
        return t, 1 - t * t

    report = gradproof.check(gradproof.slope(flat), "activation/tanh", dtypes=["float64"])
    assert report.verdict == "wrong"
    assert "any shape: ∂/∂x has the shape (1,) for ()" in str(report)


def test_sums_that_vanish_in_the_truth_are_laws_of_the_formula():
    pytest.importorskip("flint")
    from hand_written import softmax

    report = gradproof.check(gradproof.pullback(softmax), "activation/softmax", dtypes=["float64"])
    assert [law.holds for law in report.laws if law.name == "∂/∂x sums to 0 along axis 1"] == [True]


@pytest.mark.parametrize(
    ("back", "holds"),
    [
        (lambda x, v: 2 * x * v, True),
        (lambda x, v: 2 * x * v if len(x) else np.zeros(3), False),
        (lambda x, v: 2 * x * v / [1][1 - bool(len(x))], None),
    ],
)
def test_an_empty_batch_keeps_its_shape_or_is_refused(back, holds):
    subject = gradproof.pullback(lambda x: (x * x, lambda v: back(x, v)))
    report = gradproof.check(subject, inputs={"x": (3, 4)}, dtypes=["float64"])
    assert report.verdict == "right"
    assert [law.holds for law in report.laws if law.name == "an empty batch"] == [holds]


def test_a_gradient_that_is_clipped_is_not_linear():
    subject = gradproof.pullback(lambda x: (x * x, lambda v: 2 * x * np.clip(v, -50, 50)))
    report = gradproof.check(subject, inputs={"x": (3, 4)}, dtypes=["float64"])
    assert "∂/∂x under 1024·v is not 1024 times that under v" in str(report)


def test_an_overwritten_input_is_seen_where_it_is_overwritten_with_the_same_each_time():
    def relu(x):
        x[x < 0] = 0
        return x.copy(), lambda v: v * (x > 0)

    report = gradproof.check(gradproof.pullback(relu), inputs={"x": (3, 4)}, dtypes=["float64"])
    assert report.verdict == "wrong"
    assert "x changed" in str(report)


def test_numbers_that_are_flushed_are_not_nonlinear():
    """Of a saturated softmax in float16 some slopes are subnormal: halves of a cotangent round by themselves."""
    pytest.importorskip("flint")
    from reference.activations import softmax

    report = gradproof.check(gradproof.pullback(softmax), "activation/softmax", dtypes=["float16"])
    assert report.verdict == "right"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x: x.flags.writeable, "arrays that are read-only"),
        (lambda x: x.strides[0] != 0 or x.size == 1, "expanded arrays (stride 0)"),
    ],
)
def test_read_only_and_expanded_arrays_are_arrays(wrong, said):
    def square(x):
        return x * x, lambda v: 2 * x * v * (1 if wrong(x) else 3)

    report = gradproof.check(gradproof.pullback(square), inputs={"x": (3, 4)}, dtypes=["float64"])
    assert re.search(rf"memory layout does not matter: ∂/∂x is another one (for|with) {re.escape(said)}", str(report))
