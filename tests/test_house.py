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
PACKAGES = {  # what of ours each may import
    "reference": {"reference"},
    "oracles": {"oracles"},  # one that knew our derivation would prove nothing
    "literature": {"literature"},
    "gradproof": {"reference", "oracles", "literature", "gradproof"},
}
OPTIONAL = {
    *("torch", "jax", "optax", "flax", "flint", "sympy", "ml_dtypes", "array_api_compat", "sklearn", "matplotlib"),
    *("rich", "jsonschema", "cffi", "distributed", "mpi4py", "sphinx", "myst_parser", "pydata_sphinx_theme"),
    *("sphinx_copybutton", "sphinxcontrib", "docutils", "markdown_it"),
}
SLOW = {*OPTIONAL, "scipy", "autograd"}  # nothing of this is loaded where no oracle is needed
TESTS = {"tests", "pytest", "hypothesis", *(file.stem for file in pathlib.Path(__file__).parent.glob("*.py"))}

COMMON = {"evidence", "lookup", "tasks"}
WINGS = ("blocks", "checks", "networks", "training", "conventions", "claims", "sweeps", "vectors", "yours")
MAY = {  # room of gradproof: the other rooms that it may import
    **{room: set() for room in ("evidence", "cases")},
    "lookup": {"claims"},  # for the names that frameworks give to formulas
    "__init__": {"yours"},  # when it is first asked for
    **{room: {"evidence"} for room in ("tasks", "pages")},
    "workers": {"evidence", "lookup"},
    **{wing: {"answers", "cases", *COMMON} for wing in WINGS},
    "claims": {"answers", "cases", *COMMON, "workers"},  # whose processes end with their parents
    "parts": {"evidence", "lookup"},
    "executors": {"evidence", "lookup", "workers"},
    "sweeps": {"answers", "cases", *COMMON, "executors", "parts"},
    "answers": {"cases", "evidence", "lookup"},
    "audit": {*WINGS, *COMMON, "answers", "cases", "executors", "pages", "parts"},
    "commands": {
        "answers",
        "audit",
        "cases",
        "console",
        "executors",
        "pages",
        "site",
        *COMMON,
        "sweeps",
        "training",
        "vectors",
        "workers",
        "yours",
    },  # doctor: settings of updates
    "console": {"audit"},  # for a type
    "site": {"audit", "commands", "pages", *COMMON},  # audit: the reports; commands: how to cite
    "cli": {"audit", "commands", "console", "executors", *COMMON},
    "__main__": {"cli"},
    "pytest_plugin": {"cases", "evidence", "lookup", "yours"},
}
IDS = {  # the places of gradproof where ids of the catalogue may be written out, and which: * for all
    "answers/variants.py": "update/adafactor update/adagrad update/amsgrad update/asgd update/madgrad update/muon "
    "update/nadam update/polyak_sgd update/radam update/rprop",  # done differently
    "cases/": "*",
    "claims/covered.py": "*",
    "claims/proofs.py": "update/adafactor update/lamb update/momo_adam update/prodigy",  # undecided
    "conventions/": "*",
    "networks/configurations.py": "*",
    "training/settings.py": "*",
    "vectors/flags.py": "activation/sigmoid activation/tanh activation/hardsigmoid activation/hardswish",  # public bugs
    "vectors/inputs.py": "cost/nt_xent cost/linear_cross_entropy cost/adaptive_log_softmax",  # labels of another kind
    "networks/blame.py": "network/bp1 network/bp2 network/bp3 network/bp4",  # what it blames where no formula is wrong
}


def over(*folders):
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.relative_to(ROOT).as_posix())


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
    assert set(imports(ast.parse(source), inside_functions=False)) == (set() if "def f" in source else found)


@over(*PACKAGES)
def test_a_package_imports_those_it_may_and_never_the_tests(path):
    package, found = path.relative_to(ROOT).parts[0], outside(path)
    assert found & {*PACKAGES} <= PACKAGES[package]
    assert not found & TESTS - ({"pytest"} if path.stem == "pytest_plugin" else set())
    assert package != "reference" or found <= {"numpy", "reference"}


@over("gradproof")
def test_a_room_imports_those_it_may_and_what_is_optional_only_when_it_is_needed(path):
    room = path.relative_to(ROOT / "gradproof").parts[0].removesuffix(".py")
    assert room in MAY, "a new room: say in MAY whom it may import"
    names = {name.split(".")[1] for name in imports(tree(path)) if name.startswith("gradproof.")}
    assert (names & {*MAY}) - {room} <= MAY[room]
    assert not outside(path, inside_functions=False) & OPTIONAL


