import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.lookup import UsageError, find, suggestion
from reference import CATALOGUE


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_formula_is_found_by_its_id(id):
    assert find(id) is CATALOGUE[id]


@pytest.mark.parametrize(
    ("id", "nearest"),
    [
        ("activation/sigmod", "activation/sigmoid"),
        ("sigmoid", "activation/sigmoid"),
        ("cost/tanh", "activation/tanh"),
        ("cost/hubber", "cost/huber"),
        ("regularizer/L2", "regularizer/l2"),
        ("activation/softmax_cross_entropy", "cost/softmax_cross_entropy"),
    ],
)
def test_an_unknown_id_is_answered_with_the_nearest(id, nearest):
    with pytest.raises(UsageError) as caught:
        find(id)
    assert str(caught.value).startswith(f"no formula {id!r}; did you mean ")
    assert nearest in str(caught.value)


def test_an_id_like_nothing_is_sent_to_the_list():
    with pytest.raises(UsageError, match=r"no formula 'qqqq'; 'gradproof list' shows them all"):
        find("qqqq")


def test_one_two_and_three_suggestions_read_as_a_sentence():
    assert suggestion("abc", ["k/abcd"]) == "did you mean k/abcd?"
    assert suggestion("abc", ["k/abcd", "k/abce"]) in (
        "did you mean k/abcd or k/abce?",
        "did you mean k/abce or k/abcd?",
    )
    assert suggestion("abc", ["k/abcd", "k/abce", "k/abcf", "k/abcg"]).count(",") == 1


@given(st.text())
def test_any_text_is_either_found_or_refused_in_words(id):
    if id not in CATALOGUE:
        with pytest.raises(UsageError, match="no formula"):
            find(id)
