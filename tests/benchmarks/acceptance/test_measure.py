"""Frameworks' checkers get the subject's own backward; what is not asked is counted apart; the page follows."""

import sys

import numpy as np
import pytest
from wrong.mutants import Wrong, by, pullback_of, slope_of
from wrong.right import Right

import gradproof
from benchmarks.acceptance import __main__ as command
from benchmarks.acceptance import measure as measuring
from benchmarks.acceptance.frameworks import FRAMEWORKS
from benchmarks.acceptance.questions import ASKED, COTANGENTS, SHAPE, Misshapen, questions, truths
from benchmarks.acceptance.rules import RULES
from gradproof.evidence.files import read_evidence

for package in command.NEEDED:
    pytest.importorskip(package)

F64 = {"dtypes": ["float64"]}
GOOD = [
    Right("slope", slope_of("activation/tanh"), "activation/tanh"),
    Right("rows", pullback_of("activation/softmax"), "activation/softmax"),
    Right("two", pullback_of("cost/triplet_margin"), "cost/triplet_margin"),
    Right("labels", pullback_of("cost/cross_entropy_labels"), "cost/cross_entropy_labels"),
]
TORCH = Right("torch", gradproof.torch_function(lambda x: x.tanh()), "activation/tanh")  # imprecise in float32
BAD = [
    Wrong("slope-twice", slope_of("activation/tanh", lambda slope, z, value: 2 * slope), "activation/tanh", how=F64),
    Wrong("rows-sign", pullback_of("activation/softmax", by("z", lambda g, x, v: -g)), "activation/softmax", how=F64),
    Wrong("two-shape", pullback_of("cost/triplet_margin", lambda g, x, v: {n: y.sum(0) for n, y in g.items()}),
          "cost/triplet_margin", how=F64),
    Wrong("labels-none", pullback_of("cost/cross_entropy_labels", lambda g, x, v: {}), "cost/cross_entropy_labels",
          how=F64),
]  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("entry", [*GOOD, TORCH, *BAD], ids=lambda entry: entry.id)
def test_frameworks_tell_right_from_wrong(entry, name):
    assert measuring.framework(FRAMEWORKS[name], name, entry) is (entry not in BAD)


@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: entry.id)
def test_every_rule_accepts_what_is_right(entry):
    assert measuring.by_rules(entry) == [True] * len(RULES)


@pytest.mark.parametrize("entry", BAD[2:], ids=lambda entry: entry.id)
def test_what_has_no_gradient_or_another_shape_is_rejected_before_any_rule(entry):
    assert measuring.by_rules(entry) == [False] * len(RULES)


@pytest.mark.parametrize("dtype", ASKED)
@pytest.mark.parametrize("kind", COTANGENTS)
@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: entry.id)
def test_gradient_and_truth_are_of_the_same_case(entry, kind, dtype):
    asked = list(questions(entry, dtype))
    assert asked
    for q in asked:
        for g, r in zip(q.gradients(q.arrays, q.cotangent(kind)), truths(q, kind), strict=True):
            assert g.dtype == dtype
            np.testing.assert_allclose(g, r, rtol=100 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)


def test_points_are_the_same_in_every_dtype():
    wide, narrow = (next(questions(GOOD[0], dtype)).arrays[0] for dtype in ASKED)
    assert wide.shape == SHAPE
    assert np.array_equal(wide.astype(np.float32), narrow)


def test_a_missing_gradient_is_said():
    q = next(questions(BAD[3], "float64"))
    with pytest.raises(Misshapen, match="∂/∂z is missing"):
        q.gradients(q.arrays, q.cotangent("ones"))


def overwrites(x):
    y = np.tanh(x.copy())
    x *= 2
    return y, lambda v: v * (1 - y * y)


def test_what_is_not_asked():
    law = Wrong("law", gradproof.pullback(overwrites), "activation/tanh", law="inputs are not overwritten", how=F64)
    narrow = Right("narrow", slope_of("activation/tanh"), "activation/tanh", {"dtypes": ["float16"]})
    rigid = Right("rigid", pullback_of("cost/jensen_shannon"), "cost/jensen_shannon")
    checker = FRAMEWORKS["torch.autograd.gradcheck"]
    asked = [measuring.framework(checker, "torch.autograd.gradcheck", entry) for entry in (law, narrow, rigid)]
    assert asked == ["behaviour", "in 16 bits", "no room to differentiate"]
    assert [measuring.by_rules(entry)[0] for entry in (law, narrow, rigid)] == ["behaviour", "in 16 bits", True]


def test_gradcheck_alone_is_asked_whether_a_backward_repeats():
    calls = []

    def noisy(x):
        y = np.tanh(x)
        return y, lambda v: v * (1 - y * y) * (1 + 1e-12 * (calls.append(1) or len(calls)))

    entry = Wrong("noisy", gradproof.pullback(noisy), "activation/tanh", law="the same again", how=F64)
    answers = {name: measuring.framework(checker, name, entry) for name, checker in FRAMEWORKS.items()}
    assert {name: a for name, a in answers.items() if a != "behaviour"} == {
        "torch.autograd.gradcheck": False, "torch.autograd.gradcheck, fast mode": False,
    }  # fmt: skip


def test_the_command_leaves_evidence_and_its_page(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "one_thread", lambda: None)
    monkeypatch.setattr(measuring, "catalogue", lambda: (BAD[:2], GOOD[:2]))
    monkeypatch.setattr(sys, "argv", ["acceptance", "--out", str(tmp_path)])
    command.main()
    header, found = read_evidence(tmp_path / "evidence" / "checkers.jsonl")
    assert header["points"] == list(SHAPE)
    assert header["versions"]["scipy"] != "not installed"
    assert len(found) == 2 * (1 + len(FRAMEWORKS) + len(RULES))
    page = (tmp_path / "checkers.md").read_text(encoding="utf-8")
    assert "# Checkers\n\n2 wrong gradients and 2 right ones" in page
    assert "| `gradproof.check` | 0 of 2 | 0 of 2 |" in page
    assert "| `torch.autograd.gradcheck`, fast mode | 0 of 2 | 0 of 2 |" in page


def test_what_is_not_installed_is_said_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "NEEDED", ("numpy", "no_such_package"))
    monkeypatch.setattr(sys, "argv", ["acceptance", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "no_such_package: not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
