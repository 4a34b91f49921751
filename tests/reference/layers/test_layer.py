"""The lift of layers: dtypes, cotangents, optional arguments, and what is refused. For every layer of the catalogue."""

import numpy as np
import pytest

from gradproof import cases
from reference import CATALOGUE, vjp
from reference.layers import layer_norm, rms_norm
from reference.layers.layer import layer

LAYERS = [id for id in CATALOGUE if id.startswith("layer/")]


def asked(id, seed=1, dtype="float64"):
    return cases.draw(id, dtype, "plain", seed)


def of(case, **others):
    return vjp(case.formula, {**case.arguments, **others}, case.cotangent, **case.parameters)


@pytest.mark.parametrize("id", LAYERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_layer_keeps_the_dtype_and_its_inputs_and_gives_every_gradient(id, dtype):
    case = asked(id, dtype=dtype)
    before = {name: x.copy() for name, x in case.arguments.items()}
    outputs, gradients = of(case)
    floats = {name for name, x in case.arguments.items() if x.dtype.kind == "f"}
    assert set(gradients) == floats
    assert {y.dtype.name for y in (*outputs.values(), *gradients.values())} == {dtype}
    assert all(gradients[name].shape == case.arguments[name].shape for name in floats)
    assert all(np.array_equal(x, before[name]) for name, x in case.arguments.items())
    assert not any(
        np.may_share_memory(g, x) for g in (*gradients.values(), *outputs.values()) for x in case.arguments.values()
    )


@pytest.mark.parametrize("id", LAYERS)
def test_a_layer_does_not_mind_how_an_array_lies_in_memory(id):
    case = asked(id)
    outputs, gradients = of(case)
    moved = {name: np.flip(np.flip(np.asfortranarray(x)).copy()) if x.ndim else x for name, x in case.arguments.items()}
    for x in moved.values():
        x.flags.writeable = False
    again, others = of(case, **moved)
    assert all(np.array_equal(again[name], y) for name, y in outputs.items())
    assert all(np.array_equal(others[name], g) for name, g in gradients.items())


@pytest.mark.parametrize("id", LAYERS)
def test_a_layer_is_linear_in_its_cotangents(id):
    case = asked(id)
    v = case.cotangent
    _, gradients = of(case)
    _, doubled = vjp(id, case.arguments, {name: -2 * x for name, x in v.items()}, **case.parameters)
    _, nothing = vjp(id, case.arguments, {name: 0 * x for name, x in v.items()}, **case.parameters)
    assert all(np.array_equal(doubled[name], -2 * g) for name, g in gradients.items())
    assert not any(g.any() for g in nothing.values())
    if len(v) > 1:
        one_by_one = [vjp(id, case.arguments, {name: x}, **case.parameters)[1] for name, x in v.items()]
        for name, g in gradients.items():
            np.testing.assert_allclose(sum(each[name] for each in one_by_one), g, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("id", LAYERS)
def test_what_a_layer_does_not_take_is_said_by_name(id):
    case = asked(id)
    first = next(iter(case.arguments))
    with pytest.raises(TypeError, match="no argument 'nobody'"):
        of(case, nobody=1.0)
    with pytest.raises(TypeError, match=f"needs the argument '{first}'"):
        of(case, **{first: None})
    with pytest.raises(TypeError, match=f"{first} has dtype complex128"):
        of(case, **{first: case.arguments[first] * 1j})
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        vjp(id, case.arguments, case.cotangent, **case.parameters, nothing=1)
    with pytest.raises(ValueError, match="cotangent"):
        vjp(id, case.arguments, {"nobody": 1.0}, **case.parameters)


def test_a_layer_is_called_by_position_by_keyword_and_with_lists():
    y, pullback = layer_norm([[1.0, 2.0, 4.0]], bias=[1.0, 0.0, 0.0])
    assert y.shape == (1, 3)
    assert set(pullback([[1.0, 0.0, 0.0]])) == {"x", "bias"}
    with pytest.raises(TypeError, match=r"takes the arrays x, weight; 3 are given"):
        rms_norm([1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match=r"cotangent has shape \(2,\), the output has shape \(1, 3\)"):
        pullback([1.0, 2.0])
    with pytest.raises(TypeError, match="2 cotangents; the outputs are value"):
        pullback(y, y)


def test_a_cotangent_is_only_read_and_no_gradient_is_part_of_it():
    @layer()
    def handed_on(x):
        return x.copy(), lambda v: {"x": v[:]}

    @layer()
    def spoiling(x):
        return x.copy(), lambda v: {"x": np.multiply(v, 2, out=v)}

    x, v = np.ones(3), np.arange(3.0)
    for gradient in (handed_on(x)[1](v)["x"], handed_on.vjp({"x": x}, v)[1]["x"]):
        assert not np.shares_memory(gradient, v)
        gradient += 1
    assert v.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        spoiling(x)[1](v)
