"""Webhooks over HTTP: what providers are answered, and what callers see of their messages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from anymedia.contracts.callback import CallbackSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.wire.http import Headers
from anymedia.wire.signature import StandardWebhooks
from tests.gateway.serving import ADMIN, Running, serving
from tests.webhooks.callers import SECRET, SIGNED, caller, signed, work
from tests.webhooks.receiver import Receiver, receiving


def settings(**gateway: object) -> Settings:
    """`echo`, and receivers on this machine."""
    return Settings(
        providers=(ProviderSettings(name="echo"),),
        callbacks=CallbackSettings(allow_private=("127.0.0.1",)),
        gateway=GatewaySettings.model_validate(gateway),
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with an admin key, and a provider that signs its calls."""
    said = settings(admin_key=ADMIN)
    with serving(tmp_path_factory.mktemp("webhooks"), said) as found:
        providers = found.gateway.client.providers
        providers.register(caller(SIGNED))
        providers.register(ProviderSettings(name="caller", webhook_secret=SecretStr(SECRET)))
        yield found


@pytest.fixture
def provider(running: Running) -> Iterator[httpx.Client]:
    """Who calls without any key of ours."""
    with running.caller() as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A caller's server."""
    with receiving() as found:
        yield found


def test_calls_are_answered_by_what_is_wrong_with_them(provider: httpx.Client) -> None:
    """No key of ours is asked for; never a 500."""
    body = work()
    good = dict(signed(body))
    for path, content, headers, status in (
        ("/webhooks/caller/cb_unknown", body, good, 404),
        ("/webhooks/caller", body, good, 404),
        ("/webhooks/caller", body, {}, 401),
        ("/webhooks/caller", body + b" ", good, 401),
        ("/webhooks/caller", b"{", dict(signed(b"{")), 400),
        ("/webhooks/nobody", body, good, 404),
        ("/webhooks/echo", body, good, 401),
        ("/webhooks/caller", b" " * (1024 * 1024 + 1), {}, 413),
    ):
        answer = provider.post(path, content=content, headers=headers)
        assert answer.status_code == status, (path, status, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_is_read_no_further_than_it_may_be_long(provider: httpx.Client) -> None:
    """Also when it does not say its length."""

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    answer = provider.post("/webhooks/caller/cb_x", content=chunks())
    assert answer.status_code == 413


def finished(owner: httpx.Client, receiver: Receiver) -> str:
    """A picture by echo, whose messages have arrived."""
    said = {"prompt": "a kite", "callback_url": receiver.url}
    made = owner.post("/api/ai/image", json=said, headers={"Prefer": "wait=30"})
    assert made.status_code == 200, made.text
    for _ in range(1500):
        if receiver.types[-1:] == ["job.succeeded"]:
            break
        time.sleep(0.01)  # messages come after the answer
    return str(made.json()["job_id"])


def test_callers_see_their_own_messages_and_send_them_again(
    running: Running, receiver: Receiver
) -> None:
    """Each key has a secret of its own, told once."""
    ann_id, ann_key = running.key(name="ann")
    _, bob_key = running.key(name="bob")
    with running.caller(ann_key) as ann, running.caller(bob_key) as bob:
        job_id = finished(ann, receiver)
        told = ann.get("/api/webhooks", params={"job_id": job_id}).json()["webhooks"]
        assert [one["type"] for one in told] == ["job.succeeded", "job.started"]
        assert {one["owner"] for one in told} == {ann_id}
        assert bob.get("/api/webhooks").json() == {"webhooks": []}
        assert bob.get(f"/api/webhooks/{told[0]['id']}").status_code == 404
        assert bob.post(f"/api/webhooks/{told[0]['id']}/replay").status_code == 404
        assert bob.get("/api/webhooks", params={"everyone": True}).status_code == 403

        secret = ann.get("/api/webhooks/secret").json()["secret"]
        assert ann.get("/api/webhooks/secret").json()["secret"] is None
        assert secret != bob.get("/api/webhooks/secret").json()["secret"]
        first = receiver.got[0]
        headers = Headers(first.headers)
        assert StandardWebhooks().genuine(first.body, headers, (secret,), time.time())

        seen = len(receiver.got)
        again = ann.post(f"/api/webhooks/{told[0]['id']}/replay")
        assert (again.status_code, again.json()["status"]) == (202, "pending")
        for _ in range(1500):
            if len(receiver.got) > seen:
                break
            time.sleep(0.01)
        assert receiver.got[-1].id == told[0]["id"]

        rotated = ann.post("/api/webhooks/secret/rotate", json={"overlap_seconds": 60}).json()
        assert len(rotated["secrets"]) == 2
        assert rotated["secret"] != secret
    with running.caller(ADMIN) as admin:
        found = admin.get("/api/webhooks", params={"everyone": True}).json()["webhooks"]
        assert job_id in {one["job_id"] for one in found}
    with running.caller() as stranger:
        assert stranger.get("/api/webhooks").status_code == 401


def test_a_private_receiver_is_refused_at_once(running: Running) -> None:
    """With what would allow it."""
    _, key = running.key(name="carl")
    with running.caller(key) as carl:
        for url in ("https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/x"):
            said = {"prompt": "a kite", "callback_url": url}
            answer = carl.post("/api/ai/image", json=said)
            assert answer.status_code == 400, answer.text
            assert "callbacks.allow_private" in answer.json()["detail"]
        assert carl.get("/api/jobs").json()["jobs"] == []
