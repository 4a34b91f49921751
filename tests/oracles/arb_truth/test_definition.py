import math

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series, ctx

from oracles.arb_truth.definition import ELEMENTWISE, VECTOR, bind, bind_vector, evaluate, expand, working

SMOOTH = [id for id in ELEMENTWISE if not bind(id).breakpoints]
PIECEWISE = [id for id in ELEMENTWISE if bind(id).breakpoints]
TORCH = {  # functional names that differ from ours; None where PyTorch has no such function
    "identity": None, "log_cosh": None, "gaussian": None, "squareplus": None, "sparse_plus": None,
    "sparse_sigmoid": None, "squared_relu": None, "huber": None, "gelu_tanh": None, "exp": "exp", "arctan": "arctan",
}  # fmt: skip
JAX = {
    "log_cosh": None, "gaussian": None, "identity": "identity", "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish", "softsign": "soft_sign", "hardtanh": "hard_tanh", "logsigmoid": "log_sigmoid",
    "sparse_plus": "sparse_plus", "sparse_sigmoid": "sparse_sigmoid", "squareplus": "squareplus",
}  # fmt: skip
POINTS = np.array([-7.5, -4.0, -2.9, -1.3, -0.6, -0.3, -0.01, 0.02, 0.4, 0.7, 1.1, 2.5, 3.2, 5.0, 6.5])


def value(id, x, **parameters):
    with working(128, 1):
        g = bind(id, **parameters)
        return np.array([float(expand(g, arb_series([arb(v)]), "owner")[0][0]) for v in x.tolist()])


def check(id, got, x, **parameters):
    np.testing.assert_allclose(value(id, x, **parameters), np.asarray(got), rtol=1e-12, atol=1e-14, err_msg=id)


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_values_are_those_of_torch(id):
    torch = pytest.importorskip("torch")
    name = id.split("/")[1]
    if TORCH.get(name, name) is None:
        pytest.skip("PyTorch has no such function")
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    arguments = {"threshold": {"threshold": 0.3, "value": -2.0}, "prelu": {"weight": torch.tensor([0.25]).double()}}
    z = torch.tensor(np.append(POINTS, [0.0, 0.5, -0.5]))
    exact = {k: float(v) for k, v in arguments.get(name, {}).items()}
    check(id, function(z, **arguments.get(name, {})), z.numpy(), **exact)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("leaky_relu", {"negative_slope": 0.2}), ("elu", {"alpha": 1.7}), ("celu", {"alpha": 1.7}),
        ("hardtanh", {"min_val": -0.5, "max_val": 2.0}), ("hardshrink", {"lambd": 1.1}),
        ("softshrink", {"lambd": 1.1}), ("threshold", {"threshold": 1.1, "value": 7.0}),
        ("rrelu", {"lower": 0.1, "upper": 0.7}), ("softplus", {"beta": 3.0}),
    ],
)  # fmt: skip
def test_parameters_mean_what_torch_means(name, parameters):
    torch = pytest.importorskip("torch")
    x = POINTS[np.abs(POINTS) < 5]  # below torch's threshold, where its softplus stops being one
    check(f"activation/{name}", getattr(torch.nn.functional, name)(torch.tensor(x), **parameters), x, **parameters)


def test_huber_and_gelu_tanh_are_those_of_torch():
    F, torch = pytest.importorskip("torch").nn.functional, pytest.importorskip("torch")
    z = torch.tensor(POINTS)
    check("activation/huber", F.huber_loss(z, 0 * z, reduction="none", delta=1.5), POINTS, delta=1.5)
    check("activation/gelu_tanh", F.gelu(z, approximate="tanh"), POINTS)


@pytest.mark.parametrize("id", [f"activation/{name}" for name, theirs in JAX.items() if theirs])
def test_values_are_those_of_jax(id):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        got = np.asarray(getattr(jax.nn, JAX[id.split("/")[1]])(jax.numpy.asarray(POINTS)))
    assert got.dtype == np.float64
    check(id, got, POINTS)


def test_those_that_no_framework_has():
    x = POINTS
    check("activation/log_cosh", np.log(np.cosh(x)), x)
    check("activation/gaussian", np.exp(-x * x), x)
    check("activation/squared_relu", np.maximum(x, 0) ** 2, x)
    check("activation/squareplus", (x + np.sqrt(x * x + 0.3)) / 2, x, b=0.3)


