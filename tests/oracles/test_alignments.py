import itertools

import pytest

from oracles.alignments import alignments, collapsed


def test_repeats_are_merged_before_blanks_are_dropped():
    assert collapsed([0, 1, 1, 0, 1, 2], 0) == [1, 1, 2]
    assert collapsed([1, 1, 2, 2], 2) == [1]
    assert collapsed([0, 0], 0) == []


def test_every_path_belongs_to_one_target():
    symbols, frames = 3, 4
    targets = {tuple(collapsed(path, 0)) for path in itertools.product(range(symbols), repeat=frames)}
    found = [path for target in targets for path in alignments(target, frames, symbols, 0)]
    assert len(found) == len(set(found)) == symbols**frames


def test_two_equal_labels_need_a_blank_between():
    assert alignments([1, 1], 3, 2, 0) == [(1, 0, 1)]
    with pytest.raises(ValueError, match=r"no path of 2 frames collapses to \[1, 1\]"):
        alignments([1, 1], 2, 2, 0)
