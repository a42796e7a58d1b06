"""Documents are told from media by their first bytes."""

from __future__ import annotations

import pytest

from anymedia.media.instead import document_in
from anymedia.testing.samples import mp3, mp4, png, wav


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"<!DOCTYPE html><title>Gone</title>", "an HTML page"),
        (b"\xef\xbb\xbf\n  <html><body>", "an HTML page"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "an HTML page"),
        (b'{"error": "expired"}', "a JSON document"),
        ('["für"]'.encode(), "a JSON document"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "an XML document"),
    ],
)
def test_a_document_is_recognised(head: bytes, found: str) -> None:
    """Error pages come with status 200 and the name of a clip."""
    assert document_in(head) == found


@pytest.mark.parametrize(
    "head",
    [
        png(8, 8),
        mp4(),
        wav(0.1),
        mp3(0.1),
        b"",
        b"{\x00\x01\x02\x80\x81 samples that begin like JSON",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">',
        b"<svg></svg>",
        b"words that nobody here knows",
    ],
)
def test_what_may_be_a_medium_is_let_through(head: bytes) -> None:
    """It was paid for: only what is certain is refused."""
    assert document_in(head) is None


def test_a_letter_cut_in_the_middle_is_still_text() -> None:
    """Only the first bytes are looked at, and they end anywhere."""
    text = ('{"message": "' + "ü" * 600).encode()
    assert document_in(text[:512]) == document_in(text[:513]) == "a JSON document"
