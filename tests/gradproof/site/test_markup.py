"""Markdown for the site: links, mathematics, docstrings, bodies; tables as HTML."""

import ast
import re

import pytest

from gradproof.site.html import with_tables
from gradproof.site.markup import body, from_github, link, prose
from reference import ALIASES, CATALOGUE

TOPS = {alias: target for alias, (target, _) in ALIASES.items()}


@pytest.mark.parametrize("id", CATALOGUE)
def test_a_body_is_the_function_without_decorators_and_docstring(id):
    source = body(CATALOGUE[id].function)
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    assert not node.decorator_list
    assert ast.get_docstring(node) is None
    assert node.body
    assert "fmt:" not in source


def test_comments_and_lines_behind_the_docstring_stay():
    def double(x):
        """Two times x."""
        # shifted

        return 2 * x

    assert body(double) == "def double(x):\n    # shifted\n\n    return 2 * x"


def test_a_former_id_is_linked_to_what_it_stands_for():
    for alias, target in TOPS.items():
        assert link(alias) == f"[{alias}](/{target}/index.md)"
    assert link("cost/nothing") == "`cost/nothing`"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("see $`a_b`$.", "see {math}`a_b`."),
        ("```math\nx\n```", "```{math}\nx\n```"),
        ("[kinks](kinks.md)", "[kinks](/reports/kinks/index.md)"),
        ("[e](errata.md#dong-1)", "[e](/reports/errata/index.md#dong-1)"),
        ("[r](README.md#verdicts)", "[r](/reports/index.md#verdicts)"),
        ("[r](reports/README.md)", "[r](/reports/index.md)"),
        ("[ci](docs/ci.md#pytest)", "[ci](/guides/ci/index.md#pytest)"),
        ("[trust](../reports/proofs.md)", "[trust](/reports/proofs/index.md)"),
        ("[here](CONTRIBUTING.md)", "[here](/guides/contributing/index.md)"),
        ("[`house`](tests/test_house.py)", "`house`"),
        ("[vectors](vectors/README.md)", "vectors"),
        ("[below](#down)", "[below](#down)"),
        ("[far](https://example.org/a.md)", "[far](https://example.org/a.md)"),
        ("![picture](figures/errors.svg)", "![picture](figures/errors.svg)"),
        ('<a id="dong-1"></a>\n', '<a id="dong-1"></a>\n'),
    ],
)
def test_a_page_for_github_is_one_for_the_site(given, made):
    assert from_github(given) == made


def test_an_id_of_the_catalogue_in_a_cell_is_linked_and_other_words_are_not():
    id = next(iter(CATALOGUE))
    assert from_github(f"| `{id}` | `a/b` |") == f"| [{id}](/{id}/index.md) | `a/b` |"


def test_a_doctest_is_code():
    assert prose("One.\n\n    >>> 1\n    1\n\nTwo.") == "One.\n\n```pycon\n>>> 1\n1\n```\n\nTwo."


TABLE = "| a | b |\n|---|---:|\n| [x](/cost/l1/index.md#top) | {math}`x < y` |\n"


def test_a_table_is_html_with_links_from_where_the_page_lies():
    pytest.importorskip("markdown_it")
    made = with_tables(f"text\n\n{TABLE}\nmore\n", "reports/kinks/index")
    assert made.startswith("text\n\n<div ")
    assert made.endswith("</div>\n\nmore\n")
    assert 'href="../../cost/l1/index.html#top"' in made
    assert r'<span class="math notranslate nohighlight">\(x &lt; y\)</span>' in made
    assert made.count('scope="col"') == 2


def test_a_table_inside_code_is_left_alone():
    fenced = f"```\n{TABLE}```\n"
    assert with_tables(fenced, "index") == fenced


@pytest.mark.parametrize("cell", ["<script>alert(1)</script>", "a \\| b", "2*a*b"])
def test_what_stands_in_a_cell_is_text(cell):
    pytest.importorskip("markdown_it")
    made = with_tables(f"| a |\n|---|\n| {cell} |\n", "index")
    assert "<script>" not in made
    assert made.count("<td>") == 1


def test_a_cell_of_many_words_gets_room():
    pytest.importorskip("markdown_it")
    words = "0 where the truth is not: underflow or a difference"
    made = with_tables(f"| a | b |\n|---|---:|\n| {words} | {words} |\n| short | 1 |\n", "index")
    assert made.count('class="words"') == 2
    assert '<td class="words">0 where' in made
    assert '<td style="text-align:right" class="words">0 where' in made


def test_words_of_cells_side_by_side_stay_apart_without_tags():
    pytest.importorskip("markdown_it")
    made = with_tables("| a | b |\n|---|---|\n| torch | 2.0 |\n", "index")
    assert re.sub("<[^>]+>", "", made).split() == ["a", "b", "torch", "2.0"]
