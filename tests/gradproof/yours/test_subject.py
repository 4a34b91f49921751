"""Every adapter on code as people write it: right passes, a mistake does not, what is malformed is said."""

import ctypes
import re
import shutil
import subprocess

import hand_written as by_hand
import numpy as np
import pytest

import gradproof
from gradproof.lookup import UsageError
from gradproof.yours.returned import Broken
from gradproof.yours.subject import ADAPTERS, subject_of

AFFINE = {"x": (3, 4), "w": (5, 4), "b": (5,)}
NORM = {"x": (3, 4), "gamma": (4,), "beta": (4,)}
IN_BALLS = [
    (gradproof.slope(by_hand.relu), gradproof.slope(by_hand.tanh_off), "activation/relu", "activation/tanh"),
    (gradproof.pullback(by_hand.softmax), gradproof.pullback(by_hand.softmax_diagonal), *2 * ["activation/softmax"]),
    (
        gradproof.gradients(by_hand.softmax_loss),
        gradproof.gradients(by_hand.softmax_loss_summed),
        *2 * ["cost/cross_entropy_labels"],
    ),
    (
        gradproof.objective(by_hand.logistic),
        gradproof.objective(by_hand.logistic_mean),
        *2 * ["cost/binary_cross_entropy_logits"],
    ),
]


@pytest.mark.parametrize(("right", "wrong", "id", "other"), IN_BALLS, ids=lambda x: getattr(x, "form", None))
def test_right_passes_and_a_mistake_does_not(right, wrong, id, other):
    pytest.importorskip("flint")
    assert gradproof.check(right, id, dtypes=["float64", "float32"]).ok
    assert gradproof.check(wrong, other, dtypes=["float64", "float32"]).verdict == "wrong"


@pytest.mark.parametrize(
    ("forward", "right", "wrong", "inputs", "at"),
    [
        (by_hand.affine_forward, by_hand.affine_backward, by_hand.affine_unsummed, AFFINE, "b"),
        (by_hand.norm_forward, by_hand.norm_backward, by_hand.norm_without_variance, NORM, "x"),
    ],
)
def test_a_layer_with_a_cache_by_its_own_values(forward, right, wrong, inputs, at):
    pair = gradproof.forward_backward(forward, right)
    assert gradproof.check(pair, inputs=inputs, dtypes=["float32"]).ok
    report = gradproof.check(gradproof.forward_backward(forward, wrong), inputs=inputs, dtypes=["float32"])
    assert report.verdict == "wrong"
    assert {j.quantity for j in report.judged if j.verdict == "wrong"} == {f"∂/∂{at}"}


def test_the_second_derivative_of_an_objective_is_judged():
    pytest.importorskip("flint")
    half = gradproof.objective(by_hand.logistic_half)
    report = gradproof.check(half, "cost/binary_cross_entropy_logits", dtypes=["float64"])
    assert {j.quantity: j.verdict for j in report.judged} == {"∂/∂predt": "right", "∂²/∂predt²": "wrong"}
    free = gradproof.check(half, "cost/binary_cross_entropy_logits", dtypes=["float64"], constant=["predt²"])
    assert free.verdict == "wrong"  # what is given is judged all the same
    shapes = {x.shape for j in report.judged for a, *_ in j.shown for x in a.case.arguments.values()}
    assert {len(shape) for shape in shapes} == {1}


def test_several_outputs_each_with_its_cotangent():
    outputs = ("sums", "squares")
    right = gradproof.pullback(by_hand.moments, outputs)
    assert gradproof.check(right, inputs={"x": (3, 4)}).verdict == "right"
    report = gradproof.check(gradproof.pullback(by_hand.moments_crossed, outputs), inputs={"x": (3, 4)})
    assert report.verdict == "wrong"


def test_labels_masks_and_options_go_through_as_they_are():
    seen = {}

    def masked(x, mask, index, *, scale=2.0):
        seen.update(mask=mask, index=index, scale=scale)
        return scale * np.where(mask, x, 0)[index], lambda v: scale * np.where(mask, _put(v, index, x.shape), 0)

    def _put(v, index, shape):
        full = np.zeros(shape, v.dtype)
        np.add.at(full, index, v)
        return full

    mask, index = np.arange(12).reshape(3, 4) % 3 > 0, np.array([2, 0, 2])
    inputs = {"x": (3, 4), "mask": mask, "index": index}
    report = gradproof.check(gradproof.pullback(masked), inputs=inputs, parameters={"scale": 3.0})
    assert report.verdict == "right"
    assert seen["scale"] == 3
    assert seen["mask"].dtype == bool
    assert seen["index"].dtype == index.dtype


