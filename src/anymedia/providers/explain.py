"""From a failed response to an error: one table per provider, read by the strongest evidence.

A table's rules are tried in order; the first that fits decides. What no rule knows is decided by
the status alone, in the way most of the field uses statuses.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from anymedia.contracts.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.problem import Acceptance
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import described

LONGEST_MESSAGE = 500
LONGEST_CODE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider said about a failure, in its own words."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If everything stated here holds, it is that error."""

    error: type[ProviderError]
    status: int | range | tuple[int, ...] | None = None
    code: str | tuple[str, ...] | None = None
    """The provider's code or type, exactly; a trailing `*` stands for any ending."""
    words: str | tuple[str, ...] | None = None
    """Any of these in the message, without regard to case: the weakest evidence."""
    param: str | None = None
    """The request's field that the provider blames."""
    retryable: bool | None = None
    accepted: Acceptance | None = None

    def fits(self, status: int, said: Said) -> bool:
        """Whether this rule speaks about that failure."""
        if self.status is not None and not among(status, self.status):
            return False
        if self.code is not None and not any(
            matches(pattern, word)
            for pattern in listed(self.code)
            for word in (said.code, said.type)
            if word
        ):
            return False
        if self.param is not None and said.param != self.param:
            return False
        return self.words is None or any(
            words.lower() in said.message.lower() for words in listed(self.words)
        )


def among(status: int, wanted: int | range | tuple[int, ...]) -> bool:
    """Whether a status is one of those."""
    return status == wanted if isinstance(wanted, int) else status in wanted


def listed(words: str | tuple[str, ...]) -> tuple[str, ...]:
    """One or many, as many."""
    return (words,) if isinstance(words, str) else words


def matches(pattern: str, word: str) -> bool:
    """Exactly, or by its beginning when the pattern ends in `*`."""
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


BY_STATUS: tuple[Rule, ...] = (
    Rule(error=AuthenticationFailed, status=(401, 403)),
    Rule(error=InsufficientCredits, status=402),
    Rule(error=ProviderTimeout, status=(408, 504), accepted="unknown"),
    Rule(error=RateLimited, status=429),
    Rule(error=ProviderUnavailable, status=range(500, 600), accepted="unknown"),
    Rule(error=RequestRejected, status=range(400, 500)),
    Rule(error=ProviderError, accepted="unknown"),
)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Explains a provider's failures. It is called with the response and never raises."""

    rules: tuple[Rule, ...] = ()
    reads: Callable[[HttpResponse], Said] | None = None
    """How the provider words its failures; `said_usually` unless given."""
    request_id_headers: tuple[str, ...] = ("x-request-id", "request-id")

    def __post_init__(self) -> None:
        names = tuple(name.lower() for name in self.request_id_headers)
        object.__setattr__(self, "request_id_headers", names)  # as `Headers.first` wants them

    def __call__(self, response: HttpResponse) -> ProviderError:
        """The error that a response stands for."""
        return self.decide(
            self.said(response),
            status=response.status,
            retry_after=retry_after(response),
            request_id=response.headers.first(self.request_id_headers),
            body=response.content,
        )

    def said(self, response: HttpResponse) -> Said:
        """The provider's words; a proxy before it may have used others."""
        try:
            return (self.reads or said_usually)(response)
        except UnreadableResponse:
            return said_usually(response)

    def decide(
        self,
        said: Said,
        *,
        status: int = 0,
        retry_after: float | None = None,
        request_id: str | None = None,
        body: bytes = b"",
    ) -> ProviderError:
        """The error for words that came another way: inside a 200, in a stream, from a job."""
        rule = next(rule for rule in (*self.rules, *BY_STATUS) if rule.fits(status, said))
        message = said.message[:LONGEST_MESSAGE] or f"no reason given ({described(body)})"
        return rule.error(
            message,
            retryable=rule.retryable,
            accepted=rule.accepted or ("unknown" if status >= 500 or status == 0 else "no"),
            http_status=status or None,
            provider_code=(said.code or said.type)[:LONGEST_CODE] or None,
            retry_after=retry_after,
            request_id=request_id,
            details={"param": said.param} if said.param else {},
        )


def said_usually(response: HttpResponse) -> Said:
    """Read the forms that most of the field uses.

    `error` as an object or text, `message`, `detail` as text or a list of problems.
    """
    try:
        return said_in(msgspec.json.decode(response.content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if response.media_type() == "text/plain":
            return Said(message=response.content[: LONGEST_MESSAGE * 4].decode("utf-8", "replace"))
        return Said(message=described(response.content))


def said_in(body: Any) -> Said:
    """The same for JSON that is already decoded."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, str):
        return Said(message=body)
    if not isinstance(body, dict):
        return Said()
    error = body.get("error")
    if isinstance(error, dict):
        inner = {**body, **error}
        return Said(
            message=text(inner.get("message") or inner.get("detail")),
            code=text(inner.get("code") or inner.get("status")),
            type=text(inner.get("type")),
            param=text(inner.get("param")),
        )
    message = error or body.get("message") or body.get("detail")
    return Said(
        message=text(message),
        code=text(body.get("code") or body.get("error_code")),
        type=text(body.get("type") or body.get("error_type")),
    )


def text(value: Any, depth: int = 8) -> str:
    """Whatever a vendor put there, as words: lists of problems joined, numbers written.

    Below `depth` nothing is read: no honest failure is nested so deeply.
    """
    match value:
        case None:
            return ""
        case str():
            return value
        case _ if depth == 0:
            return ""
        case list():
            return "; ".join(filter(None, (text(item, depth - 1) for item in value)))
        case dict():
            steps = value.get("loc") or value.get("path")
            path = steps if isinstance(steps, list) else [steps]
            where = ".".join(text(step, depth - 1) for step in path)
            what = text(value.get("msg") or value.get("message"), depth - 1)
            return f"{where}: {what}" if where and what else what or where
        case _:
            return str(value)


def retry_after(response: HttpResponse) -> float | None:
    """Seconds that the provider asks to wait.

    A date is taken relative to the provider's own clock (its `Date` header), never to ours.
    """
    milliseconds = number(response.headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = response.headers.get("retry-after")
    if value is None:
        return None
    seconds = number(value)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        then = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(response.headers["date"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    try:
        return max(0.0, (then - now).total_seconds())
    except TypeError:  # one of them without a zone
        return None


def number(value: str | None) -> float | None:
    """A finite number, or nothing."""
    try:
        found = float(value) if value is not None else None
    except ValueError:
        return None
    return found if found is None or abs(found) < 1e9 else None
