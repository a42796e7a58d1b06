"""Every way to sign a call: good, wrong, stale, from tomorrow, with odd headers.

Vectors: that of Standard Webhooks is from the vendor's client tests (npm `replicate` 1.4.0). Those
of the others were computed from the vendors' descriptions; they are not the vendors' own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies

from anymedia.providers.adapters.fal import FAL
from anymedia.providers.adapters.flux import FLUX
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.ideogram import IDEOGRAM
from anymedia.providers.adapters.openrouter import OPENROUTER
from anymedia.providers.adapters.pika import PIKA
from anymedia.providers.adapters.replicate import REPLICATE
from anymedia.providers.registry import BUILT_IN, provider
from anymedia.providers.spec import Job, Provider
from anymedia.testing.signing import Signer
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse
from anymedia.wire.signature import (
    Signature,
    StandardWebhooks,
    TimedMac,
    key_set,
    standard_headers,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
NOW = 1763719200
ED25519_X = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
ED25519_SIGNATURE = (
    "856c67197cb5c4bd41d046521115319f4df317d11998456811753b01a38e047d"
    "6cda68d39b83bdf7dc88a6bac2d882034449eb5b2d145985ca1eb68cacb95409"
)


def signature_of(one: Provider) -> Signature:
    """How a provider signs."""
    assert one.webhook.signature is not None
    return one.webhook.signature


@dataclass(frozen=True)
class Case:
    """A call that is good at `now`."""

    signature: Signature
    body: bytes
    headers: dict[str, str]
    key: str
    wrong_key: str
    now: float
    lasts: float | None
    """Seconds for which it stays good; `None` for ever."""
    signs: str
    """The header with the signature."""
    signed_headers: tuple[str, ...] = ()
    """Further headers that cannot be changed."""


def openrouter() -> Case:
    """HMAC over `time,body`."""
    body = b'{"id":"job-1","status":"completed"}'
    digest = hmac.new(b"s3cret", f"{NOW},".encode() + body, hashlib.sha256).hexdigest()
    return Case(
        signature_of(OPENROUTER),
        body,
        {
            "X-OpenRouter-Signature": f"t={NOW},v1={digest}",
            "X-OpenRouter-Idempotency-Key": "job-1-completed",
        },
        "s3cret",
        "another",
        NOW,
        300,
        "X-OpenRouter-Signature",
    )


def ideogram() -> Case:
    """Ed25519, the id repeated in the body."""
    body = b'{"generation_id":"gen-1","status":"COMPLETED"}'
    signed = Signer().over(body, "gen-1", "user-1", str(NOW))
    prefix = "X-Ideogram-Webhook-"
    headers = {"Generation-Id": "gen-1", "User-Id": "user-1", "Timestamp": str(NOW)}
    return Case(
        signature_of(IDEOGRAM),
        body,
        {prefix + name: value for name, value in headers.items()} | {prefix + "Signature": signed},
        ED25519_X,
        base64.urlsafe_b64encode(bytes(32)).decode(),
        NOW,
        300,
        prefix + "Signature",
        tuple(prefix + name for name in headers),
    )


STANDARD = Case(
    signature_of(REPLICATE),
    b'{"test": 2432232314}',
    {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    SECRET,
    OTHER,
    1614265330,
    300,
    "Webhook-Signature",
    ("Webhook-Id", "Webhook-Timestamp"),
)
CASES = {
    "replicate": STANDARD,
    "google": Case(**{**vars(STANDARD), "signature": signature_of(GOOGLE)}),
    "fal": Case(
        signature_of(FAL),
        b'{"request_id":"req-1","status":"OK","payload":{"a":1}}',
        {
            "X-Fal-Webhook-Request-Id": "req-1",
            "X-Fal-Webhook-User-Id": "user-1",
            "X-Fal-Webhook-Timestamp": str(NOW),
            "X-Fal-Webhook-Signature": ED25519_SIGNATURE,
        },
        ED25519_X,
        base64.urlsafe_b64encode(bytes(32)).decode(),
        NOW,
        300,
        "X-Fal-Webhook-Signature",
        tuple(f"X-Fal-Webhook-{name}" for name in ("Request-Id", "User-Id", "Timestamp")),
    ),
    "ideogram": ideogram(),
    "openrouter": openrouter(),
    "elevenlabs": Case(
        TimedMac(header="elevenlabs-signature", version="v0", tolerance_seconds=1800),
        b'{"type":"x"}',
        {
            "ElevenLabs-Signature": f"t={NOW},"
            "v0=bd94211b8068151ca4d5b21a370dc144cd2893c81665a61965e8910179f2adb3"
        },
        "wsec_test",
        "wsec_other",
        NOW,
        1800,
        "ElevenLabs-Signature",
    ),
    "flux": Case(
        signature_of(FLUX),
        b'{"id":"t-1"}',
        {
            "X-BFL-Signature": "sha256="
            + hmac.new(b"ours", b'{"id":"t-1"}', hashlib.sha256).hexdigest()
        },
        "ours",
        "theirs",
        NOW,
        None,
        "X-BFL-Signature",
    ),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def judged(case: Case, **changes: Any) -> bool:
    """Whether a call passes, with something about it changed."""
    headers = Headers(changes.get("headers", case.headers))
    keys = changes.get("keys", (case.key,))
    return case.signature.genuine(
        changes.get("body", case.body), headers, keys, changes.get("now", case.now)
    )


@every
def test_a_good_call_is_good_with_any_of_the_keys(case: Case) -> None:
    """Whatever the case of its headers."""
    assert judged(case)
    assert judged(case, keys=(case.wrong_key, case.key))
    assert judged(case, headers={name.lower(): value for name, value in case.headers.items()})
    assert case.signature.present(Headers(case.headers))


@every
def test_another_key_another_body_and_no_signature_are_no_proof(case: Case) -> None:
    """And neither is an empty secret."""
    for keys in ((), ("",), ("whsec_",), (case.wrong_key,)):
        assert not judged(case, keys=keys)
    assert not judged(case, body=case.body + b" ")
    assert not judged(case, headers={})
    without = {name: value for name, value in case.headers.items() if name != case.signs}
    assert not case.signature.present(Headers(without))
    for value in ("", "x", "v1,", "t=,v1=", "sha256=", "00" * 64, "\u00e9", "v1,\u00e9 v1,AAAA"):
        assert not judged(case, headers={**case.headers, case.signs: value})


@every
def test_a_call_is_good_for_a_while_in_both_directions(case: Case) -> None:
    """What was overheard cannot be sent again later."""
    if case.lasts is None:
        pytest.skip("this vendor signs no time; the same call is heard once")
    assert judged(case, now=case.now + case.lasts - 1)
    assert not judged(case, now=case.now + case.lasts + 1)
    assert judged(case, now=case.now - 299)
    assert not judged(case, now=case.now - 301)


@every
def test_nothing_that_is_signed_can_be_changed(case: Case) -> None:
    """Ids and times are part of it."""
    for name in case.signed_headers:
        for value in ("", "other", str(int(case.now) + 1), "9" * 400, "-1"):
            assert not judged(case, headers={**case.headers, name: value}), name


@given(
    strategies.dictionaries(
        strategies.sampled_from(sorted({n for c in CASES.values() for n in c.headers})),
        strategies.text(max_size=80),
    ),
    strategies.binary(max_size=60),
)
def test_a_stranger_can_send_anything(headers: dict[str, str], body: bytes) -> None:
    """It is refused, and breaks nothing."""
    for case in CASES.values():
        assert not judged(case, headers=headers, body=body)
        case.signature.identifier(Headers(headers))


def test_one_good_signature_of_several_is_enough() -> None:
    """Two secrets sign while one takes the place of the other; unknown versions are passed over."""
    case = CASES["replicate"]
    good = case.headers["Webhook-Signature"]
    for said in (f"v1,AAAA {good}", f"v1a,xx odd {good}", f"{good} v2,zz"):
        assert judged(case, headers={**case.headers, "Webhook-Signature": said})
    assert not judged(case, headers={**case.headers, "Webhook-Signature": "v2" + good[2:]})


def test_a_secret_without_prefix_may_be_the_text_itself() -> None:
    """As one vendor's client takes it (openai 3.52)."""
    text = f"msg_1.{NOW}.".encode() + b"{}"
    signed = base64.b64encode(hmac.new(b"plain words", text, hashlib.sha256).digest()).decode()
    headers = Headers(
        {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(NOW),
            "webhook-signature": f"v1,{signed}",
        }
    )
    assert StandardWebhooks().genuine(b"{}", headers, ("plain words",), NOW)


