"""What became of the lines of a batch, as lines of OpenAI's: answers in one file, the rest in another.

Neither is kept: both are written from the batch whenever they are read.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from starlette.requests import Request as HttpRequest

from anymedia.contracts.batch import ENDED, Batch, BatchItem
from anymedia.contracts.embedding import EmbeddingResult
from anymedia.contracts.errors import NotFound, raised
from anymedia.contracts.image import ImageResult
from anymedia.contracts.notice import Notice
from anymedia.contracts.text import TextResult
from anymedia.gateway.openai import completion, embeddings, images
from anymedia.gateway.openai.asking import DIALECT
from anymedia.gateway.openai.batch_lines import LINKS, PACKED, WARNINGS
from anymedia.gateway.openai.failures import failure
from anymedia.gateway.shared.batched import fate, handed_in
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.refusals import status_of
from anymedia.gateway.spec import Gateway

Kind: TypeAlias = Literal["output", "error"]
STATUSES: Mapping[Kind, frozenset[str]] = {
    "output": frozenset({"succeeded"}),
    "error": ENDED - {"succeeded"},
}
ID = re.compile(r"file-([0-9a-f]{32})-(output|error)")
NOT_ASKED = {"cancelled": "batch_cancelled", "expired": "batch_expired"}
BATCH = "batch_"


def file_id(batch: Batch, kind: Kind) -> str:
    """The name under which it can be read."""
    return f"file-{batch.id.removeprefix(BATCH)}-{kind}"


@dataclass(frozen=True, slots=True)
class Output:
    """One of the two, of one batch."""

    gateway: Gateway
    request: HttpRequest
    batch: Batch
    kind: Kind

    @property
    def id(self) -> str:
        """Its name."""
        return file_id(self.batch, self.kind)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Line by line, in the order of the questions."""
        own = self.gateway.batches(self.request)
        async with aclosing(own.results(self.batch.id, statuses=STATUSES[self.kind])) as items:
            async for item in items:
                if item.result is not None or item.error is not None:
                    yield encoded(await self._told(item)) + b"\n"

    async def size(self) -> int:
        """In bytes."""
        return sum([len(line) async for line in self.lines()])

    async def _told(self, item: BatchItem) -> dict[str, Any]:
        line = f"{self.batch.id.removeprefix(BATCH)}_{item.line}"
        told: dict[str, Any] = {
            "id": f"batch_req_{line}",
            "custom_id": item.custom_id,
            "response": None,
            "error": None,
        }
        if item.result is not None:
            try:
                body = await self._answer(item.result, line, item.media_type)
            except NotFound as gone:  # pictures that were removed since; the others are there
                return {**told, "error": {"code": "not_found", "message": gone.message}}
            return {**told, "response": responded(200, line, body)}
        assert item.error is not None
        why = fate(self.batch, item)
        if why != "failed" or item.status == "cancelled":
            code = NOT_ASKED.get(why, item.error.code.lower())
            return {**told, "error": {"code": code, "message": item.error.message}}
        error = raised(item.error)
        return {**told, "response": responded(status_of(error), line, failure(error))}

    async def _answer(self, said: dict[str, Any], line: str, medium: str | None) -> dict[str, Any]:
        """An answer, as the line's own route gives it."""
        form = (said.get("metadata") or {}).get(DIALECT)
        form = form if isinstance(form, dict) else {}
        notices = tuple(Notice.model_validate(one) for one in form.get(WARNINGS, ()))
        created = int(self.batch.created_at.timestamp())
        match medium:
            case "embedding":
                vectors = EmbeddingResult.model_validate(said)
                return embeddings.answer(vectors, packed=bool(form.get(PACKED)))
            case "image":
                drawn = ImageResult.model_validate(said)
                pictures = await self._pictures(drawn, links=bool(form.get(LINKS)))
                return images.answer(drawn, pictures, created, notices)
            case _:
                words = TextResult.model_validate(said)
                head = completion.Head(f"chatcmpl-{line}", created, notices)
                return completion.completion(words, head)

    async def _pictures(self, drawn: ImageResult, *, links: bool) -> list[dict[str, Any]]:
        if links:
            return [images.behind(self.gateway.link(self.request, one)) for one in drawn.artifacts]
        jobs = self.gateway.jobs(self.request)
        found = [await jobs.artifact(one.id) for one in drawn.artifacts]
        return [images.inside(await asyncio.to_thread(one.read)) for one in found]


def responded(status: int, line: str, body: dict[str, Any]) -> dict[str, Any]:
    """A response, as it would have come alone."""
    return {"status_code": status, "request_id": f"req_{line}", "body": body}


async def output(gateway: Gateway, request: HttpRequest, name: str) -> Output | None:
    """What a file's id stands for, if it is one of these. `NotFound` where it holds nothing."""
    found = ID.fullmatch(name)
    if found is None:
        return None
    kind: Kind = "error" if found[2] == "error" else "output"
    try:
        own = gateway.batches(request)
        batch = await handed_in(own, f"{BATCH}{found[1]}", DIALECT)
        there = batch.final and await own.holds_answers(batch.id, STATUSES[kind])
    except NotFound:
        there = False
    if not there:
        raise NotFound(f"there is no file `{name}`")
    return Output(gateway, request, batch, kind)
