"""An interpreter that has NumPy and chosen packages alone, whatever else is installed here."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment(folder, *packages):
    """The environment variables of a Python, started with -S, that finds NumPy, `packages` and the sources alone."""
    site = folder / "site"
    site.mkdir(parents=True, exist_ok=True)
    for package in ("numpy", *packages):
        files = importlib.metadata.files(package) or ()
        tops = {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(importlib.metadata.distribution(package).locate_file(top))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}


def start(words, env, **options):
    """The command line as a process of its own; its output as text."""
    command = [sys.executable, "-S", "-m", "gradproof", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **{**pipes, **options})
