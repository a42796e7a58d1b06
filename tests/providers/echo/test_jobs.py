"""Jobs: a handle that outlives every crash, and what scripts make of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.providers.echo.driving import driven, fetched, job, polled, submitted
from tests.support.clock import START

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.providers.adapters.echo import ECHO, work
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse


def asked(**options: Any) -> AudioRequest:
    """A short tune with that script."""
    return AudioRequest.model_validate(
        {"model": "tune", "prompt": "a bell", "duration_seconds": 0.5, "options": options}
    )


def standing(after: float, **options: Any) -> JobState:
    """Where such a job stands, so many seconds after it was ordered at noon."""
    request = asked(**options)
    return polled(request, submitted(request).handle, after)


def done(**options: Any) -> RemoteArtifact:
    """The only artifact of a job that is through."""
    state = standing(60, **options)
    assert isinstance(state, Succeeded)
    (artifact,) = state.artifacts
    assert isinstance(artifact, RemoteArtifact)
    return artifact


def test_a_job_waits_runs_and_is_done() -> None:
    """By its own clock, with growing progress and advice when to ask again."""
    assert isinstance(standing(0.5, delay_seconds=10), Queued)
    halfway = standing(5, delay_seconds=10)
    assert isinstance(halfway, Running)
    assert halfway.progress == 0.5
    assert halfway.poll_after_seconds == 5
    state = standing(10, delay_seconds=10)
    assert isinstance(state, Succeeded)
    assert state.usage is not None
    assert str(state.usage.seconds) == "0.5"
    assert state.model == "tune-1"


def test_progress_comes_in_the_steps_asked() -> None:
    """None with 0; a job that never finishes tells none either."""
    stepped = standing(6, delay_seconds=10, progress_steps=4)
    assert isinstance(stepped, Running)
    assert stepped.progress == 0.5
    silent = standing(6, delay_seconds=10, progress_steps=0)
    assert isinstance(silent, Running)
    assert silent.progress is None
    assert isinstance(standing(100_000, never_finish=True), Running)


def test_the_same_submission_is_the_same_job() -> None:
    """By the marker that we put on it; so a lost answer is asked for again."""
    one = submitted(asked(), after=0, marker="same")
    again = submitted(asked(), after=0, marker="same")
    other = submitted(asked(), after=0, marker="other")
    assert one.handle == again.handle
    assert one.handle != other.handle


def test_a_handle_needs_no_memory_behind_it() -> None:
    """It is text that fits into a URL; what is no handle is told."""
    handle = submitted(asked()).handle
    assert handle.isascii()
    assert "/" not in handle
    for wrong in ("", "x", handle[:-9], "AAAA"):
        with pytest.raises(RequestRejected):
            polled(asked(), wrong, 0)


@pytest.mark.parametrize(
    ("fail", "kind", "retryable"),
    [("moderation_late", "ContentRefused", False), ("failed_late", "ProviderError", True)],
)
def test_a_job_can_fail_after_it_was_accepted(fail: str, kind: str, retryable: bool) -> None:
    """With the reason, and whether it is charged all the same."""
    assert isinstance(standing(0.5, fail=fail), Running)
    state = standing(60, fail=fail, charged=True)
    assert isinstance(state, Failed)
    assert state.problem.kind == kind
    assert state.problem.retryable is retryable
    assert state.charged is True


def test_a_job_can_be_stopped_by_the_provider() -> None:
    """Which is no failure and no success."""
    state = standing(60, fail="cancelled_late", charged=False)
    assert isinstance(state, Stopped)
    assert state.charged is False


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ({}, "requested"),
        ({"cancel": "confirm"}, "confirmed"),
        ({"cancel": "impossible"}, "impossible"),
    ],
)
def test_a_wish_to_stop_is_answered(script: dict[str, str], outcome: str) -> None:
    """As scripted; without a script nothing is promised."""
    request = asked(**script)
    cancel = job(request).cancel
    assert cancel is not None
    assert driven(cancel(submitted(request).handle)) == outcome


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("rate_limit", RateLimited),
        ("auth", AuthenticationFailed),
        ("server", ProviderUnavailable),
        ("html", UnreadableResponse),
    ],
)
def test_polls_fail_for_as_long_as_asked(fail: str, error: type[Exception]) -> None:
    """And go on afterwards, with the job where it is."""
    request = asked(poll_fail=fail, poll_fail_seconds=5)
    handle = submitted(request).handle
    with pytest.raises(error):
        polled(request, handle, 4)
    assert isinstance(polled(request, handle, 6), Succeeded)


def test_artifacts_expire_when_asked() -> None:
    """They say until when, and answer 403 from then on."""
    artifact = done(expire_seconds=100, delay_seconds=10)
    assert artifact.expires_at == START + timedelta(seconds=110)
    assert fetched(artifact, after=109).status == 200
    assert fetched(artifact, after=111).status == 403


def test_downloads_fail_for_as_long_as_asked() -> None:
    """With a status, or in the middle."""
    artifact = done(download_fail="server", download_fail_seconds=5, delay_seconds=0)
    assert fetched(artifact, after=4).status == 500
    assert fetched(artifact, after=6).status == 200
    with pytest.raises(ConnectionError):
        fetched(done(download_fail="cut"))


def test_an_artifact_is_not_there_before_it_is_made() -> None:
    """409, and 404 for one that there will never be."""
    artifact = done(delay_seconds=30)
    assert fetched(artifact, after=3).status == 409
    other = artifact.model_copy(update={"url": artifact.url.replace("/0.wav", "/7.wav")})
    assert fetched(other).status == 404


def test_a_charge_is_reported() -> None:
    """From the submission on."""
    request = asked(cost="0.125")
    receipt = submitted(request)
    state = polled(request, receipt.handle, 60)
    assert isinstance(state, Succeeded)
    assert str(receipt.reported_cost) == str(state.reported_cost) == "0.125"


def test_a_state_that_nobody_knows_is_running() -> None:
    """A new word is not a failure."""
    body = b'{"id": "e", "handle": "h", "status": "contemplating", "new": null, "progress": null}'
    _, state = replay(work.poll("h"), HttpResponse(200, body), explain=ECHO.explain)
    assert isinstance(state, Running)
