"""JSON Schema as structured output takes it.

Every object is closed, and limits on numbers, texts and lists are refused (docs, "Structured
outputs", 2026-11). They are told in the description instead, where the model reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LISTS = ("anyOf", "allOf")
TABLES = ("properties", "$defs", "definitions")
LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties"),
)
FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema, closed and without what is refused."""
    if isinstance(schema.get("$ref"), str):
        kept = {name: schema[name] for name in ("$ref", "$defs", "definitions") if name in schema}
        return {name: inside(name, value) for name, value in kept.items()}
    told = [f"{name}: {schema[name]}" for name in refused(schema)]
    taken = refused(schema)
    result = {name: value for name, value in schema.items() if name not in taken}
    if "oneOf" in result:
        result.setdefault("anyOf", result.pop("oneOf"))
    result = {name: inside(name, value) for name, value in result.items()}
    kind = result.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        result["additionalProperties"] = False
    if told:
        words = f"{result.get('description') or ''}\n\n({', '.join(told)})".strip()
        result["description"] = words
    return result


def refused(schema: Mapping[str, Any]) -> list[str]:
    """The keywords of one schema that the API does not take."""
    names = [name for name in LIMITS if name in schema]
    if schema.get("minItems", 0) not in (0, 1):
        names.append("minItems")
    if "format" in schema and str(schema["format"]) not in FORMATS:
        names.append("format")
    return names


def inside(name: str, value: Any) -> Any:
    """The schemas below one keyword."""
    if name in TABLES and isinstance(value, dict):
        return {
            key: strict(inner) if isinstance(inner, dict) else inner for key, inner in value.items()
        }
    if name in LISTS and isinstance(value, list):
        return [strict(inner) if isinstance(inner, dict) else inner for inner in value]
    if name == "items" and isinstance(value, dict):
        return strict(value)
    return value


def loses(schema: Any) -> bool:
    """Whether anything in a schema is told in words only."""
    match schema:
        case dict():
            return bool(refused(schema)) or any(
                loses(inner)
                for name, value in schema.items()
                for inner in (
                    value.values() if name in TABLES and isinstance(value, dict) else [value]
                )
                if name in {*TABLES, *LISTS, "oneOf", "items"}
            )
        case list():
            return any(loses(inner) for inner in schema)
        case _:
            return False