def test_a_generation_is_the_one_in_the_body() -> None:
    """A signed header above somebody else's body would be a mistake worth refusing."""
    body = b'{"generation_id":"gen-2"}'
    case = CASES["ideogram"]
    signed = Signer().over(body, "gen-1", "user-1", str(NOW))
    assert not judged(case, body=body, headers={**case.headers, case.signs: signed})


def test_keys_of_other_kinds_are_passed_over() -> None:
    """And so are broken ones."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": ED25519_X}
    keys = [{"kty": "RSA"}, None, jwk | {"x": "A"}, jwk | {"x": "AAAA"}, jwk]
    answer = HttpResponse(200, json.dumps({"keys": keys}).encode())
    sent, found = replay(key_set("https://keys.example/jwks"), answer, explain=FAL.explain)
    assert [(one.path, one.authorize) for one in sent] == [("https://keys.example/jwks", False)]
    assert found == (ED25519_X,)


def test_what_we_sign_passes_an_independent_receiver() -> None:
    """The library of Standard Webhooks; with two secrets, each of them opens."""
    standardwebhooks = pytest.importorskip("standardwebhooks")
    now = int(datetime.now(UTC).timestamp())  # the library looks at the clock itself
    headers = standard_headers((OTHER, SECRET), "msg_1", now, b'{"a": 1}')
    for secret in (SECRET, OTHER):
        assert standardwebhooks.Webhook(secret).verify(b'{"a": 1}', headers) == {"a": 1}
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(b'{"a": 2}', headers)


def test_what_an_independent_sender_signs_passes_ours() -> None:
    """The other way round."""
    standardwebhooks = pytest.importorskip("standardwebhooks")
    at = datetime.fromtimestamp(NOW, UTC)
    signed = standardwebhooks.Webhook(SECRET).sign("msg_9", at, '{"a": 1}')
    headers = Headers(
        {"webhook-id": "msg_9", "webhook-timestamp": str(NOW), "webhook-signature": signed}
    )
    assert StandardWebhooks().genuine(b'{"a": 1}', headers, (SECRET,), NOW)


def test_what_passes_ours_passes_an_official_client() -> None:
    """OpenAI's, which has its own code for it."""
    openai = pytest.importorskip("openai")
    now = int(datetime.now(UTC).timestamp())
    headers = standard_headers((SECRET,), "msg_1", now, b'{"type": "x"}')
    client = openai.OpenAI(api_key="none")
    client.webhooks.verify_signature(b'{"type": "x"}', headers, secret=SECRET)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(b'{"type": "y"}', headers, secret=SECRET)


