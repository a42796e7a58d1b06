"""What stands at a key: how much it may ask for and spend, wherever it asks."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI, RateLimitError

from anymedia.client.aio import AsyncClient
from anymedia.clock import SystemClock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.contracts.key import KeyRights
from anymedia.contracts.limit import Limits
from anymedia.engine.candidate import Asker
from anymedia.gateway.keys import Keys
from anymedia.store.sqlite import SqliteDatabase
from anymedia.testing.double import serving as playing
from anymedia.testing.doubles.openai import OpenAIDouble
from tests.gateway.serving import ADMIN, Running, serving
from tests.support.face import settings_of
from tests.support.redis import fresh_state, needs_redis

CHAT = {"model": "echo/hello", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE = {**CHAT, "max_tokens": 20}
PRICED = "openai/gpt-4.1"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": ("/api/ai/text", {"prompt": "hi"}),
    "envelope": ("/api/generate", {"media_type": "text", "prompt": "hi"}),
    "openai": ("/v1/chat/completions", CHAT),
    "anthropic": ("/v1/messages", MESSAGE),
}


@pytest.mark.parametrize("way", WAYS)
def test_requests_beyond_a_keys_limit_are_told_when_to_come_back(
    keyed_gateway: Running, way: str
) -> None:
    """429 in the words of the caller, with `Retry-After`; another key is not concerned."""
    path, body = WAYS[way]
    _, secret = keyed_gateway.key(limits={"per_minute": 2})
    with keyed_gateway.caller(secret) as caller:
        assert [caller.post(path, json=body).status_code for _ in range(2)] == [200, 200]
        full = caller.post(path, json=body)
    assert full.status_code == 429
    assert 1 <= int(full.headers["retry-after"]) <= 60
    assert "per_minute" in full.text
    if way != "envelope":  # which says who would have been asked
        assert "echo" not in full.text
    if way == "openai":
        assert full.json()["error"]["type"] == "rate_limit_error"
    if way == "anthropic":
        assert full.json()["error"]["type"] == "rate_limit_error"
    with keyed_gateway.caller(keyed_gateway.key()[1]) as other:
        assert other.post(path, json=body).status_code == 200


def test_the_official_client_knows_it_as_a_rate_limit(keyed_gateway: Running) -> None:
    """As an exception of its own kind."""
    _, secret = keyed_gateway.key(limits={"per_day": 1})
    with OpenAI(api_key=secret, base_url=f"{keyed_gateway.url}/v1", max_retries=0) as client:
        ask = client.chat.completions.create
        ask(model="echo/hello", messages=[{"role": "user", "content": "hi"}])
        with pytest.raises(RateLimitError) as failure:
            ask(model="echo/hello", messages=[{"role": "user", "content": "hi"}])
    assert failure.value.code == "rate_limit_exceeded"


def test_tokens_are_counted_too(keyed_gateway: Running) -> None:
    """What was estimated becomes what it was, and then there is no room."""
    _, secret = keyed_gateway.key(limits={"tokens_per_minute": 60})
    with keyed_gateway.caller(secret) as caller:
        asked = {"prompt": "hi", "max_output_tokens": 50}
        statuses = [caller.post("/api/ai/text", json=asked).status_code for _ in range(20)]
        assert statuses[0] == 200
        assert 429 in statuses
        too_much = caller.post("/api/ai/text", json={"prompt": "hi", "max_output_tokens": 5000})
    assert too_much.status_code == 429
    assert "retry-after" not in too_much.headers  # waiting never helps


def test_limits_are_changed_while_it_runs(keyed_gateway: Running, admin: httpx.Client) -> None:
    """One by one; what is not said stays, `null` takes away."""
    key_id, secret = keyed_gateway.key(limits={"per_minute": 1, "concurrent": 5})
    path = f"/api/keys/{key_id}"
    with keyed_gateway.caller(secret) as caller:

        def status() -> int:
            return caller.post("/api/ai/text", json={"prompt": "hi"}).status_code

        assert [status(), status()] == [200, 429]
        changed = admin.patch(path, json={"limits": {"per_minute": 2}, "name": "another"}).json()
        assert changed["limits"]["per_minute"] == 2
        assert changed["limits"]["concurrent"] == 5
        assert changed["name"] == "another"
        assert [status(), status()] == [200, 429]
        admin.patch(path, json={"limits": {"per_minute": None}})
        assert [status(), status()] == [200, 200]
        admin.patch(path, json={"media": ["image"]})
        assert status() == 403
    listed = {one["id"]: one for one in admin.get("/api/keys").json()["keys"]}
    assert listed[key_id]["limits"]["concurrent"] == 5
    entries = admin.get("/api/audit").json()["entries"]
    assert ("key-changed", key_id) in [(one["action"], one["subject"]) for one in entries]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"limits": {"per_minute": 0}}, "limits.per_minute"),
        ({"limits": {"per_fortnight": 3}}, "limits.per_fortnight"),
        ({"limits": {"burst": 3}}, "limits.burst"),
        ({"budgets": [{"limit_usd": -1}]}, "budgets.0.limit_usd"),
        ({"budgets": [{"limit_usd": 1, "on_reached": "degrade"}]}, "budgets.0.degrade_to"),
        ({"budgets": [{"limit_usd": 1, "time_zone": "Atlantis"}]}, "budgets.0.time_zone"),
        ({"budgets": [{"limit_usd": 1}, {"limit_usd": 2}]}, "budgets.1"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"owner": "me"}, "owner"),
    ],
)
def test_rights_that_cannot_be_are_refused(
    keyed_gateway: Running, admin: httpx.Client, said: dict[str, Any], where: str
) -> None:
    """When a key is made, and when it is changed; nothing changes then."""
    key_id, _ = keyed_gateway.key()
    before = admin.get(f"/api/keys/{key_id}").json()
    for answer in (
        admin.post("/api/keys", json={"name": "a team", **said}),
        admin.patch(f"/api/keys/{key_id}", json=said),
    ):
        assert answer.status_code == 400, answer.text
        assert where in answer.json()["detail"]
    assert admin.get(f"/api/keys/{key_id}").json() == before


def test_only_administrators_change_keys(keyed_gateway: Running, admin: httpx.Client) -> None:
    """Not even its own."""
    key_id, secret = keyed_gateway.key(limits={"per_minute": 1})
    with keyed_gateway.caller(secret) as caller:
        assert caller.patch(f"/api/keys/{key_id}", json={"limits": None}).status_code == 403
    assert admin.patch("/api/keys/key_none", json={"name": "x"}).status_code == 404
    admin.delete(f"/api/keys/{key_id}")
    assert admin.patch(f"/api/keys/{key_id}", json={"name": "x"}).status_code == 409


def priced(directory: Path, double: OpenAIDouble) -> Settings:
    """A provider whose words cost something, and `echo`."""
    return settings_of(directory, openai=double, gateway=GatewaySettings(admin_key=ADMIN))


@pytest.mark.parametrize("stream", [False, True])
def test_a_keys_budget_holds_on_the_short_way_too(tmp_path: Path, *, stream: bool) -> None:
    """It is made while the gateway runs; what is left is shown to the key itself."""
    double = OpenAIDouble()
    asked = {**CHAT, "model": PRICED, "max_completion_tokens": 100, "stream": stream}
    with playing(double), serving(tmp_path, priced(tmp_path, double)) as running:
        key_id, secret = running.key(budgets=[{"limit_usd": "0.001", "period": "day"}])
        with running.caller(secret) as caller:
            answers = [caller.post("/v1/chat/completions", json=asked) for _ in range(60)]
            statuses = [one.status_code for one in answers]
            assert statuses[0] == 200, answers[0].text
            assert statuses[-1] == 402
            assert "budget" in answers[-1].text
            assert len(double.record.bodies) == statuses.count(200)
            (standing,) = caller.get("/api/budgets").json()["budgets"]
            assert standing["name"] == key_id
            assert Decimal(standing["spent"]) <= Decimal("0.001")
            assert Decimal(standing["spent"]) > Decimal("0.0001")
        with running.caller(running.key()[1]) as other:
            assert other.post("/v1/chat/completions", json=asked).status_code == 200


def test_a_keys_budget_holds_for_its_jobs_and_batches(tmp_path: Path) -> None:
    """What takes long is reserved before it is sent."""
    double = OpenAIDouble()
    picture = {"model": "openai/gpt-image-1-mini", "prompt": "a fox"}
    with playing(double), serving(tmp_path, priced(tmp_path, double)) as running:
        with running.caller(ADMIN) as admin:  # the jobs are open before there is any budget
            assert admin.post("/api/ai/image", json=picture).status_code == 200
        _, poor = running.key(budgets=[{"limit_usd": "0.0001"}])
        sent = len(double.record.bodies)
        with running.caller(poor) as caller:
            refused = caller.post("/api/ai/image", json=picture)
            assert refused.status_code == 402, refused.text
            made = caller.post(
                "/api/batches",
                json={"requests": [{"custom_id": "a", "media_type": "image", **picture}]},
            )
            assert made.status_code == 202, made.text
            batch = made.json()["id"]
            while (now := caller.get(f"/api/batches/{batch}").json())["status"] in {
                "queued",
                "running",
            }:
                caller.get("/livez")
            assert now["counts"]["failed"] == 1
        assert len(double.record.bodies) == sent


def test_what_is_left_is_told_as_each_client_reads_it(keyed_gateway: Running) -> None:
    """OpenAI's headers, Anthropic's below its path; nothing to who has no limits."""
    _, secret = keyed_gateway.key(limits={"per_minute": 5, "tokens_per_day": 100_000})
    with keyed_gateway.caller(secret) as caller:
        chat = caller.post("/v1/chat/completions", json=CHAT).headers
        assert chat["x-ratelimit-limit-requests"] == "5"
        assert chat["x-ratelimit-remaining-requests"] == "4"
        assert chat["x-ratelimit-reset-requests"].endswith("s")
        assert chat["x-ratelimit-limit-tokens"] == "100000"
        assert 90_000 < int(chat["x-ratelimit-remaining-tokens"]) < 100_000
        message = caller.post("/v1/messages", json={**MESSAGE, "stream": True}).headers
        assert message["anthropic-ratelimit-requests-limit"] == "5"
        assert message["anthropic-ratelimit-requests-remaining"] == "3"
        reset = message["anthropic-ratelimit-requests-reset"]
        assert datetime.fromisoformat(reset).tzinfo is not None
        for _ in range(3):
            caller.post("/v1/chat/completions", json=CHAT)
        full = caller.post("/v1/chat/completions", json=CHAT)
        assert (full.status_code, full.headers["x-ratelimit-remaining-requests"]) == (429, "0")
        assert "x-ratelimit-limit-requests" not in caller.get("/api/jobs").headers
    with keyed_gateway.caller(keyed_gateway.key()[1]) as other:
        answer = other.post("/v1/chat/completions", json=CHAT)
        assert not [name for name in answer.headers if "ratelimit" in name]


def test_no_more_at_once_than_a_key_may(keyed_gateway: Running) -> None:
    """Those beyond are refused, and there is room again afterwards."""
    _, secret = keyed_gateway.key(limits={"concurrent": 2})
    slow = {"prompt": "hi", "model": "echo/hello", "options": {"delay_seconds": 1.0}}
    with keyed_gateway.caller(secret) as caller:
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(caller.post, "/api/ai/text", json=slow) for _ in range(6)]
            statuses = sorted(each.result().status_code for each in asked)
        assert statuses.count(200) == 2
        assert statuses.count(429) == 4
        assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200


def test_a_job_beyond_a_keys_limit_waits_for_room(keyed_gateway: Running) -> None:
    """That is what it is a job for; another key's job does not wait behind it."""
    _, secret = keyed_gateway.key(limits={"per_day": 1})
    with keyed_gateway.caller(secret) as caller:
        assert caller.post("/api/ai/image", json={"prompt": "one"}).status_code == 200
        headers = {"Prefer": "wait=1"}
        second = caller.post("/api/ai/image", json={"prompt": "two"}, headers=headers)
        assert (second.status_code, second.json()["status"]) == (202, "queued")
        with keyed_gateway.caller(keyed_gateway.key()[1]) as other:
            assert other.post("/api/ai/image", json={"prompt": "three"}).status_code == 200
        assert caller.get(second.headers["location"]).json()["status"] == "queued"
        caller.delete(second.headers["location"])


