import pytest

pytest.importorskip("sympy")

import sympy as sp

from oracles.sympy_proof.expressions import ExpressionError
from oracles.sympy_proof.network import Network, RightHandSide, prove_equation

SLOPE = "Derivative(g(z[l, j]), z[l, j])"
BP = {
    "z[L, j]": "Derivative(C, a[L, j])*Derivative(g(z[L, j]), z[L, j])",
    "z[l, j]": f"Sum(w[l + 1, k, j]*delta[l + 1, k], (k, 1, d))*{SLOPE}",
    "b[l, j]": "delta[l, j]",
    "w[l, j, k]": "a[l - 1, k]*delta[l, j]",
}
WRONG = [
    ("z[L, j]", "Derivative(C, a[L, j])", "missing g' at the output"),
    ("z[l, j]", "Sum(w[l + 1, k, j]*delta[l + 1, k], (k, 1, d))", "missing g'"),
    ("z[l, j]", f"Sum(w[l + 1, j, k]*delta[l + 1, k], (k, 1, d))*{SLOPE}", "transposed W"),
    ("z[l, j]", f"-{BP['z[l, j]']}", "sign"),
    ("z[l, j]", f"w[l + 1, j, j]*delta[l + 1, j]*{SLOPE}", "one path of all"),
    ("z[l, j]", BP["z[l, j]"].replace(SLOPE, "Derivative(g(a[l, j]), a[l, j])"), "slope taken at a"),
    ("b[l, j]", "2*delta[l, j]", "factor 2"),
    ("b[l, j]", "z[l, j]*delta[l, j]", "a bias that is not a constant input"),
    ("w[l, j, k]", "a[l, j]*delta[l, j]", "activation of the wrong layer"),
    ("w[l, j, k]", "a[l - 1, j]*delta[l, k]", "transposed gradient"),
]


@pytest.mark.parametrize(("sizes", "batch"), [((2, 2, 2, 2), 1), ((2, 2, 2, 2), 2), ((4, 5, 3), 1)])
@pytest.mark.parametrize("argument", BP)
def test_the_four_equations_hold_for_any_activation_and_cost(argument, sizes, batch):
    proof = prove_equation(f"Derivative(C, {argument})", BP[argument], argument, sizes, batch)
    assert proof.verdict == "proved"
    assert proof.given.endswith(f"a {'-'.join(map(str, sizes))} network")


@pytest.mark.parametrize(("argument", "wrong", "why"), WRONG, ids=[why for *_, why in WRONG])
def test_a_planted_error_is_refuted_at_a_rational_network(argument, wrong, why):
    proof = prove_equation(f"Derivative(C, {argument})", wrong, argument)
    assert proof.verdict == "refuted"
    assert {"x[1, 1]", "w[1, 1, 1]", "b[1, 1]"} <= proof.counterexample.inputs.keys()
    assert proof.counterexample.true != proof.counterexample.claimed
    assert "with g(u) = " in proof.reason


def test_the_gradient_of_a_shared_parameter_is_the_sum_over_the_examples():
    network = Network((2, 2, 2), batch=2)
    side = RightHandSide(BP["w[l, j, k]"], network)
    true = sp.diff(network.cost, network.parameters["w", 1, 2, 1])
    first, second = (side.at({"l": 1, "L": 2, "j": 2, "k": 1}, example) for example in (1, 2))
    assert sp.expand(true - first - second) == 0
    assert sp.expand(true - first) != 0


@pytest.mark.parametrize(
    ("argument", "wrong", "message"),
    [
        ("w[l, j, k]", "z[l - 1, k]*delta[l, j]", r"uses z\[0, 1\], which a 2-2-2-2 network does not have"),
        ("b[l, j]", "delta[l, j + 2]", r"uses delta\[1, 3\]"),
        ("b[l, j]", "Derivative(C, z[l, j + 2])", r"uses z\[1, 3\]"),
        ("b[l, j]", "g(2*z[l, j])", r"g is applied to 2\*z\[1, 1\]"),
        ("b[l, j]", "delta[l, j]/n", "has n; a network has w, b, z, a, delta, g and C"),
        ("b[l, j]", "u[l, j]", "has u"),
        ("b[l, j]", "Derivative(C, b[l, j])", "only Derivative"),
        ("b[l, j]", "delta[l, j", "is not an expression"),
    ],
)
def test_what_a_network_does_not_have_is_an_error(argument, wrong, message):
    with pytest.raises(ExpressionError, match=message):
        prove_equation(f"Derivative(C, {argument})", wrong, argument)


def test_the_statement_is_the_derivative_in_the_argument():
    with pytest.raises(ExpressionError, match=r"the statement of an equation is Derivative\(C, b\[l, j\]\)"):
        prove_equation("Derivative(C, w[l, j])", "delta[l, j]", "b[l, j]")
