import pytest

pytest.importorskip("sympy")

import mpmath
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.sympy_proof.cases import Undecided, cases
from oracles.sympy_proof.expressions import parse, real
from oracles.sympy_proof.identity import Proof, conjunction, identity
from oracles.sympy_proof.refutation import points

z, y, delta = real("z"), real("y"), real("delta", 1)
SYMBOLS = {"z": z, "y": y, "delta": delta}


def read(*texts):
    return tuple(parse(text, SYMBOLS) for text in texts)


@pytest.mark.parametrize(
    ("left", "right", "step"),
    [
        ("z + z", "2*z", "identical"),
        ("1/(1 + exp(-z))", "exp(z)/(1 + exp(z))", "exponentials"),
        ("1 - tanh(z)**2", "4*exp(2*z)/(exp(2*z) + 1)**2", "exponentials"),
        ("log(1 + exp(z))", "z + log(1 + exp(-z))", "exponentials"),  # log E is z again
        ("tanh(log(1 + exp(z)))", "1 - 2/(1 + (1 + exp(z))**2)", "exponentials"),
        ("1/(sqrt(z**2 + 1) - z)", "sqrt(z**2 + 1) + z", "exponentials"),  # a root and its relation
        ("(exp(z/2) - exp(-z/2))**2", "exp(z) - 2 + exp(-z)", "exponentials"),
        ("(1 + z**2)**(y + 1)", "(1 + z**2)**y*(1 + z**2)", "exponentials"),
        ("sin(z)**2 + cos(z)**2", "1", "simplify"),
    ],
)
def test_each_route_proves_what_it_is_for(left, right, step):
    proof = identity(*read(left, right))
    assert (proof.verdict, proof.steps) == ("proved", (step,))
    assert identity(*read(left, f"{right} + 1/10**12")).verdict == "refuted"


@pytest.mark.parametrize(
    ("left", "right", "number"),
    [
        ("Abs(z)", "Max(z, -z)", 2),
        ("sign(z)*Abs(z)", "z", 2),
        ("Min(z, delta) + Max(z, delta)", "z + delta", 2),
        ("Max(z, 0) + Max(-z, 0)", "Abs(z)", 2),
        ("Piecewise((z, Abs(z) <= delta), (delta*sign(z), True))", "Max(Min(z, delta), -delta)", 4),
        ("Piecewise((1, Ne(z, 0)), (7, True))", "1", 2),
    ],
)
def test_branches_are_split_into_all_open_cases_and_no_empty_one(left, right, number):
    sides = read(left, right)
    found = list(cases(*sides))
    assert len(found) == number
    assert all(next(points(case), None) for case in found), "an empty case was kept"
    assert identity(*sides).verdict == "proved"


def test_an_error_in_one_branch_alone_is_found():
    left, right = read(
        "Piecewise((0, z <= -3), (1, z >= 3), (z/6, True))", "Piecewise((0, z <= -3), (1, z >= 3), (z/5, True))"
    )
    point = identity(left, right).counterexample.inputs["z"]
    assert -3 < sp.Rational(point) < 3


@pytest.mark.parametrize("remainder", ["Eq(Mod(y, 2), 1)", "Eq(Mod(y, 3), 0)"])
def test_the_branch_of_a_remainder_is_no_boundary_to_leave_out(remainder):
    left, right, wrong = read(*(f"Piecewise(({first}, {remainder}), (z, True))" for first in ("2*z", "z + z", "z**2")))
    assert identity(left, right).verdict == "proved"
    assert identity(left, wrong).verdict == "refuted"


def test_an_error_between_two_branches_is_found_however_narrow():
    left, right = read(*(f"Piecewise((0, z > (1 + y**2)**(1/{n})), (z, True))" for n in (64, 65)))
    assert identity(left, right).verdict == "refuted"


def test_an_error_far_out_is_found():
    far = read("Piecewise((z, z < 100), (2*z, True))", "z")
    assert sp.Rational(identity(*far).counterexample.inputs["z"]) > 100


