"""Any service that speaks this dialect, by configuration: a name, an address, what it can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.media import Medium
from anymedia.providers.dialects.openai import (
    embeddings,
    images,
    speech,
    text,
    transcription,
    videos,
)
from anymedia.providers.dialects.openai.errors import SERVER_ERRORS
from anymedia.providers.dialects.openai.fields import SERVER_FIELDS
from anymedia.providers.dialects.openai.images import ImageQuirks
from anymedia.providers.dialects.openai.models import check
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.speech import SpeechQuirks
from anymedia.providers.dialects.openai.videos import VideoQuirks
from anymedia.providers.spec import Inputs, Operation, Provider
from anymedia.wire.auth import BearerToken

IMAGES = ImageQuirks(
    errors=SERVER_ERRORS,
    fields={"negative_prompt": "negative_prompt", "seed": "seed"},
    always={"response_format": "b64_json"},
)
SPEECH = SpeechQuirks(errors=SERVER_ERRORS, default_voice=None, default_format="", pcm={})
VIDEOS = VideoQuirks(
    errors=SERVER_ERRORS,
    fields={
        "negative_prompt": "negative_prompt",
        "seed": "seed",
        "fps": "fps",
        "audio": "generate_sound",
    },
)
INPUTS = Inputs(schemes=(), inline_bytes=50 * 1024 * 1024)
"""Everything goes inside the request: a server of one's own is rarely let out to fetch URLs, and
those that do fetch could be pointed at their own network."""
EVERYTHING: tuple[Medium, ...] = (
    *("text", "embedding", "image", "speech", "transcription", "video"),
)


def compatible(
    name: str,
    base_url: str,
    *,
    title: str | None = None,
    environment: Iterable[str] = (),
    key_required: bool = False,
    media: Iterable[Medium] = EVERYTHING,
    docs: str = "",
) -> Provider:
    """A service that speaks OpenAI's language the way servers commonly do."""
    wanted = set(media)
    return Provider(
        name=name,
        title=title or name,
        base_url=base_url,
        auth=BearerToken(*environment, required=key_required),
        operations=tuple(one for one in operations(name) if one.medium in wanted),
        explain=SERVER_ERRORS,
        inputs=INPUTS,
        check=check,
        docs=docs,
    )


def operations(name: str) -> tuple[Operation, ...]:
    """All that such servers may have."""
    return (
        *text.operations(Quirks(errors=SERVER_ERRORS, fields=SERVER_FIELDS, state=name)),
        embeddings.operation(SERVER_ERRORS),
        images.operation(IMAGES),
        speech.operation(SPEECH),
        transcription.operation(SERVER_ERRORS),
        videos.operation(VIDEOS),
    )


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service of `gateways.toml`."""

    title: str
    base_url: str
    media: tuple[Medium, ...]
    environment: tuple[str, ...] = ()
    """Variables that its key is read from."""
    key_required: bool = True
    docs: str = ""


def from_row(name: str, row: Mapping[str, Any]) -> Provider:
    """A service of the table. `InvalidConfiguration` names what is wrong in its row."""
    try:
        read = msgspec.convert(row, Row)
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(f"gateways.toml, `[{name}]`: {error}") from None
    return compatible(
        name,
        read.base_url,
        title=read.title,
        environment=read.environment,
        key_required=read.key_required,
        media=read.media,
        docs=read.docs,
    )
