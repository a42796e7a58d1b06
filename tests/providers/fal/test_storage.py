"""Inputs that are too large to travel inside a request.

Answers are written from fal's storage documentation (read 2026-11-21).
"""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import AuthenticationFailed, GenerationError, UnreadableResponse
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.providers.adapters.fal import FAL
from anymedia.providers.adapters.fal.storage import upload
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

PICTURE = MediaBytes(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
SLOT = b'{"upload_url": "https://store.example/put?sig=1", "file_url": "https://v3.fal.media/a"}'


def test_a_file_gets_a_slot_and_then_its_bytes() -> None:
    """The key goes to fal's storage and not to the slot."""
    sent, found = replay(
        upload(PICTURE), HttpResponse(200, SLOT), HttpResponse(200), explain=FAL.explain
    )
    slot, put = sent
    assert slot.path == "https://rest.fal.ai/storage/upload/initiate"
    assert slot.query == {"storage_type": "fal-cdn-v3"}
    assert slot.json == {"content_type": "image/png", "file_name": "input.png"}
    assert (slot.authorize, put.authorize) == (True, False)
    assert (put.method, put.path) == ("PUT", "https://store.example/put?sig=1")
    assert (put.content, put.content_type) == (PICTURE.data, "image/png")
    assert found == MediaUrl(url="https://v3.fal.media/a", media_type="image/png")
    assert "rest.fal.ai" in FAL.hosts


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"upload_url": 3}'])
def test_an_answer_without_a_slot_is_unreadable(body: bytes) -> None:
    """And nothing was put anywhere."""
    with pytest.raises(UnreadableResponse):
        replay(upload(PICTURE), HttpResponse(200, body), explain=FAL.explain)


def test_failures_are_explained_like_others() -> None:
    """A refused key, and a slot that has expired."""
    with pytest.raises(AuthenticationFailed):
        replay(upload(PICTURE), HttpResponse(401, b'{"detail": "no"}'), explain=FAL.explain)
    with pytest.raises(GenerationError):
        replay(upload(PICTURE), HttpResponse(200, SLOT), HttpResponse(403), explain=FAL.explain)
