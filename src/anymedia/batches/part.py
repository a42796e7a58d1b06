"""A part of a batch that is at a provider, and everything around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.batches import rows
from anymedia.batches.desk import Desk
from anymedia.batches.planning import at_discount, unfitted
from anymedia.batches.purse import Purse
from anymedia.contracts.errors import UnreadableResponse
from anymedia.engine.candidate import Candidate
from anymedia.engine.connection import Connection as ProviderConnection
from anymedia.engine.legs import NAMED
from anymedia.providers.spec import Batch, Call
from anymedia.store.ledger import Entry, LedgerRow


@dataclass(slots=True)
class At:
    """Where a part stands, with everything around it."""

    desk: Desk
    batch: RowMapping
    part: RowMapping
    purse: Purse

    @property
    def connection(self) -> ProviderConnection:
        """The provider, with the credential that the part went out with."""
        return self.desk.engine.providers.get(self.part["provider"], self.part["variant"])

    @property
    def operation(self) -> Batch:
        """How it takes batches."""
        operation = self.connection.provider.batch
        if operation is None:
            raise UnreadableResponse(f"`{self.part['provider']}` takes no batches any more")
        return operation

    def attempt(self, item: RowMapping) -> str:
        """The name of a line's attempt: the same whoever writes it down, and how often."""
        return f"{self.part['id']}:{item['position']}"

    async def change(self, work: Callable[[Connection], Any]) -> Any:
        """Change rows, as the owner of the batch."""
        return await self.desk.change(self.batch["id"], work)

    async def later(self, seconds: float, **columns: Any) -> None:
        """Look again then."""
        due = self.desk.now() + seconds
        await self.change(lambda c: rows.set_part(c, self.part["id"], due_at=due, **columns))


def candidate_of(at: At, item: RowMapping) -> Candidate:
    """The way that a line went, at the price of batches."""
    connection = at.connection
    request, notices = unfitted(item)
    call = connection.provider.operation(request.medium, Call)
    assert isinstance(call, Call)
    model = at.desk.engine.providers.model(at.part["provider"], at.part["model"], request.medium)
    if model is not None:
        provider = connection.provider
        model = at_discount(model, provider.catalog or provider.name)
    return Candidate(
        connection=connection,
        operation=call,
        request=request,
        model=model,
        model_id=at.part["model"],
        notices=notices,
        leg=NAMED,
        why="in a batch",
    )


def ledger_row(at: At, item: RowMapping, entry: Entry, now: float, **facts: Any) -> LedgerRow:
    """A row about a line."""
    return LedgerRow(
        id=f"{at.attempt(item)}:{entry}",
        at=now,
        entry=entry,
        attempt_id=at.attempt(item),
        request=f"{at.batch['id']}:{item['position']}",
        owner=at.batch["owner"],
        provider=at.part["provider"],
        model=at.part["model"],
        medium=item["medium"],
        tags=unfitted(item)[0].tags,
        **facts,
    )
