"""The judge: its verdicts on every claim, and that it can be neither fooled nor bribed."""

import ast
import dataclasses
import importlib.util
import inspect
import textwrap

import numpy as np
import pytest

from gradproof.claims import literature as judging
from gradproof.claims.scenes import network
from gradproof.tasks import Plan
from literature import CLAIMS, Network, Source
from literature.claim import Claim
from reference import resolve

torch = pytest.importorskip("torch")
pytest.importorskip("flint")
ORACLES = ("torch", "balls")
MISPRINT = "dong-2016/1.2-cross-entropy"


def verdict(claim, oracles=ORACLES):
    return judging.judge(claim, oracles).verdict


def expected(claim):
    """The verdict that the record of a claim speaks of."""
    said = {"misprint": claim.wrong, "holds under a convention": claim.convention, "ambiguous": claim.doubt,
            "not checkable": claim.unchecked}  # fmt: skip
    return next((verdict for verdict, text in said.items() if text), "holds")


@pytest.mark.parametrize("id", CLAIMS)
def test_the_oracles_confirm_what_a_record_says_of_its_claim(id):
    found = judging.judge(CLAIMS[id], ORACLES)
    readings = found.more.get("readings", {})
    assert found.verdict == expected(CLAIMS[id]), readings
    for said in readings.values():
        assert said["torch"]["outcome"] == said["balls"]["outcome"]
    if found.verdict == "misprint":  # by numbers, and not because both transcriptions break
        assert "fails" in {readings[role][oracle]["outcome"] for role in ("printed", "again") for oracle in ORACLES}


def negated(reading):
    def wrong(s):
        for *meant, claimed in reading(s):
            yield *meant, -np.asarray(claimed, dtype=object)

    return wrong


FLIP = {ast.Add: ast.Sub, ast.Sub: ast.Add}


def plus_and_minus(node):
    """Every + and − in what a reading claims, outside of indices and of calls of range."""
    if isinstance(node, ast.Subscript):
        yield from plus_and_minus(node.value)
    elif not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("range", "enumerate")):
        yield from [node] if type(getattr(node, "op", None)) in FLIP else []
        for child in ast.iter_child_nodes(node):
            yield from plus_and_minus(child)


def signs(tree):
    yields = [n.value for n in ast.walk(tree) if isinstance(n, ast.Yield) and isinstance(n.value, ast.Tuple)]
    return [sign for members in yields for claimed in members.elts[1:] for sign in plus_and_minus(claimed)]


def sign_flips(reading):
    """The reading with each + or − of its claimed members turned round, one at a time."""
    source = textwrap.dedent(inspect.getsource(reading))
    for k in range(len(signs(ast.parse(source)))):
        tree = ast.parse(source)
        tree.body[0].decorator_list = []
        node = signs(tree)[k]
        node.op = FLIP[type(node.op)]()
        space = dict(inspect.getmodule(reading).__dict__)
        exec(compile(ast.fix_missing_locations(tree), f"<sign {k}>", "exec"), space)
        yield ast.unparse(node), space[tree.body[0].name]


SLIPS = [
    pytest.param(id, wrong, id=f"{id}: {text}")
    for id, claim in CLAIMS.items()
    if expected(claim).startswith("holds")
    for text, wrong in [("−", negated(claim.readings["printed"])), *sign_flips(claim.readings["printed"])]
]


@pytest.mark.parametrize(("id", "wrong"), SLIPS)
def test_a_wrong_sign_turns_a_claim_that_holds_into_a_misprint(id, wrong, monkeypatch):
    monkeypatch.setattr(judging, "SEEDS", (1,))  # one random network a shape is enough to see it
    right = CLAIMS[id].readings["printed"]
    readings = {"printed": wrong, "again": wrong, "corrected": right}
    slipped = dataclasses.replace(CLAIMS[id], readings=readings, convention="", wrong="planted")
    assert verdict(slipped, ["torch"]) == "misprint"


def test_there_are_signs_to_flip():
    assert len(SLIPS) > len([claim for claim in CLAIMS.values() if expected(claim).startswith("holds")]) + 100


document = Source("test", networks=(Network(sizes=(2, 2)),))


def plain(printed, others=None, **more):
    readings = {"printed": printed, **(others or {})}
    return Claim("test/x", "here", {"printed": "x"}, readings, document.networks, document.notation, **more)


def true(s):
    yield s.d(s.C, s.b[2]), s.d(s.C, s.examples[0].z[2])


def false(s):
    yield s.d(s.C, s.b[2]), 2 * s.d(s.C, s.b[2])


