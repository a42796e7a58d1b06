"""Streams are cut into events the same way, however their bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, strategies as st

from anymedia.contracts.errors import UnreadableResponse
from anymedia.wire import sse
from anymedia.wire.sse import LineParser, ServerEvent, SseParser

PIECES = st.sampled_from(
    [
        b"data: fox\n",
        b"data: ",
        b"data",
        b":",
        b": keep-alive\n",
        b"event: text-delta\n",
        b"id: 7\n",
        b"id: \0\n",
        b"retry: 3000\n",
        b"\n",
        b"\r",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\xbb",
        "é\u2028".encode(),
        b"\xf0\x9f",
        b"x",
        b" ",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=3), max_size=20).map(b"".join)


def events(parser: SseParser | LineParser, *chunks: bytes) -> list[ServerEvent]:
    """Everything that a parser makes of a stream."""
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*found, *parser.end()]


def data(*chunks: bytes) -> list[str]:
    """The data of every event."""
    return [event.data for event in events(SseParser(), *chunks)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces."""
    borders = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(borders)]


# --- server-sent events -------------------------------------------------------------------------


@example(stream=b"\xef\xbb\xbfdata: fox\r\n\r\n", places=[1, 2, 14])
@example(stream=b"\n\xef\xbb\xbfdata: fox\n\n", places=[1])
@example(stream=b"data: a\r\r\ndata: b\r\n\r", places=[8, 9])
@given(stream=STREAMS, places=st.lists(st.integers(0, 200), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    """Also in the middle of a BOM, of a CRLF or of a letter."""
    assert events(SseParser(), *cut(stream, places)) == events(SseParser(), stream)


@given(STREAMS)
def test_byte_by_byte_gives_the_same_events(stream: bytes) -> None:
    """The finest split of all."""
    single = [stream[n : n + 1] for n in range(len(stream))]

    assert events(SseParser(), *single) == events(SseParser(), stream)


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_was_written_is_read(lines: list[str], end: str) -> None:
    """Any text without ends of lines, whichever end the server uses."""
    written = "".join(f"data: {line}{end}" for line in lines) + end

    assert events(SseParser(), written.encode()) == [ServerEvent(data="\n".join(lines))]


@given(st.lists(st.sampled_from(["data: a", "data: b", "event: x", "", ": c", "id: 1"])))
def test_all_ends_of_lines_mean_the_same(lines: list[str]) -> None:
    """LF, CR and CRLF."""
    streams = [end.join([*lines, ""]).encode() for end in ("\n", "\r", "\r\n")]

    assert events(SseParser(), streams[0]) == events(SseParser(), streams[1])
    assert events(SseParser(), streams[0]) == events(SseParser(), streams[2])


def test_an_event_has_a_name_and_an_id() -> None:
    """The name is for this event, the id stays."""
    stream = b"event: start\nid: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"

    assert events(SseParser(), stream) == [
        ServerEvent(data="a", name="start", id="1"),
        ServerEvent(data="b", name="message", id="1"),
        ServerEvent(data="c", name="message", id=""),
    ]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data\n\ndata\ndata\n\n", ["", "\n"]),
        (b"data: a: b\n\n", ["a: b"]),
        (b": keep-alive\n\n: keep-alive\n\n", []),
        (b"event: ping\n\n", []),
        (b"event: ping\n\ndata: a\n\n", ["a"]),
        (b"retry: 10\nunknown: x\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: \xef\xbb\xbfa\n\n", ["\ufeffa"]),
        (b"\n\n\ndata: a\n\n\n\n", ["a"]),
        ("data: \u2028é\n\n".encode(), ["\u2028é"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"", []),
        (b"\xef\xbb", []),
    ],
)
def test_events_are_read_as_the_specification_says(stream: bytes, expected: list[str]) -> None:
    """Its own examples, and what servers do in practice."""
    assert data(stream) == expected


def test_an_id_with_a_nul_is_ignored() -> None:
    """As the specification says: it could not be sent back in a header."""
    assert events(SseParser(), b"id: 1\nid: a\0b\ndata: a\n\n") == [ServerEvent(data="a", id="1")]


def test_an_event_that_the_end_cuts_short_is_marked() -> None:
    """Some servers leave out the last empty line; others really were cut."""
    whole, cut_short = events(SseParser(), b"data: a\n\nevent: late\ndata: b\ndata: {")

    assert whole == ServerEvent(data="a")
    assert cut_short == ServerEvent(data="b\n{", name="late", complete=False)


def test_an_event_comes_as_soon_as_it_is_complete() -> None:
    """And not before: a CR alone already ends the line."""
    parser = SseParser()

    assert list(parser.feed(b"data: a\r")) == []
    assert list(parser.feed(b"\n\r")) == [ServerEvent(data="a")]
    assert list(parser.feed(b"\ndata: b\n\n")) == [ServerEvent(data="b")]
    assert list(parser.end()) == []


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it comes as one line or as many, in one piece or in several."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    line = b"data: " + b"x" * 94 + b"\n"

    assert len(data(*[line] * 9, b"\n")) == 1
    assert len(data((line + b"\n") * 50)) == 50
    for chunks in (
        [line * 11],
        [line] * 11,
        [line * 11 + b"\n"],
        [b"data: " + b"x" * 1000],
        [b"x" * 500] * 3,
    ):
        with pytest.raises(UnreadableResponse) as caught:
            data(*chunks)
        assert caught.value.accepted == "unknown"


# --- lines --------------------------------------------------------------------------------------


@given(stream=STREAMS, places=st.lists(st.integers(0, 200), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_lines(stream: bytes, places: list[int]) -> None:
    """Newline-delimited JSON, in any pieces."""
    assert events(LineParser(), *cut(stream, places)) == events(LineParser(), stream)


def test_lines_are_events_and_empty_ones_are_not() -> None:
    """A last line without its end is marked."""
    assert events(LineParser(), b'{"a": 1}\r\n\n  \n{"b"', b": 2}\n", b'{"c"') == [
        ServerEvent(data='{"a": 1}'),
        ServerEvent(data='{"b": 2}'),
        ServerEvent(data='{"c"', complete=False),
    ]


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)

    assert len(events(LineParser(), *[b"x" * 90 + b"\n"] * 50)) == 50
    with pytest.raises(UnreadableResponse):
        events(LineParser(), *[b"x" * 100] * 11)
