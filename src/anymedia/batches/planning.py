"""Which lines go through the batch API of a provider, and with which others.

The route decides who would be asked first, as for a single request. Where that provider answers
many at once, its lines are gathered by provider, credential, model and path; each heap that is full
becomes a part.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows
from anymedia.batches.desk import Desk, as_text, request_of
from anymedia.batches.purse import Purse
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.identity import new_id
from anymedia.providers.catalog import batch_factor
from anymedia.providers.spec import Batch, Brief, Call
from anymedia.wire.http import HttpRequest

PAGE = 200
Key: TypeAlias = tuple[str, str, str, str]
"""Provider, credential, model, and what the provider groups by."""


@dataclass(slots=True)
class Heap:
    """Lines that go together, not yet enough for a part."""

    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    size: int = 0


async def planned(desk: Desk, batch: RowMapping, purse: Purse) -> None:
    """Give every line that can go through a batch API its part.

    Done again after a crash, it finds those that have none yet.
    """
    heaps: defaultdict[Key, Heap] = defaultdict(Heap)
    after, room = -1, True
    while room:
        found = await desk.database.read(
            lambda c, a=after: rows.with_status(c, batch["id"], "queued", PAGE, after=a)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
        )
        if not found:
            break
        after = found[-1]["position"]
        for item in found:
            chosen = await one(desk, batch, item)
            if chosen is None:
                continue
            candidate, operation, asked, group = chosen
            try:
                bound = purse.bound(candidate.estimate, candidate.name)
            except GenerationError:
                continue  # as a single request it is refused, and told so
            if not purse.fits(bound):
                room = False
                break
            purse.hold(bound)
            size = len(msgspec.json.encode(asked.json))
            key = (
                candidate.connection.name,
                candidate.connection.variant,
                candidate.model_id,
                group,
            )
            heap = heaps[key]
            full = heap.size + size > operation.most_bytes
            if heap.lines and (full or len(heap.lines) >= operation.most_requests):
                await made(desk, batch, key, heap)
                heap = heaps[key] = Heap()
            heap.size += size
            heap.lines.append((item["position"], {"held": bound, "fitted": fitted(candidate)}))
    for key, heap in heaps.items():
        if heap.lines:
            await made(desk, batch, key, heap)
    now = desk.now()
    await desk.change(batch["id"], lambda c: rows.change(c, batch["id"], now, planned=True))


async def one(
    desk: Desk, batch: RowMapping, item: RowMapping
) -> tuple[Candidate, Batch, HttpRequest, str] | None:
    """A line's candidate, if its provider can take it in a batch."""
    if item["medium"] != "text":
        return None
    engine = desk.engine
    try:
        found, _ = engine.router.chosen(
            request_of(item["medium"], item["request"]),
            engine.clock.now().date(),
            asker=Asker(caller=batch["owner"]),
        )
        candidate = found[0]
        operation = candidate.connection.provider.batch
        if operation is None or operation.medium != item["medium"]:
            return None
        candidate = discounted(candidate)
        asked = await question(desk, candidate)
    except GenerationError:
        return None  # alone it is told what is wrong
    group = operation.group(asked)
    return None if group is None or asked.json is None else (candidate, operation, asked, group)


async def question(desk: Desk, candidate: Candidate, marker: str = "") -> HttpRequest:
    """What would be asked if it were asked alone."""
    call = candidate.connection.provider.operation(candidate.request.medium, Call)
    assert isinstance(call, Call)
    request, _ = await desk.engine.inputs.prepared(candidate.request, candidate.connection)
    exchange = call.exchange(request, Brief(model=candidate.model, marker=marker))
    asked = next(exchange)
    exchange.close()
    return asked


def discounted(candidate: Candidate) -> Candidate:
    """The candidate at the prices of its provider's batch API."""
    if candidate.model is None:
        return candidate
    provider = candidate.connection.provider
    return replace(candidate, model=at_discount(candidate.model, provider.catalog or provider.name))


def at_discount(model: Model, catalog: str) -> Model:
    """A model with what its provider charges in batches. An own price for batches wins."""
    own = [one for one in model.prices if one.when.get("batch") is True]
    if own:
        usual = [one for one in model.prices if "batch" not in one.when]
        units = {one.unit for one in own}
        bare = [
            one.model_copy(
                update={"when": {name: v for name, v in one.when.items() if name != "batch"}}
            )
            for one in own
        ]
        prices = (*bare, *(one for one in usual if one.unit not in units))
    else:
        factor = batch_factor(catalog)
        if factor is None:
            return model
        prices = tuple(one.model_copy(update={"usd": one.usd * factor}) for one in model.prices)
    return model.model_copy(update={"prices": prices})


def fitted(candidate: Candidate) -> str:
    """The request as the model takes it, with what was changed."""
    return msgspec.json.encode(
        {
            "request": msgspec.Raw(as_text(candidate.request).encode()),
            "notices": [one.model_dump(mode="json") for one in candidate.notices],
        }
    ).decode()


def unfitted(item: RowMapping) -> tuple[Request[Any], tuple[Notice, ...]]:
    """The same out of its row."""
    said = msgspec.json.decode(item["fitted"], type=dict[str, msgspec.Raw])
    request = request_of(item["medium"], bytes(said["request"]).decode())
    notices = msgspec.json.decode(said["notices"])
    return request, tuple(Notice.model_validate(one) for one in notices)


async def made(desk: Desk, batch: RowMapping, key: Key, heap: Heap) -> None:
    """A part, and its lines in it: both or neither."""
    provider, variant, model, group = key
    part_id, now = new_id("bat"), desk.now()

    def work(c: Connection) -> None:
        rows.insert_part(
            c,
            id=part_id,
            batch_id=batch["id"],
            provider=provider,
            variant=variant,
            model=model,
            path=group,
            state="intent",
            requests=len(heap.lines),
            created_at=now,
            due_at=now,
            polls=0,
        )
        for position, columns in heap.lines:
            rows.move(
                c,
                batch["id"],
                position,
                before=("queued",),
                after="running",
                part_id=part_id,
                provider=provider,
                model=model,
                **columns,
            )

    await desk.change(batch["id"], work)
