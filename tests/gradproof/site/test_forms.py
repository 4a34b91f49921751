"""The calculator and the comparison in a real browser, which opens them from files."""

import math
import re
from pathlib import Path

import pytest

from gradproof.cases.case import as_dtype
from gradproof.evidence import exact
from gradproof.site import known, measured
from reference import CATALOGUE

ROOT = Path(__file__).parents[3]

# ---------------------------------------------------------------- the calculator


POINTS = [  # formula, dtype, and what is typed
    ("activation/sigmoid", "float16", "8"),
    ("activation/sigmoid", "bfloat16", "0x1.3p+5"),
    ("activation/sigmoid", "float16", "-17.25"),
    ("activation/tanh", "float16", "1e-4"),
    ("activation/tanh", "bfloat16", "0xc080"),
    ("activation/gelu", "float16", "-0.75"),
    ("activation/gelu", "bfloat16", "0.1"),
    ("activation/gelu", "float16", "−5.5"),
    ("activation/silu", "bfloat16", "-0x1.4p+3"),
    ("activation/mish", "float16", "6e-8"),
    ("activation/softplus", "bfloat16", "1e-38"),
    ("activation/exp", "float16", "11.1"),
    ("activation/hardswish", "float16", "3"),
    ("activation/hardswish", "bfloat16", "-3"),
    ("activation/relu", "float16", "-0.0"),
    ("activation/elu", "bfloat16", "-inf"),
    ("activation/selu", "float16", "inf"),
    ("activation/tanhshrink", "float16", "0.01"),
    ("activation/squared_relu", "float16", "65504"),
    ("activation/log_cosh", "bfloat16", "3e38"),
]


def numbers(text):
    """The numbers in what the page says, in float64."""
    found = re.findall(r"-?(?:∞|[\d.]+(?:e[-+]?\d+)?)", text.replace("−", "-"))
    return [float(word.replace("∞", "inf")) for word in found]


def cells(page, row):
    """Decimal, hex and bits in each row of the first table that has this name."""
    rows = [
        line.locator("th, td").all_text_contents() for line in page.locator(".answer table").first.locator("tr").all()
    ]
    return [rest for name, *rest in rows if name == row]


def nearest(typed, dtype):
    """The float of the dtype that is nearest to what is typed."""
    if re.fullmatch("0x[0-9a-f]{4}", typed):
        return float(exact.from_bits([int(typed, 16)], dtype)[0])
    typed = typed.replace("−", "-")
    return float(as_dtype(float.fromhex(typed) if "0x" in typed else float(typed), dtype))


@pytest.mark.parametrize(("id", "dtype", "typed"), POINTS)
def test_the_calculator_is_right(opened, id, dtype, typed):
    truths = pytest.importorskip("oracles.arb_truth", exc_type=ImportError).truths
    page = opened(f"calculator/index#formula={id}&dtype={dtype}&x=0")
    page.get_by_label("x", exact=True).fill(typed)
    page.wait_for_function("x => decodeURIComponent(location.hash).endsWith('&x=' + x)", arg=typed)
    x = nearest(typed, dtype)
    (said,) = numbers(page.locator(".answer strong").inner_text())
    assert (said, math.copysign(1, said)) == (x, math.copysign(1, x))
    value, slope = truths(id, [x], (0, 1), dtype=dtype)
    sides = [truths(id, [x], (1,), dtype=dtype, side=side)[0] for side in ("left", "right")]
    torn = slope.undecided[0] and math.isfinite(x)
    wanted = {
        "value": value,
        **(dict(zip(("left slope", "right slope"), sides, strict=True)) if torn else {"slope": slope}),
    }
    for name, truth in wanted.items():
        ((decimal, hex, bits),) = cells(page, name)
        got = float(truth.hi[0])
        assert numbers(decimal) == [got], (name, decimal)
        assert float.fromhex(hex) == got
        assert int(bits, 16) == exact.to_bits(got, dtype)
    assert opened.errors == []


