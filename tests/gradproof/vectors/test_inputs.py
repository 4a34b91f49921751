"""What the vectors ask: the whole catalogue, in every group, and refusals that the records name."""

import numpy as np
import pytest

from gradproof import cases
from gradproof.vectors import inputs
from reference import CATALOGUE

FORMULAS = inputs.formulas()
OTHERS = {"network", "update"}  # no arrays in, one array out


def test_every_formula_of_arrays_is_there():
    assert {f.id for f in CATALOGUE.values() if f.kind not in OTHERS} | {
        id for id in cases.DRAWS if id.startswith("update/")
    } == {f.id for f in FORMULAS}


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.id)
def test_numbers_are_short_and_floats_of_the_dtype(formula):
    pytest.importorskip("flint")
    for dtype in inputs.WIDE:
        for _, case in inputs.arrays(formula, dtype):
            for name, x in case.arguments.items():
                if x.dtype.kind == "f":
                    assert x.dtype == dtype
                    if "distribution" not in formula.entries.get(name, ""):
                        m = np.ldexp(np.frexp(x.astype(np.float64))[0], inputs.DIGITS)
                        assert (m == np.rint(m)).all()


@pytest.mark.parametrize("formula", [f for f in FORMULAS if f.valid or f.entries], ids=lambda f: f.id)
def test_every_condition_of_a_record_has_a_case_that_breaks_it(formula):
    pytest.importorskip("flint")
    refused = list(inputs.invalid(formula, "float64"))
    for condition in formula.valid.values():
        assert any(condition in r.why for r in refused)
    for name, kind in formula.entries.items():
        if kind != "label" and name in inputs.draw(formula, "float64", "plain", 1).arguments:
            assert any(f"of {name} is" in r.why for r in refused)


def test_points_are_finite_but_for_the_ends_and_of_every_group():
    pytest.importorskip("flint")
    for formula in FORMULAS:
        if formula.elementwise:
            for dtype in inputs.ALL[2:]:
                points = list(inputs.points(formula, dtype))
                assert {p.group for p in points} >= {"normal", "edge", "tail"}
                assert sum(not np.isfinite(p.z) for p in points) == 3
                assert len({(p.z, str(p.parameters)) for p in points if p.z == p.z and p.z}) >= len(points) - 3
