"""What stands on a page: of every formula of the catalogue, from little evidence and from none."""

import base64
import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from gradproof.evidence import exact
from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import EvidenceError, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.lookup import UsageError
from gradproof.site import calculator, compare, formula, known, overview
from literature import CLAIMS
from reference import ALIASES, CATALOGUE

ROOT = Path(__file__).parents[3]
GELU = "activation/gelu"
VERSIONS = {"versions": dict.fromkeys(SIDES, "1.2.3")}


def reports(folder, **areas):
    """A folder of reports with this evidence."""
    for area, found in areas.items():
        write_evidence(folder / "evidence" / f"{area}.jsonl", VERSIONS, found)
    return folder


@pytest.fixture
def nothing(tmp_path):
    return known.read(reports(tmp_path, proofs=[]))


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_formula_has_a_page_from_its_record_alone(id, nothing, tmp_path):
    f = CATALOGUE[id]
    text = formula.page(f, nothing, tmp_path)
    assert text.startswith(f"# {id}\n")
    for section in ("Formula", "Arguments", "In NumPy", "Cite this", "Reproduce"):
        assert f"\n## {section}\n" in text
    assert all(f"`{key}`" in text for key in f.sources)
    assert f"gradproof audit --only {id}" in text
    assert f"@misc{{gradproof-{id.replace('/', '-')}" in text
    assert all(f"`{alias}`" in text for alias, (target, _) in ALIASES.items() if target == id)
    assert ("## Kinks" in text) == bool(f.kinks)
    assert "## Accuracy" not in text  # nothing is said that was not measured


def test_a_page_says_what_was_measured(tmp_path):
    torch = Finding("sweep", GELU, "", "slope", "float64", "torch", "inaccurate", 9, math.inf, 1.0, "0x1.0p+3", "nan",
                    "0x1.0p+0", more={"not a number": 1})  # fmt: skip
    claim = next(c for c in CLAIMS.values() if c.supports)
    id = claim.supports[0]
    found = known.read(reports(
        tmp_path, accuracy=[torch], proofs=[Finding("proof", GELU, "derivative", verdict="proved")],
        coverage=[Finding("name", "torch.nn.GELU", "formula", side="torch", more={"ids": [GELU]})],
        literature=[Finding("claim", claim.id, verdict="misprint")],
        laws=[Finding("law", GELU, "prints nothing", verdict="holds")],
    ))  # fmt: skip
    text = formula.page(CATALOGUE[GELU], found, tmp_path)
    for said in ("proved: derivative", "NaN where the truth is a number", "`torch.nn.GELU`: formula", "1 [laws]",
                 "`gradproof at activation/gelu 0x1.0p+3`", f"evidence {found.hashes[GELU]}"):  # fmt: skip
        assert said in text
    assert "**misprint**" in formula.page(CATALOGUE[id], found, tmp_path)
    assert "[activation/gelu](/activation/gelu/index.md)" in overview.framework_page("torch", found)
    assert "NaN where" not in overview.framework_page("jax", found)
    assert overview.framework_page("torch", found).startswith("# torch 1.2.3\n")


def test_a_framework_page_has_what_differs_and_nothing_else(tmp_path):
    def slope(side, got):
        more = {"left": "0x0p+0", "right": "0x1p+0", "inside": True}
        return Finding("kink", GELU, "z = 0", "∂/∂z", side=side, got=got, more=more)

    def meaning(side, reading):
        return Finding("convention", GELU, "q", side=side, more={"topic": "q", "probe": "p", "reading": reading})

    found = known.read(reports(
        tmp_path, kinks=[slope("ours", "0x0p+0"), slope("torch", "0x0p+0"), slope("jax", "0x1p-1")],
        conventions=[meaning("ours", "mean"), meaning("torch", "sum"), meaning("jax", "no such function")],
    ))  # fmt: skip
    torch, jax = (overview.framework_page(side, found) for side in ("torch", "jax"))
    assert "z = 0" not in torch
    assert "| 0.5 |" in jax
    assert "| sum |" in torch
    assert "no such function" not in jax