def test_elevenlabs_own_client_takes_our_vector() -> None:
    """So the layout is the vendor's."""
    elevenlabs = pytest.importorskip("elevenlabs")
    now = int(datetime.now(UTC).timestamp())
    body = '{"type":"x"}'
    digest = hmac.new(b"wsec_test", f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
    header = f"t={now},v0={digest}"
    told = elevenlabs.ElevenLabs(api_key="none").webhooks.construct_event(
        rawBody=body, sig_header=header, secret="wsec_test"
    )
    assert told == {"type": "x"}
    case = CASES["elevenlabs"]
    assert judged(case, headers={"elevenlabs-signature": header}, now=now)


def test_who_has_calls_says_how_they_are_judged() -> None:
    """A provider whose calls are read says whether they are signed; who is reliable signs."""
    unsigned = set()
    for name in BUILT_IN:
        one = provider(name)
        reads = any(isinstance(op, Job) and op.read_callback for op in one.operations)
        if one.webhook.signature is not None:
            assert reads, name
        elif reads:
            unsigned.add(name)
        assert not one.webhook.reliable or one.webhook.signature is not None, name
        assert not (one.webhook.key_set and one.webhook.secret), name
    assert unsigned == {"luma-dream-machine", "kling", "seedance"}
    assert PIKA.webhook is FAL.webhook
