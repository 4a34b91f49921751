"""The built site as files: every link leads somewhere, nothing is asked of another site, no page is heavy."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from gradproof.cli import main
from gradproof.lookup import UsageError
from gradproof.site import build
from reference import ALIASES, CATALOGUE

PAGE = 400_000  # bytes of a page of a formula
ASSETS = 1_500_000  # bytes of a first page with all that it loads


class Reader(HTMLParser):
    """Links, ids and what is loaded of one page."""

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.loads, self.headings = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found[k] for k in ("id", "name") if found.get(k)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("script", "img", "source", "iframe") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(found["href"])
        if tag == "h1":
            self.headings.append(tag)


@cache
def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def pages(site):
    return sorted(site.rglob("*.html"))


def dead(page):
    """Links of a page that lead nowhere."""
    for link in read(page).links:
        url, anchor = urldefrag(unquote(link))
        anchor = "" if "=" in anchor else anchor  # what a script of the page is asked
        if re.match(r"(https?|mailto):", url):
            continue
        target = (page.parent / url).resolve() if url else page
        if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in read(target).ids):
            yield link


def test_every_link_leads_to_a_page_and_a_place_on_it(site):
    assert {page.relative_to(site).as_posix(): [*dead(page)] for page in pages(site) if [*dead(page)]} == {}


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "index.html"
    page.write_text('<a href="gone.html">a</a><a href="#gone">b</a><a id="here" href="#here">c</a>')
    assert [*dead(page)] == ["gone.html", "#gone"]


def test_nothing_is_loaded_from_elsewhere_and_everything_is_there(site):
    for page in pages(site):
        for loaded in read(page).loads:
            assert not re.match(r"(https?:)?//", loaded), (page, loaded)
            assert (page.parent / loaded.partition("?")[0]).is_file(), (page, loaded)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.parametrize("id", [*CATALOGUE, *ALIASES])
def test_every_id_that_ever_was_has_its_address(site, id):
    page = site / id / "index.html"
    if id in CATALOGUE:
        assert read(page).headings == ["h1"]
        assert page.stat().st_size <= PAGE
    else:
        (place,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page.read_text(encoding="utf-8"))
        assert (page.parent / place).resolve() == site / ALIASES[id][0] / "index.html"


def test_the_calculator_has_a_small_table_of_every_formula_of_one_number(site):
    for f in CATALOGUE.values():
        table = site / "truth" / f"{f.id}.js"
        assert table.is_file() == f.elementwise
        assert not f.elementwise or table.stat().st_size < 20_000


def test_no_file_is_shipped_that_nobody_asks_for(site):
    assert not [path for path in site.rglob("*") if path.suffix in (".map", ".doctree", ".md")]


# ---------------------------------------------------------------- what stands in the place of the site


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A build that needs no evidence and no Sphinx; `quick(error)` makes it fail."""
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton", "sphinxcontrib.bibtex"):
        pytest.importorskip(package)
    monkeypatch.setattr(build, "read", lambda reports: None)
    monkeypatch.setattr(build, "write_report", lambda out, evidence: [])

    def quick(text="# Page\n"):
        monkeypatch.setattr(build, "pages", lambda *given: {"index": text})
        return build.build(tmp_path / "site", tmp_path)

    return quick


def test_a_site_is_replaced_whole_and_nothing_is_left_beside_it(quick, tmp_path):
    quick("# One\n")
    (tmp_path / "site" / "old.html").touch()
    _, warnings = quick("# Two\n")
    assert warnings == ""
    assert "Two" in (tmp_path / "site" / "index.html").read_text()
    assert not (tmp_path / "site" / "old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_what_no_build_made_is_not_touched(quick, tmp_path):
    other = tmp_path / "site" / "thesis.tex"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(UsageError, match="is there, and no site"):
        quick()
    assert other.read_text() == "mine"


def test_a_build_that_fails_leaves_the_site_as_it_was(quick, tmp_path, monkeypatch):
    quick("# One\n")

    def fail(*arguments):
        raise OSError(28, "No space left on device", "page")

    monkeypatch.setattr(build, "write_sources", fail)
    with pytest.raises(OSError, match="No space"):
        quick("# Two\n")
    assert "One" in (tmp_path / "site" / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_page_that_links_to_nowhere_is_a_warning_that_names_the_page(quick):
    said = quick("# Page\n\n[a](/nowhere/index.md)\n")[1]
    assert said.startswith("index.md:3: WARNING")
    assert "nowhere" in said


def test_without_sphinx_one_line_says_how_to_get_it(without_sphinx, tmp_path, capsys):
    pytest.importorskip("sphinx"), pytest.importorskip("myst_parser")
    assert main(["site", "--out", str(tmp_path / "site")]) == 2
    assert capsys.readouterr().err == ("gradproof: pydata-sphinx-theme: not installed; pip install 'gradproof[site]'\n")
    assert not [*tmp_path.iterdir()]


def test_reports_that_are_not_there_are_named(tmp_path, capsys):
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton", "sphinxcontrib.bibtex"):
        pytest.importorskip(package)
    assert main(["site", "--out", str(tmp_path / "site"), "--reports", str(Path("nowhere"))]) == 2
    assert "nowhere/evidence: no evidence here" in capsys.readouterr().err
