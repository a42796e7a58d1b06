"""Recorded answers of Replicate, read by this adapter."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.recordings import Recording, cases

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    ModelUnavailable,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.providers.adapters.replicate import LANGUAGE, REPLICATE, predictions
from anymedia.providers.adapters.replicate.files import upload
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay

KINDS: dict[str, tuple[type[GenerationError], ...]] = {
    "auth": (AuthenticationFailed,),
    "invalid_request": (RequestRejected,),
    "not_found": (ModelUnavailable,),
}
STATES: dict[str, type[Any]] = {
    "queued": Queued,
    "running": Running,
    "succeeded": Succeeded,
    "cancelled": Stopped,
}


@pytest.mark.parametrize("recording", cases("replicate"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Predictions, files and failures each come out as an independent reading says."""
    expect = recording.expect
    if recording.path.endswith("/files"):
        media = MediaBytes(data=b"x", media_type="text/plain")
        _, put = replay(upload(media), recording.response, explain=REPLICATE.explain)
        assert isinstance(put, MediaUrl)
        assert put.url.startswith("https://api.replicate.com/v1/files/")
    elif expect.get("outcome") == "error":
        error = REPLICATE.explain(recording.response)
        assert isinstance(error, KINDS[expect["error"]["class"]])
        assert error.retryable is expect["error"]["retryable"]
        assert expect["error"]["message_contains"].strip()[:60] in error.message
    else:
        job = expect.get("job", {})
        identifier = job.get("id") or recording.response.read(dict)["id"]
        state, handle = read(recording)
        assert handle == identifier
        if "text" not in expect:
            early = isinstance(state, Succeeded) and job.get("state") == "running"
            assert early or isinstance(state, STATES[job["state"]])
        if isinstance(state, Succeeded):
            urls = [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)]
            assert urls == [one["url"] for one in expect.get("artifacts", ())]


def read(recording: Recording) -> tuple[JobState | None, str]:
    """Where it stands, by whichever way it was asked."""
    if recording.request["method"] == "GET" or recording.path.endswith("/cancel"):
        identifier = recording.response.read(dict)["id"]
        _, state = replay(
            predictions.poll(identifier, "image"), recording.response, explain=REPLICATE.explain
        )
        return state, identifier
    waited = "prefer" in recording.request["headers"] and "text" not in recording.expect
    options: dict[str, Any] = {"prefer_wait": True} if waited else {}
    request = ImageRequest(model="a/b", prompt="x", options=options)
    _, made = replay(
        predictions.submit(request, Brief(), LANGUAGE),
        recording.response,
        explain=REPLICATE.explain,
    )
    return made.state, made.handle
