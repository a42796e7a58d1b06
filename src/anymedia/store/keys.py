"""Rows of keys: who may ask the gateway, by hashes of secrets that are kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from anymedia.contracts.key import AuditEntry, KeyRights, KeySecret, VirtualKey
from anymedia.contracts.limit import Limits
from anymedia.store.schema import audit, key_secrets, keys


def insert_key(connection: Connection, key_id: str, rights: KeyRights, now: float) -> None:
    """A new key, with no secret yet."""
    connection.execute(keys.insert().values(id=key_id, rights=written(rights), created_at=now))


def change_rights(connection: Connection, key_id: str, rights: KeyRights) -> None:
    """Other rights for a key."""
    connection.execute(update(keys).where(keys.c.id == key_id).values(rights=written(rights)))


def written(rights: KeyRights) -> str:
    """Rights as a document; limits and budgets where there are any, for releases without them."""
    told = KeyRights(**{name: getattr(rights, name) for name in KeyRights.model_fields})
    nothing = {name for name in ("limits", "budgets") if getattr(told, name) in ((), Limits())}
    return told.model_dump_json(exclude=nothing)


def insert_secret(
    connection: Connection, key_id: str, digest: str, prefix: str, now: float
) -> None:
    """A secret that opens as this key."""
    connection.execute(
        key_secrets.insert().values(hash=digest, key_id=key_id, prefix=prefix, created_at=now)
    )


def limit_secrets(connection: Connection, key_id: str, until: float) -> None:
    """Let all secrets that a key has end, at this time at the latest."""
    connection.execute(
        update(key_secrets)
        .where(key_secrets.c.key_id == key_id)
        .where(or_(key_secrets.c.expires_at.is_(None), key_secrets.c.expires_at > until))
        .values(expires_at=until)
    )


def revoke(connection: Connection, key_id: str, now: float) -> bool:
    """Let a key open nothing any more. False when there is none, or it was revoked before."""
    done = connection.execute(
        update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    return done.rowcount == 1


def one(connection: Connection, key_id: str) -> VirtualKey | None:
    """A key by its id."""
    found = connection.execute(select(keys).where(keys.c.id == key_id)).mappings().first()
    return None if found is None else told(connection, [found])[0]


def every(connection: Connection) -> list[VirtualKey]:
    """All keys, the newest first."""
    query = select(keys).order_by(keys.c.created_at.desc(), keys.c.id)
    return told(connection, connection.execute(query).mappings().all())


def hashes(connection: Connection) -> list[tuple[str, str, float | None]]:
    """Every secret of keys that are not revoked: its hash, its key, when it ends."""
    query = (
        select(key_secrets.c.hash, key_secrets.c.key_id, key_secrets.c.expires_at)
        .join(keys, keys.c.id == key_secrets.c.key_id)
        .where(keys.c.revoked_at.is_(None))
    )
    return [(row.hash, row.key_id, row.expires_at) for row in connection.execute(query)]


def any_key(connection: Connection) -> bool:
    """Whether there is any key that is not revoked."""
    query = select(func.count()).select_from(keys).where(keys.c.revoked_at.is_(None))
    return bool(connection.execute(query).scalar_one())


def told(connection: Connection, rows: Sequence[RowMapping]) -> list[VirtualKey]:
    """Keys as they are shown."""
    query = select(key_secrets).order_by(key_secrets.c.created_at)
    if len(rows) == 1:
        query = query.where(key_secrets.c.key_id == rows[0]["id"])
    secrets: dict[str, list[KeySecret]] = {}
    for row in connection.execute(query).mappings():
        secrets.setdefault(row["key_id"], []).append(
            KeySecret(
                prefix=row["prefix"],
                created_at=moment(row["created_at"]),
                expires_at=maybe_moment(row["expires_at"]),
            )
        )
    return [
        VirtualKey(
            id=row["id"],
            created_at=moment(row["created_at"]),
            revoked_at=maybe_moment(row["revoked_at"]),
            secrets=tuple(secrets.get(row["id"], ())),
            **dict(KeyRights.model_validate_json(row["rights"])),
        )
        for row in rows
    ]


def write_down(
    connection: Connection, *, now: float, actor: str, action: str, subject: str
) -> None:
    """Something that an administrator did."""
    connection.execute(audit.insert().values(at=now, actor=actor, action=action, subject=subject))


def written_down(connection: Connection, limit: int) -> list[AuditEntry]:
    """What administrators did, the latest first."""
    query = select(audit).order_by(audit.c.row.desc()).limit(limit)
    return [
        AuditEntry(
            at=moment(row["at"]),
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
        )
        for row in connection.execute(query).mappings()
    ]


def moment(seconds: float) -> datetime:
    """A time of day."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_moment(seconds: float | None) -> datetime | None:
    """A time of day, if there was one."""
    return None if seconds is None else moment(seconds)
