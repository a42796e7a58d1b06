"""A provider's call, from its bytes to the job that it is about.

    who       a signature, where the provider signs; else the token in the URL
    again?    what was heard before has done what it does
    about     the attempt of the token, else the one with the handle that the body names
    so        a handle that we lack is adopted; a signed, whole result is taken as it is;
              everything else makes us ask at once, with our own key

Nothing happens before a wrong signature is refused. What a call says can only move an attempt on,
by the compare-and-set that polling uses: a call that is late, or comes twice, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection as DatabaseConnection, RowMapping

from anymedia.contracts.errors import GenerationError, InvalidRequest, NotFound
from anymedia.contracts.job import Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.engine.connection import Connection
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt, answered
from anymedia.jobs.desk import Desk
from anymedia.jobs.inbox import rows as deliveries
from anymedia.jobs.inbox.keys import CallKeys
from anymedia.jobs.intent import brief_of, operation_of
from anymedia.providers.spec import Callback, Job, Submitted
from anymedia.wire.http import Headers

LONGEST_BODY = 1024 * 1024
WAITING = ("accepted", "abandoned")
"""States in which a provider is asked how its work stands."""


class Forged(InvalidRequest):
    """A call that does not come from the provider, or does not prove it."""


class UnreadableCall(InvalidRequest):
    """A call that is not what the provider's documentation says."""


class Inbox:
    """Hears providers' calls."""

    def __init__(self, desk: Desk, wake: Callable[[str], None]) -> None:
        self._desk = desk
        self._wake = wake
        self._keys = CallKeys(desk.engine.clock)

    async def received(
        self, body: bytes, headers: Headers, *, provider: str | None, token: str | None
    ) -> bytes | None:
        """Hear a call; what to answer, if the provider waits for more than a status.

        `NotFound` for a token or job that we do not know, `Forged` without proof, `UnreadableCall`
        for anything else that is wrong with it.
        """
        if len(body) > LONGEST_BODY:
            raise UnreadableCall(f"the call is larger than {LONGEST_BODY:,} bytes")
        found = await self._of_token(token, provider) if token is not None else None
        name = found["provider"] if found is not None else provider
        connection = self._connection(name, None if found is None else found["variant"])
        webhook = connection.provider.webhook
        if found is not None and webhook.challenge is not None:
            reply = webhook.challenge(body)
            if reply is not None:
                return reply
        signed = await self._proved(connection, body, headers)
        if found is None and not signed:
            raise Forged(
                f"a call to an address without a token must be signed: set the secret as "
                f"`providers.{connection.name}.webhook_secret`"
            )
        delivery = named(connection, body, headers, token, signed=signed)
        database = self._desk.database
        if await database.read(lambda c: deliveries.heard(c, connection.name, delivery)):
            return None
        if found is None:
            found = await self._of_body(connection, body, headers)
        await self._follow(found, body, headers, signed=signed)
        await self._remember(connection.name, delivery, found)
        return None

    async def learn(self) -> None:
        """Know who has called other processes, and forget old calls."""
        now = self._desk.now()
        for provider, at in (await self._desk.database.read(deliveries.latest)).items():
            self._desk.calls.latest(provider, at)
        await self._desk.database.write(lambda c: deliveries.prune(c, now))

    # --- who ------------------------------------------------------------------------------

    async def _of_token(self, token: str, provider: str | None) -> RowMapping:
        found = await self._desk.database.read(lambda c: rows.attempt_by_token(c, token))
        if found is None or provider not in {None, found["provider"]}:
            raise NotFound("no attempt has this callback token")
        return found

    def _connection(self, name: str | None, variant: str | None) -> Connection:
        providers = self._desk.engine.providers
        if name is None or not providers.knows(name):
            raise NotFound("there is no such provider")
        return providers.get(name, variant)

    async def _proved(self, connection: Connection, body: bytes, headers: Headers) -> bool:
        """Whether the call is signed as it should be. False where it proves nothing, and need not.

        Raises `Forged` where it should.
        """
        webhook = connection.provider.webhook
        signature = webhook.signature
        if signature is None:
            return False
        present = signature.present(headers)
        if not present and not webhook.always:
            return False
        keys = await self._keys.of(connection)
        if keys is None:  # none is configured, or the provider cannot be asked: a hint, no more
            return False
        if not present:
            raise Forged(f"a call from `{connection.name}` is signed, and this one is not")
        now = self._desk.now()
        if signature.genuine(body, headers, keys, now):
            return True
        renewed = await self._keys.of(connection, anew=True)
        if renewed is not None and signature.genuine(body, headers, renewed, now):
            return True
        raise Forged("the signature is wrong, or too old")

    # --- about ----------------------------------------------------------------------------

    async def _of_body(self, connection: Connection, body: bytes, headers: Headers) -> RowMapping:
        """The attempt whose handle a signed call names."""
        told = next(
            (
                understood(operation, body, headers)
                for operation in connection.provider.operations
                if isinstance(operation, Job) and operation.read_callback is not None
            ),
            None,
        )
        if told is None:
            raise NotFound(f"`{connection.name}` has no jobs that it could call about")
        words = sorted(leaves(told.handle), key=len)
        found = await self._desk.database.read(
            lambda c: deliveries.under_way(c, connection.name, words[-1] if words else told.handle)
        )
        matching = [one for one in found if names(one["handle"], told.handle)]
        if len(matching) != 1:
            raise NotFound("no job under way has the id that the call names")
        return matching[0]

    # --- so -------------------------------------------------------------------------------

    async def _follow(
        self, found: RowMapping, body: bytes, headers: Headers, *, signed: bool
    ) -> None:
        """Do what follows from a call."""
        row = await self._desk.database.read(lambda c: rows.job(c, found["job_id"]))
        assert row is not None
        operation = operation_of(self._desk, found, row["medium"])
        if not isinstance(operation, Job) or operation.read_callback is None:
            return
        told = understood(operation, body, headers)
        if found["handle"] is not None and not names(found["handle"], told.handle):
            raise NotFound("the call names another job than the one that its address is for")
        if found["state"] in {"sending", "outcome_unknown"}:
            handle = told.handle
            try:
                if operation.whole_handle is not None:
                    handle = operation.whole_handle(handle, brief_of(self._desk, row, found))
            except GenerationError as error:
                raise UnreadableCall(error.message) from None
            await adopt(self._desk, row, found, Submitted(handle=handle))
        if signed and (answer := whole_answer(told)) is not None:
            now = await self._desk.database.read(lambda c: rows.attempt(c, found["id"]))
            assert now is not None
            if now["state"] in WAITING:
                await answered(self._desk, row, now, answer, before=WAITING)

    async def _remember(self, provider: str, delivery: str, found: RowMapping) -> None:
        """Written down last: a call that was cut short by a crash is heard when it is repeated."""
        now, worker = self._desk.now(), self._desk.worker()

        def work(c: DatabaseConnection) -> None:
            deliveries.remember(c, provider, delivery, now)
            if found["state"] in WAITING:
                deliveries.take_over(c, found["job_id"], worker, now)

        await self._desk.database.write(work)
        self._desk.calls.latest(provider, now)
        self._desk.calls.heard(found["id"])
        self._wake(found["job_id"])


