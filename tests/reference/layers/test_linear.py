"""Linear maps: the outer product, leading axes, one rank after another, and what is refused."""

import numpy as np
import pytest

from gradproof import cases
from reference import CATALOGUE, vjp
from reference.layers import bilinear, linear, lora
from reference.layers.linear import UNASKED

RNG = np.random.default_rng(3)


def real(*shape):
    return RNG.standard_normal(shape)


def test_of_one_row_the_gradient_of_the_matrix_is_the_outer_product():
    x, W, b, v = real(4), real(3, 4), real(3), real(3)
    y, pullback = linear(x, W, b)
    np.testing.assert_allclose(y, W @ x + b)
    found = pullback(v)
    np.testing.assert_allclose(found["weight"], np.outer(v, x))
    np.testing.assert_allclose(found["x"], W.T @ v)
    np.testing.assert_array_equal(found["bias"], v)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3), (0,), (1, 1)])
def test_leading_axes_are_rows(lead):
    x, W, b, v = real(*lead, 4), real(3, 4), real(3), real(*lead, 3)
    y, pullback = linear(x, W, b)
    found = pullback(v)
    assert y.shape == v.shape
    assert found["x"].shape == x.shape
    flat = linear(x.reshape(-1, 4), W, b)[1](v.reshape(-1, 3))
    for name in ("weight", "bias"):
        np.testing.assert_allclose(found[name], flat[name])


def test_a_low_rank_update_is_a_linear_map_of_the_sum():
    x, W, A, B, v = real(2, 5, 4), real(3, 4), real(2, 4), real(3, 2), real(2, 5, 3)
    y, pullback = lora(x, W, A, B, alpha=6.0)
    whole, whole_pullback = linear(x, W + 3 * B @ A)
    np.testing.assert_allclose(y, whole)
    found, G = pullback(v), whole_pullback(v)
    np.testing.assert_allclose(found["x"], G["x"])
    np.testing.assert_allclose(found["weight"], G["weight"])
    np.testing.assert_allclose(found["a"], 3 * B.T @ G["weight"])  # chain rule through W + 3BA
    np.testing.assert_allclose(found["b"], 3 * G["weight"] @ A.T)


def test_an_update_of_zeros_changes_nothing_and_still_learns():
    x, W, A, v = real(5, 4), real(3, 4), real(2, 4), real(5, 3)
    y, pullback = lora(x, W, A, np.zeros((3, 2)))
    np.testing.assert_array_equal(y, linear(x, W)[0])
    assert not pullback(v)["a"].any()
    assert pullback(v)["b"].all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ((real(3, 5), real(2, 4)), r"x has shape \(3, 5\); expected \(..., 4\), as weight has shape \(2, 4\)"),
        ((real(3, 4), real(4)), r"weight has shape \(4,\); expected \(m, d\)"),
        ((np.array(1.0), real(2, 4)), r"x has shape \(\); expected \(..., 4\)"),
        ((real(3, 4), real(2, 4), real(3)), r"bias has shape \(3,\); expected \(2,\)"),
    ],
)
def test_shapes_that_do_not_fit_a_linear_map_are_named(arrays, said):
    with pytest.raises(ValueError, match=said):
        linear(*arrays)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (real(2, 3), real(3, 2), r"a has shape \(2, 3\); expected \(r, 4\)"),
        (real(2, 4), real(2, 3), r"b has shape \(2, 3\); expected \(3, 2\)"),
        (real(0, 4), real(3, 0), r"a has shape \(0, 4\); a rank of 0"),
    ],
)
def test_shapes_that_do_not_fit_an_update_are_named(a, b, said):
    with pytest.raises(ValueError, match=said):
        lora(real(5, 4), real(3, 4), a, b)


@pytest.mark.parametrize("arrays", [(real(3, 4).astype(int), real(2, 4)), (real(3, 4), real(2, 4) > 0)])
def test_integers_and_bools_are_no_rows_and_no_matrices(arrays):
    with pytest.raises(TypeError, match=r"(x|weight) has dtype (int64|bool); pass floats"):
        linear(*arrays)


def test_how_arrays_lie_in_memory_changes_no_bit():
    x, W, v = real(7, 5, 9), real(11, 9), real(7, 5, 11)
    one, other = linear(x, W)[1](v), linear(np.asarray(x, order="F"), W)[1](np.asarray(v, order="F"))
    for name, g in one.items():
        np.testing.assert_array_equal(g, other[name])


# ---------------------------------------------------------------- bilinear


def test_a_bilinear_map_is_linear_in_either_vector():
    rng = np.random.default_rng(8)
    x1, x2, W, b, v = (rng.standard_normal(n) for n in ((2, 3), (2, 4), (5, 3, 4), 5, (2, 5)))
    y, pullback = bilinear(x1, x2, W, b)
    for i in range(2):
        same, back = linear(x2[i], np.einsum("k,jkl->jl", x1[i], W), b)
        np.testing.assert_allclose(y[i], same, rtol=1e-13)
        np.testing.assert_allclose(pullback(v)["x2"][i], back(v[i])["x"], rtol=1e-13)
    turned, back = bilinear(x2, x1, W.swapaxes(1, 2), b)
    np.testing.assert_allclose(turned, y, rtol=1e-13)
    np.testing.assert_allclose(back(v)["x2"], pullback(v)["x1"], rtol=1e-13)
    np.testing.assert_allclose(back(v)["weight"].swapaxes(1, 2), pullback(v)["weight"], rtol=1e-13)
    np.testing.assert_allclose(pullback(v)["bias"], v.sum(0), rtol=1e-15)


def test_the_identity_makes_inner_products():
    x1, x2 = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    y, pullback = bilinear(x1, x2, np.eye(3)[None])
    assert y.tolist() == [32]
    g = pullback(np.array([10.0]))
    assert g["x1"].tolist() == [40, 50, 60]
    assert g["weight"].tolist() == [(10 * np.outer(x1, x2)).tolist()]


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("id", [id for id, f in CATALOGUE.items() if UNASKED in f.assumptions])
def test_a_row_whose_cotangent_is_0_may_hold_nan_in_any_argument(id, seed):
    case = cases.draw(id, "float64", "plain", seed)
    by_row = [text.split("[")[0] for text in CATALOGUE[id].arguments if "[i, " in text]
    v = case.cotangent["value"].copy()
    v[0] = 0
    kept = vjp(id, case.arguments, v)[1]
    for name in by_row:
        holed = {**case.arguments, name: case.arguments[name].copy()}
        holed[name][0] = np.nan
        for of, g in vjp(id, holed, v)[1].items():
            np.testing.assert_array_equal(g, kept[of])


@pytest.mark.parametrize(
    ("x1", "x2", "weight", "bias", "message"),
    [
        ((2, 3), (2, 4), (3, 4), None, r"weight has shape \(3, 4\); expected \(m, d1, d2\)"),
        ((2, 4), (2, 4), (5, 3, 4), None, r"x1 has shape \(2, 4\); expected \(..., 3\)"),
        ((2, 3), (3, 4), (5, 3, 4), None, r"x2 has shape \(3, 4\); expected \(2, 4\)"),
        ((2, 3), (2, 4), (5, 3, 4), (4,), r"bias has shape \(4,\); expected \(5,\)"),
    ],
)
def test_shapes_of_a_bilinear_map_that_do_not_fit_are_named(x1, x2, weight, bias, message):
    with pytest.raises(ValueError, match=message):
        bilinear(np.ones(x1), np.ones(x2), np.ones(weight), None if bias is None else np.ones(bias))
