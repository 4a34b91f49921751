"""Blocks by themselves: gradients beside differences of their values, dtypes, and what is refused."""

import importlib
import types

import numpy as np
import pytest

from gradproof.cases.blocks import SETTINGS, draw
from reference.blocks import BLOCKS, language_model, parts, transformer
from reference.blocks.transformer import dropout

asked = pytest.mark.parametrize(("id", "setting"), [(id, k) for id in SETTINGS for k in range(len(SETTINGS[id]))])


def value(case, **moved):
    outputs, _ = BLOCKS[case.formula].vjp({**case.arguments, **moved}, **case.parameters)
    return float((outputs["value"] * case.cotangent["value"]).sum())


def test_every_block_is_asked_and_every_option_at_two_values():
    assert set(SETTINGS) == set(BLOCKS)
    settings = SETTINGS["block/transformer"]
    for name in ("pre_norm", "norm", "causal", "kv_heads", "activation", "rate"):
        assert len({options.get(name) for options in settings}) > 1, name


@asked
def test_the_gradient_by_every_array_is_the_slope_of_the_value(id, setting):
    case = draw(id, "float64", "plain", setting)
    _, gradients = BLOCKS[id].vjp(case.arguments, case.cotangent, **case.parameters)
    assert set(gradients) == {name for name, x in case.arguments.items() if x.dtype.kind == "f"}
    rng = np.random.default_rng(0)
    for name, g in gradients.items():
        x, along, h = case.arguments[name], rng.standard_normal(g.shape), 1e-6
        slope = (value(case, **{name: x + h * along}) - value(case, **{name: x - h * along})) / (2 * h)
        assert (g * along).sum() == pytest.approx(slope, rel=1e-5, abs=1e-7), name


