"""Recorded answers of real providers, for tests to check adapters with.

They lie beside the repository and are not part of it; where they are absent the tests that want
them are skipped and say so.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.event import StreamPiece
from anymedia.providers.spec import Decoder
from anymedia.wire.http import HttpResponse
from anymedia.wire.sse import SseParser

FOLDER = Path(__file__).parents[3] / "shared" / "recordings"
TORN = (1, 7, 4096)
"""Sizes in which streams are fed, so that events, lines and characters are cut anywhere."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange that took place, and what a correct adapter makes of it."""

    provider: str
    name: str
    path: str
    """Of the URL, without its host and query."""
    request: dict[str, Any]
    response: HttpResponse
    streaming: bool
    expect: dict[str, Any]
    group: str | None
    """Exchanges of one job share this."""

    def head(self) -> HttpResponse:
        """The response before its body."""
        return HttpResponse(self.response.status, b"", self.response.headers)


@cache
def recordings(provider: str) -> tuple[Recording, ...]:
    """All of a provider's; none where the folder is absent."""
    files = sorted((FOLDER / provider).glob("*.json"))
    return tuple(recording(json.loads(file.read_text("utf-8"))) for file in files)


def recording(case: dict[str, Any]) -> Recording:
    """One case as a value."""
    url = case["request"]["url"].partition("://")[2]
    return Recording(
        provider=case["provider"],
        name=case["case"],
        path="/" + url.partition("/")[2].partition("?")[0],
        request=case["request"],
        response=HttpResponse(
            case["response"]["status"], body(case["response"]), case["response"]["headers"]
        ),
        streaming=bool(case.get("streaming")),
        expect=case.get("expect", {}),
        group=case.get("group"),
    )


def body(response: dict[str, Any]) -> bytes:
    """The recorded bytes, in whichever of the three forms they are kept."""
    if "json" in response:
        return json.dumps(response["json"]).encode()
    if "text" in response:
        return str(response["text"]).encode("utf-8", "surrogatepass")
    return base64.b64decode(response.get("base64", ""))


def cases(*providers: str) -> list[Any]:
    """Parameters for `pytest.mark.parametrize`: every recording, or one skip with its reason."""
    found = [one for provider in providers for one in recordings(provider)]
    if not found:
        reason = f"no recordings of {', '.join(providers)} at {FOLDER.name} beside the repository"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    return [pytest.param(one, id=one.name) for one in found]


def torn(content: bytes, size: int) -> Iterator[bytes]:
    """The bytes in pieces."""
    return (content[start : start + size] for start in range(0, len(content), size))


def streamed(decoder: Decoder, content: bytes, size: int = 4096) -> list[StreamPiece]:
    """What a decoder makes of a stream that comes in pieces of `size` bytes."""
    parser = SseParser()
    pieces: list[StreamPiece] = []
    for chunk in torn(content, size):
        for event in parser.feed(chunk):
            pieces.extend(decoder.feed(event))
    for event in parser.end():
        pieces.extend(decoder.feed(event))
    pieces.extend(decoder.end())
    return pieces


def agrees(said: str | None, expected: dict[str, Any] | None) -> bool:
    """Whether a text is the expected one, which is told by its length and hash."""
    words = said or ""
    if expected is None:
        return words == ""
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return len(words) == expected["chars"] and digest.startswith(expected["sha256"])


def parts(pieces: Iterable[StreamPiece], kind: str) -> str:
    """The fragments of one kind, joined."""
    return "".join(getattr(one, "text", "") for one in pieces if one.kind == kind)
