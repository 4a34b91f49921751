"""What is published: the source archive has everything, the wheel the packages alone, and all name one version."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import gradproof

ROOT = Path(__file__).parents[1]
PACKAGES = {"reference", "oracles", "gradproof", "literature"}
OURS = {"PKG-INFO", "setup.cfg"}  # what setuptools adds
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
TEXT = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def made(what, source, folder):
    """The archive that setuptools makes of the sources in a folder."""
    done = subprocess.run([sys.executable, "-c", BUILD, f"build_{what}", folder], cwd=source, capture_output=True,
                          text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def files():
    """The files of the repository."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no repository here: the archive was made of one")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def unpacked(files, tmp_path_factory):
    """The source archive, unpacked."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("package")
    for name in files:
        place = folder / "tree" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place)
    with tarfile.open(made("sdist", folder / "tree", folder)) as archive:
        archive.extractall(folder / "sdist", filter="data")
    (source,) = (folder / "sdist").iterdir()
    return source


def test_the_source_archive_has_every_file_of_the_repository(unpacked, files):
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    added = {name for name in found if name in OURS or name.startswith("gradproof.egg-info/")}
    assert found - added == set(files)


def test_the_wheel_has_the_packages_and_what_they_read_and_no_tests(unpacked, files, tmp_path):
    with zipfile.ZipFile(made("wheel", unpacked, tmp_path)) as wheel:
        names, (about,) = wheel.namelist(), [name for name in wheel.namelist() if name.endswith("/METADATA")]
        metadata = message_from_bytes(wheel.read(about))
        size = sum(entry.compress_size for entry in wheel.infolist())
    inside = {name for name in names if not name.startswith(f"gradproof-{gradproof.__version__}.dist-info/")}
    assert inside == {name for name in files if name.split("/")[0] in PACKAGES}
    assert size < 4e6
    assert (metadata["Name"], metadata["Version"]) == ("gradproof", gradproof.__version__)
    assert metadata.get_payload(decode=True).decode().strip() == README.strip()
    assert "check" in metadata.get_all("Provides-Extra")
    assert any(line.startswith("numpy") and "extra" not in line for line in metadata.get_all("Requires-Dist"))


def test_there_is_one_version():
    assert 'dynamic = ["version"]' in TEXT["pyproject.toml"]
    assert re.search(r"^version: (\S+)$", TEXT["CITATION.cff"], re.MULTILINE)[1] == gradproof.__version__
    assert re.search(r"^## (\S+), ", TEXT["CHANGELOG.md"], re.MULTILINE)[1] == gradproof.__version__


def test_there_is_one_address():
    """It is written where packages keep it, and in the citation; nobody has invented one."""
    urls = re.search(r"^\[project\.urls\]\n((?:\w.*\n)*)", TEXT["pyproject.toml"], re.MULTILINE)[1]
    cited = re.search(r'^repository-code: "?([^\s"]+)', TEXT["CITATION.cff"], re.MULTILINE)
    assert re.findall(r'^Source = "(.+)"', urls) == ([cited[1]] if cited else [])


def test_the_readme_names_the_versions_that_the_package_takes():
    said = re.search(r"^Python (\S+) to (\S+); torch (\S+) and jax (\S+) or later", README, re.MULTILINE).groups()
    text = TEXT["pyproject.toml"]
    pythons = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)
    needed = [
        re.search(pattern, text)[1] for pattern in (r'requires-python = ">=(.*)"', r'"torch>=(.*)"', r'"jax>=(.*)"')
    ]
    assert said == (needed[0], pythons[-1], needed[1], needed[2])
    assert pythons[0] == needed[0]
