"""Calls from fal: whose they are, and that Ed25519 is what it should be."""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.model import Model
from anymedia.providers.adapters.fal import queue
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief
from anymedia.wire.http import Headers
from anymedia.wire.signature import verified

BODY = b'{"request_id":"req-1","status":"OK","payload":{"a":1}}'


def test_rfc_8032_signatures_are_good() -> None:
    """Its tests 1 to 3 (section 7.1)."""
    vectors = (
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc6"
                "1e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e45"
                "8f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae"
                "67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
        ),
    )
    for key, message, signature in vectors:
        good = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
        assert verified(*good)
        assert not verified(good[0], good[1] + b"x", good[2])
        assert not verified(good[0], good[1], good[2][:32] + bytes(32))


def test_a_call_names_its_request_and_proves_nothing() -> None:
    """How it stands is asked for with our own key."""
    told = queue.read_callback(BODY, Headers({}))
    assert (told.handle, told.state) == ("req-1", None)
    for body in (b"", b"<html>", b"[]", b"{}", b'{"request_id": null}', b'{"request_id": "../x"}'):
        with pytest.raises(UnreadableResponse):
            queue.read_callback(body, Headers({}))


def test_a_call_finds_a_lost_submission() -> None:
    """The sheet knows below which application the request lies."""
    sheet = next(one for one in catalogued("fal") if one.id == "fal-ai/kling-video/v3/pro")
    assert queue.whole_handle("r", Brief(model=sheet)) == "/fal-ai/kling-video/requests/r"
    bare: Model = sheet.model_copy(update={"id": "workflows/me/mine/now", "settings": {}})
    assert queue.whole_handle("r", Brief(model=bare)) == "/workflows/me/mine/requests/r"
    with pytest.raises(UnreadableResponse):
        queue.whole_handle("r", Brief())
