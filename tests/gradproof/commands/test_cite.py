"""Every formula and every claim can be cited, in every style."""

import json
import re
from email.message import Message
from pathlib import Path

import pytest

from gradproof import __version__
from gradproof.cli import main
from gradproof.commands.cite import LONG, STYLES, bibtex, cite, entries, printed_in
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.summary import SHIPPED, hashes
from gradproof.lookup import UsageError
from literature import CLAIMS
from literature.bibliography import WORKS, Work
from reference import CATALOGUE

ROOT = Path(__file__).parents[3]
IDS = [*CATALOGUE, *CLAIMS]
NO_EVIDENCE = Path("nowhere")  # where only the form of a reference is looked at


def test_bibtex_is_read_by_a_parser():
    bibtexparser = pytest.importorskip("bibtexparser")
    if not hasattr(bibtexparser, "parse_string"):
        pytest.skip("bibtexparser 1")
    library = bibtexparser.parse_string("\n\n".join(cite(id) for id in ["activation/silu", "nielsen-2015/bp2"]))
    assert not library.failed_blocks
    assert {"nielsen-2015", "gradproof-nielsen-2015-bp2"} <= {e.key for e in library.entries}


# The types and variables of CSL 1.0.2 that are used here; its schema allows no others, and demands an id and a type.
CSL_TYPES = {"article", "article-journal", "book", "chapter", "document", "paper-conference", "report", "software",
             "thesis", "webpage"}  # fmt: skip
CSL_TEXT = {"id", "type", "title", "container-title", "publisher", "number", "volume", "issue", "page", "DOI", "URL",
            "note", "version"}  # fmt: skip


@pytest.mark.parametrize("id", IDS)
def test_every_id_can_be_cited_in_every_style(id):
    for style in STYLES:
        reference = cite(id, style, NO_EVIDENCE).replace(r"\_", "_")
        assert id in reference
        assert __version__ in reference
    reference = cite(id, "bibtex", NO_EVIDENCE)
    assert reference.count("{") == reference.count("}")
    assert reference.isascii(), "classic BibTeX reads bytes"
    keys = [line.split("{")[1].rstrip(",") for line in reference.splitlines() if line.startswith("@")]
    assert len(keys) == len(set(keys)) == len(entries(id, NO_EVIDENCE))
    items = json.loads(cite(id, "csl-json", NO_EVIDENCE))
    assert items[-1]["type"] == "software"
    for item in items:
        assert {"id", "type", "title"} <= set(item) <= CSL_TEXT | {"author", "issued"}
        assert item["type"] in CSL_TYPES
        assert all(isinstance(item[k], str) for k in CSL_TEXT & set(item))
        assert all("family" in a or "literal" in a for a in item.get("author", []))
        assert all(isinstance(year, int) for year in item.get("issued", {"date-parts": [[1]]})["date-parts"][0])


@pytest.mark.parametrize("id", CATALOGUE)
def test_a_formula_is_cited_with_its_derivative_and_file(id):
    f, note = CATALOGUE[id], entries(id, NO_EVIDENCE)[-1][1].note
    assert (ROOT / re.search(r"in (reference/\S+\.py)\)", note)[1]).is_file()
    assert (f"; derivative with respect to {f.arguments[0]}: {f.derivative}" in note) == (len(f.derivative) <= LONG)


def test_the_record_has_the_address_of_the_project_where_the_package_names_one(monkeypatch):
    named = Message()
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: named)
    assert entries("activation/gelu", NO_EVIDENCE)[-1][1].url == ""
    named["Project-URL"] = "Source, https://example.org/gradproof"
    assert "  url = {https://example.org/gradproof}," in cite("activation/gelu", reports=NO_EVIDENCE).splitlines()


def test_the_source_of_a_claim_is_its_document():
    id = "dong-2016/1.2-cross-entropy"
    assert [key for key, _ in entries(id)] == ["dong-2016", f"gradproof-{id.replace('/', '-')}"]


def test_special_characters_are_escaped():
    title = "50% of #1 & _x_: Bélisle’s O(1/k²), Mańke, Müller, Łukasz, François, a₁"
    (reference,) = bibtex([("k", Work("A, B", title, "misc", "", url="http://x/a_b"))]).split("\n\n")
    assert r"50\% of \#1 \& \_x\_" in reference
    assert r"B{\'e}lisle's O(1/k$^{2}$), Ma{\'n}ke, M{\"u}ller, {\L}ukasz, Fran{\c c}ois, a$_{1}$" in reference
    assert "url = {http://x/a_b}" in reference


