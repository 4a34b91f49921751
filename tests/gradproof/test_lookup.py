import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.claims.covered import FORMULA, SYNONYMS, TABLE
from gradproof.lookup import UsageError, find, identify, meant, suggestion
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS


def test_every_formula_is_found_by_its_id_and_by_its_former_ids():
    assert all(find(id) == (record, {}) for id, record in CATALOGUE.items())
    assert all(find(id) == (CATALOGUE[target], given) for id, (target, given) in ALIASES.items())


@pytest.mark.parametrize(
    ("id", "nearest"),
    [("activation/sigmod", "activation/sigmoid"), ("sigmod", "activation/sigmoid"), ("cost/tanh", "activation/tanh"),
     ("cost/hubber", "cost/huber"), ("regularizer/L2", "regularizer/l2"),
     ("activation/softmax_cross_entropy", "cost/softmax_cross_entropy")],
)  # fmt: skip
def test_an_unknown_id_is_answered_with_the_nearest(id, nearest):
    with pytest.raises(UsageError, match=f"^no formula {id!r}; did you mean .*{nearest}"):
        find(id)


@pytest.mark.parametrize(
    ("word", "id"),
    [("hard_swish", "activation/hardswish"), ("swish", "activation/silu"), ("mse", "cost/squared_error"),
     ("bce", "cost/binary_cross_entropy"), ("layernorm", "layer/layer_norm"), ("Layer Norm", "layer/layer_norm"),
     ("torch.nn.BCEWithLogitsLoss", "cost/binary_cross_entropy_logits"), ("nn.InstanceNorm2d", "layer/instance_norm"),
     ("BCEWithLogitsLoss", "cost/binary_cross_entropy_logits"), ("nn.CrossEntropyLoss", "cost/cross_entropy_labels"),
     ("optax.sigmoid_focal_loss", "cost/sigmoid_focal"), ("torch.nn.functional.gelu", "activation/gelu"),
     ("F.gelu", "activation/gelu"), ("nn.GELU", "activation/gelu"),
     ("jax.nn.gelu", "activation/gelu_tanh"), ("torch.relu", "activation/relu"),
     ("F.batch_norm", "layer/batch_norm_inference"), ("nn.BatchNorm2d", "layer/batch_norm"),
     ("optax.l2_loss", "cost/quadratic"), ("l2", "regularizer/l2"), ("NT-Xent", "cost/nt_xent"),
     ("rope", "layer/rotary"), ("optim.AdamW", "update/adamw"), ("BP2", "network/bp2")],
)  # fmt: skip
def test_a_name_leads_to_the_formula(word, id):
    assert identify(word) == id
    assert find(word) == find(id)


@pytest.mark.parametrize("room", TABLE)
def test_every_name_of_a_framework_leads_to_the_formula_of_its_defaults_or_to_the_reason_why_not(room):
    for name, entry in TABLE[room].items():
        if entry.status == FORMULA:
            assert identify(f"{room}.{name}") == entry.ids[0]
            continue
        with pytest.raises(UsageError) as refused:
            identify(f"{room}.{name}")
        assert entry.why in str(refused.value)
        assert all(id in str(refused.value) for id in entry.ids)


def test_every_formula_has_its_name_unless_another_has_it_too():
    names = [id.split("/")[1] for id in CATALOGUE]
    for id, name in zip(CATALOGUE, names, strict=True):
        if names.count(name) == 1 and f"cost/{name}" not in ALIASES:
            assert identify(name) == identify(name.upper()) == id


@pytest.mark.parametrize(
    ("word", "ids"),
    [("nn.gelu", "activation/gelu or activation/gelu_tanh"),
     ("l1", "cost/l1 or regularizer/l1"), ("huber", "activation/huber or cost/huber_error"),
     ("normalize", "activation/l2_normalize or update/normalize_by_update_norm")],
)  # fmt: skip
def test_a_name_of_two_things_is_not_guessed(word, ids):
    with pytest.raises(UsageError, match=f"^{word!r} may be {ids}: say which$"):
        identify(word)


@pytest.mark.parametrize("word", ["tf.nn.gelu", "nn.rope", "cost/gelu", "torch", "nn.", "", "."])
def test_what_no_framework_has_leads_nowhere(word):
    with pytest.raises(UsageError, match=f"^no formula {word!r}; "):
        identify(word)


def test_common_words_are_read_plainly_and_hide_no_name():
    assert all(identify(word) == identify(word.upper()) == id for word, id in SYNONYMS.items())
    assert not SYNONYMS.keys() & {id.split("/")[1] for id in (*CATALOGUE, *ALIASES)}
    assert not any(meant(word) for word in SYNONYMS)


def test_blocks_and_claims_have_names_too_where_they_are_asked_for():
    assert identify("language_model", BLOCKS) == "block/language_model"
    assert identify("bp1a", CLAIMS) == "nielsen-2015/bp1a"
    with pytest.raises(UsageError, match="language_model is a whole block, made of formulas"):
        find("language_model")


@pytest.mark.parametrize("room", TABLE)
def test_every_name_of_the_frameworks_means_what_the_table_says(room):
    for name, entry in TABLE[room].items():
        assert {*entry.ids} <= {*meant(name)} & {*meant(f"{room}.{name}")} & {*meant(name.lower())}


def test_suggestions_read_as_a_sentence_and_what_is_like_nothing_is_sent_to_the_list():
    assert suggestion("qqqq", ["k/abcd"]) == "'gradproof list' shows them all"
    assert suggestion("abc", ["k/abcd"]) == "did you mean k/abcd?"
    both = suggestion("abc", ["k/abcd", "k/abce"])
    assert both in ("did you mean k/abcd or k/abce?", "did you mean k/abce or k/abcd?")
    assert suggestion("abc", ["k/abcd", "k/abce", "k/abcf", "k/abcg"]).count(",") == 1


@given(st.text() | st.text("abcdefghilmnorstuwx._-/ FNL"))
def test_any_text_is_either_found_or_refused_in_words(word):
    with contextlib.suppress(UsageError):
        assert find(word)[0].id in CATALOGUE
        return
    with pytest.raises(UsageError, match=r"^no formula|whole block|say which$"):
        find(word)
