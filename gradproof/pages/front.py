"""reports/README.md: one screen on what was compared, with what, how it came out, and the worst case of each page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gradproof.evidence.files import read_lines, write_whole
from gradproof.pages import networks as pages
from gradproof.pages.tables import Table, markdown, number

Rows = list[dict[str, Any]]
SIDES = ("ours", "torch", "jax")


def _verdicts(rows: Iterable[Mapping[str, Any]]) -> str:
    """How often each verdict was reached, e.g. "12 exact, 226 agrees"."""
    counts = Counter(row["verdict"] for row in rows if row.get("verdict"))
    return ", ".join(f"{n:,} {verdict}" for verdict, n in counts.most_common())


def _worst_of_each(rows: Rows, figure: str) -> str:
    """The largest float64 error of each side with the formula that has it, e.g. "ours 3.8 (gelu), torch ∞ (mish)"."""
    found = []
    for side in SIDES:
        mine = [
            r for r in rows if (r.get("side") or r.get("who")) == side and r.get("dtype") == "float64" and figure in r
        ]
        if mine:
            row = max(mine, key=lambda r: float(r[figure]))
            found.append(f"{side} {number(float(row[figure]))} ({(row.get('formula') or row['id']).split('/')[1]})")
    return ", ".join(found)


def _accuracy(rows: Rows) -> str:
    return f"worst conditioned ULP in float64: {_worst_of_each(rows, 'conditioned max')}"


def _entries(rows: Rows) -> str:
    return f"worst conditioned ULP in float64: {_worst_of_each(rows, 'max')}"


def _kinks(rows: Rows) -> str:
    def differs(row: Mapping[str, Any], side: str) -> bool:
        return side in row and str(row[side]) != str(row["ours"])

    others = ", ".join(f"{side} {sum(differs(r, side) for r in rows)}" for side in SIDES[1:])
    return f"{len(rows)} slopes and values at kinks and special inputs; different from ours: {others}"


def _training(rows: Rows) -> str:
    steps = [r for r in rows if r["row"] == "distance" and r["dtype"] == "float64"]
    last = max(steps, key=lambda r: (r["step"], r["distance"]), default=None)
    return f"‖p − q‖/‖p‖ after {last['step']} steps in float64: {last['distance']:.1e} ({last['data']})" if last else ""


def _scaling(rows: Rows) -> str:
    predicted = {(r["along"], r["at"], r["dtype"]): r["relative"] for r in rows if r["pair"] == "predicted"}
    measured = [r for r in rows if r["pair"] != "predicted"]
    ratios = [r["relative"] / predicted[r["along"], r["at"], r["dtype"]] for r in measured]
    return f"largest difference over the predicted one: {number(max(ratios))}" if ratios else ""


def _optimizers(rows: Rows) -> str:
    alike = [r for r in rows if r["part"] == "trajectory" and r["verdict"] in ("agrees", "inaccurate")]
    worst = max(alike, key=lambda r: float(r["ratio"]), default=None)
    if not worst:
        return _verdicts(rows)
    name = worst["id"].split("/")[1]
    return f"{_verdicts(rows)}; worst: {name} of {worst['who']}, {number(worst['ratio'])} times its rounding error"


def _inside(kind: str) -> Callable[[Rows], str]:
    """Which formula of that kind each framework is inaccurate about most often."""

    def glance(rows: Rows) -> str:
        counts: dict[str, Counter[str]] = {}
        for row in (r for r in rows if r["row"] == "configuration"):
            for side, verdicts in row["verdicts"].items():
                counts.setdefault(side, Counter())[row[kind]] += verdicts.get("inaccurate", 0)
        most = ((side, *found.most_common(1)[0]) for side, found in counts.items())
        return "most often inaccurate: " + ", ".join(f"{side} {name} ({n:,})" for side, name, n in most)

    return glance


PAGES: dict[str, tuple[str, str, Callable[[Rows], str] | None]] = {  # what it is, evidence, what it comes to
    "activations": ("each activation inside networks, by verdict and size", "networks", _inside("hidden")),
    "costs": ("each cost inside networks", "networks", _inside("cost")),
    "regularizers": ("each regularizer inside networks", "networks", _inside("regularizer")),
    "networks": ("architectures, input regimes, and what was left out and why", "networks", None),
    "training": ("500 training steps from one start: how the three sides part", "training", _training),
    "scaling": ("how differences grow with depth and width", "scaling", _scaling),
    "accuracy": ("value and slope of every activation against the truth, in ULP", "accuracy", _accuracy),
    "kinks": ("the slope that everyone returns where left and right differ", "kinks", _kinks),
    "frameworks": ("defects of the frameworks, each with one line that reproduces it", "accuracy", None),
    "proofs": ("every statement and derivative proved by computer algebra", "proofs", _verdicts),
    "costs-accuracy": ("every cost of several inputs against the truth, for every argument", "costs", _entries),
    "penalties": ("every regularizer against the truth and against both frameworks", "penalties", _entries),
    "conventions": ("what each framework means by a cost, regularizer or optimizer", "conventions", None),
    "optimizers": (
        "update rules against torch.optim and optax, and why weight decay is not L2", "optimizers", _optimizers
    ),
    "literature": ("published equations as printed, judged", "literature", _verdicts),
    "errata": ("misprints, with the corrected form", "literature", None),
    "notation": ("who writes what for the same quantity", "literature", None),
    "speed": ("time of one gradient, and of the audit, beside the alternatives", "speed", None),
}  # fmt: skip


def contents(evidence: Path, folder: Path) -> Table:
    """The pages that are in `folder`, each with what its evidence comes to."""
    rows = []
    for name, (what, area, glance) in PAGES.items():
        if (folder / f"{name}.md").exists():
            seen = glance(read_lines(evidence / f"{area}.jsonl")[1]) if glance else ""
            rows.append([f"[{name}]({name}.md)", what, seen])
    return Table("Pages", ["page", "what it shows", "at a glance"], rows)


def write_front(evidence: Path, folder: Path) -> None:
    """Write README.md in front of the pages of `folder`."""
    lines = ["# Reports", ""]
    networks = evidence / "networks.jsonl"
    top, rows = read_lines(networks if networks.exists() else min(evidence.glob("*.jsonl")))
    if networks.exists():
        lines += [
            f"{top['cases']:,} network gradients, each ours against {' and '.join(top['oracles'])}; every "
            "disagreement beyond rounding was decided by the exact gradient, enclosed in balls.",
            "",
            markdown(pages.verdict_table(top)),
            markdown(pages.disagreements(rows)),
        ]
    lines += [markdown(contents(evidence, folder)), "Made with " + pages.made_with(top), ""]
    write_whole(folder / "README.md", "\n".join(lines))
