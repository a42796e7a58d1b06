"""The doubles' batch APIs are as the official clients know them: each goes through its whole flow."""

from __future__ import annotations

import io
import json
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral

from tests.batches.support import served

WORDS = ("one", "two")


def chats(**common: Any) -> bytes:
    """A file of questions."""
    lines = [
        {
            "custom_id": word,
            **common,
            "body": {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": word}]},
        }
        for word in WORDS
    ]
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


def test_openais_client() -> None:
    """Upload, order, look, list, fetch; a second order is cancelled."""
    with served("openai") as (one, url):
        client = openai.OpenAI(api_key=one.key, base_url=url, max_retries=0)
        content = chats(method="POST", url="/v1/chat/completions")
        file = client.files.create(file=("in.jsonl", content), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"anymedia": "bat_1"},
        )
        assert batch.status == "validating"
        for _ in range(one.batches.slowness):
            batch = client.batches.retrieve(batch.id)
        assert batch.status == "completed"
        assert batch.request_counts is not None
        assert batch.request_counts.completed == 2
        assert batch.output_file_id is not None
        lines = client.files.content(batch.output_file_id).text.splitlines()
        bodies = {said["custom_id"]: said["response"]["body"] for said in map(json.loads, lines)}
        assert bodies.keys() == set(WORDS)
        assert bodies["two"]["choices"][0]["message"]["content"].endswith("two")
        other = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert client.batches.cancel(other.id).status == "cancelling"
        assert [found.id for found in client.batches.list()] == [other.id, batch.id]


def test_anthropics_client() -> None:
    """Order, look, list, stream the results; a second order is cancelled."""
    with served("anthropic") as (one, url):
        client = anthropic.Anthropic(api_key=one.key, base_url=url, max_retries=0)
        model = next(iter(one.models))
        requests: list[Any] = [
            {
                "custom_id": word,
                "params": {
                    "model": model,
                    "max_tokens": 100,
                    "messages": [{"role": "user", "content": word}],
                },
            }
            for word in WORDS
        ]
        batch = client.messages.batches.create(requests=requests)
        assert batch.processing_status == "in_progress"
        for _ in range(one.batches.slowness):
            batch = client.messages.batches.retrieve(batch.id)
        assert batch.processing_status == "ended"
        assert batch.request_counts.succeeded == 2
        found = {line.custom_id: line.result for line in client.messages.batches.results(batch.id)}
        assert found.keys() == set(WORDS)
        assert found["one"].type == "succeeded"
        other = client.messages.batches.create(requests=requests)
        assert client.messages.batches.cancel(other.id).processing_status == "canceling"
        assert len(list(client.messages.batches.list())) == 2


def test_mistrals_client() -> None:
    """Upload, order, look, list, fetch, cancel."""
    with served("mistral") as (one, url):
        client = Mistral(api_key=one.key, server_url=url.removesuffix("/v1"))
        file = client.files.upload(
            file={"file_name": "in.jsonl", "content": io.BytesIO(chats())}, purpose="batch"
        )
        job = client.batch.jobs.create(
            input_files=[file.id],
            model="mistral-small-latest",
            endpoint="/v1/chat/completions",
            metadata={"anymedia": "bat_1"},
        )
        assert job.status == "QUEUED"
        for _ in range(one.batches.slowness):
            job = client.batch.jobs.get(job_id=job.id)
        assert job.status == "SUCCESS"
        assert isinstance(job.output_file, str)
        content = client.files.download(file_id=job.output_file).read().decode()
        assert {json.loads(line)["custom_id"] for line in content.splitlines()} == set(WORDS)
        other = client.batch.jobs.create(
            input_files=[file.id], model="mistral-small-latest", endpoint="/v1/chat/completions"
        )
        assert client.batch.jobs.cancel(job_id=other.id).status == "CANCELLATION_REQUESTED"
        assert client.batch.jobs.list().total == 2


@pytest.mark.parametrize("by_file", [True, False])
def test_googles_client(by_file: bool) -> None:
    """Order by a file or inline, look, list, fetch; a second order is cancelled."""
    with served("google") as (one, url):
        client = genai.Client(
            api_key=one.key, http_options=types.HttpOptions(base_url=url, api_version="v1beta")
        )
        asked = [{"contents": [{"role": "user", "parts": [{"text": word}]}]} for word in WORDS]
        source: Any = asked
        if by_file:
            content = "".join(
                json.dumps({"key": word, "request": body}) + "\n"
                for word, body in zip(WORDS, asked, strict=True)
            )
            file = client.files.upload(
                file=io.BytesIO(content.encode()),
                config=types.UploadFileConfig(mime_type="application/jsonl"),
            )
            source = file.name
        model = next(one.id for one in one.surfaces["google"] if one.medium == "text")
        batch = client.batches.create(
            model=model, src=source, config=types.CreateBatchJobConfig(display_name="bat_1")
        )
        assert batch.name is not None
        assert batch.state == types.JobState.JOB_STATE_PENDING
        for _ in range(one.batches.slowness):
            batch = client.batches.get(name=batch.name)
        assert batch.state == types.JobState.JOB_STATE_SUCCEEDED
        assert batch.display_name == "bat_1"
        assert batch.dest is not None
        if by_file:
            assert batch.dest.file_name is not None
            content = client.files.download(file=batch.dest.file_name).decode()
            assert {json.loads(line)["key"] for line in content.splitlines()} == set(WORDS)
        else:
            assert batch.dest.inlined_responses is not None
            said = [one.response for one in batch.dest.inlined_responses]
            assert all(reply is not None and reply.text for reply in said)
        other = client.batches.create(model=model, src=source)
        assert other.name is not None
        client.batches.cancel(name=other.name)
        stopped = client.batches.get(name=other.name)
        assert stopped.state == types.JobState.JOB_STATE_CANCELLED
        assert len(list(client.batches.list())) == 2
