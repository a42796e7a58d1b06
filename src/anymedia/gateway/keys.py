"""Keys as administrators use them, and as the door looks them up.

A secret is `am_` and 256 random bits. Only its SHA-256 is kept: guessing is hopeless, so a slow
hash would protect nothing and cost every request. The door works on a copy in memory, renewed
every two seconds and whenever somebody comes with a secret that it does not know.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from anymedia.clock import Clock
from anymedia.configuration.budgets import contradictions
from anymedia.contracts.errors import Conflict, InvalidRequest, NotFound
from anymedia.contracts.key import AuditEntry, KeyChange, KeyRights, NewKey, VirtualKey
from anymedia.contracts.mistakes import valid
from anymedia.store import keys as rows
from anymedia.store.database import Database

PREFIX_LETTERS = 9
"""Of a secret, in what is shown: `am_` and six more."""
KEY_BYTES = 32
RENEW_SECONDS = 2.0
STRANGER_SECONDS = 0.5
"""Strangers make us look into the database no more often than this."""


class Keys:
    """The keys of a data directory."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        token: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._database = database
        self._clock = clock
        self._token = token

    async def create(self, rights: KeyRights, *, actor: str) -> NewKey:
        """A new key. Its secret is told this once."""
        now = self._clock.now()
        check(rights, now)
        key_id, secret = f"key_{secrets.token_hex(8)}", f"am_{self._token(KEY_BYTES)}"
        at = now.timestamp()

        def work(c: Connection) -> VirtualKey:
            rows.insert_key(c, key_id, rights, at)
            rows.insert_secret(c, key_id, digest(secret), secret[:PREFIX_LETTERS], at)
            rows.write_down(c, now=at, actor=actor, action="key-created", subject=key_id)
            return found(rows.one(c, key_id), key_id)

        return with_secret(await self._database.write(work), secret)

    async def every(self) -> tuple[VirtualKey, ...]:
        """All keys, the newest first."""
        return tuple(await self._database.read(rows.every))

    async def get(self, key_id: str) -> VirtualKey:
        """One key. `NotFound` when there is none of that id."""
        return found(await self._database.read(lambda c: rows.one(c, key_id)), key_id)

    async def change(self, key_id: str, change: KeyChange, *, actor: str) -> VirtualKey:
        """Other rights for a key: those that are said."""
        now = self._clock.now()
        at = now.timestamp()

        def work(c: Connection) -> VirtualKey:
            key = found(rows.one(c, key_id), key_id)
            if key.revoked_at is not None:
                raise Conflict(f"key `{key_id}` is revoked; make a new one")
            rights = changed(key, change)
            check(rights, now if "expires_at" in change.model_fields_set else None)
            rows.change_rights(c, key_id, rights)
            rows.write_down(c, now=at, actor=actor, action="key-changed", subject=key_id)
            return found(rows.one(c, key_id), key_id)

        return await self._database.write(work)

    async def revoke(self, key_id: str, *, actor: str) -> VirtualKey:
        """Let a key open nothing any more. Its jobs go on."""
        at = self._clock.time()

        def work(c: Connection) -> VirtualKey:
            if rows.revoke(c, key_id, at):
                rows.write_down(c, now=at, actor=actor, action="key-revoked", subject=key_id)
            return found(rows.one(c, key_id), key_id)

        return await self._database.write(work)

    async def rotate(self, key_id: str, overlap_seconds: float, *, actor: str) -> NewKey:
        """A new secret for a key; those before it open for so long yet."""
        now = self._clock.now()
        at, until = now.timestamp(), (now + timedelta(seconds=overlap_seconds)).timestamp()
        secret = f"am_{self._token(KEY_BYTES)}"

        def work(c: Connection) -> VirtualKey:
            if found(rows.one(c, key_id), key_id).revoked_at is not None:
                raise Conflict(f"key `{key_id}` is revoked; make a new one")
            rows.limit_secrets(c, key_id, until)
            rows.insert_secret(c, key_id, digest(secret), secret[:PREFIX_LETTERS], at)
            rows.write_down(c, now=at, actor=actor, action="key-rotated", subject=key_id)
            return found(rows.one(c, key_id), key_id)

        return with_secret(await self._database.write(work), secret)

    async def any(self) -> bool:
        """Whether there is any key at all that may open."""
        return await self._database.read(rows.any_key)

    async def note(self, *, actor: str, action: str, subject: str) -> None:
        """Write down something else that an administrator did."""
        at = self._clock.time()
        await self._database.write(
            lambda c: rows.write_down(c, now=at, actor=actor, action=action, subject=subject)
        )

    async def noted(self, limit: int) -> tuple[AuditEntry, ...]:
        """What administrators did, the latest first."""
        return tuple(await self._database.read(lambda c: rows.written_down(c, limit)))

    async def bunch(self) -> Bunch:
        """All that open at the moment, for the door."""

        def work(c: Connection) -> Bunch:
            by_id = {one.id: one for one in rows.every(c)}
            return Bunch(
                {
                    digest: (by_id[key_id], until)
                    for digest, key_id, until in rows.hashes(c)
                    if key_id in by_id
                },
                ever=bool(by_id),
                every=tuple(by_id.values()),
            )

        return await self._database.read(work)


