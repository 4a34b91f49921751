"""Attention by hand: closed forms, what changes nothing, what does not enter, and what is refused."""

import numpy as np
import pytest

from reference import vjp
from reference.layers import attention, streaming_attention

RNG = np.random.default_rng(7)
INF, NAN = np.inf, np.nan


def real(*shape):
    return RNG.standard_normal(shape)


def asked(q, k, v, cotangents, function=attention, **given):
    """Outputs and gradients by name."""
    outputs, pullback = function(q, k, v, **given)
    return {"value": outputs[0], "lse": outputs[1], **pullback(*cotangents)}


def alike(one, other, rtol=1e-12):
    assert one.keys() == other.keys()
    for name, x in one.items():
        np.testing.assert_allclose(x, other[name], rtol, 1e-13, err_msg=name)


def test_one_key_gets_all_the_weight():
    q, k, v, dy = real(3, 2), real(1, 2), real(1, 4), real(3, 4)
    got = asked(q, k, v, (dy, np.zeros(3)), scale=0.5)
    np.testing.assert_array_equal(got["value"], np.repeat(v, 3, 0))
    np.testing.assert_allclose(got["lse"], 0.5 * (q @ k.T)[:, 0])
    np.testing.assert_array_equal(got["q"], 0)
    np.testing.assert_array_equal(got["k"], 0)
    np.testing.assert_allclose(got["v"], dy.sum(0, keepdims=True))


def test_two_keys_are_weighed_by_a_sigmoid():
    """q = 1, k = (t, 0): the weight of the first is σ(t), and its slope σ(t)σ(−t)."""
    t, v = 0.7, np.array([[3.0], [-1.0]])
    got = asked(np.ones((1, 1)), np.array([[t], [0.0]]), v, (np.ones((1, 1)), np.zeros(1)), scale=1)
    share = 1 / (1 + np.exp(-t))
    assert got["value"].item() == pytest.approx(4 * share - 1, rel=1e-14)
    assert got["lse"].item() == pytest.approx(np.log1p(np.exp(t)), rel=1e-14)
    slope = 4 * share * (1 - share)
    np.testing.assert_allclose(got["k"], [[slope], [-slope]], rtol=1e-14)
    assert got["q"].item() == pytest.approx(t * slope, rel=1e-14)
    np.testing.assert_allclose(got["v"], [[share], [1 - share]], rtol=1e-14)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("heads", [((), ()), ((2, 4), (2, 2))], ids=["one head", "shared keys"])
@pytest.mark.parametrize(
    "given",
    [{}, {"causal": True}, {"window": 2, "scale": 0.3}, {"causal": True, "offset": 2}, {"offset": -6, "window": 2}],
)
def test_block_by_block_it_is_the_same(heads, given, block):
    q, k, v = real(*heads[0], 5, 3), real(*heads[1], 7, 3), real(*heads[1], 7, 2)
    v_out = real(*heads[0], 5, 2), real(*heads[0], 5)
    alike(asked(q, k, v, v_out, **given), asked(q, k, v, v_out, streaming_attention, block=block, **given), 1e-10)


def test_the_order_of_keys_is_nothing_without_places():
    q, k, v, order = real(3, 2), real(5, 2), real(5, 4), RNG.permutation(5)
    v_out = real(3, 4), real(3)
    one, other = asked(q, k, v, v_out), asked(q, k[order], v[order], v_out)
    alike({**one, "k": one["k"][order], "v": one["v"][order]}, other)


def test_heads_that_share_keys_add_their_gradients():
    q, k, v = real(2, 6, 3, 2), real(2, 2, 4, 2), real(2, 2, 4, 5)
    v_out, sink = (real(2, 6, 3, 5), real(2, 6, 3)), real(6)
    one = asked(q, k, v, v_out, sink=sink, causal=True)
    other = asked(q, *(np.repeat(x, 3, 1) for x in (k, v)), v_out, sink=sink, causal=True)
    for name in "kv":
        other[name] = other[name].reshape(2, 2, 3, 4, -1).sum(2)
    alike(one, other)


