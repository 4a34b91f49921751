"""Causes are named, at most three, and none is invented, over right gradients, scaled ones and random ones."""

import numpy as np
import pytest

import gradproof
from gradproof.answers.factors import named, ratio
from gradproof.yours.diagnosis import MOST, causes
from gradproof.yours.judge import Judged
from gradproof.yours.standard import standard_of
from gradproof.yours.subject import subject_of
from reference import CATALOGUE, vjp

pytest.importorskip("flint")
F64 = {"dtypes": ["float64"]}
SLOPES = [id for id, f in CATALOGUE.items() if f.elementwise and not f.kinks]


def of(id, change):
    def function(z):
        value, slope = CATALOGUE[id].function(z)
        return value, change(slope, z)

    return gradproof.slope(function)


@pytest.mark.parametrize("id", SLOPES)
def test_a_right_slope_has_no_cause_and_one_of_another_size_has_its_factor(id):
    assert not [c for c in gradproof.check(of(id, lambda s, z: s), id, **F64).causes if "∂/∂" in c]
    report = gradproof.check(of(id, lambda s, z: 1.37 * s), id, **F64)
    assert any("ratio 1.37" in cause for cause in report.causes)
    assert len(report.causes) <= MOST


@pytest.mark.parametrize("id", SLOPES)
def test_no_cause_is_invented_for_noise(id):
    """Slopes times random numbers have no reason."""
    rng = np.random.default_rng(0)
    report = gradproof.check(of(id, lambda s, z: s * rng.uniform(0.5, 2, s.shape)), id, **F64)
    assert report.verdict == "wrong"
    found = [cause for cause in report.causes if cause.startswith("∂/∂z")]
    assert not found or (found[0].startswith("∂/∂z: wrong only where") and "there" not in found[0])


@pytest.mark.parametrize("bound", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_branch_is_told_by_its_bound(bound, sign):
    report = gradproof.check(
        of("activation/tanh", lambda s, z: np.where(sign * z > bound, 3 * s, s)), "activation/tanh", **F64
    )
    where = f"x {'>' if sign > 0 else '<'} "
    (cause,) = report.causes[:1]
    assert f"wrong only where {where}" in cause
    assert float(cause.split(where)[1].split(":")[0]) == pytest.approx(sign * bound, rel=0.3)  # points lie apart


@pytest.mark.parametrize("id", ["cost/squared_error", "cost/cross_entropy_probabilities", "cost/soft_margin"])
@pytest.mark.parametrize("row", [0, 2])
def test_the_row_is_told(id, row):
    def function(z, y):
        x = dict(zip(("z", "a"), (z, z), strict=True)) | {"y": y}
        x = {name: x[name] for name in CATALOGUE[id].arguments[:0] or (("a" if id.endswith("error") else "z"), "y")}
        first = next(iter(x))

        def back(v):
            g = vjp(id, x, v)[1]
            g[first][row : row + 1] *= -1  # a batch of one may not have it
            return list(g.values())

        return vjp(id, x)[0]["value"], back

    report = gradproof.check(gradproof.pullback(function), id, **F64)
    end = "first" if row == 0 else "last"
    assert any(f"wrong only at the {end} index of axis 0: there the sign is wrong" in c for c in report.causes), report


def test_what_has_no_numbers_has_no_cause():
    subject = subject_of(of("activation/tanh", lambda s, z: s))
    standard = standard_of("activation/tanh", subject, {})
    assert causes(subject, standard, []) == []
    assert causes(subject, standard, [Judged("∂/∂z", "float64", 8.0, verdict="wrong")]) == []
    assert causes(subject, standard, [Judged("∂/∂z", "float64", 8.0, verdict="wrong", why="has no gradient")]) != []


@pytest.mark.parametrize(
    ("factor", "words"), [(-1, "sign"), (5, "1/n of the mean"), (0.2, "1/n is applied"), (2, "2 or ½")]
)
def test_a_factor_has_its_name(factor, words):
    x = np.array([1.0, -2.0, 0.0])
    assert words in named(ratio(factor * x, x), {"n": 5})
    assert named(1.37, {"n": 5}) == ""