@asked
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_floats_are_evaluated_in_float64_and_rounded_once(id, setting, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    case = draw(id, dtype, "plain", setting)
    wide = {name: x if x.dtype.kind in "iub" else x.astype(np.float64) for name, x in case.arguments.items()}
    v = {"value": case.cotangent["value"].astype(np.float64)}
    kept = {name: x.copy() for name, x in case.arguments.items()}
    narrow = BLOCKS[id].vjp(case.arguments, case.cotangent, **case.parameters)
    exact = BLOCKS[id].vjp(wide, v, **case.parameters)
    for found, expected in zip(narrow, exact, strict=True):
        for name, x in found.items():
            assert x.dtype == dtype, name
            assert np.array_equal(x, expected[name].astype(x.dtype)), name
    assert all(np.array_equal(x, kept[name]) for name, x in case.arguments.items())


def test_without_weights_a_block_before_its_norms_is_the_identity():
    case = draw("block/transformer", "float64", "plain", 0)
    off = {"out_weight": np.zeros_like(case.arguments["out_weight"]), "down": np.zeros_like(case.arguments["down"])}
    y, pullback = transformer(**{**case.arguments, **off}, heads=2)
    v = case.cotangent["value"]
    assert np.array_equal(y, case.arguments["x"])
    assert np.array_equal(pullback(v)["x"], v)


def test_what_dropout_drops_neither_enters_nor_gets_a_gradient():
    options = SETTINGS["block/transformer"][4]
    given = dict(draw("block/transformer", "float64", "plain", 4).arguments)
    given["keep_mlp"] = np.zeros_like(given["keep_mlp"])
    y, pullback = transformer(**given, **options)
    gradients = pullback(np.ones(y.shape))
    assert not any(gradients[name].any() for name in ("gate", "up", "down", "norm2", "bias2"))
    assert gradients["out_weight"].any()


def test_the_table_of_a_language_model_gets_what_comes_back_from_both_its_ends():
    """Either share alone is that of a model whose other end is another table."""
    case = draw("block/language_model", "float64", "plain", 0)
    whole = BLOCKS[case.formula].vjp(case.arguments, **case.parameters)[1]["embedding"]
    shares = []
    for name, gone in (("linear", "weight"), ("embedding", "weight")):
        made_of = types.SimpleNamespace(**{**vars(parts), name: without(getattr(parts, name), gone)})
        shares.append(language_model(**case.arguments, heads=2, parts=made_of)[1](1.0)["embedding"])
    assert all(share.any() for share in shares)
    np.testing.assert_allclose(shares[0] + shares[1], whole, rtol=1e-12)


def without(layer, gone):
    """A layer whose pullback says 0 of one argument."""

    def wrong(*arrays, **given):
        y, pullback = layer(*arrays, **given)
        return y, lambda *v: {name: 0 * g if name == gone else g for name, g in pullback(*v).items()}

    return wrong


def test_modules_are_there_beside_the_functions_of_their_names():
    assert importlib.import_module("reference.blocks.transformer").transformer is transformer


BAD = [
    ("block/transformer", {"norm": "batch_norm"}, {}, "norm = 'batch_norm' is not one of rms_norm, layer_norm"),
    ("block/transformer", {}, {"bias1": np.ones(4)}, "a bias is given, but rms_norm has none"),
    ("block/transformer", {}, {"x": np.float64(1)}, r"x has shape \(\); expected \(..., T, d\)"),
    ("block/language_model", {}, {"tokens": np.array(1)}, r"tokens has shape \(\); expected \(..., T\)"),
    ("block/language_model", {}, {"embedding": np.array(1.0)}, r"embedding has shape \(\); expected \(V, d\)"),
    ("block/transformer", {"rate": 1.0}, {}, "rate = 1.0; need 0 <= rate < 1"),
    ("block/transformer", {"kv_heads": 3}, {}, "kv_heads = 3; need a divisor of heads = 2"),
    ("block/transformer", {}, {"out_weight": np.ones((3, 6))}, r"out_weight has shape \(3, 6\); expected \(4, heads"),
    ("block/transformer", {}, {"down": np.ones((3, 5))}, r"down has shape \(3, 5\); expected \(4, h\)"),
    ("block/transformer", {}, {"norm2": np.ones(3)}, r"weight has shape \(3,\)"),
    ("block/transformer", {"activation": "swish"}, {}, "activation = 'swish' is not one of"),
    ("block/language_model", {}, {"up": np.ones((1, 5, 4))}, r"up has shape \(1, 5, 4\); expected \(2,\) and more"),
    ("block/language_model", {}, {"positions": np.ones((2, 4))}, r"positions has shape \(2, 4\); expected \(3, 4\)"),
    ("block/language_model", {}, {"labels": np.zeros(2, int)}, r"labels has shape \(2,\); expected \(3,\), as tokens"),
    ("block/language_model", {}, {"tokens": np.array([0, 5, 1])}, "index 5 is outside 0 … 4"),
    ("block/language_model", {}, {"labels": np.array([0, 5, 1])}, "5"),
    ("block/convolutional_network", {"pooling": "l2"}, {}, "pooling = 'l2' is not one of max_pooling, average_pooling"),
    ("block/convolutional_network", {"activation": "silu"}, {}, "activation = 'silu' is not one of relu, gelu, tanh"),
    ("block/convolutional_network", {}, {"x": np.ones((2, 6, 4))}, r"x has shape \(2, 6, 4\)"),
    ("block/convolutional_network", {}, {"weight": np.ones((3, 5))}, r"\(3, 5\)"),
    ("block/lstm_classifier", {}, {"x": np.ones((2, 3))}, r"x has shape \(2, 3\)"),
    ("block/lstm_classifier", {}, {"weight_h": np.ones(3)}, r"weight_h has shape \(3,\)"),
    ("block/lstm_classifier", {}, {"weight_x": np.ones((7, 3))}, r"weight_x has shape \(7, 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "options", "arrays", "message"), BAD)
def test_what_does_not_fit_is_refused_by_name(id, options, arrays, message):
    case = draw(id, "float64", "plain", 0)
    with pytest.raises(ValueError, match=message):
        BLOCKS[id].vjp({**case.arguments, **arrays}, **{**case.parameters, **options})


@pytest.mark.parametrize("id", BLOCKS)
@pytest.mark.parametrize("data", [None, 1, {}])
def test_plain_data_are_no_parts(id, data):
    case = draw(id, "float64", "plain", 0)
    with pytest.raises(TypeError, match=f"parts = {data}; expected layers by name"):
        BLOCKS[id].vjp(case.arguments, **case.parameters, parts=data)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep_mlp": np.ones((3, 4), int)}, "a mask of dropout has dtype int64; pass bools"),
        ({"x": np.ones((3, 4), complex)}, "x"),
        ({"up": None}, "up"),
    ],
)
def test_what_is_of_another_type_is_refused_by_name(given, message):
    case = draw("block/transformer", "float64", "plain", 0)
    with pytest.raises(TypeError, match=message):
        transformer.vjp({**case.arguments, **given}, heads=2)


def test_what_is_kept_by_dropout_makes_up_for_what_is_not():
    assert dropout(np.array([True, False]), 0.25)(np.array([3.0, 3.0])).tolist() == [4, 0]
