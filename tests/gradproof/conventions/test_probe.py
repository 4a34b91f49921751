import math

import pytest

from gradproof.conventions.probe import Probe, finding, read


def test_a_reading_is_a_name_only_where_the_number_is_that_of_the_convention():
    assert read(2.0, {"one": 1.0, "two": 2.0}) == "two"
    assert read(2.0 + 1e-5, {"two": 2.0}) == "2.00001"
    assert read(math.inf, {"no bound": math.inf}) == "no bound"
    assert read(math.nan, {"zero": 0.0}) == "NaN"


@pytest.mark.parametrize(
    ("error", "name", "reading", "measured"),
    [
        (ValueError("no\n  such a = 2"), "ours", "ValueError: no such a = 2", "ValueError: no such a = 2"),
        (ValueError("bad"), "torch", "ValueError", "ValueError: bad"),
        (LookupError("no such function"), "torch", "no such function", None),
    ],
)
def test_an_error_is_an_answer(error, name, reading, measured):
    def ask(side):
        raise error

    found = finding(Probe("factor", "cost/l1", "a = 2", ask), name, None)
    assert found.more == {"topic": "factor", "probe": "a = 2", "reading": reading, "measured": measured}
    assert found.key == ("convention", "cost/l1", "factor: a = 2", "", "", name)
