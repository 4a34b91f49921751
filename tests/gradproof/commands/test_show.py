import re

import pytest

from gradproof.commands.show import describe
from gradproof.evidence.files import write_lines
from reference import CATALOGUE

HEADER = {"versions": {"torch": "2.0", "jax": "0.5"}}
ROWS = [
    {"row": "hidden", "name": "gelu", "dtype": "float64", "verdicts": {"torch": {"agrees": 12345, "inaccurate": 6}}},
    {"row": "output", "name": "gelu", "dtype": "float32", "verdicts": {"jax": {"exact": 7}}},
    {"row": "cost", "name": "huber", "dtype": "float32", "verdicts": {"jax": {"exact": 8}}},
    {"row": "configuration", "hidden": "gelu", "dtype": "float64", "verdicts": {"torch": {"agrees": 99}}},
    {"row": "histogram", "dtype": "float64"},
]


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_record_is_told_in_full(id, tmp_path):
    f = CATALOGUE[id]
    text = describe(f, tmp_path)
    assert text.startswith(f"{id}\n")
    for part in (f.statement, f.derivative, f.derivation, *f.assumptions, *f.sources, *f.parameters):
        assert part in text
    for kink in f.kinks:
        assert f"kink at {kink.at}: left {kink.left}, right {kink.right}; ours {kink.chosen} ({kink.why})" in text


def test_the_last_verdicts_on_it_are_there(tmp_path):
    write_lines(tmp_path / "networks.jsonl", HEADER, ROWS)
    text = describe(CATALOGUE["activation/gelu"], tmp_path)
    lines = [re.sub(" +", " ", line) for line in text.splitlines()[-2:]]
    assert lines == [
        "hidden float64 against torch 2.0: agrees 12,345, inaccurate 6",
        "output float32 against jax 0.5: exact 7",
    ]
    assert "exact 8" in describe(CATALOGUE["cost/huber"], tmp_path)
    assert "exact 8" not in describe(CATALOGUE["activation/huber"], tmp_path)  # the same name, another kind


def test_no_verdicts_is_said_with_the_reason(tmp_path):
    assert "no verdicts: " in describe(CATALOGUE["activation/gelu"], tmp_path)
    assert "run 'gradproof audit' to make it" in describe(CATALOGUE["activation/gelu"], tmp_path)
    write_lines(tmp_path / "networks.jsonl", HEADER, ROWS)
    assert describe(CATALOGUE["activation/elu"], tmp_path).endswith(
        f"no verdicts on activation/elu in {tmp_path / 'networks.jsonl'}"
    )


def test_damaged_evidence_is_said_to_be_damaged(tmp_path):
    write_lines(tmp_path / "networks.jsonl", HEADER, ROWS)
    whole = (tmp_path / "networks.jsonl").read_text()
    (tmp_path / "networks.jsonl").write_text(whole[: len(whole) // 2])
    text = describe(CATALOGUE["activation/gelu"], tmp_path)
    assert re.search(r"no verdicts: .*networks\.jsonl, line \d: not JSON .*; run the audit again", text)
