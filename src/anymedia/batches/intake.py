"""Taking a batch in: every line is read, checked and kept before anything is begun.

Lines go into their rows as they come, in pieces, so that no file is whole in memory; until the last
of them is there, the batch is in the state `reading` and nobody sees it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from anymedia.batches import rows
from anymedia.batches.desk import as_text
from anymedia.batches.lines import BadLine, Read, Reader, Source, pieces, plain
from anymedia.contracts.batch import BatchSettings
from anymedia.contracts.errors import Conflict, GenerationError, InvalidRequest, StorageFailed
from anymedia.contracts.mistakes import printable
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker
from anymedia.engine.engine import Engine
from anymedia.engine.identity import new_id
from anymedia.engine.inputs import artifact_ids, holds_media
from anymedia.jobs.service import Jobs
from anymedia.store.database import Database

Check: TypeAlias = Callable[[Request[Any]], Awaitable[Request[Any]]]
"""Whether its caller may ask for this; the request as they may."""
AT_ONCE = 200
"""Lines to a transaction."""
MOST_LINES = 100_000
MOST_MISTAKES = 100
"""That are told; all are counted."""


class Intake:
    """One batch on its way in."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        jobs: Jobs,
        *,
        settings: BatchSettings,
        reader: Reader,
        check: Check | None = None,
        keeps_mistakes: bool = False,
    ) -> None:
        self._engine = engine
        self._database = database
        self._jobs = jobs
        self._settings = settings
        self._read = reader
        self._check = check
        self._keeps_mistakes = keeps_mistakes
        """Whether what is wrong is told in the batch, and not raised."""
        self._id = new_id("batch")
        self._ids: set[str] = set()
        self._waiting: list[dict[str, Any]] = []
        self._mistakes: list[dict[str, Any]] = []
        self._wrong = 0
        self._lines = 0
        self._digest = hashlib.sha256(
            settings.model_dump_json(exclude={"idempotency_key"}).encode()
        )

    async def take(self, source: Source) -> str:
        """Take a batch on; its id. When this returns, it survives anything.

        `InvalidRequest` lists what is wrong, and nothing is kept; or it is kept as a batch that was
        stopped before it began.
        """
        now = self._now()
        await self._database.write(
            lambda c: rows.insert(
                c,
                id=self._id,
                owner=self._jobs.owner,
                status=rows.READING,
                settings=self._settings.model_dump_json(),
                request_hash="",
                planned=False,
                created_at=now,
                updated_at=now,
            )
        )
        try:
            try:
                await self._lines_of(source)
            except InvalidRequest as error:
                if not self._keeps_mistakes:
                    raise
                text = error.problem().model_dump_json(exclude={"details"})
                await self._database.write(lambda c: self._stopped(c, text))
                return self._id
            return await self._database.write(self._taken)
        except BaseException:
            await self._forget()
            raise

    async def _lines_of(self, source: Source) -> None:
        number = 0
        async for line in pieces(source):
            number += 1
            await self._one(number, line)
            await asyncio.sleep(0)  # reading many lines must not keep others waiting
        await self._keep()
        self._refuse()

    def _now(self) -> float:
        return self._database.time(self._engine.clock.time())

    async def _one(self, number: int, line: Any) -> None:
        try:
            found = await self._read(line)
            if found is None:
                return
            self._said(line)
            request = await self._checked(found)
        except BadLine as bad:
            self._wrong_line(number, bad)
        else:
            self._add(number, found.custom_id, status="queued", request=request)
        if len(self._waiting) >= AT_ONCE:
            await self._keep()

    def _said(self, line: Any) -> None:
        said = (
            line.strip()
            if isinstance(line, bytes)
            else msgspec.json.encode(line, order="deterministic", enc_hook=str)
        )
        self._digest.update(said + b"\n")

    async def _checked(self, found: Read) -> Request[Any]:
        """The request as it is kept; `BadLine` where nobody could serve it."""
        custom_id, request = found.custom_id, found.request
        if custom_id in self._ids:
            raise BadLine(
                "`custom_id`: there is an earlier line with the same",
                custom_id,
                param="custom_id",
                code="duplicate_custom_id",
            )
        self._ids.add(custom_id)
        settings = self._settings
        changes: dict[str, Any] = {}
        if "priority" not in request.model_fields_set:
            changes["priority"] = settings.priority
        if settings.tags:
            changes["tags"] = tuple(dict.fromkeys((*request.tags, *settings.tags)))
        if changes:
            request = request.model_copy(update=changes)
        try:
            if self._check is not None:
                request = await self._check(request)
            if holds_media(tuple(request.__dict__.values())):
                if artifact_ids(request):
                    await self._jobs.check_inputs(request)
                request = await self._jobs.with_kept_inputs(request)
            self._engine.router.chosen(
                request, self._engine.clock.now().date(), asker=Asker(caller=self._jobs.owner)
            )
        except StorageFailed:
            raise
        except GenerationError as error:
            raise BadLine(plain(error), custom_id, param=field_of(error)) from None
        return request

    def _wrong_line(self, number: int, bad: BadLine) -> None:
        self._wrong += 1
        shown = None if bad.custom_id is None else printable(bad.custom_id)
        if len(self._mistakes) < MOST_MISTAKES:
            mistake = {"line": number, "custom_id": shown, "message": bad.message[:1000]}
            finer = {"param": bad.param, "code": bad.code}
            self._mistakes.append(mistake | {name: one for name, one in finer.items() if one})
        problem = Problem(
            code="INVALID_REQUEST", kind="InvalidRequest", message=f"line {number}: {bad.message}"
        )
        self._add(number, bad.custom_id, status="invalid", problem=problem.model_dump_json())

    def _add(
        self,
        number: int,
        custom_id: str | None,
        *,
        status: str,
        request: Request[Any] | None = None,
        problem: str | None = None,
    ) -> None:
        self._lines += 1
        if self._lines > MOST_LINES:
            raise InvalidRequest(
                f"a batch has at most {MOST_LINES:,} lines; send the rest as another"
            )
        self._waiting.append(
            {
                "batch_id": self._id,
                "position": self._lines,
                "line": number,
                "custom_id": custom_id,
                "medium": None if request is None else request.medium,
                "status": status,
                "request": None if request is None else as_text(request),
                "problem": problem,
                "tries": 0,
                "finished_at": None if request is not None else self._now(),
            }
        )

    async def _keep(self) -> None:
        waiting, self._waiting = self._waiting, []
        now = self._now()

        def work(c: Connection) -> None:
            rows.insert_items(c, waiting)
            rows.change(c, self._id, now)  # it is still coming

        await self._database.write(work)

    def _refuse(self) -> None:
        """Raise what keeps the batch from being taken on."""
        if not self._lines:
            raise InvalidRequest("the batch has no lines: one JSON object a line is expected")
        useless = self._wrong == self._lines and not self._keeps_mistakes
        if self._wrong and (self._settings.on_invalid == "refuse" or useless):
            shown = "; ".join(
                f"line {one['line']}: {one['message'].rstrip('.')}" for one in self._mistakes[:10]
            )
            more = f"; and {self._wrong - 10} more" if self._wrong > 10 else ""
            skip = (
                ""
                if self._wrong == self._lines
                else " Mend them, or leave them out with `on_invalid: skip`."
            )
            raise InvalidRequest(
                f"{self._wrong} of {self._lines} lines are no requests, so nothing was begun. "
                f"{shown}{more}.{skip}",
                details={"mistakes": self._mistakes, "wrong": self._wrong},
            )

    def _taken(self, c: Connection) -> str:
        """It is complete, unless its key stands for one that was taken on before."""
        key = self._settings.idempotency_key
        if key is None:
            self._take_on(c)
            return self._id
        earlier = rows.by_key(c, self._jobs.owner, key)
        if earlier is None:
            try:
                with c.begin_nested():
                    self._take_on(c)
            except IntegrityError:  # another process was a moment earlier
                earlier = rows.by_key(c, self._jobs.owner, key)
                assert earlier is not None
        if earlier is None:
            return self._id
        if earlier["request_hash"] != self._digest.hexdigest():
            raise Conflict(
                f"the idempotency key already belongs to batch `{earlier['id']}`, which asks "
                f"for something else; use another key"
            )
        rows.forget(c, self._id)
        return str(earlier["id"])

    def _take_on(self, c: Connection) -> None:
        now = self._now()
        rows.change(
            c,
            self._id,
            now,
            status="queued",
            request_hash=self._digest.hexdigest(),
            idempotency_key=self._settings.idempotency_key,
            mistakes=self._told_mistakes(),
            due_at=now,
        )

    def _stopped(self, c: Connection, problem: str) -> None:
        """It was refused, and stays to say why; its lines do not."""
        now = self._now()
        rows.forget_items(c, self._id)
        rows.change(
            c,
            self._id,
            now,
            status="stopped",
            request_hash=self._digest.hexdigest(),
            mistakes=self._told_mistakes(),
            problem=problem,
            finished_at=now,
        )

    def _told_mistakes(self) -> str | None:
        return msgspec.json.encode(self._mistakes).decode() if self._mistakes else None

    async def _forget(self) -> None:
        """Nothing of it stays. If that fails, it is forgotten an hour later."""
        try:
            await self._database.write(lambda c: rows.forget(c, self._id))
        except StorageFailed as error:
            self._engine.report(f"a batch that was refused could not be removed: {error.message}")


def field_of(error: GenerationError) -> str | None:
    """The field that a failure is about, where it says so."""
    found = error.details.get("mistakes")
    return found[0]["path"] or None if found else None
