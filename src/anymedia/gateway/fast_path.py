"""The fast path: a chat that has come whole, from a caller who is known, passed on as it is.

It stands in front of the door and does what the door and all behind it would do for such a request,
in one piece. It refuses nothing and tells nobody that something has failed: whatever is not plainly
of the kind, or goes wrong on the way, is led to the door, with all that is known of it already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterable
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from starlette.routing import BaseRoute, Route

from anymedia.contracts.configuration import Settings
from anymedia.engine.identity import Names
from anymedia.gateway.callers import Caller, credential
from anymedia.gateway.cycle import END, Cycle, block
from anymedia.gateway.door import SAFE, STORY, kind_of, request_id
from anymedia.gateway.head import REQUEST_ID, Head
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.repeats import HEADER as IDEMPOTENCY_KEY
from anymedia.gateway.shared.body import KEPT
from anymedia.gateway.shared.manner import Served
from anymedia.gateway.shared.relaying import (
    COST,
    FAILED,
    JSON,
    MODEL,
    TRIED,
    ShortWay,
    fields_of,
    is_json,
    is_streamed,
    written,
)
from anymedia.gateway.shared.remaining import written as limits_left
from anymedia.limits.claim import Left

if TYPE_CHECKING:
    from anymedia.engine.relay import Passed
    from anymedia.gateway.app import Gateway

LENGTH = b"content-length: "
COST_AFTER = END + COST + b": "
ELSEWHERE = frozenset({b"origin", b"expect", IDEMPOTENCY_KEY})
"""Headers that somebody behind the door has something to say about."""


class Lane:
    """A path of the fast path, and what is the same for all that come on it."""

    def __init__(self, path: str, short_way: ShortWay, metrics: Metrics) -> None:
        self.path = path
        self.short_way = short_way
        self.tally = metrics.tally(path, "POST", 200, kind_of({"method": "POST", "path": path}))
        self.anthropic = path.startswith("/v1/messages")
        self._without = short_way.without | ELSEWHERE
        names = sorted({*short_way.ids, REQUEST_ID})
        self._around = b"".join(b"%b: \0\r\n" % name for name in names).split(b"\0")

    def takes(self, head: Head) -> bool:
        """Whether a request with this head may come here."""
        return head.distinct and is_json(head.said) and self._without.isdisjoint(head.said)

    def identity(self, name: str) -> bytes:
        """The request's id, wherever clients look for it."""
        return name.encode().join(self._around)


class FastPath:
    """Answers what it can, before the door is asked."""

    def __init__(self, gateway: Gateway, plain: Iterable[BaseRoute]) -> None:
        self._gateway = gateway
        self._callers = gateway.callers
        self._client = gateway.client
        self._metrics = gateway.metrics
        self._observer = gateway.observer
        self._names = Names()
        self._now = gateway.clock.now
        self._settings: Settings | None = None
        """Those that what follows is of."""
        self._limit_bytes = 0
        self._lanes = {
            ("POST", route.path): Lane(route.path, route.app.short_way, gateway.metrics)
            for route in plain
            if isinstance(route, Route)
            and isinstance(route.app, Served)
            and isinstance(route.app.short_way, ShortWay)
        }

    def __call__(self, cycle: Cycle) -> Coroutine[Any, Any, bool] | None:
        """Answers a request, and says whether it did; where not, its state holds what is known.

        `None` where that can be told at once.
        """
        head = cycle.head
        lane = head.lane
        if lane is None:
            lane = self._looked_at(head)
        caller = self._callers.lately(head.credential) if lane else None
        body = cycle.whole_body() if caller is not None else None
        if caller is None or body is None:
            return None
        return self._serve(lane, caller, body, cycle)

    def _looked_at(self, head: Head) -> Lane | Literal[False]:
        """Where a head leads to."""
        lane = self._lanes.get((head.method, head.path))
        if lane is not None and lane.takes(head):
            head.lane, head.credential = lane, credential(head.headers)
            return lane
        head.lane = False
        return False

    async def _serve(self, lane: Lane, caller: Caller, body: bytes, cycle: Cycle) -> bool:
        began = perf_counter()
        head, state = cycle.head, cycle.state
        state[KEPT] = body
        settings = self._client.settings
        if settings is not self._settings:
            self._settings, self._limit_bytes = settings, settings.gateway.max_body_bytes
        fields = fields_of(body) if len(body) <= self._limit_bytes else None
        if fields is None or is_streamed(fields):
            return False
        name = state["request_id"] = request_id(head.said.get(REQUEST_ID), self._names)
        observer, story = self._observer, None
        if observer is not None:
            story = state[STORY] = observer.request(name, head.method, head.said)
        self._metrics.began()
        try:
            if not caller.generates:
                caller.need("generate")  # which says so
            way = lane.short_way.way(fields, caller)
            if way is None:
                return False
            passed = await lane.short_way.call(way, fields, body, caller, cycle)
            if passed.receipt is None:
                state[TRIED] = passed.course
                return False
            left = self._look(caller)
            if not isinstance(left, tuple):
                left = await left
        except Exception as error:  # noqa: BLE001  it is told where all mistakes are
            state[FAILED] = error
            return False
        finally:
            self._metrics.left()
        lines = known(passed.way.name) + lane.identity(name) + changing(passed)
        if left:
            lines += limits_left(left, self._now, anthropic=lane.anthropic)
        cycle.answer(lines, passed.content)
        lane.short_way.ended(passed)
        seconds = perf_counter() - began
        self._metrics.counted(lane.tally, seconds)
        if observer is not None and story is not None:
            observer.told(
                story,
                method=head.method,
                route=lane.path,
                status=200,
                seconds=seconds,
                key=self._callers.shown(head.headers),
            )
        return True

    def _look(self, caller: Caller) -> tuple[Left, ...] | Awaitable[tuple[Left, ...]]:
        """What is left under a caller's limits."""
        look = self._client.limited(caller.owner)
        return () if look is None else look()


def changing(passed: Passed) -> bytes:
    """Headers that are others with every answer."""
    length, amount = str(len(passed.content)).encode(), passed.cost.amount
    if amount is None:
        return b"".join((LENGTH, length, END))
    return b"".join((LENGTH, length, COST_AFTER, written(amount), END))


@lru_cache(maxsize=1024)
def known(model: str) -> bytes:
    """Headers that are the same with every answer of a model."""
    return block(((b"content-type", JSON), (MODEL, model.encode("latin-1", "replace")), *SAFE))
