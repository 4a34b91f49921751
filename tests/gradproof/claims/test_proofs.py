import ast
import dataclasses
import os
import subprocess
import sys
import time

import pytest

from gradproof.claims import proofs
from gradproof.claims.proofs import (
    Claim,
    claims,
    counts,
    in_processes,
    prove,
    prove_all,
    read_evidence,
    status,
    write_page,
)
from gradproof.evidence.files import EvidenceError, read_lines, write_lines
from reference import CATALOGUE

CLAIMS = [claim for record in CATALOGUE.values() for claim in claims(record)]
IDENTITIES = [claim for claim in CLAIMS if claim.prover in ("derivative", "equal")]
WITH_KINKS = [claim for claim in CLAIMS if claim.options.get("kinks")]
# The sign of a target, a weight or a cotangent decides which side is left.
EITHER_WAY = {
    f"cost/{name}"
    for name in ("hinge", "perceptron", "hinge_embedding", "margin_ranking", "cosine_embedding", "l1", "triplet_margin")
}
# Its kink is stated for p = 1 only, in words, and at p < 1 there is no slope.
OPEN = {("cost/multi_margin", "kinks")}


def name(claim):
    return f"{claim.id}: {claim.name}"


def terms_dropped(expression, most=4):
    """The expression without one of the terms of a sum or difference, one mutant for each of the first terms."""
    sums = [
        n for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub))
    ]
    for k in range(min(len(sums), most)):
        tree = ast.parse(expression)
        found = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub))]
        found[k].right = ast.Constant(0)
        yield ast.unparse(tree)


def mutants(expression):
    if expression != "0":
        yield from (f"-({expression})", f"2*({expression})", f"({expression})*(1 + 1/10**6)")
    yield f"({expression}) + 1/10**12"
    yield from terms_dropped(expression)


@pytest.mark.parametrize("claim", CLAIMS, ids=name)
def test_every_claim_of_the_catalogue_is_proved(claim):
    pytest.importorskip("sympy")
    proof = prove(claim)
    if (claim.id, claim.name) in OPEN:
        assert proof["verdict"] == "unknown"
        assert proof["reason"]
        return
    assert proof["verdict"] == "proved", proof["reason"] or proof["counterexample"]
    assert proof["route"]


@pytest.mark.parametrize("claim", IDENTITIES, ids=name)
def test_every_mutant_of_the_catalogue_is_refuted_at_a_counterexample(claim):
    pytest.importorskip("sympy")
    for mutant in mutants(claim.right):
        proof = prove(dataclasses.replace(claim, right=mutant))
        assert proof["verdict"] == "refuted", mutant
        assert proof["counterexample"]["true"] != proof["counterexample"]["claimed"]


@pytest.mark.parametrize("claim", WITH_KINKS, ids=name)
def test_wrong_slopes_at_a_kink_are_not_proved(claim):
    """They are refuted, but where data decide: there a record may state in words for which data it holds."""
    pytest.importorskip("sympy")
    (at, left, right, chosen), *others = claim.options["kinks"]
    wrong = [
        (at, left, right, f"{chosen} + 1/10**9"),
        (at, f"2*({left}) + {right}", f"2*({right}) - 3*({left})", chosen),
    ]
    if claim.id not in EITHER_WAY:
        wrong.append((at, right, left, chosen))
    for kink in wrong:
        proof = prove(dataclasses.replace(claim, options={**claim.options, "kinks": [kink, *others]}))
        allowed = ("refuted", "unknown") if "[" in claim.left else ("refuted",)
        assert proof["verdict"] in allowed, kink
        assert "slope" in proof["reason"]


@pytest.mark.parametrize("claim", [c for c in WITH_KINKS if "[" not in c.left], ids=name)
def test_a_kink_left_out_is_noticed(claim):
    pytest.importorskip("sympy")
    proof = prove(dataclasses.replace(claim, options={**claim.options, "kinks": claim.options["kinks"][1:]}))
    assert proof["verdict"] == "refuted"
    assert "not listed as a kink" in proof["reason"]


def test_every_record_makes_at_least_one_claim_and_the_records_fields_are_all_used():
    assert {claim.id for claim in CLAIMS} == set(CATALOGUE)
    for record in CATALOGUE.values():
        right = {claim.right for claim in claims(record)}
        assert {record.derivative, *record.partials.values()} <= right
        assert {form for form in (record.numpy_value, record.numpy_form) if form} <= right


def test_processes_end_at_the_limit_and_report_what_went_wrong():
    start = time.monotonic()
    found = {k: (result, problem) for k, result, problem in in_processes(time.sleep, [60, 0, "x"], 2, limit=3.0)}
    assert found[0] == (None, "not decided within 3 seconds")
    assert found[1] == (None, "")
    assert found[2][1].startswith("TypeError: ")
    assert time.monotonic() - start < 30
    [(_, result, problem)] = in_processes(os._exit, [3], 1)
    assert (result, problem) == (None, "the process ended with exit code 3")


