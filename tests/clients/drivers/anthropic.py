"""Anthropic's own client, for providers that the dialect's own tests have not behind it."""

from __future__ import annotations

import json
from typing import Any

from anthropic import Anthropic

WEATHER: Any = {
    "name": "weather",
    "description": "Tell the weather somewhere.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
CITY = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["name", "people"],
    "additionalProperties": False,
}


def client_of(address: str) -> Anthropic:
    """The client."""
    return Anthropic(base_url=address, api_key="any", max_retries=0)


def chat(address: str, model: str, prompt: str) -> Any:
    """`messages.create`."""
    answer = client_of(address).messages.create(
        model=model, max_tokens=500, messages=[{"role": "user", "content": prompt}]
    )
    return {
        "text": words(answer),
        "finish": answer.stop_reason,
        "model": answer.model,
        "usage": counted(answer.usage),
    }


def stream(address: str, model: str, prompt: str) -> Any:
    """`messages.stream`."""
    with client_of(address).messages.stream(
        model=model, max_tokens=500, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        pieces = list(stream.text_stream)
        usage = stream.get_final_message().usage
    return {"pieces": [one for one in pieces if one], "usage": counted(usage)}


def tools(address: str, model: str, prompt: str) -> Any:
    """A call, streamed; its answer beside the blocks as they came; words about it."""
    client = client_of(address)
    messages: list[Any] = [{"role": "user", "content": prompt}]
    with client.messages.stream(
        model=model, max_tokens=500, messages=messages, tools=[WEATHER]
    ) as stream:
        asked = stream.get_final_message()
    calls: list[Any] = [one for one in asked.content if one.type == "tool_use"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": one.id,
            "content": f"8 degrees in {one.input['city']}",
        }
        for one in calls
    ]
    messages += [
        {"role": "assistant", "content": asked.content},
        {"role": "user", "content": results},
    ]
    answer = client.messages.create(model=model, max_tokens=500, messages=messages, tools=[WEATHER])
    return {"calls": [[one.name, one.input] for one in calls], "text": words(answer)}


def structured(address: str, model: str, prompt: str) -> Any:
    """`output_config` with a schema."""
    answer = client_of(address).messages.create(
        model=model,
        max_tokens=500,
        messages=[{"role": "user", "content": prompt}],
        output_config={"format": {"type": "json_schema", "schema": CITY}},
    )
    return json.loads(words(answer))


def words(message: Any) -> str:
    """What a message says."""
    return "".join(one.text for one in message.content if one.type == "text")


def counted(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage.input_tokens, usage.output_tokens]
