"""Files as OpenAI's client handles them: uploaded, listed, read again, removed; nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from tests.support.batching import MOST_BYTES, Site, site

LINES = b'{"custom_id": "a"}\n{"custom_id": "b"}\n'


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With keys."""
    with site(tmp_path_factory.mktemp("files")) as found:
        yield found


@pytest.fixture
def client(gateway: Site) -> Iterator[OpenAI]:
    """The official client, with a key of its own."""
    with client_of(gateway) as found:
        yield found


def client_of(gateway: Site, **rights: Any) -> OpenAI:
    """The official client of somebody else."""
    return OpenAI(api_key=gateway.key(**rights), base_url=f"{gateway.url}/v1", max_retries=0)


def test_a_file_comes_back_as_it_was(client: OpenAI) -> None:
    """With its name and its size; under an id of OpenAI's kind."""
    kept = client.files.create(file=("in put.jsonl", LINES), purpose="batch")
    assert kept.id.startswith("file-")
    assert (kept.filename, kept.bytes, kept.purpose) == ("in put.jsonl", len(LINES), "batch")
    assert client.files.retrieve(kept.id) == kept
    assert client.files.wait_for_processing(kept.id) == kept
    assert client.files.content(kept.id).content == LINES


def test_files_are_listed_page_by_page_and_in_both_orders(client: OpenAI) -> None:
    """The newest first, unless said otherwise; what was removed is gone."""
    kept = [client.files.create(file=(f"{n}.jsonl", LINES), purpose="batch").id for n in range(5)]
    page = client.files.list(limit=2)
    assert (len(page.data), page.has_next_page()) == (2, True)
    assert [one.id for one in client.files.list(limit=2)] == kept[::-1]
    assert [one.id for one in client.files.list(limit=2, order="asc")] == kept
    assert list(client.files.list(purpose="vision")) == []
    assert client.files.delete(kept[2]).deleted
    assert [one.id for one in client.files.list()] == [*kept[:1:-1][:2], kept[1], kept[0]]
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            ask(kept[2])


@pytest.mark.parametrize("purpose", ["assistants", "fine-tune", "vision", "user_data", "evals"])
def test_other_purposes_are_refused_by_name(client: OpenAI, purpose: Any) -> None:
    """And nothing is kept."""
    with pytest.raises(openai.BadRequestError, match=purpose) as refused:
        client.files.create(file=("a.jsonl", LINES), purpose=purpose)
    assert refused.value.param == "purpose"
    assert list(client.files.list()) == []


def test_what_cannot_be_kept_is_said(gateway: Site, client: OpenAI) -> None:
    """No file, no purpose, nothing in it, a wish that there is not, another kind of body."""
    with pytest.raises(openai.BadRequestError, match="empty"):
        client.files.create(file=("a.jsonl", b""), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="expires_after"):
        client.files.create(
            file=("a.jsonl", LINES),
            purpose="batch",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
    for limit in (0, 10_001):
        with pytest.raises(openai.BadRequestError, match="limit"):
            client.files.list(limit=limit)
    with pytest.raises(openai.NotFoundError, match="after"):
        client.files.list(after="file-none")
    head = {"Authorization": f"Bearer {gateway.key()}"}
    with httpx.Client(base_url=gateway.url, headers=head, timeout=60) as raw:
        for form in ({"data": {"purpose": "batch"}, "files": {"other": LINES}}, {"files": None}):
            assert raw.post("/v1/files", **form).status_code in {400, 415}
        files = {"file": ("a.jsonl", LINES)}
        assert raw.post("/v1/files", files=files).status_code == 400
        more = raw.post("/v1/files", files=files, data={"purpose": "batch", "colour": "red"})
        assert "`colour`" in more.json()["error"]["message"]
    for name in (
        "file-none",
        "a\x00b",
        "art_none",
        "file-" + "0" * 32,
        "file-" + "0" * 32 + "-output",
    ):
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(name)


def test_a_file_that_is_too_large_is_cut_off(gateway: Site, client: OpenAI) -> None:
    """Whether it says so or not; nothing of it is kept."""
    large = b"x" * (MOST_BYTES + 1)
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("a.jsonl", large), purpose="batch")
    assert refused.value.status_code == 413
    body = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + large + b"\r\n--b--"
    )
    head = {
        "Authorization": f"Bearer {client.api_key}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    with httpx.Client(base_url=gateway.url, headers=head, timeout=60) as raw:
        pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
        assert raw.post("/v1/files", content=pieces).status_code == 413
    assert list(client.files.list()) == []


def test_files_belong_to_their_key(gateway: Site, client: OpenAI) -> None:
    """For everybody else they are not there."""
    kept = client.files.create(file=("a.jsonl", LINES), purpose="batch")
    with client_of(gateway) as stranger:
        for ask in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask(kept.id)
        assert list(stranger.files.list()) == []
        with pytest.raises(openai.NotFoundError):
            stranger.files.list(after=kept.id)
        with pytest.raises(openai.NotFoundError):
            stranger.batches.create(
                input_file_id=kept.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
    with (
        client_of(gateway, scopes=["costs"]) as reader,
        pytest.raises(openai.PermissionDeniedError),
    ):
        reader.files.create(file=("a.jsonl", LINES), purpose="batch")
    assert client.files.content(kept.id).content == LINES


def test_a_file_is_an_artifact_and_no_other_artifact_is_a_file(
    gateway: Site, client: OpenAI, tmp_path: Path
) -> None:
    """It is among its owner's artifacts, by its role; a picture cannot be read as a file."""
    kept = client.files.create(file=("a.jsonl", LINES), purpose="batch")
    head = {"Authorization": f"Bearer {client.api_key}"}
    with httpx.Client(base_url=gateway.url, headers=head, timeout=60) as raw:
        found = raw.get("/api/artifacts", params={"role": "file"}).json()["artifacts"]
        assert [one["id"] for one in found] == [kept.id.replace("file-", "art_")]
        drawn = raw.post("/api/ai/image", json={"prompt": "a fox", "model": "echo/picture"}).json()
        picture = json.dumps(drawn).partition('"art_')[2][:32]
        assert raw.get(f"/api/artifacts/art_{picture}").status_code == 200
        assert raw.get(f"/v1/files/file-{picture}").status_code == 404
