"""The loop of the processes around a measurement: the faster one, where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end."""
    try:
        from anymedia.gateway.serving import loop_factory
    except ImportError:  # without the extra `gateway` there is no other loop than Python's
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)
