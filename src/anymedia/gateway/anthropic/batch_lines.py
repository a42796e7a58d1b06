"""Messages of a batch: read as each alone would be, and told one line after the other."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest

from anymedia.batches.lines import BadLine, Read, plain
from anymedia.client.batches import AsyncBatchesView
from anymedia.contracts.batch import Batch, BatchItem
from anymedia.contracts.errors import GenerationError, raised
from anymedia.contracts.notice import Notice
from anymedia.contracts.text import TextResult
from anymedia.gateway.anthropic import question
from anymedia.gateway.anthropic.answer import Head, message
from anymedia.gateway.anthropic.failures import failure
from anymedia.gateway.anthropic.routes import DIALECT
from anymedia.gateway.shared.batched import fate
from anymedia.gateway.shared.document import DEEP, decoded, encoded
from anymedia.gateway.shared.reading import Reading, mistaken, wrong
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.spec import Gateway

CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
WARNINGS = "warnings"
PREFIX = "batch_"
WORDS = {"cancelled": "canceled", "expired": "expired"}


class One(msgspec.Struct, forbid_unknown_fields=True):
    """One message, not yet read."""

    custom_id: str
    params: msgspec.Raw


def each(raw: msgspec.Raw) -> list[One]:
    """The messages that are asked for; their names are right, the rest is read later."""
    try:
        found = msgspec.json.decode(raw, type=list[One])
    except msgspec.ValidationError as error:
        raise mistaken(error, "requests") from None
    seen: set[str] = set()
    for place, one in enumerate(found):
        where = f"requests[{place}].custom_id"
        if not CUSTOM_ID.fullmatch(one.custom_id):
            raise wrong(where, "expected 1 to 64 letters, digits, `_` or `-`")
        if one.custom_id in seen:
            raise wrong(where, "there is an earlier one with the same")
        seen.add(one.custom_id)
    if not found:
        raise wrong("requests", "expected at least one")
    return found


def documents(found: list[One]) -> Iterator[Mapping[str, Any]]:
    """The same as lines of a batch."""
    return ({"custom_id": one.custom_id, "params": one.params} for one in found)


def reader(
    gateway: Gateway, request: HttpRequest, betas: list[str]
) -> Callable[[bytes | Mapping[str, Any]], Awaitable[Read | None]]:
    """Reads those lines."""

    async def read(line: bytes | Mapping[str, Any]) -> Read | None:
        assert isinstance(line, Mapping)
        name = line["custom_id"]
        try:
            body = decoded(bytes(line["params"]))
            if betas:
                body["betas"] = betas
            reading = Reading(body)
            asked = question.asked(reading)
            if asked.stream:
                raise wrong("stream", "a message of a batch is answered whole; leave it out")
            asker = gateway.asker(request, asked.request)
            wanted, notices = await passed_on(
                gateway.client, asked.request, reading, asker=asker, dialect=DIALECT
            )
        except RecursionError:
            raise BadLine(DEEP, name) from None
        except GenerationError as error:
            raise BadLine(plain(error), name) from None
        if notices:
            told = [one.model_dump(mode="json", exclude_none=True) for one in notices]
            more = {**wanted.metadata, DIALECT: {WARNINGS: told}}
            wanted = wanted.model_copy(update={"metadata": more})
        return Read(name, wanted)

    return read


async def lines(
    own: AsyncBatchesView, batch: Batch, request: HttpRequest
) -> AsyncGenerator[bytes, None]:
    """What became of every message."""
    async with aclosing(own.results(batch.id)) as items:
        async for item in items:
            told = {"custom_id": item.custom_id, "result": result(batch, item, request)}
            yield encoded(told) + b"\n"


def result(batch: Batch, item: BatchItem, request: HttpRequest) -> dict[str, Any]:
    """What became of one."""
    if item.result is not None:
        said = TextResult.model_validate(item.result)
        told = (item.result.get("metadata") or {}).get(DIALECT) or {}
        notices = tuple(Notice.model_validate(one) for one in told.get(WARNINGS, ()))
        name = f"msg_{batch.id.removeprefix(PREFIX)}_{item.line}"
        return {"type": "succeeded", "message": message(said, Head(name, notices))}
    if (word := WORDS.get(fate(batch, item))) is not None:
        return {"type": word}
    assert item.error is not None
    failed = failure(raised(item.error), request)
    return {"type": "errored", "error": {**failed, "request_id": None}}
