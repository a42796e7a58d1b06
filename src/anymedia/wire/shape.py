"""Shapes: a provider's payload, cut to the fields we read."""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

import msgspec

from anymedia.contracts.errors import UnreadableResponse

T = TypeVar("T")


# For type checkers: subclasses are frozen and take keywords only, without saying it again.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's payload, cut to the fields we read; what else it carries is ignored.

    Vendor words stay `str`: vendors add values. Fields that a vendor may leave out or set to
    null have a default and allow `None`.
    """


def read(body: bytes | str, shape: type[T]) -> T:
    """Decode JSON into a shape (or any type that msgspec knows).

    Raises `UnreadableResponse`, which never quotes the body: it may hold prompts.
    """
    try:
        # Not strict: some vendors send numbers as strings, and the reverse.
        return msgspec.json.decode(body, type=shape, strict=False)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise UnreadableResponse(
            f"the answer is not the documented `{getattr(shape, '__name__', shape)}`: "
            f"{described(body)}; {plainly(error)}",
            accepted="unknown",
        ) from None


def convert(value: Any, shape: type[T]) -> T:
    """The same for JSON that is already decoded."""
    try:
        return msgspec.convert(value, type=shape, strict=False)
    except (msgspec.ValidationError, UnicodeError, RecursionError, OverflowError) as error:
        raise UnreadableResponse(
            f"the answer is not the documented `{getattr(shape, '__name__', shape)}`: "
            f"{plainly(error)}",
            accepted="unknown",
        ) from None


def plainly(error: Exception) -> str:
    """What the decoder found, which names paths and types but never quotes values."""
    return f"{type(error).__name__}: {error}"[:300]


def described(body: bytes | str) -> str:
    """What kind of thing a body is, without quoting it."""
    start = body[:200].lstrip()
    head = start.encode("utf-8", "replace") if isinstance(start, str) else bytes(start)
    if not head:
        return "an empty body"
    if head[:1] == b"<":
        return f"an HTML or XML page of {len(body)} bytes"
    if head[:1] in b"{[":
        return f"JSON of {len(body)} bytes, cut off or of another form"
    return f"{len(body)} bytes that are not JSON"
