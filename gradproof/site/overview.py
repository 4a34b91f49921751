"""The pages over many formulas: the front, one a kind, one a framework, the reports, the guides, the API."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof import __version__
from gradproof.evidence.environment import SIDES
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import MEANING
from gradproof.lookup import UsageError
from gradproof.pages.front import PAGES
from gradproof.pages.kinks import slope
from gradproof.pages.proofs import TITLES
from gradproof.pages.tables import Table, exactly, markdown
from gradproof.site import measured
from gradproof.site.known import Known
from gradproof.site.markup import code, from_github, link, page_link, prose
from reference import CATALOGUE
from reference.formula import Formula

TOP = (
    "formulas",
    "calculator",
    "compare",
    "frameworks",
    "reports",
    "guides",
    "api",
    "sources",
)  # what the bar above lists
GUIDES = {  # page: the file that it is made of, from the root of the checkout, and of a longer one the section
    "check": ("README.md", "Check your own gradient"), "ci": ("docs/ci.md", ""),
    "verdicts": ("docs/verdicts.md", ""), "formulas": ("CONTRIBUTING.md", "Add a formula"),
    "ulp": ("docs/ulp.md", ""), "trust": ("docs/trust.md", ""), "contributing": ("CONTRIBUTING.md", ""),
}  # fmt: skip
API = ("gradproof", "reference.formula", "reference.network", "oracles.floats", "gradproof.evidence.finding",
       "gradproof.evidence.verdicts", "gradproof.evidence.files", "gradproof.evidence.exact")  # fmt: skip


def _tree(*pages: str) -> str:
    return "\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", "", *pages, "```", ""])


def kinds() -> dict[str, list[Formula]]:
    """The formulas of each kind, in the order of the pages."""
    every: dict[str, list[Formula]] = {kind: [] for kind in TITLES}
    for f in CATALOGUE.values():
        every.setdefault(f.kind, []).append(f)
    return {kind: formulas for kind, formulas in every.items() if formulas}


def frameworks() -> list[str]:
    """The sides that have a page of their own."""
    return [side for side in SIDES if side != "ours"]


def title(kind: str) -> str:
    """What formulas of a kind are called together."""
    return TITLES.get(kind, f"{kind.capitalize()}s")


def formula_table(formulas: Iterable[Formula], known: Known) -> str:
    """A line each formula with its proofs and the largest errors in float64."""
    lines = []
    for f in formulas:
        proofs = known.of(f.id, "proof")
        proved = f"{sum(p.verdict == 'proved' for p in proofs)} of {len(proofs)}"
        listed = measured.defects(known, [f.id])
        named = ", ".join(f"{side} {n}" for side in SIDES if (n := sum(d.side == side for d in listed)))
        lines.append([link(f.id), f.derivation.partition("\n")[0], proved, *(_worst(known, f, side) for side in SIDES),
                      named])  # fmt: skip
    columns = ["formula", "what it is", "proved", *(f"{side}, ULP" for side in SIDES), "defects"]
    note = "Largest conditioned error in float64, at the defaults. Defects: quantities off by more than 1,000 ULP."
    return markdown(Table("", columns, lines, note)) + "\n"


def kind_page(kind: str, formulas: list[Formula], known: Known) -> str:
    """The formulas of a kind."""
    return f"# {title(kind)}\n\n{formula_table(formulas, known)}" + _tree(*(f"/{f.id}/index" for f in formulas))


def index_pages(known: Known) -> dict[str, str]:
    """The pages over all formulas and over all frameworks."""
    tree = _tree(*(f"/{kind}/index" for kind in kinds()))
    every = [f for formulas in kinds().values() for f in formulas]
    wrong = "\n".join(f"* {_wrong(side, known)}" for side in frameworks())
    return {
        "formulas/index": f"# Formulas\n\n{formula_table(every, known)}{tree}",
        "frameworks/index": f"# Frameworks\n\n{wrong}\n\n"
        + _tree(*(f"/frameworks/{side}/index" for side in frameworks())),
    }


def _wrong(side: str, known: Known) -> str:
    return f"[what is wrong in {side} {known.versions.get(side, '')}](/frameworks/{side}/index.md)"


def _worst(known: Known, f: Formula, side: str) -> float | str:
    found = [e.max for kind in ("sweep", "accuracy") for e in known.of(f.id, kind)
             if (e.side, e.dtype, e.what) == (side, "float64", "") and e.max is not None]  # fmt: skip
    return max(found) if found else ""


def framework_page(side: str, known: Known) -> str:
    """What is wrong, or other than ours, in one framework."""
    wrong = [d for d in measured.defects(known, CATALOGUE) if d.side == side]
    table = measured.defect_table(wrong)
    lines = [[link(d.formula), *row[1:]] for d, row in zip(wrong, table.rows, strict=True)]
    parts = [
        f"# {side} {known.versions.get(side, '')}\n",
        "What was found in this version, and in no other. A defect is a value or a gradient off by more than 1,000 "
        "conditioned ULP at some input, shown at its worst. See also "
        f"{page_link('drift', 'what changes between versions')}.\n",
        markdown(Table("Defects", ["formula", *table.columns[1:]], lines)),
        markdown(Table("Slopes at kinks other than ours", ["formula", "where", "slope", "left", "right", "ours", side],
                       _other_slopes(side, known))),
        markdown(Table("Other meanings of a name", ["formula", "question", "asked at", "ours", side],
                       _other_meanings(side, known))),
        markdown(Table("Names", ["name", "what we have", "formulas", "remark"], [
            [f"`{n.formula}`", n.what, ", ".join(map(link, n.more.get("ids", ()))), n.why]
            for n in known.every("name") if n.side == side
        ])),
    ]  # fmt: skip
    return "\n".join(parts)


def _pairs(kind: str, side: str, known: Known) -> list[tuple[Finding, Finding]]:
    """Findings of ours and of a framework on the same question."""
    ours = {f.key[:-1]: f for f in known.every(kind) if f.side == "ours"}
    return [(ours[f.key[:-1]], f) for f in known.every(kind) if f.side == side and f.key[:-1] in ours]


def _other_slopes(side: str, known: Known) -> list[list[str]]:
    return [
        [link(f.formula), f.what, f.quantity, exactly(f.more["left"]), exactly(f.more["right"]), slope(ours), slope(f)]
        for ours, f in _pairs("kink", side, known) if f.got and slope(f) != slope(ours)
    ]  # fmt: skip


def _other_meanings(side: str, known: Known) -> list[list[str]]:
    return [
        [link(f.formula), f.more["topic"], f.more["probe"], ours.more["reading"], f.more["reading"]]
        for ours, f in _pairs("convention", side, known)
        if f.more["reading"] not in (ours.more["reading"], "no such function")
    ]  # fmt: skip


def report_pages(reports: Path) -> dict[str, str]:
    """The pages of `reports` by their place on the site, the page that lists them first."""
    present = [page for page in PAGES if (reports / f"{page}.md").exists()]
    front = reports / "README.md"
    text = from_github(front.read_text(encoding="utf-8")) if front.exists() else "# Reports\n"
    pages = {"reports/index": text + "\n" + _tree(*(f"/reports/{page}/index" for page in present))}
    for page in present:
        text = from_github((reports / f"{page}.md").read_text(encoding="utf-8"))
        pages[f"reports/{page}/index"] = text.replace("](figures/", "](/_figures/")
    return pages


def guide_pages(root: Path) -> dict[str, str]:
    """The guides by their place on the site. Raises UsageError outside a checkout, where their files are not."""
    pages = {"guides/index": "# Guides\n\n" + "\n".join(f"* [](/guides/{page}/index.md)" for page in GUIDES)
             + "\n\n" + _tree(*(f"/guides/{page}/index" for page in GUIDES))}  # fmt: skip
    for page, (file, section) in GUIDES.items():
        if not (root / file).exists():
            raise UsageError(f"{root / file}: missing; the site is made from a checkout, which has the guides")
        text = (root / file).read_text(encoding="utf-8")
        if section:
            text = "# " + re.split(rf"^## (?={section}$)", text, flags=re.M)[1].partition("\n## ")[0]
        pages[f"guides/{page}/index"] = from_github(text)
    words = [[f"*{verdict}*", meaning] for verdict, meaning in MEANING.items()]
    pages["guides/verdicts/index"] += "\n" + markdown(Table("The words", ["verdict", "meaning"], words))
    return pages


def api_pages() -> dict[str, str]:
    """A page each module in `API` with its public functions and classes, from their docstrings, and one that lists all.

    The docstrings are those that the tests run: an example on these pages has been tried.
    """
    modules = [importlib.import_module(name) for name in API]
    lines = [[f"[{m.__name__}](/api/{m.__name__}/index.md)", _first_line(m), ", ".join(f"`{n}`" for n, _ in _public(m))]
             for m in modules]  # fmt: skip
    about = (
        "# API\n\nFrom the docstrings, whose examples are run by the tests. Formulas have "
        "[pages of their own](/formulas/index.md), and are called as `vjp(id, arguments, cotangent)` says.\n\n"
    )
    tree = _tree(*(f"/api/{m.__name__}/index" for m in modules))
    found = {"api/index": about + markdown(Table("", ["module", "what it is", "public names"], lines)) + "\n" + tree}
    for module in modules:
        parts = [f"# {module.__name__}\n\n{prose(inspect.getdoc(module) or '')}\n"]
        parts += [f"## {name}\n\n{code(_signature(name, thing), 'python')}\n{prose(inspect.getdoc(thing) or '')}\n"
                  for name, thing in _public(module)]  # fmt: skip
        found[f"api/{module.__name__}/index"] = "\n".join(parts)
    return found


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _public(module: ModuleType) -> list[tuple[str, Any]]:
    """Functions and classes of a module that a user may call: those it names, or else those it defines."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    names = [name for name in getattr(module, "__all__", own) if not name.startswith("_")]
    things = [(name, getattr(module, name)) for name in sorted(names)]
    return [(name, thing) for name, thing in things if callable(thing) and _first_line(thing)
            and getattr(thing, "__module__", "").startswith(("gradproof", "reference", "oracles"))]  # fmt: skip


