import pytest

pytest.importorskip("sympy")

from oracles.sympy_proof.expressions import ExpressionError
from oracles.sympy_proof.proof import prove_derivative, prove_equal

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


def test_s_is_the_output_unless_the_statement_has_one_and_v_is_the_cotangent_alone():
    assert prove_derivative("s[i]*z[i]", "s[i]*v[i]", "z[i]").verdict == "proved"
    assert prove_derivative("s[i]*z[i]", "s[i]*z[i]*v[i]", "z[i]").verdict == "refuted"
    assert prove_derivative("exp(z[i])", "s[i]*v[i]", "z[i]").verdict == "proved"
    with pytest.raises(ExpressionError, match="the letter of the cotangent"):
        prove_derivative("v[i]*z[i]", "v[i]*v[i]", "z[i]")


def test_an_output_with_fewer_indices_than_the_argument():
    logsumexp = "log(Sum(exp(z[i, k]), (k, 1, d)))"
    assert prove_derivative(logsumexp, "v[i]*exp(z[i, j] - s[i])", "z[i, j]").verdict == "proved"
    assert prove_derivative(logsumexp, "v[i]*exp(z[i, j])", "z[i, j]").verdict == "refuted"


def test_an_index_of_the_argument_may_stand_alone():
    first_row = "Sum(a[1, k]**2, (k, 1, d))"
    assert prove_derivative(first_row, "2*KroneckerDelta(i, 1)*a[1, j]", "a[i, j]").verdict == "proved"
    assert prove_derivative(first_row, "2*KroneckerDelta(i, 2)*a[1, j]", "a[i, j]").verdict == "refuted"


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


def test_a_letter_the_statement_does_not_have_is_an_error():
    with pytest.raises(ExpressionError, match=r"'2\*x' has x, which 'z\*\*2' does not have"):
        prove_derivative("z**2", "2*x")
    with pytest.raises(ExpressionError, match="has q"):
        prove_derivative(SOFTMAX, "q[i, j]*v[i, j]", "z[i, j]")
