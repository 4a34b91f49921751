"""Every page follows from its evidence: a finding is a line, and the same findings make the same bytes."""

# Over 400 lines: a sample of the evidence of every area.

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gradproof.audit.report import PAGES, write_report
from gradproof.claims import literature, proofs
from gradproof.conventions import ask
from gradproof.evidence.files import EvidenceError, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.networks.summary import EDGES
from literature import CLAIMS

pytest.importorskip("matplotlib")

REPORTS = Path(__file__).parents[3] / "reports"
PAIRS = ("ours-torch", "ours-jax", "torch-jax")
HEADER = {
    "made": "2024-05-06T07:08:09+00:00", "source": "0123456789abcdef", "cpu": "Abacus (AVX2)", "block": 0.02,
    "versions": {"numpy": "2.0", "torch": "2.9", "jax": "0.9", "optax": "not installed", "python-flint": "0.9"},
    "shape": {"networks": 9, "batch": 8, "width": 16, "depth": 4}, "draws": 256, "steps": 1000, "bits": 400,
}  # fmt: skip


def row(kind, formula, what="", quantity="", dtype="float64", side="ours", *, more=None, **given):
    return Finding(kind, formula, what, quantity, dtype, side, more=more or {}, **given)


def networks():
    size = {"entries": 1203, "max": 0.25, "at": "4-5-3/float64/tanh/sigmoid/l1/none gaussian"}
    views = [("hidden", "activation/tanh"), ("output", "activation/softmax"), ("cost", "cost/l1"),
             ("regularizer", "regularizer/l2"), ("architecture", "4-5-3"), ("regime", "gaussian")]  # fmt: skip
    for what, formula in views:
        for side in ("torch", "torch-jax"):
            verdicts = {"verdicts": {"agrees": 1200, "inaccurate": 3}} if side == "torch" else {}
            yield row("overview", formula, what, side=side, more={"median": 0.0625, **verdicts}, **size)
    for dtype in ("float32", "float64"):
        verdicts = {"verdicts": {"exact": 8, "inaccurate": 2}}
        yield row("overview", "activation/gelu", "hidden", "", dtype, "torch", entries=10, more=verdicts)
    yield row("overview", "activation/gelu", "hidden", side="jax", entries=8, more={"verdicts": {"exact": 8}})
    yield row("left out", "activation/softmax cost/l1", "diabetes", why="constant")
    yield row("disagreement", "sigmoid", side="jax", verdict="inaccurate", max=1.0, at="2-3-2 zero", why="slope at 38")
    for pair in PAIRS:
        counts = {"zero": 5, "edges": EDGES, "counts": [1] * (len(EDGES) + 1)}
        yield row("histogram", "network/gradient", side=pair, more=counts)


def accuracy():
    sweep = {"entries": 4000, "mean": 0.25, "at": "0x1.8p+1"}
    yield row("sweep", "activation/mish", "", "slope", "float32", max=99.0, mean=0.5, entries=9, at="0x1p+0")
    for side, worst in (("ours", 1.5), ("torch", 3e9)):
        more = {"strict": 7.0, "ordinary": 2.0, **({"lost": [["0x1p+3", "0x1p+4"]]} if side == "torch" else {})}
        numbers = {"got": "0x0p+0", "truth": "0x1p-40"}
        yield row("sweep", "activation/gelu", "", "slope", side=side, max=worst, more=more, **sweep, **numbers)
        curve = {"range": [-60, 60], "ulp": [0.5] * 30 + [None] * 30}
        yield row("curve", "activation/gelu", "", "slope", side=side, more=curve)
        for formula in ("cost/dice", "regularizer/entropy", "update/clip_by_norm"):
            at = {"at": "wide 3 [0, 1]", "more": {"allowed": 8.0, **({"composed": True} if side == "torch" else {})}}
            yield row("accuracy", formula, "", "a", side=side, entries=30, max=worst, mean=0.5, **numbers, **at)
    step = {"entries": 36, "mean": 0.125, "at": "wide 3 [0, 1]", "more": {"allowed": 4.0}}
    yield row("accuracy", "update/adam", "", "w", max=1.25, **step)
    yield row("accuracy", "update/adam", "", "w", side="torch", verdict="convention", max=2.75, **step)


