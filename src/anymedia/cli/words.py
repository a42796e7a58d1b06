"""Facts as people read them: money, sizes, times, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anymedia.contracts.cost import Cost
    from anymedia.contracts.media import StoredArtifact

UNITS = ("B", "kB", "MB", "GB", "TB")


def safe(text: str, *, lines: bool = False) -> str:
    """Text from elsewhere without what would steer a terminal."""
    kept = "\n\t" if lines else ""
    return "".join(one if one.isprintable() or one in kept else " " for one in text)


def shortened(text: str, most: int) -> str:
    """One line of a text, cut where it is too long."""
    line = " ".join(safe(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def dollars(amount: Decimal) -> str:
    """An amount, with as many digits as it needs and at least cents."""
    plain = f"{amount.normalize():f}"
    whole, _, cents = plain.partition(".")
    return f"${whole}.{cents:0<2}"


def money(cost: Cost | None) -> str:
    """What something costs, and how sure that is."""
    if cost is None:
        return "cost unknown"
    if cost.amount is None:
        return {"pending": "cost pending", "unpriced": "no known price"}.get(
            cost.basis, "cost unknown"
        )
    return dollars(cost.amount) + {"estimated": " (estimated)", "free": " (free)"}.get(
        cost.basis, ""
    )


def size(count: int) -> str:
    """A number of bytes."""
    amount = float(count)
    for unit in UNITS:
        if amount < 1000 or unit == UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def seconds(amount: float) -> str:
    """A length of time."""
    if amount < 60:
        return f"{amount:.1f} s"
    minutes, rest = divmod(round(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(then: datetime, now: datetime) -> str:
    """How long something is past, roughly."""
    past = max(0.0, (now - then).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= length:
            return f"{past / length:.0f} {unit} ago"
    return f"{past:.0f} s ago"


def artifact_facts(artifact: StoredArtifact) -> str:
    """What a file is."""
    facts = [artifact.media_type]
    if artifact.width and artifact.height:
        facts.append(f"{artifact.width}x{artifact.height}")
    if artifact.seconds is not None:
        facts.append(seconds(artifact.seconds))
    return ", ".join([*facts, size(artifact.size_bytes)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with columns under each other."""
    cells = [head, *([safe(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
