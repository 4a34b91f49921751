"""What went wrong in layers and costs elsewhere, planted in ours, is found by the audit, and its cause is named."""

import dataclasses
import functools

import numpy as np
import pytest
from wrong.layers import DEFECTS

from gradproof import cases
from gradproof.answers.ours import ours
from gradproof.audit.blame import message
from gradproof.checks.accuracy import check
from reference import CATALOGUE
from reference.layers import maximum, minimum, norm

pytest.importorskip("flint")


def planted(monkeypatch, defect):
    """The formula of a defect, with it."""
    record = CATALOGUE[defect.id]

    @functools.wraps(record.function)
    def wrong(*args, **given):
        return record.function(*args, **given)

    wrong.vjp = defect.answers
    monkeypatch.setitem(CATALOGUE, defect.id, dataclasses.replace(record, function=wrong))


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_the_audit_finds_it_in_that_gradient_alone_and_says_why(monkeypatch, defect):
    planted(monkeypatch, defect)
    found = {f.quantity: f for f in check(cases.of(defect.id, "float64", range(6)), {"ours": ours})}
    here = found.pop(f"∂/∂{defect.argument}")
    missing = defect.cause == "no gradient is given"
    assert here.verdict == ("undefined" if missing else "wrong")
    assert {f.verdict for f in found.values()} <= {"agrees"}
    said = message(here)
    assert defect.id in said
    assert defect.cause in said or missing


@pytest.mark.parametrize("reduction", [maximum, minimum, lambda x: norm(x, p=np.inf)])
def test_ties_are_counted_in_no_narrow_dtype(reduction):
    """W08: 70,000 are more than float16 can count."""
    _, pullback = reduction(np.full(70_000, 2.0, np.float16))
    assert set(pullback(np.float16(1))["x"].tolist()) == {float(np.float16(1 / 70_000))}
