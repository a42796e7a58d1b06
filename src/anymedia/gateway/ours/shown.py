"""Results and jobs as callers see them: artifacts by their address, not by their place with us."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.base import Contract
from anymedia.contracts.job import Job
from anymedia.contracts.result import Result

ARTIFACTS = "/api/artifacts/"


def link(artifact_id: str) -> str:
    """Where an artifact is fetched."""
    return f"{ARTIFACTS}{artifact_id}"


def shown(value: Result | Job) -> dict[str, Any]:
    """A result or a job as a document."""
    body: dict[str, Any] = plain(value)
    for artifact in body.get("artifacts", ()):
        # The key in our store is ours; callers go by the id.
        del artifact["location"]
        artifact["url"] = link(artifact["id"])
    return body


def plain(value: Contract) -> Any:
    """A contract as JSON has it, whatever a provider put into its metadata."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(
        value.model_dump(), fallback=str, bytes_mode="base64", inf_nan_mode="null"
    )
