import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradproof.pages.tables import Table, cell, comma_separated, latex, markdown, number, write_page

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (None, "–"), (0, "0"), (1234567, "1,234,567"), (float("nan"), "NaN"), (float("-inf"), "−∞"), (-0.0, "0"),
        (0.5, "0.50"), (12.34, "12.3"), (123.4, "123"), (-2.5e300, "-2.5e300"), (True, "True"), ("a|b", "a|b"),
    ],
)  # fmt: skip
def test_a_cell_is_a_short_number_or_what_it_prints(x, text):
    assert cell(x) == text


@example(0.0149)
@example(99.96)
@given(st.floats(-1e308, 1e308).filter(bool))
def test_a_number_keeps_two_digits(x):
    assert float(number(x)) == pytest.approx(x, rel=0.051)
    assert len(number(x)) <= 9


TABLE = Table("Errors", ["formula", "ULP", "note"], [["a|b_c", 0.5, None], ["50 %", 1e-9, "x"]], "Some note.")


def test_markdown_right_aligns_figures_and_escapes_bars():
    assert markdown(TABLE).splitlines() == [
        "## Errors", "", "Some note.", "", "| formula | ULP | note |", "|---|---:|---|",
        "| a\\|b_c | 0.50 | – |", "| 50 % | 1.0e-9 | x |",
    ]  # fmt: skip


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\r\n")) | FINITE, min_size=2, max_size=2)))
def test_every_markdown_row_has_every_column(rows):
    lines = markdown(Table("", ["p", "q"], rows)).removesuffix("\n").split("\n")
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert bars == [3] * (2 + len(rows))


def test_a_table_without_rows_is_still_a_table():
    empty = Table("", ["a", "b"], [])
    assert markdown(empty) == "| a | b |\n|---|---|\n"
    assert comma_separated(empty) == "a,b\n"
    assert r"\begin{tabular}{ll}" in latex(empty)


@given(st.lists(FINITE, min_size=1))
def test_csv_keeps_every_digit(numbers):
    rows = list(csv.reader(io.StringIO(comma_separated(Table("", ["x"], [[x] for x in numbers])))))
    assert [float(x) for (x,) in rows[1:]] == numbers


def test_latex_escapes_what_latex_would_read():
    text = latex(Table("", ["x_1"], [["50 % of {a} & $b$ #1 ~ ^ \\"], ["σ ≤ ½ · `code`"]]))
    assert text.splitlines() == [
        r"\begin{tabular}{l}", r"\toprule", r"x\_1 \\", r"\midrule",
        r"50 \% of \{a\} \& \$b\$ \#1 \~{} \^{} \textbackslash{} \\",
        r"$\sigma$ $\le$ $\frac12$ $\cdot$ code \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def test_a_page_comes_with_its_tables_as_csv_and_latex(tmp_path):
    second = Table("Second", ["a"], [[1]])
    write_page(tmp_path, "page", "# Title\n\nIntro.\n\n", [TABLE, second])
    assert (tmp_path / "page.md").read_text() == f"# Title\n\nIntro.\n\n{markdown(TABLE)}\n{markdown(second)}"
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")) == [
        "csv/page-2.csv", "csv/page.csv", "page.md", "tex/page-2.tex", "tex/page.tex",
    ]  # fmt: skip
    assert (tmp_path / "csv" / "page.csv").read_text() == "formula,ULP,note\na|b_c,0.5,\n50 %,1e-09,x\n"
