"""What is said of blocks: planted errors are found and named, right ones are right, and what fails is a finding."""

import dataclasses
import functools
import importlib
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.blocks import blame, check
from gradproof.cases.blocks import SETTINGS, draw
from gradproof.tasks import Plan
from reference.blocks import BLOCKS, parts

pytest.importorskip("flint")

from oracles.arb_truth import pullback

RMS_NORM = parts.rms_norm
CHAIN = importlib.import_module("reference.blocks.transformer")
GROUPED = 2  # the setting of a transformer whose heads share keys


def of(id, setting=0, names=(), dtype="float64"):
    return {f.side: f for f in check.measure(id, setting, dtype, 0, names)}


@pytest.mark.parametrize("dtype", check.DTYPES)
@pytest.mark.parametrize("id", BLOCKS)
def test_ours_is_right_at_the_first_setting(id, dtype):
    found = of(id, dtype=dtype)["ours"]
    assert found.verdict == ("agrees" if dtype == "float64" else "exact")
    assert set(found.more["verdicts"]) <= {"exact", "agrees"}
    assert sum(found.more["verdicts"].values()) % check.SEEDS == 0


# ---------------------------------------------------------------- planted errors


def residual_dropped(right):
    """The residual beside the MLP, which is before its norm, hands nothing on."""

    def residual(*given):
        y, pullback = right(*given)

        def wrong(v):
            dx, df, dn = pullback(v)
            return dx - v if "gate" in df else dx, df, dn

        return y, wrong

    return residual


@functools.wraps(RMS_NORM)
def norm_without_weight(x, weight, **given):
    y, right = RMS_NORM(x, weight, **given)
    return y, lambda v: {**right(v), "x": RMS_NORM(x, **given)[1](v)["x"]}


