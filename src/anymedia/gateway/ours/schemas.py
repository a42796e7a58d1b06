"""What OpenAPI says about bodies, taken from the contracts that read and write them."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from anymedia.client.verbs import REQUESTS
from anymedia.contracts.batch import Batch, BatchItem, BatchRequest
from anymedia.contracts.budget import BudgetStanding
from anymedia.contracts.callback import SigningSecrets, WebhookMessage
from anymedia.contracts.configuration import ProviderSettings
from anymedia.contracts.documentation import documented
from anymedia.contracts.envelope import UnifiedRequest, UnifiedResponse
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.job import Job, Pause
from anymedia.contracts.key import AuditEntry, KeyRights, NewKey, Rotation, VirtualKey
from anymedia.contracts.ledger import Costs
from anymedia.contracts.manifest import Manifest
from anymedia.contracts.model import Model
from anymedia.contracts.quality import QualityReport
from anymedia.contracts.replay import Replay
from anymedia.contracts.resilience import ProviderHealth
from anymedia.engine.providers import ProviderStatus
from anymedia.gateway.problems import MEDIA_TYPE, ProblemDetails

PLACE = "#/components/schemas/{model}"
PROBLEM = {"$ref": PLACE.format(model="ProblemDetails")}
ASKED: tuple[type[BaseModel], ...] = (
    UnifiedRequest,
    *REQUESTS.values(),
    BatchRequest,
    KeyRights,
    Rotation,
    ProviderSettings,
)
TOLD: tuple[type[BaseModel], ...] = (
    UnifiedResponse,
    *(kind.result_type for kind in REQUESTS.values()),
    Job,
    Manifest,
    Pause,
    Batch,
    BatchItem,
    Estimate,
    Costs,
    QualityReport,
    Replay,
    BudgetStanding,
    Model,
    ProviderHealth,
    ProviderStatus,
    VirtualKey,
    NewKey,
    AuditEntry,
    WebhookMessage,
    SigningSecrets,
    ProblemDetails,
)
ENVELOPE = {
    "description": "An envelope of any supported version; `schemas/` has each. Without "
    "`schema_version` it is read as the current one.",
    "oneOf": [
        {"$ref": PLACE.format(model="UnifiedRequest")},
        {
            "type": "object",
            "required": ["schema_version", "media_type"],
            "properties": {
                "schema_version": {"enum": ["1.0", "1.1"]},
                "media_type": {"type": "string"},
            },
        },
    ],
}
"""Older versions in short: their whole schemas are published beside the code."""


def components() -> dict[str, Any]:
    """Every schema that a path refers to."""
    for contract in (*ASKED, *TOLD):
        documented(contract)
    pairs: list[Any] = [(one, "validation") for one in ASKED]
    pairs += [(one, "serialization") for one in TOLD]
    _, found = models_json_schema(pairs, ref_template=PLACE)
    schemas: dict[str, Any] = found["$defs"]
    as_callers_see_it(schemas["StoredArtifact"])
    schemas["Envelope"] = ENVELOPE
    return schemas


def as_callers_see_it(artifact: dict[str, Any]) -> None:
    """An artifact has an address, and not its place with us."""
    del artifact["properties"]["location"]
    artifact["properties"]["url"] = {"type": "string", "description": "Where it is fetched."}
    artifact["properties"]["link"] = {
        "type": "string",
        "description": "With `links=SECONDS`: where anybody can fetch it without a key, for so long.",
    }
    artifact["required"] = [name for name in artifact["required"] if name != "location"]


def listed(name: str, item: str) -> dict[str, Any]:
    """The schema of a list under a name."""
    items = {"type": "array", "items": {"$ref": PLACE.format(model=item)}}
    return {"type": "object", "required": [name], "properties": {name: items}}


def asks(model: str) -> dict[str, Any]:
    """The body that a path takes."""
    schema = {"$ref": PLACE.format(model=model)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answers(
    told: dict[int, Any], failures: str | None = None, *, streams: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What a path answers with, by status; everything else is a problem.

    `failures` names the schema of failures that are told in the path's own form as well.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status, kind in told.items():
        content: dict[str, Any] = {"application/json": {"schema": schema_of(kind)}}
        if streams:
            content["text/event-stream"] = {"schema": {"type": "string"}}
        found[status] = {"description": DESCRIPTIONS.get(status, "Done"), "content": content}
    problem: dict[str, Any] = {MEDIA_TYPE: {"schema": PROBLEM}}
    if failures is not None:
        problem["application/json"] = {"schema": schema_of(UnifiedResponse)}
    found["default"] = {"description": "It could not be done", "content": problem}
    return found


DESCRIPTIONS = {200: "Done", 201: "Made", 202: "Accepted: a job, at `Location`", 204: "Done"}


def schema_of(kind: Any) -> dict[str, Any]:
    """A schema by its type: a contract, a list of them, or one that was written out."""
    if isinstance(kind, dict):
        return kind
    if get_origin(kind) is list:
        return {"type": "array", "items": schema_of(get_args(kind)[0])}
    return {"$ref": PLACE.format(model=kind.__name__)}
