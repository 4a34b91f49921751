"""The probes of Muon, before sides that do the other thing."""

from types import SimpleNamespace

import pytest

from gradproof.answers.variants import muon_bfloat16, muon_corrected
from gradproof.conventions import muon as probes
from reference.updates import muon

HERE = ("‖u‖ + ε", "√max(1, rows/columns)", "μm + (1 − μ)g", "in float64")


@pytest.mark.parametrize(
    ("step", "readings"),
    [
        (muon, HERE),
        (muon_bfloat16, ("max(‖u‖, ε)", *HERE[1:3], "in bfloat16")),
        (muon_corrected, (HERE[0], "√max(1, columns/rows)", "both terms bias-corrected", HERE[3])),
    ],
)
def test_each_probe_reads_what_is_there(step, readings):
    side = SimpleNamespace(vjp=lambda id, *asked, **given: step.vjp(*asked, **given))
    assert tuple(probe.ask(side)[1] for probe in probes.probes()) == readings