def one_of_the_heads_that_share_a_key(right):
    """Attention whose gradient by keys forgets all but the first head of every group."""

    def attention(q, k, v, **given):
        y, pullback = right(q, k, v, **given)

        def wrong(w, *rest):
            first = np.arange(q.shape[-3]) % (q.shape[-3] // k.shape[-3]) == 0
            return {**pullback(w, *rest), "k": pullback(w * first[:, None, None], *rest)["k"]}

        return y, wrong

    return attention


def changed(right, change):
    """A part of which what comes second, slope, gradients or pullback, goes through `change`."""

    @functools.wraps(right)
    def wrong(*given, **options):
        value, second = right(*given, **options)
        return value, change(second)

    return wrong


PARTS = {
    "slope": ("relu", np.ones_like),
    "labels": ("cross_entropy_labels", lambda gradients: {"z": -gradients["z"]}),
    "time": ("lstm", lambda back: lambda *v: {**back(*v), "weight_h": 2 * back(*v)["weight_h"]}),
    "table": ("embedding", lambda back: lambda v: {"weight": 0 * back(v)["weight"]}),
}


def planted(monkeypatch, what):
    if what == "residual":
        monkeypatch.setattr(CHAIN, "residual", residual_dropped(CHAIN.residual))
    elif what == "norm":
        monkeypatch.setattr(parts, "rms_norm", norm_without_weight)
    elif what in PARTS:
        name, change = PARTS[what]
        monkeypatch.setattr(parts, name, changed(getattr(parts, name), change))
    else:
        heads = importlib.import_module("reference.layers.heads")
        monkeypatch.setattr(heads, "attention", one_of_the_heads_that_share_a_key(heads.attention))


@pytest.mark.parametrize(
    ("what", "id", "wrong", "said"),
    [
        ("residual", "block/transformer", {"x", "norm1", "q_weight", "k_weight", "v_weight", "out_weight"},
         "every part is right, but nothing comes back on the residual beside the MLP: wrong ∂/∂x, ∂/∂q_weight, "),
        ("norm", "block/transformer", {"x", "norm1", "q_weight", "k_weight", "v_weight", "out_weight"},
         "layer/rms_norm is to blame, with its exact one every gradient is right"),
        ("heads", "block/transformer", {"x", "norm1", "k_weight"},
         "layer/multi_head_attention is to blame, with its exact one every gradient is right"),
        ("residual", "block/language_model", None, "right, but nothing comes back on the residual beside the MLP"),
        ("heads", "block/language_model", None, "layer/multi_head_attention is to blame"),
        ("slope", "block/convolutional_network", None, "activation/relu is to blame"),
        ("labels", "block/convolutional_network", None, "cost/cross_entropy_labels is to blame"),
        ("time", "block/lstm_classifier", {"weight_h"}, "layer/lstm is to blame, with its exact one every gradient is "
         "right; ∂/∂weight_h: a factor 2 or ½ (ratio 2)"),
        ("table", "block/language_model", {"embedding"}, "layer/embedding is to blame"),
        ("norm", "block/language_model", None, "layer/rms_norm is to blame"),
    ],
)  # fmt: skip
def test_a_planted_error_is_found_and_named(monkeypatch, what, id, wrong, said):
    planted(monkeypatch, what)
    found = of(id, {"block/transformer": GROUPED, "block/language_model": 1}.get(id, 0))["ours"]
    assert found.verdict == "wrong"
    assert said in found.why
    if wrong:  # in every plain case, and in wide ones unless what is planted is nothing there
        assert len(wrong) * check.SEEDS < found.more["verdicts"]["wrong"] <= 2 * len(wrong) * check.SEEDS


def test_where_the_chain_is_wrong_the_weights_behind_it_are_right(monkeypatch):
    planted(monkeypatch, "residual")
    assert "; right value, ∂/∂gate, ∂/∂up, ∂/∂down, ∂/∂norm2; " in of("block/transformer", GROUPED)["ours"].why


@pytest.mark.parametrize(
    ("id", "setting"), [("block/transformer", 0), ("block/transformer", 1), ("block/language_model", 0)]
)
def test_each_way_that_is_cut_makes_other_gradients_wrong(id, setting):
    """So that what is named is what is lost."""
    case = draw(id, "float64", "plain", setting)
    found = dict(blame.with_one_way_cut(case))
    found["none"] = check.known(case)
    for one, other in itertools.combinations(found, 2):
        assert any((found[one][name].error(q.truth.hi) > 1e3).any() for name, q in found[other].items()), (
            f"{one} and {other}"
        )


def test_a_right_block_has_nobody_to_blame():
    case = draw("block/lstm_classifier", "float64", "plain", 0)
    assert blame.blame(case, check.known(case), 4.0) == ""
    assert blame.used(case) == ["lstm", "linear", "cross_entropy_labels"]


# ---------------------------------------------------------------- frameworks


@pytest.fixture
def framework(monkeypatch):
    """Plants a framework whose blocks go through `change`: gradients to others."""

    def plant(change):
        def other(case):
            outputs, gradients = ours(case)
            return Answer(outputs, change(gradients))

        monkeypatch.setattr(check, "sides", lambda names: {"ours": ours, "other": other})

    return plant


def test_a_framework_that_is_off_is_inaccurate_and_ours_is_not(framework):
    framework(lambda gradients: {**gradients, "out_bias": gradients["out_bias"] * (1 + 1e-9)})
    found = of("block/lstm_classifier")
    assert found["other"].verdict == "inaccurate"
    assert found["other"].more["verdicts"]["inaccurate"] == 2 * check.SEEDS
    assert "∂/∂out_bias[" in found["other"].at
    assert found["ours"].verdict == "agrees"


def test_a_gradient_that_is_not_a_number_is_never_right(framework):
    framework(lambda gradients: {name: g * np.nan for name, g in gradients.items()})
    found = of("block/lstm_classifier")["other"]
    assert found.verdict == "inaccurate"
    assert found.max == np.inf


def test_a_framework_that_raises_is_unknown_and_says_what(framework):
    def refuse(gradients):
        raise RuntimeError("no kernel")

    framework(refuse)
    found = of("block/lstm_classifier")
    assert (found["other"].verdict, found["other"].why) == ("unknown", "RuntimeError: no kernel")
    assert found["ours"].verdict == "agrees"


def test_torch_agrees_on_a_plain_block_and_loses_saturated_gates(monkeypatch):
    """1 − σ is a difference there, and 0 where σ rounds to 1."""
    pytest.importorskip("torch")
    wide = of("block/lstm_classifier", 0, ("torch",))["torch"]
    assert wide.verdict == "inaccurate"
    assert wide.at.startswith("wide ")
    monkeypatch.setattr(check, "REGIMES", ("plain",))
    assert of("block/convolutional_network", 0, ("torch",))["torch"].verdict == "agrees"


# ---------------------------------------------------------------- what rounds between layers


@pytest.mark.parametrize(("id", "seed"), [("block/convolutional_network", 8), ("block/transformer", 5)])
def test_no_layers_however_exact_keep_the_unit_of_the_inputs_in_a_wide_chain(id, seed):
    """So what goes from one to the next has to count, and then they do, by far."""
    case = draw(id, "float64", "wide", seed)
    exact = SimpleNamespace(**{**vars(parts), **{part: blame.exact(part) for part in blame.used(case)}})
    by_inputs = pullback(case.formula, case.arguments, case.cotangent, **case.parameters)
    known = {f"∂/∂{name}": g for name, g in by_inputs.gradients.items()}
    assert blame.off(case, known, 100.0, exact)
    assert not blame.off(case, check.known(case), 1.0, exact)


# ---------------------------------------------------------------- verdicts and tasks


def test_a_gradient_of_which_anything_would_be_right_is_undefined():
    case = draw("block/lstm_classifier", "float64", "plain", 0)
    right = check.known(case)["∂/∂bias"]
    got, nothing = right.truth.hi * (1 + 1e-9), np.zeros(right.truth.hi.shape)
    assert check.verdict(got, right, nothing, np.inf, True).value == "undefined"
    assert check.verdict(got, right, nothing, 4.0, True).value == "agrees"


def test_a_cotangent_that_is_killed_is_refused():
    case = draw("block/transformer", "float64", "plain", 0)
    zeros = {"value": np.zeros_like(case.cotangent["value"])}
    with pytest.raises(ValueError, match="block/transformer plain 0: the pullback kills the cotangent"):
        check.known(dataclasses.replace(case, cotangent=zeros))


def test_every_setting_is_a_task_in_each_dtype_and_only_what_is_wanted():
    settings = sum(map(len, SETTINGS.values()))
    assert len([*check.tasks(Plan())]) == 2 * settings
    wanted = [task.name for task in check.tasks(Plan(formulas=frozenset({"block/lstm_classifier"})))]
    assert wanted == ["block/lstm_classifier in float64", "block/lstm_classifier in float32"]
    assert [*check.tasks(Plan(formulas=frozenset({"cost/l1"})))] == []
    names = [task.name for task in check.tasks(Plan())]
    assert len(set(names)) == len(names)
