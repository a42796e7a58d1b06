"""Where an artifact comes from: who made it, of what, when, for how much, and which bytes it is."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from anymedia.contracts.attempt import AttemptState
from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""What IPTC and C2PA call media that a trained model has made."""


class ManifestArtifact(Contract):
    """The bytes, and what they are."""

    id: str
    role: str
    """`output`, `original` (before it was normalised), `input` or `preview`."""
    sha256: str
    size_bytes: int
    media_type: str
    filename: str
    facts: dict[str, Any] = Field(default_factory=dict)
    """What was read from the bytes: width, height, seconds, fps, codec, sound."""
    kept_at: datetime


class ManifestRequest(Contract):
    """What was asked for."""

    hash: str
    """SHA-256 over the request and over the bytes of its inputs."""
    medium: Medium
    requested_at: datetime
    seed: int | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    """How it should be: without the words, and without whose it was."""
    words: dict[str, Any] | None = None
    """The prompt and all other words, only where they were asked for."""


class ManifestMaker(Contract):
    """Who made it."""

    provider: str
    model: str
    version: str | None = None
    """The model's version as the provider names it."""
    provider_job_id: str | None = None
    request_id: str | None = None
    started_at: datetime
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    seed: int | None = None
    """The seed that the provider says it took."""


class ManifestCost(Contract):
    """What the attempt that made it has cost, in US dollars; all its artifacts together."""

    amount: str | None = None
    currency: Literal["USD"] = "USD"
    basis: str
    explanation: str | None = None
    price: dict[str, Any] | None = None
    """Which price that was: its source and its date."""


class ManifestAttempt(Contract):
    """One try at the request."""

    number: int
    provider: str
    model: str
    state: AttemptState
    made_this: bool = False


class ManifestRelative(Contract):
    """Another artifact that it was made of, or that was made of it."""

    id: str
    sha256: str
    media_type: str
    relation: Literal["input", "source", "derived"]


class ManifestLineage(Contract):
    """What led to it."""

    job_id: str
    attempts: tuple[ManifestAttempt, ...] = ()
    relatives: tuple[ManifestRelative, ...] = ()


class Manifest(Contract):
    """The provenance of one artifact. The same artifact has the same manifest at any time."""

    schema_version: Literal["1.0"] = "1.0"
    kept_by: str
    """The program and its version."""
    digital_source_type: str | None = None
    """The IPTC term; none for what was not generated here."""
    artifact: ManifestArtifact
    request: ManifestRequest | None = None
    maker: ManifestMaker | None = None
    cost: ManifestCost | None = None
    lineage: ManifestLineage | None = None
    c2pa: dict[str, Any] = Field(default_factory=dict)
    """A manifest definition as C2PA's tools take it to sign: claim generator, assertions,
    ingredients."""
    manifest_sha256: str | None = None
    """Over the canonical form of everything else in here."""

    def canonical(self) -> bytes:
        """Its canonical form: JSON with sorted names, without spaces and without its own hash."""
        document = self.model_dump(mode="json", exclude_none=True, exclude={"manifest_sha256"})
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()

    def sealed(self) -> Manifest:
        """The same with its hash."""
        return self.model_copy(
            update={"manifest_sha256": hashlib.sha256(self.canonical()).hexdigest()}
        )

    def is_whole(self) -> bool:
        """Whether nothing in it was changed since it was sealed."""
        return self.manifest_sha256 == hashlib.sha256(self.canonical()).hexdigest()
