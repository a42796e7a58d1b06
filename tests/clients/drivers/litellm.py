"""LiteLLM as a library: `completion`, `embedding`, `image_generation`, in both languages."""

from __future__ import annotations

import json
import os
from typing import Any

# Else it fetches a list of prices from the network while it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def asked(address: str, model: str, prompt: str, **further: Any) -> Any:
    """A completion; its prefix says in which language LiteLLM speaks."""
    messages = further.pop("messages", None) or [{"role": "user", "content": prompt}]
    return litellm.completion(
        model=f"openai/{model}",
        api_base=f"{address}/v1",
        api_key="any",
        messages=messages,
        num_retries=0,
        **further,
    )


def chat(address: str, model: str, prompt: str) -> Any:
    """`completion`."""
    return told(asked(address, model, prompt))


def stream(address: str, model: str, prompt: str) -> Any:
    """`completion(stream=True)`."""
    return pieces(
        asked(address, model, prompt, stream=True, stream_options={"include_usage": True})
    )


def tools(address: str, model: str, prompt: str) -> Any:
    """A call, its answer beside the message as it came, and words about it."""
    messages: list[Any] = [{"role": "user", "content": prompt}]
    message = asked(address, model, prompt, tools=[WEATHER]).choices[0].message
    calls = [(one, arguments_of(one)) for one in message.tool_calls]
    messages.append(message)
    messages += [
        {"role": "tool", "tool_call_id": one.id, "content": f"8 degrees in {given['city']}"}
        for one, given in calls
    ]
    answer = asked(address, model, prompt, tools=[WEATHER], messages=messages)
    return {
        "calls": [[one.function.name, given] for one, given in calls],
        "text": answer.choices[0].message.content,
    }


def structured(address: str, model: str, prompt: str) -> Any:
    """`response_format` as a class of pydantic's."""
    answer = asked(address, model, prompt, response_format=City)
    return City.model_validate_json(answer.choices[0].message.content).model_dump()


def embedding(address: str, model: str, texts: list[str]) -> Any:
    """`embedding`."""
    made = litellm.embedding(
        model=f"openai/{model}", api_base=f"{address}/v1", api_key="any", input=texts
    )
    return {"vectors": [one["embedding"] for one in made.data]}


def image(address: str, model: str, prompt: str) -> Any:
    """`image_generation`."""
    made = litellm.image_generation(
        model=f"openai/{model}", api_base=f"{address}/v1", api_key="any", prompt=prompt
    )
    return {"images": [one.b64_json for one in made.data]}


def chat_in_anthropics_language(address: str, model: str, prompt: str) -> Any:
    """`completion` of a model that LiteLLM takes for Anthropic's."""
    return told(in_anthropics_language(address, model, prompt))


def stream_in_anthropics_language(address: str, model: str, prompt: str) -> Any:
    """The same as it comes."""
    return pieces(
        in_anthropics_language(
            address, model, prompt, stream=True, stream_options={"include_usage": True}
        )
    )


def in_anthropics_language(address: str, model: str, prompt: str, **further: Any) -> Any:
    """A message."""
    return litellm.completion(
        model=f"anthropic/{model}",
        api_base=address,
        api_key="any",
        messages=[{"role": "user", "content": prompt}],
        max_tokens=500,
        num_retries=0,
        **further,
    )


def told(answer: Any) -> Any:
    """What a whole answer says."""
    return {
        "text": answer.choices[0].message.content,
        "finish": answer.choices[0].finish_reason,
        "model": answer.model,
        "usage": counted(answer.usage),
    }


def pieces(answer: Any) -> Any:
    """What a stream says."""
    chunks = list(answer)
    (usage,) = [one.usage for one in chunks if getattr(one, "usage", None)]
    said = [one.choices[0].delta.content for one in chunks if one.choices]
    return {"pieces": [one for one in said if one], "usage": counted(usage)}


def arguments_of(call: Any) -> Any:
    """Of a tool call."""
    return json.loads(call.function.arguments)


def counted(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage.prompt_tokens, usage.completion_tokens]