@pytest.mark.parametrize(
    ("printed", "others", "given", "expected"),
    [
        (false, {}, "wrong", "unknown"),  # a misprint needs a correction that holds
        (false, {"again": false, "corrected": false}, "wrong", "unknown"),
        (false, {"again": true, "corrected": true}, "wrong", "unknown"),
        (false, {"again": false, "corrected": true, "charitable": false}, "wrong", "unknown"),
        (false, {"again": false, "corrected": true}, "wrong", "misprint"),
        (true, {"otherwise": true}, "convention", "unknown"),  # a convention that changes nothing is not granted
        (true, {"otherwise": false}, "convention", "holds under a convention"),
        (true, {"other": true}, "doubt", "unknown"),  # an ambiguity has one reading that holds and one that does not
        (false, {"other": false}, "doubt", "unknown"),
        (false, {"other": true}, "doubt", "ambiguous"),
    ],
)
def test_a_verdict_needs_every_reading_that_it_speaks_of(printed, others, given, expected):
    assert verdict(plain(printed, others, **{given: "…"})) == expected


@pytest.mark.parametrize(("factor", "expected"), [(2, "misprint"), (1, "unknown")])
def test_an_example_must_show_the_difference(factor, expected):
    def pencil(s):
        w = s.number(3)
        yield s.d(w**2, w), factor * w * 2

    found = judging.judge(plain(false, {"again": false, "corrected": true, "example": pencil}, wrong="…"), ORACLES)
    assert found.verdict == expected
    if expected == "misprint":
        for said in found.more["readings"]["example"].values():
            assert (said["meant"], said["claimed"], said["compared"]) == (6, 12, 1)


def zero(s):
    yield s.d(s.C, s.b[2]) * 0, s.d(s.C, s.b[2]) * 0


def nothing(s):
    yield from ()


def misshapen(s):
    yield s.b[2], s.b[2][0]


@pytest.mark.parametrize(
    ("reading", "error"),
    [
        (zero, "every value is zero: the comparison is vacuous"),
        (nothing, "the reading compares nothing"),
        (misshapen, "member 2 is one number, the quantity meant 2 numbers"),
    ],
)
def test_a_reading_that_compares_nothing_does_not_hold(reading, error):
    found = judging.judge(plain(reading), ORACLES)
    assert found.verdict == "unknown"
    assert found.more["readings"]["printed"]["torch"]["error"] == error


@pytest.mark.parametrize(("off", "by_torch", "by_balls"), [(1e-8, "undecided", "undecided"), (2.0**-50, "holds", "")])
def test_what_lies_between_equal_and_different_is_unknown(off, by_torch, by_balls):
    """An error of the last bits of a float64 is seen by the balls alone."""

    def shifted(s):
        yield s.b[2], s.b[2] * (1 + off)

    found = judging.judge(plain(shifted), ORACLES)
    said = {oracle: said["outcome"] for oracle, said in found.more["readings"]["printed"].items()}
    assert said == {"torch": by_torch, "balls": by_balls or "undecided"}
    assert found.verdict == "unknown"


def test_every_claim_has_a_task_and_a_formula_those_that_bear_on_it():
    assert [task.name for task in judging.tasks(Plan())] == list(CLAIMS)
    id = "activation/sigmoid"
    bearing = [task.name for task in judging.tasks(Plan(formulas=frozenset({id})))]
    assert bearing
    for name in bearing:
        assert id in {resolve(formula)[0].id for formula in CLAIMS[name].supports}


def test_evidence_of_another_text_is_stale():
    found = judging.judge(CLAIMS[MISPRINT], ["torch"])
    late = judging.stale([found])
    assert MISPRINT not in late
    assert "dong-2016/2-update" in late
    assert MISPRINT in judging.stale([dataclasses.replace(found, more={"source": "0"})])
    assert "nobody/0" in judging.stale([dataclasses.replace(found, formula="nobody/0")])


def test_one_oracle_is_enough_and_none_is_not(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else find(name))
    (task,) = judging.tasks(Plan(formulas=frozenset({MISPRINT})))
    (found,) = task.call()
    assert (found.verdict, list(found.more["readings"]["printed"])) == ("misprint", ["balls"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="neither torch nor python-flint"):
        list(judging.tasks(Plan()))


def test_networks_follow_from_their_seed_and_take_two_costs():
    one, two, other = (network((2, 3, 1), "tanh", "quadratic", 2, seed).w[2].flat[0].value for seed in (7, 7, 8))
    assert one == two != other
    with pytest.raises(ValueError, match="cost 'hinge': a network here takes 'quadratic' or 'bce'"):
        network((2, 1), "tanh", "hinge", 1, 0)
