"""From what came of a request to the envelope that says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st
from tests.contracts.documents import json_objects

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost
from anymedia.contracts.embedding import EmbeddingResult
from anymedia.contracts.envelope import UnifiedRequest, UnifiedResponse, answered
from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    InvalidConfiguration,
    NoRouteSucceeded,
    OutcomeUnknown,
    RateLimited,
    kinds,
)
from anymedia.contracts.image import ImageResult
from anymedia.contracts.job import Job, JobStatus
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.problem import Problem
from anymedia.contracts.text import Finish, TextResult
from anymedia.contracts.transcription import TranscriptionResult
from anymedia.contracts.usage import Usage

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ASKED = UnifiedRequest(
    request_id="r-1", provider="acme", model="fox-1", media_type="image", metadata={"scene": 7}
)
ARTIFACT = StoredArtifact(
    id="art_1",
    media_type="image/png",
    size_bytes=3,
    sha256="0" * 64,
    filename="fox.png",
    location="objects/00/fox.png",
)


def response_to(outcome: Any, **more: Any) -> UnifiedResponse:
    """The answer after a second and a half."""
    return answered(outcome, ASKED, now=NOW, elapsed_seconds=1.5, **more)


def a_job(status: JobStatus, **more: Any) -> Job:
    """A job that stands somewhere."""
    facts: dict[str, Any] = {
        "id": "job_1",
        "medium": "image",
        "status": status,
        "created_at": NOW,
        "updated_at": NOW,
        "provider": "acme",
        "model": "fox-1",
        "cost": Cost(amount=Decimal("0.04"), basis="estimated"),
    }
    return Job.model_validate(facts | more)


def test_a_text_is_a_success_with_its_tokens_and_its_cost() -> None:
    """What the envelope says itself is not said again in `result`."""
    response = response_to(
        TextResult(
            provider="acme",
            model="words-2",
            request_id="req_9",
            text="hello",
            finish=Finish(unified="stop", raw="end_turn"),
            usage=Usage(input_tokens=10, output_tokens=5, reasoning_tokens=2),
            cost=Cost(amount=Decimal("0.000125"), basis="computed"),
            metadata={"scene": 7},
        )
    )

    assert response.status == "success"
    assert (response.request_id, response.provider, response.model) == ("r-1", "acme", "words-2")
    assert response.tokens_used == 15
    assert response.cost == Decimal("0.000125")
    assert response.processing_time_ms == 1500
    assert response.timestamp == NOW
    assert response.metadata == {"scene": 7}
    assert response.error is None
    assert response.result is not None
    assert response.result["text"] == "hello"
    assert response.result["finish"] == {"unified": "stop", "raw": "end_turn"}
    assert response.result["request_id"] == "req_9"
    assert response.result["usage"] == {
        "input_tokens": 10,
        "output_tokens": 5,
        "reasoning_tokens": 2,
        "estimated": False,
        "raw": {},
    }
    assert response.result["cost"]["basis"] == "computed"
    assert not response.result.keys() & {"provider", "model", "metadata"}


def test_a_cost_is_written_as_a_decimal_string() -> None:
    """So that no cent is lost in somebody's floating point."""
    response = response_to(
        EmbeddingResult(
            provider="acme",
            model="vectors",
            embeddings=((0.5, -1.0),),
            cost=Cost(amount=Decimal("0.10"), basis="reported"),
        )
    )

    written = json.loads(response.model_dump_json())
    assert written["cost"] == "0.10"
    assert written["result"]["embeddings"] == [[0.5, -1.0]]
    assert UnifiedResponse.model_validate(written) == response


def test_artifacts_come_with_their_address_and_without_our_key_for_them() -> None:
    """Callers go by id and URL; where the store keeps them is nobody's business."""
    response = response_to(
        ImageResult(
            provider="acme",
            model="fox-1",
            job_id="job_1",
            artifacts=(ARTIFACT,),
            cost=Cost(basis="unpriced"),
        ),
        artifact_url=lambda artifact_id: f"https://here.example/{artifact_id}",
    )

    assert response.result is not None
    assert response.result["job_id"] == "job_1"
    assert response.result["artifacts"][0]["url"] == "https://here.example/art_1"
    assert response.result["artifacts"][0]["sha256"] == "0" * 64
    assert "location" not in response.result["artifacts"][0]
    assert response.cost is None
    assert response.tokens_used is None


def test_a_result_without_a_model_is_still_an_answer() -> None:
    """A provider that names none has done the work all the same."""
    response = response_to(
        TranscriptionResult(provider="acme", model="", text="hi", cost=Cost(basis="pending"))
    )

    assert response.model is None
    assert response.status == "success"


def test_a_transcription_is_a_success() -> None:
    """Words heard."""
    response = response_to(
        TranscriptionResult(
            provider="acme", model="ears", text="good morning", cost=Cost(basis="pending")
        )
    )

    assert response.result is not None
    assert response.result["text"] == "good morning"


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_on_its_way_says_where_it_stands(status: JobStatus) -> None:
    """Nothing is settled yet, so nothing is said about its cost."""
    response = response_to(a_job(status, progress=0.25))

    assert response.status == "processing"
    assert response.result == {"job_id": "job_1", "status": status, "progress": 0.25}
    assert response.cost is None
    assert response.error is None


