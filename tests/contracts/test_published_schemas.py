"""What is published in `schemas/` is what the code accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.envelope.publish import main, published

FOLDER = Path(__file__).parents[2] / "schemas"


def test_the_published_schemas_are_up_to_date() -> None:
    """Renew them with `python -m anymedia.contracts.envelope.publish schemas/`."""
    on_disk = {
        str(file.relative_to(FOLDER)): file.read_text("utf-8") for file in FOLDER.rglob("*.json")
    }

    assert on_disk == published()


def test_publishing_writes_every_schema(tmp_path: Path) -> None:
    """Into a folder that need not exist."""
    main([str(tmp_path / "new")])

    written = {str(file.relative_to(tmp_path / "new")) for file in tmp_path.rglob("*.json")}
    assert written == set(published())


def test_publishing_without_a_folder_says_how() -> None:
    """One line, no traceback."""
    with pytest.raises(SystemExit, match="usage"):
        main([])


def schema(name: str) -> dict[str, Any]:
    """A published schema."""
    found: dict[str, Any] = json.loads(published()[name])
    return found


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_the_envelope_has_the_fields_of_its_version(version: str) -> None:
    """As the design promises them."""
    request = set(schema(f"envelope-{version}.request.json")["properties"])
    response = set(schema(f"envelope-{version}.response.json")["properties"])

    added = {"metadata", "retry_config"} if version != "1.0" else set()
    apart = {"provider"} if version == "2.0" else set()
    assert request == added | apart | {
        "schema_version",
        "request_id",
        "model",
        "prompt",
        "media_type",
        "parameters",
        "timestamp",
        "timeout",
        "callback_url",
    }
    assert response == (added - {"retry_config"}) | apart | {
        "schema_version",
        "request_id",
        "model",
        "status",
        "result",
        "error",
        "timestamp",
        "processing_time_ms",
        "tokens_used",
        "cost",
    }


def test_an_error_of_the_current_version_is_an_object() -> None:
    """With the seven fields that programs may rely on."""
    error = schema("envelope-2.0.response.json")["$defs"]["UnifiedError"]

    assert set(error["properties"]) == {
        "code",
        "message",
        "retryable",
        "provider",
        "details",
        "timestamp",
        "retry_after",
    }


def test_the_strings_under_fields_are_descriptions() -> None:
    """In the envelope, in inherited fields, and in contracts inside of contracts."""
    request = schema("envelope-2.0.request.json")
    video = schema("requests/video.json")

    assert request["properties"]["timeout"]["description"].startswith("Seconds for everything")
    assert (
        request["$defs"]["RetryConfiguration"]["properties"]["base_delay"]["description"]
        == "Seconds."
    )
    assert "sound" in video["properties"]["audio"]["description"]
    assert video["properties"]["max_cost"]["description"].startswith("US dollars")


def test_a_schema_shows_the_short_forms_too() -> None:
    """A URL for a picture, a text for texts, a prompt for messages."""
    first_frame = schema("requests/video.json")["properties"]["first_frame"]
    inputs = schema("requests/embedding.json")["properties"]["inputs"]
    text = schema("requests/text.json")

    assert {"type": "string"} in first_frame["anyOf"]
    assert {"type": "string"} in inputs["anyOf"]
    assert text["properties"]["prompt"]["type"] == "string"
    assert {"required": ["prompt"]} in text["anyOf"]
