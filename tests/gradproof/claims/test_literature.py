"""The judge: its verdicts on every claim, and that it can be neither fooled nor bribed."""

import ast
import dataclasses
import importlib.util
import inspect
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from gradproof.claims import literature as judging
from gradproof.claims.scenes import network
from gradproof.evidence.files import EvidenceError, read_lines
from gradproof.lookup import UsageError
from literature import CLAIMS, Network, Source
from literature.claim import Claim

torch = pytest.importorskip("torch")
pytest.importorskip("flint")
ORACLES = ("torch", "balls")


def expected(claim):
    """The verdict that the record of a claim speaks of."""
    said = {"misprint": claim.wrong, "holds under a convention": claim.convention, "ambiguous": claim.doubt,
            "not checkable": claim.unchecked}  # fmt: skip
    return next((verdict for verdict, text in said.items() if text), "holds")


HOLDING = [id for id, claim in CLAIMS.items() if expected(claim) in ("holds", "holds under a convention")]


@pytest.mark.parametrize("id", list(CLAIMS))
def test_the_oracles_confirm_what_a_record_says_of_its_claim(id):
    row = judging.judge(CLAIMS[id], ORACLES)
    assert row["verdict"] == expected(CLAIMS[id]), row["readings"]
    for said in row["readings"].values():
        assert said["torch"]["outcome"] == said["balls"]["outcome"]
    if row["verdict"] == "misprint":  # by numbers, and not because both transcriptions break
        outcomes = {row["readings"][role][oracle]["outcome"] for role in ("printed", "again") for oracle in ORACLES}
        assert "fails" in outcomes


# ---- a wrong transcription is caught ---------------------------------------------------------------------------


@pytest.fixture
def one_network(monkeypatch):
    """One random network a shape is enough to see a wrong sign."""
    monkeypatch.setattr(judging, "SEEDS", (1,))


def misprinted(claim, wrong):
    """The claim with `wrong` for what is printed, and the true reading as its correction."""
    right = claim.readings["printed"]
    readings = {"printed": wrong, "again": wrong, "corrected": right}
    return dataclasses.replace(claim, readings=readings, convention="", wrong="planted")


def negated(reading):
    def wrong(s):
        for *meant, claimed in reading(s):
            yield *meant, -np.asarray(claimed, dtype=object)

    return wrong


@pytest.mark.usefixtures("one_network")
@pytest.mark.parametrize("id", HOLDING)
def test_a_flipped_sign_turns_a_claim_that_holds_into_a_misprint(id):
    claim = CLAIMS[id]
    assert judging.judge(misprinted(claim, negated(claim.readings["printed"])), ORACLES)["verdict"] == "misprint"


FLIP = {ast.Add: ast.Sub, ast.Sub: ast.Add}


class _Signs(ast.NodeVisitor):
    """Every + and − in what a reading claims, outside of indices and of calls of range."""

    def __init__(self):
        self.found = []

    def visit_Subscript(self, node):
        self.visit(node.value)

    def visit_Call(self, node):
        if not (isinstance(node.func, ast.Name) and node.func.id in ("range", "enumerate")):
            self.generic_visit(node)

    def visit_BinOp(self, node):
        if type(node.op) in FLIP:
            self.found.append(node)
        self.generic_visit(node)


def sign_flips(reading):
    """The reading with each + or − of its claimed members turned round, one at a time."""
    source = textwrap.dedent(inspect.getsource(reading))

    def signs(tree):
        visitor = _Signs()
        for node in ast.walk(tree):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                for claimed in node.value.elts[1:]:
                    visitor.visit(claimed)
        return visitor.found

    for k in range(len(signs(ast.parse(source)))):
        tree = ast.parse(source)
        tree.body[0].decorator_list = []
        node = signs(tree)[k]
        node.op = FLIP[type(node.op)]()
        space = dict(inspect.getmodule(reading).__dict__)
        exec(compile(ast.fix_missing_locations(tree), f"<sign {k}>", "exec"), space)
        yield ast.unparse(node), space[tree.body[0].name]


SIGNS = [
    pytest.param(id, wrong, id=f"{id}: {text}")
    for id in HOLDING
    for text, wrong in sign_flips(CLAIMS[id].readings["printed"])
]


@pytest.mark.usefixtures("one_network")
@pytest.mark.parametrize(("id", "wrong"), SIGNS)
def test_a_sign_flipped_inside_an_equation_turns_it_into_a_misprint(id, wrong):
    assert judging.judge(misprinted(CLAIMS[id], wrong), ["torch"])["verdict"] == "misprint"


def test_there_are_signs_to_flip():
    assert len(SIGNS) > 100


# ---- nothing passes by default ---------------------------------------------------------------------------------

claim = Source("test", networks=(Network(sizes=(2, 2)),))


def plain(reading, **more):
    return Claim("test/x", "here", {"printed": "x"}, {"printed": reading}, claim.networks, claim.notation, **more)


def true(s):
    yield s.d(s.C, s.b[2]), s.d(s.C, s.examples[0].z[2])


def false(s):
    yield s.d(s.C, s.b[2]), 2 * s.d(s.C, s.b[2])


def test_a_misprint_needs_a_correction_that_holds():
    wrong = dataclasses.replace(plain(false), wrong="…")
    for readings, verdict in [
        ({"printed": false}, "unknown"),
        ({"printed": false, "again": false, "corrected": false}, "unknown"),
        ({"printed": false, "again": true, "corrected": true}, "unknown"),
        ({"printed": false, "again": false, "corrected": true, "charitable": false}, "unknown"),
        ({"printed": false, "again": false, "corrected": true}, "misprint"),
    ]:
        assert judging.judge(dataclasses.replace(wrong, readings=readings), ORACLES)["verdict"] == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(2, "misprint"), (1, "unknown")])
