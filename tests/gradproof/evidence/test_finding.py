import pytest

from gradproof.evidence.finding import Finding, short

SWEPT = Finding("sweep", "activation/elu", "alpha = 2", "slope", "float32", "jax", "inaccurate", 10, 7.5, 0.5,
                "-0x1.8p+1", "0x1.0p-1", "0x1.8p-1", more={"parameters": {"alpha": 2.0}})  # fmt: skip
DRAWN = Finding("accuracy", "cost/kl_div", quantity="∂/∂a", dtype="float64", side="ours", verdict="wrong", max=9.0,
                at="near 3 [0, 1]", got="0x1.0p+0", truth="0x1.8p+0", more={"allowed": 4.0})  # fmt: skip


def test_a_row_leaves_out_what_is_empty_and_keeps_zeros_that_were_measured():
    assert Finding("kink", "activation/relu").row == {"kind": "kink", "formula": "activation/relu"}
    assert Finding("sweep", "activation/relu", max=0.0).row["max"] == 0.0


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (SWEPT, "gradproof at activation/elu -0x1.8p+1 alpha=2.0 --dtype float32"),
        (DRAWN, "gradproof case cost/kl_div near 3"),
        (Finding("accuracy", "layer/rotary", verdict="undefined"), "gradproof audit --only layer/rotary"),
        (Finding("block", "block/lstm_classifier", dtype="float32", side="jax", at="plain 4 ∂/∂x[0, 1, 2]"),
         "gradproof case block/lstm_classifier plain 4 --dtype float32"),
        (Finding("special", "activation/elu", "−∞", "slope", "float64"), "gradproof at activation/elu -inf"),
        (Finding("special", "activation/elu", "NaN", "slope", "float64"), "gradproof audit --only activation/elu"),
        (Finding("proof", "update/adam", "derivative"), "gradproof audit --only update/adam"),
        (Finding("network", "tanh/relu/l1/none", dtype="float32", side="torch", at="deep saturated"),
         "gradproof audit --only 'deep/float32/tanh/relu/l1/none'"),
    ],
)  # fmt: skip
def test_a_finding_knows_the_command_that_measures_it_again(found, command):
    assert found.again() == command


@pytest.mark.parametrize(("x", "shown"), [(None, None), (0.123456, 0.1235), (float("inf"), float("inf"))])
def test_figures_are_short(x, shown):
    assert short(x) == shown
