"""Secrets that messages are signed with: one for each owner, made when it is first needed."""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import SecretStr
from sqlalchemy import Connection, RowMapping, func, or_, select, update

from anymedia.clock import Clock
from anymedia.contracts.callback import CallbackSettings, SigningSecret, SigningSecrets
from anymedia.contracts.errors import Conflict
from anymedia.contracts.masking import masked
from anymedia.store.database import Database
from anymedia.store.schema import callback_secrets
from anymedia.store.sealing import Seal
from anymedia.store.upsert import unless_there
from anymedia.wire.signature import PREFIX

SECRET_BYTES = 32
KEPT_SECONDS = 10.0
"""How long a process goes on with the secrets that it knows: both sign while a rotation overlaps."""
INSTALLATION = "local"
"""The owner of what is not a key's; the configuration may say its secret."""
OVERLAP_SECONDS = 86_400.0


class SigningKeys:
    """The secrets of all owners."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seal: Seal,
        settings: Callable[[], CallbackSettings],
        *,
        token: Callable[[int], bytes] = randomness.token_bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._seal = seal
        self._settings = settings
        self._token = token
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def of(self, owner: str) -> tuple[str, ...]:
        """What an owner's messages are signed with now, the newest first."""
        said = self._configured(owner)
        if said is not None:
            return (said.get_secret_value(),)
        now = self._clock.monotonic()
        known = self._known.get(owner)
        if known is None or now - known[0] > KEPT_SECONDS:
            found = await self._rows(owner) or await self._made(owner, told=False)
            opened = tuple(self._seal.opened(row["secret"]) for row in found)
            known = self._known[owner] = (now, opened)
        return known[1]

    async def shown(self, owner: str) -> SigningSecrets:
        """An owner's secrets, masked; the newest in clear if it was never shown."""
        said = self._configured(owner)
        if said is not None:
            one = SigningSecret(owner=owner, masked=masked(said), configured=True)
            return SigningSecrets(secrets=(one,))
        found = await self._rows(owner) or await self._made(owner, told=False)
        first = await self._database.write(lambda c: tell(c, owner, found[0]["number"]))
        return self._as_shown(found, in_clear=first)

    async def rotate(self, owner: str, overlap_seconds: float = OVERLAP_SECONDS) -> SigningSecrets:
        """A new secret. Those before it sign beside it for a while yet."""
        if self._configured(owner) is not None:
            raise Conflict("this secret is the configuration's: change `callbacks.secret` there")
        until = self._clock.time() + overlap_seconds
        found = await self._made(owner, told=True, others_until=until)
        self._known.pop(owner, None)
        return self._as_shown(found, in_clear=True)

    def _as_shown(self, found: list[RowMapping], *, in_clear: bool) -> SigningSecrets:
        opened = [self._seal.opened(row["secret"]) for row in found]
        return SigningSecrets(
            secrets=tuple(
                SigningSecret(
                    owner=row["owner"],
                    masked=masked(secret),
                    created_at=datetime.fromtimestamp(row["created_at"], UTC),
                    expires_at=None
                    if row["expires_at"] is None
                    else datetime.fromtimestamp(row["expires_at"], UTC),
                )
                for row, secret in zip(found, opened, strict=True)
            ),
            secret=opened[0] if in_clear else None,
        )

    def _configured(self, owner: str) -> SecretStr | None:
        return self._settings().secret if owner == INSTALLATION else None

    async def _rows(self, owner: str) -> list[RowMapping]:
        now = self._clock.time()
        return await self._database.read(lambda c: valid(c, owner, now))

    async def _made(
        self, owner: str, *, told: bool, others_until: float | None = None
    ) -> list[RowMapping]:
        """One more. Of several processes that make an owner's first one, one does."""
        secret = PREFIX + base64.b64encode(self._token(SECRET_BYTES)).decode()
        sealed, now = self._seal.closed(secret), self._clock.time()

        def work(c: Connection) -> list[RowMapping]:
            if others_until is not None:
                expire(c, owner, others_until)
            if others_until is not None or not valid(c, owner, now):
                put(c, owner, sealed, now, told=told)
            return valid(c, owner, now)

        return await self._database.write(work)


def valid(connection: Connection, owner: str, now: float) -> list[RowMapping]:
    """Secrets that sign, the newest first."""
    columns = callback_secrets.c
    query = (
        select(callback_secrets)
        .where(columns.owner == owner, or_(columns.expires_at.is_(None), columns.expires_at > now))
        .order_by(columns.number.desc())
    )
    return list(connection.execute(query).mappings())


def put(connection: Connection, owner: str, sealed: str, now: float, *, told: bool) -> None:
    """A new one; where another process was first, that one counts."""
    query = select(func.max(callback_secrets.c.number)).where(callback_secrets.c.owner == owner)
    number = int(connection.execute(query).scalar() or 0) + 1
    row = {"owner": owner, "number": number, "secret": sealed, "created_at": now, "told": told}
    connection.execute(unless_there(connection, callback_secrets, "owner", "number"), row)


def expire(connection: Connection, owner: str, until: float) -> None:
    """Let what there is sign until then at most."""
    columns = callback_secrets.c
    connection.execute(
        update(callback_secrets)
        .where(
            columns.owner == owner, or_(columns.expires_at.is_(None), columns.expires_at > until)
        )
        .values(expires_at=until)
    )


def tell(connection: Connection, owner: str, number: int) -> bool:
    """Whether this is the first time that it is shown."""
    columns = callback_secrets.c
    done = connection.execute(
        update(callback_secrets)
        .where(columns.owner == owner, columns.number == number, columns.told.is_(False))
        .values(told=True)
    )
    return done.rowcount == 1
