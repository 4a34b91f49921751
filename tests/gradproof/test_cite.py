"""Every formula and every claim can be cited, in every style."""

import json
from pathlib import Path

import pytest

from gradproof import __version__
from gradproof.cite import STYLES, bibtex, cite, entries, evidence_hash
from gradproof.lookup import UsageError
from literature import CLAIMS
from literature.bibliography import Work
from reference import CATALOGUE

ROOT = Path(__file__).parents[2]
IDS = [*CATALOGUE, *CLAIMS]


@pytest.mark.parametrize("id", IDS)
def test_every_id_can_be_cited_in_every_style(id):
    for style in STYLES:
        reference = cite(id, style).replace(r"\_", "_")
        assert id in reference
        assert __version__ in reference


@pytest.mark.parametrize("id", IDS)
def test_bibtex_is_balanced_and_keyed_once(id):
    reference = cite(id)
    assert reference.count("{") == reference.count("}")
    keys = [line.split("{")[1].rstrip(",") for line in reference.splitlines() if line.startswith("@")]
    assert len(keys) == len(set(keys)) == len(entries(id))


def test_bibtex_is_read_by_a_parser():
    bibtexparser = pytest.importorskip("bibtexparser")
    if not hasattr(bibtexparser, "parse_string"):
        pytest.skip("bibtexparser 1")
    library = bibtexparser.parse_string("\n\n".join(cite(id) for id in ["activation/silu", "nielsen-2015/bp2"]))
    assert not library.failed_blocks
    assert {"nielsen-2015", "gradproof-nielsen-2015-bp2"} <= {e.key for e in library.entries}


@pytest.mark.parametrize("id", ["activation/gelu", "regularizer/elastic_net", "dong-2016/2-update"])
def test_csl_json_has_what_a_reference_manager_needs(id):
    items = json.loads(cite(id, "csl-json"))
    assert items[-1]["type"] == "software"
    for item in items:
        assert {"id", "type", "title"} <= set(item)
        assert all("family" in a or "literal" in a for a in item.get("author", []))
        assert all(isinstance(year, int) for year in item.get("issued", {"date-parts": [[1]]})["date-parts"][0])


def test_the_source_of_a_claim_is_its_document():
    assert [key for key, _ in entries("dong-2016/1.2-cross-entropy")] == [
        "dong-2016",
        "gradproof-dong-2016-1.2-cross-entropy",
    ]


def test_special_characters_are_escaped():
    (reference,) = bibtex([("k", Work("A, B", "50% of #1 & _x_", "misc", "", url="http://x/a_b"))]).split("\n\n")
    assert r"50\% of \#1 \& \_x\_" in reference
    assert "url = {http://x/a_b}" in reference


def test_the_record_names_the_evidence_and_changes_with_it(tmp_path):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    id = "activation/gelu"
    assert "no evidence here" in cite(id, "text", tmp_path)
    (evidence / "a.jsonl").write_text('{"formula": "activation/gelu", "ulp": 1}\n{"formula": "activation/gelu_tanh"}\n')
    first = evidence_hash(id, tmp_path)
    assert first in cite(id, "text", tmp_path)
    (evidence / "a.jsonl").write_text('{"formula": "activation/gelu", "ulp": 1}\n{"formula": "activation/elu"}\n')
    assert evidence_hash(id, tmp_path) == first, "evidence of another formula does not count"
    (evidence / "a.jsonl").write_text('{"formula": "activation/gelu", "ulp": 2}\n')
    assert evidence_hash(id, tmp_path) != first


@pytest.mark.parametrize(
    ("id", "nearest"), [("activation/gelo", "activation/gelu"), ("dong-2016/1.2-crossentropy", "1.2-cross-entropy")]
)
def test_an_unknown_id_is_answered_with_the_nearest(id, nearest):
    with pytest.raises(UsageError, match=nearest):
        cite(id)


def test_an_unknown_style_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="no style 'apa'; there are bibtex, csl-json, text"):
        cite("activation/gelu", "apa")


def test_the_citation_file_is_valid_and_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {__version__}" in text
    cffconvert = pytest.importorskip("cffconvert")
    cffconvert.Citation(text).validate()