def _signature(name: str, thing: object) -> str:
    try:
        return f"{name}{inspect.signature(thing)}".replace("'", "")  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name


def sources_page() -> str:
    """Every work that a formula or a claim cites."""
    return "# Sources\n\n```{bibliography}\n:all:\n```\n"


def front_page(known: Known) -> str:
    """What the site is, and the ways into it."""
    proofs, claims = known.every("proof"), known.every("claim")
    ways = [
        f"* **{title(kind)}**: [{len(formulas)} {'formula' if len(formulas) == 1 else 'formulas'}](/{kind}/index.md)"
        for kind, formulas in kinds().items()
    ]
    return "\n".join([
        "# gradproof\n",
        "Hand-derived gradients of neural networks, each proved right: against PyTorch autograd, JAX grad and the "
        "exact truth by ball arithmetic.\n",
        f"{len(CATALOGUE)} formulas; {sum(p.verdict == 'proved' for p in proofs):,} of {len(proofs):,} statements "
        f"proved by computer algebra; {len(claims)} published equations judged.\n",
        "## Look something up\n", *ways, "",
        "* **Numbers**: [exact value and slope at any float of 16 bits](/calculator/index.md)",
        "* **Side by side**: [compare two formulas, or two sides of one](/compare/index.md)",
        f"* **Frameworks**: {', '.join(_wrong(side, known) for side in frameworks())}",
        f"* **Published equations**: {page_link('literature', 'all')}, {page_link('errata', 'errata')}, "
        f"{page_link('notation', 'notation')}",
        "* **Tables**: [the reports](/reports/index.md)\n",
        "## Check a gradient of your own\n",
        code("$ pip install 'gradproof[check]'\n$ gradproof check mine:gelu --as slope --against activation/gelu",
             "console"),
        "[How it is done](/guides/check/index.md), [in CI](/guides/ci/index.md), and "
        "[what may be trusted, and why](/guides/trust/index.md).\n",
        f"Version {__version__}.\n",
        _tree(*(f"/{page}/index" for page in TOP)),
    ])  # fmt: skip
