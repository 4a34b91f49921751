import pytest

pytest.importorskip("flint")

from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st

from oracles.arb_truth.activations import bind
from oracles.arb_truth.functions import dot, elementwise, largest, log, norm, sum_of_sizes, sum_of_squares, total, xlogy
from oracles.arb_truth.jets import variables
from oracles.arb_truth.numbers import Imprecise, working
from oracles.arb_truth.tape import Node, backward, obstacle, products

EXPRESSIONS = {
    "sums": lambda u, v: 3 + u - v + u - (2 - v) + -u * 4,
    "products": lambda u, v: u * v * u * 0.5,
    "quotients": lambda u, v: u / (v * v + 2) / 3,
    "functions": lambda u, v: (u * v).exp() - (v * v + 1).log(),
    "a node used twice": lambda u, v: (lambda w: w * w + w)(u * v + u),
    "an activation": lambda u, v: elementwise(bind("activation/mish"), u - v) * v,
    "an activation of two numbers": lambda u, v: elementwise(bind("activation/softplus", beta=v * v + 1), u) * v,
    "the slope of an activation": lambda u, v: total(u.derivatives(lambda t: (t / 8).exp(), 2)) * v,
    "many products": lambda u, v: (lambda Z: Z[0][0] * Z[1][1] + Z[1][0])(
        products([[u, v], [v, u]], [[v, u * v], [u, u + v]], [u, v])
    ),
    "a sum": lambda u, v: total([u, 0, u * v, v, 3, v]),
    "a sum of products": lambda u, v: dot([u, 2, v, arb(3), u], [v, u, 4, 5, u * v]) * u,
    "a sum of squares": lambda u, v: sum_of_squares([u, v, u * v, 3]) * u,
    "squares of nodes alone": lambda u, v: sum_of_squares([u, v, u * v]) * u,
    "a sum of absolute values": lambda u, v: sum_of_sizes([u + 21, v - 21]) * v,
}
number = st.floats(-20, 20)


@pytest.mark.parametrize("name", EXPRESSIONS)
@given(u=number, v=number)
def test_cotangents_are_the_slopes_of_jets(name, u, v):
    """Over balls; and over jets, whose cotangents are as symmetric as second derivatives are."""
    f = EXPRESSIONS[name]
    with working(128, 6):
        leaves, jets = [Node(arb(u)), Node(arb(v))], [Node(x) for x in variables([u, v])]
        root, forward, both = f(*leaves), f(*variables([u, v])), f(*jets)
        backward(root)
        backward(both)
        assert root.value.overlaps(forward.value)
        for k, (leaf, jet) in enumerate(zip(leaves, jets, strict=True)):
            cotangent = arb(leaf.cotangent)
            assert cotangent.overlaps(forward.slope[0, k])
            assert cotangent.rel_accuracy_bits() > 60 or cotangent.rad() < arb(2) ** -60
            assert cotangent.overlaps(_ball(jet.cotangent))
        assert _row(jets[0].cotangent)[0, 1].overlaps(_row(jets[1].cotangent)[0, 0])


def _ball(value):
    return value.value if hasattr(value, "slope") else arb(value)


def _row(value):
    return value.slope if hasattr(value, "slope") else arb_mat(1, 2)


def test_constants_in_products():
    w, b = [Node(arb(2)), Node(arb(3))], Node(arb(5))
    z = products([w], [[arb(7), arb(11)]], [b])[0][0]
    backward(z)
    assert z.value == 52
    assert [p.cotangent == c for p, c in zip([*w, b], (7, 11, 1), strict=True)] == [True] * 3


def test_a_kink_marks_what_lies_behind_it_and_nothing_else():
    with working(128, 2):
        relu = bind("activation/relu")
        u, v, idle = Node(arb(0)), Node(arb(2)), Node(arb(1))
        backward(elementwise(relu, u) * v + v * idle)
        assert (u.hull, v.hull, idle.hull) == (True, False, False)
        assert u.cotangent.contains(0)
        assert u.cotangent.contains(2)