@needs_redis
def test_processes_on_one_redis_count_a_keys_requests_together(tmp_path: Path) -> None:
    """And its money: it has the limits once, not once for each process."""
    double = OpenAIDouble()
    asked = {**CHAT, "model": PRICED, "max_completion_tokens": 100}
    with playing(double):
        said = priced(tmp_path, double).model_copy(update={"state": fresh_state()})
        with serving(tmp_path, said) as one:
            _, few = one.key(limits={"per_minute": 7})
            _, poor = one.key(budgets=[{"limit_usd": "0.001"}])
            with serving(tmp_path, said) as two:
                assert counted(one, two, few, asked) == 7
                left = two.caller(few)
                with left:
                    headers = left.post("/v1/chat/completions", json=asked).headers
                assert headers["x-ratelimit-remaining-requests"] == "0"
                assert 0 < counted(one, two, poor, asked) < 40
                with two.caller(poor) as caller:
                    spent = caller.get("/api/costs").json()["total"]["amount"]
                assert Decimal(0) < Decimal(spent) <= Decimal("0.001")


def counted(one: Running, two: Running, secret: str, asked: dict[str, Any]) -> int:
    """How many of forty requests are answered, asked here and there at once."""
    with one.caller(secret) as here, two.caller(secret) as there, ThreadPoolExecutor(4) as pool:
        asking = [
            pool.submit(who.post, "/v1/chat/completions", json=asked)
            for _ in range(20)
            for who in (here, there)
        ]
        statuses = [each.result().status_code for each in asking]
    assert set(statuses) <= {200, 402, 429}, statuses
    return statuses.count(200)


def test_a_process_that_only_works_heeds_what_stands_at_keys(tmp_path: Path) -> None:
    """Jobs are carried on by any process; none gives a key more than it has."""

    async def scenario() -> list[Job]:
        keys = Keys(SqliteDatabase(tmp_path), SystemClock())
        key = await keys.create(KeyRights(name="a team", limits=Limits(per_day=1)), actor="test")
        client = AsyncClient(settings_of(tmp_path / "x"), data_dir=tmp_path)
        try:
            jobs = client.jobs.of(key.id)
            asker = Asker(caller=key.id)
            handles = [
                await client.submit(ImageRequest(prompt=f"{number}"), asker=asker)
                for number in range(2)
            ]
            await asyncio.wait(
                [asyncio.ensure_future(one.wait(60.0)) for one in handles],
                return_when=asyncio.FIRST_COMPLETED,
            )
            return [(await jobs.get(one.id)).job for one in handles]
        finally:
            await client.close(1.0)

    statuses = sorted(one.status for one in asyncio.run(scenario()))
    assert statuses == ["queued", "succeeded"]
