import ast
import dataclasses
import importlib.util
import os
import time

import pytest

from gradproof.claims import proofs
from gradproof.claims.proofs import claims, decide, in_processes, prove
from gradproof.tasks import Plan
from reference import CATALOGUE

needs_sympy = pytest.mark.skipif(importlib.util.find_spec("sympy") is None, reason="SymPy is not installed")
CLAIMS = [claim for record in CATALOGUE.values() for claim in claims(record)]
IDENTITIES = [claim for claim in CLAIMS if claim.prover in ("derivative", "equal")]
WITH_KINKS = [claim for claim in CLAIMS if claim.options.get("kinks")]
# The sign of a target, a weight or a cotangent decides which side is left.
EITHER_WAY = {
    f"cost/{name}"
    for name in ("hinge", "perceptron", "hinge_embedding", "margin_ranking", "cosine_embedding", "l1", "triplet_margin")
}


def name(claim):
    return f"{claim.id}: {claim.name}"


def sums(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Add, ast.Sub))]


def mutants(expression, most=4):
    """Another sign, factor or constant, and the expression without one of its first few terms."""
    if expression != "0":
        yield from (f"-({expression})", f"2*({expression})", f"({expression})*(1 + 1/10**6)")
    yield f"({expression}) + 1/10**12"
    for k in range(min(len(sums(ast.parse(expression))), most)):
        tree = ast.parse(expression)
        sums(tree)[k].right = ast.Constant(0)
        yield ast.unparse(tree)


@needs_sympy
@pytest.mark.parametrize("claim", CLAIMS, ids=name)
def test_every_claim_of_the_catalogue_is_proved(claim):
    if reason := proofs.OPEN.get((claim.id, claim.name)):
        (found,) = proofs.decide([claim], limit=proofs.PATIENCE)
        assert (found.verdict, found.why) == ("undefined", reason)
        return
    proof = prove(claim)
    assert proof["verdict"] == "proved", proof["reason"] or proof["counterexample"]
    assert proof["route"]


@needs_sympy
@pytest.mark.parametrize("claim", IDENTITIES, ids=name)
def test_every_mutant_of_the_catalogue_is_refuted_at_a_counterexample(claim):
    for mutant in mutants(claim.right):
        proof = prove(dataclasses.replace(claim, right=mutant))
        assert proof["verdict"] == "refuted", mutant
        assert proof["counterexample"]["true"] != proof["counterexample"]["claimed"]


@needs_sympy
@pytest.mark.parametrize("claim", WITH_KINKS, ids=name)
def test_a_wrong_slope_or_a_missing_kink_is_not_proved(claim):
    """They are refuted, but where data decide: there a record may state in words for which data it holds."""
    (at, left, right, chosen), *others = claim.options["kinks"]
    wrong = [
        (at, left, right, f"{chosen} + 1/10**9"),
        (at, f"2*({left}) + {right}", f"2*({right}) - 3*({left})", chosen),
    ]
    if claim.id not in EITHER_WAY:
        wrong.append((at, right, left, chosen))
    indexed = "[" in claim.left
    for kink in wrong:
        proof = prove(dataclasses.replace(claim, options={**claim.options, "kinks": [kink, *others]}))
        assert proof["verdict"] in ("refuted", "unknown" if indexed else "refuted"), kink
        assert "slope" in proof["reason"]
    if not indexed:
        proof = prove(dataclasses.replace(claim, options={**claim.options, "kinks": others}))
        assert proof["verdict"] == "refuted"
        assert "not listed as a kink" in proof["reason"]


def test_every_record_makes_a_claim_and_all_of_its_fields_are_used():
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


def test_a_process_takes_one_item_after_another_and_is_replaced_when_it_ends():
    pid = "__import__('os').getpid()"
    items = [pid, pid, "1 / 0", pid, "__import__('os')._exit(3)", pid]
    found = {k: (result, problem) for k, result, problem in in_processes(eval, items, 1)}
    assert found[2] == (None, "ZeroDivisionError: division by zero")
    assert found[4] == (None, "the process ended with exit code 3")
    first, second, after_an_error, after_an_end = (found[k][0] for k in (0, 1, 3, 5))
    assert first == second == after_an_error != after_an_end != os.getpid()


def test_closing_early_leaves_no_process_behind():
    running = in_processes(time.sleep, [0, 60, 60], 3)
    next(running)
    start = time.monotonic()
    running.close()
    assert time.monotonic() - start < 10


EXP = next(claims(CATALOGUE["activation/exp"]))
SMALL = [  # a right derivative, a wrong one and one that cannot be read
    EXP,
    dataclasses.replace(EXP, id="activation/wrong", right="exp(z)/2"),
    dataclasses.replace(EXP, id="activation/odd", right="exp(z"),
]


@needs_sympy
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_finding_comes_for_each_claim_whoever_decides_it(jobs):
    right, wrong, odd = decide(SMALL, jobs)
    assert [(f.formula, f.verdict) for f in (right, wrong, odd)] == [
        ("activation/exp", "proved"), ("activation/wrong", "refuted"), ("activation/odd", "unknown")
    ]  # fmt: skip
    assert (right.what, right.quantity, right.more["left"], right.more["right"]) == (
        "derivative",
        "z",
        "exp(z)",
        "exp(z)",
    )
    assert wrong.more["counterexample"]["claimed"] != wrong.more["counterexample"]["true"]
    assert "ExpressionError: 'exp(z' is not an expression" in odd.why


@needs_sympy
def test_what_is_open_is_undefined_with_its_reason_until_it_is_decided(monkeypatch):
    reasons = {("activation/odd", "derivative"): "no word of it", ("activation/exp", "derivative"): "hard"}
    monkeypatch.setattr(proofs, "OPEN", reasons)
    right, _, odd = decide(SMALL)
    assert (odd.verdict, odd.why) == ("undefined", "no word of it")
    assert (right.verdict, right.why) == ("unknown", "proved: it is open no more")


def test_what_is_open_is_a_claim_of_the_catalogue():
    known = {(claim.id, claim.name) for record in CATALOGUE.values() for claim in claims(record)}
    assert proofs.OPEN.keys() <= known


def test_without_sympy_every_finding_says_so(monkeypatch):
    monkeypatch.setattr(proofs.importlib.util, "find_spec", lambda name: None)
    assert {(f.verdict, f.why) for f in decide(SMALL)} == {("unknown", "sympy: not installed")}


def test_every_record_has_a_task():
    assert [task.name for task in proofs.tasks(Plan())] == list(CATALOGUE)
    assert [task.name for task in proofs.tasks(Plan(formulas=frozenset({"cost/l1"})))] == ["cost/l1"]
