"""Lines of the log: whole, and nobody's words outside of them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.telemetry.lines import (
    ACCESS,
    FACTS,
    JsonLines,
    LogFormat,
    Sentences,
    TextLines,
    configure,
    harmless,
)

NASTY = 'a\nERROR: root logged in\r\x1b[2J\x9b1m\u2028\u202e"end'


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What a test configures is undone."""
    root, access = logging.getLogger(), logging.getLogger(ACCESS)
    before = (list(root.handlers), root.level, access.level)
    yield
    root.handlers[:], level, accessed = before[0], before[1], before[2]
    root.setLevel(level)
    access.setLevel(accessed)


def record(message: str = "request", name: str = ACCESS, **facts: Any) -> logging.LogRecord:
    """Something to be logged."""
    made = logging.LogRecord(name, logging.INFO, "here.py", 1, message, (), None)
    made.created = 1_795_000_000.25
    setattr(made, FACTS, facts)
    return made


def test_a_json_line_has_every_field_that_is_known() -> None:
    """Money as text, so that none is lost; what is not known is left out."""
    said = json.loads(JsonLines().format(record(status=200, cost_usd=Decimal("0.00120"), key=None)))
    assert said == {
        "at": "2026-11-18T11:06:40.250Z",
        "level": "info",
        "logger": "anymedia.access",
        "message": "request",
        "status": 200,
        "cost_usd": "0.0012",
    }


def test_a_text_line_keeps_values_apart() -> None:
    """What holds a space or an equals sign is quoted."""
    line = TextLines().format(record(model="a b", status=200, code="x=1"))
    assert line == '2026-11-18T11:06:40.250Z INFO: request model="a b" status=200 code="x=1"'


@pytest.mark.parametrize("formatter", [JsonLines, TextLines, Sentences])
def test_nobody_can_write_a_line_of_their_own(formatter: type[logging.Formatter]) -> None:
    """Ends of lines, escape sequences and letters that hide others are told, not done."""
    line = formatter().format(record(NASTY, model=NASTY))
    assert line.isprintable()
    assert "\\n" in line or "\\\\n" in line


@given(st.text())
def test_whatever_is_written_stays_in_its_line(text: str) -> None:
    """In any letters."""
    assert harmless(text).isprintable()
    line = JsonLines().format(record(text, value=text))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["value"] == harmless(text)


@given(st.text(max_size=50))
def test_a_text_line_is_read_as_it_was_meant(text: str) -> None:
    """A value never becomes a field."""
    line = TextLines().format(record(model=text, status=1))
    assert line.endswith(" status=1")
    assert line.count(" status=1") == 1 + json.dumps(harmless(text)).count(" status=1")


def test_an_error_is_told_by_its_place_and_not_by_its_words() -> None:
    """What it says may quote a prompt."""
    try:
        int("my secret prompt")
    except ValueError as error:
        made = record("it went wrong")
        made.exc_info = (ValueError, error, error.__traceback__)
    line = JsonLines().format(made)
    assert "secret" not in line
    assert "ValueError in test_an_error_is_told_by_its_place" in line


def test_of_what_libraries_say_only_the_first_line_is_told() -> None:
    """`asyncio` writes the error itself, words and all, below it."""
    said = "Task exception was never retrieved\nfuture: <Task exception=ValueError('my prompt')>"
    assert "my prompt" not in JsonLines().format(record(said, "asyncio"))


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_went_well_is_told_where_a_format_is_said(form: LogFormat) -> None:
    """And only the handler that is ours is replaced."""
    stream = io.StringIO()
    mine = logging.NullHandler()
    logging.getLogger().addHandler(mine)
    configure(form)
    log = configure(form, stream)
    assert log is not None
    log.info("request", extra={FACTS: {"status": 200}})
    assert len(stream.getvalue().splitlines()) == 1
    assert mine in logging.getLogger().handlers


def test_without_a_format_there_are_warnings_only() -> None:
    """As a terminal has them."""
    stream = io.StringIO()
    assert configure(None, stream) is None
    logging.getLogger(ACCESS).info("request")
    logging.getLogger("anymedia.gateway").warning("mind this")
    assert stream.getvalue() == "WARNING: mind this\n"
