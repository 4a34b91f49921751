import math

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series

from oracles.arb_truth.activations import ELEMENTWISE, VECTOR, bind, bind_vector
from oracles.arb_truth.definition import evaluate, expand
from oracles.arb_truth.numbers import working

SMOOTH = [id for id in ELEMENTWISE if not bind(id).breakpoints]
PIECEWISE = [id for id in ELEMENTWISE if bind(id).breakpoints]
POINTS = np.array([-7.5, -4.0, -2.9, -1.3, -0.6, -0.3, -0.01, 0.02, 0.4, 0.7, 1.1, 2.5, 3.2, 5.0, 6.5])


def value(id, x, **parameters):
    with working(128, 1):
        g = bind(id, **parameters)
        return np.array([float(expand(g, arb_series([arb(v)]), "owner")[0][0]) for v in x.tolist()])


def check(id, got, x, **parameters):
    np.testing.assert_allclose(value(id, x, **parameters), np.asarray(got), rtol=1e-12, atol=1e-14, err_msg=id)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("leaky_relu", {"negative_slope": 0.2}), ("elu", {"alpha": 1.7}), ("celu", {"alpha": 1.7}),
        ("hardtanh", {"min_val": -0.5, "max_val": 2.0}), ("hardshrink", {"lambd": 1.1}),
        ("softshrink", {"lambd": 1.1}), ("threshold", {"threshold": 1.1, "value": 7.0}),
        ("rrelu", {"lower": 0.1, "upper": 0.7}), ("softplus", {"beta": 3.0}), ("selu", {}), ("hardswish", {}),
        ("relu6", {}), ("hardsigmoid", {}), ("mish", {}), ("logsigmoid", {}), ("tanhshrink", {}),
    ],
)  # fmt: skip
def test_values_are_those_of_torch(name, parameters):
    torch = pytest.importorskip("torch")
    x = POINTS[np.abs(POINTS) < 5]  # below torch's threshold, where its softplus stops being one
    check(f"activation/{name}", getattr(torch.nn.functional, name)(torch.tensor(x), **parameters), x, **parameters)


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


@pytest.mark.parametrize("name", ["hardshrink", "softshrink"])
def test_a_piece_as_short_as_a_point_has_no_slope(name):
    """λ = 0 squeezes the middle piece into a point, where its value is still 0."""
    with working(128, 2):
        g, z = bind(f"activation/{name}", lambd=0.0), arb_series([arb(0), 1], 2)
        assert [series[1] == 1 for series in expand(g, z)] == [True, True]
        assert [expand(g, z, side)[0][1] == 1 for side in ("left", "right")] == [True, True]
        assert expand(g, z, "owner")[0][0] == 0


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
