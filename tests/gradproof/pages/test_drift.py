from dataclasses import replace

from gradproof.commands.diff import keep
from gradproof.evidence.compare import compare
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding

CLAMP = Finding("kink", "activation/hardtanh", "z = 1", "∂/∂z", "float64", "torch", verdict="convention")
OTHERS = [Finding("kink", "activation/relu", "z = 0", "∂/∂z", dtype, "torch", "agrees", max=0.5)
          for dtype in ("float32", "float64")]  # fmt: skip


def _kept(folder, title, before, now):
    for name, found, torch in (("old", before, "2.13"), ("new", now, "2.14")):
        header = {"versions": {"torch": torch}, "cpu": "one", "source": "abc"}
        write_evidence(folder / name / "evidence" / "kinks.jsonl", header, found)
    keep(compare(folder / "old", folder / "new"), title, folder)
    return (folder / "drift.md").read_text()


def test_a_change_has_a_line_and_equal_changes_share_one(tmp_path):
    now = [replace(CLAMP, verdict="agrees"), *(replace(f, max=4.0) for f in OTHERS)]
    page = _kept(tmp_path, "torch 2.14", [CLAMP, *OTHERS], now)
    assert "| kinks | activation/hardtanh | z = 1 | ∂/∂z float64 | torch | verdict | convention | agrees |  |" in page
    assert "| z = 0 | ∂/∂z float32, ∂/∂z float64 | torch | error | 0.50 | 4.0 |  |" in page
    assert "torch 2.13 → 2.14. 0 findings are the same to the last digit, 0 differ in bits alone, 3 changed" in page


def test_a_comparison_replaces_that_of_its_title_and_keeps_the_others(tmp_path):
    assert "convention | wrong | worse" in _kept(tmp_path, "one", [CLAMP], [replace(CLAMP, verdict="wrong")])
    _kept(tmp_path, "two", [CLAMP], [CLAMP])
    page = _kept(tmp_path, "one", [CLAMP], [replace(CLAMP, verdict="agrees")])
    assert page.count("## one") == page.count("## two") == 1
    assert "wrong" not in page
