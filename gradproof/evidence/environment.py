"""What is installed here, on which machine, and which source evidence was made from."""

from __future__ import annotations

import ast
import datetime
import hashlib
import importlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof import __version__

# The frameworks: one more is a folder with the face of `oracles`, and a line here and in PACKAGES.
ORACLES = {"torch": "oracles.torch_autograd", "jax": "oracles.jax_grad"}
SIDES = ("ours", *ORACLES)  # the columns of tables
PLANNED = "ours, planned"  # of the network audit, one side more: `reference.plan`
CPU = "cpu"  # the device that frameworks compute on, if nothing is said
# What an area may use, and the packages that this comes to.
PACKAGES: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "torch": ("torch",),
    "jax": ("jax", "jaxlib", "optax"),
    "balls": ("python-flint",),
    "sympy": ("sympy",),
    "data": ("scikit-learn",),
    "16 bits": ("ml-dtypes",),
    "special functions": ("scipy",),
}


def load(name: str) -> ModuleType | None:
    """The oracle `name`, or None if its framework is not installed."""
    try:
        return importlib.import_module(ORACLES[name])
    except ImportError:
        return None


def installed(names: Iterable[str], having: str = "vjp") -> dict[str, ModuleType]:
    """Those oracles among `names` whose framework is installed and that have the function or room `having`."""
    return {name: module for name in names if (module := load(name)) and hasattr(module, having)}


def versions(uses: Iterable[str] = tuple(PACKAGES)) -> dict[str, str]:
    """Installed versions of Python and of the packages behind `uses`; "not installed" where one is missing."""
    found = {"python": platform.python_version()}
    for package in (package for use in PACKAGES if use in uses for package in PACKAGES[use]):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def cpu() -> str:
    """The processor's name and the SIMD extensions NumPy dispatches to, which decide the last bits."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name} ({', '.join(extensions()) or 'baseline'})"


def extensions() -> list[str]:
    """The SIMD extensions that NumPy uses here. Without any its functions are those of the C library, less accurate."""
    simd = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    features = getattr(simd, "__cpu_features__", {})
    groups = ("X86_V4", "X86_V3") if "X86_V3" in features else ("AVX512_SKX", "AVX2")  # of NumPy ≥ 2.4, and before
    return [f for f in (*groups, "ASIMD") if features.get(f)]


def header(uses: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The first line of evidence: what it was made with. `given` are the options that the area really used."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "gradproof": __version__,
        "made": now.isoformat(timespec="seconds"),
        **given,
        "source": source_hash("reference", "oracles"),
        "versions": versions(uses),
        "cpu": cpu(),
    }


def source_hash(*packages: str) -> str:
    """Hash of the source of the named packages: evidence made from other formulas is stale.

    Only code counts: comments, docstrings and layout do not change it, nor does the version of Python.
    """
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(str(importlib.import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            source = _canonical(ast.parse(path.read_text(encoding="utf-8")))
            digest.update(path.relative_to(folder).as_posix().encode() + source.encode())
    return digest.hexdigest()[:16]


def _canonical(node: Any) -> str:
    """A syntax tree as text, without docstrings and without the empty fields that later versions of Python add."""
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if isinstance(node, ast.JoinedStr):  # Python 3.12 ends a nested format with an empty string
        fields["values"] = [part for part in node.values if getattr(part, "value", None) != ""]
    documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    if documented and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
        fields["body"] = fields["body"][1:]
    return f"{type(node).__name__}({','.join(f'{name}={_canonical(value)}' for name, value in fields.items())})"