def kinks():
    sides = {"left": "0x0p+0", "right": "0x1p+0"}
    place = ("kink", "activation/relu", "z = 0", "slope")
    yield row(*place, why="least norm", got="0x0p+0", entries=1, more={**sides, "inside": True})
    yield row(*place, side="torch", got="0x1p+1", entries=1, more={**sides, "inside": False})
    yield row("special", "activation/exp", "inf", "value", got="inf", truth="inf")
    yield row("special", "activation/exp", "inf", "value", side="torch", got="nan", truth="inf")
    yield row("special", "activation/exp", "-inf", "value", got="0x0p+0", truth="0x0p+0")


def laws():
    yield row("law", "cost/l1", "dtypes are kept", dtype="16 bits", side="", verdict="holds", entries=4)
    yield row(
        "law", "cost/hinge", "dtypes are kept", dtype="16 bits", side="", verdict="wrong", why="by vjp: ∂/∂z is float64"
    )
    yield row("law", "cost/hinge", "of another day", dtype="16 bits", side="", verdict="holds", entries=1)
    for id in ("cost/l1", "cost/hinge"):
        why = f"refused: {'a' if id == 'cost/l1' else 'z'} has shape (0, 4): the mean over an empty batch is undefined"
        yield row("law", id, "an empty batch", dtype="16 bits", side="", verdict="undefined", why=why)


def sweeps():
    segments = [{"of": "-0..-1", "entries": 7, "max": 0.5}, {"of": "0..1", "entries": 9, "max": 0.25}]
    whole = {"dtype": "float32", "entries": 2**32 - 1, "at": "0x1p+3", "got": "0x0p+0", "truth": "0x1p-40"}
    more = {"right": 2**32 - 1, "faithful": 2**32 - 1, "untold": 1, "segments": segments}
    yield row("exhaustive", "activation/tanh", "", "slope", verdict="exact", max=0.5, more=more, **whole)
    segments = [segments[0], {"of": "0..1", "entries": 9, "max": 7.5, "right": 3, "faithful": 8, "at": "0x1p-1"}]
    more = {"right": 2**31, "faithful": 2**32 - 2, "nan": 2, "segments": segments}
    yield row("exhaustive", "activation/tanh", "", "slope", side="torch", max=7.5, more=more, **whole)


def updates():
    path = {"verdict": "agrees", "entries": 8, "max": 0.5, "more": {"bound": 1e-3, "difference": 1e-9}}
    yield row("trajectory", "update/adam", "defaults; digits", **{**path, "verdict": "exact", "max": 0.0})
    yield row("trajectory", "update/adam", "defaults; digits", side="torch", **path)
    wrong = {**path, "verdict": "convention", "max": 90.0}
    yield row("trajectory", "update/radam", "defaults; digits", side="torch", why="ε is added first", **wrong)
    yield row("trajectory", "update/radam", "defaults; digits", **path)
    decay = {"penalised": 3.5, "decayed": 2.5, "lam": 0.01, "steps": 500}
    yield row("decay", "update/adamw", "adam; digits", max=0.125, more=decay)


def training():
    for pair in PAIRS:
        curve = {"steps": [1, 2, 16, 500], "distances": [1e-17, 2e-17, 1.6e-16, 5e-15]}
        yield row("distance", "network/gradient", "digits", side=pair, more=curve)
    yield row("score", "network/gradient", "digits", more={"measure": "accuracy", "before": 0.0963, "after": 0.9872})


def blocks():
    for side, worst, verdicts in (("ours", 0.5, {"exact": 2, "agrees": 7}), ("torch", 77.0, {"inaccurate": 9})):
        more = {"median": 2e-16, "verdicts": verdicts}
        where = {"at": "plain 2 ∂/∂x[0, 1]", "entries": 9}
        yield row("block", "block/transformer", "heads = 2", side=side, max=worst, more=more, **where)
    for pair in PAIRS:
        curve = {"steps": [1, 10, 50, 200], "differences": [1e-16, 2e-16, 0.0, 4e-15]}
        yield row("parity", "block/lstm_classifier", side=pair, max=5e-15, more=curve)
    yield row("learned", "block/lstm_classifier", more={"before": 2.3, "after": 0.25})


def scaling():
    for side, at in [(side, at) for side in ("predicted", "ours-torch") for at in ("depth", "width")]:
        yield row("scaling", "network/gradient", at, side=side, more={"relative": {"4": 1e-16, "16": 2e-16}})


