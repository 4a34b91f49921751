"""Pictures: well-formed, true to the numbers, readable without colour."""

import json
import math
import re
from html import unescape
from xml.etree import ElementTree

import pytest

from gradproof.evidence.environment import SIDES
from gradproof.evidence.finding import Finding
from gradproof.site import pictures


def sides(left, right, **got):
    more = {"left": float(left).hex(), "right": float(right).hex(), "inside": True}
    return {side: Finding("kink", "a/b", side=side, got=float(g).hex(), more=more) for side, g in got.items()}


def test_rays_have_the_slopes_on_the_two_sides():
    drawn = ElementTree.fromstring(pictures.kink("z = 0", sides(-0.5, 1, ours=0, torch=1, jax=-0.5)))
    rays = [e.get("d") for e in drawn if e.get("class") == "ray"]
    ends = [[float(n) for n in re.findall(r"-?\d+\.?\d*", d)] for d in rays]
    slopes = [-(y - y0) / (x - x0) for x0, y0, x, y in ends]
    assert [x > x0 for x0, _, x, _ in ends] == [False, True]
    assert slopes[0] / slopes[1] == pytest.approx(-0.5, rel=0.05)


def test_everyone_has_a_shape_of_their_own_and_a_word():
    drawn = pictures.kink("z < 0", sides(0, 1, **dict.fromkeys(SIDES, 0.5)))
    ElementTree.fromstring(drawn)
    tags = [e.tag for e in ElementTree.fromstring(drawn) if (e.get("class") or "").startswith("side-")]
    assert len(set(tags)) == len(tags) == len(SIDES)
    assert all(f"{side}: 0.5" in drawn for side in SIDES)


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_what_is_not_finite_is_not_drawn(odd):
    assert pictures.kink("z = 0", sides(0, odd, ours=0)) == ""
    assert pictures.kink("z = 0", sides(0, 1, ours=odd)) == ""


def test_equal_slopes_and_answers_are_drawn():
    ElementTree.fromstring(pictures.kink("z = 0", sides(2, 2, ours=2, torch=2, jax=2)))


def test_curves_hold_the_numbers_and_the_worst_point():
    more = {"range": [-2, 2], "ulp": [0.5, None, 3e14, 0.1], "shown": {"2": ["0x1p+0", "0x0p+0", "0x1p-9"]}}
    curve = Finding("curve", "a/b", quantity="slope", dtype="float64", side="jax", more=more)
    sweep = Finding("sweep", "a/b", quantity="slope", dtype="float64", side="jax", max=math.inf, at="0x1p+0", got="nan",
                    truth="0x0p+0")  # fmt: skip
    drawn = pictures.curves([curve], [sweep])
    (data,) = json.loads(unescape(re.search(r'data-curves="([^"]*)"', drawn)[1]))
    assert data["ulp"] == more["ulp"]
    assert (data["at"], data["truth"]) == (["", "", "0x1p+0", ""], ["", "", "0x1p-9", ""])
    assert data["worst"] == ["0x1p+0", "nan", "0x0p+0", "inf"]
    assert pictures.curves([], []) == ""


def test_what_is_no_number_is_a_word_in_the_numbers_of_a_curve():
    more = {"range": [-4, 0], "ulp": [1e300, 0.5], "shown": {"0": ["0x1p+0", math.nan, math.inf]}}
    drawn = pictures.curves([Finding("curve", "a/b", "", "value", "float64", "torch", more=more)], [])
    (numbers,) = re.findall('data-curves="([^"]*)"', drawn)
    (curve,) = json.loads(unescape(numbers), parse_constant=pytest.fail)
    assert [curve["at"][0], curve["got"][0], curve["truth"][0]] == ["0x1p+0", "nan", "inf"]
