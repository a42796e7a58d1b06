"""Telling the caller's server that a job has ended: kept in a row until it is delivered."""

from __future__ import annotations

from sqlalchemy import RowMapping

from anymedia.contracts.errors import GenerationError
from anymedia.engine.download import Downloads
from anymedia.engine.transport import Outgoing
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk

PAUSES_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 18 * 3600.0)
HOLD_SECONDS = 60.0
TIMEOUT_SECONDS = 20.0
AT_ONCE = 50


async def deliver(desk: Desk) -> int:
    """Deliver what is due; how many were tried."""
    now = desk.now()
    taken = await desk.database.write(lambda c: rows.take_callbacks(c, now, HOLD_SECONDS, AT_ONCE))
    for row in taken:
        await deliver_one(desk, row)
    return len(taken)


async def deliver_one(desk: Desk, row: RowMapping) -> None:
    """One message, with an id that stays the same however often it is sent."""
    try:
        status = await posted(desk, row)
        problem = None if status < 300 else f"answered {status}"
    except GenerationError as error:
        problem = error.message
    tries = row["tries"] + 1
    now = desk.now()
    columns = {"tries": tries, "problem": problem, "due_at": None, "delivered_at": None}
    if problem is None:
        columns["delivered_at"] = now
    elif tries <= len(PAUSES_SECONDS):
        columns["due_at"] = now + PAUSES_SECONDS[tries - 1]

    await desk.database.write(lambda c: rows.set_callback(c, row["id"], **columns))


async def posted(desk: Desk, row: RowMapping) -> int:
    """Send it; the status of the answer. Private addresses are refused like everywhere."""
    downloads: Downloads = desk.engine.downloads
    outgoing = Outgoing(
        method="POST",
        url=row["url"],
        headers={
            "Content-Type": "application/json",
            "webhook-id": row["id"],
            "webhook-timestamp": str(int(desk.now())),
        },
        body=row["body"].encode(),
        total_seconds=TIMEOUT_SECONDS,
        read_seconds=TIMEOUT_SECONDS,
        pinned_address=await downloads.checked(row["url"]),
    )
    response = await desk.engine.providers.transport.send(outgoing, limit_bytes=64 * 1024)
    return response.status