@pytest.mark.parametrize(
    ("typed", "x"),
    [
        ("2049", 2048.0),  # halfway between two floats: the even one
        ("2049.0000000000000000001", 2050.0),  # and not, which float64 does not see
        ("2051", 2052.0),
        ("65519.99", 65504.0),
        ("65520", math.inf),
        ("-1e9999", -math.inf),
        ("2.98023223876953125e-8", 0.0),  # half the least number above 0
        ("2.98023223876953126e-8", 2.0**-24),
        ("0x1.0008p+0", 1.0),
        (".5", 0.5),
        ("0x3c01", 1.0009765625),
    ],
)
def test_what_is_typed_becomes_the_nearest_float(opened, typed, x):
    page = opened("calculator/index")
    page.get_by_label("x", exact=True).fill(typed)
    page.wait_for_function("x => decodeURIComponent(location.hash).endsWith('&x=' + x)", arg=typed)
    assert numbers(page.locator(".answer strong").inner_text()) == [x]


def test_the_calculator_steps_from_float_to_float_and_says_what_is_no_number(opened):
    page = opened("calculator/index#formula=activation/gelu&dtype=float16&x=1")
    page.wait_for_selector(".answer table")
    x = page.get_by_label("x", exact=True)
    page.get_by_role("button", name="float above").click()
    assert float.fromhex(x.input_value()) == 1 + 2.0**-10
    for _ in range(2):
        page.get_by_role("button", name="float below").click()
    assert float.fromhex(x.input_value()) == 1 - 2.0**-11
    x.fill("one")
    assert "“one” is no number" in page.locator(".answer").inner_text()
    assert x.get_attribute("aria-invalid") == "true"
    assert opened.errors == []


def test_the_calculator_loads_the_table_of_the_chosen_formula_alone(opened):
    opened("calculator/index#formula=activation/gelu&dtype=float16&x=1").wait_for_selector(".answer table")
    tables = [url.rpartition("/truth/")[2] for url in opened.loaded if "/truth/" in url]
    assert tables == ["activation/gelu.js"]


# ---------------------------------------------------------------- the comparison


def compared(page, caption):
    """Rows of the table with this caption, by the question; and which are marked."""
    page.wait_for_selector(f"caption:text-is('{caption}')")
    table = page.locator("table", has=page.locator(f"caption:text-is('{caption}')"))
    rows = [
        (row.locator("th, td").all_text_contents(), row.get_attribute("class"))
        for row in table.locator("tbody tr").all()
    ]
    return {name: (a, b, mark == "differs") for (name, a, b), mark in rows}


def test_two_sides_of_a_formula_stand_side_by_side_and_what_differs_is_marked(opened):
    page = opened("compare/index#a=activation/gelu&a_side=ours&b=activation/gelu&b_side=torch")
    errors = "Largest error in ULP (mean)"
    f = CATALOGUE["activation/gelu"]
    wanted = {
        f"{quantity}, {dtype}": (ours, torch)
        for _, dtype, quantity, ours, torch, _ in measured.largest(
            measured.errors(known.read(ROOT / "reports"), f)
        ).rows
    }
    found = compared(page, errors)
    assert {name: row[:2] for name, row in found.items()} == wanted
    assert all(mark == (a != b) for a, b, mark in found.values())
    every = compared(page, "At ±0, ±∞ and NaN")
    page.get_by_label("only what differs").check()
    page.wait_for_function("location.hash.includes('only')")
    assert compared(page, "At ±0, ±∞ and NaN") == {name: row for name, row in every.items() if row[2]}
    assert page.locator(".curves .legend").inner_text().split() == ["ours", "torch"]
    assert opened.errors == []


def test_two_formulas_stand_side_by_side(opened):
    page = opened("compare/index")
    page.get_by_label("first formula").select_option("activation/hardswish")
    page.get_by_label("second formula").select_option("cost/huber_error")
    page.wait_for_function("location.hash.includes('huber') && location.hash.includes('hardswish')")
    said = compared(page, "What the records say")
    assert said["arguments"][2]
    assert compared(page, "Slopes at kinks")["z = 3, ∂/∂z"][:2] == ("1; left 1.5, right 1", "–")
    assert page.locator(".beside .katex").count() == 2
    assert not page.locator(".katex-error").count()
    loaded = {url.rpartition("/known/")[2] for url in opened.loaded if "/known/" in url}
    assert loaded == {"activation/gelu.js", "activation/hardswish.js", "cost/huber_error.js"}
    assert opened.errors == []
