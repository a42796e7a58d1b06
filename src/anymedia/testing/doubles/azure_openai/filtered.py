"""The content filter that stands before and behind every model of Azure's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from anymedia.testing.doubles.openai import Endpoint
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.chat import last_words
from anymedia.testing.doubles.openai.failures import Failure
from anymedia.testing.doubles.openai.mind import FORBIDDEN

LOOKED_AT = frozenset({"text", "image"})
KINDS = ("hate", "self_harm", "sexual", "violence")
CLEAN = {kind: {"filtered": False, "severity": "safe"} for kind in KINDS}
CAUGHT = CLEAN | {"violence": {"filtered": True, "severity": "medium"}}


def filtered(endpoint: Endpoint, asked: Asked) -> Response:
    """The endpoint's answer with the filter's findings; what is caught is a 400."""
    medium = asked.models[str(asked.fields.get("model"))].medium
    if medium in LOOKED_AT and FORBIDDEN in prompt(asked.fields):
        raise caught()
    response = endpoint(asked)
    if "messages" not in asked.fields:
        return response
    if isinstance(response, StreamingResponse):
        return announced(response)
    body = json.loads(bytes(response.body))
    for choice in body["choices"]:
        choice["content_filter_results"] = CLEAN
    return JSONResponse({**body, "prompt_filter_results": found()})


def prompt(fields: dict[str, Any]) -> str:
    """The words that are looked at."""
    if isinstance(messages := fields.get("messages"), list):
        return last_words(messages)
    return f"{fields.get('prompt', '')} {json.dumps(fields.get('input', ''))}"


def caught() -> Failure:
    """The failure of a prompt that the filter does not let pass."""
    failure = Failure(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry.",
        code="content_filter",
        param="prompt",
    )
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": CAUGHT}
    failure.body["error"]["innererror"] = inner
    return failure


def found() -> list[dict[str, Any]]:
    """What the filter thinks of a prompt."""
    return [{"prompt_index": 0, "content_filter_results": CLEAN}]


def announced(response: StreamingResponse) -> Response:
    """A stream that begins with the filter's findings, in a chunk without choices."""
    head: dict[str, Any] = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    first = f"data: {json.dumps({**head, 'prompt_filter_results': found()})}\n\n"

    async def pieces() -> AsyncIterator[Any]:
        yield first
        async for piece in response.body_iterator:
            yield piece

    return StreamingResponse(pieces(), media_type=response.media_type)
