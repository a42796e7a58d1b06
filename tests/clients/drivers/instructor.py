"""Instructor: answers as objects, by a tool, by a schema or by mere JSON, in both languages."""

from __future__ import annotations

from typing import Any

import instructor
from anthropic import Anthropic
from openai import OpenAI
from pydantic import BaseModel


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def asked(address: str, model: str, prompt: str, mode: instructor.Mode) -> Any:
    """A city, and what its answer took."""
    client: Any
    if mode.name.startswith("ANTHROPIC"):
        client = instructor.from_anthropic(
            Anthropic(base_url=address, api_key="any", max_retries=0), mode=mode
        )
    else:
        client = instructor.from_openai(
            OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0), mode=mode
        )
    found, answer = client.create_with_completion(
        model=model,
        response_model=City,
        messages=[{"role": "user", "content": prompt}],
        max_tokens=500,
        max_retries=0,
    )
    assert answer.model.startswith(model)
    assert isinstance(found, City)
    return found.model_dump()


def structured(address: str, model: str, prompt: str) -> Any:
    """`Mode.JSON_SCHEMA`."""
    return asked(address, model, prompt, instructor.Mode.JSON_SCHEMA)


def structured_by_tool(address: str, model: str, prompt: str) -> Any:
    """`Mode.TOOLS`."""
    return asked(address, model, prompt, instructor.Mode.TOOLS)


def structured_by_tool_in_anthropics_language(address: str, model: str, prompt: str) -> Any:
    """`Mode.ANTHROPIC_TOOLS`."""
    return asked(address, model, prompt, instructor.Mode.ANTHROPIC_TOOLS)


def structured_in_pieces(address: str, model: str, prompt: str) -> Any:
    """`create_partial`: the object as it fills."""
    client = instructor.from_openai(
        OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0),
        mode=instructor.Mode.TOOLS,
    )
    grown = client.create_partial(
        model=model, response_model=City, messages=[{"role": "user", "content": prompt}]
    )
    *_, whole = grown
    return whole.model_dump()
