"""Large documents: the same is done of them as of others, with less decoding."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from anymedia.wire.large import (
    LONG_BYTES,
    MOST_BACKSLASHES,
    OMITTED,
    QUOTES_AT_ONCE,
    STEP_BYTES,
    Outlined,
    in_brief,
    is_string,
    outlined,
    put_together,
    read_through,
)

DECODER = msgspec.json.Decoder(dict[str, Raw])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_what_is_put_together_is_what_was_taken_apart(document: dict[str, object]) -> None:
    """As the encoder would have written it, byte for byte."""
    fields = DECODER.decode(json.dumps(document))
    pieces = put_together(fields)
    assert bytes(pieces) == b"".join(pieces) == msgspec.json.encode(fields)
    assert len(pieces) == len(bytes(pieces))
    assert {name for name, raw in fields.items() if is_string(raw)} == {
        name for name, value in document.items() if isinstance(value, str)
    }


@pytest.mark.parametrize("place", [0, 5, STEP_BYTES - 1, STEP_BYTES, 3 * STEP_BYTES])
@pytest.mark.parametrize(
    ("odd", "good"),
    [("ü".encode(), True), ("🦊".encode(), True), (b"\xff", False), (b"\xf0\x9f\xa6", False)],
)
def test_text_is_text_wherever_it_is_cut(place: int, odd: bytes, *, good: bool) -> None:
    """A character may lie across a cut, and nonsense is found in any step, also the last."""
    document = b"a" * place + odd + b"b" * 9
    for one in (document, document[: place + len(odd)]):
        if good:
            assert len(list(read_through(one))) == -(-len(one) // STEP_BYTES)
            assert len(list(read_through(b"a" * len(one)))) == -(-len(one) // STEP_BYTES)
            continue
        with pytest.raises(UnicodeDecodeError):
            list(read_through(one))


def found(document: bytes) -> Outlined | None:
    """What is found of a document in the end."""
    steps = outlined(document)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        fields: Outlined | None = end.value
        return fields


ODD = st.text(st.sampled_from(['"', "\\", "a", "ü", "\n", "{", "]", ","]), max_size=6)
LONG = st.builds(
    lambda begins, middle, ends: begins + middle * (2 * LONG_BYTES // len(middle)) + ends,
    ODD,
    st.sampled_from(["a", "ab ", "ü", "\n", "{}"]),
    ODD,
)
MIXED = st.recursive(
    JSON | LONG,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD | LONG, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(ODD, MIXED, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_an_outline_is_of_the_same_document(
    document: dict[str, object],
    ascii_only: bool,
    indent: int | None,
) -> None:
    """Each field as it was written, and in brief everything but the words of long strings."""
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    fields = found(body)
    if fields is None:
        assert len(body) < 2 * LONG_BYTES or not any(strings_in(document, LONG_BYTES))
        return
    whole = DECODER.decode(body)
    assert {name: bytes(raw) for name, raw in fields.items() if len(name) < LONG_BYTES} == {
        name: bytes(raw) for name, raw in whole.items() if len(name) < LONG_BYTES
    }
    for name in fields:
        brief = msgspec.json.decode(in_brief(fields, name))
        if name in document:
            assert shortened(brief) == shortened(document[name])


def strings_in(value: object, longer: int) -> list[str]:
    """The long strings of a document."""
    if isinstance(value, str):
        return [value] if len(value) > longer else []
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in strings_in(part, longer)]
    return (
        [one for part in value for one in strings_in(part, longer)]
        if isinstance(value, list)
        else []
    )


def shortened(value: object) -> object:
    """A document whose long strings are all the same."""
    if isinstance(value, str):
        return "..." if len(value.encode()) > 600 or OMITTED.decode() in value else value
    if isinstance(value, dict):
        return [(shortened(name), shortened(one)) for name, one in value.items()]
    return [shortened(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("ends", [b"", b"\\\\", b'\\"', b'\\\\\\"', b"\\\\" * 30])
@pytest.mark.parametrize("place", [STEP_BYTES - 9, STEP_BYTES - 8, STEP_BYTES - 7, 3 * STEP_BYTES])
def test_a_string_ends_where_it_ends(place: int, ends: bytes) -> None:
    """Wherever a step does, and whatever stands before its last quotation mark."""
    body = b'{"a": "' + b"x" * place + ends + b'", "b": ["' + b"y" * place + b'", 1]}'
    fields = found(body)
    assert fields is not None
    assert {name: bytes(raw) for name, raw in fields.items()} == {
        name: bytes(raw) for name, raw in DECODER.decode(body).items()
    }
    assert len(bytes(in_brief(fields, "a"))) < 100
    assert json.loads(bytes(in_brief(fields, "b")))[1] == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + b"x" * STEP_BYTES,
        b'{"a": "' + b"x" * STEP_BYTES + b'\\"}',
        b'{"a": "' + b"x" * STEP_BYTES + b"\\\\" * MOST_BACKSLASHES + b'"}',
        b'{"a": "' + b'\\"' * STEP_BYTES + b'"}',
        b'{"a": [' + b'"",' * STEP_BYTES + b'""]}',
        b'{"a": 1}',
        b"",
    ],
)
def test_what_cannot_be_outlined_is_read_whole(body: bytes) -> None:
    """It has no end, no long strings, or too much to be looked at one by one; and nobody waits long."""
    assert found(body) is None
    steps = len(list(outlined(body)))
    assert steps <= len(body) // STEP_BYTES + len(body) // 8192 // QUOTES_AT_ONCE + 2


@pytest.mark.parametrize(
    "broken", [b'{"a": "%b" "b": 1}', b'{"a": "%b"', b'["%b"]', b'"%b"', b'{"%b"}']
)
def test_an_outline_is_of_no_broken_document(broken: bytes) -> None:
    """What is no object is none without its strings."""
    with pytest.raises(msgspec.DecodeError):
        found(broken % (b"x" * STEP_BYTES))
