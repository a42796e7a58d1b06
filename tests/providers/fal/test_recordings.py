"""Recorded answers of fal, read by this adapter.

Most were recorded from the synchronous host; the body of a result is the same there.
"""

from __future__ import annotations

import pytest
from tests.support.recordings import Recording, cases

from anymedia.contracts.errors import GenerationError, ModelUnavailable, RequestRejected
from anymedia.contracts.job import Queued, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.fal import FAL, LANGUAGE, queue
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

KINDS: dict[str, tuple[type[GenerationError], ...]] = {
    "invalid_request": (RequestRejected,),
    "not_found": (ModelUnavailable, RequestRejected),
}
DONE = HttpResponse(200, b'{"status": "COMPLETED"}')


@pytest.mark.parametrize("recording", cases("fal"))
def test_a_recorded_answer_is_read_as_expected(recording: Recording) -> None:
    """Results, a submission and failures each come out as an independent reading says."""
    expect = recording.expect
    if "text" in expect:
        pytest.skip("transcription is not among this adapter's operations")
    if expect["outcome"] == "error":
        error = FAL.explain(recording.response)
        assert isinstance(error, KINDS[expect["error"]["class"]])
        assert error.http_status == expect["error"]["http_status"]
        assert error.retryable is expect["error"]["retryable"]
        assert expect["error"]["message_contains"][:60] in error.message
    elif "job" in expect:
        submits_as_expected(recording)
    else:
        succeeds_as_expected(recording)


def submits_as_expected(recording: Recording) -> None:
    """The three URLs, as paths."""
    request = VideoRequest(model="fal-ai/wizper", prompt="x")
    _, found = replay(
        queue.submit(request, Brief(), LANGUAGE), recording.response, explain=FAL.explain
    )
    job = recording.expect["job"]
    urls = (job["poll_url"], job["result_url"], job["cancel_url"])
    assert found.handle.split() == [url.removeprefix(FAL.base_url) for url in urls]
    assert (found.request_id, found.state) == (job["id"], Queued())


def succeeds_as_expected(recording: Recording) -> None:
    """Files, their types, the seed."""
    _, state = replay(queue.poll("/a/b/requests/r"), DONE, recording.response, explain=FAL.explain)
    assert isinstance(state, Succeeded)
    for artifact, expected in zip(state.artifacts, recording.expect["artifacts"], strict=True):
        assert isinstance(artifact, RemoteArtifact)
        assert artifact.url == expected["url"]
        # A type that says nothing is left to the bytes.
        vague = expected["mime"] == "application/octet-stream"
        assert artifact.media_type == (None if vague else expected["mime"])
        assert artifact.metadata.get("width") == expected.get("width")
    assert state.metadata["seed"] == recording.expect["seed"]
