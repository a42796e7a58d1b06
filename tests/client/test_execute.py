"""Envelopes of every version, answered in the version that they came in."""

from __future__ import annotations

from typing import Any

import pytest

from anymedia import Client
from anymedia.contracts.envelope import UnifiedRequest, UnifiedResponse
from anymedia.contracts.errors import InvalidRequest
from anymedia.testing.doubles.openai import OpenAIDouble


def envelope(version: str, **more: Any) -> dict[str, Any]:
    """What a caller of that version sends."""
    route = (
        {"provider": "openai", "model": "gpt-4o-mini"}
        if version == "2.0"
        else {"model": "openai/gpt-4o-mini"}
    )
    return {
        "schema_version": version,
        "request_id": "r-1",
        "prompt": "Say hello",
        "media_type": "text",
        "parameters": {},
        "timestamp": "2026-11-21T09:00:00Z",
        **route,
        **more,
    }


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_an_envelope_is_answered_in_its_own_version(client: Client, version: str) -> None:
    """The words, the tokens and the cost are there in each."""
    response = client.execute(envelope(version))
    assert response["schema_version"] == version
    assert response["request_id"] == "r-1"
    assert response["status"] == "success"
    assert response["tokens_used"] > 0
    assert float(response["cost"]) > 0
    assert response["result"]["text"]


@pytest.mark.parametrize(("version", "kind"), [("1.0", str), ("1.1", str), ("2.0", dict)])
def test_a_failure_is_told_in_the_form_of_the_version(
    client: Client, version: str, kind: type
) -> None:
    """A string before 2.0, an object since."""
    response = client.execute(envelope(version, parameters={"temperature": "warm"}))
    assert response["status"] == "failed"
    assert isinstance(response["error"], kind)
    assert "INVALID_REQUEST" in str(response["error"])


def test_a_typed_envelope_has_a_typed_answer(client: Client) -> None:
    """For callers in Python."""
    response = client.execute(UnifiedRequest.model_validate(envelope("2.0")))
    assert isinstance(response, UnifiedResponse)
    assert response.status == "success"


def test_an_envelope_of_an_unknown_version_is_refused_with_those_that_are_known(
    client: Client, double: OpenAIDouble
) -> None:
    """There is no version to answer in."""
    with pytest.raises(InvalidRequest, match=r"1\.0.*2\.0"):
        client.execute(envelope("3.7"))
    assert double.record.requests == []


def test_a_picture_comes_through_an_envelope(client: Client) -> None:
    """As an artifact with its facts."""
    response = client.execute(
        envelope("2.0", media_type="image", model="gpt-image-2", prompt="a fox")
    )
    assert response["status"] == "success", response["error"]
    (artifact,) = response["result"]["artifacts"]
    assert artifact["media_type"] == "image/png"
    assert len(artifact["sha256"]) == 64
