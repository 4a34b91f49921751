"""What definitions compute with: the globals of FLINT, arithmetic on arrays, and constants."""

import numpy as np
import pytest

pytest.importorskip("flint")

from flint import arb, arb_series, ctx

from oracles.arb_truth.germs import along
from oracles.arb_truth.jets import variables
from oracles.arb_truth.numbers import Number, ball, is_zero, objects, root, working
from oracles.arb_truth.tape import Node

MACHINES = {"tape": lambda x: [Node(arb(v)) for v in x], "jets": variables, "germs": lambda x: along(x, [0.0] * len(x))}


def test_working_puts_the_globals_back_after_an_error():
    before = ctx.prec, ctx.cap

    def fail():
        with working(999, 7):
            assert (ctx.prec, ctx.cap) == (999, 7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (ctx.prec, ctx.cap) == before


@pytest.mark.parametrize("machine", MACHINES)
def test_numpy_works_on_arrays_of_numbers(machine):
    """Arrays on either side of every operator, with floats, integers, balls, numbers and other arrays."""
    x, y = np.array([[1.5, -0.5], [2.0, 0.25]]), np.array([[4.0, 1.0]])
    with working(128, 8):
        u = objects(MACHINES[machine](x.ravel().tolist())).reshape(2, 2)
        one, (two,) = u[1, 0], MACHINES[machine]([4.0])
        pairs = [
            (u + y, x + y), (y - u, y - x), (u * 2 - 1, x * 2 - 1), (3 / u, 3 / x), (u / y, x / y),
            (-u @ u.T, -x @ x.T),
            (one * y - y / one, 2 * y - y / 2), (arb(3) * u + one, 3 * x + 2), (np.exp(u), np.exp(x)),
            (np.log(u * u), np.log(x * x)), (np.sqrt(u * u + 1), np.sqrt(x * x + 1)), (u.sum(0), x.sum(0)),
            (5 - two / 8 + 1 / two, np.array(4.75)),
        ]  # fmt: skip
        for got, expected in pairs:
            assert np.shape(got) == expected.shape
            values = [float(ball(v)) for v in np.ravel(objects(got))]
            np.testing.assert_allclose(values, expected.ravel(), rtol=1e-15)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_no_number_is_refused(machine):
    with working(128, 8):
        (u,) = MACHINES[machine]([1.0])
        for wrong in ("1", None, 1j):
            with pytest.raises(TypeError):
                u + wrong
            with pytest.raises(TypeError):
                wrong * u


def test_values_of_scalars():
    assert [ball(2) == 2, ball(0.5) == 0.5, ball(arb(3)) == 3, ball(Node(arb(4))) == 4] == [True] * 4
    assert [is_zero(0), is_zero(Node(arb(0))), is_zero(arb(0, 1e-30)), is_zero(1e-300)] == [True, True, False, False]
    with pytest.raises(NotImplementedError):
        Number() + 1


def test_the_root_of_a_square_is_exact():
    with working(128, 8):
        assert root(arb_series([9, 1, 2], 5))[0] == 3
        assert (root(arb_series([9, 1, 2], 5)) * root(arb_series([9, 1, 2], 5)))[2].overlaps(arb(2))
