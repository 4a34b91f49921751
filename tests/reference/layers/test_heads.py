"""Multi-head attention: one head by itself, heads side by side, padding, and what is refused."""

import numpy as np
import pytest

from reference.layers import attention, multi_head_attention

RNG = np.random.default_rng(13)


def real(*shape):
    return RNG.standard_normal(shape)


def weights(heads=1, shared=1, d=3, c=3, e=2, f=4, m=5):
    return {"q_weight": real(heads * e, d), "k_weight": real(shared * e, c), "v_weight": real(shared * f, c),
            "out_weight": real(m, heads * f)}  # fmt: skip


def test_one_head_is_attention_between_linear_maps():
    x, w = real(6, 3), weights()
    y, pullback = multi_head_attention(x, *w.values(), causal=True)
    (A, _), back = attention(x @ w["q_weight"].T, x @ w["k_weight"].T, x @ w["v_weight"].T, causal=True)
    np.testing.assert_allclose(y, A @ w["out_weight"].T)
    v = real(6, 5)
    found = pullback(v)
    d = back(v @ w["out_weight"])
    np.testing.assert_allclose(found["x"], sum(d[k] @ w[f"{k}_weight"] for k in "qkv"))
    np.testing.assert_allclose(found["v_weight"], d["v"].T @ x)
    np.testing.assert_allclose(found["out_weight"], v.T @ A)


def test_heads_add_what_each_gives_by_itself():
    x, w, v = real(2, 6, 3), weights(heads=2, shared=2), real(2, 6, 5)
    y, pullback = multi_head_attention(x, *w.values(), heads=2)
    parts = []
    for h in range(2):
        one = (w["q_weight"][2 * h : 2 * h + 2], w["k_weight"][2 * h : 2 * h + 2], w["v_weight"][4 * h : 4 * h + 4],
               w["out_weight"][:, 4 * h : 4 * h + 4])  # fmt: skip
        parts.append(multi_head_attention(x, *one))
    np.testing.assert_allclose(y, parts[0][0] + parts[1][0])
    found, single = pullback(v), [p(v) for _, p in parts]
    np.testing.assert_allclose(found["x"], single[0]["x"] + single[1]["x"])
    for name, axis in (("q_weight", 0), ("k_weight", 0), ("v_weight", 0), ("out_weight", 1)):
        np.testing.assert_allclose(found[name], np.concatenate([s[name] for s in single], axis))


def test_a_context_that_is_x_splits_the_gradient_of_x():
    x, w, v = real(6, 3), weights(), real(6, 5)
    alone = multi_head_attention(x, *w.values())[1](v)
    other = multi_head_attention(x, *w.values(), x)[1](v)
    np.testing.assert_allclose(alone["x"], other["x"] + other["context"])
    assert "context" not in alone


def test_padding_of_the_context_may_hold_nan():
    x, context, w, v = real(6, 3), real(7, 4), weights(heads=4, shared=2, c=4), real(6, 5)
    mask = np.arange(7) < 5
    kept, back = multi_head_attention(x, *w.values(), context[:5], heads=4, kv_heads=2)
    context[5:] = np.nan
    y, pullback = multi_head_attention(x, *w.values(), context, mask, heads=4, kv_heads=2)
    np.testing.assert_allclose(y, kept)
    found, expected = pullback(v), back(v)
    np.testing.assert_array_equal(found["context"][5:], 0)
    found["context"] = found["context"][:5]
    for name, g in expected.items():
        np.testing.assert_allclose(found[name], g, 1e-10, 1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"heads": 0}, "heads = 0; need heads ≥ 1"),
        ({}, {"heads": 1.5}, "heads = 1.5; need heads"),
        ({}, {"heads": 2, "kv_heads": 3}, "kv_heads = 3; need a divisor of heads = 2"),
        ({}, {"kv_heads": 0}, "kv_heads = 0; need a positive integer"),
        ({"q_weight": real(2, 4)}, {}, r"q_weight has shape \(2, 4\); expected \(1·e, 3\)"),
        ({"q_weight": real(3, 3)}, {"heads": 2}, r"q_weight has shape \(3, 3\); expected 2 heads of as many rows"),
        ({"k_weight": real(4, 3)}, {}, r"k_weight has shape \(4, 3\); expected \(2, c\), heads as long"),
        ({"out_weight": real(5, 3)}, {}, r"out_weight has shape \(5, 3\); expected \(m, 4\)"),
        ({"context": real(7, 4)}, {}, r"k_weight has shape \(2, 3\); expected \(1·e, 4\)"),
        ({"context": real(2, 7, 3)}, {}, r"context has shape \(2, 7, 3\); expected \(S, c\)"),
        ({"x": real(3)}, {}, r"x has shape \(3,\); expected \(..., T, d\)"),
    ],
)
def test_what_does_not_fit_is_named(change, options, said):
    with pytest.raises(ValueError, match=said):
        multi_head_attention(**{"x": real(6, 3), **weights(), **change}, **options)
