"""The submit guard: a paid request is never sent twice.

    prepare   the attempt's row (intent) and its reservation are there; inputs are uploaded
    open      intent -> sending, compare-and-set, on the disk, with a deadline; where there is
              nothing to upload, in the transaction that writes the attempt's row
    send      one POST, shorter than the deadline; no retry, no redirect
    close     accepted | rejected | not_sent, or it stays `sending`: nobody knows
    resolve   whoever finds `sending` past its deadline asks the provider, if it can be asked

Only who has moved intent to sending may send, and only while the deadline is far: a process that
was frozen in between finds that out and stops. What was sent without an answer is never sent
again unless the provider recognises it as the same.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    CircuitOpen,
    ContentRefused,
    GenerationError,
    OutcomeUnknown,
    RequestRejected,
    StorageFailed,
)
from anymedia.contracts.job import Failed, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, StoredArtifact
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.engine.fitting import fit
from anymedia.engine.inputs import takes_media
from anymedia.engine.legs import policy_of
from anymedia.engine.retry import retries_unknown
from anymedia.engine.wishes import without_alias
from anymedia.jobs import requests, rows
from anymedia.jobs.desk import Attempt, Desk
from anymedia.jobs.outbox import events
from anymedia.jobs.pace import pause
from anymedia.jobs.settling import NOTHING, end_attempt, end_job
from anymedia.jobs.telling import noted, notices_of
from anymedia.providers.spec import (
    Brief,
    Call,
    Job,
    Lookup,
    Nothing,
    Operation,
    Recovery,
    Repeat,
    Report,
    Submitted,
)
from anymedia.resilience.circuit import Admission

MARGIN_SECONDS = 20.0
"""Between the longest a request may take and the moment when others may judge it."""
SOON = 0.0
LOOKUP_PAUSES_SECONDS = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
REPEAT_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Before the same submission goes out again under its key; a random share of each, from half up."""
MOST_REPEATS = len(REPEAT_PAUSES_SECONDS)
OPEN = ("sending", "outcome_unknown")
"""States in which nobody knows yet whether the provider has it."""
TURNED_AWAY = frozenset({None, 404, 409, 425})
"""Statuses of a repetition's refusal that judge the moment and not the request."""
DISK_PAUSE_SECONDS = 5.0


def operation_of(desk: Desk, attempt: Attempt, medium: Any) -> Call | Job:
    """How the attempt's provider does this; it was a candidate, so it does."""
    operation: Operation | None = desk.connection_of(attempt).provider.operation(medium, Call, Job)
    assert isinstance(operation, Call | Job)
    return operation


def effective_request(job: RowMapping, attempt: Attempt, desk: Desk) -> MediaRequest[Any]:
    """The request as the attempt's model takes it."""
    request = without_alias(requests.from_row(job), desk.engine.providers)
    connection = desk.connection_of(attempt)
    options = {**connection.configured.options, **request.options}
    # What is made of the result later is not the provider's business.
    changes = {"options": options, "model": attempt["model"], "normalize": None}
    if attempt["quality"] is not None:
        changes["quality"] = attempt["quality"]
    request = request.model_copy(update=changes)
    model = desk.model_of(attempt, job["medium"])
    if model is None:
        return request  # type: ignore[return-value]  # an alias keeps the request's type
    # The model may have been retired since: what was sent then is fitted as it was then.
    sent = datetime.fromtimestamp(attempt["created_at"], UTC).date()
    return fit(request, model, sent)[0]  # type: ignore[return-value]  # as above


def brief_of(desk: Desk, job: RowMapping, attempt: RowMapping) -> Brief:
    """What the adapter is told."""
    return Brief(
        model=desk.model_of(attempt, job["medium"]),
        marker=attempt["id"],
        callback_url=desk.callback_url(attempt),
        callback_secret=desk.callback_secret(attempt),
    )


# --- prepare, open, send, close -------------------------------------------------------------


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


