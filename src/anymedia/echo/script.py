"""Scripted behaviour: what a caller's `options` make echo do wrong, late or dearly."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from anymedia.echo.refusal import Refusal, invalid
from anymedia.wire.http import HttpResponse

FORBIDDEN = "forbidden-by-echo"


class Script(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The options of the table in the package's docstring that are not about content."""

    fail: str | None = None
    fail_until: str | float | None = None
    retry_after_seconds: float = 1.0
    delay_seconds: float | None = None
    never_finish: bool = False
    progress_steps: int | None = None
    poll_after_seconds: float | None = None
    poll_fail: str | None = None
    poll_fail_seconds: float | None = None
    download_fail: str | None = None
    download_fail_seconds: float | None = None
    expire_seconds: float | None = None
    cancel: str | None = None
    charged: bool | None = None
    cost: str | float | None = None
    reply: str | None = None
    word_seconds: float = 0.0
    stall_stream: float = 0.0
    cut_stream: str | None = None

    @property
    def reported(self) -> str | None:
        """The charge to report, checked to be a number."""
        if self.cost is None:
            return None
        try:
            amount = Decimal(str(self.cost))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise invalid(f"`cost` is {self.cost!r} and should be a decimal such as '0.05'")
        return str(amount)

    def failing(self, now: datetime) -> str | None:
        """The failure that holds at this time."""
        if self.fail is None or self.fail_until is None:
            return self.fail
        return self.fail if now.timestamp() < moment(self.fail_until) else None


def moment(value: str | float) -> float:
    """Seconds since 1970, from those or from ISO 8601."""
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        raise invalid(f"`fail_until` is {value!r} and should be a time") from None


STATUSES = {
    "rate_limit": (429, "rate_limited", "too many requests"),
    "auth": (401, "invalid_key", "the key is not valid"),
    "credits": (402, "insufficient_credits", "the account has no credits left"),
    "model": (404, "unknown_model", "there is no such model"),
    "server": (500, "server_error", "something broke"),
    "overloaded": (503, "overloaded", "too busy to take this on"),
    "timeout": (504, "timed_out", "no answer in time"),
    "moderation": (400, "content_refused", "the content policy does not allow this"),
    "expired": (403, "expired", "the link has expired"),
}
LATE = {
    "moderation_late": STATUSES["moderation"][1:],
    "failed_late": ("render_failed", "the renderer gave up"),
}
"""What becomes of jobs that were accepted first."""
SPOILT = {
    "malformed": (b'{"id": "echo-', "application/json"),
    "html": (b"<!doctype html><title>Bad gateway</title><p>upstream", "text/html"),
    "empty": (b"", "application/json"),
    "error_in_200": (
        b'{"error": {"code": "server_error", "message": "something broke"}}',
        "application/json",
    ),
}
STOPPED_LATE = "cancelled_late"
BROKEN = "unknown_outcome"
KNOWN = frozenset({*STATUSES, *LATE, *SPOILT, STOPPED_LATE, BROKEN})


def play(script: Script, failure: str | None, *, late: bool) -> HttpResponse | None:
    """Bring a failure about: raises, answers something spoilt, or lets things go on.

    `late` is true where failures that come after acceptance have their own time to come.
    """
    if failure is None or (late and (failure in LATE or failure == STOPPED_LATE)):
        return None
    if failure not in KNOWN:
        raise invalid(f"`fail` is {failure!r}; it can be {', '.join(sorted(KNOWN))}")
    if failure == BROKEN:
        raise ConnectionResetError("echo broke the connection, as asked")
    if failure in SPOILT:
        content, media_type = SPOILT[failure]
        return HttpResponse(200, content, {"content-type": media_type})
    early = {"moderation_late": "moderation"}.get(failure, "server")
    status, code, message = STATUSES.get(failure) or STATUSES[early]
    wait = {"retry-after": f"{script.retry_after_seconds:g}"} if status in {429, 503} else {}
    raise Refusal(status, code, message, wait)


def refuse_forbidden(*texts: str | None) -> None:
    """Refuse prompts that hold the forbidden word."""
    if any(FORBIDDEN in text.lower() for text in texts if text):
        raise Refusal(*STATUSES["moderation"])


def scripted(body: Any) -> Script:
    """The script in a request's body."""
    try:
        return msgspec.convert(body, Script, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from None
