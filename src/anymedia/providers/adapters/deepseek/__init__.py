"""DeepSeek: text that thinks before it speaks.

Earlier reasoning goes back with every assistant turn: after a tool call the next question is
refused without it. Where it was lost on the way, thinking is switched off. Its speech and listening
tools (`/v1/tools`) take forms of their own and are not here.

API: https://api-docs.deepseek.com (pages of 2026-11-15, read 2026-11-21)
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from anymedia.contracts.errors import (
    ContentRefused,
    ModelUnavailable,
    ProviderUnavailable,
    RequestRejected,
)
from anymedia.contracts.text import TextRequest
from anymedia.providers.dialects.openai import text
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.explain import ErrorTable, Rule
from anymedia.providers.spec import Account, Inputs, Provider
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

FIELDS = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "stop": "stop",
    "reasoning_effort": "reasoning_effort",
    "user": "user_id",
}
USER_ID = re.compile(r"[a-zA-Z0-9_-]{1,512}")

# `code` is `invalid_request_error` whatever happened, so words have to do (sheet, 2026-11).
ERRORS = ErrorTable(
    rules=(
        Rule(error=ContentRefused, status=400, words="content exists risk"),
        Rule(
            error=ModelUnavailable,
            status=400,
            words=("supported api model names", "model not exist"),
        ),
        Rule(error=ContentRefused, status=0, words="content exists risk"),
        Rule(error=RequestRejected, status=0, code="invalid_request_error"),
        Rule(error=ProviderUnavailable, status=0),
    ),
    request_id_headers=("x-request-id", "x-deepseek-request-id"),
)


def reworded(body: dict[str, Any], request: TextRequest) -> dict[str, Any]:
    """Thinking has a switch of its own, and users have ids in few letters."""
    if request.reasoning_effort == "none":
        body.pop("reasoning_effort", None)
        body["thinking"] = {"type": "disabled"}
    if not USER_ID.fullmatch(body.get("user_id", "_")):
        body.pop("user_id")
    return body


QUIRKS = Quirks(
    errors=ERRORS,
    fields=FIELDS,
    state="deepseek",
    reasoning_field="reasoning_content",
    # "must be passed back to the API" (400) for turns that called tools (thinking mode, 2026-11).
    thinks_with_reasoning_alone=True,
    reword=reworded,
    empty_is_failure=True,
)


class Purse(Shape):
    """What is left in one currency."""

    currency: str | None = None
    total_balance: str | None = None


class Balance(Shape):
    """The account."""

    is_available: bool | None = None
    balance_infos: tuple[Purse | None, ...] | None = None


def check() -> Exchange[Account]:
    """What is left; dollars, where there are any."""
    response = yield get("/user/balance")
    told = response.read(Balance)
    purses = {one.currency or "": one.total_balance for one in told.balance_infos or () if one}
    unit = "USD" if "USD" in purses or not purses else next(iter(purses))
    return Account(
        balance=money(purses.get(unit)),
        unit=unit,
        details={"is_available": told.is_available} if told.is_available is not None else {},
    )


def money(written: str | None) -> Decimal | None:
    """An amount, where it is one."""
    try:
        found = Decimal(written) if written else None
    except InvalidOperation:
        return None
    return found if found is None or found.is_finite() else None


DEEPSEEK = Provider(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    auth=BearerToken("DEEPSEEK_API_KEY"),
    operations=text.operations(QUIRKS),
    explain=ERRORS,
    # Images go as data URIs, and a whole request may have 30 MiB.
    inputs=Inputs(schemes=(), inline_bytes=20 * 1024 * 1024),
    check=check,
    docs="https://api-docs.deepseek.com",
)
