import pytest

pytest.importorskip("sympy")

from oracles.sympy_expressions import ExpressionError
from oracles.sympy_proof import Kink, prove_derivative, prove_equal, prove_kinks

SOFTMAX = "exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))"
PULLBACK = "s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d)))"
CROSS_ENTROPY = "-Sum(y[i, j]*log(a[i, j]), (j, 1, d), (i, 1, n))/n"


def test_a_cost_is_proved_entry_by_entry_at_the_sizes_it_names():
    proof = prove_derivative(CROSS_ENTROPY, "-y[i, j]/a[i, j]/n", "a[i, j]", domain=("0", "1"))
    assert proof.verdict == "proved"
    assert proof.route.endswith("at n = 2, d = 3")
    assert proof.given == "0 < a[i, j] < 1"
    assert prove_derivative(CROSS_ENTROPY, "-y[i, j]/a[i, j]/n", "a[i, j]", sizes={"n": 1, "d": 2}).route.endswith(
        "at n = 1, d = 2"
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("-y[i, j]/a[i, j]", "dropped 1/n"),
        ("y[i, j]/a[i, j]/n", "sign"),
        ("-y[i, j]/a[i, j]/d", "mean over outputs"),
        ("-y[j, i]/a[i, j]/n", "transposed target"),
        ("-Sum(y[i, k], (k, 1, d))/a[i, j]/n", "summed over classes"),
    ],
)
def test_a_wrong_gradient_of_a_cost_is_refuted(wrong, why):
    proof = prove_derivative(CROSS_ENTROPY, wrong, "a[i, j]", domain=("0", "1"))
    assert proof.verdict == "refuted", why
    assert proof.counterexample.inputs
    assert proof.counterexample.true != proof.counterexample.claimed


@pytest.mark.parametrize(
    "wrong",
    [
        "s[i, j]*v[i, j]",  # the diagonal alone
        "s[i, j]*(1 - s[i, j])*v[i, j]",
        "s[i, j]*(v[i, j] - Sum(v[k, j]*s[k, j], (k, 1, n)))",  # over the examples
        "s[i, j]*(v[i, j] + Sum(v[i, k]*s[i, k], (k, 1, d)))",
    ],
)
def test_the_pullback_of_softmax_is_proved_and_wrong_ones_are_refuted(wrong):
    assert prove_derivative(SOFTMAX, PULLBACK, "z[i, j]").verdict == "proved"
    assert prove_derivative(SOFTMAX, wrong, "z[i, j]").verdict == "refuted"


def test_an_output_with_fewer_indices_than_the_argument():
    logsumexp = "log(Sum(exp(z[i, k]), (k, 1, d)))"
    assert prove_derivative(logsumexp, "v[i]*exp(z[i, j] - s[i])", "z[i, j]").verdict == "proved"
    assert prove_derivative(logsumexp, "v[i]*exp(z[i, j])", "z[i, j]").verdict == "refuted"


def test_a_second_argument_and_a_parameter():
    assert prove_derivative("a[i, j]*b[i, j]", "v[i, j]*a[i, j]", "b[i, j]").verdict == "proved"
    assert (
        prove_derivative("exp(beta*z)/beta", "(beta*z - 1)*exp(beta*z)/beta**2", "beta", {"beta": 1}).verdict
        == "proved"
    )


def test_forms_equal_only_under_the_sign_of_a_parameter():
    sides = "Max(z, 0) + log(1 + exp(-Abs(beta*z)))/beta", "log(1 + exp(beta*z))/beta"
    assert prove_equal(*sides, parameters={"beta": 1.0}).verdict == "proved"
    assert prove_equal(*sides, parameters={"beta": -1.0}).verdict == "refuted"


HUBER = "Piecewise((z**2/2, Abs(z) <= delta), (delta*(Abs(z) - delta/2), True))"
CLIP = "Piecewise((z, Abs(z) <= delta), (delta*sign(z), True))"
HARD = "Piecewise((low, z <= low), (z, z < high), (high, True))"
HARD_SLOPE = "Piecewise((0, z <= low), (1, z < high), (0, True))"
BOUNDS = {"low": -1.0, "high": 1.0}
KINKS = [Kink("low", "0", "1", "0"), Kink("high", "1", "0", "0")]


def test_smooth_joints_need_no_kink():
    assert prove_kinks(HUBER, CLIP, [], parameters={"delta": 1.0}).verdict == "proved"
    steep = prove_kinks(HUBER.replace("/2, Abs", ", Abs"), CLIP, [], parameters={"delta": 1.0})
    assert steep.verdict == "refuted"
    assert "delta" in steep.reason


def test_kinks_are_proved_where_parameters_put_them():
    assert prove_kinks(HARD, HARD_SLOPE, KINKS, parameters=BOUNDS).verdict == "proved"


@pytest.mark.parametrize(
    ("kinks", "what"),
    [
        ([KINKS[0]], "high, which is not listed as a kink"),
        ([KINKS[0], Kink("high", "0", "1", "0")], "slope to the left of high"),
        ([KINKS[0], Kink("high", "1", "1", "0")], "slope to the right of high"),
        ([KINKS[0], Kink("high", "1", "0", "1")], "derivative at high against the slope chosen"),
        ([*KINKS, Kink("0", "0", "1", "0")], "slope to the left of 0"),
    ],
)
def test_a_wrong_list_of_kinks_is_refuted_and_named(kinks, what):
    proof = prove_kinks(HARD, HARD_SLOPE, kinks, parameters=BOUNDS)
    assert proof.verdict == "refuted"
    assert what in proof.reason


def test_the_order_of_breakpoints_is_never_guessed():
    proof = prove_kinks(HARD, HARD_SLOPE, KINKS, parameters={"low": 1.0, "high": 2.0})
    assert proof.verdict == "unknown"
    assert "depends on more than the signs of the parameters" in proof.reason


def test_a_kink_in_a_difference_is_proved_up_to_the_factor_of_the_reduction():
    cost = "Sum(Abs(a[i, j] - y[i, j]), (j, 1, d), (i, 1, n))/(n*d)", "sign(a[i, j] - y[i, j])/(n*d)"
    assert prove_kinks(*cost, [Kink("0", "-1", "1", "0")], "a[i, j]").verdict == "proved"
    for wrong in (Kink("0", "-1", "2", "0"), Kink("0", "-1", "1", "1"), Kink("0", "1", "-1", "1")):
        assert prove_kinks(*cost, [wrong], "a[i, j]").verdict == "refuted"
    assert prove_kinks(*cost, [Kink("1", "-1", "1", "0")], "a[i, j]").verdict == "unknown"


def test_breakpoints_that_are_not_linear_are_unknown():
    proof = prove_kinks("Abs(z**2 - 1)", "2*z*sign(z**2 - 1)", [])
    assert proof.verdict == "unknown"
    assert "not linear in z" in proof.reason


def test_a_letter_the_statement_does_not_have_is_an_error():
    with pytest.raises(ExpressionError, match=r"'2\*x' has x, which 'z\*\*2' does not have"):
        prove_derivative("z**2", "2*x")
    with pytest.raises(ExpressionError, match="has q"):
        prove_derivative(SOFTMAX, "q[i, j]*v[i, j]", "z[i, j]")
