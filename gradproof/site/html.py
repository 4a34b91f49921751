"""HTML of our own where Sphinx would take long, or would ask another site: tables, and mathematics for KaTeX."""

from __future__ import annotations

import re
from typing import Any

TABLE = re.compile(r"(?:^\|.*\n)+", re.M)
FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)


def with_tables(markdown: str, place: str) -> str:
    """The page with every table of it as HTML, inside a frame that scrolls. `place` is that of the page."""
    parts = FENCE.split(markdown)
    return "".join(p if k % 2 else TABLE.sub(lambda t: _table(t[0], place), p) for k, p in enumerate(parts))


def _table(markdown: str, place: str) -> str:
    from markdown_it import MarkdownIt

    up = "../" * place.count("/")
    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown).replace("\n", "")
    text = re.sub(r"\{math\}<code>(.*?)</code>", r'<span class="math notranslate nohighlight">\\(\1\\)</span>', text)
    text = re.sub(r'href="/([^"#]*)\.md', lambda found: f'href="{up}{found[1]}.html', text)
    text = text.replace("<table>", '<table class="table">').replace("<th ", '<th scope="col" ')
    text = text.replace("<th>", '<th scope="col">')
    text = re.sub(r"<td( style=\"[^\"]*\")?>(?=[^<]{40})", r'<td\1 class="words">', text)  # which gets room
    return f'<div class="pst-scrollable-table-container">{text}</div>\n'


def setup(app: Any) -> dict[str, bool]:
    """Give Sphinx a renderer of mathematics that leaves it to mathematics.js."""

    def left_to_katex(opening: str, closing: str) -> Any:
        def visit(translator: Any, node: Any) -> None:
            from docutils.nodes import SkipNode

            tag = "div" if opening == r"\[" else "span"
            text = translator.encode(node.astext())
            translator.body.append(f'<{tag} class="math notranslate nohighlight">{opening}{text}{closing}</{tag}>')
            raise SkipNode

        return visit

    app.add_html_math_renderer("katex", (left_to_katex(r"\(", r"\)"), None), (left_to_katex(r"\[", r"\]"), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
