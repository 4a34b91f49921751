import pytest

pytest.importorskip("sympy")

from oracles.sympy_proof.kinks import Kink, prove_kinks

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
    assert "delta, which is not listed as a kink" in steep.reason


def test_kinks_are_proved_where_parameters_put_them():
    assert prove_kinks(HARD, HARD_SLOPE, KINKS, parameters=BOUNDS).verdict == "proved"


@pytest.mark.parametrize(
    ("kinks", "what"),
    [
        ([KINKS[0]], "z = high, which is not listed as a kink"),
        ([KINKS[0], Kink("high", "0", "1", "0")], "slope to the left of z = high"),
        ([KINKS[0], Kink("high", "1", "1", "0")], "slope to the right of z = high"),
        ([KINKS[0], Kink("high", "1", "0", "1")], "derivative at z = high against the slope chosen"),
        ([*KINKS, Kink("0", "0", "1", "0")], "slope to the left of z = 0, where no branch changes"),
    ],
)
def test_a_wrong_list_of_kinks_is_refuted_and_named(kinks, what):
    proof = prove_kinks(HARD, HARD_SLOPE, kinks, parameters=BOUNDS)
    assert proof.verdict == "refuted"
    assert what in proof.reason


def test_a_derivative_that_is_wrong_only_at_a_joint_is_refuted():
    """Equal to the right one in every open case, so that `prove_derivative` cannot see it."""
    odd = "Piecewise((z, Abs(z) < delta), (7, Eq(Abs(z), delta)), (delta*sign(z), True))"
    proof = prove_kinks(HUBER, odd, [], parameters={"delta": 1.0})
    assert proof.verdict == "refuted"
    assert "derivative against the slope" in proof.reason


def test_the_order_of_breakpoints_is_never_guessed():
    proof = prove_kinks(HARD, HARD_SLOPE, KINKS, parameters={"low": 1.0, "high": 2.0})
    assert proof.verdict == "unknown"
    assert "depends on more than the signs of the parameters" in proof.reason


MAE = "Sum(Abs(a[i, j] - y[i, j]), (j, 1, d), (i, 1, n))/(n*d)", "sign(a[i, j] - y[i, j])/(n*d)"
HINGE = (
    "Sum(Max(0, 1 - y[i, j]*z[i, j]), (j, 1, d), (i, 1, n))/n",
    "Piecewise((-y[i, j], y[i, j]*z[i, j] < 1), (0, True))/n",
)
TRIPLET = (
    "Sum(Max(0, margin + sqrt(Sum((a[i, k] - b[i, k])**2, (k, 1, d))) - sqrt(Sum(a[i, k]**2, (k, 1, d)))), (i, 1, n))",
    "Piecewise(((a[i, j] - b[i, j])/sqrt(Sum((a[i, k] - b[i, k])**2, (k, 1, d))) - a[i, j]/sqrt(Sum(a[i, k]**2, "
    "(k, 1, d))), margin + sqrt(Sum((a[i, k] - b[i, k])**2, (k, 1, d))) - sqrt(Sum(a[i, k]**2, (k, 1, d))) > 0), "
    "(0, True))",
)


@pytest.mark.parametrize(
    ("cost", "argument", "kink", "wrong"),
    [
        (MAE, "a[i, j]", ("0", "-1", "1", "0"), [("0", "-1", "2", "0"), ("0", "-1", "1", "1"), ("1", "-1", "1", "0")]),
        (HINGE, "z[i, j]", ("0", "-1", "0", "0"), [("0", "-1", "1", "0"), ("0", "-1", "0", "-1")]),
        (TRIPLET, "a[i, j]", ("0", "0", "1", "0"), [("0", "0", "1", "1"), ("0", "1", "1", "0")]),
    ],
)
def test_a_kink_where_data_put_it_is_proved_up_to_a_common_factor_and_a_wrong_one_is_not(cost, argument, kink, wrong):
    parameters = {"margin": 1.0}
    assert prove_kinks(*cost, [Kink(*kink)], argument, parameters).verdict == "proved"
    for other in wrong:
        proof = prove_kinks(*cost, [Kink(*other)], argument, parameters)
        assert proof.verdict == "unknown"
        assert "not those listed" in proof.reason


def test_a_kink_of_a_cost_that_is_not_listed_is_noticed():
    proof = prove_kinks(*HINGE, [], "z[i, j]")
    assert proof.verdict == "refuted"
    assert "not listed as a kink" in proof.reason


def test_a_smooth_joint_where_data_put_it_needs_no_kink():
    squared = "Sum(Max(0, 1 - y[i, j]*z[i, j])**2, (j, 1, d), (i, 1, n))/n"
    slope = "-2*y[i, j]*Max(0, 1 - y[i, j]*z[i, j])/n"
    assert prove_kinks(squared, slope, [], "z[i, j]").verdict == "proved"


def test_a_statement_without_branches_has_no_kink():
    proof = prove_kinks("exp(z)", "exp(z)", [])
    assert (proof.verdict, proof.route) == ("proved", "no branch depends on z")
    assert prove_kinks("exp(z)", "exp(z)", [Kink("0", "0", "1", "0")]).verdict == "refuted"


def test_a_question_that_cannot_be_solved_is_unknown():
    proof = prove_kinks("Abs(exp(z) + z)", "(exp(z) + 1)*sign(exp(z) + z)", [])
    assert proof.verdict == "unknown"
    assert "cannot be solved for z" in proof.reason
