"""The submit guard: a paid request is never sent twice.

    prepare   the attempt's row (intent) and its reservation are there; inputs are uploaded
    open      intent -> sending, compare-and-set, on the disk, with a deadline; where there is
              nothing to upload, in the transaction that writes the attempt's row
    send      one POST, shorter than the deadline; no retry, no redirect
    close     accepted | rejected | not_sent, or it stays `sending`: nobody knows
    resolve   whoever finds `sending` past its deadline asks the provider, if it can be asked
              (`anymedia.jobs.recovery`)

Only who has moved intent to sending may send, and only while the deadline is far: a process that
was frozen in between finds that out and stops. What was sent without an answer is never sent
again unless the provider recognises it as the same.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import (
    CircuitOpen,
    ContentRefused,
    GenerationError,
    RequestRejected,
    StorageFailed,
)
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.engine.inputs import takes_media
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt, answered
from anymedia.jobs.desk import Attempt, Desk
from anymedia.jobs.intent import brief_of, effective_request, operation_of
from anymedia.jobs.outbox import events
from anymedia.jobs.pace import DISK_PAUSE_SECONDS, SOON
from anymedia.jobs.settling import NOTHING, end_attempt
from anymedia.jobs.telling import noted, notices_of
from anymedia.providers.spec import Call, Job, Nothing, Recovery, Repeat, Submitted
from anymedia.resilience.circuit import Admission

MARGIN_SECONDS = 20.0
"""Between the longest a request may take and the moment when others may judge it."""
REPEAT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Before the same submission goes out again under its key; a random share of each, from half up."""
MOST_REPEATS = len(REPEAT_PAUSES_SECONDS)
TURNED_AWAY = frozenset({None, 404, 409, 425})
"""Statuses of a repetition's refusal that judge the moment and not the request."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What an attempt sends, with leave of the provider's circuit."""

    operation: Call | Job
    request: MediaRequest[Any]
    admission: Admission | None
    """`None` for what is only repeated."""

    def opening(self, now: float) -> dict[str, Any]:
        """The columns of an attempt that is being sent."""
        allowed = self.operation.timeout_seconds + MARGIN_SECONDS
        return {"opened_at": now, "send_deadline": now + allowed}

    def given_up(self, desk: Desk) -> None:
        """It is not sent after all."""
        if self.admission is not None:
            desk.engine.guards.breakers.said_nothing(self.admission)


def ready(desk: Desk, job: RowMapping, attempt: Attempt) -> Ready | None:
    """What an attempt that is not written down yet will send.

    `None` where something has to be uploaded first, and where it cannot be sent: then its intent is
    written down before anybody finds that out.
    """
    try:
        request = effective_request(job, attempt, desk)
        if takes_media(request):
            return None
        admission = desk.underway.admitted(job, attempt)
    except GenerationError:
        return None
    return Ready(operation_of(desk, attempt, job["medium"]), request, admission)


async def send(desk: Desk, job: RowMapping, attempt: RowMapping) -> float | None:
    """Take an attempt from intent to whatever comes of it. Seconds until the next step."""
    connection = desk.connection_of(attempt)
    try:
        request, converted = await desk.engine.inputs.prepared(
            effective_request(job, attempt, desk), connection
        )
    except StorageFailed:
        return DISK_PAUSE_SECONDS
    except GenerationError as error:
        # Whatever it was, nothing that costs has been sent.
        return await never_sent(desk, job, attempt, error)
    if converted:
        text = noted((*notices_of(attempt), *converted))
        await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], notices=text))
    operation = operation_of(desk, attempt, job["medium"])
    try:
        admission = desk.underway.admitted(job, attempt)
    except CircuitOpen as error:
        return await never_sent(desk, job, attempt, error)
    what = Ready(operation, request, admission)
    opened_at = await opened(desk, job, attempt, what, before=("intent",))
    if opened_at is None:
        what.given_up(desk)
        return SOON
    return await sent(desk, job, attempt, what, opened_at)


async def opened(
    desk: Desk, job: RowMapping, attempt: RowMapping, what: Ready, *, before: tuple[str, ...]
) -> float | None:
    """Move to `sending`; the time of it, which names this very sending.

    `None` when another did it, or when it took so long that it is not safe to go on.
    """
    began = desk.engine.clock.monotonic()
    now = desk.now()

    def work(c: Connection) -> bool:
        if not rows.move(c, attempt["id"], before=before, after="sending", **what.opening(now)):
            return False
        is_sending(c, job, attempt, now)
        return True

    if not await desk.change(job["id"], work, together=True):
        return None
    return now if in_time(desk, began) else None


def in_time(desk: Desk, began: float) -> bool:
    """Whether this process has not slept since: others may soon take the attempt for lost."""
    return desk.engine.clock.monotonic() - began < MARGIN_SECONDS / 2


