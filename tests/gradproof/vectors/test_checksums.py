"""Files that are not as they were made are named; every file keeps its schema."""

import copy
import json
import shutil
from pathlib import Path

import pytest

from gradproof.lookup import UsageError
from gradproof.vectors.checksums import SUMS, lines, listed, misshapen, problems
from gradproof.vectors.schema import FLAGS, RESULTS, SCHEMAS, VECTORS

FOLDER = Path(__file__).parents[3] / "vectors"


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "vectors")
    return tmp_path / "vectors"


def test_the_committed_files_are_whole_and_keep_their_schemas():
    pytest.importorskip("jsonschema")
    assert problems(FOLDER) == []
    assert misshapen(FOLDER) == []


def test_what_is_changed_missing_or_strange_is_named(copied):
    (copied / "flags.json").write_text("{}")
    (copied / "cost/l1.float32.json").unlink()
    (copied / "cost/mine.json").write_text("{}")
    assert [p.split()[0] for p in problems(copied)] == ["cost/l1.float32.json", "flags.json", "cost/mine.json"]


@pytest.mark.parametrize("text", [None, "", "no sums\n", b"\xff\xfe"])
def test_a_folder_without_sums_is_refused(text, tmp_path):
    if text is not None:
        (tmp_path / "SHA256SUMS").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match="SHA256SUMS"):
        listed(tmp_path)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas_and_committed(name):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert json.loads((FOLDER / f"schema/{name}.json").read_text()) == SCHEMAS[name]


@pytest.mark.parametrize("schema", [VECTORS, FLAGS, RESULTS])
def test_no_object_takes_more_than_is_named(schema):
    """Every object that lists its properties refuses others."""

    def objects(node):
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node:
                yield node
            for value in node.values():
                yield from objects(value)
        elif isinstance(node, list):
            for value in node:
                yield from objects(value)

    assert list(objects(schema))
    assert all(node["additionalProperties"] is False for node in objects(schema))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.update(more=1),
        lambda c: c.pop("limit"),
        lambda c: c["tests"][0].update(result="maybe"),
        lambda c: c["tests"][0].update(result="invalid"),
        lambda c: c["tests"][0].update(directions=[]),
        lambda c: c["tests"][0]["arguments"]["z"]["data"].append("1.5"),
        lambda c: c["tests"][0]["outputs"]["value"].update(residual=[0.6]),
    ],
)
def test_a_spoilt_file_breaks_its_schema(spoil, copied):
    pytest.importorskip("jsonschema")
    path = copied / "activation/tanh.float64.json"
    content = copy.deepcopy(json.loads(path.read_text()))
    spoil(content)
    path.write_text(json.dumps(content))
    (copied / SUMS).write_text(lines(copied, ["activation/tanh.float64.json"]))  # the others need no look
    assert misshapen(copied)
