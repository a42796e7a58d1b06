"""JSON Schema as strict mode wants it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st
from pydantic import BaseModel, Field

from anymedia.providers.dialects.openai.schema import strict


class Street(BaseModel):
    """A part of a city."""

    name: str = "Main"
    inside: Street | None = None


class City(BaseModel):
    """A city."""

    main: Street = Field(description="Its main street")
    others: list[Street] = []
    twin: City | None = Field(default=None, description="Far away")


def every(schema: Any) -> list[dict[str, Any]]:
    """All objects inside a schema, itself first."""
    if isinstance(schema, dict):
        return [schema, *(found for value in schema.values() for found in every(value))]
    if isinstance(schema, list):
        return [found for value in schema for found in every(value)]
    return []


def test_objects_are_closed_and_everything_is_required() -> None:
    """All the way down; defaults mean nothing when all is required."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "default": {"type": "string", "default": "x"},
            "inner": {"type": "array", "items": {"type": ["object", "null"], "properties": {}}},
        },
        "required": [],
    }
    assert strict(schema) == {
        "type": "object",
        "properties": {
            "default": {"type": "string"},
            "inner": {
                "type": "array",
                "items": {
                    "type": ["object", "null"],
                    "properties": {},
                    "additionalProperties": False,
                    "required": [],
                },
            },
        },
        "additionalProperties": False,
        "required": ["default", "inner"],
    }


def test_the_given_schema_is_left_as_it_was() -> None:
    """It is the caller's."""
    schema = {"type": "object", "properties": {"a": {"type": "object", "default": {}}}}
    strict(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "object", "default": {}}}}


def test_a_class_that_contains_itself_comes_to_an_end() -> None:
    """References with words beside them are spelt out, others stay references."""
    closed = strict(City.model_json_schema())
    for found in every(closed):
        if found.get("type") == "object" and "properties" in found:
            assert found["additionalProperties"] is False
            assert found["required"] == list(found["properties"])
        if "$ref" in found and isinstance(found["$ref"], str):
            assert list(found) == ["$ref"]
    main = closed["$defs"]["City"]["properties"]["main"]
    assert main["description"] == "Its main street"
    assert main["properties"]["name"]["type"] == "string"


def test_a_reference_to_nowhere_stays_as_it_is() -> None:
    """The provider says what is wrong with it."""
    for reference in ("#/$defs/Gone", "https://example.com/schema", "#/$defs/a/b"):
        schema = {"properties": {"a": {"$ref": reference, "title": "A"}}, "$defs": {"a": 3}}
        assert strict(schema)["properties"]["a"] == {"$ref": reference}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "$ref", "$defs", "default", "required"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_any_json_object_can_be_closed(schema: dict[str, Any]) -> None:
    """What is no schema at all does not crash either, and closing twice changes nothing."""
    assert strict(strict(schema)) == strict(schema)
