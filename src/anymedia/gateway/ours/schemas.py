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
from anymedia.contracts.key import AuditEntry, KeyChange, KeyRights, NewKey, Rotation, VirtualKey
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
    KeyChange,
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
WRITTEN = "^([Dd][Aa][Tt][Aa]:[^,]*,|https?://.|artifact:.)"
"""How media are written as text: a data URI, a URL, or the id of what is kept here."""
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
                "media_type": {"enum": [*REQUESTS]},
            },
        },
    ],
}
ENVELOPE_ANSWER = {
    "description": "In the version that was asked in.",
    "oneOf": [
        {"$ref": PLACE.format(model="UnifiedResponse")},
        {
            "type": "object",
            "required": ["schema_version", "status", "result", "error"],
            "properties": {
                "schema_version": {"enum": ["1.0", "1.1"]},
                "status": {"enum": ["success", "failed", "processing"]},
                "error": {"type": ["string", "null"]},
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
    del schemas["MediaFile"]
    for one in schemas.values():
        without_files(one)
    schemas["Envelope"] = ENVELOPE
    schemas["EnvelopeAnswer"] = ENVELOPE_ANSWER
    without_name(schemas["ProviderSettings"])
    schemas["ListedArtifact"] = as_listed(schemas["StoredArtifact"])
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


def without_name(settings: dict[str, Any]) -> None:
    """A provider's settings as they are sent: the path has its name."""
    del settings["properties"]["name"]
    settings["required"] = [name for name in settings.get("required", ()) if name != "name"]


def without_files(schema: Any) -> None:
    """Callers have no files here: a path would be one of the gateway's own machine."""
    if isinstance(schema, list):
        for one in schema:
            without_files(one)
        return
    if not isinstance(schema, dict):
        return
    kinds = schema.get("discriminator", {}).get("mapping", {})
    if "file" in kinds and kinds["file"].endswith("/MediaFile"):
        gone = kinds.pop("file")
        schema["oneOf"] = [one for one in schema["oneOf"] if one.get("$ref") != gone]
    either = schema.get("anyOf", ())
    if any("artifact" in one.get("discriminator", {}).get("mapping", {}) for one in either):
        for one in either:
            if one.get("type") == "string":
                one["pattern"] = WRITTEN
    for one in schema.values():
        without_files(one)


def as_listed(artifact: dict[str, Any]) -> dict[str, Any]:
    """An artifact in a list, with what is told of it there besides."""
    further = {
        "role": {"enum": ["output", "original", "input", "preview", "file"]},
        "job_id": {"type": ["string", "null"], "description": "The job that made it."},
        "kept_at": {"type": "string", "format": "date-time"},
    }
    properties = {
        name: one for name, one in artifact["properties"].items() if name != "link"
    } | further
    required = [*artifact["required"], *further]
    return {**artifact, "title": "ListedArtifact", "properties": properties, "required": required}


def listed(name: str, item: str) -> dict[str, Any]:
    """The schema of a list under a name."""
    items = {"type": "array", "items": {"$ref": PLACE.format(model=item)}}
    return {"type": "object", "required": [name], "properties": {name: items}}


def asks(model: str) -> dict[str, Any]:
    """The body that a path takes."""
    schema = {"$ref": PLACE.format(model=model)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answers(
    told: dict[int, Any],
    *,
    streams: bool = False,
    tables: bool = False,
) -> dict[int | str, dict[str, Any]]:
    """What a path answers with, by status; everything else is a problem.

    `streams` and `tables` say that it can also be had as events, or as lines of a table.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status, kind in told.items():
        content: dict[str, Any] = {"application/json": {"schema": schema_of(kind)}}
        if streams:
            content["text/event-stream"] = {"schema": {"type": "string"}}
        if tables:
            content["text/csv"] = {"schema": {"type": "string"}}
        found[status] = {"description": DESCRIPTIONS.get(status, "Done"), "content": content}
    problem: dict[str, Any] = {MEDIA_TYPE: {"schema": PROBLEM}}
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
