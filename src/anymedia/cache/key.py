"""Which requests are the same: everything that matters to the answer, as one hash.

Media count by their content, wherever it comes from; a URL by its text, because asking what lies
behind it would cost what the cache should save. Who asks, and how long or for how much money they
would wait, does not change an answer and is left out; the scope of the caller is put in instead.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import stat
from collections.abc import Container, Mapping
from typing import Any, TypeAlias

import msgspec

from anymedia.contracts.base import Contract
from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.media import (
    MediaArtifact,
    MediaBytes,
    MediaFile,
    MediaUrl,
    sniffed,
)
from anymedia.contracts.request import MediaRequest, Request

LAYOUT = 1
"""Of keys and of what is kept under them. Another one does not read this one's."""
LEFT_OUT = frozenset(
    {
        "model",  # in the wish, with aliases resolved
        "provider",
        "metadata",
        "tags",
        "max_cost",
        "idempotency_key",
        "timeout_seconds",
        "retry",
        "callback_url",
        "session",
        "priority",
        "cache",
        "fallback",
        "not_before",
    }
)
"""Fields of a request that do not change its answer."""
PATIENCE = ("timeout_seconds", "max_cost", "retry", "priority", "fallback", "not_before")
"""Fields that do not change an answer and may change a failure."""
SHARED = "shared"
AnyMedia: TypeAlias = MediaUrl | MediaBytes | MediaFile | MediaArtifact
MEDIA = frozenset({MediaUrl, MediaBytes, MediaFile, MediaArtifact})
WORDS = frozenset({str, int, float, bool, dict, type(None)})
"""Types in which no medium can be."""
NOTHING: tuple[Any, ...] = ((), {})
LARGEST_FILE_BYTES = 512 * 1024 * 1024
MUCH_BYTES = 1024 * 1024
CHUNK_BYTES = 1024 * 1024


class CacheKey(msgspec.Struct, frozen=True):
    """What an answer is found by."""

    digest: str
    """SHA-256 of everything that matters, the scope included."""
    owner: str
    """Whose it is, as a hash; `shared` when it is everybody's."""
    flight: str
    """The same for requests that would fail alike too: who may wait for whose answer."""


def cache_key(request: Request[Any], *, caller: str | None, wish: str, shared: bool) -> CacheKey:
    """The key of a request. Reads the local files that it names; `UnreadableInput` if it cannot."""
    told = said(request, LEFT_OUT)
    asker = owner(caller)
    scope = SHARED if shared and may_be_shared(request) else asker
    digest = hashed(canonical([LAYOUT, request.medium, wish, scope, told]))
    patience = [getattr(request, name, None) for name in PATIENCE]
    return CacheKey(digest, scope, f"{digest} {asker} {patience}")


def owner(caller: str | None) -> str:
    """A caller as the cache knows it: it never writes down who that is."""
    return (
        "nobody"
        if caller is None
        else hashed(f"caller {caller}".encode("utf-8", "surrogatepass"))[:32]
    )


def may_be_shared(request: Request[Any]) -> bool:
    """Whether an answer may be another caller's at all.

    Generated media are artifacts, and those belong to who asked. Naming an artifact as an input
    is allowed to its owner only, and a kept answer would not ask who that is.
    """
    return not isinstance(request, MediaRequest) and not any(
        isinstance(media, MediaArtifact) for media in media_in(request)
    )


def readable(request: Request[Any]) -> bool:
    """Whether the content of all inputs can be looked at without using it up, as a pipe would be."""
    for media in media_in(request):
        if isinstance(media, MediaFile):
            try:
                facts = media.path.stat()
            except (OSError, ValueError):
                return False
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST_FILE_BYTES:
                return False
    return True


def takes_long(request: Request[Any]) -> bool:
    """Whether there is so much to hash that an event loop should not wait for it."""
    size = 0
    for media in media_in(request):
        if isinstance(media, MediaFile):
            return True
        if isinstance(media, MediaBytes):
            size += len(media.data)
    return size > MUCH_BYTES


def media_in(value: Any) -> list[AnyMedia]:
    """Every medium in a request, however deep."""
    found: list[AnyMedia] = []
    collect(value, found)
    return found


def collect(value: Any, found: list[AnyMedia]) -> None:
    """Add every medium in a value. Most are words alone, and pass by their type."""
    kind = type(value)
    if kind in WORDS:
        return
    if kind is tuple:
        for one in value:
            collect(one, found)
    elif kind in MEDIA:
        found.append(value)
    elif isinstance(value, Contract):
        for one in value.__dict__.values():
            collect(one, found)


def plain(value: Any) -> Any:
    """A value as JSON has it, with media as what they contain. What is not said is left out."""
    kind = type(value)
    if kind in WORDS:
        return value
    if kind is tuple:
        return [plain(one) for one in value]
    if kind not in MEDIA:
        return said(value) if isinstance(value, Contract) else value
    match value:
        case MediaBytes():
            return ["bytes", hashed(value.data), value.media_type]
        case MediaFile():
            return plain_file(value)
        case MediaUrl():
            return ["url", value.url, value.media_type]
        case MediaArtifact():
            return ["artifact", value.artifact_id]
        case _:
            raise AssertionError("every medium is listed above")


def said(contract: Contract, left_out: Container[str] = ()) -> dict[str, Any]:
    """The fields of a contract that say something."""
    return {
        name: plain(value)
        for name, value in contract.__dict__.items()
        if value is not None and value not in NOTHING and name not in left_out
    }


def plain_file(media: MediaFile) -> list[str]:
    """A local file, by its content; the name counts only as far as it tells the type."""
    digest = hashlib.sha256()
    start = b""
    try:
        with media.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                start = start or chunk[:64]
                digest.update(chunk)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UnreadableInput(f"`{media.path}` cannot be read: {why}") from None
    return ["bytes", digest.hexdigest(), sniffed(start, media.path.name)]


def canonical(value: Any) -> bytes:
    """JSON in which the order of keys does not show."""
    try:
        return msgspec.json.encode(value, order="sorted", enc_hook=never_the_same)
    except (UnicodeError, OverflowError, TypeError, ValueError, msgspec.MsgspecError):
        # Half surrogates and numbers of forty digits: rare, legal in Python, slower.
        return json.dumps(value, sort_keys=True, default=never_the_same).encode()


def never_the_same(value: Any) -> Any:
    """For what has no form as JSON: whatever it is, it is not known to equal anything."""
    return dict(value) if isinstance(value, Mapping) else secrets.token_hex(16)


def hashed(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
