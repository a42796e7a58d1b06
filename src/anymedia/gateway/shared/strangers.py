"""Fields that only the caller's dialect has: passed on to who speaks it, else refused by name.

They go as `options`, which adapters put into the body as they are. Whoever does not speak the
dialect is then not asked. Hints (marks for a cache) can be done without: they are left out, with a
warning, where the first candidate does not know them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from anymedia.client.aio import AsyncClient
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.media import MediaUrl
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.request import Request
from anymedia.contracts.text import (
    AudioPart,
    FilePart,
    ImagePart,
    TextRequest,
    UserMessage,
    VideoPart,
)
from anymedia.engine.candidate import Asker
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.spec import Refused

RequestT = TypeVar("RequestT", bound=Request[Any])


async def passed_on(
    client: AsyncClient,
    request: RequestT,
    reading: Reading,
    *,
    asker: Asker,
    dialect: str,
    besides: Mapping[str, Any] | None = None,
) -> tuple[RequestT, tuple[Notice, ...]]:
    """The request with its strangers aboard, and what was left behind.

    `besides` are further options that hold for requests with strangers.
    """
    lost = tuple(dropped(path, f"{dialect} has no place for it") for path in reading.lost)
    if not reading.strangers and not reading.hints:
        return request, lost
    raw = reading.raw()
    fits = [one for one in await client.estimate(request, asker=asker) if one.fits]
    if not fits:
        return request, lost  # and whoever is asked says why
    speakers = [one for one in fits if one.dialect == dialect]
    closed = fetches(request) and "messages" in raw
    if not reading.strangers and (fits[0] not in speakers or closed):
        return request, (*lost, *left_behind(reading.hints, fits[0], closed=closed))
    if not speakers or closed:
        raise stranger(reading.strangers[0], fits, dialect, closed=closed)
    deaf = (name(one) for one in fits if one not in speakers)
    changes = {
        "options": {**(besides or {}), **raw, **request.options},
        "exclude": (*request.exclude, *deaf),
    }
    return request.model_copy(update=changes), lost


def fetches(request: Request[Any]) -> bool:
    """Whether a conversation shows anything by URL.

    We fetch such things ourselves, guarded; messages as they came would let a provider inside
    our network fetch them for a caller outside.
    """
    if not isinstance(request, TextRequest):
        return False
    return any(
        isinstance(media_of(part), MediaUrl)
        for message in request.messages
        if isinstance(message, UserMessage)
        for part in message.parts()
    )


def media_of(part: Any) -> Any:
    """What a part shows, if anything."""
    match part:
        case ImagePart():
            return part.image
        case AudioPart():
            return part.audio
        case VideoPart():
            return part.video
        case FilePart():
            return part.file
        case _:
            return None


def name(one: Estimate) -> str:
    """A candidate as a request may exclude it."""
    return f"{one.provider}/{one.model}"


def left_behind(hints: Iterable[str], first: Estimate, *, closed: bool) -> Iterable[Notice]:
    """Hints that did not go along."""
    why = "media by URL are fetched by us" if closed else f"`{name(first)}` does not know it"
    return (dropped(hint, why) for hint in hints)


def stranger(path: str, fits: list[Estimate], dialect: str, *, closed: bool) -> Refused:
    """Something that nobody who could be asked understands."""
    if closed:
        return Refused(
            f"`{path}` cannot be passed on beside media given by URL; send the media as data",
            param=path,
            word="unsupported_parameter",
        )
    asked = ", ".join(f"`{name(one)}`" for one in fits[:3])
    return Refused(
        f"`{path}` cannot be passed on: {asked} "
        f"{'does' if len(fits) == 1 else 'do'} not speak {dialect.capitalize()}'s language. "
        f"Leave it out, or name a model that does",
        param=path,
        word="unsupported_parameter",
    )
