"""Who may import whom, and what a command loads."""

import ast
import pathlib
import subprocess
import sys

import pytest

import gradproof
import literature
import oracles
import reference

PACKAGES = (reference, oracles, gradproof, literature)
OURS = {p.__name__ for p in PACKAGES}
OPTIONAL = {
    "torch",
    "jax",
    "optax",
    "flax",
    "flint",
    "sympy",
    "ml_dtypes",
    "sklearn",
    "polars",
    "matplotlib",
    "rich",
    "jsonschema",
}
SLOW = {*OPTIONAL, "scipy", "autograd"}  # nothing of this is loaded where no oracle is needed


def modules(package):
    return sorted(pathlib.Path(package.__file__).parent.rglob("*.py"))


FILES = [path for package in PACKAGES for path in modules(package)]


def _runs_later(node):
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _is_for_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree, inside_functions=True):
    """Top-level names of everything imported, except for type checking; optionally only at import time."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            yield node.module.split(".")[0]
        elif (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not inside_functions) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            continue
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            named = [a.value for a in node.args if isinstance(a, ast.Constant)]
            yield from (name.split(".")[0] for name in named)
            yield from imports(node, inside_functions)
        else:
            yield from imports(node, inside_functions)


def outside(path, inside_functions=True):
    """What a file imports beyond the standard library."""
    return set(imports(ast.parse(path.read_text(encoding="utf-8")), inside_functions)) - set(sys.stdlib_module_names)


def name(path):
    return str(path.relative_to(pathlib.Path(reference.__file__).parents[1]))


@pytest.mark.parametrize("path", modules(reference), ids=name)
def test_reference_imports_numpy_and_special_functions_alone(path):
    assert outside(path) <= {"numpy", "scipy", "reference"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "scipy":
            assert node.module == "scipy.special"


@pytest.mark.parametrize("path", modules(oracles), ids=name)
def test_an_oracle_knows_nothing_of_our_derivation(path):
    assert not outside(path) & (OURS - {"oracles"})


@pytest.mark.parametrize("path", modules(literature), ids=name)
def test_literature_imports_none_of_the_others(path):
    assert not outside(path) & (OURS - {"literature"})


@pytest.mark.parametrize("path", modules(gradproof), ids=name)
def test_gradproof_loads_what_is_optional_only_inside_functions(path):
    assert not outside(path, inside_functions=False) & OPTIONAL


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nobody_imports_the_tests(path):
    support = {file.stem for file in pathlib.Path(__file__).parent.glob("*.py")}
    assert not outside(path) & {"tests", "pytest", "hypothesis", *support}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch.nn", {"torch"}),
        ("from jax.numpy import sin", {"jax"}),
        ("def f():\n    import sympy", {"sympy"}),
        ("try:\n    import flint\nexcept ImportError:\n    flint = None", {"flint"}),
        ("class C:\n    def f(self):\n        from torch import nn", {"torch"}),
        ("import importlib\nx = importlib.import_module('reference.costs')", {"reference"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source, found):
    """The rules above could not fail if this did not hold."""
    assert set(imports(ast.parse(source))) - set(sys.stdlib_module_names) == found


def test_only_what_runs_at_import_is_told_apart():
    source = "import numpy\ndef f():\n    import sympy\nclass C:\n    import torch\nif True:\n    import jax\n"
    assert set(imports(ast.parse(source), inside_functions=False)) == {"numpy", "torch", "jax"}


# ---------------------------------------------------------------- what is loaded, in a process of its own


def python(code, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(*arguments):
    """What is imported, by its top-level name, once a command has run (no command: once the package is imported)."""
    run = f"""
import sys, io, contextlib
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
    [(), ("--help",), ("--version",), ("audit", "--help"), ("at", "--help"), ("list",), ("show", "activation/tanh")],
    ids=lambda arguments: " ".join(arguments) or "import",
)
def test_a_command_that_needs_no_oracle_loads_none(arguments, tmp_path):
    assert not loaded(*arguments, *(("--evidence", str(tmp_path)) if "show" in arguments else ())) & SLOW


@pytest.mark.parametrize("arguments", [("--help",), ("audit", "--help"), ("--version",)], ids=" ".join)
def test_help_loads_no_numpy_either(arguments):
    assert "numpy" not in loaded(*arguments)


ROOT = pathlib.Path(gradproof.__file__).parents[1]
IMPORTABLE = [
    ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for p in modules(gradproof)
    if p.stem != "__main__"
]


def test_every_module_is_there_without_any_oracle():
    """In an installation of NumPy alone, what is missing is said when it is needed, and not before."""
    code = f"""
import sys
for name in {sorted(OPTIONAL)!r}:
    sys.modules[name] = None  # importing it raises ImportError
import importlib
for name in {[*IMPORTABLE, "reference", "literature", "oracles"]!r}:
    importlib.import_module(name)
"""
    python(code)


def test_without_any_oracle_a_point_is_still_evaluated():
    code = f"""
import sys
for name in {sorted(OPTIONAL)!r}:
    sys.modules[name] = None
from gradproof.cli import main
sys.exit(main(["at", "activation/sigmoid", "38"]))
"""
    out = python(code)
    assert "3.139132792048" in out
    assert out.count("not installed") >= 2