def test_a_mask_is_a_bias_of_minus_infinity_and_fewer_keys():
    q, k, v, v_out = real(3, 2), real(4, 2), real(4, 5), (real(3, 5), real(3))
    mask = np.array([True, False, True, True])
    masked = asked(q, k, v, v_out, mask=mask)
    biased = asked(q, k, v, v_out, bias=np.where(mask, 0, -INF))
    np.testing.assert_array_equal(biased.pop("bias")[1], 0)
    alike(masked, biased)
    fewer = asked(q, k[mask], v[mask], v_out)
    alike({**masked, "k": masked["k"][mask], "v": masked["v"][mask]}, fewer)
    np.testing.assert_array_equal(masked["k"][1], 0)


def test_a_sink_is_a_key_of_value_0():
    q, k, v, v_out, logit = real(3, 2), real(4, 2), real(4, 5), (real(3, 5), real(3)), np.array(0.4)
    one = asked(q, k, v, v_out, sink=logit)
    bias = np.concatenate([np.zeros((3, 4)), np.full((3, 1), logit)], 1)
    other = asked(q, np.r_[k, np.zeros((1, 2))], np.r_[v, np.zeros((1, 5))], v_out, bias=bias)
    np.testing.assert_allclose(one.pop("sink"), other.pop("bias")[:, 4].sum())
    alike(one, {**other, "k": other["k"][:4], "v": other["v"][:4]})
    weights = asked(q, k, np.ones((4, 1)), (np.ones((3, 1)), np.zeros(3)), sink=logit)["value"]
    assert (weights < 1).all()


def test_a_bias_that_all_heads_share_gets_the_sum():
    q, k, v, v_out, bias = real(3, 2, 2), real(3, 4, 2), real(3, 4, 5), (real(3, 2, 5), real(3, 2)), real(1, 4)
    one = asked(q, k, v, v_out, bias=bias)["bias"]
    each = asked(q, k, v, v_out, bias=np.broadcast_to(bias, (3, 2, 4)))["bias"]
    assert one.shape == (1, 4)
    np.testing.assert_allclose(one, each.sum((0, 1))[None])


