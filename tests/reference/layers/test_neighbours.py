"""Local response normalisation by hand, at one half and at the ends of the range; and what does not fit."""

import numpy as np
import pytest

from reference.layers import local_response_norm

RNG = np.random.default_rng(21)


def by_definition(x, size, alpha, beta, k):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha * (near**2).sum(1) / size) ** beta
    return y


@pytest.mark.parametrize("shape", [(2, 5), (3, 1, 4), (2, 4, 3, 5)])
@pytest.mark.parametrize("options", [{}, {"size": 2, "alpha": 3.0, "beta": 0.5}, {"size": 7, "beta": 2.0, "k": 0.3}])
def test_by_the_definition_and_along_a_line(shape, options):
    x, d = RNG.standard_normal((2, *shape))
    options = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0, **options}
    y, pullback = local_response_norm(x, **options)
    np.testing.assert_allclose(y, by_definition(x, **options), rtol=1e-14)
    v, step = RNG.standard_normal(shape), 1e-5
    slope = (by_definition(x + step * d, **options) - by_definition(x - step * d, **options)) / (2 * step)
    np.testing.assert_allclose((pullback(v)["x"] * d).sum(), (v * slope).sum(), rtol=1e-7, atol=1e-9)


def test_a_channel_by_itself_at_one_half_is_nearly_its_sign():
    """x/√(k + x²) has the slope k/(k + x²)^{3/2}: all that is left where the rest cancels."""
    x = np.array([[1e9, -3e4, 0.5]])
    y, pullback = local_response_norm(x, size=1, alpha=1.0, beta=0.5, k=1e-3)
    np.testing.assert_allclose(pullback(np.full((1, 3), 7.0))["x"], 7e-3 / (1e-3 + x**2) ** 1.5, rtol=1e-14)
    np.testing.assert_allclose(y, x / np.sqrt(1e-3 + x**2), rtol=1e-15)


@pytest.mark.parametrize("scale", [2.0**900, 2.0**-900])
def test_no_square_overflows_or_vanishes(scale):
    """At β = ½ it grows with x and √k: y stays, and the slope is over their scale."""
    x, v = RNG.standard_normal((2, 2, 6))
    near, back = local_response_norm(x, size=3, alpha=2.0, beta=0.5, k=0.0625)
    k = 2.0**-1000 if scale < 1 else 1.0  # of no account beside x
    far, pull = local_response_norm(x * scale, size=3, alpha=2.0, beta=0.5, k=k)
    if scale > 1:
        near, back = local_response_norm(x, size=3, alpha=2.0, beta=0.5, k=1e-300)
        np.testing.assert_allclose(far, near, rtol=1e-13)
        np.testing.assert_allclose(pull(v)["x"], back(v)["x"] / scale, rtol=1e-9, atol=1e-12 / scale)
    else:
        np.testing.assert_allclose(far, x * scale * 2.0**500, rtol=1e-13)


def test_without_alpha_or_beta_it_is_linear():
    x = np.array([[1e300, -2.0, 0.0]])
    np.testing.assert_array_equal(local_response_norm(x, beta=0.0)[0], x)
    np.testing.assert_allclose(local_response_norm(x, alpha=0.0, k=4.0, beta=0.5)[0], x / 2, rtol=1e-15)


def test_nan_touches_its_neighbours_alone_and_nothing_where_the_cotangent_is_0():
    x = np.array([[1.0, 2, np.nan, 3, 4]])
    y, pullback = local_response_norm(x, size=3)
    np.testing.assert_array_equal(np.isnan(y), [[False, True, True, True, False]])
    assert np.isfinite(pullback(np.array([[1.0, 0, 0, 0, 1]]))["x"]).all()
    assert np.isnan(pullback(np.array([[1.0, 0, 0, 2, 1]]))["x"]).any()


def test_without_channels_there_is_nothing_and_of_few_a_wide_window_has_all():
    y, pullback = local_response_norm(np.ones((2, 0, 3)))
    assert y.shape == pullback(y)["x"].shape == (2, 0, 3)
    x = np.array([[1.0, 2.0]])
    for size in (2**63, 1e300):
        y, pullback = local_response_norm(x, size=size, alpha=size, beta=1.0)
        np.testing.assert_allclose(y, x / 6, rtol=1e-15)
        np.testing.assert_allclose(pullback(np.ones((1, 2)))["x"], [[0, -0.5 / 3 / 3 * 1.0]], atol=1)
    assert local_response_norm(x, size=10**30)[0].tolist() == x.tolist()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3,), {}, r"x has shape \(3,\); expected \(n, c, …\)"),
        ((2, 3), {"size": 0}, "size = 0; need size ≥ 1"),
        ((2, 3), {"size": 1.5}, "size = 1.5; need"),
        ((2, 3), {"k": 0.0}, "k = 0.0; need k > 0"),
        ((2, 3), {"alpha": -1.0}, "alpha = -1.0; need alpha ≥ 0"),
        ((2, 3), {"beta": np.inf}, "beta = inf is not finite"),
    ],
)
def test_what_does_not_fit_is_named(shape, options, message):
    with pytest.raises(ValueError, match=message):
        local_response_norm(np.ones(shape), **options)
