"""Asking our own surfaces for words and media."""

from __future__ import annotations

import json

import httpx
import pytest

from anymedia.contracts.envelope import migrate


@pytest.mark.parametrize(
    ("version", "route"),
    [
        ("1.0", {"model": "echo/hello"}),
        ("1.1", {"model": "echo/hello", "metadata": {"order": 7}}),
        ("2.0", {"provider": "echo", "model": "hello", "metadata": {"order": 7}}),
    ],
)
def test_an_envelope_is_answered_in_its_own_version(
    anyone: httpx.Client, version: str, route: dict[str, object]
) -> None:
    """And the answer is a valid document of that version."""
    asked = {"schema_version": version, "request_id": "r-1", "media_type": "text", "prompt": "hi"}
    answer = anyone.post("/api/generate", json=asked | route)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["schema_version"], said["request_id"]) == (version, "r-1")
    assert (said["status"], said["cost"]) == ("success", "0")
    assert said["result"]["text"]
    assert migrate(said, "response")["provider"] == "echo"
    if version != "1.0":
        assert said["metadata"] == {"order": 7}


@pytest.mark.parametrize(("version", "kind"), [("1.0", str), ("2.0", dict)])
def test_a_failed_envelope_says_so_in_its_version_and_by_its_status(
    anyone: httpx.Client, version: str, kind: type
) -> None:
    """Programs look at either."""
    asked = {"schema_version": version, "media_type": "text", "model": "nobody-has-this"}
    answer = anyone.post("/api/generate", json=asked | {"prompt": "hi"})
    assert answer.status_code == 404
    assert answer.json()["status"] == "failed"
    assert isinstance(answer.json()["error"], kind)


def test_an_envelope_that_cannot_be_read_is_a_problem(anyone: httpx.Client) -> None:
    """There is no version to answer in."""
    answer = anyone.post("/api/generate", json={"schema_version": "9.9", "media_type": "text"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "INVALID_REQUEST"


def test_a_picture_that_is_made_in_time_comes_at_once(anyone: httpx.Client) -> None:
    """With its address, and without its place in our store."""
    answer = anyone.post("/api/ai/image", json={"prompt": "a fox in snow", "seed": 1})
    assert answer.status_code == 200
    (artifact,) = answer.json()["artifacts"]
    assert "location" not in artifact
    image = anyone.get(artifact["url"])
    assert image.headers["content-type"] == artifact["media_type"]
    assert len(image.content) == artifact["size_bytes"]


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0"])
def test_whoever_does_not_want_to_wait_gets_the_job(anyone: httpx.Client, prefer: str) -> None:
    """`202`, with the job's address and what was made of the preference."""
    asked = {"prompt": "waves", "duration_seconds": 1}
    answer = anyone.post("/api/ai/audio", json=asked, headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == prefer
    job = anyone.get(answer.headers["location"]).json()
    assert job["id"] == answer.json()["id"]
    assert job["medium"] == "audio"


def test_an_envelope_that_takes_long_is_processing(anyone: httpx.Client) -> None:
    """The same in the envelope's words."""
    asked = {"media_type": "speech", "prompt": "Good morning"}
    answer = anyone.post("/api/generate", json=asked, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.json()["status"] == "processing"
    assert answer.headers["location"].endswith(answer.json()["result"]["job_id"])


def test_the_same_idempotency_key_is_the_same_job(anyone: httpx.Client) -> None:
    """Once for the same request; for another it is a conflict."""
    headers = {"Idempotency-Key": "order-17", "Prefer": "respond-async"}
    first, second = (
        anyone.post("/api/ai/image", json={"prompt": "a fox"}, headers=headers) for _ in range(2)
    )
    assert first.json()["id"] == second.json()["id"]
    other = anyone.post("/api/ai/image", json={"prompt": "a hare"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")


def test_words_come_as_they_are_said(anyone: httpx.Client) -> None:
    """Server-sent events; the last one is the result."""
    headers = {"Accept": "text/event-stream"}
    with anyone.stream("POST", "/api/ai/text", json={"prompt": "hi"}, headers=headers) as answer:
        lines = [line for line in answer.iter_lines() if line]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert set(names[:-1]) == {"text-delta"}
    assert names[-1] == "stream-end"
    assert data[-1]["result"]["text"] == "".join(one["text"] for one in data[:-1])


def test_a_stream_that_cannot_begin_is_a_plain_failure(anyone: httpx.Client) -> None:
    """With its status, before anything is streamed."""
    asked = {"prompt": "hi", "model": "nobody-has-this"}
    answer = anyone.post("/api/ai/text", json=asked, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "INVALID_MODEL"


def test_an_estimate_spends_nothing(anyone: httpx.Client) -> None:
    """Every candidate, with what it would cost."""
    answer = anyone.post("/api/estimate", json={"media_type": "video", "prompt": "a fox"})
    assert answer.status_code == 200
    assert [one["provider"] for one in answer.json() if one["fits"]] == ["echo"]
    assert answer.json()[0]["cost"]["basis"] == "free"


@pytest.mark.parametrize("place", ["/etc/passwd", "file:///etc/passwd", "~/.ssh/id_rsa"])
def test_no_file_of_the_gateways_machine_is_read(anyone: httpx.Client, place: str) -> None:
    """A path in a request would be one of ours, not of the caller's."""
    for medium, field in (("image", "images"), ("text", "image"), ("video", "first_frame")):
        given = [place] if field == "images" else place
        answer = anyone.post(f"/api/ai/{medium}", json={"prompt": "look", field: given})
        assert answer.status_code == 400, medium
        assert "not read" in answer.json()["detail"]
    job = {"media_type": "image", "prompt": "look", "parameters": {"image": place}}
    assert anyone.post("/api/generate", json=job).json()["status"] == "failed"


def test_what_a_job_failed_with_is_told_with_its_id(anyone: httpx.Client) -> None:
    """So that its timeline can be looked at."""
    asked = {"prompt": "a clip", "duration_seconds": 1, "options": {"fail": "failed_late"}}
    answer = anyone.post("/api/ai/video", json=asked)
    assert answer.status_code == 502
    job = anyone.get(f"/api/jobs/{answer.json()['details']['job_id']}").json()
    assert job["status"] == "failed"
    assert job["timeline"]
