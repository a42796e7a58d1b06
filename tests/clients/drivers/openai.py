"""OpenAI's own client, for providers that the dialect's own tests have not behind it."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

from openai import OpenAI
from pydantic import BaseModel

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def client_of(address: str) -> OpenAI:
    """The client."""
    return OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)


def chat(address: str, model: str, prompt: str) -> Any:
    """`chat.completions.create`."""
    answer = client_of(address).chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}]
    )
    return {
        "text": answer.choices[0].message.content,
        "finish": answer.choices[0].finish_reason,
        "model": answer.model,
        "usage": counted(answer.usage),
    }


def stream(address: str, model: str, prompt: str) -> Any:
    """`chat.completions.create(stream=True)`."""
    chunks = list(
        client_of(address).chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = [one.choices[0].delta.content for one in chunks if one.choices]
    return {"pieces": [one for one in said if one], "usage": counted(chunks[-1].usage)}


def tools(address: str, model: str, prompt: str) -> Any:
    """A call, streamed; its answer beside the message as it came; words about it."""
    client = client_of(address)
    messages: list[Any] = [{"role": "user", "content": prompt}]
    with client.chat.completions.stream(model=model, messages=messages, tools=[WEATHER]) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = [(one, json.loads(one.function.arguments)) for one in message.tool_calls or ()]
    messages.append(message)
    messages += [
        {"role": "tool", "tool_call_id": one.id, "content": f"8 degrees in {given['city']}"}
        for one, given in calls
    ]
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    return {
        "calls": [[one.function.name, given] for one, given in calls],
        "text": answer.choices[0].message.content,
    }


def structured(address: str, model: str, prompt: str) -> Any:
    """`chat.completions.parse`."""
    answer = client_of(address).chat.completions.parse(
        model=model, messages=[{"role": "user", "content": prompt}], response_format=City
    )
    found = answer.choices[0].message.parsed
    assert isinstance(found, City)
    return found.model_dump()


def chat_by_responses(address: str, model: str, prompt: str) -> Any:
    """`responses.create`."""
    answer = client_of(address).responses.create(model=model, input=prompt)
    return {
        "text": answer.output_text,
        "finish": answer.status,
        "model": answer.model,
        "usage": counted_by_responses(answer.usage),
    }


def stream_by_responses(address: str, model: str, prompt: str) -> Any:
    """`responses.stream`."""
    with client_of(address).responses.stream(model=model, input=prompt) as stream:
        pieces = [one.delta for one in stream if one.type == "response.output_text.delta"]
        usage = stream.get_final_response().usage
    return {"pieces": [one for one in pieces if one], "usage": counted_by_responses(usage)}


def tools_by_responses(address: str, model: str, prompt: str) -> Any:
    """A call, streamed; its answer beside the items as they came; words about it."""
    client = client_of(address)
    items: list[Any] = [{"role": "user", "content": prompt}]
    offered: list[Any] = [{"type": "function", **WEATHER["function"]}]
    with client.responses.stream(model=model, input=items, tools=offered) as stream:
        output = stream.get_final_response().output
    calls: list[Any] = [
        (one, json.loads(one.arguments)) for one in output if one.type == "function_call"
    ]
    items += output
    items += [
        {
            "type": "function_call_output",
            "call_id": one.call_id,
            "output": f"8 degrees in {given['city']}",
        }
        for one, given in calls
    ]
    answer = client.responses.create(model=model, input=items, tools=offered)
    return {"calls": [[one.name, given] for one, given in calls], "text": answer.output_text}


def structured_by_responses(address: str, model: str, prompt: str) -> Any:
    """`responses.parse`."""
    answer = client_of(address).responses.parse(model=model, input=prompt, text_format=City)
    found = answer.output_parsed
    assert isinstance(found, City)
    return found.model_dump()


def embedding(address: str, model: str, texts: list[str]) -> Any:
    """`embeddings.create`, which asks for packed numbers and unpacks them."""
    made = client_of(address).embeddings.create(model=model, input=texts)
    return {"vectors": [one.embedding for one in made.data]}


def image(address: str, model: str, prompt: str) -> Any:
    """`images.generate`."""
    made = client_of(address).images.generate(model=model, prompt=prompt)
    return {"images": [one.b64_json for one in made.data or ()]}


def edit(address: str, model: str, prompt: str, picture: str) -> Any:
    """`images.edit`."""
    given = ("picture.png", base64.b64decode(picture))
    made = client_of(address).images.edit(model=model, image=given, prompt=prompt)
    return {"images": [one.b64_json for one in made.data or ()]}


def speech(address: str, model: str, text: str, voice: str, form: Any) -> Any:
    """`audio.speech.create`."""
    spoken = client_of(address).audio.speech.create(
        model=model, voice=voice, input=text, response_format=form
    )
    return {"sound": base64.b64encode(spoken.read()).decode()}


def transcription(address: str, model: str, sound: str) -> Any:
    """`audio.transcriptions.create`."""
    heard = client_of(address).audio.transcriptions.create(
        model=model, file=("talk.wav", base64.b64decode(sound))
    )
    return {"text": heard.text}


def video(address: str, model: str, prompt: str) -> Any:
    """`videos.create_and_poll`, then `videos.download_content`."""
    client = client_of(address)
    with warnings.catch_warnings():
        # It says that OpenAI's own clips have ended; the form lives on.
        warnings.simplefilter("ignore", DeprecationWarning)
        made = client.videos.create_and_poll(model=model, prompt=prompt, poll_interval_ms=50)
        if made.status != "completed":
            raise RuntimeError(f"{made.status}: {made.error}")
        clip = client.videos.download_content(made.id).read()
    return {"model": made.model, "video": base64.b64encode(clip).decode()}


def counted_by_responses(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage.input_tokens, usage.output_tokens]


def counted(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage.prompt_tokens, usage.completion_tokens]
