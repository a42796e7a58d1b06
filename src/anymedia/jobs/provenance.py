"""The manifest of an artifact, told from its rows: deterministic, and ready to be signed."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, select

from anymedia.contracts.cost import Cost
from anymedia.contracts.manifest import (
    GENERATED,
    Manifest,
    ManifestArtifact,
    ManifestAttempt,
    ManifestCost,
    ManifestLineage,
    ManifestMaker,
    ManifestRelative,
    ManifestRequest,
)
from anymedia.contracts.media import StoredArtifact
from anymedia.jobs import rows
from anymedia.jobs.telling import answer_of, artifact_of, maybe_moment, moment
from anymedia.store.schema import artifacts, ledger

REFERENCE = re.compile(r'"(art_[0-9a-f]{32})"')
FACTS = ("width", "height", "seconds", "fps", "codec", "has_audio", "sample_rate")
PARAMETERS = (
    *("model", "provider", "quality", "count", "aspect_ratio", "resolution", "duration_seconds"),
    *("fps", "audio", "format", "background", "mode", "style", "kind", "instrumental", "loop"),
    *("voice", "language", "speed", "strict", "normalize"),
)
"""What a request says about how it should be; everything else is words, or the caller's affair."""
WORDS = ("prompt", "negative_prompt", "text", "lyrics", "instructions", "options")
"""Options too: providers take further words there."""


def referred(document: str) -> set[str]:
    """The artifacts that a document refers to."""
    return set(REFERENCE.findall(document))


def manifest_of(connection: Connection, row: RowMapping, *, prompt: bool = False) -> Manifest:
    """Everything that is known of where an artifact comes from."""
    artifact = artifact_of(row)
    generated = row["role"] in {"output", "original"}
    job = rows.job(connection, row["job_id"]) if row["job_id"] else None
    attempts = list(rows.attempts_of(connection, [job["id"]])) if job else []
    made = next((one for one in attempts if one["id"] == row["attempt_id"]), None)
    maker = made_by(made, artifact) if made else None
    relatives = related(connection, row, job)
    request = asked(job, prompt=prompt) if job else None
    return Manifest(
        kept_by=f"anymedia/{row['version']}" if row["version"] else "anymedia",
        digital_source_type=GENERATED if generated else None,
        artifact=ManifestArtifact(
            id=artifact.id,
            role=row["role"],
            sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
            media_type=artifact.media_type,
            filename=artifact.filename,
            facts={name: value for name in FACTS if (value := getattr(artifact, name)) is not None},
            kept_at=moment(row["created_at"]),
        ),
        request=request,
        maker=maker,
        cost=costing(connection, made) if made else None,
        lineage=ManifestLineage(
            job_id=job["id"],
            attempts=tuple(
                ManifestAttempt(
                    number=one["number"],
                    provider=one["provider"],
                    model=one["model"],
                    state=one["state"],
                    made_this=one["id"] == row["attempt_id"],
                )
                for one in attempts
            ),
            relatives=relatives,
        )
        if job
        else None,
        c2pa=definition(artifact, row, maker, relatives),
    ).sealed()


def asked(job: RowMapping, *, prompt: bool) -> ManifestRequest:
    """What was asked for."""
    request: dict[str, Any] = msgspec.json.decode(job["request"])
    return ManifestRequest(
        hash=job["request_hash"],
        medium=job["medium"],
        requested_at=moment(job["created_at"]),
        seed=request.get("seed"),
        parameters={name: request[name] for name in PARAMETERS if request.get(name) is not None},
        words={name: request[name] for name in WORDS if request.get(name)} if prompt else None,
    )


def made_by(attempt: RowMapping, artifact: StoredArtifact) -> ManifestMaker:
    """Who made it."""
    answer = answer_of(attempt)
    handle = attempt["handle"]
    seed = artifact.metadata.get("seed")
    return ManifestMaker(
        provider=attempt["provider"],
        model=attempt["model"],
        version=answer.model if answer else None,
        provider_job_id=handle if handle and len(handle) <= 200 else None,
        request_id=attempt["request_id"],
        started_at=moment(attempt["created_at"]),
        accepted_at=maybe_moment(attempt["accepted_at"]),
        finished_at=maybe_moment(attempt["finished_at"]),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
    )


def costing(connection: Connection, attempt: RowMapping) -> ManifestCost:
    """What the attempt has cost, and by which price."""
    if not attempt["cost"]:
        return ManifestCost(basis="pending")
    cost = Cost.model_validate_json(attempt["cost"])
    query = (
        select(ledger.c.price)
        .where(ledger.c.attempt_id == attempt["id"], ledger.c.price.is_not(None))
        .order_by(ledger.c.row.desc())
        .limit(1)
    )
    price = connection.execute(query).scalar()
    return ManifestCost(
        amount=None if cost.amount is None else f"{cost.amount.normalize():f}",
        basis=cost.basis,
        explanation=cost.explanation,
        price=msgspec.json.decode(price) if price else None,
    )


def related(
    connection: Connection, row: RowMapping, job: RowMapping | None
) -> tuple[ManifestRelative, ...]:
    """What it was made of, and what took its place. Previews come and go and are not told."""
    found: dict[str, str] = {}
    if job is not None and row["role"] in {"output", "original"}:
        found |= dict.fromkeys(sorted(referred(job["request"])), "input")
    if row["source_id"]:
        found[row["source_id"]] = "source"
    derived = select(artifacts.c.id).where(
        artifacts.c.source_id == row["id"], artifacts.c.role == "output"
    )
    found |= dict.fromkeys(sorted(connection.execute(derived).scalars()), "derived")
    query = select(artifacts).where(artifacts.c.id.in_(list(found)))
    kept = {one["id"]: artifact_of(one) for one in connection.execute(query).mappings()}
    return tuple(
        ManifestRelative(
            id=name,
            sha256=kept[name].sha256,
            media_type=kept[name].media_type,
            relation=relation,
        )
        for name, relation in found.items()
        if name in kept
    )


def definition(
    artifact: StoredArtifact,
    row: RowMapping,
    maker: ManifestMaker | None,
    relatives: tuple[ManifestRelative, ...],
) -> dict[str, Any]:
    """The same in C2PA's names, as its tools take it with the file to be signed.

    The hash of the file is not in it: whoever signs binds claim and bytes.
    """
    action: dict[str, Any] = {
        "action": "c2pa.created" if maker and row["role"] != "preview" else "c2pa.converted",
        "when": moment(row["created_at"]).isoformat(),
    }
    if maker is not None:
        action["softwareAgent"] = {
            "name": f"{maker.provider}/{maker.model}",
            **({"version": maker.version} if maker.version else {}),
        }
        action["digitalSourceType"] = GENERATED
    actions = [action]
    if row["role"] == "output" and any(one.relation == "source" for one in relatives):
        actions.append({"action": "c2pa.transcoded", "when": action["when"]})
    kept_by = {"name": "anymedia"} | ({"version": row["version"]} if row["version"] else {})
    return {
        "title": artifact.filename,
        "format": artifact.media_type,
        "claim_generator_info": [kept_by],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        "ingredients": [
            {
                "title": one.id,
                "format": one.media_type,
                "instance_id": f"sha256:{one.sha256}",
                "relationship": "inputTo" if one.relation == "input" else "parentOf",
            }
            for one in relatives
            if one.relation != "derived"
        ],
    }
