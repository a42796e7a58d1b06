"""Who may ask, for what, and what they see of each other: nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from anymedia.contracts.key import VirtualKey
from anymedia.gateway.callers import CALLER, Callers, credential, secret_of
from anymedia.gateway.keys import Bunch, digest
from anymedia.gateway.spec import Refused
from tests.gateway.serving import ADMIN, Running, serving, settings
from tests.support.clock import FakeClock

PICTURE = {"prompt": "a fox", "seed": 3}


def test_nobody_comes_in_without_a_key(keyed_gateway: Running) -> None:
    """In the words of whoever's language it is; what balancers ask stays open."""
    with keyed_gateway.caller() as stranger:
        for path in ("/api/jobs", "/api/providers", "/api/costs", "/metrics", "/health/detailed"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "AUTHENTICATION_FAILED")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        openai = stranger.post("/v1/chat/completions", json={})
        assert (openai.status_code, openai.json()["error"]["type"]) == (401, "authentication_error")
        anthropic = stranger.post("/v1/messages", json={})
        assert anthropic.status_code == 401
        assert anthropic.json()["error"]["type"] == "authentication_error"
        for path in ("/health", "/api/health", "/livez", "/readyz"):
            assert stranger.get(path).status_code == 200


def test_a_wrong_key_is_no_key(keyed_gateway: Running) -> None:
    """However near it is."""
    for wrong in (ADMIN[:-1], ADMIN + "x", "am_nothing", "\u00e9"):
        header = f"Bearer {wrong}".encode()
        answer = httpx.get(f"{keyed_gateway.url}/api/jobs", headers=[(b"Authorization", header)])
        assert answer.status_code == 401


def test_a_key_is_told_once_and_kept_as_a_hash(keyed_gateway: Running, admin: httpx.Client) -> None:
    """What is shown later begins like it."""
    key_id, secret = keyed_gateway.key(name="the studio")
    shown = admin.get(f"/api/keys/{key_id}").json()
    assert "key" not in shown
    assert secret.startswith(shown["secrets"][0]["prefix"])
    assert len(shown["secrets"][0]["prefix"]) < len(secret) / 3
    listed = admin.get("/api/keys").text
    assert key_id in listed
    assert secret not in listed
    kept = b"".join(
        path.read_bytes() for path in keyed_gateway.gateway.client.data_dir.glob("*db*")
    )
    assert secret.encode() not in kept


def test_a_key_works_where_its_dialect_carries_it(keyed_gateway: Running) -> None:
    """As a bearer, and in `x-api-key`."""
    _, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller:
        assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
    asked = {
        "model": "echo/hello",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": "hi"}],
    }
    with keyed_gateway.caller(**{"x-api-key": secret}) as caller:
        assert caller.post("/v1/messages", json=asked).status_code == 200


def test_two_different_keys_in_one_request_are_refused() -> None:
    """It could be meant either way."""
    headers = [(b"authorization", b"Bearer one"), (b"x-api-key", b"two")]
    with pytest.raises(Refused):
        secret_of(headers)
    assert secret_of([*headers[:1], (b"x-api-key", b"one")]) == "one"


def test_only_one_plain_credential_is_known_by_how_it_is_written() -> None:
    """Whatever could be meant either way is looked at anew each time."""
    bearer, key = (b"authorization", b"Bearer one"), (b"x-api-key", b"Bearer one")
    assert credential([bearer]) != credential([key])
    assert None not in {credential([bearer]), credential([key])}
    for several in ([], [bearer, key], [bearer, bearer], [key, (b"x-api-key", b"two")]):
        assert credential(several) is None


def test_a_key_is_known_until_the_keys_are_looked_up_and_one_that_ends_not_even_so_long() -> None:
    """Who came a moment ago is not hashed again, unless time alone can shut the door."""
    clock = FakeClock()

    def key(name: str, **facts: Any) -> VirtualKey:
        return VirtualKey(id=name, name=name, created_at=clock.now(), **facts)

    lasting, ending = key("lasting"), key("ending", expires_at=clock.now() + timedelta(seconds=9))
    rotated = key("rotated")
    bunch = Bunch(
        {
            digest("lasting"): (lasting, None),
            digest("ending"): (ending, None),
            digest("rotated"): (rotated, clock.time() + 9),
        },
        ever=True,
    )

    class Shelf:
        """Keys as they are kept at the moment."""

        async def bunch(self) -> Bunch:
            return bunch

    shelf: Any = Shelf()
    callers = Callers(shelf, clock, admin_key=None, open_without_keys=False, no_auth=False)

    async def who(secret: str) -> str | None:
        scope: dict[str, Any] = {"headers": [(b"authorization", b"Bearer " + secret.encode())]}
        await callers.known(scope)
        found = scope.get("state", {}).get(CALLER)
        return None if found is None else found.owner

    async def work() -> None:
        nonlocal bunch
        names = ("lasting", "ending", "rotated")
        for _ in range(2):
            assert [await who(name) for name in names] == list(names)
        clock.advance(10)
        assert [await who(name) for name in names] == ["lasting", None, None]
        bunch = Bunch(ever=True)
        assert await who("lasting") == "lasting"
        await callers.renew()
        assert await who("lasting") is None

    asyncio.run(work())