def test_names_of_ones_own_are_mapped():
    pytest.importorskip("flint")

    def loss(truth, guess):
        return ((guess - truth) ** 2).mean(), {"guess": 2 * (guess - truth) / guess.size}

    names = {"a": "guess", "y": "truth"}
    report = gradproof.check(gradproof.gradients(loss), "cost/squared_error", names=names, dtypes=["float64"])
    assert report.verdict == "right"
    assert [j.quantity for j in report.judged if j.argument] == ["∂/∂guess"]
    with pytest.raises(UsageError, match="no argument 'gues'"):
        gradproof.check(gradproof.gradients(loss), "cost/squared_error", names={**names, "a": "gues"})


# ---------------------------------------------------------------- frameworks


def test_a_torch_function_with_options_and_several_outputs():
    torch = pytest.importorskip("torch")

    class Scaled(torch.autograd.Function):
        factor = 1

        @staticmethod
        def forward(ctx, x, y, k):
            ctx.save_for_backward(x, y)
            ctx.k = k
            return (k * x * y).sum(1), x**2

        @classmethod
        def backward(cls, ctx, g, h):
            x, y = ctx.saved_tensors
            return ctx.k * g[:, None] * y + cls.factor * 2 * x * h, ctx.k * g[:, None] * x, None

    def forward(x, y, k):
        return k * (x * y).sum(1), x**2

    def inputs(rng):
        return {"x": rng.normal(size=(3, 4)), "y": rng.normal(size=(3, 4)), "k": np.array(3)}

    def inputs_with_an_integer(rng):
        return {**inputs(rng), "k": 3}

    for given, dtype in ((inputs, "float32"), (inputs_with_an_integer, "float64")):
        report = gradproof.check(gradproof.torch_function(Scaled, ("s", "q")), forward, inputs=given, dtypes=[dtype])
        assert report.verdict == "right", str(report)
    held = {law.name for law in report.laws if law.holds}
    assert {"outputs one by one add up", "an argument used twice counts twice"} <= held
    assert "second derivatives through its backward" in held
    Scaled.factor = 2
    wrong = gradproof.check(gradproof.torch_function(Scaled, ("s", "q")), forward, inputs=inputs, dtypes=["float32"])
    assert wrong.verdict == "wrong"


def test_a_backward_that_is_no_derivative_of_its_own_is_found():
    torch = pytest.importorskip("torch")

    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.e = torch.exp(x)
            ctx.save_for_backward(x)
            return x * ctx.e

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (ctx.e.detach() + x * ctx.e.detach())

    report = gradproof.check(Exp, lambda x: x * np.exp(x), inputs={"x": (3, 4)})
    assert [law.name for law in report.laws if law.holds is False] == ["second derivatives through its backward"]


def test_torch_on_a_device():
    pytest.importorskip("torch")
    assert gradproof.check(gradproof.torch_function(lambda x: 2 * x, device="cpu"), lambda x: 2 * x,
                           inputs={"x": (3,)}).verdict == "right"  # fmt: skip
    with pytest.raises(UsageError, match="meta"):
        gradproof.torch_function(lambda x: x, device="meta")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("factor", [1, 2])
def test_a_jax_rule(compiled, factor):
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def scaled(x, w):
        return jax.numpy.sin(x) * w

    def back(saved, g):
        x, w = saved
        return factor * g * w * jax.numpy.cos(x), g * jax.numpy.sin(x)

    scaled.defvjp(lambda x, w: (scaled(x, w), (x, w)), back)
    subject = jax.jit(scaled) if compiled else scaled
    report = gradproof.check(subject, lambda x, w: np.sin(x) * w, inputs={"x": (2, 3), "w": (2, 3)})
    assert report.verdict == ("right" if factor == 1 else "wrong")
    assert any(law.name == "an argument used twice counts twice" and law.holds for law in report.laws)


# ---------------------------------------------------------------- C

C = """
#define SQUARE(name, real) \\
void name(const real *x, real *value, real *slope, long n) { \\
    for (long i = 0; i < n; i++) { value[i] = x[i] * x[i]; slope[i] = FACTOR * x[i]; } }
SQUARE(square, double)
SQUARE(squaref, float)
void scale(const double *x, const double *w, const double *v, double *value, double *dx, double *dw, long n) {
    for (long i = 0; i < n; i++) { value[i] = x[i] * w[i]; dx[i] = v[i] * w[i]; dw[i] = v[i] * x[i]; } }
"""


