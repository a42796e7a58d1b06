"""What the double answers with is real media, and what it is sent is read as it was written."""

from __future__ import annotations

import io
import wave

import pytest
from hypothesis import given, strategies as st

from anymedia.testing.form import form
from anymedia.testing.samples import mp3, pcm, png, wav
from anymedia.wire.http import FormPart, multipart

BOUNDARY = "b0undary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1536, 864), (17, 3)])
def test_a_picture_has_the_size_it_says(width: int, height: int) -> None:
    """Opened by a real decoder."""
    image = pytest.importorskip("PIL.Image")
    with image.open(io.BytesIO(png(width, height))) as picture:
        picture.load()
        assert picture.size == (width, height)


def test_silence_lasts_as_long_as_it_says() -> None:
    """In a file, raw, and in frames."""
    with wave.open(io.BytesIO(wav(1.5))) as opened:
        assert opened.getnframes() / opened.getframerate() == 1.5
    assert len(pcm(1.5)) == 72_000
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(mp3(1.5))) as opened:
        decoded = sum(frame.samples for frame in opened.decode(audio=0))
        assert decoded / opened.streams[0].rate == pytest.approx(1.5, abs=0.05)


@given(
    st.lists(
        st.builds(
            FormPart,
            name=st.sampled_from(["a", "image[]", "name"]),
            content=st.binary(max_size=80).filter(lambda data: BOUNDARY.encode() not in data),
            filename=st.none() | st.just("fox.png"),
            media_type=st.none() | st.just("image/png"),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_form_is_read_as_it_was_written(parts: list[FormPart]) -> None:
    """Any bytes, in order."""
    assert form(multipart(parts, BOUNDARY), TYPE) == parts


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", TYPE),
        (b"--b0undary\r\n", TYPE),
        (b"--b0undary\r\n\r\n\r\n--b0undary--", "multipart/form-data"),
        (b"--b0undary\r\nContent-Type: x/y\r\n\r\nz\r\n--b0undary--\r\n", TYPE),
        (b"--b0undary\r\nno head\r\n--b0undary--\r\n", TYPE),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    """With a `ValueError`, which the double turns into a 400."""
    with pytest.raises(ValueError, match=r"form"):
        form(body, content_type)
