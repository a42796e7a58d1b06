"""Where a process can die, and what becomes of its job: what the tests expect and the page shows.

Nothing is imported here but the standard library, as the page is made without the tests.
"""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """What is left when another process has carried the job on."""

    status: str = "succeeded"
    posts: int = 1
    """Submissions that reached the provider."""
    paid: int = 1
    """Pieces of work that the provider took on and charges."""
    artifacts: int = 1
    told: tuple[str, ...] = ("job.started", "job.succeeded")
    """What the owner's server heard, by id: what came again is left out."""
    last_told: int = 1
    """How often the last of it came."""


GOOD = Outcome()
AGAIN = Outcome(posts=2)
"""The same submission once more, under its key."""
NEVER_SENT = Outcome("outcome_unknown", 0, 0, 0, ("job.started", "job.unknown"))
UNKNOWN = Outcome("outcome_unknown", 1, 1, 0, ("job.started", "job.unknown"))
TWICE = Outcome(last_told=2)

POINTS = {
    "intent-unwritten": "before the intent is written down",
    "intent-written": "the intent is written down; what it takes has to be uploaded",
    "opened": "it is written down that it is sent; not a byte has been",
    "sent": "the provider has taken it on, its answer is on the way",
    "answered": "the answer is here, and not written down",
    "accepted": "the provider's handle is written down",
    "polling": "the provider was asked how it stands",
    "downloading": "a part of the result is here",
    "flushed": "the result is on the disk, not yet in its place",
    "stored": "the result is in its place, its row is not written",
    "settling": "before the cost and the end are written down",
    "settled": "the end is written down, nobody has been told",
    "told": "the owner's server has taken the last message, that is not written down",
}
COLUMNS = {
    "repeat": "idempotency key",
    "lookup": "can be looked up",
    "report": "calls back",
    "nothing": "none",
    "at-once": "idempotency key, the result is in the answer",
}
FROM_ACCEPTED = {
    **dict.fromkeys(
        ("accepted", "polling", "downloading", "flushed", "stored", "settling", "settled"), GOOD
    ),
    "told": TWICE,
}
UNTIL_SENT = {"intent-unwritten": GOOD, "intent-written": GOOD}
EXPECTED: dict[str, dict[str, Outcome]] = {
    "repeat": {**UNTIL_SENT, "opened": GOOD, "sent": AGAIN, "answered": AGAIN, **FROM_ACCEPTED},
    "lookup": {**UNTIL_SENT, "opened": GOOD, "sent": GOOD, "answered": GOOD, **FROM_ACCEPTED},
    "report": {
        **UNTIL_SENT,
        "opened": NEVER_SENT,
        "sent": GOOD,
        "answered": GOOD,
        **FROM_ACCEPTED,
    },
    "nothing": {
        **UNTIL_SENT,
        "opened": NEVER_SENT,
        "sent": UNKNOWN,
        "answered": UNKNOWN,
        **FROM_ACCEPTED,
    },
    "at-once": {
        **UNTIL_SENT,
        "opened": GOOD,
        "sent": AGAIN,
        "flushed": AGAIN,
        "answered": AGAIN,
        "settling": GOOD,
        "settled": GOOD,
        "told": TWICE,
    },
}
"""By how a lost submission is found at the provider, and by crash point."""


def words(outcome: Outcome | None) -> str:
    """An outcome in a cell of the page."""
    if outcome is None:
        return "-"
    if outcome.status == "outcome_unknown":
        return f"**unknown**: sent {times(outcome.posts)}, paid {times(outcome.paid)}; you decide"
    said = "done" if outcome.posts == 1 else f"done; sent {times(outcome.posts)}, paid once"
    return said if outcome.last_told == 1 else f"{said}; told twice, under one id"


def times(number: int) -> str:
    """How often, in a word."""
    return ("never", "once", "twice")[number]


def table() -> str:
    """Crash points and outcomes."""
    lines = [f"| the process dies when | {' | '.join(COLUMNS.values())} |"]
    lines.append("|---" * (len(COLUMNS) + 1) + "|")
    for point, when in POINTS.items():
        cells = " | ".join(words(EXPECTED[one].get(point)) for one in COLUMNS)
        lines.append(f"| {when} | {cells} |")
    return "\n".join(lines)
