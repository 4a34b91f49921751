"""The build: Markdown of every page into a folder of its own, then Sphinx, then the finished site in its place."""

from __future__ import annotations

import html
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import gradproof
from gradproof import __version__
from gradproof.audit.report import write_report
from gradproof.commands.cite import bibtex
from gradproof.evidence import exact
from gradproof.lookup import UsageError
from gradproof.site import calculator, compare, formula, overview
from gradproof.site.html import with_tables
from gradproof.site.known import Known, read
from literature import CLAIMS
from literature.bibliography import work
from reference import ALIASES, CATALOGUE

ROOT = Path(gradproof.__file__).parents[1]
STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
MARK = ".gradproof-site"  # in a folder that a build made, which a later one may replace
CONFIG: dict[str, Any] = {
    "project": "gradproof", "author": "The gradproof authors", "copyright": "The gradproof authors",
    "version": __version__, "release": __version__, "language": "en",
    "extensions": ["gradproof.site.html", "myst_parser", "sphinx_copybutton", "sphinxcontrib.bibtex"],
    "myst_enable_extensions": ["colon_fence"], "myst_heading_anchors": 3, "myst_number_code_blocks": [],
    "suppress_warnings": ["myst.header", "misc.highlighting_failure"],
    "bibtex_bibfiles": ["sources.bib"], "bibtex_footbibliography_header": "",
    "copybutton_prompt_text": r"\$ |>{3} |\.{3} ", "copybutton_prompt_is_regexp": True,
    "html_math_renderer": "katex",
    "html_theme": "pydata_sphinx_theme", "html_title": "gradproof",
    "templates_path": [str(TEMPLATES)], "html_static_path": ["static"],
    "html_extra_path": ["extra"], "html_css_files": ["site.css", "katex/katex.min.css"],
    "html_js_files": [("katex/katex.min.js", {"defer": "defer", "priority": 200}),
                      *((f"{name}.js", {"defer": "defer"}) for name in ("mathematics", "tables", "curves", "theme"))],
    "html_context": {"default_mode": "auto"}, "myst_footnote_sort": False,
    "html_show_sourcelink": False, "html_copy_source": False, "html_show_search_summary": False,
    "html_sidebars": {page: [] for page in ("index", "search", "calculator/index", "compare/index")},
    "html_theme_options": {
        "logo": {"text": "gradproof"}, "show_prev_next": False, "collapse_navigation": True, "navigation_depth": 3,
        "header_links_before_dropdown": 8, "show_toc_level": 1, "footer_start": ["copyright"], "footer_end": [],
        "secondary_sidebar_items": ["page-toc"], "navbar_align": "left",
    },
}  # fmt: skip


def pages(known: Known, reports: Path, tables: Path) -> dict[str, str]:
    """Every page in Markdown by its place, without the ending; `tables` has the pages of the reports.

    Raises UsageError outside a checkout.
    """
    return {
        "index": overview.front_page(known),
        "calculator/index": calculator.page(),
        "compare/index": compare.page(),
        "sources/index": overview.sources_page(),
        **{f"{kind}/index": overview.kind_page(kind, these, known) for kind, these in overview.kinds().items()},
        **{f"{f.id}/index": formula.page(f, known, reports) for f in CATALOGUE.values()},
        **{f"frameworks/{side}/index": overview.framework_page(side, known) for side in overview.frameworks()},
        **overview.api_pages(),
        **overview.index_pages(known),
        **overview.report_pages(tables),
        **overview.guide_pages(ROOT),
    }


def redirect(alias: str) -> str:
    """The page of a former id: it sends on to the formula that it stands for."""
    target, given = ALIASES[alias]
    said = ", ".join(f"{name} = {value}" for name, value in given.items())
    place = f"{'../' * (alias.count('/') + 1)}{target}/index.html"
    text = html.escape(f"{alias} stands for {target}" + (f" with {said}" if said else ""))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{text}</title>'
        f'<meta http-equiv="refresh" content="0; url={place}"><link rel="canonical" href="{place}">'
        f'<p>{text}: <a href="{place}">{target}</a></p></html>\n'
    )


def write_sources(source: Path, known: Known, reports: Path, tables: Path) -> None:
    """Write everything that Sphinx is given into the folder `source`."""
    for place, text in pages(known, reports, tables).items():
        path = source / f"{place}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(with_tables(text, place), encoding="utf-8")
    data = {"truth": calculator.scripts(exact.read()), "known": dict(compare.scripts(known))}
    extra = {f"{folder}/{id}.js": script for folder, scripts in data.items() for id, script in scripts.items()}
    extra |= {f"{alias}/index.html": redirect(alias) for alias in ALIASES}
    for place, text in extra.items():
        path = source / "extra" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    keys = {key for f in CATALOGUE.values() for key in f.sources} | {c.source for c in CLAIMS.values()}
    (source / "sources.bib").write_text(bibtex([(key, work(key)) for key in sorted(keys)]), encoding="utf-8")
    shutil.copytree(STATIC, source / "static")
    if (tables / "figures").is_dir():
        shutil.copytree(tables / "figures", source / "_figures")


def build(out: Path, reports: Path) -> tuple[int, str]:
    """Make the site in `out` from the evidence in `reports`. Returns the number of pages, and warnings.

    A folder that is there is replaced if a build made it. Raises UsageError where it was made by somebody else, where
    there is no checkout, and where Sphinx fails; EvidenceError as `known.read` and where the pages of the reports do
    not follow; ImportError without Sphinx or matplotlib.
    """
    import io

    import myst_parser  # noqa: F401  # what is missing is said before anything is done
    import pydata_sphinx_theme  # noqa: F401
    import sphinx_copybutton  # noqa: F401
    import sphinxcontrib.bibtex  # noqa: F401
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    if out.exists() and not (out / MARK).exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there, and no site; give --out another folder, or remove it")
    known = read(reports)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "site")
        source.mkdir()
        tables = Path(scratch, "reports")
        write_report(tables, reports / "evidence")
        write_sources(source, known, reports, tables)
        warnings = io.StringIO()
        try:
            with patch_docutils(), docutils_namespace():
                app = Sphinx(source, None, made, Path(scratch, "doctrees"), "html", dict(CONFIG), status=None,
                             warning=warnings, parallel=min(2, os.cpu_count() or 1))  # fmt: skip
                app.build()
        except SphinxError as error:
            raise UsageError(f"the site cannot be built: {error}") from error
        for needless in (*made.rglob("*.map"), *made.rglob("webpack-macros.html"), made / "objects.inv"):
            needless.unlink(missing_ok=True)
        (made / MARK).touch()
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
        said = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{source}{os.sep}", "")
        return len(list(out.rglob("*.html"))), said