def speed():
    network = {"batch": 10, "hidden": "relu", "output": "identity", "cost": "quadratic"}
    for sizes, ours in (([784, 30, 10], 1e-4), ([784, 512, 512, 10], 5e-4)):
        for side, seconds in {"ours": ours, "products": 4e-4, "torch": 4e-4, "jax": 1e-4, "autograd": 2e-3}.items():
            more = {**network, "sizes": sizes, "seconds": [seconds] * 3}
            yield row("gradient", "network/gradient", f"{sizes}", side=side, more=more)
    times = {"audit": [0.8, 1.6], "one draw": [0.5, 0.5], "gradcheck": [32.0, 32.0], "gradcheck fast": [1.6, 1.6],
             "check_grads": [16.0, 16.0]}  # fmt: skip
    for side, seconds in times.items():
        more = {"architecture": "4-5-3", "parameters": 43, "cases": 80 if side == "audit" else 16, "seconds": seconds}
        yield row("checking", "network/gradient", "4-5-3", side=side, more=more)
    for dtype, side, seconds in (("float64", "ours", 0.004), ("float64", "torch", 0.002), ("float32", "ours", 0.004)):
        more = {"seconds": [seconds] * 3, "given": 3 << 20, "memory": 5 << 19 if side == "ours" else None}
        yield row("size", "layer/lstm", "32 × 8 × 64", dtype=dtype, side=side, more=more)


def mutants():
    more = {"function": "hinge", "before": "a", "after": "-a", "by": "kinks"}
    for line, verdict in enumerate(("caught", "caught", "equivalent"), 1):
        yield row(
            "mutant", "cost/hinge", f"reference/costs/margin.py:{line}:0 a → -a", "sign", verdict=verdict, more=more
        )


def drift():
    more = {"same": 3, "bits": 2, "made_with": {"torch": ["2.8", "2.9"]}}
    yield row("comparison", "torch 2.9", entries=6, more=more)


def checkers():
    said = {"says": "|J−J̃| ≤ 1e-5", "cotangent": "ones", "unasked": {}}
    for what, ours, theirs, kernel in (("wrong", [], ["silu-term", "tanh-abs-v"], ["W26"]), ("right", [], [], ["l1"])):
        numbers = [1e-9, 2e-6] if what == "right" else [1e-6, 3e-6, float("nan")]
        for name, odd, more in (
            ("gradproof.check", ours, {"source": ""}),
            ("scipy.optimize.check_grad", theirs, {"source": "", "numbers": numbers, "limit": 5e-7}),
            ("a kernel, float32", kernel, {"source": "a/b c.py:1–2; 01234567, 2024-05-06", "rule": True}),
        ):
            unasked = {"unasked": {"behaviour": 3}} if name != "gradproof.check" and what == "wrong" else {}
            yield row("acceptance", name, what, dtype="", side="", entries=7, why="zeros",
                      more={**said, **more, "odd": odd, **unasked})  # fmt: skip


def workers():
    for jobs in (1, 2):
        more = {"seconds": {"start": 3.0, "tasks": 8 / jobs, "write": 0.001}, "bytes": 1180, "jobs": jobs, "tasks": 32}
        yield row("workers", "activation/exp", f"{jobs} of 32", entries=32 << 22, more=more)
    for dtype, what, ns in (("float32", "slope", 38.0), *((f"float{n}", "value and slope", 52.0) for n in (32, 64))):
        yield row("run", "activation/exp", what, dtype=dtype, more={"ns": {"all": ns, "truth": 10, "ours": 8}})


def coverage():
    yield row("name", "torch.nn.GELU", "formula", dtype="", side="torch", why="by approximate",
              more={"ids": ["activation/gelu", "activation/gelu_tanh"]})  # fmt: skip
    yield row("name", "torch.nn.Fold", "not yet", dtype="", side="torch", more={"ids": []})
    yield row("name", "jax.nn.unheard_of", dtype="", side="jax", verdict="unknown", why="the table does not have it")


def judged():
    pytest.importorskip("flint")
    return [literature.judge(claim, ["balls"]) for claim in literature.CLAIMS.values()]


