"""`anymedia webhooks`: what callers' servers were told of their jobs."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from anymedia.cli.keys import length
from anymedia.cli.options import Run, Setup
from anymedia.cli.words import ago, safe, shortened, table
from anymedia.contracts.errors import InvalidRequest

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.callback import SigningSecrets, WebhookMessage

Status = Literal["pending", "delivered", "dead"]
MessageId = Annotated[
    str, Parameter(name="ID", help="The message's id, as `anymedia webhooks list` shows it.")
]
Job = Annotated[str | None, Parameter(help="The messages about this job.")]


async def list_(
    *,
    dead: Annotated[bool, Parameter(help="Only messages that were given up.")] = False,
    status: Annotated[Status | None, Parameter(help="Only messages that stand like this.")] = None,
    job: Job = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Messages to callers' servers, the latest first."""
    wanted = "dead" if dead else status
    async with session.client(setup) as client:
        found = await client.webhooks.of(None).list(status=wanted, job_id=job, limit=limit)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
    elif found:
        head = ("ID", "JOB", "EVENT", "STATUS", "TRIES", "RECEIVER", "CREATED", "PROBLEM")
        session.print(table(head, map(row, found)))
    else:
        session.tell("no messages")


async def show(message_id: MessageId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """One message: what it says, and what became of it."""
    async with session.client(setup) as client:
        messages = client.webhooks.of(None)
        found = await messages.get(message_id)
        body = json.loads(await messages.body(message_id))
    if setup.json:
        session.json({**found.model_dump(mode="json"), "body": body})
        return
    session.print(described(found))
    session.print("")
    session.print(json.dumps(body, indent=2, ensure_ascii=True))


async def replay(
    message_id: Annotated[
        str | None, Parameter(name="ID", help="The message's id; or name a job instead.")
    ] = None,
    /,
    *,
    job: Job = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Send a message again, or all of a job's, under the ids that they have."""
    if (message_id is None) == (job is None):
        raise InvalidRequest("name a message, or a job with `--job`")
    async with session.client(setup) as client:
        messages = client.webhooks.of(None)
        if job is not None:
            found = await messages.replay_job(job)
        else:
            assert message_id is not None
            found = (await messages.replay(message_id),)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
        return
    session.print([f"{one.id} {one.type} is due" for one in found])
    session.tell("`anymedia serve` and `anymedia jobs work` deliver it")


async def secret(
    owner: Annotated[
        str | None,
        Parameter(
            name="KEY", help="A key of the gateway; this installation's own jobs unless said."
        ),
    ] = None,
    /,
    *,
    rotate: Annotated[bool, Parameter(help="Make a new one.")] = False,
    overlap: Annotated[
        str, Parameter(help="How long the old one still signs beside a new one.")
    ] = "24h",
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What messages are signed with. A new secret is told this once."""
    seconds = length(overlap, "--overlap").total_seconds()
    async with session.client(setup) as client:
        messages = client.webhooks.of(owner)
        found = await (messages.rotate(seconds) if rotate else messages.secrets())
    if setup.json:
        session.json(found.model_dump(mode="json"))
    else:
        tell(found, session)


def tell(found: SigningSecrets, session: Session) -> None:
    """The secret on stdout, alone: in clear the first time, masked ever after."""
    newest = found.secrets[0]
    session.print(found.secret or newest.masked)
    if found.secret is not None:
        session.tell("this is the only time that it is shown; `--rotate` makes another")
    elif newest.configured:
        session.tell("it is the configuration's: `callbacks.secret`")
    for older in found.secrets[1:]:
        if older.expires_at is not None:
            until = f"{older.expires_at:%Y-%m-%d %H:%M} UTC"
            session.tell(f"{older.masked} signs beside it until {until}")


def row(one: WebhookMessage) -> tuple[str, ...]:
    """One message as a line."""
    return (
        one.id,
        one.job_id,
        f"{one.sequence} {one.type}",
        one.status,
        str(one.tries),
        safe(one.receiver),
        ago(one.created_at, datetime.now(UTC)),
        shortened(safe(one.problem or ""), 60),
    )


def described(one: WebhookMessage) -> list[str]:
    """One message's facts."""
    facts = {
        "message": one.id,
        "job": one.job_id,
        "event": f"{one.sequence} {one.type}",
        "owner": one.owner,
        "receiver": one.receiver,
        "status": one.status,
        "tries": str(one.tries),
        "again at": f"{one.due_at:%Y-%m-%d %H:%M:%S} UTC" if one.due_at else "",
        "delivered": f"{one.delivered_at:%Y-%m-%d %H:%M:%S} UTC" if one.delivered_at else "",
        "problem": one.problem or "",
    }
    return [f"{name:<9}  {safe(value)}" for name, value in facts.items() if value]