def test_the_index_has_every_formula_once(nothing):
    text = overview.index_pages(nothing)["formulas/index"]
    for id in CATALOGUE:
        assert text.count(f"[{id}](") == 1
    listed = [f.id for formulas in overview.kinds().values() for f in formulas]
    assert sorted(listed) == sorted(CATALOGUE)


def test_evidence_that_is_missing_or_damaged_is_said_so(tmp_path):
    with pytest.raises(EvidenceError, match="no evidence here; run 'gradproof audit'"):
        known.read(tmp_path)
    reports(tmp_path, kinks=[])
    (tmp_path / "evidence" / "kinks.jsonl").write_text("{}\n")
    with pytest.raises(EvidenceError, match=r"kinks\.jsonl"):
        known.read(tmp_path)


def test_guides_are_those_of_the_checkout(tmp_path):
    guides = overview.guide_pages(ROOT)
    assert guides["guides/check/index"].startswith("# Check your own gradient\n")
    assert guides["guides/verdicts/index"].startswith("# How a verdict is reached\n")
    assert "## What to look at" not in guides["guides/check/index"]
    with pytest.raises(UsageError, match=r"README\.md: missing; the site is made from a checkout"):
        overview.guide_pages(tmp_path)


def test_public_names_have_signature_and_docstring():
    pages = overview.api_pages()
    assert {*pages} == {"api/index", *(f"api/{name}/index" for name in overview.API)}
    assert "## check\n" in pages["api/gradproof/index"]
    assert "vjp(id: str" in pages["api/reference.formula/index"]
    assert "## backprop\n" in pages["api/reference.network/index"]
    assert "```pycon\n>>> ulp(" in pages["api/oracles.floats/index"]
    for place, text in pages.items():
        assert all(f"`{name}`" in pages["api/index"] for name in re.findall("^## (.*)", text, re.M)), place


# ---------------------------------------------------------------- data of the calculator and of the comparison


def test_what_a_script_hands_over_is_the_table(tmp_path):
    tables = exact.read()
    id, dtype = next(iter(tables))
    script = calculator.scripts(tables)[id]
    place, data = json.loads(f"[{script.removeprefix('gradproof.have(').removesuffix(');' + chr(10))}]")
    assert place == f"truth/{id}"
    steps = np.frombuffer(zlib.decompress(base64.b64decode(data[dtype]["packed"])), "<u2").reshape(2, -1)
    value, slope = np.cumsum(steps, axis=1, dtype=np.uint16)
    np.testing.assert_array_equal(value, tables[id, dtype].value)
    np.testing.assert_array_equal(slope, tables[id, dtype].slope)
    assert {int(at): tuple(both) for at, both in data[dtype]["kinks"].items()} == tables[id, dtype].kinks


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_formula_can_be_compared_from_its_record_alone(id, nothing):
    said = compare.summary(CATALOGUE[id], nothing)
    assert said["tex"].startswith(r"\begin{aligned}")
    assert said["facts"]["what it is"]
    assert said["asked"] == {}
    assert said["curves"] == []


def test_a_comparison_says_what_each_side_returns_at_a_kink(tmp_path):
    def slope(side, got):
        more = {"left": "-0x1p+0", "right": "0x1p+0", "inside": True}
        return Finding("kink", GELU, "z = 0", "∂/∂z", side=side, got=got, more=more, entries=1)

    found = known.read(reports(tmp_path, kinks=[slope("ours", "0x0p+0"), slope("jax", "0x1p-1")]))
    assert compare.summary(CATALOGUE[GELU], found)["asked"] == {
        "Slopes at kinks": [
            ("z = 0, ∂/∂z", {"ours": "0; left −1, right 1", "jax": "0.5; left −1, right 1"}),
        ]
    }