def test_what_belongs_to_another_key_does_not_exist(keyed_gateway: Running) -> None:
    """Jobs, artifacts, their use as an input: 404 for all of it, as for what never was."""
    _, mine = keyed_gateway.key()
    _, theirs = keyed_gateway.key()
    with keyed_gateway.caller(mine) as me, keyed_gateway.caller(theirs) as they:
        made = me.post("/api/ai/image", json=PICTURE).json()
        job, artifact = f"/api/jobs/{made['job_id']}", made["artifacts"][0]
        assert me.get(job).status_code == 200
        assert me.get(artifact["url"]).status_code == 200
        for method, path in (
            ("GET", job),
            ("DELETE", job),
            ("POST", f"{job}/retry"),
            ("GET", f"{job}/events"),
            ("GET", artifact["url"]),
            ("HEAD", artifact["url"]),
        ):
            assert they.request(method, path).status_code == 404, path
        assert they.post(f"{job}/resolve", json={"outcome": "abandoned"}).status_code == 404
        assert they.get("/api/jobs").json()["jobs"] == []
        for medium, field in (("image", "image"), ("text", "image"), ("video", "first_frame")):
            asked = {"prompt": "look", field: f"artifact:{artifact['id']}"}
            assert they.post(f"/api/ai/{medium}", json=asked).status_code == 404, medium
            assert me.post(f"/api/ai/{medium}", json=asked).status_code in {200, 202}, medium


def test_the_same_idempotency_key_of_two_callers_is_two_jobs(keyed_gateway: Running) -> None:
    """Each has a namespace of their own."""
    ids = set()
    for _ in range(2):
        with keyed_gateway.caller(keyed_gateway.key()[1]) as caller:
            headers = {"Idempotency-Key": "the-same", "Prefer": "respond-async"}
            ids.add(caller.post("/api/ai/image", json=PICTURE, headers=headers).json()["id"])
    assert len(ids) == 2


def test_a_key_asks_only_for_its_media(keyed_gateway: Running) -> None:
    """By every surface."""
    with keyed_gateway.caller(keyed_gateway.key(media=["text"])[1]) as caller:
        assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
        assert caller.post("/api/ai/image", json=PICTURE).status_code == 403
        asked = {"media_type": "image", "prompt": "a fox"}
        assert caller.post("/api/generate", json=asked).status_code == 403
        asked = {"model": "echo/picture", "prompt": "a fox"}
        assert caller.post("/v1/images/generations", json=asked).status_code == 403


def test_a_key_asks_only_its_models(keyed_gateway: Running, admin: httpx.Client) -> None:
    """Whether it names another, or names none and would be sent there."""
    _, secret = keyed_gateway.key(models=["openai/*", "echo/clip"])
    with keyed_gateway.caller(secret) as caller:
        named = caller.post("/api/ai/text", json={"prompt": "hi", "model": "echo/hello"})
        assert named.status_code == 403
        assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code >= 400
        bare = caller.post("/api/ai/text", json={"prompt": "hi", "provider": "echo"})
        assert bare.status_code >= 400
        clip = caller.post(
            "/api/ai/video", json={"prompt": "hi"}, headers={"Prefer": "respond-async"}
        )
        assert clip.status_code == 202
        listed = {one["id"] for one in caller.get("/api/models").json()["models"]}
        assert "clip" in listed
        assert "hello" not in listed
    assert admin.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200


def test_scopes_are_what_a_key_may_do(keyed_gateway: Running) -> None:
    """Administration, health and costs are apart."""
    allowed = {
        "costs": "/api/costs",
        "health": "/metrics",
        "admin": "/api/keys",
    }
    for scope in allowed:
        with keyed_gateway.caller(keyed_gateway.key(scopes=[scope])[1]) as caller:
            for other, path in allowed.items():
                expected = 200 if scope in {other, "admin"} else 403
                assert caller.get(path).status_code == expected, (scope, path)
            made = caller.post("/api/ai/text", json={"prompt": "hi"})
            assert made.status_code == (200 if scope == "admin" else 403)


