"""reports/README.md: one screen on what was compared, with what, how it came out, and the worst case of each page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import PLANNED, SIDES
from gradproof.evidence.files import Evidence, read_evidence, write_whole
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import MEANING
from gradproof.pages import coverage, mutants, sweeps
from gradproof.pages.networks import disagreements
from gradproof.pages.tables import Table, markdown, name, number

Findings = Sequence[Finding]


def _verdicts(found: Findings) -> str:
    """How often each verdict was reached, e.g. "12 exact, 226 agrees"."""
    counts = Counter(f.verdict for f in found if f.verdict)
    return ", ".join(f"{n:,} {verdict}" for verdict, n in counts.most_common())


def _errors(kind: str) -> Callable[[Findings], str]:
    """The largest float64 error of each side with the formula that has it, e.g. "ours 3.8 (gelu), torch ∞ (mish)"."""

    def glance(found: Findings) -> str:
        said = []
        for side in SIDES:
            mine = [f for f in found if f.side == side and f.dtype == "float64" and f.max is not None
                    and f.kind in ("sweep", "accuracy") and f.formula.startswith(f"{kind}/")]  # fmt: skip
            if mine:
                worst = max(mine, key=lambda f: f.max or 0.0)
                said.append(f"{side} {number(worst.max)} ({name(worst.formula)})")
        return f"worst conditioned ULP in float64: {', '.join(said)}"

    return glance


def _kinks(found: Findings) -> str:
    ours = {f.key[:-1]: f.got for f in found if f.side == "ours"}
    others = Counter(f.side for f in found if f.side != "ours" and f.got and f.got != ours.get(f.key[:-1]))
    differ = ", ".join(f"{side} {n}" for side, n in sorted(others.items(), reverse=True))
    return f"{len(ours)} slopes and values at kinks and special inputs; different from ours: {differ or 'none'}"


def _training(found: Findings) -> str:
    curves = [f for f in found if f.kind == "distance" and f.dtype == "float64"]
    worst = max(curves, key=lambda f: float(f.more["distances"][-1]), default=None)
    if worst is None:
        return ""
    steps, apart = worst.more["steps"][-1], worst.more["distances"][-1]
    return f"‖p − q‖/‖p‖ after {steps} steps in float64: {apart:.1e} ({worst.what})"


def _blocks(found: Findings) -> str:
    """The largest float64 error of each side with the block that has it."""
    mine = [f for f in found if f.kind == "block" and f.dtype == "float64" and f.max is not None]
    worst = {side: max((f for f in mine if f.side == side), key=lambda f: f.max or 0.0, default=None) for side in SIDES}
    said = [f"{side} {number(f.max)} ({name(f.formula)})" for side, f in worst.items() if f]
    return f"worst conditioned ULP in float64: {', '.join(said)}"


def _scaling(found: Findings) -> str:
    predicted = {(f.what, f.dtype): f.more["relative"] for f in found if f.side == "predicted"}
    ratios = [x / predicted[f.what, f.dtype][at] for f in found if f.side != "predicted"
              for at, x in f.more["relative"].items()]  # fmt: skip
    return f"largest difference over the predicted one: {number(max(ratios))}" if ratios else ""


def _updates(found: Findings) -> str:
    paths = [f for f in found if f.kind == "trajectory"]
    worst = max((f for f in paths if f.verdict in ("agrees", "inaccurate")), key=lambda f: f.max or 0.0, default=None)
    if worst is None:
        return _verdicts(paths)
    what = f"{name(worst.formula)} of {worst.side}, {number(worst.max)} times its rounding error"
    return f"{_verdicts(paths)}; worst: {what}"


def _drift(found: Findings) -> str:
    return "; ".join(
        f"{f.formula}: {sum(c.kind == 'change' and c.more['title'] == f.formula for c in found):,} of {f.entries:,}"
        for f in found if f.kind == "comparison"
    )  # fmt: skip


def _checkers(found: Findings) -> str:
    """How many wrong gradients each checker accepts and how many right ones it rejects; of rules, the range."""
    odd: dict[str, Counter[str]] = {}
    for f in found:
        odd.setdefault(f.formula, Counter())[f.what] += len(f.more["odd"])
    rules = {f.formula for f in found if "rule" in f.more}
    said = [f"{who} {n['wrong']} + {n['right']}" for who, n in odd.items() if who not in rules]
    if missed := sorted(odd[rule]["wrong"] for rule in rules):
        said.append(f"rules of projects {missed[0]} to {missed[-1]} missed")
    return f"wrong gradients missed + right ones rejected: {', '.join(said)}" if said else ""


def _inside(place: str) -> Callable[[Findings], str]:
    """Which formula at that place of a network each framework is inaccurate about most often."""

    def glance(found: Findings) -> str:
        counts: dict[str, Counter[str]] = {}
        for f in found:
            if (f.kind, f.what) == ("overview", place) and f.side != PLANNED and "verdicts" in f.more:
                counts.setdefault(f.side, Counter())[name(f.formula)] += f.more["verdicts"].get("inaccurate", 0)
        most = ((side, *tally.most_common(1)[0]) for side, tally in sorted(counts.items(), reverse=True))
        return "most often inaccurate: " + ", ".join(f"{side} {formula} ({n:,})" for side, formula, n in most)

    return glance


PAGES: dict[str, tuple[str, str, Callable[[Findings], str] | None]] = {  # what it is, evidence, what it comes to
    "activations": ("each activation inside networks, by verdict and size", "networks", _inside("hidden")),
    "costs": ("each cost inside networks", "networks", _inside("cost")),
    "regularizers": ("each regularizer inside networks", "networks", _inside("regularizer")),
    "networks": ("architectures, input regimes, and what was left out and why", "networks", None),
    "training": ("500 training steps from one start: how the three sides part", "training", _training),
    "scaling": ("how differences grow with depth and width", "scaling", _scaling),
    "accuracy": ("value and slope of every activation against the truth, in ULP", "accuracy", _errors("activation")),
    "blocks": ("whole blocks, transformers to LSTMs, by every weight against the truth; training", "blocks", _blocks),
    "sweeps": ("value and slope at every float of a narrow dtype", "sweeps", sweeps.glance),
    "kinks": ("the slope that everyone returns where left and right differ", "kinks", _kinks),
    "laws": ("what every formula keeps besides its numbers, asked as a user's function is", "laws", _verdicts),
    "frameworks": ("defects of the frameworks, each with one line that reproduces it", "accuracy", None),
    "proofs": ("every statement and derivative proved by computer algebra", "proofs", _verdicts),
    "costs-accuracy": ("every cost against the truth, for every argument", "accuracy", _errors("cost")),
    "penalties": ("every regularizer against the truth, by entry", "accuracy", _errors("regularizer")),
    "layers": ("every layer against the truth, for every argument", "accuracy", _errors("layer")),
    "conventions": ("what each framework means by a cost, regularizer or optimizer", "conventions", None),
    "optimizers": (
        "update rules against torch.optim and optax, and why weight decay is not L2", "updates", _updates
    ),
    "coverage": ("every differentiable name of the frameworks, and our formula for it", "coverage", coverage.glance),
    "literature": ("published equations as printed, judged", "literature", _verdicts),
    "errata": ("misprints, with the corrected form", "literature", None),
    "notation": ("who writes what for the same quantity", "literature", None),
    "drift": ("what changed in meaning between versions and processors", "drift", _drift),
    "checkers": (
        "who tells wrong gradients from right ones: frameworks' checkers, and rules for kernels", "checkers", _checkers
    ),
    "speed": ("time of one gradient, and of the audit, beside the alternatives", "speed", None),
    "workers": ("what tasks of sweeps take, and a model of 64 cores", "workers", None),
    "mutants": ("small errors planted in the formulas, and who caught each", "mutants", mutants.score),
}  # fmt: skip


def contents(evidence: Mapping[str, Evidence], folder: Path) -> Table:
    """The pages that are in `folder`, each with what its evidence comes to."""
    lines = []
    for page, (what, area, glance) in PAGES.items():
        if (folder / f"{page}.md").exists() and area in evidence:
            seen = glance(evidence[area].findings) if glance else ""
            lines.append([f"[{page}]({page}.md)", what, seen])
    return Table("Pages", ["page", "what it shows", "at a glance"], lines)


def write(evidence: Path, folder: Path) -> None:
    """Write README.md in front of the pages of `folder`."""
    areas = sorted({area for _, area, _ in PAGES.values()})  # what others left there is of no page
    known = {area: read_evidence(evidence / f"{area}.jsonl") for area in areas if (evidence / f"{area}.jsonl").exists()}
    lines = ["# Reports", ""]
    if "networks" in known:
        networks = known["networks"].findings
        mine = [f for f in networks if f.what == "architecture" and f.side != PLANNED and "verdicts" in f.more]
        sides = sorted({f.side for f in mine}, reverse=True)
        verdicts = sum((Counter(f.more["verdicts"]) for f in mine), Counter[str]())
        cases = sum(f.entries for f in mine if f.side == sides[0]) if sides else 0
        lines += [
            f"{cases:,} network gradients, each ours against {' and '.join(sides)}; every disagreement beyond rounding "
            "was decided by the exact gradient, enclosed in balls.",
            "",
            markdown(Table("Verdicts", ["verdict", "findings", "meaning"],
                           [[v, verdicts.get(v, 0), meaning] for v, meaning in MEANING.items()])),
            markdown(disagreements(networks)),
        ]  # fmt: skip
    elsewhere = [d.name for d in sorted(evidence.parent.iterdir()) if (d / "evidence").is_dir()]
    lines += [f"torch and JAX on another device: [{d}]({d}/README.md)\n" for d in elsewhere]
    lines += [markdown(contents(known, folder)), "Made with " + made_with(known), ""]
    write_whole(folder / "README.md", "\n".join(lines))


def made_with(known: Mapping[str, Evidence]) -> str:
    """One line of versions, machine, formulas and day, of all areas together."""
    versions: dict[str, Any] = {}
    for header, _ in known.values():
        versions |= header["versions"]
    top = max((e.header for e in known.values()), key=lambda header: str(header["made"]))
    packages = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    device = f"; torch and JAX on {top['device']}" if "device" in top else ""
    return f"{packages}; {top['cpu']}{device}; formulas {top['source']}; {top['made'][:10]}."
