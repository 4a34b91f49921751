"""What each kind of file looks like, as JSON Schema; nothing beyond what is named here may stand in one."""

from __future__ import annotations

from typing import Any

VERSION = "1"  # of the vectors: new wherever a test is changed or removed
VECTORS_SCHEMA, FLAGS_SCHEMA, RESULTS_SCHEMA = "gradproof-vectors-1", "gradproof-flags-1", "gradproof-results-1"

Schema = dict[str, Any]
NUMBER = r"^(-?0x[01](\.[0-9a-f]+)?p[+-][0-9]+|-?inf|nan)$"


def _object(required: Schema, **optional: Any) -> Schema:
    """An object with these properties and no others."""
    return {"type": "object", "properties": {**required, **optional}, "required": list(required),
            "additionalProperties": False}  # fmt: skip


def _by_name(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _root(title: str, body: Schema, defs: Schema) -> Schema:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **body, "$defs": defs}


_text: Schema = {"type": "string"}
_words: Schema = _list(_text)
_floats = _object({"shape": _ref("shape"), "data": _list(_ref("number"))})

_test = _object(
    {
        "id": {"type": "integer", "minimum": 1},
        "group": {"enum": ["normal", "edge", "kink", "tail"]},
        "result": {"enum": ["valid", "acceptable", "invalid"]},
        "flags": _list({"type": "string", "pattern": "^[A-Z][A-Za-z]+$"}, uniqueItems=True),
        "comment": _text,
        "parameters": _by_name(
            {"type": ["number", "string", "boolean", "array"], "items": {"type": ["string", "number", "array"]}}
        ),
        "arguments": {**_by_name(_ref("array")), "minProperties": 1},
    },
    cotangent=_by_name(_ref("array")),
    outputs=_by_name(_ref("exact")),
    gradients=_by_name(_ref("exact")),
    directions=_list(_ref("direction"), minItems=1),
)
_test["allOf"] = [
    {"if": {"properties": {"result": {"const": "invalid"}}},
     "then": {"properties": {"outputs": False, "gradients": False, "directions": False}},
     "else": {"required": ["outputs", "gradients"]}},
    {"if": {"properties": {"result": {"const": "acceptable"}}},
     "then": {"required": ["directions"]}, "else": {"properties": {"directions": False}}},
]  # fmt: skip

VECTORS = _root(
    "Vectors of one formula in one dtype",
    _object(
        {
            "schema": {"const": VECTORS_SCHEMA},
            "version": {"const": VERSION},
            "formula": {"type": "string", "pattern": "^[a-z]+/[a-z0-9_]+$"},
            "dtype": {"enum": ["float16", "bfloat16", "float32", "float64"]},
            "title": _text,
            "statement": _text,
            "derivative": _text,
            "assumptions": _words,
            "defaults": _by_name({"type": ["number", "string"]}),
            "limit": {"type": "number", "minimum": 4},
            "tests": _list(_ref("test"), minItems=1),
        }
    ),
    {
        "number": {"type": "string", "pattern": NUMBER},
        "shape": _list({"type": "integer", "minimum": 0}),
        "array": {"oneOf": [_floats, _object({"shape": _ref("shape"), "integers": _list({"type": "integer"})})]},
        "exact": _object(
            {"shape": _ref("shape"), "data": _list({"anyOf": [_ref("number"), {"type": "null"}]})},
            residual=_list({"type": "number", "minimum": -0.5, "maximum": 0.5}),
            forgiven=_list({"type": "number", "minimum": 0}),
        ),
        "direction": _object(
            {"argument": _text, "direction": _ref("array"), "left": _ref("number"), "right": _ref("number"),
             "slack": _ref("number")}
        ),
        "test": _test,
    },
)  # fmt: skip

FLAGS = _root(
    "What the tests are there to find",
    _object(
        {
            "schema": {"const": FLAGS_SCHEMA},
            "version": {"const": VERSION},
            "flags": _by_name(_object({"bug": _text, "hidden": _text, "seen": {**_words, "minItems": 1}})),
        }
    ),
    {},
)

_answers = _by_name(_list({"type": ["number", "string"]}))

RESULTS = _root(
    "What a program answered to the vectors",
    _object(
        {
            "schema": {"const": RESULTS_SCHEMA},
            "version": {"const": VERSION},
            "results": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "propertyNames": {"pattern": "^[1-9][0-9]*$"},
                    "additionalProperties": {
                        "oneOf": [
                            _object({"outputs": _answers}, gradients=_answers),
                            _object({"refused": {"const": True}}),
                        ]
                    },
                },
            },
        },
        program=_text,
        sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
    ),
    {},
)

SCHEMAS = {"vectors": VECTORS, "flags": FLAGS, "results": RESULTS}
