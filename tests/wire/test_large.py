"""Large documents: the same is done of them as of others, with less decoding."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import Raw

from anymedia.wire.large import STEP_BYTES, is_string, put_together, read_through

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
            continue
        with pytest.raises(UnicodeDecodeError):
            list(read_through(one))
    assert not list(read_through(b"a" * place))
