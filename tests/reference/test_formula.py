"""Records are complete and consistent, and the catalogue keeps ids apart."""

import math

import numpy as np
import pytest

from reference import CATALOGUE
from reference.activations import leaky_relu
from reference.formula import Formula, Kink, formula

ACTIVATIONS = [f for f in CATALOGUE.values() if f.kind == "activation"]
KINKS = [(f, kink) for f in CATALOGUE.values() for kink in f.kinks]


@pytest.mark.parametrize("record", CATALOGUE.values(), ids=list(CATALOGUE))
def test_a_record_has_an_id_a_statement_a_derivation_and_parameters_of_its_function(record):
    assert record.id == f"{record.kind}/{record.name}"
    assert record.statement
    assert record.derivative
    assert record.derivation
    assert record.function.formula is record


@pytest.mark.parametrize("record", ACTIVATIONS, ids=lambda f: f.name)
def test_an_activation_names_its_sources_and_states_its_accuracy(record):
    assert record.sources
    assert 0 < record.conditioned_ulp <= 4
    assert record.conditioned_ulp <= record.strict_ulp <= 16
    assert record.strict_ulp == 4 or record.slope_zeros or not record.elementwise
    assert [math.isfinite(record.at(zero)) for zero in record.slope_zeros] == [True] * len(record.slope_zeros)


@pytest.mark.parametrize(("record", "kink"), KINKS, ids=[f"{f.id}@{k.at}" for f, k in KINKS])
def test_the_chosen_slope_lies_between_the_one_sided_slopes(record, kink):
    left, right, chosen = (record.at(text, n=1) for text in (kink.left, kink.right, kink.chosen))
    assert min(left, right) <= chosen <= max(left, right)
    assert math.isfinite(record.at(kink.at))
    assert kink.why


def test_parameters_are_the_numeric_defaults_of_the_signature():
    assert dict(leaky_relu.formula.parameters) == {"negative_slope": 0.01}
    assert leaky_relu.formula.at("2*negative_slope", negative_slope=0.5) == 1.0
    assert leaky_relu.formula.at("-oo") == -np.inf


def test_an_expression_of_a_record_cannot_reach_the_interpreter():
    with pytest.raises(NameError):
        leaky_relu.formula.at("open('x')")


def test_a_taken_id_is_refused_with_the_name_of_its_owner():
    with pytest.raises(ValueError, match="'activation/relu' is taken by relu"):
        formula("activation/relu", statement="z", derivative="1")(lambda z: (z, z))


def test_registering_adds_exactly_one_record(monkeypatch):
    monkeypatch.setattr("reference.formula.CATALOGUE", catalogue := {})

    @formula("activation/twice", statement="c*z", derivative="c", kinks=(Kink("0", "c", "c", "c"),))
    def twice(z, c=2, name="x", flag=True):
        """Twice the input."""

    assert list(catalogue) == ["activation/twice"]
    assert isinstance(twice.formula, Formula)
    assert dict(twice.formula.parameters) == {"c": 2.0}
    assert not twice.formula.elementwise
