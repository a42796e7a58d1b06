"""Artifacts over HTTP: signed links, odd ranges, and what was removed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from anymedia.contracts.media import StoredArtifact
from anymedia.gateway.artifacts import wanted
from anymedia.gateway.spec import Refused
from tests.gateway.serving import Running


def made(caller: httpx.Client) -> dict[str, Any]:
    """A picture's result."""
    answer = caller.post("/api/ai/image", json={"prompt": "a heron"}, headers={"Prefer": "wait=60"})
    found: dict[str, Any] = answer.json()
    return found


def test_a_signed_link_opens_for_anybody_and_for_nothing_else(keyed_gateway: Running) -> None:
    """It needs no key; changed in any way it opens nothing."""
    _, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller, keyed_gateway.caller() as anybody:
        result = made(caller)
        artifact = result["artifacts"][0]
        told = caller.get(f"{artifact['url']}/link", params={"expires_seconds": 60}).json()
        link = told["url"]
        assert anybody.get(artifact["url"]).status_code == 401
        opened = anybody.get(link)
        assert (opened.status_code, len(opened.content)) == (200, artifact["size_bytes"])
        assert anybody.get(link, headers={"Range": "bytes=0-9"}).content == opened.content[:10]
        assert anybody.head(link).status_code == 200
        assert anybody.get(link + "0").status_code == 404
        assert anybody.get(link.replace("expires=", "expires=9")).status_code == 404
        other = made(caller)["artifacts"][0]
        assert anybody.get(link.replace(artifact["id"], other["id"])).status_code == 404
        job = caller.get(f"/api/jobs/{result['job_id']}", params={"links": 60}).json()
        assert anybody.get(job["artifacts"][0]["link"]).status_code == 200
        plain = caller.get(f"/api/jobs/{result['job_id']}").json()
        assert "link" not in plain["artifacts"][0]


def test_a_strangers_artifact_has_neither_manifest_nor_link(keyed_gateway: Running) -> None:
    """404, as for what never was."""
    _, secret = keyed_gateway.key()
    _, other = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller, keyed_gateway.caller(other) as stranger:
        url = made(caller)["artifacts"][0]["url"]
        assert caller.get(f"{url}/manifest").json()["maker"]["provider"] == "echo"
        assert "words" not in caller.get(f"{url}/manifest").json()["request"]
        words = caller.get(f"{url}/manifest?prompt=true").json()["request"]["words"]
        assert words == {"prompt": "a heron"}
        assert [stranger.get(url + end).status_code for end in ("/manifest", "/link")] == [404, 404]
        assert stranger.get("/api/artifacts").json() == {"artifacts": []}
        (listed,) = caller.get("/api/artifacts?role=output").json()["artifacts"]
        assert (listed["url"], "location" in listed) == (url, False)


def test_several_ranges_come_as_parts(anyone: httpx.Client) -> None:
    """Each with its place; and of another version, the whole."""
    artifact = made(anyone)["artifacts"][0]
    whole = anyone.get(artifact["url"]).content
    answer = anyone.get(artifact["url"], headers={"Range": "bytes=0-9, 20-29, -5"})
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n")[2] for part in answer.content.split(b"\r\n--" + boundary)]
    assert parts[1:4] == [whole[:10], whole[20:30], whole[-5:]]
    ranged = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert anyone.get(artifact["url"], headers=ranged).status_code == 200
    ranged["If-Range"] = f'"{artifact["sha256"]}"'
    assert anyone.get(artifact["url"], headers=ranged).status_code == 206


@pytest.mark.parametrize(
    ("said", "ranges"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=90-200", [(90, 100)]),
        ("bytes=-500", [(0, 100)]),
        ("bytes=100-", []),
        ("bytes=-0", []),
        ("bytes=5-1", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("items=0-1", None),
        ("bytes=" + ",".join(["0-1"] * 9), None),
        ("bytes=0-99,0-99", None),
        ("bytes=" + "9" * 40 + "-", None),
        ("bytes=٣-٤", None),
    ],
)
def test_a_range_is_understood_or_ignored_and_never_costs_more_than_the_whole(
    said: str, ranges: Any
) -> None:
    """Of a hundred bytes."""
    scope = {"type": "http", "method": "GET", "headers": [(b"range", said.encode("utf-8"))]}
    assert wanted(Request(scope), '"tag"', 100) == ranges


def test_what_was_removed_says_when_and_why(anyone: httpx.Client, tmp_path: Any) -> None:
    """410, and not as if it had never been."""
    from datetime import UTC, datetime

    from anymedia.gateway.artifacts import handed_out
    from anymedia.store.artifacts import ArtifactStore

    store = ArtifactStore(tmp_path, limit_bytes=1000)
    facts: dict[str, Any] = {"media_type": None, "stem": "x", "metadata": {}}
    artifact: StoredArtifact = asyncio.run(store.keep_bytes(b"bytes", **facts))
    removed = {"removed_at": datetime(2026, 11, 1, tzinfo=UTC), "removed_why": "retention.inputs"}
    gone = artifact.model_copy(update=removed).bind(store)
    with pytest.raises(Refused, match=r"2026-11-01.*retention\.inputs") as refused:
        handed_out(Request({"type": "http", "method": "GET", "headers": []}), gone)
    assert refused.value.status == 410
