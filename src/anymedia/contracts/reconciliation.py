"""A provider's invoice laid beside the ledger: the answer to `client.reconcile()`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from anymedia.contracts.base import Contract

Agreement: TypeAlias = Literal["matched", "differing", "missing", "unbilled"]
"""Both say the same; both know it and say different amounts; the invoice has what the ledger has
not; the ledger has what the invoice has not."""
FoundBy: TypeAlias = Literal["reference", "amount", "sum"]
"""How the two were brought together: by the provider's own id; by provider, model, day and amount;
or as the sum of a model's day, where the invoice tells no more."""


class InvoiceLine(Contract):
    """One charge on an invoice."""

    line: int
    """Where it stands in the file."""
    amount: Decimal
    """US dollars; converted where the invoice counts credits."""
    credits: Decimal | None = None
    reference: str | None = None
    provider: str | None = None
    model: str | None = None
    at: datetime | None = None
    day: date | None = None


class Reconciled(Contract):
    """One charge, as the invoice and as the ledger have it."""

    agreement: Agreement
    found_by: FoundBy | None = None
    lines: tuple[int, ...] = ()
    """The invoice's lines."""
    attempts: tuple[str, ...] = ()
    """The ledger's attempts."""
    reference: str | None = None
    provider: str | None = None
    model: str | None = None
    day: date | None = None
    invoiced: Decimal | None = None
    recorded: Decimal | None = None
    """`None` where the ledger does not know: the attempt is pending, or has no price."""
    difference: Decimal | None = None
    """`invoiced` less `recorded`."""
    corrected: bool = False
    """The ledger follows the invoice from now on."""


class Reconciliation(Contract):
    """An invoice and the ledger, charge by charge."""

    since: datetime | None = None
    until: datetime | None = None
    providers: tuple[str, ...] = ()
    """Whose attempts were laid beside the invoice."""
    credit_usd: Decimal | None = None
    """What a credit was taken for, where the invoice counts credits."""
    tolerance: Decimal
    """Amounts that differ by no more are the same: the invoice rounds to so much."""
    matched: int = 0
    differing: int = 0
    missing: int = 0
    unbilled: int = 0
    corrected: int = 0
    invoiced: Decimal = Decimal(0)
    recorded: Decimal = Decimal(0)
    difference: Decimal = Decimal(0)
    lines: tuple[Reconciled, ...] = ()
    """What does not agree first."""
