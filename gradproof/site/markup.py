"""Markdown as MyST reads it: links between pages, mathematics, docstrings, code."""

from __future__ import annotations

import ast
import html
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from reference import ALIASES, CATALOGUE


def link(id: str) -> str:
    """The id, linked to its page where it is one of a formula.

    >>> link("activation/gelu"), link("torch.nn.GELU")
    ('[activation/gelu](/activation/gelu/index.md)', '`torch.nn.GELU`')
    """
    target = ALIASES[id][0] if id in ALIASES else id
    return f"[{id}](/{target}/index.md)" if target in CATALOGUE else f"`{id}`"


def page_link(page: str, text: str) -> str:
    """A link to a page of the reports."""
    return f"[{text}](/reports/{page}/index.md)"


def from_github(markdown: str) -> str:
    """A page of `reports/` or `docs/` for the site: mathematics in MyST's words, links to pages of the site.

    A link to a file that is no page keeps its text alone; a formula's id is linked to its page.
    """
    text = re.sub(r"\$`([^`]*)`\$", r"{math}`\1`", markdown)
    text = text.replace("```math\n", "```{math}\n")
    text = re.sub(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)", _relinked, text)
    return re.sub(r"(?<=[|,] )`([a-z_]+/[a-z0-9_]+)`(?=[ ,])", lambda found: link(found[1]), text)


def _relinked(found: re.Match[str]) -> str:
    picture, text, target = found.groups()
    path, _, anchor = target.partition("#")
    if picture or target.startswith("http"):
        return found[0]
    if target.startswith("#"):
        return f"[{text}](#{anchor})"
    if text in CATALOGUE or text in ALIASES:
        return link(text)
    name = path.split("/")[-1].removesuffix(".md")
    if name == "CONTRIBUTING":
        return f"[{text}](/guides/contributing/index.md)"
    folders = {"docs": "guides", "reports": "reports", "": "reports"}
    folder = path.removeprefix("../").rpartition("/")[0]
    if not path.endswith(".md") or folder not in folders or (name == "README" and folder == "vectors"):
        return text
    return f"[{text}](/{folders[folder]}{'' if name == 'README' else f'/{name}'}/index.md{'#' * bool(anchor)}{anchor})"


def prose(text: str) -> str:
    """A docstring: doctests as code, everything else as it stands.

    >>> prose("Adds.\\n\\n>>> 1 + 1\\n2").splitlines()
    ['Adds.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    parts = text.split("\n\n")
    return "\n\n".join(f"```pycon\n{textwrap.dedent(p)}\n```" if p.lstrip().startswith(">>>") else p for p in parts)


def code(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def body(function: Callable[..., Any]) -> str:
    """The source of a function without its decorators, its docstring and words to the formatter."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function))).replace("  # fmt: skip", "")
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines()
    documented = ast.get_docstring(node) is not None
    kept = lines[node.lineno - 1 : node.body[0].lineno - 1] if documented else lines[node.lineno - 1 :]
    return "\n".join([*kept, *(lines[node.body[0].end_lineno :] if documented else [])])


def raw(markup: str) -> str:
    """HTML that Markdown leaves alone: one line without a blank one."""
    return " ".join(markup.split("\n")) + "\n"


def attribute(text: str) -> str:
    """Text inside the quotes of an HTML attribute."""
    return html.escape(text, quote=True)
