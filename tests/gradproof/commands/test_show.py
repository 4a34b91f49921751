"""A formula in words: all of its record, and what was measured of it."""

import inspect
import pathlib
import re
import sys

import pytest

from gradproof.claims.covered import FORMULA, TABLE
from gradproof.cli import main
from gradproof.commands.show import describe
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.summary import SHIPPED
from gradproof.lookup import UsageError
from gradproof.pages.unicode import mathematics
from literature import CLAIMS
from reference import ALIASES, CATALOGUE
from reference.blocks import BLOCKS

GELU = "activation/gelu"
ROOT = pathlib.Path(__file__).parents[3]
HEADER = {"versions": {"torch": "2.0", "jax": "0.5"}}


def overview(formula, what, dtype, side, **verdicts):
    return Finding("overview", formula, what, dtype=dtype, side=side, more={"verdicts": verdicts})


NETWORKS = [
    overview(GELU, "hidden", "float64", "torch", agrees=12345, inaccurate=6, wrong=0),
    overview(GELU, "output", "float32", "jax", exact=7),
    overview("cost/huber_error", "cost", "float32", "jax", exact=8),
    Finding("overview", GELU, "hidden", dtype="float64", side="torch-jax", max=0.5),
    Finding("histogram", GELU, dtype="float64", more={"verdicts": {"exact": 99}}),
]


@pytest.mark.parametrize("id", CATALOGUE)
def test_every_record_is_told_in_full(id, tmp_path):
    f = CATALOGUE[id]
    text = describe(id, tmp_path)
    assert text.startswith(f"{id}\n")
    printed = filter(None, (f.statement, f.derivative, f.numpy_value, f.numpy_form, *f.partials.values()))
    for part in (*map(mathematics, printed), f.derivation, *f.assumptions, *f.sources, *f.parameters, *f.unanswered):
        assert part in text
    assert not re.search(r"Piecewise|\*\*", text.replace(f.derivation, "")), "mathematics, and not SymPy's source"
    told = [line for line in text.splitlines() if line.startswith("kink at ")]
    for kink, line in zip(f.kinks, told, strict=True):
        assert f" = {mathematics(kink.at)}: left " in line
        assert line.endswith(f"({kink.why})")


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_told_as_what_it_stands_for(alias, tmp_path):
    id, given = ALIASES[alias]
    first, told = describe(alias, tmp_path).split("\n", 1)
    assert first.startswith(f"{alias} stands for {id}")
    assert all(f"{name} = {value}" in first for name, value in given.items())
    assert told == describe(id, tmp_path)
    assert alias in told


def test_the_last_verdicts_proofs_and_errors_on_it_are_there(tmp_path):
    proofs = [
        Finding("proof", GELU, "derivative", verdict="proved"),
        Finding("proof", GELU, "kinks", verdict="unknown"),
    ]
    swept = Finding("sweep", GELU, "", "slope", "float32", "jax", entries=9, max=2.5, more={"strict": 7.25})
    accuracy = [swept, Finding("sweep", GELU, "tail", "slope", "float32", "jax", entries=9, max=99.0),
                Finding("accuracy", GELU, "", "value", "float64", "ours", entries=9, max=1.5),
                Finding("accuracy", GELU, "", "value", "float64", "torch", why="no such function")]  # fmt: skip
    kinks = [Finding("kink", GELU, at, "∂/∂z", side=side, entries=1, got=got,
                     more={"left": "0x0p+0", "right": right, "inside": inside})
             for at, side, got, right, inside in (("z = 0", "ours", "0x0p+0", "-0x1p-1", True),
                                                  ("z = 0", "torch", "0x1p+1", "-0x1p-1", False),
                                                  ("z = 1", "ours", "0x0p+0", "0x0p+0", True))]  # fmt: skip
    for area, found in (("networks", NETWORKS), ("proofs", proofs), ("accuracy", accuracy), ("kinks", kinks)):
        write_evidence(tmp_path / f"{area}.jsonl", {"made": "2026-01-02T03", **HEADER}, found)
    told = describe(GELU, tmp_path)
    assert [re.sub(" +", " ", line) for line in told[told.index("by computer") :].splitlines()] == [
        "by computer algebra: proved: derivative; unknown: kinks",
        "",
        "at the kink by left right ours torch jax",
        "z = 0 ∂/∂z 0 −0.5 0 2 (outside) not installed",
        "",
        "largest errors in conditioned ULP (strict ULP):",
        " of ours torch jax",
        "float64 value 1.5 no such function not installed",
        "float32 slope not installed not installed 2.5 (7.2)",
        "",
        "ours in networks:",
        "place dtype against verdicts",
        "hidden float64 torch 2.0 agrees 12,345, inaccurate 6",
        "output float32 jax 0.5 exact 7",
        "",
        "measured on 2026-01-02 with torch 2.0, jax 0.5",
    ]
    assert "exact 8" in describe("cost/huber_error", tmp_path)
    assert "exact 8" not in describe("activation/huber", tmp_path)  # nearly the same name, another kind
    assert describe("activation/elu", tmp_path).endswith("nothing was measured of activation/elu")


