"""The page in front of the reports: what each page comes to, read off its evidence."""

import pytest

from gradproof.evidence.files import write_lines
from gradproof.pages import front

VERSIONS = {"versions": {"python": "3.11.7"}}


def error(side, figure, formula="activation/gelu", dtype="float64"):
    return {"row": "accuracy", "side": side, "dtype": dtype, "formula": formula, "conditioned max": figure}


def page(folder, name, area, rows):
    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    write_lines(folder / "evidence" / f"{area}.jsonl", VERSIONS, rows)
    (folder / f"{name}.md").write_text("# A page\n")
    front.write_front(folder / "evidence", folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_worst_of_each_side_is_named(tmp_path):
    rows = [error("ours", 1.5), error("ours", 3.5, "activation/mish"), error("torch", float("inf")),
            error("ours", 9.0, dtype="float32")]  # fmt: skip
    text = page(tmp_path, "accuracy", "accuracy", rows)
    assert "ours 3.5 (mish), torch ∞ (gelu) |" in text
    assert "9.0" not in text
    assert "Made with python 3.11.7." in text


def test_only_pages_that_are_there_are_listed(tmp_path):
    text = page(tmp_path, "proofs", "proofs", [{"verdict": "proved"}, {"verdict": "proved"}, {"verdict": "unknown"}])
    assert "2 proved, 1 unknown" in text
    assert "kinks" not in text


@pytest.mark.parametrize(
    "name", [name for name, (_, area, glance) in front.PAGES.items() if glance and area != "networks"]
)
def test_evidence_without_rows_says_nothing_and_does_not_fail(tmp_path, name):
    assert f"[{name}]({name}.md)" in page(tmp_path, name, front.PAGES[name][1], [])


def test_networks_name_what_a_framework_gets_wrong_most_often():
    rows = [
        {"row": "configuration", "hidden": h, "verdicts": {"torch": {"inaccurate": n}, "jax": {"exact": 3}}}
        for h, n in (("gelu", 2), ("tanh", 1), ("gelu", 2))
    ]
    assert front._inside("hidden")(rows) == "most often inaccurate: torch gelu (4), jax gelu (0)"
