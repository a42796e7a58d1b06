"""What the double's models make of a `generateContent` request.

A prompt with the word `forbidden` is blocked, one with `forbidden-late` only when it is answered.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.google.failures import Failure
from anymedia.testing.doubles.openai.mind import FORBIDDEN, echo, sample, tokens, words
from anymedia.testing.films import area
from anymedia.testing.samples import pcm, png, wav

LATE = "forbidden-late"
THOUGHT = "Hm."
THOUGHT_TOKENS = 16
IMAGE_TOKENS = 1120
HEARD = "Hello there."
SIGNATURE = base64.b64encode(b"signed by the double").decode()
SIDES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
"""A square's side."""
KNOWN = frozenset(
    (
        *("contents", "systemInstruction", "tools", "toolConfig", "safetySettings"),
        *("cachedContent", "generationConfig", "serviceTier", "model"),
    )
)
THEIRS = frozenset(
    (
        *("args", "response", "labels", "parameters", "parametersJsonSchema", "responseSchema"),
        "responseJsonSchema",
    )
)
"""What is the caller's own, and not spelt by Google."""
CONFIGURED = frozenset(
    (
        *("maxOutputTokens", "stopSequences", "seed", "candidateCount", "temperature", "topP"),
        *("topK", "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs"),
        *("responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"),
        *("imageConfig", "speechConfig", "thinkingConfig", "mediaResolution", "responseFormat"),
    )
)