@over("gradproof/pages", "gradproof/site")
def test_pages_read_evidence_and_records_alone(path):
    """Nothing is measured, drawn or evaluated while a page is made."""
    built_by = {"docutils", "markdown_it", "myst_parser", "sphinx", "sphinx_copybutton", "sphinxcontrib"}
    shown_by = {"matplotlib"} if "pages" in path.parts else {*built_by, "pydata_sphinx_theme"}
    assert outside(path) <= {"gradproof", "literature", "reference", "numpy", *shown_by}
    records = {name.split(".")[-1] for name in imports(tree(path)) if name.startswith("reference")}
    assert records <= {"ALIASES", "CATALOGUE", "Formula", "Kink", "find", "resolve"}
    assert not any(name.startswith("numpy.random") for name in imports(tree(path)))
    nodes = [*ast.walk(tree(path))]
    assert not {n.attr for n in nodes if isinstance(n, ast.Attribute)} & {"random", "default_rng", "vjp"}
    assert not any(isinstance(n, ast.Call) and ast.unparse(n.func).endswith(".function") for n in nodes)


# ---------------------------------------------------------------- ids, lengths, answers


@over("gradproof")
def test_no_id_of_the_catalogue_is_written_where_a_record_could_say_it(path):
    place = path.relative_to(ROOT / "gradproof").as_posix()
    allowed = " ".join(ids for begin, ids in IDS.items() if place.startswith(begin))
    found = {n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant)} & {*CATALOGUE, *ALIASES}
    assert allowed == "*" or found == set(allowed.split())  # an exception that is none any more goes


@over(*PACKAGES, "benchmarks", "tests")
def test_a_file_over_400_lines_says_why_in_its_first(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 400 or any(re.match(r"# Over 400 lines: \w", line) for line in lines[:20])


def test_what_is_no_module_travels_with_the_package():
    """Every file beside the modules is named in the package data, and every name there is one of a file."""
    tomllib = pytest.importorskip("tomllib")
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    data = {ROOT / package.replace(".", "/") / pattern for package, patterns in named.items() if package != "*"
            for pattern in patterns}  # fmt: skip
    typed = {ROOT / package / "py.typed" for package in PACKAGES}
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*")
             if path.is_file() and path.suffix not in (".py", ".pyc")}  # fmt: skip
    assert all(path.exists() for path in typed)
    assert {path for path in files - typed if not any(path.match(str(pattern)) for pattern in data)} == set()
    assert all(any(path.match(str(pattern)) for path in files) for pattern in data)


@pytest.mark.parametrize(("side", "module"), {**ORACLES, **FURTHER}.items())
def test_a_side_answers_for_a_formula_or_the_record_says_why_not(side, module):
    """Nothing is measured against nobody, and no reason outlives its time."""
    assert {side for record in CATALOGUE.values() for side in record.unanswered} <= {*ORACLES, *FURTHER}
    oracle = pytest.importorskip(module, exc_type=ImportError)
    silent = {id for id in CATALOGUE if not oracle.has(id)}
    assert silent == {id for id, record in CATALOGUE.items() if record.unanswered.get(side)}


# ---------------------------------------------------------------- what is loaded, in a process of its own


def python(code, without=()):
    """What `code` prints in a process in which the packages `without` are not installed."""
    code = f"import sys\nsys.modules.update(dict.fromkeys({sorted(without)!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["", "--version", "--help", "audit --help", "at --help", "sweep --help", "list",
                                     "cite activation/elu", "show activation/elu --evidence nowhere"])  # fmt: skip
def test_a_command_that_needs_no_oracle_loads_none(command):
    run = f"""
import contextlib, io, gradproof
if {command!r}:
    from gradproof.cli import main
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main({command.split()!r})
print(*{{m.split(".")[0] for m in sys.modules}})
"""
    found = {*python(run).split()}
    assert "gradproof" in found
    assert not found & SLOW
    assert ("numpy" in found) == ("/" in command or command == "list")


def test_with_numpy_alone_every_module_of_ours_is_there_and_reference_answers():
    """What is missing is said when it is needed, and not before."""
    paths = (p for package in ("reference", "gradproof", "literature") for p in (ROOT / package).rglob("*.py"))
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths if p.stem not in ("__main__", "__init__")
    ]
    code = f"""
import importlib, reference
for name in {[*names, "oracles"]!r}:
    importlib.import_module(name)
print(reference.vjp("cost/squared_error", {{"a": [[3.0, 1.0]], "y": [[1.0, 1.0]]}})[1]["a"].tolist())
"""
    assert python(code, without=SLOW) == "[[2.0, 0.0]]\n"


def test_without_any_oracle_a_point_is_still_evaluated_and_judged():
    out = python('from gradproof.cli import main\nsys.exit(main(["at", "activation/sigmoid", "38"]))', without=SLOW)
    assert out.count("3.1391327920480296e-17") == 2  # truth and ours
    assert out.count("not installed") == len(ORACLES)
