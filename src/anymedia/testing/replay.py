"""Recorded exchanges, played back through the whole engine.

What was recorded is asked for in the same order for each method and path. Addresses at other
hosts than the provider's own are not played back.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anymedia.contracts.errors import InvalidRequest
from anymedia.providers.spec import Provider
from anymedia.wire.auth import NoAuth
from anymedia.wire.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request, as far as it is compared, and what was answered."""

    method: str
    path: str
    """Of the URL, without host and query."""
    response: HttpResponse = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> Recorded:
        """One from a JSON file.

        It holds `request` (`method`, `url`) and `response` (`status`, `headers`, and the body as
        `json`, `text` or `base64`).
        """
        case: dict[str, Any] = json.loads(file.read_text("utf-8"))
        asked, told = case["request"], case["response"]
        return cls(
            asked["method"],
            urlsplit(asked["url"]).path,
            HttpResponse(told["status"], body(told), told.get("headers", {})),
        )


def body(response: dict[str, Any]) -> bytes:
    """The recorded bytes, in whichever form they are kept."""
    if "json" in response:
        return json.dumps(response["json"]).encode()
    if "text" in response:
        return str(response["text"]).encode("utf-8", "surrogatepass")
    return base64.b64decode(response.get("base64", ""))


class Playback:
    """The far end: answers with what was recorded."""

    def __init__(self, recorded: Iterable[Recorded]) -> None:
        self.left = list(recorded)
        """What nobody has asked for yet."""
        self.requests: list[HttpRequest] = []

    def respond(self, request: HttpRequest, now: datetime) -> HttpResponse:
        """The next answer to such a request."""
        self.requests.append(request)
        for one in self.left:
            if (one.method, one.path) == (request.method, request.path):
                self.left.remove(one)
                told = one.response
                return HttpResponse(told.status, told.content, told.headers)
        raise InvalidRequest(f"nothing is recorded for {request.method} {request.path}")

    def stream(self, request: HttpRequest, now: datetime) -> tuple[HttpResponse, Iterator[bytes]]:
        """The same, as a stream of one piece."""
        response = self.respond(request, now)
        return response, iter((response.content,) if response.content else ())


def replaying(provider: Provider, recorded: Iterable[Recorded]) -> Provider:
    """The provider, answered by what was recorded. It needs no key."""
    home = urlsplit(provider.base_url)
    return replace(
        provider,
        base_url=f"replay-{provider.name}://{home.netloc}{home.path}",
        auth=NoAuth(),
        in_process=Playback(recorded),
    )
