"""What a load is to be, and what came of it."""

from __future__ import annotations

from array import array
from time import perf_counter

import msgspec

REFUSED = frozenset({429, 503})


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and where it goes: HTTP/1.1 on this machine."""

    port: int
    path: str
    body: str
    headers: dict[str, str] = {}
    host: str = "127.0.0.1"

    def wire(self) -> bytes:
        """As bytes."""
        content = self.body.encode()
        fields = {
            "host": f"{self.host}:{self.port}",
            "content-type": "application/json",
            "content-length": str(len(content)),
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + content


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done."""

    ask: Ask
    connections: int = 1
    seconds: float = 1.0
    rate: float | None = None
    """Requests a second; as many as are answered unless said."""
    every_seconds: float | None = None
    """Between two interim lines."""
    hold: bool = False
    """Open one stream a connection and keep it: the first line comes when all have begun, the
    last one after so many seconds from then on."""
    patience_seconds: float = 15.0
    """For what is under way at the end, and for streams to begin."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, in the whole time or since the last line. Milliseconds are those of answers."""

    seconds: float
    sent: int
    answered: int
    """With a status below 300."""
    late: int
    """Of these, after the time, when nothing more was due."""
    refused: int
    """429 and 503: told to come again."""
    told_when: int
    """Of these, told when by `Retry-After`."""
    failed: int
    """Any other status, and connections that broke."""
    unanswered: int
    """Under way, or still waiting for a connection, when time was up."""
    events: int
    p50_ms: float | None
    p99_ms: float | None
    longest_ms: float | None
    refused_p99_ms: float | None
    statuses: dict[str, int]

    @property
    def per_second(self) -> float:
        """Good answers in time."""
        return (self.answered - self.late) / self.seconds


class Tally:
    """What is counted between two lines."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.sent = self.events = self.broken = self.told_when = self.late = 0
        self.statuses: dict[int, int] = {}
        self.answered: array[float] = array("f")
        self.refused: array[float] = array("f")

    def count(self, status: int, seconds: float, *, late: bool) -> None:
        """An answer has come."""
        self.late += late and status < 300
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status < 300:
            self.answered.append(seconds)
        elif status in REFUSED:
            self.refused.append(seconds)

    def found(self, unanswered: int, seconds: float | None = None) -> Found:
        """So far."""
        statuses = {str(status): count for status, count in sorted(self.statuses.items())}
        failed = sum(self.statuses.values()) - len(self.answered) - len(self.refused)
        ordered, refused = sorted(self.answered), sorted(self.refused)
        return Found(
            seconds=seconds or perf_counter() - self.began,
            sent=self.sent,
            answered=len(ordered),
            late=self.late,
            refused=len(refused),
            told_when=self.told_when,
            failed=failed + self.broken,
            unanswered=unanswered,
            events=self.events,
            p50_ms=share(ordered, 0.5),
            p99_ms=share(ordered, 0.99),
            longest_ms=share(ordered, 1.0),
            refused_p99_ms=share(refused, 0.99),
            statuses=statuses,
        )


def share(ordered: list[float], part: float) -> float | None:
    """The value that such a part of all does not exceed, in milliseconds."""
    if not ordered:
        return None
    return round(1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 4)


def merge(whole: Tally, part: Tally) -> None:
    """Add what was counted meanwhile."""
    whole.sent += part.sent
    whole.events += part.events
    whole.broken += part.broken
    whole.told_when += part.told_when
    whole.late += part.late
    whole.answered.extend(part.answered)
    whole.refused.extend(part.refused)
    for status, count in part.statuses.items():
        whole.statuses[status] = whole.statuses.get(status, 0) + count