def test_missing_and_damaged_evidence_is_said_with_the_reason(tmp_path):
    assert re.search("no verdicts: .*run 'gradproof audit' to make it", describe(GELU, tmp_path))
    path = tmp_path / "networks.jsonl"
    write_evidence(path, HEADER, NETWORKS)
    path.write_text(path.read_text()[:-40])
    assert re.search(
        r"no verdicts: .*networks\.jsonl, line \d: not JSON .*; run the audit again", describe(GELU, tmp_path)
    )


@pytest.mark.parametrize("area", ["proofs", "accuracy", "networks"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{"header":{}}\n{"rows":0}\n',
            "made by an older gradproof; run 'gradproof audit' again",
        ),
        ("no JSON\n", "line 1: not JSON"),
    ],
)
def test_old_and_unreadable_evidence_of_any_area_costs_the_verdicts_alone(tmp_path, capsys, area, text, why):
    for name in {"networks", area}:
        write_evidence(tmp_path / f"{name}.jsonl", HEADER, NETWORKS)
    (tmp_path / f"{area}.jsonl").write_text(text)
    assert main(["show", GELU, "--evidence", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert mathematics(CATALOGUE[GELU].statement) in told
    (line,) = [line for line in told.splitlines() if "no verdicts" in line]
    assert re.search(rf"no verdicts: .*{area}\.jsonl.*{why}", line)
    assert ("agrees 12,345" in told) == (area != "networks")


@pytest.mark.parametrize("id", CLAIMS)
def test_every_claim_is_told_as_printed_with_its_verdict(id, tmp_path):
    claim = CLAIMS[id]
    assert "verdict: not judged here; run 'gradproof audit --only literature'" in describe(id, tmp_path)
    write_evidence(tmp_path / "literature.jsonl", HEADER, [Finding("claim", id, verdict="misprint")])
    text = describe(id, tmp_path)
    assert text.startswith(f"{id}\n{claim.place}")
    assert "verdict: misprint" in text
    for part in (*claim.latex.values(), *claim.assumptions, claim.wrong, claim.charity, claim.remark, *claim.supports):
        assert part in text
    (tmp_path / "literature.jsonl").write_text("{")
    assert "no verdict: " in describe(id, tmp_path)


def test_a_claim_that_is_none_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="no claim 'nielsen-2015/bp5'; did you mean nielsen-2015/bp"):
        describe("nielsen-2015/bp5", tmp_path)


def test_claims_are_listed_by_document(capsys):
    assert main(["list", "claim"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [*CLAIMS]
    assert main(["list", "nielsen-2015"]) == 0
    assert {line.split("/")[0] for line in capsys.readouterr().out.splitlines()[1:]} == {"nielsen-2015"}
    assert main(["list", "claims"]) == 2
    assert "published equations: claim, " in capsys.readouterr().err


@pytest.mark.parametrize("id", [*CATALOGUE, *BLOCKS])
def test_the_function_is_where_it_is_said_to_be(id, tmp_path):
    function = BLOCKS[id] if id in BLOCKS else CATALOGUE[id].function
    file, line = re.search(r"^  in (reference/\S+\.py):(\d+)$", describe(id, tmp_path), re.MULTILINE).groups()
    text = "\n".join((ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1 :])
    assert re.search(r"^def (\w+)", text, re.MULTILINE)[1] == inspect.unwrap(function).__name__


@pytest.mark.parametrize("id", [*CATALOGUE, *BLOCKS])
def test_a_derivation_that_its_module_has_is_told_too(id, tmp_path):
    """A docstring that sends the reader to its module does not send him away from the answer."""
    function = BLOCKS[id] if id in BLOCKS else CATALOGUE[id].function
    above = inspect.getdoc(sys.modules[inspect.unwrap(function).__module__])
    said = " ".join((inspect.getdoc(function) or "").split())
    sent = any(words in said for words in ("module's docstring", "derived above", "fact above", "slopes are above",
                                           "places are above"))  # fmt: skip
    assert (above in describe(id, tmp_path)) == (sent or id in BLOCKS)


@pytest.mark.parametrize("id", [GELU, "layer/attention", *BLOCKS])
def test_outside_a_checkout_there_is_what_travels_and_reports_that_are_named_override_it(
    id, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["show", id]) == 0
    said = capsys.readouterr().out
    assert said == describe(id, SHIPPED) + "\n"
    assert "ours" in said[said.index(id) :]
    assert "no verdicts" not in said
    assert main(["show", id, "--reports", "there"]) == 0
    assert "no verdicts: no folder there/evidence; without --reports there are those" in capsys.readouterr().out
    write_evidence(tmp_path / "there" / "evidence" / "networks.jsonl", HEADER, NETWORKS)
    assert main(["show", id, "--reports", "there"]) == 0
    assert "no folder" not in capsys.readouterr().out


OF_EACH_KIND = {id.split("/")[0]: id for id in (*CATALOGUE, *BLOCKS, "nielsen-2015/bp1a")}


@pytest.mark.parametrize("id", OF_EACH_KIND.values())
def test_what_travels_says_the_same_as_whole_evidence(id):
    assert describe(id, SHIPPED) == describe(id, ROOT / "reports" / "evidence")


def test_the_names_that_frameworks_have_for_it_are_told(tmp_path):
    assert describe("nn.GELU", tmp_path).startswith(f"nn.GELU stands for {GELU}\n{GELU}\n")
    for room, names in TABLE.items():
        for name, entry in names.items():
            if entry.status == FORMULA:
                id = ALIASES.get(entry.ids[-1], entry.ids[-1:])[0]
                assert f"{room}.{name}" in describe(id, tmp_path)


def test_an_unknown_id_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no formula 'activation/gelo'; did you mean activation/gelu"):
        describe("activation/gelo", tmp_path)


@pytest.mark.parametrize("id", BLOCKS)
def test_a_block_is_told_in_its_words_and_with_its_verdicts(id, tmp_path):
    more = {"median": 0.0, "verdicts": {"exact": 4, "agrees": 20}}
    found = [Finding("block", id, "heads = 2", dtype="float64", side="ours", max=0.5, more=more)]
    assert "no verdicts: " in describe(id, tmp_path)
    write_evidence(tmp_path / "blocks.jsonl", HEADER, [])
    assert describe(id, tmp_path).endswith(f"nothing was measured of {id}")
    write_evidence(tmp_path / "blocks.jsonl", HEADER, found)
    text = describe(id, tmp_path)
    assert text.startswith(f"{id}\n  in reference/blocks/")
    assert (f"\n\n{(BLOCKS[id].__doc__ or '').splitlines()[0]}\n") in text
    assert [re.sub(" +", " ", line) for line in text.splitlines()[-5:]] == [
        "heads = 2:",
        " ours torch jax",
        " float64 0.50 (exact 4, agrees 20) – –",
        "",
        "measured with torch 2.0, jax 0.5",
    ]
