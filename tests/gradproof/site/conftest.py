"""The site of the committed evidence, built once for all tests, and a real browser that opens it without a network."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MINUTES = 4  # of a processor, that a build may take


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site: that in GRADPROOF_SITE, where one was built already."""
    if built := os.environ.get("GRADPROOF_SITE"):
        return Path(built).resolve()
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton", "sphinxcontrib.bibtex"):
        pytest.importorskip(package)
    from gradproof.site.build import build

    out = tmp_path_factory.mktemp("site") / "site"
    before = sum(os.times()[:4])  # of this process and of those that it waits for
    _, warnings = build(out, ROOT / "reports")
    assert warnings == "", warnings
    assert sum(os.times()[:4]) - before <= MINUTES * 60
    return out


@pytest.fixture
def without_sphinx(monkeypatch):
    """Sphinx is not installed."""
    monkeypatch.setitem(sys.modules, "pydata_sphinx_theme", None)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, driven by Playwright. Skips where one of them is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, site):
    """Open a page by its place; what went wrong on it, and what it loaded, is in the lists of the function."""
    contexts = []

    def opened(place, **how):
        context = browser.new_context(**how)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: opened.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on("request", lambda request: opened.loaded.append(request.url))
        path, _, anchor = place.partition("#")
        page.goto((site / f"{path}.html").as_uri() + ("#" + anchor if anchor else ""))
        return page

    opened.errors, opened.loaded = [], []
    yield opened
    for context in contexts:
        context.close()
