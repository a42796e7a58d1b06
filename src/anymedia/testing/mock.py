"""A provider that does as it is told: content, latency, failures and cost, all in this process.

mock = MockProvider(text="Hello", script=("rate_limit", "ok"), cost="0.01")
with Client({"providers": {}}, providers=[mock.provider], data_dir=...) as client:
    client.text("Hi", provider="mock")
assert len(mock.requests) == 2
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.providers.spec import Provider
from anymedia.testing.mocked import OPERATIONS, TASKS, explain
from anymedia.testing.samples import mp3, mp4, png, wav
from anymedia.wire.auth import NoAuth
from anymedia.wire.http import HttpRequest, HttpResponse

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}
Deed: TypeAlias = Literal[
    "ok",
    "rate_limit",
    "auth",
    "credits",
    "refusal",
    "server",
    "overloaded",
    "garbage",
    "cut",
]
FAILURES: dict[str, tuple[int, str]] = {
    "rate_limit": (429, "too_many"),
    "auth": (401, "wrong_key"),
    "credits": (402, "no_credit"),
    "refusal": (400, "refused"),
    "server": (500, "broken"),
    "overloaded": (503, "overloaded"),
}
CONTENT: dict[Medium, tuple[str, Callable[[], bytes]]] = {
    "image": ("image/png", lambda: png(64, 64)),
    "video": ("video/mp4", mp4),
    "audio": ("audio/mpeg", lambda: mp3(1.0)),
    "speech": ("audio/wav", lambda: wav(1.0)),
}


@dataclass(slots=True, kw_only=True)
class MockProvider:
    """How the provider behaves, and what it was asked."""

    name: str = "mock"
    text: str | Callable[[str], str] = "This is what the mock says."
    """What it answers, and hears; or a function of the prompt."""
    content: Mapping[Medium, tuple[str, bytes]] = field(default_factory=dict)
    """Files with their media types, instead of small samples."""
    cost: Decimal | str | None = None
    """US dollars that it reports for everything that it makes."""
    latency_seconds: float = 0.0
    polls: int = 2
    """How often a job is asked for before it is done."""
    script: Iterable[Deed] = ()
    """What happens to submissions one after another; all is well after the last."""
    failure_rate: float = 0.0
    failures: tuple[Deed, ...] = ("server",)
    """What happens to so great a share of the submissions that no script speaks of."""
    seed: int = 0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    requests: list[HttpRequest] = field(default_factory=list, init=False)
    """Submissions that came."""
    invoice: list[Decimal] = field(default_factory=list, init=False)
    _script: deque[Deed] = field(init=False, repr=False)
    _chance: random.Random = field(init=False, repr=False)
    _jobs: dict[str, tuple[Medium, int]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._script = deque(self.script)
        self._chance = random.Random(self.seed)  # noqa: S311  it plays dice, it guards nothing

    @property
    def provider(self) -> Provider:
        """The provider, for `Client(providers=[...])` and `client.providers.register`."""
        return Provider(
            name=self.name,
            title=self.name.title(),
            base_url=f"{self.name}://local",
            auth=NoAuth(),
            operations=OPERATIONS,
            explain=explain,
            models=tuple(
                Model(
                    id=f"{self.name}-{medium}",
                    provider=self.name,
                    medium=medium,
                    tasks=tasks,
                    source="anymedia.testing",
                    as_of=date(2026, 11, 21),
                )
                for medium, tasks in TASKS.items()
            ),
            in_process=self,
        )

    # --- the far end ----------------------------------------------------------------------

    def respond(self, request: HttpRequest, now: datetime) -> HttpResponse:
        """The whole answer to a request."""
        head, pieces = self.stream(request, now)
        head.content = b"".join(pieces)
        return head

    def stream(self, request: HttpRequest, now: datetime) -> tuple[HttpResponse, Iterator[bytes]]:
        """The head of the answer, and its body in pieces."""
        kind, _, rest = request.path.strip("/").partition("/")
        if request.method == "GET":
            return whole(self._looked_up(kind, rest))
        self.requests.append(request)
        if self.latency_seconds:
            self.sleep(self.latency_seconds)
        deed = self._next()
        if deed == "cut":
            raise ConnectionResetError
        if deed == "garbage":
            return whole(HttpResponse(200, b"<html>bad gateway</html>"))
        if deed != "ok":
            status, code = FAILURES[deed]
            headers = {**JSON, **({"retry-after": "0"} if status == 429 else {})}
            body = {"error": {"code": code, "message": f"the mock was told: {deed}"}}
            return whole(HttpResponse(status, msgspec.json.encode(body), headers))
        return self._made(kind, request.json)

    def _next(self) -> Deed:
        if self._script:
            return self._script.popleft()
        fails = self._chance.random() < self.failure_rate
        return self._chance.choice(self.failures) if fails else "ok"

    def _made(self, kind: str, body: Any) -> tuple[HttpResponse, Iterator[bytes]]:
        cost = None if self.cost is None else Decimal(self.cost)
        if cost is not None:
            self.invoice.append(cost)
        told: dict[str, Any] = {"cost": None if cost is None else str(cost)}
        prompt = str(body.get("prompt", ""))
        match kind:
            case "text" | "transcription":
                words = self.text(prompt) if callable(self.text) else self.text
                told |= {"text": words, "asked": len(prompt.split()), "said": len(words.split())}
                if body.get("stream"):
                    return HttpResponse(200, b"", EVENTS), events(told)
            case "embedding":
                told["vectors"] = [[1.0, float(len(one))] for one in body["inputs"]]
            case "video" | "audio":
                name = f"job-{len(self._jobs) + 1}"
                self._jobs[name] = (kind, self.polls)
                told["id"] = name
            case _:
                told["url"] = f"{self.name}://local/files/{kind}"
        return whole(HttpResponse(200, msgspec.json.encode(told), JSON))

    def _looked_up(self, kind: str, rest: str) -> HttpResponse:
        if kind == "files":
            media_type, data = self._file(rest)
            return HttpResponse(200, data, {"content-type": media_type})
        if kind == "account":
            return HttpResponse(200, b"{}", JSON)
        if rest not in self._jobs:
            return HttpResponse(404, b'{"error": {"message": "no such job"}}', JSON)
        medium, left = self._jobs[rest]
        self._jobs[rest] = (medium, left - 1)
        url = f"{self.name}://local/files/{medium}" if left <= 0 else None
        return HttpResponse(200, msgspec.json.encode({"id": rest, "url": url}), JSON)

    def _file(self, medium: Any) -> tuple[str, bytes]:
        if medium in self.content:
            return self.content[medium]
        media_type, make = CONTENT[medium]
        return media_type, make()


def whole(response: HttpResponse) -> tuple[HttpResponse, Iterator[bytes]]:
    """A response as a stream of one piece."""
    return response, iter((response.content,) if response.content else ())


def events(told: dict[str, Any]) -> Iterator[bytes]:
    """An answer word by word, then the answer."""
    for word in told["text"].split(" "):
        yield b"event: word\ndata: " + msgspec.json.encode(word) + b"\n\n"
    yield b"event: end\ndata: " + msgspec.json.encode(told) + b"\n\n"
