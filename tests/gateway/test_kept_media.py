"""The cache of media, where it is asked before a job is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from anymedia.contracts.caching import CacheSettings
from tests.gateway.serving import Running, serving, settings

PICTURE = {"prompt": "a fox", "seed": 3}
KEPT = CacheSettings(media={"image": True, "video": True})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One that keeps pictures and clips."""
    said = settings(admin=True).model_copy(update={"cache": KEPT})
    with serving(tmp_path_factory.mktemp("kept"), said) as running:
        yield running


@pytest.fixture
def secret(gateway: Running) -> str:
    """A key."""
    return gateway.key()[1]


@pytest.fixture
def caller(gateway: Running, secret: str) -> Iterator[httpx.Client]:
    """Somebody with it."""
    with gateway.caller(secret) as caller:
        yield caller


def jobs_of(caller: httpx.Client) -> int:
    """How many there are."""
    return len(caller.get("/api/jobs").json()["jobs"])


def until_kept(caller: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer once it comes from the cache: keeping it holds nobody up."""
    for _ in range(200):
        found: dict[str, Any] = caller.post(path, json=body).json()
        if found.get("cached_at"):
            return found
    raise AssertionError(found)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ai/image", PICTURE),
        ("/api/ai/video", {"prompt": "a fox", "seed": 3, "duration_seconds": 1}),
    ],
)
def test_a_picture_asked_for_again_is_the_same_picture(
    caller: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    """No job is made for it, it costs nothing, and the ledger has a row that says so."""
    first = caller.post(path, json=body, headers={"Prefer": "wait=60"})
    assert first.status_code == 200, first.text
    again = caller.post(path, json=body).json()
    assert again["cached_at"]
    assert [one["id"] for one in again["artifacts"]] == [
        one["id"] for one in first.json()["artifacts"]
    ]
    assert caller.get(again["artifacts"][0]["url"]).status_code == 200
    jobs, before = jobs_of(caller), caller.get("/api/costs").json()["total"]["cached"]
    assert caller.post(path, json=body).json()["cached_at"]
    assert jobs_of(caller) == jobs
    assert caller.get("/api/costs").json()["total"]["cached"] == before + 1


def test_the_envelope_and_the_openai_dialect_ask_the_same_cache(
    gateway: Running, caller: httpx.Client, secret: str
) -> None:
    """Whatever the words."""
    enveloped = {"media_type": "image", "prompt": "an owl", "parameters": {"seed": 5}}
    assert caller.post("/api/generate", json=enveloped).json()["status"] == "success"
    until_kept(caller, "/api/ai/image", {"prompt": "an owl", "seed": 5})
    jobs = jobs_of(caller)
    assert caller.post("/api/generate", json=enveloped).json()["status"] == "success"
    assert jobs_of(caller) == jobs
    with OpenAI(api_key=secret, base_url=f"{gateway.url}/v1", max_retries=0) as client:
        pictures = [
            client.images.generate(
                model="echo/picture",
                prompt="a heron",
                extra_body={"anymedia": {"seed": 7}},
                response_format="b64_json",
            )
            for _ in range(2)
        ]
    assert pictures[0].data is not None
    assert pictures[1].data is not None
    assert pictures[0].data[0].b64_json == pictures[1].data[0].b64_json
    assert jobs_of(caller) == jobs + 1


def test_what_a_job_brings_later_is_kept_too(caller: httpx.Client) -> None:
    """Also when nobody waited for it.

    Whoever asks in the moment between its end and its being kept makes a picture of their own, which
    is kept as well: then it is tried once more.
    """
    for number in range(10):
        body = {**PICTURE, "prompt": f"later {number}"}
        answer = caller.post("/api/ai/image", json=body, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202
        path = answer.headers["location"]
        while caller.get(path).json()["status"] in {"queued", "running"}:
            pass
        if until_kept(caller, "/api/ai/image", body)["job_id"] == answer.json()["id"]:
            return
    raise AssertionError("what nobody waited for was never kept")


def test_who_names_a_job_gets_one(caller: httpx.Client) -> None:
    """By an idempotency key, or by not waiting."""
    body = {**PICTURE, "prompt": "named"}
    caller.post("/api/ai/image", json=body)
    until_kept(caller, "/api/ai/image", body)
    jobs = jobs_of(caller)
    for number, headers in enumerate(
        ({"Idempotency-Key": "a-job"}, {"Prefer": "respond-async"}), start=1
    ):
        answer = caller.post("/api/ai/image", json=body, headers=headers)
        assert answer.status_code in {200, 202}
        assert not answer.json().get("cached_at")
        assert jobs_of(caller) == jobs + number
    assert not caller.post("/api/ai/image", json={**body, "cache": False}).json().get("cached_at")


def test_what_one_key_made_is_nobody_elses(gateway: Running, caller: httpx.Client) -> None:
    """Each has a cache of its own, and rights are asked first."""
    body = {**PICTURE, "prompt": "mine"}
    caller.post("/api/ai/image", json=body)
    mine = until_kept(caller, "/api/ai/image", body)
    with gateway.caller(gateway.key()[1]) as other:
        theirs = other.post("/api/ai/image", json=body).json()
        assert not theirs.get("cached_at")
        assert theirs["artifacts"][0]["id"] != mine["artifacts"][0]["id"]
    with gateway.caller(gateway.key(media=["text"])[1]) as third:
        assert third.post("/api/ai/image", json=body).status_code == 403


def test_without_a_seed_asking_twice_means_wanting_two(caller: httpx.Client) -> None:
    """As in the library."""
    body = {"prompt": "two of them"}
    ids = {caller.post("/api/ai/image", json=body).json()["artifacts"][0]["id"] for _ in range(2)}
    assert len(ids) == 2
