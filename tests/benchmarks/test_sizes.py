"""What is timed at the sizes of training is one thing by everybody, and memory is what a call takes."""

import numpy as np
import pytest

from benchmarks import memory, sizes
from gradproof.evidence.files import read_evidence, write_evidence
from reference import CATALOGUE

LAYER_NORM = next(k for k, p in enumerate(sizes.PROBLEMS) if p.id == "layer/layer_norm")
LARGE = ("layer/batch_norm", "layer/streaming_attention")
SMALL = [p for p in sizes.LAYERS if p.id.startswith("layer/") and p.id not in LARGE]


@pytest.mark.parametrize("dtype", sizes.DTYPES)
@pytest.mark.parametrize("p", SMALL, ids=lambda p: p.id)
def test_contenders_agree(p, dtype):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    sizes.check_agreement(p, dtype, sizes.contenders(p, dtype))


def test_a_planted_difference_is_found():
    p = sizes.PROBLEMS[LAYER_NORM]
    right = sizes.ours(p, "float64")
    for name in ("value", "weight"):
        wrong = {**right(), name: 2 * right()[name]}
        with pytest.raises(sizes.Disagreement, match=rf"64 × 768 float64: {name} by planted differs .* by 1.0e\+00"):
            sizes.check_agreement(p, "float64", {"ours": right, "planted": lambda answer=wrong: answer})
    lacking = {"value": right()["value"] * np.nan}
    with pytest.raises(sizes.Disagreement, match="value by planted"):
        sizes.check_agreement(p, "float64", {"ours": right, "planted": lambda: lacking})


def test_problems_are_of_the_catalogue_and_are_each_asked_once():
    assert {p.id for p in sizes.PROBLEMS} <= {*CATALOGUE, "layer/streaming_attention"}
    assert len({(p.id, p.what) for p in sizes.PROBLEMS}) == len(sizes.PROBLEMS)


def test_measure_yields_a_finding_for_each_contender_and_dtype(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    monkeypatch.setattr(sizes, "alone", lambda f, *arguments: f(*arguments))
    found = list(sizes.measure(2, 1e-4, [LAYER_NORM]))
    assert [(f.dtype, f.side) for f in found] == [(dtype, who) for dtype in sizes.DTYPES for who in sizes.PEERS]
    assert {f.more["given"] for f in found if f.dtype == "float64"} == {8 * (64 + 2) * 768}
    assert all(len(f.more["seconds"]) == 2 for f in found)
    write_evidence(tmp_path / "speed.jsonl", {}, found)
    assert len(read_evidence(tmp_path / "speed.jsonl").findings) == len(found)


@pytest.mark.skipif(not (memory.PROCESS / "clear_refs").exists(), reason="needs Linux")
def test_memory_is_that_of_the_call_and_not_of_the_one_before():
    largest = memory.alone(memory.growth, _takes_64_mebibytes)
    assert 63 <= largest / 2**20 < 68  # the system counts in steps


def _takes_64_mebibytes():
    return np.ones(8 << 20).sum()
