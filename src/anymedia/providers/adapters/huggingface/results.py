"""Files out of sub-providers' answers: raw bytes, base64, or URLs under several names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anymedia.contracts.errors import ProviderTimeout, UnreadableResponse
from anymedia.contracts.media import GeneratedArtifact, InlineArtifact, RemoteArtifact, sniffed
from anymedia.providers.adapters.huggingface.errors import HUGGINGFACE_ERRORS
from anymedia.providers.dialects.openai.errors import failure_inside, request_id
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.wire.http import HttpResponse

LISTS = ("images", "data", "output", "outputs")
SINGLES = ("video", "audio", "image", "audio_file")


def raw(response: HttpResponse) -> tuple[GeneratedArtifact, ...]:
    """The body itself; JSON there is a failure, or another form of the same."""
    declared = response.media_type() or ""
    if declared.endswith("json"):
        return files(response)
    content = response.content
    found = sniffed(content)
    unknown = found == "application/octet-stream"
    if not content or declared.startswith("text/") or (unknown and "/" not in declared):
        raise UnreadableResponse("the answer is not media", accepted="unknown")
    return (InlineArtifact(data=content, media_type=declared if unknown else found),)


def files(response: HttpResponse) -> tuple[GeneratedArtifact, ...]:
    """Every file that the JSON names."""
    body: Any = response.read(Any)
    if isinstance(body, dict) and body.get("error"):
        identifier = request_id(response, HUGGINGFACE_ERRORS)
        raise failure_inside(body, HUGGINGFACE_ERRORS, identifier)
    if isinstance(body, dict) and "output" in body and body["output"] is None:
        raise ProviderTimeout("it was not ready when the wait was over", accepted="yes")
    artifacts = tuple(taken(body))
    if not artifacts:
        raise UnreadableResponse("the answer names no file", accepted="yes")
    return artifacts


def taken(body: Any) -> Iterable[GeneratedArtifact]:
    """The files of an answer, by the names that sub-providers use."""
    if not isinstance(body, dict):
        return
    found = [body.get(name) for name in SINGLES]
    for name in LISTS:
        value = body.get(name)
        found += value if isinstance(value, list) else [value]
    for one in found:
        artifact = file(one)
        if artifact is not None:
            yield artifact


def file(one: Any) -> GeneratedArtifact | None:
    """One file: a URL, a data URI, or base64 beside its name."""
    if isinstance(one, dict):
        if isinstance(one.get("b64_json"), str):
            data = decoded(one["b64_json"])
            return InlineArtifact(data=data, media_type=sniffed(data))
        one = next((one[n] for n in ("url", "video_url") if isinstance(one.get(n), str)), None)
    if not isinstance(one, str) or not one:
        return None
    if one.startswith("data:"):
        data = decoded(one)
        return InlineArtifact(data=data, media_type=sniffed(data))
    return RemoteArtifact(url=one) if one.startswith(("https://", "http://")) else None
