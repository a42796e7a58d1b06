"""Which part of the ledger a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, literal, or_, select

from anymedia.store.schema import ledger
from anymedia.store.sql import within

OPEN = ledger.c.entry.in_(("reserve", "pending"))
"""It is not known yet what the attempt costs."""
CACHED = ledger.c.entry == "cached"
"""Nobody was asked: an answer was given again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A time, and whose attempts at what; everything unless said."""

    since: datetime | None = None
    until: datetime | None = None
    owner: str | None = None
    tag: str | None = None
    provider: str | None = None
    model: str | None = None
    """Its id, or `provider/model`."""
    media: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a row has to meet: the last one about its attempt, and in this part."""
        found = [decisive()]
        if self.since is not None:
            found.append(ledger.c.at >= self.since.timestamp())
        if self.until is not None:
            found.append(ledger.c.at < self.until.timestamp())
        for column, wanted in (
            (ledger.c.owner, self.owner),
            (ledger.c.provider, self.provider),
            (ledger.c.medium, self.media),
        ):
            if wanted is not None:
                found.append(column == wanted)
        if self.model is not None:
            whole = ledger.c.provider + "/" + ledger.c.model
            found.append(or_(ledger.c.model == self.model, whole == self.model))
        if self.tag is not None:
            found.append(tagged(self.tag))
        return found


def decisive() -> ColumnElement[bool]:
    """It is the last word on its attempt."""
    later = ledger.alias("later")
    return ~(
        select(literal(1))
        .where(later.c.attempt_id == ledger.c.attempt_id, later.c.row > ledger.c.row)
        .exists()
    )


def tagged(tag: str) -> ColumnElement[bool]:
    """It has a tag. Tags lie there as a JSON list of texts, written without spaces.

    A quote inside a text is escaped, so one after a bracket or comma begins a text.
    """
    text = msgspec.json.encode(tag).decode()
    return or_(
        within(f"[{text}", ledger.c.tags),
        within(f",{text}", ledger.c.tags),
    )
