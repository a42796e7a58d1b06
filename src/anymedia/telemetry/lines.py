"""The log as lines: JSON for machines, text for people.

Whatever a stranger has written stays inside its line: what is not printable is escaped, in both
forms. Of an unforeseen error only its kind and its place are told, and of what libraries say only
the first line, because the rest may quote a prompt.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TextIO, TypeAlias

import msgspec

LogFormat: TypeAlias = Literal["json", "text"]
OURS = "anymedia"
ACCESS = "anymedia.access"
"""Whose lines are about what went well, too."""
LONGEST = 1000
"""Characters of one value."""
DEEPEST = 4
"""Places of an error that are told, the innermost first."""
FACTS = "facts"
"""Where a record has its fields."""


def harmless(text: str) -> str:
    """Text that ends no line, moves no cursor and hides nothing."""
    text = text[:LONGEST]
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def message_of(record: logging.LogRecord) -> str:
    """What a record says, as far as it may be told."""
    said = record.getMessage()
    if record.name.partition(".")[0] != OURS:
        said = said.partition("\n")[0]
    if record.exc_info and record.exc_info[1] is not None:
        said = f"{said}: {place_of(record.exc_info[1])}"
    return harmless(said)


def place_of(error: BaseException) -> str:
    """The kind of an error and where it came from, without its words."""
    places = traceback.extract_tb(error.__traceback__)[-DEEPEST:]
    where = " < ".join(f"{one.name} ({one.filename}:{one.lineno})" for one in reversed(places))
    return f"{type(error).__name__} in {where}" if where else type(error).__name__


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record, those without a value left out."""
    facts: Mapping[str, Any] = getattr(record, FACTS, {})
    return {name: plain(value) for name, value in facts.items() if value is not None}


def plain(value: Any) -> Any:
    """A value as a line has it."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return harmless(str(value))


def at(record: logging.LogRecord) -> str:
    """When it was, in UTC."""
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "at": at(record),
            "level": record.levelname.lower(),
            "logger": harmless(record.name),
            "message": message_of(record),
            **facts_of(record),
        }
        return msgspec.json.encode(line).decode()


class TextLines(logging.Formatter):
    """A sentence, and its fields after it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = "".join(f" {name}={quoted(one)}" for name, one in facts_of(record).items())
        return f"{at(record)} {record.levelname}: {message_of(record)}{fields}"


class Sentences(logging.Formatter):
    """A sentence alone, as a terminal has it where no format is said."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return f"{record.levelname}: {message_of(record)}"


def quoted(value: Any) -> str:
    """A value that cannot be taken for two."""
    text = str(value)
    if text and not set(text) & set(' "=\\'):
        return text
    return msgspec.json.encode(text).decode()


class Lines(logging.StreamHandler[TextIO]):
    """The handler that is ours, so that it can be told from others and be replaced."""


FORMATTERS: dict[LogFormat | None, type[logging.Formatter]] = {
    "json": JsonLines,
    "text": TextLines,
    None: Sentences,
}


def configure(form: LogFormat | None, stream: TextIO | None = None) -> logging.Logger | None:
    """Warnings go to `stream` (stderr) from here on, and with a `form` what went well, too.

    Returns the logger of what went well, or `None` where nobody asked for it.
    """
    root, access = logging.getLogger(), logging.getLogger(ACCESS)
    for handler in [one for one in root.handlers if isinstance(one, Lines)]:
        root.removeHandler(handler)
    handler = Lines(stream if stream is not None else sys.stderr)
    handler.setFormatter(FORMATTERS[form]())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    access.setLevel(logging.INFO if form is not None else logging.NOTSET)
    return access if form is not None else None
