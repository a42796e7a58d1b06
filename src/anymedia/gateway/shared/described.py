"""What OpenAPI says of a dialect's routes: taken from what reads their bodies, where that is code.

A body's schema is made of the struct that reads it and of the bounds of the contract that it
becomes, so that neither can say what the other refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]
Schemas: TypeAlias = dict[str, Schema]

PLACE = "#/components/schemas/"
JSON = "application/json"
EVENTS = "text/event-stream"
BOUNDS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "pattern", "enum", "const"),
    }
)
STRING: Schema = {"type": "string"}
BYTES: Schema = {"type": "string", "format": "binary"}
MANY = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One route."""

    summary: str
    answers: Mapping[str, Schema]
    """What it answers with when all is well, by media type."""
    status: int = 200
    asks: Mapping[str, Schema] = field(default_factory=dict)
    """The body it takes, by media type; none unless said."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Bodies that work with the built-in provider, by media type."""
    parameters: tuple[Schema, ...] = ()
    """Of the address and the headers, beside those in the path."""


def ref(name: str) -> Schema:
    """A schema by its name among the components."""
    return {"$ref": f"{PLACE}{name}"}


def query(name: str, schema: Schema, description: str) -> Schema:
    """A parameter of the address."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, schema: Schema, description: str) -> Schema:
    """A header that changes what is done."""
    return {"name": name, "in": "header", "schema": schema, "description": description}


IDEMPOTENCY = header(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "The same key with the same request is the same work, done and paid for once.",
)


def read_by(
    name: str,
    struct: type[msgspec.Struct],
    *,
    becomes: type[BaseModel] | None = None,
    names: Mapping[str, str] | None = None,
    fields: Mapping[str, Schema] | None = None,
) -> Schemas:
    """The schema of a body, under a name, with those that it is made of.

    `becomes` is the contract whose bounds hold for it, `names` the struct's words for the
    contract's fields where they differ, `fields` what the struct leaves to other readers.
    """
    template = f"{PLACE}{name}{{name}}"
    _, found = msgspec.json.schema_components((struct,), ref_template=template)
    schemas = {f"{name}{part}": schema for part, schema in found.items()}
    whole = schemas.pop(f"{name}{struct.__name__}")
    whole["title"] = name
    properties = whole["properties"]
    for one, schema in (fields or {}).items():
        properties[one] = schema
    if becomes is not None:
        theirs = becomes.model_json_schema()["properties"]
        for field_name, schema in theirs.items():
            ours = (names or {}).get(field_name, field_name)
            if ours in properties and ours not in (fields or {}):
                bind(properties[ours], schema)
    for schema in properties.values():
        if schema.get("default", ...) is None:
            del schema["default"]  # left out and null mean the same
    return {name: whole, **schemas}


def bind(ours: Schema, theirs: Schema) -> None:
    """Let a schema say the bounds of another, kind by kind."""
    bounds = {
        one["type"]: {key: value for key, value in one.items() if key in BOUNDS}
        for one in variants(theirs)
        if "type" in one
    }
    for one in variants(ours):
        found = bounds.get(one.get("type", ""))
        if found is None and one.get("type") == "integer":
            found = bounds.get("number")
        one.update(found or {})


def variants(schema: Schema) -> list[Schema]:
    """The schema itself, or those of which one has to fit."""
    for word in MANY:
        if word in schema:
            return [inner for one in schema[word] for inner in variants(one)]
    return [schema]


def an_object(
    required: Mapping[str, Schema], further: Mapping[str, Schema] | None = None
) -> Schema:
    """An object with what is always there, and with what may be."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(further or {})},
    }


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema:
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def a_list(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}