def understood(operation: Job, body: bytes, headers: Headers) -> Callback:
    """What a call says. Raises `UnreadableCall`."""
    assert operation.read_callback is not None
    try:
        return operation.read_callback(body, headers)
    except GenerationError as error:
        raise UnreadableCall(f"the call could not be read: {error.message}") from None


def named(
    connection: Connection, body: bytes, headers: Headers, token: str | None, *, signed: bool
) -> str:
    """What a call is known by, when it comes again: its sender's name for it, or what it says."""
    digest = hashlib.sha256(body).hexdigest()
    signature = connection.provider.webhook.signature
    if signed and signature is not None:
        return f"{signature.identifier(headers) or ''}:{digest}"
    return f"{hashlib.sha256((token or '').encode()).hexdigest()[:16]}:{digest}"


def whole_answer(told: Callback) -> MediaAnswer | None:
    """The result, where a call brings all of it: then there is nothing left to ask."""
    state = told.state
    if not isinstance(state, Succeeded) or not state.artifacts:
        return None
    if not all(isinstance(one, RemoteArtifact) for one in state.artifacts):
        return None
    return MediaAnswer.model_validate(state.model_dump(exclude={"status"}))


def names(stored: str, told: str) -> bool:
    """Whether a call's handle is that of an attempt.

    Adapters pack handles as they like: an id, a path that ends in it, or a ticket of several. A
    call may know less of it than we do.
    """
    known = leaves(stored)
    known |= {part for one in known for part in one.split("/")}
    said = leaves(told)
    return bool(said) and said <= known


def leaves(handle: str) -> set[str]:
    """Every text in a handle that says something."""
    found: set[str] = set()

    def collect(value: Any) -> None:
        match value:
            case str():
                found.add(value)
            case dict():
                for inner in value.values():
                    collect(inner)
            case list():
                for inner in value:
                    collect(inner)
            case _:
                pass

    try:
        packed = msgspec.json.decode(handle) if handle[:1] in {"{", "["} else handle
    except msgspec.DecodeError:
        packed = handle
    collect(packed)
    return found - {""}
