"""A provider that calls, in three manners, and jobs that wait for its calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from anymedia import AsyncClient
from anymedia.client.handle import AsyncJobHandle
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job, JobState, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.engine.transport import Outgoing
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import (
    Brief,
    Callback,
    Job as Operation,
    Pace,
    Provider,
    Report,
    Submitted,
    Webhook,
)
from anymedia.testing.samples import png
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get, post
from anymedia.wire.shape import Shape, read
from anymedia.wire.signature import StandardWebhooks, standard_headers
from tests.support.transport import ScriptedTransport, answer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXc="
HOME = "https://caller.example"
PICTURE = f"{HOME}/files/1.png"
RARELY = Pace(first_seconds=900.0, longest_seconds=900.0)
"""Who is asked this rarely is heard by its calls, or not at all."""
SIGNED = Webhook(signature=StandardWebhooks(), reliable=True)
UNSIGNED = Webhook()


class Work(Shape):
    """A piece of work."""

    id: str
    state: str = "running"
    url: str | None = None


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """One POST."""
    response = yield post("/work", json={"prompt": request.prompt, "to": brief.callback_url})
    return Submitted(handle=response.read(Work).id)


def poll(handle: str) -> Exchange[JobState]:
    """One GET."""
    response = yield get(f"/work/{handle}")
    return state_of(response.read(Work))


def state_of(work: Work) -> JobState:
    """Where it stands."""
    if work.state != "done" or work.url is None:
        return Running()
    return Succeeded(artifacts=(RemoteArtifact(url=work.url),), usage=Usage(images=1))


def read_callback(body: bytes, _: Headers) -> Callback:
    """A call holds what polling tells."""
    work = read(body, Work)
    return Callback(handle=work.id, state=state_of(work))


def secret() -> Exchange[str]:
    """The account's secret."""
    response = yield get("/secret")
    return response.read(Work).id


def caller(webhook: Webhook = SIGNED, pace: Pace = RARELY) -> Provider:
    """The provider."""
    return Provider(
        name="caller",
        title="Caller",
        base_url=HOME,
        auth=NoAuth(),
        operations=(
            Operation(
                ImageRequest,
                submit,
                poll,
                recovery=Report(wait_seconds=3600.0),
                pace=pace,
                read_callback=read_callback,
            ),
        ),
        explain=ErrorTable(),
        webhook=webhook,
    )


def work(identifier: str = "w_1", state: str = "done", url: str | None = PICTURE) -> bytes:
    """What a call says."""
    return msgspec.json.encode({"id": identifier, "state": state, "url": url})


def signed(
    body: bytes, *, key: str = SECRET, identifier: str = "msg_1", age_seconds: float = 0.0
) -> Headers:
    """The headers of a call."""
    return Headers(standard_headers((key,), identifier, int(time.time() - age_seconds), body))


def picture() -> HttpResponse:
    """What lies at `PICTURE`."""
    return HttpResponse(200, png(64, 64), {"content-type": "image/png"})


@dataclass
class Bench:
    """A client whose network the test plays."""

    directory: Path
    webhook: Webhook = field(default_factory=lambda: SIGNED)
    pace: Pace = field(default_factory=lambda: RARELY)
    webhook_secret: str | None = SECRET

    def __post_init__(self) -> None:
        self.transport = ScriptedTransport()
        self.stands: dict[str, str] = {}
        """How the provider says that work stands, by its id."""
        self.secret = SECRET
        self.answers: dict[str, Callable[[Outgoing], HttpResponse]] = {}
        """What else is answered, by path."""
        self.transport.otherwise = self.answered
        self.client = AsyncClient(
            Settings(gateway=GatewaySettings(public_url="https://gateway.example")),
            data_dir=self.directory,
            transport=self.transport,
        )
        self.client.providers.register(caller(self.webhook, self.pace))
        key = None if self.webhook_secret is None else SecretStr(self.webhook_secret)
        self.client.providers.register(ProviderSettings(name="caller", webhook_secret=key))

    def answered(self, outgoing: Outgoing) -> HttpResponse:
        """The provider."""
        path = outgoing.url.removeprefix(HOME)
        if path in self.answers:
            return self.answers[path](outgoing)
        if path == "/secret":
            return answer({"id": self.secret})
        if path.startswith("/files/"):
            return picture()
        if outgoing.method == "POST":
            identifier = f"w_{len(self.stands) + 1}"
            self.stands[identifier] = "running"
            return answer({"id": identifier})
        identifier = path.rpartition("/")[2]
        return answer({"id": identifier, "state": self.stands[identifier], "url": PICTURE})

    @property
    def asked(self) -> list[str]:
        """What was asked for, as method and path, since the submission."""
        return [f"{one.method} {one.url.removeprefix(HOME)}" for one in self.transport.sent]

    async def submitted(self) -> tuple[AsyncJobHandle, str]:
        """A job that the provider has, and the token of its calls."""
        request: Any = ImageRequest(prompt="a kite", model="caller/one")
        handle = await self.client.submit(request)
        await handle.submitted()
        to = self.transport.bodies()[-1]["to"]
        assert to.startswith("https://gateway.example/webhooks/caller/")
        return handle, str(to.rpartition("/")[2])

    async def call(self, token: str | None, body: bytes, headers: Headers | None = None) -> Any:
        """The provider calls."""
        heads = signed(body) if headers is None else headers
        return await self.client.webhooks.received(token, body, heads, provider="caller")


async def ended(handle: AsyncJobHandle) -> Job:
    """The job at its end; real time is a backstop only."""
    await handle.wait(timeout_seconds=15)
    return handle.job
