"""Body fields: from our names to a service's, with the caller's own options on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from anymedia.contracts.request import Request
from anymedia.wire.http import FormPart, form_field, not_unicode

CHAT_FIELDS: Mapping[str, str] = {
    "max_output_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "stop": "stop",
    "seed": "seed",
    "parallel_tool_calls": "parallel_tool_calls",
    "reasoning_effort": "reasoning_effort",
    "user": "safety_identifier",
}
"""A text request's plain fields, as OpenAI's chat names them."""

SERVER_FIELDS: Mapping[str, str] = {
    **CHAT_FIELDS,
    "max_output_tokens": "max_tokens",
    "top_k": "top_k",
    "user": "user",
}
"""The same as everyone else names them: OpenAI renamed two, the others kept the old names."""

OURS = frozenset({"api", "stream"})
"""Options that never go into a body: the first is for us, the second is the operation's choice."""


def named(request: Request[Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields that the request states, under the service's names."""
    return {
        theirs: value
        for ours, theirs in fields.items()
        if (value := getattr(request, ours)) is not None and value != ()
    }


def merged(
    body: dict[str, Any], options: Mapping[str, Any], *, without: frozenset[str] = OURS
) -> dict[str, Any]:
    """The body with the caller's options, which win; objects are merged one level deep.

    One level, so that `{"reasoning": {"summary": "auto"}}` does not lose the effort.
    """
    for name, value in options.items():
        if name in without:
            continue
        there = body.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            body[name] = {**there, **value}
        else:
            body[name] = value
    return body


def formed(name: str, value: Any) -> list[FormPart]:
    """A JSON value as form fields: lists repeat, objects stay JSON."""
    match value:
        case None:
            return []
        case list() | tuple():
            return [part for item in value for part in formed(f"{name}[]", item)]
        case dict():
            return [form_field(name, json_text(value))]
        case _:
            return [form_field(name, value)]


def json_text(value: Any) -> str:
    """A value as JSON inside a text, as arguments of tools travel."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        raise not_unicode() from None
