"""Rows along any axis, by every oracle: as the formulas have them, and never along another."""

import numpy as np
import pytest
from oracle_cases import SIDES, load

from reference import CATALOGUE, vjp

ROWS = [f.id for f in CATALOGUE.values() if f.kind == "activation" and not f.elementwise]
Z = np.random.default_rng(5).normal(size=(4, 2, 6))


@pytest.mark.parametrize("axis", [0, -2, 2])
@pytest.mark.parametrize("id", ROWS)
@pytest.mark.parametrize("side", [*SIDES, "truth"])
def test_an_oracle_takes_rows_along_an_axis(side, id, axis):
    shape = vjp(id, {"z": Z}, axis=axis)[0]["value"].shape
    v = np.random.default_rng(6).normal(size=shape)
    outputs, gradients = vjp(id, {"z": Z}, v, axis=axis)
    if side == "truth":
        arb_truth = pytest.importorskip("oracles.arb_truth", exc_type=ImportError)
        theirs, slopes = arb_truth.vjp(id, {"z": Z}, v, axis=axis)
        theirs, slopes = ({name: x.truth.hi for name, x in part.items()} for part in (theirs, slopes))
    else:
        theirs, slopes = load(side).vjp(id, {"z": Z}, v, axis=axis)
    np.testing.assert_allclose(theirs["value"], outputs["value"], rtol=1e-12)
    np.testing.assert_allclose(slopes["z"], gradients["z"], rtol=1e-11, atol=1e-13)