def proved():
    pytest.importorskip("sympy")
    claim = next(proofs.claims(proofs.CATALOGUE["activation/exp"]))
    wrong, odd = ({"id": f"activation/{id}", "right": right} for id, right in (("wrong", "exp(z)/2"), ("odd", "exp(z")))
    return proofs.decide([claim, replace(claim, **wrong), replace(claim, **odd)])


def asked():
    return [
        f
        for id in ("cost/l1", "regularizer/l2", "layer/attention", "update/adam", "update/clip_by_norm")
        for f in ask.measure(id, [])
    ]


AGREES = "agrees 1,200, inaccurate 3"
EXPECTED = {
    networks: {
        "activations": [
            f"| tanh | float64 | 1,203 | {AGREES} | not installed | 0.062 | 0.25 | – | – | 0.062 | 0.25 |",
            "| tanh | float64 | ours–torch | 0.25 | gaussian | "
            "`gradproof audit --only '4-5-3/float64/tanh/sigmoid/l1/none'` |",
        ],
        "costs": ["## By formula"],
        "networks": ["| diabetes | softmax | l1 | constant |"],
        "README": [
            "most often inaccurate: torch gelu (4), jax gelu (0) |",
            "1,203 network gradients, each ours against torch; every disagreement",
            "| agrees | 1,200 |",
            "| ours–jax | inaccurate | 1.0 | slope at 38 | `2-3-2 zero` |",
        ],
    },
    accuracy: {
        "accuracy": ["| gelu | defaults | slope | 1.5 (0.25) | 3.0e9 (0.25) | no such function | 7.0, 2.0 × |",
                     "| gelu | slope | float64 | torch | [8, 16] | 0 |"],
        "costs-accuracy": ["| dice | a | float64 | 8.0 | 1.5 (0.50) | 3.0e9 (0.50)* | not installed | wide 3 [0, 1] |"],
        "penalties": ["| entropy | a | float64 |"],
        "frameworks": ["| defects | torch |", "| activation | [1](#torch-activation), 1 native |",
                       "## torch activation",
                       "| torch | 2.9 | gelu | defaults | slope | float64 | 3 | 0 |",
                       "| native | `gradproof at activation/gelu 0x1.8p+1` |",
                       "| composed | `gradproof case cost/dice wide 3` |"],
        "README": ["ours 1.5 (gelu), torch 3.0e9 (gelu)"],
    },
    kinks: {
        "kinks": ["| relu | z = 0 | slope | 0 | 1 | 0 | 2 (outside) | not installed | least norm |",
                  "| exp | value | inf | ∞ | ∞ | NaN | – |"],
        "README": ["3 slopes and values at kinks and special inputs; different from ours: torch 2 |"],
    },
    laws: {
        "laws": [
            "2 formulas of ours before the battery",
            "| dtypes are kept | results have the dtype and the shape of their argument | 2 | 1 | 1 |",
            "| of another day |  | 1 | 1 | 0 |",
            "| `cost/hinge` | dtypes are kept | 16 bits | by vjp: ∂/∂z is float64 |",
            "| an empty batch | refused: the mean over an empty batch is undefined | hinge, l1 |",
        ],
        "README": ["2 undefined, 2 holds, 1 wrong |"],
    },
    sweeps: {
        "sweeps": ["4,294,967,296 inputs.",
                   "| tanh | slope | ours | all | all | 0.50 |  | 0 | 0 | 0 | 0 | 1 |",
                   "| tanh | slope | torch | 50.00 % | 99.99999998 % | 7.5 | 8 | 0 | 2 | 0 | 0 | 0 |",
                   "| −0 … −1 | 0.50 | all | 0.50 | all |", "| 0 … 1 | 0.25 | all | 7.5 | 33.33 % |",
                   "`gradproof sweep activation/tanh --dtype float32` makes its rows again"],
        "README": ["correctly rounded: ours 100 % (tanh) to 100 %, torch 50 % (tanh) to 50 % |"],
    },
    updates: {
        "optimizers": [
            "| `adam` | defaults | digits | 1.0e-03 |",
            "| `radam` | torch.optim | float64 | convention | 90.0 | 1.0e-09 | ε is added first |",
            "| adam | digits | 12.50 % | not installed | not installed | 3.5 | 2.5 |",
        ]
    },
    training: {
        "training": ["| digits | float64 | ours–jax | 1.0e-17 | 1.6e-16 | – | 5.0e-15 |",
                     "| digits | float64 | ours | accuracy | 0.096 | 0.99 |"],
        "README": ["‖p − q‖/‖p‖ after 500 steps in float64: 5.0e-15 (digits)"],
    },
    blocks: {
        "blocks": ["| transformer | float64 | ours | 1 | 0.50 | 2.0e-16 | exact 2, agrees 7 |",
                   "| transformer | heads = 2 | float64 | torch | 77.0 | 2.0e-16 | inaccurate 9 | plain 2 ∂/∂x[0, 1]",
                   "| lstm_classifier | float64 | ours–jax | 1.0e-16 | 2.0e-16 | 0 | 4.0e-15 | 5.0e-15 |",
                   "| lstm_classifier | float64 | ours | 2.3 | 0.25 |"],
        "README": ["worst conditioned ULP in float64: ours 0.50 (transformer), torch 77.0 (transformer)"],
    },
    scaling: {"scaling": ["| width | 16 | float64 | 2.0e-16 | 2.0e-16 |", "Median over 9 networks"]},
    speed: {
        "speed": ["| lstm | 32 × 8 × 64 | float64 | 4 | 0.5 (0.5–0.5) | – | 3 | 2.5 | – | – | torch/ours ≥ 0.4: met |",
                  "| lstm | 32 × 8 × 64 | float32 | 4 | – | – | 3 | 2.5 | – | – |  |",
                  "| lstm, 32 × 8 × 64 | torch/ours ≥ 0.4 | 1 of 1 | 0.5–0.5 |",
                  "of about 20 ms", "on Abacus (AVX2)", "the audit takes 256 of them",
                  "torch/ours ≥ 3: met; jax/ours ≥ 1.3: **missed** |",
                  "ours/products ≤ 1.25: met; torch/ours ≥ 0.75: met |",
                  "| 784-30-10 | jax/ours ≥ 1.3 | 0 of 1 | 1–1 |",
                  # 80 cases in 0.8 and 1.6 s; gradcheck takes 2 s for one, 200 and 100 times as long
                  "| 4-5-3 | 43 | 66.7 | 32.0 | 0.50 | 10.0 | 1.0 | 150 (125–175) |",
                  "gradcheck/audit ≥ 150: met; check_grads/audit ≥ 300: **missed** |"],
    },
    mutants: {
        "mutants": ["| reference/costs/margin.py | 3 | 2 | 1 | 0 |"],
        "README": ["2 caught, 1 equivalent, 0 missed"],
    },
    drift: {"drift": ["torch 2.8 → 2.9. 3 findings are the same to the last digit, 2 differ in bits alone, 0 changed"]},
    checkers: {
        "checkers": ["10 wrong gradients and 7 right ones", "numbers up to 2.0e-6, and so have 1 of 3",
                     "| `gradproof.check` | 0 of 7 | 0 of 7 |  | zeros |",
                     "| `scipy.optimize.check_grad` | 2 of 7 | 0 of 7 | wrong: 3 behaviour | zeros |",
                     "| a kernel, float32 | 1 of 7 | 1 of 7 | wrong: 3 behaviour | zeros |",
                     "| `gradproof.check` | \\|J−J̃\\| ≤ 1e-5 | ones |  |",
                     "| `scipy.optimize.check_grad` | silu-term, tanh-abs-v |  |", "| a kernel, float32 | W26 | l1 |"],
        "README": ["+ right ones rejected: gradproof.check 0 + 0, scipy.optimize.check_grad 2 + 0, rules of "],
    },
    workers: {"workers": ["3 sides | 4,294,967,296 | 52.0 | 0.22 | 115 s", "| 2 | 32 | 3.0 | 4.0 | 2.0 | 1,180 |",
                          "| exp | 1.4 | ≤ 3 | met |", "| slope | 38.0 | 10 | 8 | – | – | 20.0 |"]},
    coverage: {
        "coverage": ["| `torch.nn` | 2 | 1 | 0 | 0 | 1 | 0 |",
                     "| `GELU` | formula | `activation/gelu`, `activation/gelu_tanh` | by approximate |",
                     "| `unheard_of` | unknown |  | the table does not have it |"],
        "README": ["1 formula, 1 not yet, 1 unknown |"],
    },
    judged: {"literature": [f"| all |  | {len(CLAIMS)} |"], "errata": ["# Errata"], "notation": ["# Notation"]},
    proved: {
        "proofs": ["| Activations | 3 | 3 | 1 | 1 | 1 | 0 |", "## Not proved", "### activation/exp", ", not ",
                   r"\frac{\partial g}{\partial z} &= \frac{e^{z}}{2}", r"\texttt{exp(z}"],
        "README": ["1 proved, 1 unknown, 1 refuted"],
    },
    asked: {
        "conventions": [
            "| layer | question | asked at | ours | torch | jax | called in torch | called in jax |",
            "| l1 | a weighted mean divides by | two terms of weights 1 and 3 | the sum of the weights | not inst",
            "| l2 | biases | one step of SGD at gradient 0, η = 1, b = 3, λ = 0.1 | left alone | not installed |",
            "| adam | where ε is added | √v̂ + ε | not installed | not installed |",
            "| adam | eta = 0.001, ",
            "| clip_by_norm | clipping at its edges | backward at g = 0, v = (1, 2) | (1, 2) |",
        ]
    },
}  # fmt: skip
OTHERS = {f"{page}.md" for page in ("kinks", "regularizers", "conventions", "optimizers")}  # of other areas
AREA = {"judged": "literature", "proved": "proofs", "asked": "conventions"}