def test_a_finished_job_reads_like_its_result() -> None:
    """The same keys, whether somebody waited for it or asked later."""
    result = ImageResult(
        provider="acme",
        model="fox-1",
        job_id="job_1",
        artifacts=(ARTIFACT,),
        cost=Cost(amount=Decimal("0.04"), basis="estimated"),
    )

    assert response_to(a_job("succeeded", artifacts=(ARTIFACT,))) == response_to(result)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("failed", "UNKNOWN_ERROR"),
        ("cancelled", "CANCELLED"),
        ("outcome_unknown", "OUTCOME_UNKNOWN"),
    ],
)
def test_a_job_that_ended_badly_has_failed(status: JobStatus, code: str) -> None:
    """Also when nobody wrote down why."""
    response = response_to(a_job(status))

    assert response.status == "failed"
    assert response.error is not None
    assert response.error.code == code
    assert response.error.details["job_id"] == "job_1"
    assert response.cost == Decimal("0.04")


def test_a_failed_job_says_why() -> None:
    """In the words of its problem."""
    refused = ContentRefused("a hand was refused", provider="acme", provider_code="SAFETY")
    response = response_to(a_job("failed", problem=refused.problem()))

    assert response.error is not None
    assert response.error.code == "CONTENT_POLICY_VIOLATION"
    assert response.error.message == "a hand was refused"
    assert response.error.details["provider_code"] == "SAFETY"


def test_a_failure_says_whose_turn_it_is() -> None:
    """Code, words, and when to try again."""
    response = response_to(
        RateLimited("slow down", provider="acme", http_status=429, retry_after=3.5)
    )

    assert response.status == "failed"
    assert response.result is None
    assert (response.provider, response.model) == ("acme", "fox-1")
    assert response.error is not None
    assert response.error.model_dump() == {
        "code": "RATE_LIMIT_EXCEEDED",
        "message": "slow down",
        "retryable": True,
        "provider": "acme",
        "details": {"kind": "RateLimited", "http_status": 429, "accepted": "no"},
        "timestamp": NOW,
        "retry_after": 3.5,
    }


def test_a_failure_after_several_attempts_names_them_and_what_they_cost() -> None:
    """The last one asked is the one that the envelope names."""
    attempts = (
        Attempt(
            number=1,
            provider="acme",
            model="fox-1",
            state="failed",
            started_at=NOW,
            cost=Cost(amount=Decimal("0.02"), basis="reported"),
        ),
        Attempt(number=2, provider="other", model="fox-9", state="rejected"),
    )
    response = response_to(
        NoRouteSucceeded(
            "both failed",
            failures=(ContentRefused("no", provider="acme"), RateLimited("busy", provider="other")),
            attempts=attempts,
        )
    )

    assert (response.provider, response.model) == ("other", "fox-9")
    assert response.cost == Decimal("0.02")
    assert response.error is not None
    assert response.error.code == "RATE_LIMIT_EXCEEDED"
    assert [each["code"] for each in response.error.details["failures"]] == [
        "CONTENT_POLICY_VIOLATION",
        "RATE_LIMIT_EXCEEDED",
    ]
    assert [each["state"] for each in response.error.details["attempts"]] == ["failed", "rejected"]


def test_an_unknown_outcome_is_told_as_one() -> None:
    """It must not look like something to send again."""
    response = response_to(OutcomeUnknown("cut after sending", accepted="unknown"))

    assert response.error is not None
    assert response.error.code == "OUTCOME_UNKNOWN"
    assert response.error.retryable is False
    assert response.error.details["accepted"] == "unknown"


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_error_has_an_envelope(kind: str) -> None:
    """With its own code, ours too."""
    error = kinds()[kind]("went wrong", details={"odd": object(), "nan": float("nan")})
    response = response_to(error)

    assert response.error is not None
    assert response.error.code == error.code
    assert response.error.details["kind"] == kind
    assert response.error.details["nan"] is None
    assert json.loads(response.model_dump_json())["status"] == "failed"


def test_configuration_mistakes_keep_their_code() -> None:
    """It is the operator's turn, and the caller can see that."""
    response = response_to(InvalidConfiguration("`acme` has no key"))

    assert response.error is not None
    assert response.error.code == "INVALID_CONFIGURATION"


@given(
    st.none() | st.integers(-5, 10**12),
    st.none() | st.integers(-5, 10**12),
    st.none() | st.decimals(-1, 1000, places=6),
    json_objects,
    st.sampled_from(get_args(JobStatus)),
)
def test_whatever_a_provider_reported_there_is_an_answer(
    input_tokens: int | None,
    output_tokens: int | None,
    amount: Decimal | None,
    said: dict[str, Any],
    status: JobStatus,
) -> None:
    """Work that was paid for is not lost to an odd number in its report."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    cost = Cost(amount=amount, basis="reported")
    response = response_to(
        a_job(
            status,
            usage=usage,
            cost=cost,
            model="",
            provider_metadata={**said, "bytes": b"\xff", "when": NOW},
            metadata=said,
        )
    )

    assert json.loads(response.model_dump_json())["metadata"] == json.loads(
        json.dumps({"scene": 7} | said)
    )
    assert response.tokens_used is None or response.tokens_used >= 0


def test_a_message_that_cannot_be_encoded_does_not_break_the_answer() -> None:
    """Half a surrogate pair, as some providers cut their messages."""
    response = response_to(GenerationError("cut \ud83d"))

    assert json.loads(response.model_dump_json())["error"]["message"] == "cut ?"


def test_a_problem_of_an_unknown_kind_is_still_told() -> None:
    """A job may have been failed by a plugin that is not there any more."""
    problem = Problem(code="PROVIDER_ERROR", message="broken", kind="PluginError")
    response = response_to(a_job("failed", problem=problem))

    assert response.error is not None
    assert response.error.details["kind"] == "PluginError"
