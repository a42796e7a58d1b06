"""`client.batches`: many requests as one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from anymedia.client.verbs import request_for
from anymedia.contracts.batch import ENDED, Batch, BatchItem, BatchSettings
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import valid

if TYPE_CHECKING:
    from anymedia.batches.files import Files
    from anymedia.batches.intake import Check
    from anymedia.batches.lines import Reader, Source
    from anymedia.batches.service import Batches, OnProgress
    from anymedia.client.portal import Portal

BUILD = request_for
"""How a line's fields become a request: as a verb's arguments do."""


class AsyncBatchesView:
    """`client.batches`, awaited."""

    def __init__(self, batches: Callable[[], Batches]) -> None:
        self._open = batches

    def of(self, owner: str) -> AsyncBatchesView:
        """The batches of somebody else who uses this client, such as a key of the gateway's."""
        return AsyncBatchesView(lambda: self._open().of(owner))

    async def create(
        self,
        source: Source,
        settings: BatchSettings | Mapping[str, Any] | None = None,
        *,
        media_type: Medium | None = None,
        check: Check | None = None,
        reader: Reader | None = None,
        keeps_mistakes: bool = False,
        start: bool = True,
        **fields: Any,
    ) -> Batch:
        """Take a batch on: a JSONL file, its bytes, lines, or a list of documents.

        Fields are those of `BatchSettings`. `media_type` is what lines ask for that do not say.
        Without `start` it is left to other processes, or to a later `wait`.
        Every line is checked first; `InvalidRequest` lists all mistakes, and nothing is begun.
        A `reader` understands lines in another form; with `keeps_mistakes` what is wrong is told
        in a batch that was stopped before it began, and not raised.
        """
        batches = self._open()
        said = settings_of(settings, fields)
        batch = await batches.create(
            source,
            said,
            medium=media_type,
            check=check,
            reader=reader,
            keeps_mistakes=keeps_mistakes,
        )
        if start:
            batches.start()
        return batch

    async def get(self, batch_id: str) -> Batch:
        """How it stands. `NotFound` when there is none of that id."""
        return await self._open().get(batch_id)

    async def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
        dialect: str | None = None,
    ) -> tuple[Batch, ...]:
        """Batches, the newest first; `after` and `before` are ids, for the pages next to them."""
        return await self._open().list(limit=limit, after=after, before=before, dialect=dialect)

    async def forget(self, batch_id: str) -> None:
        """Remove a batch that is over, with its lines; the ledger keeps what they cost."""
        await self._open().forget(batch_id)

    async def forget_answers(self, batch_id: str, statuses: Iterable[str]) -> None:
        """Remove what became of lines that stand like this, once the batch is over."""
        await self._open().forget_answers(batch_id, statuses)

    async def holds_answers(self, batch_id: str, statuses: Iterable[str]) -> bool:
        """Whether anything is kept of what became of lines that stand like this."""
        return await self._open().holds_answers(batch_id, statuses)

    async def expired(self, batch_id: str) -> int:
        """How many lines failed because a provider's batch did not get to them in time."""
        return await self._open().expired(batch_id)

    @property
    def files(self) -> Files:
        """Files of lines, handed in before they are asked for."""
        return self._open().files

    async def results(
        self, batch_id: str, *, every: bool = False, statuses: Iterable[str] = ENDED
    ) -> AsyncGenerator[BatchItem, None]:
        """What became of its lines, in their order: of `every` one, or of those that stand so."""
        async for item in self._open().results(batch_id, every=every, statuses=statuses):
            yield item

    async def wait(
        self,
        batch_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Batch:
        """The batch once it is over. Running out of time leaves it going."""
        return await self._open().wait(
            batch_id, timeout_seconds=timeout_seconds, on_progress=on_progress
        )

    async def cancel(self, batch_id: str) -> Batch:
        """Begin nothing more of it, and stop what can be stopped."""
        batches = self._open()
        batch = await batches.cancel(batch_id)
        batches.start()
        return batch

    def start(self) -> None:
        """Carry batches on in this process, in the background."""
        self._open().start()

    async def work(self, *, until_idle: bool = False) -> None:
        """Carry batches on until stopped, or until none is left."""
        await self._open().work(until_idle=until_idle)

    def stop(self) -> None:
        """Let `work` return when questions under way have ended."""
        self._open().stop()


def settings_of(
    settings: BatchSettings | Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> BatchSettings:
    """What is wanted of all requests together. `InvalidRequest` lists what is wrong."""
    if isinstance(settings, BatchSettings):
        settings = settings.model_dump(exclude_unset=True)
    said = {**(settings or {}), **{name: v for name, v in fields.items() if v is not None}}
    return valid(BatchSettings, said, "the batch")


class BatchesView:
    """`client.batches`, blocking."""

    def __init__(self, batches: AsyncBatchesView, portal: Portal) -> None:
        self._batches = batches
        self._portal = portal

    def of(self, owner: str) -> BatchesView:
        """The batches of somebody else who uses this client."""
        return BatchesView(self._batches.of(owner), self._portal)

    def create(
        self,
        source: Source,
        settings: BatchSettings | Mapping[str, Any] | None = None,
        *,
        media_type: Medium | None = None,
        **fields: Any,
    ) -> Batch:
        """Take a batch on: a JSONL file, its bytes, lines, or a list of documents."""
        return self._portal.call(
            self._batches.create(source, settings, media_type=media_type, **fields)
        )

    def get(self, batch_id: str) -> Batch:
        """How it stands."""
        return self._portal.call(self._batches.get(batch_id))

    def list(self, *, limit: int = 50) -> tuple[Batch, ...]:
        """Batches, the newest first."""
        return self._portal.call(self._batches.list(limit=limit))

    def results(self, batch_id: str, *, every: bool = False) -> Iterator[BatchItem]:
        """What became of its lines, in their order."""
        return self._portal.iterate(self._batches.results(batch_id, every=every))

    def wait(
        self,
        batch_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Batch:
        """The batch once it is over. Running out of time leaves it going."""
        return self._portal.call(
            self._batches.wait(batch_id, timeout_seconds=timeout_seconds, on_progress=on_progress)
        )

    def forget(self, batch_id: str) -> None:
        """Remove a batch that is over, with its lines; the ledger keeps what they cost."""
        self._portal.call(self._batches.forget(batch_id))

    def cancel(self, batch_id: str) -> Batch:
        """Begin nothing more of it, and stop what can be stopped."""
        return self._portal.call(self._batches.cancel(batch_id))
