"""The database or Redis goes away while the gateway runs: who needs it is told, the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from anymedia.contracts.configuration import Settings
from tests.gateway.serving import ADMIN, serving
from tests.support.forwarder import Forwarder
from tests.support.postgres import URL, fresh_url, needs_postgres
from tests.support.redis import URL as REDIS, fresh_state, needs_redis

CLIP = {"prompt": "a clip", "duration_seconds": 1}
WORDS = {"prompt": "hi"}
SOON = {"Prefer": "respond-async"}


def through(url: str, wire: Forwarder) -> str:
    """A URL by way of a wire that can be cut."""
    parts = urlsplit(url)
    who, _, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{who}@127.0.0.1:{wire.port}" if who else wire_of(wire)).geturl()


def wire_of(wire: Forwarder) -> str:
    """Its near end."""
    return f"127.0.0.1:{wire.port}"


@contextmanager
def wired(url: str, usual_port: int) -> Iterator[Forwarder]:
    """A wire to whoever is at a URL."""
    parts = urlsplit(url)
    with Forwarder(parts.hostname or "127.0.0.1", parts.port or usual_port) as wire:
        yield wire


def settings(**further: Any) -> Settings:
    """`echo` alone, with keys."""
    return Settings.model_validate(
        {"providers": [{"name": "echo"}], "gateway": {"admin_key": ADMIN}, **further}
    )


def is_away(answer: httpx.Response) -> bool:
    """Whether it is the one clear problem that says so, and may be asked again."""
    said = answer.json()
    return bool(
        answer.status_code == 503
        and answer.headers["content-type"] == "application/problem+json"
        and said["retryable"]
    )


@needs_postgres()
def test_without_its_database_it_takes_on_no_jobs_and_loses_none(tmp_path: Path) -> None:
    """Words go on, and so does everything once it is back. Nobody is told: the cable is pulled."""
    with (
        wired(URL, 5432) as wire,
        fresh_url() as url,
        serving(tmp_path, settings(database_url=through(url, wire))) as running,
    ):
        _, key = running.key()
        with running.caller(key) as caller:
            taken = caller.post("/api/ai/video", json=CLIP, headers=SOON)
            assert taken.status_code == 202, taken.text
            assert caller.post("/api/ai/text", json=WORDS).status_code == 200
            wire.cut()
            refused = caller.post("/api/ai/video", json=CLIP, headers=SOON)
            assert is_away(refused), refused.text
            assert "retry-after" in refused.headers
            for told in ("127.0.0.1", "postgres", "anymedia_", str(wire.port)):
                assert told not in refused.text.lower()
            at_once = caller.post("/api/ai/video", json=CLIP, headers=SOON)
            assert is_away(at_once), at_once.text
            assert "retry-after" in at_once.headers
            assert caller.post("/api/ai/text", json=WORDS).status_code == 200
            said = {"model": "echo/hello-1", "messages": [{"role": "user", "content": "hi"}]}
            assert caller.post("/v1/chat/completions", json=said).status_code == 200
            assert caller.get("/livez").status_code == 200
            assert caller.get("/readyz").status_code == 503
            wire.mend()
            job = eventually(caller, "GET", taken.headers["location"])
            assert job["status"] in {"queued", "running", "succeeded"}
            made = eventually(caller, "POST", "/api/ai/video", json=CLIP)
            assert made["artifacts"]
            job = eventually(caller, "GET", taken.headers["location"], status="succeeded")
            kept = caller.get("/api/jobs").json()["jobs"]
            assert {one["status"] for one in kept} == {"succeeded"}


def eventually(
    caller: httpx.Client, method: str, path: str, *, status: str | None = None, **more: Any
) -> dict[str, Any]:
    """The answer once it is a good one."""
    for _ in range(600):
        answer = caller.request(method, path, **more)
        said: dict[str, Any] = answer.json()
        if answer.status_code == 200 and status in {None, said.get("status")}:
            return said
        assert answer.status_code in {200, 202, 503}, answer.text
    raise AssertionError(answer.text)


@needs_redis
def test_without_redis_it_goes_on_with_limits_of_its_own(tmp_path: Path) -> None:
    """Asked through a key with limits, before, while it hangs, and after."""
    with wired(REDIS, 6379) as wire:
        state = fresh_state(redis_url=through(REDIS, wire), timeout_seconds=0.2)
        with serving(tmp_path, settings(state=state.model_dump())) as running:
            _, key = running.key(limits={"per_minute": 100})
            with running.caller(key) as caller:
                for step in (wire.mend, wire.cut, wire.mend):
                    step()
                    for _ in range(3):
                        answer = caller.post("/api/ai/text", json=WORDS)
                        assert answer.status_code == 200, answer.text
                        assert caller.get("/readyz").status_code == 200
                job = caller.post("/api/ai/video", json=CLIP)
                assert job.status_code == 200, job.text
