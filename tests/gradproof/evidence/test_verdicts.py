import pytest

from gradproof.evidence.verdicts import FAILING, Verdict


def asserted(verdict):
    assert verdict


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_no_truth_value(verdict):
    for use in (bool, lambda v: not v, lambda v: v and 1, lambda v: all([v]), asserted):
        with pytest.raises(TypeError, match=rf"verdict '{verdict.value}' is not a truth value; compare it"):
            use(verdict)


def test_only_wrong_and_unknown_fail():
    assert [v for v in Verdict if v.value in FAILING] == [Verdict.wrong, Verdict.unknown]


def test_a_verdict_is_written_by_its_name():
    assert all(Verdict(v.name) is v for v in Verdict)