def test_a_process_takes_one_item_after_another_and_is_replaced_when_it_ends():
    pid = "__import__('os').getpid()"
    items = [pid, pid, "1 / 0", pid, "__import__('os')._exit(3)", pid]
    found = {k: (result, problem) for k, result, problem in in_processes(eval, items, 1)}
    assert found[2] == (None, "ZeroDivisionError: division by zero")
    assert found[4] == (None, "the process ended with exit code 3")
    first, second, after_an_error, after_an_end = (found[k][0] for k in (0, 1, 3, 5))
    assert first == second == after_an_error != after_an_end


def test_closing_early_leaves_no_process_behind():
    running = in_processes(time.sleep, [0, 60, 60], 3)
    next(running)
    start = time.monotonic()
    running.close()
    assert time.monotonic() - start < 10


def small_catalogue():
    """A right formula, a wrong one and one that cannot be read."""
    exp = CATALOGUE["activation/exp"]
    return {
        "activation/exp": exp,
        "activation/wrong": dataclasses.replace(exp, id="activation/wrong", derivative="exp(z)/2"),
        "activation/odd": dataclasses.replace(exp, id="activation/odd", derivative="exp(z"),
    }


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    pytest.importorskip("sympy")
    path = tmp_path_factory.mktemp("evidence") / "proofs.jsonl"
    done = []
    rows = prove_all(path, progress=lambda k, n: done.append((k, n)), catalogue=small_catalogue())
    assert done == [(1, 3), (2, 3), (3, 3)]
    return path, rows


def test_rows_come_in_the_order_of_the_catalogue_and_are_what_the_file_holds(evidence):
    path, rows = evidence
    header, _ = read_lines(path)
    assert read_evidence(path) == rows
    assert [(row["id"], row["verdict"]) for row in rows] == [
        ("activation/exp", "proved"), ("activation/wrong", "refuted"), ("activation/odd", "unknown")
    ]  # fmt: skip
    assert header["source"]
    assert header["versions"]["sympy"] != "not installed"
    assert counts(rows) == {"proved": 1, "refuted": 1, "unknown": 1}
    assert "ExpressionError: 'exp(z' is not an expression" in rows[2]["reason"]
    assert status(rows, "activation/wrong") == "refuted: derivative"
    assert status(rows, "activation/none") == ""


def test_verdicts_do_not_depend_on_the_number_of_processes(evidence, tmp_path):
    path, _ = evidence
    again = tmp_path / "proofs.jsonl"
    prove_all(again, jobs=1, catalogue=small_catalogue())
    first, second = (file.read_text().splitlines() for file in (path, again))
    assert second[1:] == first[1:]  # the header has what differs from run to run


def test_only_picks_by_pattern():
    pytest.importorskip("sympy")
    assert {row["id"] for row in prove_all(only="*/w*", catalogue=small_catalogue())} == {"activation/wrong"}


def test_the_page_follows_from_the_evidence_and_shows_what_is_not_proved(evidence, tmp_path):
    path, _ = evidence
    write_page(path, tmp_path)
    page = (tmp_path / "proofs.md").read_text(encoding="utf-8")
    assert "| Activations | 3 | 3 | 1 | 1 | 1 |" in page
    assert page.index("| Activations |") < page.index("## Not proved") < page.index("### activation/exp")
    assert "it is 3.1" in page
    assert r"\frac{\partial g}{\partial z} &= \frac{e^{z}}{2}" in page
    assert r"\texttt{exp(z}" in page  # what cannot be read is still shown
    assert (tmp_path / "csv" / "proofs.csv").read_text().startswith("id,claim,verdict,route,given,seconds\n")
    assert (tmp_path / "tex" / "proofs.tex").exists()


def test_missing_or_damaged_evidence_is_an_error(tmp_path):
    with pytest.raises(EvidenceError, match="cannot be read"):
        write_page(tmp_path / "proofs.jsonl", tmp_path)
    write_lines(tmp_path / "proofs.jsonl", {"seconds": [0.1]}, [])
    with pytest.raises(EvidenceError, match="1 times for 0 proofs"):
        write_page(tmp_path / "proofs.jsonl", tmp_path)


def test_without_sympy_every_row_says_so(monkeypatch):
    monkeypatch.setattr(proofs.importlib.util, "find_spec", lambda name: None)
    rows = prove_all(catalogue=small_catalogue())
    assert {(row["verdict"], row["reason"]) for row in rows} == {("unknown", "sympy: not installed")}


def test_importing_it_imports_no_oracle():
    code = "import sys, gradproof.claims.proofs; print(sorted({'sympy', 'torch', 'jax', 'flint'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_claim_says_what_it_is_about():
    claim = next(claims(CATALOGUE["activation/relu"]))
    assert claim == Claim(
        "activation/relu", "derivative", "derivative", CATALOGUE["activation/relu"].statement,
        CATALOGUE["activation/relu"].derivative, claim.options,
    )  # fmt: skip
