"""Whether the caller is still there: nobody answers into a closed connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive


class CallerGone(Exception):
    """The caller has hung up."""


@asynccontextmanager
async def attended(receive: Receive) -> AsyncIterator[None]:
    """What runs inside is stopped when the caller hangs up, and ends as `CallerGone`.

    The body must have been read before: whatever comes now can only be the end.
    """
    working = asyncio.current_task()
    assert working is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not gone or working.uncancel() > 0:
            raise
        raise CallerGone from None
    finally:
        watching.cancel()
