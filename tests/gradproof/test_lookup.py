import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.lookup import UsageError, find, suggestion
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
