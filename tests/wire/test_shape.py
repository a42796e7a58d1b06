"""Whatever a provider answers, it is read or it is unreadable; nothing else happens."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import UnreadableResponse
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape, convert, described, read


class Inner(Shape):
    """A part."""

    url: str
    size: int | None = None


class Clip(Shape):
    """One of everything that adapters read."""

    id: str
    state: str | None = None
    progress: float | None = None
    count: int = 0
    done: bool = False
    parts: tuple[Inner, ...] = ()
    cost: Decimal | None = None
    at: datetime | None = None
    kind: Literal["a", "b"] | None = None
    more: dict[str, Any] | None = None
    several: str | list[str] | None = None


GOOD = json.dumps(
    {
        "id": "c_1",
        "state": "a word nobody has heard before",
        "progress": 0.5,
        "parts": [{"url": "https://x.example/a", "size": 3, "new": True}],
        "cost": "0.04",
        "at": "2026-11-21T09:30:00Z",
        "more": {"x": [1, None]},
        "several": ["a"],
        "unheard_of": {"deep": [{}]},
    }
)

json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(Clip.__struct_fields__) | st.text(), inner)
    ),
).map(json.dumps)


def unreadable(body: bytes | str) -> str:
    """The message that a body is refused with."""
    with pytest.raises(UnreadableResponse) as caught:
        read(body, Clip)
    assert caught.value.accepted == "unknown"
    return str(caught.value)


def test_what_a_shape_does_not_list_is_ignored() -> None:
    """Vendors add fields and words."""
    clip = HttpResponse(200, GOOD.encode()).read(Clip)

    assert clip.id == "c_1"
    assert clip.state == "a word nobody has heard before"
    assert clip.parts == (Inner(url="https://x.example/a", size=3),)
    assert clip.cost == Decimal("0.04")


@pytest.mark.parametrize(
    ("body", "clip"),
    [
        (b'{"id": "1", "count": "3"}', Clip(id="1", count=3)),
        (b'{"id": "1", "progress": "0.5"}', Clip(id="1", progress=0.5)),
        (b'{"id": "1", "done": "true"}', Clip(id="1", done=True)),
        (b'{"id": "1", "state": null, "parts": []}', Clip(id="1")),
    ],
)
def test_numbers_may_come_as_text(body: bytes, clip: Clip) -> None:
    """Some vendors write them so."""
    assert read(body, Clip) == clip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"  \n ", "an empty body"),
        (b"<!doctype html><h1>Bad gateway</h1>", "an HTML or XML page of 35 bytes"),
        (b"<?xml version='1.0'?>", "an HTML or XML page"),
        (b'{"id": "c_1", "state": "wai', "cut off or of another form"),
        (b"[]", "cut off or of another form"),
        (b"upstream connect error", "22 bytes that are not JSON"),
        (b"null", "4 bytes that are not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"id": "\xff"}', "of another form"),
        (b'{"id": "\\ud83d"}', "of another form"),
        (b"{}", "missing required field `id`"),
        (b'{"id": null}', "$.id"),
        (b'{"id": {}}', "$.id"),
        (b'{"id": "1", "count": 1e999}', "of another form"),
        (b'{"id": "1", "progress": "much"}', "$.progress"),
        (b'{"id": "1", "parts": [{"size": 1}]}', "$.parts[0]"),
        (b'{"id": "1", "cost": "1e99999999999999999999"}', "of another form"),
        (b'{"id": "1", "cost": "much"}', "$.cost"),
        (b'{"id": "1", "at": "yesterday"}', "$.at"),
        (b'{"id": "1", "kind": "c"}', "$.kind"),
        (b'{"id": "1", "count": ' + b"9" * 5000 + b"}", "of another form"),
        (b'{"id": "1", "count": "' + b"9" * 5000 + b'"}', "of another form"),
        (b'{"id": "1", "more": ' + b"[" * 100_000 + b"}", "of another form"),
        (b'{"id": "1", "unknown": ' + b'{"a":' * 100_000 + b"}", "of another form"),
        ("Ü" * 10, "bytes that are not JSON"),
        ('{"id": "\ud800"}', "of another form"),
    ],
)
def test_what_is_no_answer_is_unreadable_and_says_what_came(body: bytes | str, said: str) -> None:
    """Empty, HTML, cut off, of the wrong type, too deep, too large."""
    assert said in unreadable(body)


def test_an_unreadable_body_is_never_quoted() -> None:
    """It may hold the prompt."""
    message = unreadable(b'{"id": ["my secret prompt"], "state": "my secret prompt"}')

    assert "secret" not in message
    assert "`Clip`" in message


@given(st.binary() | json_texts.map(str.encode) | st.text())
def test_arbitrary_bodies_are_read_or_unreadable(body: bytes | str) -> None:
    """Never anything else."""
    for shape in (Clip, list[Clip], dict[str, Inner]):
        try:
            read(body, shape)
        except UnreadableResponse as error:
            assert str(error).encode()  # noqa: PT017 - either outcome is right


@given(st.data())
def test_a_cut_answer_is_unreadable(data: st.DataObject) -> None:
    """Wherever it was cut."""
    place = data.draw(st.integers(0, len(GOOD) - 1))

    assert unreadable(GOOD[:place].encode())


@given(json_texts.map(json.loads))
def test_decoded_json_is_converted_or_unreadable(value: Any) -> None:
    """For what an adapter finds inside of something else."""
    try:
        assert isinstance(convert(value, Clip), Clip)
    except UnreadableResponse as error:
        assert "`Clip`" in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "odd", [10**400, "\ud800", {"id": "\ud800"}, {"id": 1, "count": 10**400}, object()]
)
def test_decoded_oddities_are_unreadable_too(odd: Any) -> None:
    """Python's JSON allows what msgspec's does not."""
    try:
        convert(odd, Clip)
    except UnreadableResponse as error:
        assert str(error).encode()  # noqa: PT017 - either outcome is right


@given(st.binary() | st.text())
def test_any_body_can_be_described(body: bytes | str) -> None:
    """For messages."""
    assert described(body)
