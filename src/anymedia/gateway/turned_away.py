"""Those who come when there is too much to do: to tell them so must cost next to nothing.

To refuse in the caller's dialect, with an id, safe headers and a count, takes about as long as to
answer. Asked for twice of what it can do, a gateway would be kept from its work by saying that it has
too much. What is said is the same but for the id, so it is put together once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from anymedia.engine.identity import Names
from anymedia.gateway.cycle import END, block, standing
from anymedia.gateway.door import ID_LETTERS, kind_of, method_of
from anymedia.gateway.head import Head, Headers
from anymedia.gateway.metrics import Metrics, Tally
from anymedia.gateway.spec import Refused

MOST_KNOWN = 256


class Known(NamedTuple):
    """A refusal as it is written."""

    begins: bytes
    around: tuple[bytes, ...]
    """What is between the places where the request's id stands."""
    tally: Tally


class TurnedAway:
    """Writes the same refusals again and again."""

    def __init__(
        self, said: Callable[[Refused, dict[str, Any]], Response], metrics: Metrics
    ) -> None:
        self._said = said
        """Puts a refusal into the words of a path."""
        self._metrics = metrics
        self._names = Names()
        self._known: dict[tuple[str, str, str, float | None], Known] = {}

    def written(self, refusal: Refused, head: Head, default_headers: Headers) -> bytes:
        """The whole answer to one who has not named the request."""
        key = (head.method, head.path, refusal.message, refusal.retry_after)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[key] = self._made(refusal, head)
        self._metrics.counted(known.tally, 0.0)
        name = self._names.one("req", ID_LETTERS).encode()
        return known.begins + standing(default_headers) + name.join(known.around)

    def _made(self, refusal: Refused, head: Head) -> Known:
        name = self._names.one("req", ID_LETTERS)  # as long as all that will stand in its place
        scope: dict[str, Any] = {
            "type": "http",
            "method": head.method,
            "path": head.path,
            "query_string": b"",
            "headers": [],
            "state": {"request_id": name},
        }
        response = self._said(refusal, scope)
        said = block(response.raw_headers) + END
        if head.method != "HEAD":
            said += bytes(response.body)
        status = response.status_code
        return Known(
            STATUS_LINE[status],
            tuple(said.split(name.encode())),
            self._metrics.tally("other", method_of(scope), status, kind_of(scope)),
        )
