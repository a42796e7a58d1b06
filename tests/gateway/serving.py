"""A gateway on loopback, answered by `echo`, and callers of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.gateway.app import Gateway, Opening, application
from anymedia.gateway.serving import Server, configured

ADMIN = "the-admin-key-of-tests"


@dataclass
class Running:
    """A gateway that serves, and how to ask it."""

    gateway: Gateway
    url: str
    loop: asyncio.AbstractEventLoop

    def caller(self, key: str | None = None, **headers: str) -> httpx.Client:
        """Somebody who asks, with a key or without."""
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0)

    def key(self, **rights: Any) -> tuple[str, str]:
        """A new key: its id and its secret."""
        with self.caller(ADMIN) as admin:
            made = admin.post("/api/keys", json={"name": "a team", **rights})
        assert made.status_code == 201, made.text
        return made.json()["id"], made.json()["key"]


def settings(*, admin: bool = False, **gateway: Any) -> Settings:
    """`echo` alone."""
    if admin:
        gateway["admin_key"] = ADMIN
    return Settings(
        providers=(ProviderSettings(name="echo"),),
        gateway=GatewaySettings.model_validate(gateway),
    )


@contextmanager
def serving(
    data: Path, said: Settings | None, opening: Callable[..., Opening] = Opening, **how: Any
) -> Iterator[Running]:
    """Serve while the block runs; everything lies in `data`."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    running: list[Running] = []
    servers: list[Server] = []

    async def main() -> None:
        gateway = Gateway(opening(data_dir=str(data), **how), settings=said)
        server = Server(configured(application(gateway), gateway), gateway, ready.set)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.append(Running(gateway, url, asyncio.get_running_loop()))
        servers.append(server)
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield running[0]
    finally:
        running[0].loop.call_soon_threadsafe(servers[0].handle_exit, 15, None)
        thread.join(30)
        listener.close()
        assert not thread.is_alive()
