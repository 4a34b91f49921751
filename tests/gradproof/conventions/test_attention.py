"""Questions about attention and embedding: another answer than the known ones is another reading."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.conventions.attention import probes
from reference import vjp

ASKED = {(probe.topic, probe.what): probe for probe in probes()}


def native(id, arguments, **options):
    return vjp(id, arguments, None, **options)


@pytest.mark.parametrize(
    ("topic", "what", "options", "reading"),
    [
        ("scale by default", "d = 4", {}, "1/√d"),
        ("scale by default", "d = 4", {"scale": 0.25}, "1/d"),
        ("scale by default", "d = 4", {"scale": 0.7}, "0.7"),
        ("where causal begins", "1 query, 2 keys", {"offset": 1}, "lower right: all keys"),
        ("a row that is read twice", "any row", {"padding_idx": 0}, "read as it is, takes 0"),
        ("a row that is read twice", "any row", {"scale_grad_by_freq": True}, "read as it is, takes the mean"),
    ],
)
def test_a_convention_is_read_off_the_number(topic, what, options, reading):
    side = SimpleNamespace(NAME="other", native=lambda id, arrays, **given: native(id, arrays, **{**given, **options}))
    assert ASKED[topic, what].ask(side)[1] == reading


def test_a_softmax_in_float32_is_noticed():
    def single(id, arrays, **options):
        return native(id, {name: x.astype(np.float32) for name, x in arrays.items()}, **options)

    probe = ASKED["dtype of the softmax", "float64 arrays"]
    assert probe.ask(SimpleNamespace(NAME="other", native=single))[1] == "float32"
    assert probe.ask(SimpleNamespace(NAME="ours", native=native))[1] == "float64"
