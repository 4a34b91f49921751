"""No right gradient is called wrong, whatever it wears."""

import pytest
from wrong import right

import gradproof

pytest.importorskip("flint")


@pytest.mark.parametrize("right", right.MADE, ids=lambda right: right.id)
def test_it_is_not_accused(right):
    report = gradproof.check(right.subject, right.against, **right.how)
    assert report.verdict in ("right", "inaccurate"), report