async def adopt(
    desk: Desk, job: RowMapping, attempt: RowMapping, submitted: Submitted
) -> float | None:
    """The provider has it. Written down before anything else, by whoever learns it.

    No lease is asked for: a handle is the truth, from whichever process it comes.
    """
    now = desk.now()
    hashed = sha256(submitted.handle.encode()).hexdigest()
    columns = {
        "handle": submitted.handle,
        "accepted_at": now,
        "polls": 0,
        "finished_at": None,
        "request_id": submitted.request_id,
        "problem": None,
        "cost": None,
        "notices": noted((*notices_of(attempt), *submitted.warnings)),
    }

    def work(c: Connection) -> tuple[RowMapping, RowMapping] | None:
        late = False
        moved = rows.moved_alone(c, attempt, hashed, before=OPEN, after="accepted", **columns)
        if moved is None:
            late, other_id = rows.beside(c, attempt, hashed)
            other = None if other_id is None else rows.attempt(c, other_id)
            if other is not None:
                mistaken(c, desk, job, attempt, other)
                return None
            if not late:
                return None  # another process has written it down
            # Its job has been tried again meanwhile, and may even be done.
            given_up = {**columns, "abandoned_at": now, "handle_hash": hashed}
            moved = rows.moved(c, attempt["id"], before=OPEN, after="abandoned", **given_up)
            if moved is None:
                return None
        goes_on = {"status": "running", "turn": 0.0, "finished_at": None, "problem": None}
        row = rows.with_set(c, job["id"], now, due_at=now, **({} if late else goes_on))
        rows.note(
            c,
            job["id"],
            now,
            "attempt-accepted",
            attempt=attempt["number"],
            provider_job_id=submitted.handle if len(submitted.handle) <= 200 else None,
        )
        return row, moved

    written = await desk.keep(work, job=job["id"])
    desk.changed(job["id"])
    if written is not None and attempt["number"] == 1:
        # What was tried before has to be known too: then it is read when it is asked about.
        await desk.waits.remember(job["id"], written[0], [written[1]])
    if isinstance(submitted.state, Succeeded | Failed | Stopped):
        return SOON
    return await operation_pace(desk, attempt, job)


async def operation_pace(desk: Desk, attempt: RowMapping, job: RowMapping) -> float:
    """When to ask for the first time."""
    operation = operation_of(desk, attempt, job["medium"])
    if not isinstance(operation, Job):
        return SOON
    return pause(
        operation.pace,
        elapsed=0.0,
        expected=await desk.expected(attempt["provider"], attempt["model"]),
        chance=desk.engine.chance(),
    )


def mistaken(
    connection: Connection, desk: Desk, job: RowMapping, attempt: RowMapping, other: RowMapping
) -> None:
    """The provider names work that is another's: nobody knows what became of this one.

    To go on with it would hand out somebody else's result, and count what was made once twice.
    """
    now = desk.now()
    told = OutcomeUnknown(
        f"`{attempt['provider']}` answered with an id that it has given to an attempt of job "
        f"`{other['job_id']}`, which is under way. Look at your account there, then run "
        f"`anymedia jobs resolve {job['id']}` with `not_accepted` or `abandoned`",
        provider=attempt["provider"],
        accepted="unknown",
    ).problem()
    if end_attempt(
        connection,
        job,
        attempt,
        now,
        before=("sending",),
        state="outcome_unknown",
        cost=Cost(basis="pending"),
        problem=told,
    ):
        end_job(connection, job, now, "outcome_unknown", problem=told)


async def answered(
    desk: Desk,
    job: RowMapping,
    attempt: RowMapping,
    answer: MediaAnswer,
    *,
    before: tuple[str, ...],
) -> float | None:
    """The answer is here. What came inside it goes to the store first, then it is written down."""
    inline = [one for one in answer.artifacts if isinstance(one, InlineArtifact)]
    kept = [await kept_in_time(desk, job, one, index) for index, one in enumerate(inline)]
    remote = tuple(one for one in answer.artifacts if not isinstance(one, InlineArtifact))
    said = answer.model_copy(update={"artifacts": remote})
    now = desk.now()

    def work(c: Connection) -> bool:
        if not rows.move(
            c,
            attempt["id"],
            before=before,
            after="finishing",
            polls=0,
            answer=said.model_dump_json(exclude={"status"}, exclude_none=True),
            request_id=answer.request_id or attempt["request_id"],
            accepted_at=attempt["accepted_at"] or now,
        ):
            return False
        for position, artifact in enumerate(kept):
            rows.insert_artifact(
                c,
                artifact,
                owner=job["owner"],
                now=now,
                role="output",
                job_id=job["id"],
                attempt_id=attempt["id"],
                position=position,
            )
        if attempt["abandoned_at"] is None:
            rows.set_job(c, job["id"], now, status="running", turn=0.0, due_at=now)
        rows.note(c, job["id"], now, "attempt-finishing", attempt=attempt["number"])
        return True

    await desk.keep(work)
    desk.changed(job["id"])
    return SOON


async def kept_in_time(
    desk: Desk, job: RowMapping, one: InlineArtifact, position: int
) -> StoredArtifact:
    """Keep what was paid for; while the disk is full, hold it and try again."""
    while True:
        try:
            return await desk.store.keep_bytes(
                one.data,
                media_type=one.media_type,
                stem=f"{job['medium']}-{position + 1}",
                metadata=one.metadata,
            )
        except StorageFailed as error:
            desk.engine.report(f"job {job['id']}: {error.message}; holding the result in memory")
            await desk.engine.clock.sleep(DISK_PAUSE_SECONDS)


# --- resolve --------------------------------------------------------------------------------