def test_bounded_logits_stay_below_the_bound_and_a_wide_bound_does_nothing():
    q, k, v, v_out = 50 * real(3, 2), real(4, 2), real(4, 5), (real(3, 5), real(3))
    assert (asked(q, k, v, v_out, softcap=0.5)["lse"] <= 0.5 + np.log(4)).all()
    alike(asked(q, k, v, v_out), asked(q, k, v, v_out, softcap=1e9), 1e-9)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"causal": True}, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]),
        ({"causal": True, "offset": 1}, [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]),
        ({"window": 2}, [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]),
        ({"window": 2, "causal": True}, [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]]),
        ({"causal": True, "offset": 1e300}, np.ones((3, 4))),
        ({"causal": True, "offset": -(2**63)}, np.zeros((3, 4))),
        ({"window": 10**30, "offset": 10**30}, [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]),
        ({"window": 1, "offset": 1}, [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
)
def test_places_say_what_is_seen(given, seen):
    q, k, v, v_out = real(3, 2), real(4, 2), real(4, 5), (real(3, 5), real(3))
    alike(asked(q, k, v, v_out, **given), asked(q, k, v, v_out, mask=np.array(seen, bool)))


def test_weights_that_underflow_reach_huge_values_and_cotangents():
    q, k, v = np.ones((1, 1)), np.array([[0.0], [-800.0]]), np.array([[0.0], [2.0**200]])
    got = asked(q, k, v, (np.array([[2.0**150]]), np.zeros(1)), scale=1)
    share = np.exp(-400.0)  # its square is no float
    np.testing.assert_allclose(got["value"], [[share * 2.0**200 * share]], rtol=1e-13)
    np.testing.assert_allclose(got["v"][1], [share * 2.0**150 * share], rtol=1e-13)
    np.testing.assert_allclose(got["k"], [[-share * 2.0**350 * share], [share * 2.0**350 * share]], rtol=1e-13)


@pytest.mark.parametrize("far", [1e3, 1e300])
def test_logits_far_apart_leave_one_key(far):
    q, v, bias, v_out = real(2, 3), real(3, 4), np.array([-far, far, 0.0]), (real(2, 4), real(2))
    got = asked(q, real(3, 3), v, v_out, bias=bias)
    np.testing.assert_array_equal(got["value"], [v[1], v[1]])
    np.testing.assert_allclose(got["lse"], far, rtol=1e-2)
    np.testing.assert_array_equal(got["bias"], [0, v_out[1].sum(), 0])
    np.testing.assert_array_equal(got["v"], [0 * v[0], v_out[0].sum(0), 0 * v[0]])


# ---------------------------------------------------------------- what does not enter


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_keys_that_no_query_sees_may_hold_anything(bad):
    q, k, v, v_out, mask = (
        real(3, 2),
        real(4, 2),
        real(4, 5),
        (real(3, 5), real(3)),
        np.array([True, True, False, True]),
    )
    k_bad, v_bad = k.copy(), v.copy()
    k_bad[2] = v_bad[2] = bad
    one, other = (asked(q, *kv, v_out, mask=mask, softcap=3.0, sink=np.array(0.1)) for kv in ((k, v), (k_bad, v_bad)))
    alike(one, other)


def test_a_key_that_one_query_sees_and_another_not_touches_the_one():
    q, k, v, v_out = real(3, 2), real(3, 2), real(3, 5), (real(3, 5), real(3))
    k_bad, v_bad = k.copy(), v.copy()
    k_bad[2, 0] = v_bad[2, 1] = NAN
    one, other = asked(q, k, v, v_out, causal=True), asked(q, k_bad, v_bad, v_out, causal=True)
    for name in ("value", "lse", "q"):
        np.testing.assert_allclose(one[name][:2], other[name][:2], 1e-12)
        assert np.isnan(other[name][2]).all()


def test_a_query_that_sees_no_key_gives_0_and_takes_0():
    q, k, v, v_out = real(3, 2), real(4, 2), real(4, 5), (real(3, 5), real(3))
    mask = np.ones((3, 4), bool)
    mask[1] = False
    q_bad = q.copy()
    q_bad[1] = NAN
    for given in (q, q_bad):
        got = asked(given, k, v, v_out, mask=mask)
        np.testing.assert_array_equal(got["value"][1], 0)
        assert got["lse"][1] == -INF
        np.testing.assert_array_equal(got["q"][1], 0)
        fewer = asked(q[::2], k, v, (v_out[0][::2], v_out[1][::2]))
        for name in "kv":
            np.testing.assert_allclose(got[name], fewer[name], 1e-12)


def test_a_query_whose_cotangents_are_0_may_hold_nan():
    q, k, v, dy, g = real(3, 2), real(4, 2), real(4, 5), real(3, 5), real(3)
    dy[1] = g[1] = 0
    clean = asked(q, k, v, (dy, g), sink=np.array(0.3))
    q[1] = NAN
    got = asked(q, k, v, (dy, g), sink=np.array(0.3))
    for name in ("q", "k", "v", "sink"):
        np.testing.assert_allclose(got[name], clean[name], 1e-12)


def test_arguments_are_not_modified_and_the_dtype_stays():
    arrays = [real(3, 2).astype(np.float32), real(4, 2).astype(np.float32), real(4, 5).astype(np.float32)]
    before = [x.copy() for x in arrays]
    got = asked(*arrays, (real(3, 5), real(3)), causal=True)
    assert {x.dtype for x in got.values()} == {np.dtype(np.float32)}
    for x, y in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_no_intermediate_overflows():
    q, k, v = np.array([[1e200]]), np.array([[1e200], [-1e-200]]), np.array([[1.0], [3.0]])
    (value, lse), pullback = attention(q, k, v, scale=1e-300)
    assert value.item() == 1.0
    assert lse.item() == pytest.approx(1e100)
    assert all(np.isfinite(g).all() for g in pullback(np.ones((1, 1)), np.zeros(1)).values())


@pytest.mark.parametrize("huge", [1e200, 1e300])
def test_huge_values_and_cotangents_are_no_overflow(huge):
    q, k, v, dy, g = real(3, 2), real(4, 2), real(4, 5), real(3, 5), real(3)
    one = asked(q, k, v, (dy, g))
    np.testing.assert_allclose(asked(q, k, huge * v, (dy, np.zeros(3)))["value"] / huge, one["value"], 1e-13)
    other = asked(q, k, v, (huge * dy, huge * g))
    for name in "qkv":
        np.testing.assert_allclose(other[name] / huge, one[name], 1e-12)


@pytest.mark.parametrize("softcap", [None, 720.0])
def test_a_weight_that_underflows_is_not_lost_before_it_meets_its_factors(softcap):
    """e^(−740) is subnormal, and 10²⁰ times that is not."""
    q, k, v = np.array([[1.0]]), np.array([[740.0], [0.0]]), np.array([[0.0], [1.0]])
    dy = np.array([[1e20]])
    got = asked(q, k if softcap is None else k * 1e3, v, (dy, np.zeros(1)), scale=1.0, softcap=softcap)
    exponent = 740.0 if softcap is None else 720.0
    assert got["v"][1, 0] == pytest.approx(1e20 * np.exp(-exponent / 2) * np.exp(-exponent / 2), rel=1e-11)
    assert softcap or got["q"].item() == pytest.approx(-740 * got["v"][1, 0], rel=1e-11)


# ---------------------------------------------------------------- what is refused

Q, K, V = np.ones((4, 3, 2)), np.ones((2, 5, 2)), np.ones((2, 5, 6))


@pytest.mark.parametrize(
    ("arrays", "given", "said"),
    [
        ((Q, K[..., :1], V), {}, r"k has shape \(2, 5, 1\); expected \(..., S, 2\)"),
        ((Q, K, V[:, :4]), {}, r"v has shape \(2, 4, 6\); expected \(2, 5\)"),
        ((Q[:3], K, V), {}, r"k has shape \(2, 5, 2\); expected the leading axes \(3,\)"),
        ((Q[0], K, V), {}, "expected the leading axes"),
        ((Q[0, 0], K, V), {}, r"q has shape \(2,\); expected \(..., positions, entries\)"),
        ((Q, K[:, :0], V[:, :0]), {}, r"k has shape \(2, 0, 2\)"),
        ((Q, K, V), {"bias": np.ones((3, 4))}, r"bias has shape \(3, 4\); expected what broadcasts to \(4, 3, 5\)"),
        ((Q, K, V), {"mask": np.ones((9, 4, 3, 5), bool)}, "mask has shape"),
        ((Q, K, V), {"sink": np.ones(3)}, r"sink has shape \(3,\); expected one logit, \(\), or one a head, \(4,\)"),
        ((Q, K, V), {"window": 0}, "window = 0; need a positive integer, or None"),
        ((Q, K, V), {"window": 1.5}, "window = 1.5; need a positive integer"),
        ((Q, K, V), {"softcap": -1.0}, "softcap = -1.0; need a finite number > 0"),
        ((Q, K, V), {"scale": INF}, "scale = inf; need a finite number"),
    ],
)
def test_what_does_not_fit_is_named(arrays, given, said):
    with pytest.raises(ValueError, match=said):
        attention(*arrays, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mask": np.ones((3, 5))}, "mask has dtype float64; pass bools"),
        ({"mask": np.ones((3, 5), int)}, "mask has dtype int64; pass bools"),
        ({"scale": "big"}, "scale = 'big' is neither a number nor None"),
        ({"window": "big"}, "window = 'big' is neither a number nor None"),
        ({"causal": "yes"}, "causal = 'yes' is neither True nor False"),
        ({"dropout": 0.1}, "unexpected keyword argument 'dropout'"),
    ],
)
def test_what_is_of_another_kind_is_named(given, said):
    with pytest.raises(TypeError, match=said):
        attention(Q, K, V, **given)


def test_blocks_hold_a_key_or_more():
    with pytest.raises(ValueError, match="block = 0; need one key or more"):
        streaming_attention(Q, K, V, block=0)


def test_a_cotangent_of_one_output_alone_stands_for_zeros_of_the_other():
    q, k, v, dy = real(3, 2), real(4, 2), real(4, 5), real(3, 5)
    _, found = vjp("layer/attention", {"q": q, "k": k, "v": v}, {"value": dy})
    got = asked(q, k, v, (dy, np.zeros(3)))
    for name, g in found.items():
        np.testing.assert_array_equal(g, got[name])


@pytest.mark.parametrize("name", ["q", "k", "v", "bias", "sink"])
def test_integers_are_refused_by_name(name):
    given = {"q": Q, "k": K, "v": V, "bias": np.ones((3, 5)), "sink": np.ones(4)}
    with pytest.raises(TypeError, match=f"{name} has dtype int64; pass floats"):
        vjp("layer/attention", {**given, name: given[name].astype(int)})
