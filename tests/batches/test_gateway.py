"""Batches over HTTP: handed in however one likes, read line by line, and nobody else's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.batches.support import lines
from tests.gateway.serving import Running, serving, settings

JSONL = "\n".join(json.dumps(one) for one in lines(3)) + "\n"
KIND = {"content-type": "application/jsonl"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With keys, and a small limit on bodies."""
    said = settings(admin=True, max_body_bytes=100_000)
    with serving(tmp_path_factory.mktemp("batches"), said) as running:
        yield running


@pytest.fixture
def caller(gateway: Running) -> Iterator[httpx.Client]:
    """Somebody with a key."""
    _, key = gateway.key()
    with gateway.caller(key) as found:
        yield found


def over(caller: httpx.Client, path: str) -> dict[str, Any]:
    """The batch at its end."""
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = caller.get(path).json()
        if found["status"] in {"completed", "cancelled", "stopped"}:
            return found
        assert time.monotonic() < deadline, found


def results(caller: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Its lines."""
    answer = caller.get(f"{path}/results")
    assert answer.headers["content-type"].startswith("application/jsonl")
    return [json.loads(one) for one in answer.text.splitlines()]


def test_a_form_with_a_file_is_a_batch(caller: httpx.Client) -> None:
    """202 and its address; the results have the lines' order."""
    answer = caller.post(
        "/api/batches",
        files={"file": ("in.jsonl", JSONL)},
        data={"name": "trial", "concurrency": "2", "tags": "a,b"},
    )
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    assert answer.json()["settings"]["tags"] == ["a", "b"]
    assert over(caller, path)["counts"]["succeeded"] == 3
    assert [one["custom_id"] for one in results(caller, path)] == ["line 0", "line 1", "line 2"]


def test_lines_as_the_body_are_a_batch(caller: httpx.Client) -> None:
    """Settings stand in the address; the same key is the same batch."""
    sent = {**KIND, "Idempotency-Key": "once"}
    paths = {
        caller.post("/api/batches?max_cost=1", content=JSONL, headers=sent).headers["location"]
        for _ in range(2)
    }
    assert len(paths) == 1
    other = caller.post("/api/batches?max_cost=1", content=JSONL[:-40], headers=sent)
    assert other.status_code in {400, 409}
    fewer = JSONL.split("\n")[0]
    assert caller.post("/api/batches", content=fewer, headers=sent).status_code == 409


def test_a_document_of_requests_is_a_batch(caller: httpx.Client) -> None:
    """Pictures in it have an address for callers, and not their place with us."""
    picture = {"custom_id": "picture", "media_type": "image", "prompt": "a fox"}
    answer = caller.post("/api/batches", json={"requests": [*lines(1), picture]})
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    assert over(caller, path)["counts"]["succeeded"] == 2
    made = results(caller, path)[1]["result"]["artifacts"][0]
    assert "location" not in made
    assert caller.get(made["url"]).content.startswith(b"\x89PNG")


def test_what_is_wrong_is_told_at_once(caller: httpx.Client) -> None:
    """Every bad line with its number; settings, forms and bodies that are none."""
    answer = caller.post("/api/batches", content=JSONL + "nonsense\n{}", headers=KIND)
    assert answer.status_code == 400
    assert [one["line"] for one in answer.json()["details"]["mistakes"]] == [4, 5]
    for body, words in (
        ({"requests": []}, "no lines"),
        ({}, "either `requests` or `input_artifact`"),
        ({"requests": lines(1), "input_artifact": "x"}, "either"),
        ({"requests": lines(1), "completion_window": "soon"}, "`completion_window`"),
        ({"requests": lines(1), "colour": "red"}, "`colour`"),
    ):
        refused = caller.post("/api/batches", json=body)
        assert refused.status_code == 400, refused.text
        assert words in refused.json()["detail"]
    assert caller.post("/api/batches?colour=red", content=JSONL, headers=KIND).status_code == 400
    assert caller.post("/api/batches", files={"other": ("a", b"")}).status_code == 400
    missing = caller.post("/api/batches", json={"input_artifact": "art_none"})
    assert missing.status_code == 404


def test_a_body_that_is_too_large_is_cut_off(caller: httpx.Client) -> None:
    """Whatever its form; nothing of it is kept."""
    large = JSONL * 2000
    for answer in (
        caller.post("/api/batches", content=large, headers=KIND),
        caller.post("/api/batches", files={"file": ("in.jsonl", large)}),
        caller.post("/api/batches", content=(one for one in [large.encode()]), headers=KIND),
    ):
        assert answer.status_code == 413
    assert caller.get("/api/batches").json() == {"batches": []}


def test_batches_belong_to_their_key(gateway: Running, caller: httpx.Client) -> None:
    """For everybody else they are not there; a key's rights hold for every line."""
    path = caller.post("/api/batches", content=JSONL, headers=KIND).headers["location"]
    _, other = gateway.key(media=["image"])
    with gateway.caller(other) as stranger:
        assert stranger.get(path).status_code == 404
        assert stranger.get(f"{path}/results").status_code == 404
        assert stranger.post(f"{path}/cancel").status_code == 404
        assert stranger.get("/api/batches").json() == {"batches": []}
        refused = stranger.post("/api/batches", content=JSONL, headers=KIND)
        assert refused.status_code == 400
        assert "may not ask for text" in refused.json()["detail"]
    with gateway.caller("am_nobody") as nobody:
        assert nobody.get(path).status_code == 401


def test_a_batch_is_cancelled(caller: httpx.Client, tmp_path: Path) -> None:
    """What has not begun is not begun."""
    slow = [{**one, "options": {"delay_seconds": 0.5}} for one in lines(20)]
    answer = caller.post("/api/batches", json={"requests": slow, "concurrency": 1})
    path = answer.headers["location"]
    assert caller.post(f"{path}/cancel").status_code in {200, 202}
    found = over(caller, path)
    assert found["status"] == "cancelled"
    assert found["counts"]["cancelled"] >= 15
