"""Every wrong gradient of the catalogue is found, and its cause is named."""

import pytest
from wrong import arrays, behaviours, entries, layers, norms, threads

import gradproof

pytest.importorskip("flint")

CATALOGUE = [*entries.MADE, *arrays.MADE, *behaviours.MADE, *norms.MADE, *layers.MADE, *threads.MADE]


@pytest.mark.parametrize("wrong", CATALOGUE, ids=lambda wrong: wrong.id)
def test_it_is_found_wrong_and_why(wrong):
    report = gradproof.check(wrong.subject, wrong.against, **wrong.how)
    assert not report.ok, report
    if wrong.law:
        assert [law for law in report.laws if law.name == wrong.law and law.holds is False], report
    else:
        assert wrong.cause, "say what must be named"
        assert any(wrong.cause in said for said in (*report.causes, report.broken)), report
