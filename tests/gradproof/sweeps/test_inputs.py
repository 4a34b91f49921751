"""Every float is in one task, one run and one segment."""

import itertools

import numpy as np
import pytest

from gradproof.cases.case import as_dtype
from gradproof.sweeps import inputs

needs = {"bfloat16": "ml_dtypes"}


@pytest.fixture(params=inputs.DTYPES)
def dtype(request):
    if request.param in needs:
        pytest.importorskip(needs[request.param])
    return request.param


def test_tasks_are_all_floats_once(dtype):
    spans = inputs.spans(dtype)
    assert [first for first, _ in spans] == [sum(n for _, n in spans[:k]) for k in range(len(spans))]
    assert sum(n for _, n in spans) == 2 ** inputs.bits(dtype)
    assert all(n % inputs.run_length(dtype) == 0 for _, n in spans)


def test_a_run_is_evenly_spaced_in_one_segment(dtype):
    n, every = inputs.run_length(dtype), 2 ** inputs.bits(dtype)
    found = []
    for first in range(0, every, max(n, every // 512)):
        x = inputs.floats(first, n, dtype)
        assert x.dtype == as_dtype(0, dtype).dtype
        segment = inputs.segment(first, dtype)
        found.append(segment)
        with np.errstate(invalid="ignore"):  # of NaN that signal
            x = x.astype(np.float64)
        if segment == inputs.NOT_FINITE:
            assert not np.isfinite(x).any()
            continue
        assert len({*np.diff(x)}) == 1
        low, high = (eval(end.replace("^", "**")) for end in segment.split(".."))
        assert (np.abs(x) >= abs(low)).all()
        assert (np.abs(x) < abs(high)).all()
        assert np.signbit(x).all() == segment.startswith("-")
    assert {*found} == {*inputs.segments(dtype)}
    assert len({*inputs.segments(dtype)}) == len(inputs.segments(dtype))


def test_segments_follow_one_another():
    finite = [segment.split("..") for segment in inputs.segments("float32")[:-1]]
    ends = [(far, near) if near.startswith("-") else (near, far) for near, far in finite]
    assert all(right.lstrip("-") == left.lstrip("-") for (_, right), (left, _) in itertools.pairwise(ends))