def test_a_key_that_was_revoked_or_has_expired_opens_nothing(
    keyed_gateway: Running, admin: httpx.Client
) -> None:
    """At once; and its jobs stay its own."""
    key_id, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller:
        assert caller.get("/api/jobs").status_code == 200
        assert admin.delete(f"/api/keys/{key_id}").json()["revoked_at"]
        assert caller.get("/api/jobs").status_code == 401
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert admin.post("/api/keys", json={"name": "late", "expires_at": past}).status_code == 400
    assert admin.post(f"/api/keys/{key_id}/rotate", json={}).status_code == 409


def test_a_rotated_key_is_the_same_key(keyed_gateway: Running, admin: httpx.Client) -> None:
    """Both secrets open while they overlap, and see the same jobs."""
    key_id, old = keyed_gateway.key()
    with keyed_gateway.caller(old) as caller:
        made = caller.post("/api/ai/image", json=PICTURE).json()
        rotated = admin.post(f"/api/keys/{key_id}/rotate", json={"overlap_seconds": 600})
        new = rotated.json()["key"]
        assert new != old
        assert caller.get("/api/jobs").status_code == 200
    with keyed_gateway.caller(new) as caller:
        assert caller.get(f"/api/jobs/{made['job_id']}").status_code == 200
    newest = admin.post(f"/api/keys/{key_id}/rotate", json={"overlap_seconds": 0}).json()["key"]
    for secret, status in ((old, 401), (new, 401), (newest, 200)):
        with keyed_gateway.caller(secret) as caller:
            assert caller.get("/api/jobs").status_code == status


def test_a_key_sees_its_own_costs(keyed_gateway: Running, admin: httpx.Client) -> None:
    """An administrator sees everybody's, and whose."""
    key_id, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller:
        for _ in range(2):
            caller.post("/api/ai/text", json={"prompt": "hi"})
        mine = caller.get("/api/costs", params={"by": "key"}).json()
        assert [(one["group"], one["requests"]) for one in mine["lines"]] == [(key_id, 2)]
        other = caller.get("/api/usage", params={"by": "key", "key": "local"}).json()
        assert [one["group"] for one in other["lines"]] == [key_id]
    every = admin.get("/api/costs", params={"by": "key"}).json()
    assert key_id in {one["group"] for one in every["lines"]}


def test_what_administrators_do_is_written_down(
    keyed_gateway: Running, admin: httpx.Client
) -> None:
    """Who, what, and to what; never a secret."""
    key_id, secret = keyed_gateway.key()
    admin.delete(f"/api/keys/{key_id}")
    entries = admin.get("/api/audit").json()["entries"]
    done = [(one["action"], one["subject"]) for one in entries]
    assert ("key-created", key_id) in done
    assert ("key-revoked", key_id) in done
    assert secret not in str(entries)


def test_the_last_revoked_key_does_not_open_the_door(tmp_path: Path) -> None:
    """Open to this machine is a gateway that never had a key."""
    with serving(tmp_path, settings()) as running:
        with running.caller() as anyone:
            assert anyone.get("/api/jobs").status_code == 200
            made = anyone.post("/api/keys", json={"name": "first", "scopes": ["admin"]}).json()
            assert anyone.get("/api/jobs").status_code == 401
        with running.caller(made["key"]) as caller:
            assert caller.delete(f"/api/keys/{made['id']}").status_code == 200
            assert caller.get("/api/jobs").status_code == 401
        with running.caller() as anyone:
            assert anyone.get("/api/jobs").status_code == 401


def test_pages_of_other_origins_cannot_use_an_open_gateway(anyone: httpx.Client) -> None:
    """Nor can names that were made to lead to this machine."""
    asked = {"prompt": "hi"}
    page = anyone.post("/api/ai/text", json=asked, headers={"Origin": "https://evil.example"})
    assert page.status_code == 403
    named = anyone.get("/api/jobs", headers={"Host": "evil.example"})
    assert named.status_code == 403
    own = {"Origin": str(anyone.base_url).rstrip("/")}
    assert anyone.post("/api/ai/text", json=asked, headers=own).status_code == 200


def test_pages_that_are_allowed_can(tmp_path: Path) -> None:
    """`gateway.cors_origins` names them."""
    with (
        serving(tmp_path, settings(cors_origins=["https://studio.example"])) as running,
        running.caller(Origin="https://studio.example") as page,
    ):
        answer = page.post("/api/ai/text", json={"prompt": "hi"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://studio.example"
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"x-request-id", "x-ratelimit-remaining-tokens", "anymedia-model"} <= set(exposed)
        asked = {"Access-Control-Request-Method": "POST"}
        assert page.options("/api/ai/text", headers=asked).status_code == 200
        other = {"Origin": "https://evil.example"}
        assert page.post("/api/ai/text", json={"prompt": "hi"}, headers=other).status_code == 403
