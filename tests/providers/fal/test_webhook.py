"""Calls from fal: whose they are, and whether they are fal's.

Signature vector: computed from the description in fal's webhook documentation (read 2026-11-21)
with the private key of the bytes 0 to 31; it is not fal's own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.model import Model
from anymedia.providers.adapters.fal import FAL, queue, webhook
from anymedia.providers.adapters.fal.webhook import verified
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse

X = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
BODY = b'{"request_id":"req-1","status":"OK","payload":{"a":1}}'
SIGNATURE = (
    "856c67197cb5c4bd41d046521115319f4df317d11998456811753b01a38e047d"
    "6cda68d39b83bdf7dc88a6bac2d882034449eb5b2d145985ca1eb68cacb95409"
)
NOW = 1763719200
SIGNED = {
    "X-Fal-Webhook-Request-Id": "req-1",
    "X-Fal-Webhook-User-Id": "user-1",
    "X-Fal-Webhook-Timestamp": str(NOW),
    "X-Fal-Webhook-Signature": SIGNATURE,
}
JWK = {"kty": "OKP", "crv": "Ed25519", "x": X}


def known(*keys: Any) -> tuple[bytes, ...]:
    """What a key set is read as."""
    answer = HttpResponse(200, json.dumps({"keys": keys}).encode())
    sent, found = replay(webhook.keys(), answer, explain=FAL.explain)
    assert [(one.path, one.authorize) for one in sent] == [(webhook.KEY_SET, False)]
    return found


KEYS = known(JWK)


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


def test_a_signed_call_is_genuine() -> None:
    """With any of the keys, in either direction of the clock."""
    headers = Headers(SIGNED)
    assert webhook.genuine(BODY, headers, KEYS, NOW)
    assert webhook.genuine(BODY, headers, (bytes(32), *KEYS), NOW + 299)
    assert webhook.genuine(BODY, headers, KEYS, NOW - 299)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Fal-Webhook-Request-Id", "req-2"),
        ("X-Fal-Webhook-User-Id", ""),
        ("X-Fal-Webhook-Timestamp", str(NOW + 1)),
        ("X-Fal-Webhook-Timestamp", "soon"),
        ("X-Fal-Webhook-Timestamp", "9" * 400),
        ("X-Fal-Webhook-Signature", "zz"),
        ("X-Fal-Webhook-Signature", SIGNATURE[:-2]),
        ("X-Fal-Webhook-Signature", "0" * 128),
        ("X-Fal-Webhook-Signature", "f" * 128),
    ],
)
def test_a_changed_header_is_no_proof(name: str, value: str) -> None:
    """Whichever it is."""
    assert not webhook.genuine(BODY, Headers(SIGNED | {name: value}), KEYS, NOW)


def test_a_changed_body_an_old_call_and_no_key_are_no_proof() -> None:
    """The bytes themselves are signed, and for five minutes."""
    headers = Headers(SIGNED)
    assert not webhook.genuine(BODY + b" ", headers, KEYS, NOW)
    assert not webhook.genuine(BODY, headers, KEYS, NOW + 301)
    assert not webhook.genuine(BODY, headers, KEYS, NOW - 301)
    assert not webhook.genuine(BODY, headers, (), NOW)
    assert not webhook.genuine(BODY, Headers({}), KEYS, NOW)


def test_keys_of_other_kinds_are_passed_over() -> None:
    """And so are broken ones."""
    assert known({"kty": "RSA"}, None, JWK | {"x": "A"}, JWK | {"x": "AAAA"}, JWK) == KEYS


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