def spelt(value: Any) -> Any:
    """A body with one spelling: Google takes `snake_case` too, and its own client uses both."""
    if isinstance(value, list):
        return [spelt(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, inner in value.items():
        first, *rest = name.split("_")
        camel = first + "".join(word.title() for word in rest)
        found[camel] = inner if camel in THEIRS else spelt(inner)
    return found


def checked(body: dict[str, Any], *, vertex: bool) -> None:
    """Refuse what the API does not know, and turns that do not fit together."""
    known = KNOWN | ({"labels"} if vertex else frozenset())
    strange = [*(body.keys() - known), *(body.get("generationConfig", {}).keys() - CONFIGURED)]
    if strange:
        raise Failure(400, f'Invalid JSON payload received. Unknown name "{strange[0]}"')
    if not body.get("contents"):
        raise Failure(400, "* GenerateContentRequest.contents: contents is not specified")
    asked = 0
    for turn in body["contents"]:
        if turn.get("role", "user") not in {"user", "model"} or not turn.get("parts"):
            raise Failure(400, "Please use a valid role: user, model.")
        answers = sum("functionResponse" in part for part in turn["parts"])
        if answers != asked:
            raise Failure(400, "The number of function response parts should equal the calls")
        asked = sum("functionCall" in part for part in turn["parts"])


def signed(body: dict[str, Any], model: Model) -> None:
    """Refuse calls that come back without the signature they were made with."""
    if model.settings.get("thinking", "level") != "level":
        return
    for turn in body["contents"]:
        calls = [part for part in turn["parts"] if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            raise Failure(
                400, "Function call is missing a thought_signature in functionCall parts."
            )


def prompt_of(body: dict[str, Any]) -> str:
    """The last words that were said, or else what a function answered."""
    parts = body["contents"][-1]["parts"]
    said = [part["text"] for part in parts if part.get("text")]
    answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
    told = [str(value) for one in answers for value in (one.get("response") or {}).values()]
    return str((said or told or [""])[-1])


def answered(body: dict[str, Any], model: Model, number: int) -> dict[str, Any]:
    """The whole answer."""
    prompt = prompt_of(body)
    head = {"modelVersion": model.id, "responseId": f"resp-{number}"}
    counts: dict[str, Any] = {"promptTokenCount": tokens(json.dumps(body["contents"]))}
    if FORBIDDEN in prompt and LATE not in prompt:
        feedback = {"blockReason": "PROHIBITED_CONTENT"}
        return {**head, "promptFeedback": feedback, "usageMetadata": counts}
    reason = "STOP"
    if LATE in prompt:
        parts: list[dict[str, Any]] = []
        reason = "IMAGE_SAFETY" if model.medium == "image" else "SAFETY"
    else:
        parts = made(body, model, prompt)
    counts |= counted(parts)
    if any(part.get("thought") for part in parts):
        counts["thoughtsTokenCount"] = THOUGHT_TOKENS
    counts["totalTokenCount"] = sum(
        value for name, value in counts.items() if name.endswith("TokenCount")
    )
    content = {"role": "model", **({"parts": parts} if parts else {})}
    candidate = {"index": 0, "content": content, "finishReason": reason}
    return {**head, "candidates": [candidate], "usageMetadata": counts}


def counted(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What an answer's parts come to."""
    spoken = sum(tokens(json.dumps(part)) for part in parts if "inlineData" not in part)
    kinds = [
        part["inlineData"]["mimeType"].partition("/")[0] for part in parts if "inlineData" in part
    ]
    listed = [
        {"modality": kind.upper(), "tokenCount": IMAGE_TOKENS if kind == "image" else 25}
        for kind in kinds
    ]
    total = spoken + sum(int(one["tokenCount"]) for one in listed)
    found: dict[str, Any] = {"candidatesTokenCount": total}
    return {**found, "candidatesTokensDetails": listed} if listed else found


def made(body: dict[str, Any], model: Model, prompt: str) -> list[dict[str, Any]]:
    """The parts of an answer."""
    wanted = body.get("generationConfig", {})
    modalities = wanted.get("responseModalities", ["TEXT"])
    if "IMAGE" in modalities:
        form = wanted.get("imageConfig", {})
        size = area(SIDES[form.get("imageSize", "1K")], form.get("aspectRatio", "1:1"))
        return [media("image/png", png(*size)) | {"thoughtSignature": SIGNATURE}]
    if "AUDIO" in modalities:
        if model.settings.get("style") == "metadata":
            return [media("audio/wav", wav(1))]
        return [media("audio/L16;codec=pcm;rate=24000", pcm(1))]
    if prompt.startswith("Transcribe") or any(
        part.get("inlineData", {}).get("mimeType", "").startswith("audio/")
        for part in body["contents"][-1]["parts"]
    ):
        return [{"text": HEARD}]
    return [*thoughts(wanted), *said(body, wanted, prompt)]


def media(mime_type: str, data: bytes) -> dict[str, Any]:
    """A part with bytes."""
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}


def thoughts(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """What it shows of its thoughts."""
    shown = wanted.get("thinkingConfig", {}).get("includeThoughts")
    return [{"text": THOUGHT, "thought": True}] if shown else []


def said(body: dict[str, Any], wanted: dict[str, Any], prompt: str) -> list[dict[str, Any]]:
    """A call of the first tool, JSON by a schema, or an echo."""
    declared = [
        one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())
    ]
    choice = body.get("toolConfig", {}).get("functionCallingConfig", {})
    told = any("functionResponse" in part for part in body["contents"][-1]["parts"])
    if declared and not told and choice.get("mode") != "NONE":
        allowed = choice.get("allowedFunctionNames") or [declared[0]["name"]]
        tool = next(one for one in declared if one["name"] == allowed[0])
        arguments = sample(tool.get("parametersJsonSchema") or {"type": "object"})
        call = {"name": tool["name"], "args": arguments}
        return [{"functionCall": call, "thoughtSignature": SIGNATURE}]
    if wanted.get("responseMimeType") == "application/json":
        schema = wanted.get("responseJsonSchema") or {"type": "object"}
        return [{"text": json.dumps(sample(schema))}]
    return [{"text": echo(prompt)}]


def streamed(whole: dict[str, Any]) -> Iterator[str]:
    """The answer in pieces; nothing marks the end."""
    for piece in pieces(whole):
        yield f"data: {json.dumps(piece)}\r\n\r\n"


def pieces(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Texts word by word; the finish reason comes with the last."""
    if "candidates" not in whole:
        yield whole
        return
    (candidate,) = whole["candidates"]
    parts = [
        {**part, "text": word} if "text" in part else part
        for part in candidate["content"].get("parts", [{"text": ""}])
        for word in (words(part["text"]) if part.get("text") else [""])
    ]
    for place, part in enumerate(parts):
        one: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": [part]}}
        if place == len(parts) - 1:
            one["finishReason"] = candidate["finishReason"]
        yield {**whole, "candidates": [one]}
