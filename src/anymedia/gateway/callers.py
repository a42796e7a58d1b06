"""Who asks: told by the secret that a request carries, or by its coming from this machine.

The gateway is open (nobody needs a key, and everybody is `local`) only while there is no key of
any kind and it listens on this machine alone, or where it was started with `--no-auth`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from anymedia.clock import Clock
from anymedia.contracts.key import Scope, VirtualKey
from anymedia.contracts.problem import Code
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker
from anymedia.gateway.keys import RENEW_SECONDS, STRANGER_SECONDS, Bunch, Keys, same
from anymedia.gateway.spec import Refused

LOCAL = "local"
"""Whose jobs those are that were asked for without a key, with the admin key, or on the command
line."""
DENIED: Code = "AUTHENTICATION_FAILED"
SCHEME = "bearer "
WHERE = "Send it as `Authorization: Bearer KEY`"


@dataclass(frozen=True, slots=True)
class Caller(Asker):
    """On whose behalf a request is made, and what its key allows."""

    key: VirtualKey | None = None
    """`None` for the operator: no key was needed, or it was the admin key."""

    @property
    def owner(self) -> str:
        """Whose jobs and artifacts they are."""
        return self.caller or LOCAL

    def may(self, scope: Scope) -> bool:
        """Whether a scope is among its rights."""
        return self.key is None or bool({scope, "admin"} & set(self.key.scopes))

    def need(self, scope: Scope) -> None:
        """Raise `Refused` where it is not."""
        if not self.may(scope):
            raise Refused(f"this key has not the scope `{scope}`", status=403, code=DENIED)

    def check(self, wanted: Request[Any], meant: Iterable[str]) -> None:
        """Raise `Refused` where its key may not ask for this. `meant` are names of the model."""
        self.need("generate")
        key = self.key
        if key is None:
            return
        if key.media and wanted.medium not in key.media:
            raise Refused(
                f"this key may not ask for {wanted.medium}, only for {', '.join(key.media)}",
                status=403,
                code=DENIED,
            )
        names = tuple(meant)
        if names and not any(allows(key, name) for name in names):
            raise Refused(
                f"this key may not ask `{names[0]}`", status=403, code=DENIED, param="model"
            )


def allows(key: VirtualKey, name: str) -> bool:
    """Whether a key's patterns hold a model, or an alias."""
    return not key.models or any(fnmatchcase(name, pattern) for pattern in key.models)


OPERATOR = Caller(caller=LOCAL)


class Callers:
    """Finds out who asks."""

    def __init__(
        self,
        keys: Keys,
        clock: Clock,
        *,
        admin_key: str | None,
        open_without_keys: bool,
        no_auth: bool,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._admin_key = admin_key
        self._open_without_keys = open_without_keys
        self._no_auth = no_auth
        self._bunch = Bunch()
        self._renewed = -1e9

    @property
    def open(self) -> bool:
        """Whether nobody needs a key at the moment."""
        if self._no_auth:
            return True
        return self._open_without_keys and self._admin_key is None and not self._bunch.ever

    async def renew(self) -> None:
        """Look which keys there are."""
        self._bunch = await self._keys.bunch()
        self._renewed = self._clock.monotonic()

    async def renew_if_due(self, seconds: float = RENEW_SECONDS) -> None:
        """The same, unless that was just now."""
        if self._clock.monotonic() - self._renewed >= seconds:
            await self.renew()

    def change_admin_key(self, admin_key: str | None) -> None:
        """Another one from now on."""
        self._admin_key = admin_key

    async def known(self, secret: str | None) -> None:
        """Make sure that a key which was made a moment ago is known."""
        if secret is not None and self._found(secret) is None:
            await self.renew_if_due(STRANGER_SECONDS)

    def caller(self, secret: str | None) -> Caller:
        """Who comes with this secret, or none. Raises `Refused`."""
        if secret is None:
            if self.open:
                return OPERATOR
            raise Refused(f"a key is needed. {WHERE}", status=401, code=DENIED)
        found = self._found(secret)
        if found is not None:
            return found
        if self.open:  # clients of other dialects insist on sending something
            return OPERATOR
        raise Refused(f"this key is not known, or not any more. {WHERE}", status=401, code=DENIED)

    def _found(self, secret: str) -> Caller | None:
        if self._admin_key is not None and same(secret, self._admin_key):
            return OPERATOR
        key = self._bunch.find(secret, self._clock.now())
        return None if key is None else Caller(caller=key.id, key=key)


def secret_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The secret that a request carries. Raises `Refused` for two that differ."""
    found: set[str] = set()
    for name, value in headers:
        text = value.decode("latin-1").strip()
        if name == b"authorization" and text[: len(SCHEME)].lower() == SCHEME:
            found.add(text[len(SCHEME) :].strip())
        elif name == b"x-api-key":
            found.add(text)
    found.discard("")
    if len(found) > 1:
        raise Refused("the request carries two different keys; send one", status=401, code=DENIED)
    return next(iter(found), None)