def test_a_journal_is_told_from_its_volume_and_pages():
    reference, item = cite("update/momentum"), json.loads(cite("update/momentum", "csl-json"))[0]
    journal = "USSR Computational Mathematics and Mathematical Physics"
    for line in (f"journal = {{{journal}}}", "volume = {4}", "number = {5}", "pages = {1--17}"):
        assert line in reference
    assert (item["container-title"], item["volume"], item["issue"], item["page"]) == (journal, "4", "5", "1–17")


def test_the_number_in_the_name_of_proceedings_stays():
    assert printed_in(WORKS["dugas-2001"]) == {"title": "Advances in Neural Information Processing Systems 13"}
    assert printed_in(WORKS["glorot-2010"]) == {"title": "AISTATS, PMLR 9", "pages": "249–256"}
    for w in WORKS.values():
        if w.kind == "article":
            assert printed_in(w)["volume"], w.venue


def test_the_record_names_the_evidence_and_changes_with_it(tmp_path):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    id = "activation/gelu"
    assert "evidence" not in cite(id, "text", tmp_path)

    def measured(*found):
        findings = [Finding("sweep", other, max=error) for other, error in found]
        write_evidence(evidence / "a.jsonl", {}, findings)

    measured((id, 1.0), ("activation/gelu_tanh", 1.0))
    first = hashes(evidence)[id]
    assert first in cite(id, "text", tmp_path)
    measured((id, 1.0), ("activation/elu", 1.0))
    assert hashes(evidence)[id] == first, "evidence of another formula does not count"
    measured((id, 2.0))
    assert hashes(evidence)[id] != first


def test_without_reports_the_record_names_the_evidence_that_travels_wherever_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for id in ("activation/gelu", "dong-2016/1.3-output-error"):
        assert f"evidence {hashes(SHIPPED)[id]}" in cite(id, "text")
    assert "evidence" not in cite("activation/gelu", "text", tmp_path)


@pytest.mark.parametrize("spoil", [b"\xff\xfe", b"{}\n", b"", "cut"], ids=["not UTF-8", "no header", "empty", "cut"])
@pytest.mark.parametrize("id", ["activation/gelu", "dong-2016/1.3-output-error"])
def test_a_damaged_record_is_not_cited(tmp_path, capsys, id, spoil):
    path = tmp_path / "evidence" / "literature.jsonl"
    write_evidence(path, {}, [Finding("claim", "dong-2016/1.3-output-error", verdict="misprint")])
    path.write_bytes(path.read_bytes()[:-4] if spoil == "cut" else spoil)
    assert main(["cite", id, "--reports", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"gradproof: {path}")


@pytest.mark.parametrize("id", CLAIMS)
def test_the_citation_of_a_claim_has_its_verdict_and_what_is_wrong(tmp_path_factory, id):
    reports = tmp_path_factory.getbasetemp() / "judged"
    if not reports.exists():
        judged = [Finding("claim", c.id, verdict="misprint" if c.wrong else "holds") for c in CLAIMS.values()]
        write_evidence(reports / "evidence" / "literature.jsonl", {}, judged)
    said = cite(id, "text", reports)
    assert ("; verdict: misprint: " in said) is bool(CLAIMS[id].wrong)
    assert CLAIMS[id].wrong.rstrip(".") in said
    assert "verdict" not in cite(id, "text", NO_EVIDENCE)


@pytest.mark.parametrize(
    ("word", "id"), [("BP2", "network/bp2"), ("gelu", "activation/gelu"), ("bp1a", "nielsen-2015/bp1a")]
)
def test_a_name_alone_is_enough_where_it_is_one(word, id):
    assert cite(word, "text", NO_EVIDENCE) == cite(id, "text", NO_EVIDENCE)
    with pytest.raises(UsageError, match="'l1' may be cost/l1 or regularizer/l1: say which"):
        cite("l1", "text", NO_EVIDENCE)


@pytest.mark.parametrize(
    ("id", "style", "message"),
    [
        ("activation/gelo", "bibtex", "activation/gelu"),
        ("dong-2016/1.2-crossentropy", "bibtex", "1.2-cross-entropy"),
        ("dong-2016/1.2", "bibtex", "did you mean dong-2016/1.2-cross-entropy or dong-2016/1.2-output-error"),
        ("activation/gelu", "apa", "no style 'apa'; there are bibtex, csl-json, text"),
    ],
)
def test_an_unknown_id_or_style_is_answered_with_the_nearest(id, style, message):
    with pytest.raises(UsageError, match=message):
        cite(id, style)


def test_the_citation_file_is_valid_and_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {__version__}" in text
    cffconvert = pytest.importorskip("cffconvert")
    cffconvert.Citation(text).validate()