def test_every_definition_is_compared_somewhere():
    covered = {name for name in TORCH if TORCH[name] is None}
    by_hand = {"huber", "gelu_tanh", "log_cosh", "gaussian", "squared_relu", "squareplus"}
    assert covered <= by_hand | {name for name in JAX if JAX[name]}


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_straddling_a_point_encloses_the_value_on_both_sides(id):
    """A ball around a breakpoint must contain what the function does at its ends."""
    with working(128, 2):
        g = bind(id)
        for centre in (*g.breakpoints, arb(0)):
            z = arb_series([centre.union(centre + arb(2) ** -10).union(centre - arb(2) ** -10), 1], 2)
            wide = evaluate(g, z)
            for end in (centre - arb(2) ** -10, centre + arb(2) ** -10):
                at = evaluate(g, arb_series([end, 1], 2))
                assert wide[0].overlaps(at[0])
                assert wide[1].overlaps(at[1])


@pytest.mark.parametrize("id", SMOOTH)
@pytest.mark.parametrize("x", [-1e300, -1e-300, 0.0, 1e-300, 1e300])
def test_smooth_definitions_are_finite_everywhere(id, x):
    with working(2048, 3):
        (series,) = expand(bind(id), arb_series([arb(x), 1], 3))
        assert all(series[k].is_finite() for k in range(3))


@pytest.mark.parametrize(
    "id", ["activation/sigmoid", "activation/tanh", "activation/softplus", "activation/squareplus"]
)
def test_both_forms_of_a_definition_are_equal(id):
    """The form is chosen by the sign of z; a ball across zero must not care."""
    with working(256, 3):
        g = bind(id)
        (across,) = expand(g, arb_series([arb(0, 2.0**-10), 1], 3))
        for x in (2.0**-11, 2.0**-40, -(2.0**-40), -(2.0**-11)):
            (at,) = expand(g, arb_series([arb(x), 1], 3))
            assert all(across[k].contains(at[k]) for k in range(3))


@pytest.mark.parametrize("id", PIECEWISE)
def test_sides_are_the_neighbouring_pieces(id):
    with working(128, 2):
        g = bind(id)
        for k, t in enumerate(g.breakpoints):
            z = arb_series([t, 1], 2)
            both = expand(g, z)
            assert len(both) == 2
            for side, piece in zip(("left", "right"), g.pieces[k : k + 2], strict=True):
                (series,) = expand(g, z, side)
                assert all(series[i] == piece(z)[i] or series[i].overlaps(piece(z)[i]) for i in range(2))


def test_coinciding_breakpoints():
    """λ = 0 squeezes the middle piece of hardshrink into a point, where its value is still 0."""
    with working(128, 2):
        g, z = bind("activation/hardshrink", lambd=0.0), arb_series([arb(0), 1], 2)
        assert len(expand(g, z)) == 3
        assert [expand(g, z, side)[0][1] == 1 for side in ("left", "right")] == [True, True]
        assert expand(g, z, "owner")[0][1] == 0


@pytest.mark.parametrize(
    ("id", "parameters", "error", "message"),
    [
        ("activation/gleu", {}, KeyError, "did you mean activation/gelu"),
        ("sigmoid", {}, KeyError, "activation/sigmoid"),
        ("zzz", {}, KeyError, "known: activation/arctan"),
        ("activation/celu", {"alpha": 0.0}, ValueError, r"activation/celu: alpha = 0\.0, but alpha > 0 is required"),
        ("activation/hardtanh", {"min_val": 2.0}, ValueError, r"min_val = 2\.0, max_val = 1\.0"),
        ("activation/softplus", {"beta": math.inf}, ValueError, "beta = inf is not finite"),
        ("activation/softplus", {"beta": "much"}, TypeError, "beta = 'much' is not a number"),
        ("activation/relu", {"alpha": 1.0}, TypeError, "no parameter 'alpha'; its parameters: none"),
    ],
)
def test_bad_parameters_are_named(id, parameters, error, message):
    with pytest.raises(error, match=message):
        bind(id, **parameters)


@pytest.mark.parametrize(
    ("id", "parameters", "message"),
    [
        ("activation/softmax", {"temperature": -1.0}, r"temperature = -1\.0, but temperature > 0"),
        ("activation/maxout", {"k": 1.5}, r"k = 1\.5"),
    ],
)
def test_bad_vector_parameters_are_named(id, parameters, message):
    with pytest.raises(ValueError, match=message):
        bind_vector(id, **parameters)


def test_ids_do_not_overlap():
    assert not ELEMENTWISE.keys() & VECTOR.keys()


def test_working_puts_the_globals_back_after_an_error():
    before = ctx.prec, ctx.cap

    def fail():
        with working(999, 7):
            assert (ctx.prec, ctx.cap) == (999, 7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (ctx.prec, ctx.cap) == before
