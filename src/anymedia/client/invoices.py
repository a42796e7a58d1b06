"""Invoices and usage exports of providers, read: CSV with headers, whatever they are called."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path

from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.reconciliation import InvoiceLine

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reference": (
        "reference",
        "request_id",
        "job_id",
        "task_id",
        "generation_id",
        "prediction_id",
        "id",
    ),
    "amount": ("amount_usd", "cost_usd", "usd", "amount", "cost", "charge", "price", "total"),
    "credits": ("credits", "credits_used", "credit", "units"),
    "at": ("timestamp", "time", "created_at", "date", "datetime", "day", "created"),
    "model": ("model", "model_id", "model_name", "endpoint"),
    "provider": ("provider", "vendor"),
    "currency": ("currency",),
}
"""What each of our columns may be called there; the first that is found counts."""
DOLLARS = frozenset({"", "usd", "$", "us$"})
MOST_BYTES = 256 * 1024 * 1024
MOST_USD = Decimal(10_000_000)
DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
SECONDS = re.compile(r"^\d{9,13}(\.\d+)?$")


def read_file(path: Path) -> str:
    """A file's text. `InvalidRequest` says what is wrong with it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidRequest(f"`{path}` is larger than {MOST_BYTES // 1024**2} MB; split it")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest(f"`{path}` is not text in UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise InvalidRequest(f"`{path}` cannot be read: {error.strerror or error}") from None


def invoice(
    text: str,
    *,
    provider: str | None,
    credit_usd: Decimal | None,
    zone: tzinfo = UTC,
) -> list[InvoiceLine]:
    """Every charge of an invoice. `InvalidRequest` names the line that cannot be read.

    With `credit_usd`, amounts are credits of so many dollars, unless a column is in dollars.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter(text))
    try:
        head = next(reader)
    except (StopIteration, csv.Error):
        raise InvalidRequest("the invoice is empty; expected CSV with a line of headers") from None
    places = found_columns(head)
    in_credits = counts_credits(places, head, credit_usd)
    lines: list[InvoiceLine] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(head):
                raise wrong(reader.line_num, f"{len(cells)} cells under {len(head)} headers")
            said = {
                name: cells[place].strip() if place < len(cells) else ""
                for name, place in places.items()
            }
            lines.append(
                charge(said, reader.line_num, provider, credit_usd if in_credits else None, zone)
            )
    except csv.Error as error:
        raise wrong(reader.line_num, f"no CSV: {error}") from None
    if not lines:
        raise InvalidRequest("the invoice has no line below its headers")
    return lines


def delimiter(text: str) -> str:
    """What stands between the cells of the first line."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def found_columns(head: list[str]) -> dict[str, int]:
    """Where each of our columns stands."""
    names = [re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_") for cell in head]
    found = {}
    for column, aliases in COLUMNS.items():
        place = next((names.index(alias) for alias in aliases if alias in names), None)
        if place is not None:
            found[column] = place
    if not {"amount", "credits"} & found.keys():
        raise InvalidRequest(
            f"no column of the invoice says how much; expected one of "
            f"{', '.join((*COLUMNS['amount'], *COLUMNS['credits']))}, found {', '.join(names)}"
        )
    if not {"reference", "at"} & found.keys():
        raise InvalidRequest(
            f"no column of the invoice says what for; expected one of "
            f"{', '.join((*COLUMNS['reference'], *COLUMNS['at']))}, found {', '.join(names)}"
        )
    return found


def counts_credits(places: dict[str, int], head: list[str], credit_usd: Decimal | None) -> bool:
    """Whether amounts are credits; then `amount` stands for their column."""
    if credit_usd is not None and credit_usd <= 0:
        raise InvalidRequest(f"a credit cannot cost {credit_usd} USD")
    if "amount" in places:
        dollars = "usd" in head[places["amount"]].lower()
        if credit_usd is None or dollars:
            return False
    elif credit_usd is None:
        raise InvalidRequest(
            f"the invoice counts `{head[places['credits']].strip()}`; say what one costs, such as "
            f"`--credit-usd 0.01`"
        )
    places["amount"] = places.get("credits", places.get("amount", 0))
    return True


def charge(
    said: Mapping[str, str],
    line: int,
    provider: str | None,
    credit_usd: Decimal | None,
    zone: tzinfo,
) -> InvoiceLine:
    """One line."""
    if said.get("currency", "").lower() not in DOLLARS and credit_usd is None:
        raise wrong(line, f"is in `{said['currency']}`; convert it to US dollars first")
    number = amount(said["amount"], line)
    usd = number if credit_usd is None else number * credit_usd
    if abs(usd) > MOST_USD:
        raise wrong(line, f"{usd} US dollars cannot be meant")
    at, day = moment(said.get("at", ""), line, zone)
    reference = said.get("reference") or None
    if reference is None and day is None:
        raise wrong(line, "says neither an id nor a day")
    return InvoiceLine(
        line=line,
        amount=usd,
        credits=None if credit_usd is None else number,
        reference=reference,
        provider=said.get("provider", "").lower() or provider,
        model=said.get("model") or None,
        at=at,
        day=day,
    )


def amount(said: str, line: int) -> Decimal:
    """An amount: `0.25`, `$0.25`, `1,234.50`, `0.25 USD`."""
    plain = re.sub(r"(?i)usd|us\$|\$|\s", "", said)
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise wrong(line, f"`{said}` is no amount; expected such as `0.25`") from None
    if not number.is_finite() or number < 0:
        raise wrong(line, f"`{said}` cannot be charged; leave refunds out")
    return number


def moment(said: str, line: int, zone: tzinfo) -> tuple[datetime | None, date | None]:
    """A time and its day in a zone, or the day alone. Times without a zone are in that one."""
    if not said:
        return None, None
    try:
        if DAY.match(said):
            return None, date.fromisoformat(said)
        if SECONDS.match(said):
            number = float(said)
            at = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        else:
            at = datetime.fromisoformat(said.removesuffix(" UTC"))
            if said.endswith(" UTC"):
                at = at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise wrong(
            line, f"`{said}` is no time; expected such as `2026-11-21` or `2026-11-21T12:00:00Z`"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return at, at.astimezone(zone).date()


def wrong(line: int, why: str) -> InvalidRequest:
    """A mistake, and where."""
    return InvalidRequest(f"line {line} of the invoice: {why}")
