"""Authentication as values: which credentials a provider wants, and where they go.

`authorize` is pure: it gets the secrets and the time. A `base_url` that was configured stands among
the secrets: who signs whole addresses has to go there. Schemes that first trade their secrets
for a short-lived token say so with `grant`, an exchange that the engine drives and caches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One piece of credentials: its name for configuration, and the variables it is read from."""

    name: str = "api_key"
    environment: tuple[str, ...] = ()
    required: bool = True
    unless: tuple[str, ...] = ()
    """Other secrets that do instead, all of them together; `base_url` is one where it is set."""

    def missing_from(self, given: Mapping[str, str]) -> bool:
        """Whether it has to be set before anything can be sent."""
        instead = bool(self.unless) and all(given.get(name) for name in self.unless)
        return self.required and not given.get(self.name) and not instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A short-lived token and when it ends."""

    value: str
    expires_at: datetime


class Auth(Protocol):
    """How a request proves who sends it."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What has to be configured."""
        ...

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """The request with its proof."""
        ...


@runtime_checkable
class GrantingAuth(Auth, Protocol):
    """An `Auth` whose `secrets` are traded for a token. `authorize` finds it as `token`."""

    def grant(self, secrets: Mapping[str, str], now: datetime) -> Exchange[Token]:
        """The conversation that gets a token. Its requests are sent without `authorize`."""
        ...


@dataclass(frozen=True, slots=True)
class NoAuth:
    """No credentials at all."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return ()

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """Unchanged."""
        return request


class HeaderKey:
    """A key in a header, such as `xi-api-key: ...` or `Authorization: Key ...`."""

    __slots__ = ("header", "prefix", "secrets")

    def __init__(
        self, header: str, *environment: str, prefix: str = "", required: bool = True
    ) -> None:
        self.header = header
        self.prefix = prefix
        self.secrets: tuple[Secret, ...] = (Secret(environment=environment, required=required),)

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """With the header; without it where the key is optional and not set."""
        key = secrets.get("api_key")
        return request.with_headers({self.header: self.prefix + key}) if key else request


class BearerToken(HeaderKey):
    """`Authorization: Bearer ...`, the key read from the first of the variables that is set."""

    __slots__ = ()

    def __init__(self, *environment: str, required: bool = True) -> None:
        super().__init__("Authorization", *environment, prefix="Bearer ", required=required)
