"""The dialects' routes on loopback, over a real client, with as little of a gateway as they need."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.types import Scope

from anymedia.client.aio import AsyncClient, AsyncJobsView
from anymedia.client.batches import AsyncBatchesView
from anymedia.clock import Clock, SystemClock
from anymedia.contracts.configuration import Alias, ProviderSettings, Settings
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker
from anymedia.engine.transport import Transport
from anymedia.gateway.anthropic import anthropic_routes
from anymedia.gateway.openai import openai_routes
from anymedia.gateway.spec import RequestT
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble

CALLER = "tester"
LIMIT_BYTES = 4 * 1024 * 1024


@dataclass
class Face:
    """A gateway of one caller who may do everything."""

    client: AsyncClient
    directory: Path
    clock: Clock = field(default_factory=SystemClock)
    limit_bytes: int = LIMIT_BYTES

    def asker(self, request: HttpRequest, wanted: Request[Any] | None = None) -> Asker:
        """Always the same."""
        return Asker(caller=CALLER)

    def caller(self, scope: Scope) -> Asker:
        """The same one."""
        return Asker(caller=CALLER)

    def jobs(self, request: HttpRequest) -> AsyncJobsView:
        """Those of the one caller."""
        return self.client.jobs.of(CALLER)

    def batches(self, request: HttpRequest) -> AsyncBatchesView:
        """Those of the one caller."""
        return self.client.batches.of(CALLER)

    async def permitted(self, wanted: RequestT, asker: Asker) -> RequestT:
        """Everything is."""
        return wanted

    def address(self, request: HttpRequest) -> str:
        """As it was asked for."""
        return str(request.base_url).rstrip("/")

    def artifact(self, request: HttpRequest, artifact: StoredArtifact) -> Response:
        """From a copy."""
        path = artifact.save(self.directory / artifact.id)
        return FileResponse(path, media_type=artifact.media_type)

    def link(self, request: HttpRequest, artifact: StoredArtifact) -> str:
        """Where the whole gateway has it."""
        return f"{request.base_url}api/artifacts/{artifact.id}"


def settings_of(
    directory: Path,
    *,
    openai: OpenAIDouble | None = None,
    anthropic: AnthropicDouble | None = None,
    **further: Any,
) -> Settings:
    """Echo, and the doubles that are given."""
    providers = [ProviderSettings(name="echo", priority=1)]
    if openai is not None:
        providers.append(
            ProviderSettings.model_validate(
                {"name": "openai", "api_key": openai.key, "base_url": f"{openai.base_url}/v1"}
            )
        )
    if anthropic is not None:
        providers.append(
            ProviderSettings.model_validate(
                {
                    "name": "anthropic",
                    "api_key": anthropic.key,
                    "base_url": anthropic.base_url,
                }
            )
        )
    aliases = {"quick": Alias(media="text", model="echo/hello")}
    return Settings(
        providers=tuple(providers), aliases=aliases, data_dir=str(directory / "data"), **further
    )


@contextlib.contextmanager
def facing(
    settings: Settings, directory: Path, *, transport: Transport | None = None
) -> Iterator[str]:
    """Serve both dialects while the block runs; yields the address."""
    routes: list[Any] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncClient(settings, transport=transport) as client:
            face = Face(client, directory)
            app.router.routes += [*openai_routes(face), *anthropic_routes(face)]
            yield

    with served(Starlette(routes=routes, lifespan=lifespan)) as address:
        yield address


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="critical", lifespan="on", ws="none", timeout_graceful_shutdown=5
        )
    )
    ready = threading.Event()
    thread = threading.Thread(target=run, args=(server, listener, ready.set), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def run(server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]) -> None:
    """The server's thread."""

    async def main() -> None:
        # The listening socket queues connections, so being here is being ready.
        ready()
        await server.serve(sockets=[listener])

    asyncio.run(main())