def is_sending(c: Connection, job: RowMapping, attempt: RowMapping, now: float) -> None:
    """An attempt's row says that it is being sent: so does its job."""
    rows.set_job_at_end(c, job["id"], now, status="running")
    if job["status"] == "queued":
        events.announce(c, job, now, "job.started")
    rows.note(
        c,
        job["id"],
        now,
        "attempt-sending",
        attempt=attempt["number"],
        provider=attempt["provider"],
        model=attempt["model"],
    )


async def sent(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    what: Ready,
    opened_at: float,
    *,
    repeats: bool = False,
) -> float | None:
    """The one POST."""
    connection = desk.connection_of(attempt)
    operation, request, admission = what.operation, what.request, what.admission
    exchange = (
        operation.exchange(request, brief_of(desk, job, attempt))
        if isinstance(operation, Call)
        else operation.submit(request, brief_of(desk, job, attempt))
    )
    headers = (
        {operation.recovery.header: attempt["id"]}
        if isinstance(operation.recovery, Repeat)
        else None
    )
    observed = desk.underway.submitting(job, attempt, admission) if admission else nullcontext()
    try:
        with observed:
            answer = await connection.converse(
                exchange, timeout_seconds=operation.timeout_seconds, headers=headers
            )
    except GenerationError as error:
        if error.accepted == "no" and not (repeats and says_nothing_of_the_first(error)):
            return await refused(desk, job, attempt, error, opened_at)
        return await unanswered(desk, job, attempt, operation.recovery, error)
    if isinstance(answer, Submitted):
        return await adopt(desk, job, attempt, answer)
    assert isinstance(answer, MediaAnswer)
    return await answered(desk, job, attempt, answer, before=("sending", "outcome_unknown"))


async def never_sent(
    desk: Desk, job: RowMapping, attempt: RowMapping, error: GenerationError
) -> float | None:
    """It failed before it was sent: nothing is owed, and another try is allowed."""
    now = desk.now()
    await desk.change(
        job["id"],
        lambda c: end_attempt(
            c,
            job,
            attempt,
            now,
            before=("intent",),
            state="not_sent",
            cost=NOTHING,
            problem=error.problem(),
        ),
    )
    await desk.underway.left(job, attempt, problem=error.problem(), never_sent=True)
    return SOON


async def refused(
    desk: Desk, job: RowMapping, attempt: RowMapping, error: GenerationError, opened_at: float
) -> float | None:
    """It was certainly not taken on: nothing is owed, and another try is allowed.

    True whoever holds the lease now, but only of this very sending: somebody else may have sent
    again since.
    """
    # A status means that the provider said no; without one, no byte reached it.
    state = "rejected" if error.http_status is not None else "not_sent"
    now = desk.now()

    def work(c: Connection) -> None:
        current = rows.attempt(c, attempt["id"], locked=True)
        if current is not None and current["opened_at"] == opened_at:
            end_attempt(
                c,
                job,
                attempt,
                now,
                before=("sending",),
                state=state,
                cost=NOTHING,
                problem=error.problem(),
            )

    await desk.keep(work)
    desk.changed(job["id"])
    await desk.underway.left(
        job, attempt, cost=NOTHING, problem=error.problem(), never_sent=state == "not_sent"
    )
    return SOON


async def unanswered(
    desk: Desk, job: RowMapping, attempt: RowMapping, recovery: Recovery, error: GenerationError
) -> float | None:
    """It was sent, and nobody knows. It stays `sending`, as if this process had died."""
    now = desk.now()
    # Nobody is sending any more, so who needs no patience need not wait for the deadline.
    deadline = attempt["send_deadline"]
    if isinstance(recovery, Nothing):
        deadline = now
    if isinstance(recovery, Repeat):
        most = REPEAT_PAUSES_SECONDS[min(attempt["polls"], MOST_REPEATS - 1)]
        deadline = now + most * (0.5 + desk.engine.chance() / 2)

    def work(c: Connection) -> None:
        columns = {"send_deadline": deadline} if deadline is not None else {}
        rows.set_attempt(
            c, attempt["id"], problem=error.problem().model_dump_json(exclude_none=True), **columns
        )
        rows.note(
            c,
            job["id"],
            now,
            "attempt-unanswered",
            attempt=attempt["number"],
            problem=error.message,
        )

    await desk.change(job["id"], work)
    return SOON


def says_nothing_of_the_first(error: GenerationError) -> bool:
    """Whether a refused repetition leaves open what became of the submission that it repeats.

    A provider that turns the repetition away (busy, in progress, no credit, not reached) may have
    taken the first one on. One that judges what is asked for would have known the key.
    """
    judged = isinstance(error, ContentRefused | RequestRejected)
    return not judged or error.http_status in TURNED_AWAY