def test_an_example_must_show_the_difference(factor, verdict):
    def pencil(s):
        w = s.number(3)
        yield s.d(w**2, w), factor * w * 2

    readings = {"printed": false, "again": false, "corrected": true, "example": pencil}
    row = judging.judge(dataclasses.replace(plain(false), wrong="…", readings=readings), ORACLES)
    assert row["verdict"] == verdict
    if verdict == "misprint":
        for said in row["readings"]["example"].values():
            assert (said["meant"], said["claimed"], said["compared"]) == (6, 12, 1)


def test_a_convention_that_changes_nothing_is_not_granted():
    idle = plain(true, convention="any")
    idle.readings["otherwise"] = true
    assert judging.judge(idle, ORACLES)["verdict"] == "unknown"


def test_an_ambiguity_needs_one_reading_that_holds_and_one_that_does_not():
    for printed, other, verdict in [(true, true, "unknown"), (false, false, "unknown"), (false, true, "ambiguous")]:
        doubtful = plain(printed, doubt="either way")
        doubtful.readings["other"] = other
        assert judging.judge(doubtful, ORACLES)["verdict"] == verdict


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
    row = judging.judge(plain(reading), ORACLES)
    assert row["verdict"] == "unknown"
    assert row["readings"]["printed"]["torch"]["error"] == error


def nearly(s):
    yield s.b[2], s.b[2] * (1 + 1e-8)


def test_what_lies_between_equal_and_different_is_unknown():
    row = judging.judge(plain(nearly), ORACLES)
    assert row["readings"]["printed"]["balls"]["outcome"] == "undecided"
    assert row["verdict"] == "unknown"


def test_an_error_of_the_last_float64_bits_is_seen_by_the_balls():
    def shifted(s):
        yield s.b[2], s.b[2] * (1 + 2.0**-50)

    row = judging.judge(plain(shifted), ORACLES)
    assert row["readings"]["printed"]["torch"]["outcome"] == "holds"
    assert row["verdict"] == "unknown"


# ---- scenes and evidence ---------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_network():
    one, two = (network((2, 3, 1), "tanh", "quadratic", 2, 7) for _ in range(2))
    assert [w.value for w in one.w[2].flat] == [w.value for w in two.w[2].flat]
    assert len(one.examples) == 2


def test_a_cost_that_networks_do_not_take_is_named():
    with pytest.raises(ValueError, match="cost 'hinge': a network here takes 'quadratic' or 'bce'"):
        network((2, 1), "tanh", "hinge", 1, 0)


def test_evidence_is_written_and_the_same_every_time(tmp_path):
    ids = ["dong-2016/1.2-cross-entropy", "backprop-05/sigmoid-slope", "deriving-backprop/convergence"]
    seen = []
    for file in ("one.jsonl", "two.jsonl"):
        judging.judge_all(tmp_path / file, ids, progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    header, rows = read_lines(tmp_path / "one.jsonl")
    assert [r["verdict"] for r in rows] == ["misprint", "holds", "not checkable"]
    assert set(header["oracles"]) == set(ORACLES)
    assert header["versions"]["numpy"] == np.__version__  # for the front page of these reports alone
    assert seen[:3] == [(1, 3), (2, 3), (3, 3)]


def test_evidence_of_another_text_is_stale(tmp_path):
    rows = judging.judge_all(tmp_path / "all.jsonl", ["dong-2016/1.2-cross-entropy"])
    late = judging.stale(rows)
    assert "dong-2016/1.2-cross-entropy" not in late
    assert "dong-2016/2-update" in late
    assert "dong-2016/1.2-cross-entropy" in judging.stale([rows[0] | {"source_hash": "0"}])
    assert "nobody/0" in judging.stale([rows[0] | {"claim": "nobody/0"}])


def test_an_unknown_claim_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match=r"no claim 'dong-2016/1.2-cross'; did you mean dong-2016/1.2-cross-entropy"):
        judging.judge_all(tmp_path / "x.jsonl", ["dong-2016/1.2-cross"])
    assert not list(tmp_path.iterdir())


def test_without_an_oracle_there_is_no_verdict(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="neither torch nor python-flint"):
        judging.judge_all(tmp_path / "x.jsonl", ["dong-2016/2-update"])


def test_one_oracle_is_enough(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else find(name))
    (row,) = judging.judge_all(tmp_path / "x.jsonl", ["dong-2016/1.2-cross-entropy"])
    assert row["verdict"] == "misprint"
    assert list(row["readings"]["printed"]) == ["balls"]


def test_the_judge_does_not_import_an_oracle_until_it_judges():
    code = "import gradproof.claims.literature, gradproof.pages.errata, gradproof.commands.cite, gradproof.pages.notation, sys;" \
           "print(sorted({'torch', 'jax', 'flint', 'sympy'} & set(sys.modules)))"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_corrupt_evidence_is_refused(tmp_path):
    from gradproof.pages.errata import write_pages

    (tmp_path / "e.jsonl").write_text('{"header": {}}\n{"claim": "a/b"}\n')
    with pytest.raises(EvidenceError, match="its end is missing"):
        write_pages(tmp_path / "e.jsonl", tmp_path)
    assert not (tmp_path / "errata.md").exists()
