import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.claims.covered import TABLE
from gradproof.lookup import UsageError, find, meant, suggestion
from reference import ALIASES, CATALOGUE


def test_every_formula_is_found_by_its_id_and_by_its_former_ids():
    assert all(find(id) == (record, {}) for id, record in CATALOGUE.items())
    assert all(find(id) == (CATALOGUE[target], given) for id, (target, given) in ALIASES.items())


@pytest.mark.parametrize(
    ("id", "nearest"),
    [("activation/sigmod", "activation/sigmoid"), ("sigmoid", "activation/sigmoid"), ("cost/tanh", "activation/tanh"),
     ("cost/hubber", "cost/huber"), ("regularizer/L2", "regularizer/l2"),
     ("activation/softmax_cross_entropy", "cost/softmax_cross_entropy")],
)  # fmt: skip
def test_an_unknown_id_is_answered_with_the_nearest(id, nearest):
    with pytest.raises(UsageError, match=f"^no formula {id!r}; did you mean .*{nearest}"):
        find(id)


@pytest.mark.parametrize(
    ("word", "id"),
    [("hard_swish", "activation/hardswish"), ("swish", "activation/silu"), ("mse", "cost/squared_error"),
     ("bce", "cost/binary_cross_entropy"), ("layernorm", "layer/layer_norm"),
     ("torch.nn.BCEWithLogitsLoss", "cost/binary_cross_entropy_logits"),
     ("optax.sigmoid_focal_loss", "cost/sigmoid_focal")],
)  # fmt: skip
def test_the_name_that_a_framework_has_for_it_leads_to_a_formula(word, id):
    with pytest.raises(UsageError, match=f"did you mean .*{id}"):
        find(word)


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


@given(st.text())
def test_any_text_is_either_found_or_refused_in_words(id):
    if id not in CATALOGUE and id not in ALIASES:
        with pytest.raises(UsageError, match="no formula"):
            find(id)
