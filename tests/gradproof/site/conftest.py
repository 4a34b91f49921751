"""The site of the committed evidence, built once for all tests."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site: that in GRADPROOF_SITE, where one was built already."""
    if built := os.environ.get("GRADPROOF_SITE"):
        return Path(built).resolve()
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton", "sphinxcontrib.bibtex"):
        pytest.importorskip(package)
    from gradproof.site.build import build

    out = tmp_path_factory.mktemp("site") / "site"
    _, warnings = build(out, ROOT / "reports")
    assert warnings == "", warnings
    return out


@pytest.fixture
def without_sphinx(monkeypatch):
    """Sphinx is not installed."""
    monkeypatch.setitem(sys.modules, "pydata_sphinx_theme", None)