def test_a_route_that_proves_too_much_is_refuted_all_the_same(monkeypatch):
    monkeypatch.setattr("oracles.sympy_proof.identity.proof", lambda difference: "simplify")
    assert identity(sp.exp(z), sp.exp(z) + sp.Rational(1, 10**9)).verdict == "refuted"


def test_cases_of_two_variables_are_split_too():
    assert identity(*read("Max(z, y)", "(z + y + Abs(z - y))/2")).verdict == "proved"
    assert identity(*read("Max(z, y)", "(z + y - Abs(z - y))/2")).verdict == "refuted"


def test_a_question_that_is_zero_everywhere_is_not_passed_over():
    """Both of its cases are empty: proving nothing in them must not count as a proof."""
    left, right = read("Piecewise((1, (z + 1)**2 - z**2 - 2*z - 1 > 0), (2, True))", "3")
    with pytest.raises(Undecided, match="neither positive nor negative"):
        list(cases(left, right))
    assert identity(left, right).verdict == "unknown"


def test_what_no_route_decides_is_unknown_with_the_reason():
    bump = parse("exp(-10**6*(z - 1000)**2)", SYMBOLS)  # below 40 digits wherever we look, and yet not zero
    proof = identity(bump, sp.Integer(0))
    assert proof.verdict == "unknown"
    assert proof.reason == "no point that was tried refutes it and no route proves it, for all reals"


def test_the_domain_bounds_points_and_cases():
    domain = {z: (sp.Integer(0), sp.Integer(1))}
    proof = identity(*read("Abs(z) + Abs(1 - z)", "1"), domain=domain)
    assert proof.verdict == "proved"
    found = identity(*read("z", "z**2"), domain=domain).counterexample
    assert 0 < sp.Rational(found.inputs["z"]) < 1
    low_by_parameter = {z: (delta, sp.oo)}
    assert identity(*read("Abs(z - delta)", "z - delta"), domain=low_by_parameter).verdict == "proved"


def test_the_derivative_of_a_sum_ignores_the_branches_of_its_constants():
    others = [real(f"x{k}") for k in range(40)]  # 2**40 cases if they were split
    total = sum(map(sp.Abs, others), sp.Abs(z))
    assert identity(total, sp.sign(z), wrt=z).verdict == "proved"


def test_a_proof_is_not_a_truth_value():
    with pytest.raises(TypeError, match="compare its verdict, here 'unknown'"):
        bool(Proof("unknown"))


def test_a_conjunction_is_as_good_as_its_worst_member():
    good, bad = Proof("proved", ("identical",)), Proof("refuted", ("evaluation",))
    assert conjunction([good, good]).verdict == "proved"
    assert conjunction([good, bad, good]).verdict == "refuted"
    assert conjunction([]).verdict == "unknown"


expressions = st.recursive(
    st.sampled_from(["z", "y", "2", "exp(z)", "exp(-y)", "sqrt(1 + z**2)"]),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({' '.join(t)})"),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(expressions)
def test_product_rule_is_proved_and_its_mutants_are_refuted_at_a_true_counterexample(text):
    e = parse(text, SYMBOLS)
    f = sp.exp(z) * e
    slope = sp.exp(z) * (e + sp.diff(e, z))
    assert identity(f, slope, wrt=z).verdict == "proved"
    wrong = identity(f, slope + sp.Rational(1, 10**12), wrt=z)
    assert wrong.verdict == "refuted"
    # Evaluated again by other means: a central difference of the statement at 60 digits.
    with mpmath.workdps(60):
        point = {
            name: mpmath.mpf(sp.Rational(q).p) / sp.Rational(q).q for name, q in wrong.counterexample.inputs.items()
        }
        at = [point.get("z", mpmath.mpf(1)), point.get("y", mpmath.mpf(1))]
        slope_there = mpmath.diff(lambda t: sp.lambdify((z, y), f, "mpmath")(t, at[1]), at[0])
        assert mpmath.almosteq(slope_there, mpmath.mpf(wrong.counterexample.true), rel_eps=1e-20, abs_eps=1e-20)
