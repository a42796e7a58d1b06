"""Who asks: told by the secret that a request carries, or by its coming from this machine.

The gateway is open (nobody needs a key, and everybody is `local`) only while there is no key of
any kind and it listens on this machine alone, or where it was started with `--no-auth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, get_args

from starlette.types import Scope as Asked

from anymedia.clock import Clock
from anymedia.contracts.key import Scope, VirtualKey
from anymedia.contracts.media import Medium
from anymedia.contracts.problem import Code
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker
from anymedia.gateway.keys import PREFIX_LETTERS, RENEW_SECONDS, STRANGER_SECONDS, Bunch, Keys, same
from anymedia.gateway.spec import Refused

LOCAL = "local"
"""Whose jobs those are that were asked for without a key, with the admin key, or on the command
line."""
ADMIN = "admin"
"""Who came with the admin key, in logs."""
DENIED: Code = "AUTHENTICATION_FAILED"
SCHEME = "bearer "
CALLER = "caller"
"""Where in a request's state stands who asks, once that is known."""
MOST_LATELY = 10_000
MEDIA: Final[tuple[Medium, ...]] = get_args(Medium)
WHERE = "Send it as `Authorization: Bearer KEY`"


@dataclass(frozen=True, slots=True)
class Caller(Asker):
    """On whose behalf a request is made, and what its key allows."""

    key: VirtualKey | None = None
    """`None` for the operator: no key was needed, or it was the admin key."""
    generates: bool = field(init=False)
    """Whether it may have something made."""
    freely: frozenset[Medium] = field(init=False)
    """Media of which it may ask every model."""
    owner: str = field(init=False)
    """Whose jobs and artifacts they are."""

    def __post_init__(self) -> None:
        key = self.key
        free = key is None or not key.models
        media = MEDIA if key is None or not key.media else key.media
        object.__setattr__(self, "generates", self.may("generate"))
        object.__setattr__(self, "freely", frozenset(media if self.generates and free else ()))
        object.__setattr__(self, "owner", self.caller or LOCAL)

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
        if not key.models:
            return
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
        heard: Callable[[Sequence[VirtualKey]], None] = lambda _: None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._admin_key = admin_key
        self._open_without_keys = open_without_keys
        self._no_auth = no_auth
        self._heard = heard
        """Is told which keys there are, whenever they are looked up."""
        self._bunch = Bunch()
        self._known: dict[str, Caller] = {}
        """Those who came lately, by their keys' ids: the same until the keys are looked up again."""
        self._lately: dict[bytes, Caller] = {}
        """The same by what they sent, where nothing but a look at the keys can change it."""
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
        self._known, self._lately = {}, {}
        self._heard(self._bunch.every)
        self._renewed = self._clock.monotonic()

    async def renew_if_due(self, seconds: float = RENEW_SECONDS) -> None:
        """The same, unless that was just now."""
        if self._clock.monotonic() - self._renewed >= seconds:
            await self.renew()

    def change_admin_key(self, admin_key: str | None) -> None:
        """Another one from now on."""
        self._admin_key = admin_key
        self._lately = {}

    def lately(self, written: bytes | None) -> Caller | None:
        """Who sent this a moment ago, as far as that is still true; nobody while all may come."""
        return self._lately.get(written) if written is not None else None

    async def known(self, scope: Asked) -> None:
        """Find out who asks, by a key that was made a moment ago too."""
        written = credential(scope["headers"])
        found = self.lately(written)
        if found is None:
            found = await self._looked_up(scope, written)
        if found is not None:
            scope.setdefault("state", {})[CALLER] = found

    async def _looked_up(self, scope: Asked, written: bytes | None) -> Caller | None:
        secret = secret_of(scope["headers"])
        if secret is None:
            return None
        found = self._found(secret)
        if found is None:
            await self.renew_if_due(STRANGER_SECONDS)
            found = self._found(secret)
        if written is None or self.open:
            return found
        if found is not None and self._bunch.lasts(secret):
            if len(self._lately) >= MOST_LATELY:
                self._lately.clear()
            self._lately[written] = found
        return found

    def of(self, scope: Asked) -> Caller:
        """Who asks. Raises `Refused`."""
        found: Caller | None = scope.get("state", {}).get(CALLER)
        return found if found is not None else self.caller(secret_of(scope["headers"]))

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

    def shown(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Who it was, for logs: what a key of ours begins with, and nothing of a stranger's."""
        try:
            secret = secret_of(headers)
        except Refused:
            return None
        if secret is None:
            return LOCAL if self.open else None
        found = self._found(secret)
        if found is None:
            return LOCAL if self.open else None
        return ADMIN if found.key is None else secret[:PREFIX_LETTERS]

    def _found(self, secret: str) -> Caller | None:
        key = self._bunch.find(secret, self._clock.now())
        if key is None:
            admin = self._admin_key is not None and same(secret, self._admin_key)
            return OPERATOR if admin else None
        found = self._known.get(key.id)
        if found is None or found.key is not key:
            found = self._known[key.id] = Caller(caller=key.id, key=key)
        return found


def credential(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """The one header that says who asks, as it was written; `None` for none and for several."""
    said = dict(headers)
    if len(said) < len(headers):
        return None  # something is there twice
    key, bearer = said.get(b"x-api-key"), said.get(b"authorization")
    if key is None:
        return bearer
    return b"\n" + key if bearer is None else None


def secret_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The secret that a request carries. Raises `Refused` for two that differ."""
    found: set[str] = set()
    for name, value in headers:
        if name == b"authorization":
            text = value.decode("latin-1").strip()
            if text[: len(SCHEME)].lower() == SCHEME:
                found.add(text[len(SCHEME) :].strip())
        elif name == b"x-api-key":
            found.add(value.decode("latin-1").strip())
    found.discard("")
    if len(found) > 1:
        raise Refused("the request carries two different keys; send one", status=401, code=DENIED)
    return next(iter(found), None)
