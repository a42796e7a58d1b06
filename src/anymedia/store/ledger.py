"""One line of the bill per attempt.

Money is kept in whole nano-dollars: a cached token of a cheap model costs ten of them, and a
64-bit sum still reaches nine billion dollars.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.contracts.cost import Cost

NANO = Decimal(1_000_000_000)
Entry: TypeAlias = Literal["reserve", "settle", "release", "pending", "correct", "cached"]
"""`cached` is an answer that was given again: nobody was asked, and `computed` is what that saved."""
LONGEST_REFERENCE = 200
"""Some providers' handles are whole documents; an invoice does not name those."""


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. Rows are only ever added; a correction is a row of its own."""

    id: str
    """Unique per attempt and entry, so that writing it twice is writing it once."""
    at: float
    entry: Entry
    attempt_id: str
    provider: str
    model: str
    medium: str
    job_id: str | None = None
    request: str | None = None
    """Whose try it is: the attempts of one request have it in common."""
    reference: str | None = None
    """The provider's own id for it: of its job, else of the exchange. Invoices name it."""
    amount: int | None = None
    """Nano-dollars; `None` while it is not known."""
    basis: str = "computed"
    bound: int | None = None
    """Where the amount is not known: what was reserved for it, without a row of its own."""
    computed: int | None = None
    reported: int | None = None
    explanation: str | None = None
    price: dict[str, Any] | None = None
    """Which price it was: `as_of`, `source`, and by unit what one cost."""
    usage: dict[str, Any] = {}
    seconds: float | None = None
    """How long the attempt took."""
    owner: str = "local"
    tags: tuple[str, ...] = ()
    outcome: str = "succeeded"
    code: str | None = None
    """The error's code, for an attempt that failed."""
    maybe_billed: bool = False
    """The attempt failed in a way that leaves open whether the provider charges for it."""


def nano(amount: Decimal | None) -> int | None:
    """US dollars as whole nano-dollars, rounded half to even."""
    return None if amount is None else round(amount * NANO)


def dollars(amount: int | None) -> Decimal | None:
    """Whole nano-dollars as US dollars."""
    return None if amount is None else (Decimal(amount) / NANO).normalize() + 0


def money(cost: Cost | None) -> dict[str, Any]:
    """A cost as a ledger row's fields."""
    if cost is None:
        return {}
    return {
        "amount": nano(cost.amount),
        "basis": cost.basis,
        "computed": nano(cost.computed),
        "reported": nano(cost.amount) if cost.basis == "reported" else None,
        "explanation": cost.explanation,
        "price": cost.price,
    }


def reference_of(handle: str | None, request_id: str | None) -> str | None:
    """The provider's own id for an attempt: its job's where that is an id, else the exchange's."""
    if handle and len(handle) <= LONGEST_REFERENCE:
        return handle
    return request_id if request_id and len(request_id) <= LONGEST_REFERENCE else None
