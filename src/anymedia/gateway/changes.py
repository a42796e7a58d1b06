"""Providers that administrators changed at run time: for all workers, and for the next start.

They are rows of the database, encrypted with a key that lies beside it in a file of its own, so
that a copy of the database alone tells no secret. Every worker follows them; what is changed here
stands in for what the configuration says about the same provider.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from sqlalchemy import Connection, RowMapping, select

from anymedia.contracts.configuration import ProviderSettings
from anymedia.contracts.errors import GenerationError, InvalidRequest, NotFound
from anymedia.contracts.masking import masked, without_credentials
from anymedia.contracts.mistakes import valid
from anymedia.gateway.client import GatewayClient
from anymedia.gateway.keys import Keys
from anymedia.store.key_file import key_in
from anymedia.store.schema import provider_changes
from anymedia.store.upsert import upsert

LOG = logging.getLogger("anymedia.gateway")
KEY_FILE = "provider-changes.key"


class ProviderChanges:
    """What was changed, followed by this process."""

    def __init__(self, client: GatewayClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._seen: dict[str, float] = {}
        self._applied: dict[str, ProviderSettings | None] = {}

    async def put(self, name: str, document: Any, *, actor: str) -> ProviderSettings:
        """Add or replace a provider."""
        return await self._keep(settings_from(name, document), actor, "provider-put")

    async def patch(self, name: str, document: Any, *, actor: str) -> ProviderSettings:
        """Change some settings of a provider that is configured."""
        if not isinstance(document, dict):
            raise InvalidRequest("settings are a JSON object")
        before = self.configured(name)
        if before is None:
            raise NotFound(f"no provider `{name}` is configured")
        merged = {**plain(before), **document}
        return await self._keep(settings_from(name, merged), actor, "provider-patched")

    async def remove(self, name: str, *, actor: str) -> None:
        """Forget a provider, whoever configured it."""
        if self.configured(name) is None:
            raise NotFound(f"no provider `{name}` is configured")
        await self._write(name, None)
        await self._keys.note(actor=actor, action="provider-removed", subject=name)
        await self.follow()

    def configured(self, name: str) -> ProviderSettings | None:
        """A provider's settings as they stand."""
        if name in self._applied:
            return self._applied[name]
        return next((one for one in self._client.settings.providers if one.name == name), None)

    async def _keep(self, settings: ProviderSettings, actor: str, action: str) -> ProviderSettings:
        self._try(settings)
        await self._write(settings.name, settings)
        await self._keys.note(actor=actor, action=action, subject=settings.name)
        await self.follow()
        return settings

    def _try(self, settings: ProviderSettings) -> None:
        """Refuse what could not work: an unknown language, no address."""
        before = self.configured(settings.name)
        try:
            self._client.providers.register(settings)
            self._client.provider_media(settings.name)
        except GenerationError as error:
            if before is None:
                self._client.providers.remove(settings.name)
            else:
                self._client.providers.register(before)
            raise InvalidRequest(f"`{settings.name}` cannot be used: {error.message}") from None

    # --- following ------------------------------------------------------------------------

    async def follow(self) -> None:
        """Do as was changed in the meantime, here or by another worker."""
        rows = await self._client.database.read(every)
        for row in rows:
            if self._seen.get(row["name"]) != row["changed_at"]:
                self._seen[row["name"]] = row["changed_at"]
                self._applied[row["name"]] = self._decrypted(row)
                self._apply(row["name"])

    def apply_again(self) -> None:
        """After the configuration was read anew."""
        for name in self._applied:
            self._apply(name)

    def _apply(self, name: str) -> None:
        settings = self._applied[name]
        if settings is None:
            self._client.providers.remove(name)
        else:
            self._client.providers.register(settings)

    # --- rows -----------------------------------------------------------------------------

    async def _write(self, name: str, settings: ProviderSettings | None) -> None:
        text = None if settings is None else self._encrypted(settings)
        at = self._client.clock.time()
        columns = {"settings": text, "changed_at": at}

        def work(c: Connection) -> None:
            c.execute(
                upsert(c, provider_changes)
                .values(name=name, **columns)
                .on_conflict_do_update(index_elements=["name"], set_=columns)
            )

        await self._client.database.write(work)

    def _encrypted(self, settings: ProviderSettings) -> str:
        return self._fernet().encrypt(json.dumps(plain(settings)).encode()).decode()

    def _decrypted(self, row: RowMapping) -> ProviderSettings | None:
        if row["settings"] is None:
            return None
        try:
            text = self._fernet().decrypt(row["settings"].encode())
            return ProviderSettings.model_validate_json(text)
        except (InvalidToken, ValueError):
            LOG.warning("settings of `%s` cannot be read: is `%s` lost?", row["name"], KEY_FILE)
            return self.configured(row["name"])

    def _fernet(self) -> Fernet:
        return Fernet(key_in(self._client.data_dir / KEY_FILE, Fernet.generate_key))


def every(connection: Connection) -> list[RowMapping]:
    """All that was changed."""
    return list(connection.execute(select(provider_changes)).mappings())


def settings_from(name: str, document: Any) -> ProviderSettings:
    """What an administrator sent, as settings."""
    if not isinstance(document, dict):
        raise InvalidRequest("settings are a JSON object")
    said = document.get("name", name)
    if said != name:
        raise InvalidRequest("`name` in the body differs from the path's; leave it out")
    return valid(ProviderSettings, {**document, "name": name}, "the provider's settings")


def plain(settings: ProviderSettings) -> dict[str, Any]:
    """Settings with their secrets as they are."""
    return {
        name: opened(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
        if name != "name"
    } | {"name": settings.name}


def opened(value: Any) -> Any:
    """Secrets as text, however deep."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case dict():
            return {key: opened(inner) for key, inner in value.items()}
        case list() | tuple():
            return [opened(inner) for inner in value]
        case int() | float() | str() | None:
            return value
        case _:
            return str(value)


def shown(settings: ProviderSettings) -> dict[str, Any]:
    """Settings for administrators, secrets masked."""

    def safe(value: Any) -> Any:
        match value:
            case SecretStr():
                return masked(value)
            case str():
                return without_credentials(value)
            case dict():
                return {key: safe(inner) for key, inner in value.items()}
            case list() | tuple():
                return [safe(inner) for inner in value]
            case int() | float() | None:
                return value
            case _:
                return str(value)

    return {name: safe(value) for name, value in settings.model_dump().items()}
