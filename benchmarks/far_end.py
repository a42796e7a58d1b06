"""A provider's end of a wire, in a process of its own: bytes in, bytes out, as quick as can be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


def answering(listening: socket.socket, answered: Callable[[bytes], bytes]) -> None:
    """Answer every request by its head, for ever; bodies are read and forgotten."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                _, _, rest = head.lower().partition(b"content-length: ")
                length = int(rest.partition(b"\r\n")[0] or 0)
                if length:
                    await reader.readexactly(length)
                writer.write(answered(head))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, sock=listening, limit=1 << 20)
        await server.serve_forever()

    asyncio.run(run())
