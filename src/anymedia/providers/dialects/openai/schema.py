"""JSON Schema as strict mode wants it.

Strict output needs every object closed and every property required, and takes no keywords beside
a `$ref` (docs, "Structured Outputs", 2026-11). Schemas that classes generate are almost like
that; this does the rest, as the official client does in its `parse`. Whatever fits the strict
schema also fits the given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTS = ("anyOf", "allOf", "prefixItems")
TABLES = ("properties", "$defs", "definitions")


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, closed."""
    return closed(dict(schema), schema, frozenset())


def closed(
    schema: dict[str, Any], root: Mapping[str, Any], under: frozenset[str]
) -> dict[str, Any]:
    """One schema and all below it; `under` are the references being spelt out around it."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and len(schema) > 1:
        target = found(reference, root)
        if target is None or reference in under:
            return {"$ref": reference}
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return closed({**target, **beside}, root, under | {reference})
    result = {name: value for name, value in schema.items() if name not in {"$schema", "default"}}
    for name in TABLES:
        if isinstance(result.get(name), dict):
            result[name] = {
                key: closed(value, root, under) if isinstance(value, dict) else value
                for key, value in result[name].items()
            }
    for name in LISTS:
        if isinstance(result.get(name), list):
            result[name] = [
                closed(value, root, under) if isinstance(value, dict) else value
                for value in result[name]
            ]
    if isinstance(result.get("items"), dict):
        result["items"] = closed(result["items"], root, under)
    kind = result.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        result.setdefault("additionalProperties", False)
        if isinstance(result.get("properties"), dict):
            result["required"] = list(result["properties"])
    return result


def found(reference: str, root: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a reference into the same document points at."""
    here: Any = root
    if not reference.startswith("#/"):
        return None
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(here, dict):
            return None
        here = here.get(step.replace("~1", "/").replace("~0", "~"))
    return here if isinstance(here, dict) else None