@pytest.fixture(scope="module", params=[2, 3], ids=["right", "wrong"])
def library(request, tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("c")
    (folder / "square.c").write_text(C)
    made = folder / "square.so"
    subprocess.run(
        ["gcc", "-O1", "-shared", "-fPIC", f"-DFACTOR={request.param}", "-o", made, folder / "square.c"], check=True
    )
    return ctypes.CDLL(str(made)), request.param == 2


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(("name", "dtype"), [("square", "float64"), ("squaref", "float32")])
def test_a_c_function_behind_ctypes(library, name, dtype, typed):
    (c, right) = library
    function = getattr(c, name)
    function.argtypes = None
    if typed:
        real = ctypes.POINTER(ctypes.c_double if dtype == "float64" else ctypes.c_float)
        function.argtypes = [real, real, real, ctypes.c_long]
    subject = gradproof.compiled(function, ["x", "value", "slope", "n"], dtype)
    report = gradproof.check(subject, lambda x: x * x, inputs={"x": (7,)}, dtypes=[dtype])
    assert report.verdict == ("right" if right else "wrong"), str(report)


def test_a_c_function_of_two_arrays_and_a_cotangent(library):
    (c, _) = library
    subject = gradproof.compiled(c.scale, ["x", "w", "v", "value", "∂x", "∂w", "n"])
    assert subject.linear
    assert gradproof.check(subject, lambda x, w: x * w, inputs={"x": (5,), "w": (5,)}).verdict == "right"


def test_another_dtype_than_that_of_the_pointers_is_not_passed(library):
    (c, _) = library
    subject = gradproof.compiled(c.squaref, ["x", "value", "slope", "n"], "float32")
    with pytest.raises(Broken, match="x is float64, the pointers are of float32"):
        subject.answer({"x": np.ones(3)}, {}, {})


# ---------------------------------------------------------------- what is malformed


@pytest.mark.parametrize(
    ("form", "function", "message"),
    [
        ("slope", by_hand.gives_one, r"should return \(value, slope\), but returned a numpy.ndarray"),
        ("slope", by_hand.gives_none, "∂/∂x is None: numbers are needed"),
        ("slope", by_hand.gives_words, "∂/∂x is of dtype <U1"),
        ("slope", by_hand.raises, "raised ValueError in float64 .*: not today"),
        ("slope", lambda x: (x, x, x), "returned a tuple of 3"),
        ("pullback", by_hand.tanh, r"the second is a numpy.ndarray, which cannot be called"),
        ("pullback", lambda x: (x, lambda v: {"q": v}), "gives a gradient by q, which is no argument; there are x"),
        ("pullback", lambda x: (x, lambda v: (v, v)), r"returned 2 gradients for 1 floating arguments \(x\)"),
        ("pullback", lambda x: ((x, x), lambda v: v), r"2 outputs, but 1 is named \(value\): .* outputs="),
        ("pullback", lambda x: (x, lambda v: 1j * v), "∂/∂x is of dtype complex128"),
    ],
)
def test_what_is_not_as_its_adapter_says_is_broken(form, function, message):
    report = gradproof.check(ADAPTERS[form](function), lambda x: np.tanh(x), inputs={"x": (3, 4)})
    assert report.verdict == "broken"
    assert not report.ok
    assert re.search(message, report.broken), report.broken


def test_a_missing_gradient_is_wrong_and_a_constant_needs_none():
    subject = gradproof.pullback(lambda x, w: (x * w, lambda v: v * w))
    report = gradproof.check(subject, inputs={"x": (3, 4), "w": (3, 4)}, dtypes=["float32"])
    assert report.verdict == "wrong"
    assert "∂/∂w in float32: wrong: it has no gradient" in str(report)
    assert gradproof.check(subject, inputs={"x": (3,), "w": (3,)}, constant=["w"]).verdict == "right"


def test_gradients_of_another_library_are_arrays_or_said_to_be_none():
    class Wrapped:
        def __init__(self, x):
            self.x = x

        def __array__(self, dtype=None, copy=None):
            return self.x

    inputs = {"x": (3, 4)}
    assert gradproof.check(gradproof.pullback(lambda x: (x, lambda v: Wrapped(v))), inputs=inputs).verdict == "right"
    assert gradproof.check(gradproof.pullback(lambda x: (x, lambda v: object())), inputs=inputs).verdict == "broken"


def test_a_bare_function_is_asked_what_it_returns():
    with pytest.raises(UsageError, match=r"tanh is a function: say what it returns, as gradproof.pullback\(tanh\)"):
        subject_of(by_hand.tanh)
    with pytest.raises(UsageError, match="takes no positional argument"):
        gradproof.slope(lambda: 0)
    with pytest.raises(UsageError, match="name no argument"):
        gradproof.compiled(len, ["n", "value"])