@dataclass(frozen=True, slots=True)
class Bunch:
    """Keys by the hashes of their secrets, and until when each secret opens."""

    by_hash: dict[str, tuple[VirtualKey, float | None]] = field(default_factory=dict)
    ever: bool = False
    """Whether there was ever a key: who has revoked the last one does not mean to let all in."""
    every: tuple[VirtualKey, ...] = ()
    """Revoked ones too: their jobs go on, within their limits and budgets."""

    def find(self, secret: str, now: datetime) -> VirtualKey | None:
        """The key that a secret opens as, if it does now."""
        wanted = digest(secret)
        # Only hashes are compared, so how long the search takes tells nothing about a secret.
        held = self.by_hash.get(wanted)
        if held is None:
            return None
        key, until = held
        expired = key.expires_at is not None and key.expires_at <= now
        return None if expired or (until is not None and until <= now.timestamp()) else key

    def lasts(self, secret: str) -> bool:
        """Whether a secret opens for as long as this is what is known of keys."""
        held = self.by_hash.get(digest(secret))
        return held is not None and held[1] is None and held[0].expires_at is None


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing."""
    return hmac.compare_digest(digest(one), digest(other))


def changed(key: VirtualKey, change: KeyChange) -> KeyRights:
    """A key's rights with some of them replaced, each as a whole; limits one by one."""
    said = {name: getattr(change, name) for name in change.model_fields_set}
    if "limits" in said:
        some = change.limits.model_dump(exclude_unset=True) if change.limits is not None else None
        said["limits"] = {} if some is None else {**key.limits.model_dump(), **some}
    for name in ("models", "media", "budgets"):
        if name in said and said[name] is None:
            said[name] = ()
    before = {name: getattr(key, name) for name in KeyRights.model_fields}
    return valid(KeyRights, {**before, **said}, "the key")


def check(rights: KeyRights, now: datetime | None) -> None:
    """Raise `InvalidRequest` for rights that contradict themselves.

    `now` only where its end was said: a key that has expired may be changed all the same.
    """
    if now is not None and rights.expires_at is not None and rights.expires_at <= now:
        raise InvalidRequest("`expires_at` has passed already")
    if rights.limits.burst is not None and rights.limits.per_second is None:
        raise InvalidRequest("`limits.burst` needs `limits.per_second`")
    budgets = [{**one.model_dump(mode="json"), "scope": "key"} for one in rights.budgets]
    mistakes = [
        f"`{'.'.join(path)}`: {why}" for path, why in contradictions({"budgets": budgets}, ())
    ]
    if mistakes:
        raise InvalidRequest(f"the key is not valid: {'; '.join(mistakes)}")


def found(key: VirtualKey | None, key_id: str) -> VirtualKey:
    """The key, if there is one."""
    if key is None:
        raise NotFound(f"there is no key `{key_id}`; `anymedia keys list` shows all")
    return key


def with_secret(key: VirtualKey, secret: str) -> NewKey:
    """A key with its secret, to be told once."""
    return NewKey(key=secret, **dict(key))
