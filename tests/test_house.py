"""Who may import whom, what a command loads, where ids stand, how long a file is, and that nobody goes unanswered."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

import gradproof
from gradproof.commands.doctor import FURTHER
from gradproof.evidence.environment import ORACLES
from reference import ALIASES, CATALOGUE

ROOT = pathlib.Path(gradproof.__file__).parents[1]
PACKAGES = ("reference", "oracles", "gradproof", "literature")
TESTS = pathlib.Path(__file__).parent
OPTIONAL = {"torch", "jax", "optax", "flax", "flint", "sympy", "ml_dtypes", "sklearn", "polars", "matplotlib", "rich"}
SLOW = {*OPTIONAL, "scipy", "autograd"}  # nothing of this is loaded where no oracle is needed

COMMON = {"evidence", "lookup", "tasks"}
WINGS = {"checks", "networks", "training", "conventions", "claims"}
MAY = {  # room of gradproof: the other rooms that it may import
    "__init__": set(),
    "__main__": {"cli"},
    "lookup": set(),
    "evidence": set(),
    "tasks": {"evidence"},
    "workers": {"evidence"},
    "cases": set(),
    "answers": {"cases", "evidence", "lookup"},
    **{wing: {"answers", "cases", *COMMON} for wing in WINGS},
    "pages": {"evidence"},
    "audit": {*WINGS, *COMMON, "pages", "workers"},
    "commands": {"answers", "cases", "pages", *COMMON, "training"},  # doctor: is there a setting for an update rule?
    "cli": {"audit", "commands", *COMMON},
}
IDS = {  # the places of gradproof where an id of the catalogue may be written out, and the ids, or * for all
    "cases/": "*",
    "conventions/": "*",
    "networks/configurations.py": "*",
    "training/settings.py": "*",
    "networks/blame.py": "network/bp1 network/bp2 network/bp3 network/bp4",  # what it blames where no formula is wrong
}


def files(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def over(*folders):
    return pytest.mark.parametrize("path", files(*folders), ids=lambda path: path.relative_to(ROOT).as_posix())


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- who imports whom


def imports(node, inside_functions=True):
    """Full names of everything imported, except for type checking; optionally only what is at import time."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide who imports whom"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not (
            (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
            or (isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not inside_functions)
        ):
            if isinstance(child, ast.Call) and ast.unparse(child.func).endswith(("import_module", "__import__")):
                yield from (a.value for a in child.args if isinstance(a, ast.Constant))
            yield from imports(child, inside_functions)


def outside(path, inside_functions=True):
    """The packages that a file imports beyond the standard library."""
    return {name.split(".")[0] for name in imports(tree(path), inside_functions)} - set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch.nn", {"torch.nn"}),
        ("from jax.numpy import sin", {"jax.numpy.sin"}),
        ("def f():\n    import sympy", {"sympy"}),
        ("try:\n    import flint\nexcept ImportError:\n    flint = None", {"flint"}),
        ("class C:\n    def f(self):\n        from torch import nn", {"torch.nn"}),
        ("import importlib\nx = importlib.import_module('reference.costs')", {"importlib", "reference.costs"}),
        ("if TYPE_CHECKING:\n    import torch", set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source, found):
    """The rules below could not fail if this did not hold."""
    assert set(imports(ast.parse(source))) == found
    at_once = set(imports(ast.parse(source), inside_functions=False))
    assert at_once == (set() if "def f" in source else found)


@over("reference")
def test_reference_imports_numpy_alone(path):
    assert outside(path) <= {"numpy", "reference"}


@over("oracles")
def test_an_oracle_knows_nothing_of_our_derivation(path):
    assert not outside(path) & ({*PACKAGES} - {"oracles"})


@over("literature")
def test_literature_imports_none_of_the_others(path):
    assert not outside(path) & ({*PACKAGES} - {"literature"})


@over(*PACKAGES)
def test_nobody_imports_the_tests(path):
    assert not outside(path) & {"tests", "pytest", "hypothesis", *(file.stem for file in TESTS.glob("*.py"))}


@over("gradproof")
def test_a_room_imports_those_it_may_and_what_is_optional_only_when_it_is_needed(path):
    room = path.relative_to(ROOT / "gradproof").parts[0].removesuffix(".py")
    assert room in MAY, "a new room: say in MAY whom it may import"
    names = {name.split(".")[1] for name in imports(tree(path)) if name.startswith("gradproof.")}
    assert {n for n in names if n in MAY} - {room} <= MAY[room]
    assert not outside(path, inside_functions=False) & OPTIONAL


@over("gradproof/pages")
def test_pages_read_evidence_and_records_alone(path):
    """Nothing is measured, drawn or evaluated while a page is made."""
    assert outside(path) <= {"gradproof", "literature", "reference", "numpy", "matplotlib"}
    records = {name.split(".")[-1] for name in imports(tree(path)) if name.startswith("reference")}
    assert records <= {"ALIASES", "CATALOGUE", "Formula", "Kink", "find", "resolve"}
    used = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    assert not used & {"random", "default_rng", "vjp"}
    called = {node.func.attr for node in ast.walk(tree(path))
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
    assert "function" not in called


# ---------------------------------------------------------------- ids, lengths


@over("gradproof")
def test_no_id_of_the_catalogue_is_written_where_a_record_could_say_it(path):
    place = path.relative_to(ROOT / "gradproof").as_posix()
    allowed = " ".join(ids for begin, ids in IDS.items() if place.startswith(begin))
    written = {n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    found = written & {*CATALOGUE, *ALIASES}
    assert allowed == "*" or found == set(allowed.split())  # and an exception that is none any more goes


@over(*PACKAGES, "benchmarks", "tests")
def test_a_file_over_400_lines_says_why_in_its_first(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400 or any(re.match(r"# Over 400 lines: \w", line) for line in lines[:20])


# ---------------------------------------------------------------- nothing is measured against nobody


@pytest.mark.parametrize(("side", "module"), {**ORACLES, **FURTHER}.items())
def test_a_side_answers_for_a_formula_or_the_record_says_why_not(side, module):
    oracle = pytest.importorskip(module, exc_type=ImportError)
    silent = {id for id in CATALOGUE if not oracle.has(id)}
    assert silent == {id for id, record in CATALOGUE.items() if record.unanswered.get(side)}


def test_no_record_excuses_a_side_that_there_is_not():
    assert {side for record in CATALOGUE.values() for side in record.unanswered} <= {*ORACLES, *FURTHER}


# ---------------------------------------------------------------- what is loaded, in a process of its own


def python(code, without=()):
    """What `code` prints in a process in which the packages `without` are not installed."""
    hidden = f"import sys\nfor name in {sorted(without)!r}:\n    sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(*arguments):
    """What is imported, by its top-level name, once a command has run (no command: once the package is imported)."""
    run = f"""
import io, contextlib
import gradproof
if {arguments!r}:
    from gradproof.cli import main
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main({list(arguments)!r})
print(*{{m.split(".")[0] for m in sys.modules}})
"""
    return set(python(run).split())


@pytest.mark.parametrize(
    "arguments",
    [(), ("--help",), ("--version",), ("audit", "--help"), ("at", "--help"), ("list",), ("show", "activation/tanh"),
     ("cite", "activation/tanh")],
    ids=lambda arguments: " ".join(arguments) or "import",
)  # fmt: skip
def test_a_command_that_needs_no_oracle_loads_none(arguments, tmp_path):
    found = loaded(*arguments, *(("--evidence", str(tmp_path)) if "show" in arguments else ()))
    assert not found & SLOW
    assert "numpy" not in found or arguments[-1:] == ("activation/tanh",) or "list" in arguments


def test_with_numpy_alone_every_module_of_ours_is_there_and_reference_answers():
    """What is missing is said when it is needed, and not before."""
    ours = [path for path in files("reference", "gradproof", "literature") if path.stem != "__main__"]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in ours]
    code = f"""
import importlib
for name in {[*names, "oracles"]!r}:
    importlib.import_module(name)
import reference
print(reference.vjp("cost/squared_error", {{"a": [[3.0, 1.0]], "y": [[1.0, 1.0]]}})[1]["a"].tolist())
"""
    assert python(code, without=SLOW) == "[[2.0, 0.0]]\n"


def test_without_any_oracle_a_point_is_still_evaluated():
    out = python(
        'from gradproof.cli import main\nsys.exit(main(["at", "activation/sigmoid", "38"]))', without=SLOW - {"scipy"}
    )
    assert "3.139132792048" in out
    assert out.count("not installed") == len(ORACLES) + 1  # and the truth