@functools.cache
def findings(area):
    return tuple(area())


def area_of(function):
    return AREA.get(function.__name__, function.__name__)


@pytest.mark.parametrize("area", EXPECTED, ids=area_of)
def test_a_page_follows_from_its_evidence(area, tmp_path):
    texts = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        write_evidence(folder / "evidence" / f"{area_of(area)}.jsonl", HEADER, findings(area))
        assert write_report(folder) == [area_of(area)]
        texts.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert texts[0] == texts[1]
    made = {p.suffix for p in folder.rglob("*") if p.is_file()}
    assert made >= {".md", ".csv"} if area is judged else made >= {".md", ".csv", ".tex"}
    text = {p.stem: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}
    for page, lines in EXPECTED[area].items():
        for line in lines:
            assert line in text[page]
        assert page == "README" or f"[{page}]({page}.md)" in text["README"]
    for page, shown in text.items():
        for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s`]+)\)", shown)):
            if target in OTHERS:
                continue
            assert not target or (folder / target).exists() or (REPORTS / target).exists(), f"{page}.md: {target}"
            there = text.get(target.removesuffix(".md") or page, "")
            headings = re.findall(r"^##+ (.*)$", there, re.MULTILINE)
            anchors = {heading.lower().replace(" ", "-") for heading in headings}
            assert not anchor or f'<a id="{anchor}">' in there or anchor in anchors
    assert "Made with jax 0.9, numpy 2.0" in text["README"]
    assert "; formulas 0123456789abcdef; 2024-05-06." in text["README"]


@pytest.mark.filterwarnings("error")
def test_every_area_has_its_pages_here_and_evidence_without_findings_does_not_fail(tmp_path):
    assert {area_of(area) for area in EXPECTED} == set(PAGES)
    for area in PAGES:
        write_evidence(tmp_path / "evidence" / f"{area}.jsonl", HEADER, [])
    assert write_report(tmp_path) == list(PAGES)


@pytest.mark.parametrize("area", PAGES)
def test_missing_evidence_is_an_error_that_names_it(area, tmp_path):
    with pytest.raises(EvidenceError, match=rf"{area}.jsonl: cannot be read .*; run 'gradproof audit' to make it"):
        PAGES[area](tmp_path / "evidence", tmp_path)
    assert not list(tmp_path.glob("*.md"))


def test_optimizers_shows_the_accuracy_of_a_step_and_accuracy_does_not(tmp_path):
    for area in (accuracy, updates):
        write_evidence(tmp_path / "evidence" / f"{area.__name__}.jsonl", HEADER, findings(area))
    write_report(tmp_path)
    page, other = ((tmp_path / f"{name}.md").read_text(encoding="utf-8") for name in ("optimizers", "accuracy"))
    assert "| adam | w | float64 | 4.0 | 1.2 (0.12) | 2.8 (0.12)† | not installed | wide 3 [0, 1] |" in page
    assert "36 numbers by us" in page
    assert "1.2 in float64 conditioned ULP" in page
    assert "| adam |" not in other
    assert "clip_by_norm" in other