async def resolve(desk: Desk, job: RowMapping, attempt: RowMapping) -> float | None:
    """An attempt that was sent without an answer: wait for its deadline, then find out."""
    now = desk.now()
    left = (attempt["send_deadline"] or now) - now
    if left > 0:
        return left
    operation = operation_of(desk, attempt, job["medium"])
    match operation.recovery:
        case Repeat():
            return await repeated(desk, job, attempt, operation)
        case Lookup() as lookup:
            return await looked_up(desk, job, attempt, lookup)
        case Report() if desk.callback_url(attempt) is None:
            return await unknown(desk, job, attempt)  # it was told nowhere to report to
        case Report(wait_seconds=patience):
            until = (attempt["opened_at"] or now) + patience
            return min(until - now, 5.0) if until > now else await unknown(desk, job, attempt)
        case Nothing():
            return await unknown(desk, job, attempt)


async def repeated(
    desk: Desk, job: RowMapping, attempt: RowMapping, operation: Call | Job
) -> float | None:
    """The same submission again, which the provider recognises by its key."""
    if attempt["polls"] >= MOST_REPEATS:
        return await unknown(desk, job, attempt)
    request, _ = await desk.engine.inputs.prepared(
        effective_request(job, attempt, desk), desk.connection_of(attempt)
    )
    count = attempt["polls"] + 1
    await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], polls=count))
    what = Ready(operation, request, None)
    opened_at = await opened(desk, job, attempt, what, before=("sending",))
    if opened_at is None:
        return SOON
    return await sent(desk, job, attempt, what, opened_at, repeats=True)


def says_nothing_of_the_first(error: GenerationError) -> bool:
    """Whether a refused repetition leaves open what became of the submission that it repeats.

    A provider that turns the repetition away (busy, in progress, no credit, not reached) may have
    taken the first one on. One that judges what is asked for would have known the key.
    """
    judged = isinstance(error, ContentRefused | RequestRejected)
    return not judged or error.http_status in TURNED_AWAY


async def looked_up(
    desk: Desk, job: RowMapping, attempt: RowMapping, lookup: Lookup
) -> float | None:
    """Ask the provider whether it has a job with our marker."""
    opened_at = datetime.fromtimestamp(attempt["opened_at"], UTC)
    tries = attempt["polls"]
    try:
        found = await desk.connection_of(attempt).converse(
            lookup.find(brief_of(desk, job, attempt), opened_at), timeout_seconds=60.0
        )
    except GenerationError as error:
        if tries >= len(LOOKUP_PAUSES_SECONDS):
            return await unknown(desk, job, attempt, error.problem())
        await desk.change(job["id"], lambda c: rows.set_attempt(c, attempt["id"], polls=tries + 1))
        return LOOKUP_PAUSES_SECONDS[tries]
    if found is not None:
        return await adopt(desk, job, attempt, found)
    if not lookup.proves_absence:
        return await unknown(desk, job, attempt)
    now = desk.now()
    await desk.change(
        job["id"],
        lambda c: end_attempt(
            c, job, attempt, now, before=("sending",), state="not_sent", cost=NOTHING
        ),
    )
    await desk.underway.left(job, attempt, never_sent=True)
    return SOON


async def unknown(
    desk: Desk, job: RowMapping, attempt: RowMapping, problem: Problem | None = None
) -> float | None:
    """Nobody can say. It is neither repeated nor refunded; a person decides."""
    now = desk.now()
    match operation_of(desk, attempt, job["medium"]).recovery:
        case Repeat():
            why = "neither did it when it was asked again under the same key"
        case Lookup():
            why = "it could not be found there"
        case Report():
            why = "it has not reported"
        case Nothing():
            why = "it offers no way to find out"
    told = OutcomeUnknown(
        f"`{attempt['provider']}` was asked and did not answer, and {why}. "
        f"It may have made and charged it. Look at your account there, then run "
        f"`anymedia jobs resolve {job['id']}` with `accepted --handle ITS-ID`, `not_accepted` or "
        f"`abandoned`",
        provider=attempt["provider"],
        accepted="unknown",
        details={"cause": problem.message} if problem else {},
    ).problem()

    again = retries_unknown(policy_of(desk.settings, job["medium"]), job["medium"])

    def work(c: Connection) -> bool:
        if not end_attempt(
            c,
            job,
            attempt,
            now,
            before=("sending",),
            state="outcome_unknown",
            cost=Cost(basis="pending"),
            problem=told,
        ):
            return False
        if again:
            rows.set_job(c, job["id"], now, status="queued", due_at=now)
        else:
            end_job(c, job, now, "outcome_unknown", problem=told)
        return True

    if not await desk.change(job["id"], work):
        return SOON  # its provider has called meanwhile: it goes on
    await desk.underway.left(job, attempt, problem=told)
    return SOON if again else None