def test_products_pass_the_mark_of_a_kink_on_where_the_other_factor_is_not_zero():
    with working(128, 2):
        W, A = [[Node(arb(2)), Node(arb(0))], [Node(arb(1)), Node(arb(1))]], [[Node(arb(0)), Node(arb(3))]]
        b = [Node(arb(0)), Node(arb(1))]
        at_kink, beside = products(W, A, b)[0]
        backward(elementwise(bind("activation/relu"), at_kink) + beside)
        marks = [[p.hull for p in row] for row in (*W, *A, b)]
        assert marks == [[False, True], [False, False], [True, False], [True, False]]


def test_a_size_at_zero_encloses_both_slopes_and_marks_nothing_else():
    with working(128, 2):
        u, v = Node(arb(0)), Node(arb(-2))
        both = sum_of_sizes([u, v])
        backward(both)
        assert (both.value, v.cotangent) == (2, -1)
        assert (u.hull, v.hull) == (True, False)
        assert u.cotangent.contains(-1)
        assert u.cotangent.contains(1)
        with pytest.raises(Imprecise, match="not decided against the breakpoint 0"):
            sum_of_sizes([Node(arb(0, 2.0**-100))])


def test_a_kink_that_nothing_passes_leaves_no_mark():
    with working(128, 2):
        u, weight = Node(arb(0)), Node(arb(0))
        backward(elementwise(bind("activation/relu"), u) * weight)
        assert not u.hull
        assert u.cotangent == 0


def test_equal_slopes_need_no_decision():
    """softsign has slope 1 on both sides of 0, relu has not."""
    with working(128, 2):
        near_zero = Node(arb(0, 2.0**-100))
        slope = elementwise(bind("activation/softsign"), near_zero).partials[0]
        assert slope.contains(1)
        assert slope.rad() < arb(2) ** -90
        with pytest.raises(Imprecise, match="not decided against a breakpoint"):
            elementwise(bind("activation/relu"), near_zero)


def test_the_largest_is_decided_or_not():
    with working(128, 2):
        assert largest([Node(arb(1)), Node(arb(3)), Node(arb(2))]).value == 3
        with pytest.raises(Imprecise, match="which is the largest of"):
            largest([Node(arb(1, 2.0**-100)), Node(arb(1))])


def test_an_unbounded_quotient_is_imprecise():
    with working(128, 2), pytest.raises(Imprecise, match="not bounded"):
        elementwise(bind("activation/sigmoid"), Node(arb(0, 1e30)))
    with pytest.raises(Imprecise, match="not bounded"):
        Node(arb(1)) / Node(arb(0, 1))


@pytest.mark.parametrize(
    ("function", "value", "why"),
    [(log, 0.0, "the logarithm of 0"), (log, -1.0, "the logarithm of -1"), (lambda u: 1 / u, 0.0, "a division by 0"),
     (lambda u: u.sqrt(), -1.0, "the root of -1")],
)  # fmt: skip
def test_what_has_no_value_says_why(function, value, why):
    with working(128, 2):
        u, v = Node(arb(value)), Node(arb(2))
        wrong = function(u) * v + v
        assert obstacle(wrong).startswith(why)
        assert obstacle(v * v) == ""
        assert obstacle(Node(arb.nan()) * 1) == "an input that is no finite number"
        backward(wrong)
        assert (u.hull, v.hull) == (True, False)


def test_what_has_a_value_but_no_slope():
    with working(128, 2):
        for function, slopes in (
            (lambda u, v: xlogy(u, v), (False, True)),
            (lambda u, v: u.sqrt() + v, (False, True)),
            (lambda u, v: norm([u, v]), (True, True)),
            (lambda u, v: largest([u, v]), (True, True)),
        ):
            u, v = Node(arb(0)), Node(arb(0))
            root = function(u, v)
            backward(root)
            assert root.value == 0
            assert tuple(bool(p.cotangent.is_finite()) for p in (u, v)) == slopes
            assert u.hull


def test_nothing_passes_a_partial_of_zero():
    """0 times a slope that is no number: what does not enter does not touch."""
    with working(128, 2):
        u, v = Node(arb(0)), Node(arb(3))
        inner = Node(u.value, (u, v), (arb(1), arb(0)))
        backward(Node(arb(0), (inner,), (arb.nan(),), "torn"))
        assert (u.hull, u.cotangent.is_finite()) == (True, False)
        assert (v.cotangent, v.hull) == (0, False)
