"""Batches in other people's languages: what is the same whichever it is.

A batch that was handed in in a dialect carries the facts of that dialect in its metadata, under
the dialect's name; nobody else's batches are seen there.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from starlette.requests import Request as HttpRequest

from anymedia.client.batches import AsyncBatchesView
from anymedia.contracts.batch import EXPIRED, Batch, BatchItem, BatchSettings, seconds_of
from anymedia.contracts.errors import NotFound
from anymedia.contracts.mistakes import printable, valid
from anymedia.gateway.shared.reading import wrong
from anymedia.gateway.spec import Refused

ID = re.compile(r"batch_[0-9a-f]{32}")
KEY = re.compile(r"[!-~]{1,255}")
OPEN = ("name", "max_cost", "concurrency", "priority", "tags", "on_expired")
"""What `anymedia` in a body can say of a batch besides."""
DAY = "24h"
Fate: TypeAlias = Literal["cancelled", "expired", "failed"]


def settings(
    request: HttpRequest,
    dialect: str,
    facts: dict[str, Any],
    further: dict[str, Any] | None,
    *,
    window: str = DAY,
    **fields: Any,
) -> BatchSettings:
    """What is wanted of all lines together: the dialect's own facts, and what was said besides."""
    closed = [name for name in further or {} if name not in OPEN]
    if closed:
        raise wrong(f"anymedia.{closed[0][:60]}", f"there are {', '.join(OPEN)} of a batch")
    said = {
        **(further or {}),
        **fields,
        "completion_window": window,
        "metadata": {dialect: facts},
        "idempotency_key": idempotency_key(request),
    }
    found = valid(BatchSettings, said, "the batch")
    assert found.completion_window is not None
    return found.model_copy(update={"timeout_seconds": seconds_of(found.completion_window)})


def besides() -> dict[str, Any]:
    """The same as a schema, with the bounds of the settings that they are."""
    known = BatchSettings.model_json_schema()["properties"]
    return {
        "type": ["object", "null"],
        "properties": {name: known[name] for name in OPEN},
        "additionalProperties": False,
        "description": "What the dialect has no words for.",
    }


def idempotency_key(request: HttpRequest) -> str | None:
    """The caller's key, under which handing in again is the same batch."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0].strip()
    if len(keys) > 1 or not KEY.fullmatch(key):
        raise Refused("`Idempotency-Key` is one word of at most 255 letters")
    return key


def facts_of(batch: Batch, dialect: str) -> dict[str, Any] | None:
    """What a dialect wrote down of a batch; `None` for one that was not handed in in it."""
    facts = batch.settings.metadata.get(dialect)
    return facts if isinstance(facts, dict) else None


async def handed_in(view: AsyncBatchesView, batch_id: str, dialect: str) -> Batch:
    """One batch of a dialect. `NotFound` where there is none of that id."""
    batch = await view.get(checked(batch_id))
    if facts_of(batch, dialect) is None:
        raise NotFound(f"there is no batch `{batch_id}` that was handed in here")
    return batch


def checked(batch_id: str) -> str:
    """An id that may be one; whatever else callers send is not looked up."""
    if not ID.fullmatch(batch_id):
        raise NotFound(f"there is no batch `{printable(batch_id[:100])}`")
    return batch_id


def fate(batch: Batch, item: BatchItem) -> Fate:
    """What became of a line without an answer. What was not begun shares the fate of its batch."""
    if item.status != "cancelled":
        late = item.error is not None and item.error.details.get(EXPIRED)
        return "expired" if late else "failed"
    return unbegun(batch)


def unbegun(batch: Batch) -> Fate:
    """Why lines of it were not begun: somebody asked, time was up, or the money."""
    if batch.status != "stopped" or batch.problem is None:
        return "cancelled"
    return "expired" if batch.problem.code == "TIMEOUT" else "failed"
