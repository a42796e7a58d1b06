"""Where Mistral's chat is unlike OpenAI's: strict fields, flat sound, documents, short tool ids.

https://docs.mistral.ai/api (PyPI mistralai 3.7.0, read 2026-11-21). A field that Mistral does not
know is a 422, so only what stands here goes out; usage comes without being asked for.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from anymedia.contracts.text import AudioPart, FilePart, Part, TextRequest
from anymedia.providers.adapters.mistral.errors import MISTRAL_ERRORS
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.inputs import reference

TOOL_ID = re.compile(r"[a-zA-Z0-9]{9}")
FIELDS = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "stop": "stop",
    "seed": "random_seed",
    "parallel_tool_calls": "parallel_tool_calls",
    "reasoning_effort": "reasoning_effort",
}


def shown(part: Part) -> dict[str, Any] | None:
    """Sound as a plain text, documents as URLs."""
    match part:
        case AudioPart():
            # The bytes alone: a data URI's head is not part of the documented form.
            return {"type": "input_audio", "input_audio": reference(part.audio).rpartition(",")[2]}
        case FilePart():
            return {"type": "document_url", "document_url": reference(part.file)}
        case _:
            return None


def reworded(body: dict[str, Any], _: TextRequest) -> dict[str, Any]:
    """Without users' names, and with tool ids as Mistral makes them: nine letters and digits."""
    for message in body["messages"]:
        if message["role"] == "user":
            message.pop("name", None)
        if "tool_call_id" in message:
            message["tool_call_id"] = short(message["tool_call_id"])
        for call in message.get("tool_calls", ()):
            call["id"] = short(call["id"])
    return body


def short(identifier: str) -> str:
    """A foreign tool call's id in Mistral's form; the same one for the call and its answer."""
    if TOOL_ID.fullmatch(identifier):
        return identifier
    return hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()[:9]


QUIRKS = Quirks(
    errors=MISTRAL_ERRORS,
    fields=FIELDS,
    state="mistral",
    asks_for_usage=False,
    show=shown,
    reword=reworded,
)
