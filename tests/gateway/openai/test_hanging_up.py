"""Whoever hangs up is not worked for any longer: the provider is hung up on, too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.support.face import facing, served

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.engine.transport import Incoming, Outgoing
from anymedia.wire.http import HttpResponse

CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "and "}}]}\n\n'
PACE_SECONDS = 0.02


class Talker:
    """A provider that never comes to an end, and notices when nobody listens any more."""

    def __init__(self) -> None:
        self.hung_up = threading.Event()
        self.app = Starlette(routes=[Route("/v1/chat/completions", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        """Talk for ever."""
        asked = await request.json()
        assert asked["stream"]
        return StreamingResponse(self.talk(), media_type="text/event-stream")

    async def talk(self) -> AsyncIterator[bytes]:
        """Words without end."""
        try:
            while True:
                yield CHUNK
                await asyncio.sleep(PACE_SECONDS)
        finally:
            self.hung_up.set()


@pytest.fixture
def talker() -> Talker:
    """A fresh one."""
    return Talker()


@pytest.fixture
def address(talker: Talker, tmp_path: Path) -> Iterator[str]:
    """A gateway before it."""
    with (
        served(talker.app) as upstream,
        facing(settings_at(upstream, tmp_path), tmp_path) as address,
    ):
        yield address


def settings_at(upstream: str, directory: Path) -> Settings:
    """One provider, which speaks OpenAI's language."""
    provider = {"name": "local", "dialect": "openai", "base_url": f"{upstream}/v1"}
    return Settings(
        providers=(ProviderSettings.model_validate(provider),), data_dir=str(directory / "data")
    )


OPENAI: dict[str, Any] = {
    "model": "local/talker",
    "messages": [{"role": "user", "content": "Go on"}],
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": OPENAI,
    "/v1/responses": {"model": "local/talker", "input": "Go on"},
    "/v1/messages": {**OPENAI, "max_tokens": 99},
}


@pytest.mark.parametrize("path", BODIES)
def test_leaving_a_stream_stops_the_provider(address: str, talker: Talker, path: str) -> None:
    """After the first words."""
    with httpx.Client(base_url=address, timeout=20) as client:
        with client.stream("POST", path, json={**BODIES[path], "stream": True}) as answer:
            for line in answer.iter_lines():
                if "and " in line:
                    break
        assert talker.hung_up.wait(10)


class Silence:
    """A network on which nobody ever answers."""

    def __init__(self) -> None:
        self.given_up = threading.Event()

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        """Wait for ever."""
        async with self.stream(outgoing):
            raise AssertionError("nobody answers")

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        """Wait for ever."""
        try:
            await asyncio.Event().wait()
            yield Incoming(HttpResponse(204, b""), self.nothing())
        finally:
            self.given_up.set()

    async def nothing(self) -> AsyncIterator[bytes]:
        """No bytes."""
        yield b""

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("path", BODIES)
def test_not_waiting_for_an_answer_ends_the_work(path: str, tmp_path: Path) -> None:
    """Before anything was said."""
    silence = Silence()
    with (
        facing(settings_at("http://127.0.0.1:9", tmp_path), tmp_path, transport=silence) as address,
        httpx.Client(base_url=address, timeout=httpx.Timeout(20, read=0.5)) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            client.post(path, json=BODIES[path])
        assert silence.given_up.wait(10)
