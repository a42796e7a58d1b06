"""Administrators give a provider no new jobs for a while."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.serving import Running


def test_a_paused_provider_gets_no_jobs_until_it_is_resumed(
    keyed_gateway: Running, admin: httpx.Client
) -> None:
    """The job is taken on and waits; who did that is in the audit."""
    answer = admin.post("/api/providers/echo/pause?media=image")
    assert answer.status_code == 200
    (pause,) = answer.json()["pauses"]
    assert (pause["provider"], pause["media"]) == ("echo", "image")
    (echo,) = [
        one for one in admin.get("/api/providers").json()["providers"] if one["name"] == "echo"
    ]
    assert echo["paused"] == ["image"]
    try:
        wanted = {"prompt": "a fox", "options": {"delay_seconds": 0}}
        waiting = admin.post("/api/ai/image", json=wanted, headers={"Prefer": "respond-async"})
        assert waiting.status_code == 202
        job = waiting.headers["location"]
        clip = {"prompt": "a fox", "duration_seconds": 1, "options": {"delay_seconds": 0}}
        made = admin.post("/api/ai/video", json=clip, headers={"Prefer": "wait=30"})
        assert made.status_code == 200
        assert admin.get(job).json()["status"] == "queued"
    finally:
        answer = admin.post("/api/providers/echo/resume")
    assert answer.json() == {"pauses": []}
    with admin.stream("GET", f"{job}/events") as events:
        told = "".join(events.iter_text())
    assert "job-succeeded" in told
    actions = [one["action"] for one in admin.get("/api/audit").json()["entries"]]
    assert {"provider-paused", "provider-resumed"} <= set(actions)
    assert keyed_gateway.url


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_only_administrators_pause(keyed_gateway: Running, verb: str) -> None:
    """A team's key does not, nor does nobody."""
    _, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as team:
        assert team.post(f"/api/providers/echo/{verb}").status_code == 403
    with keyed_gateway.caller() as nobody:
        assert nobody.post(f"/api/providers/echo/{verb}").status_code == 401


def test_what_cannot_be_paused_is_said(admin: httpx.Client) -> None:
    """A provider that there is none of, and a medium that is none."""
    assert admin.post("/api/providers/nobody/pause").status_code == 404
    assert admin.post("/api/providers/echo/pause?media=smell").status_code in {400, 422}
    assert admin.post("/api/providers/nobody/resume").json() == {"pauses": []}
