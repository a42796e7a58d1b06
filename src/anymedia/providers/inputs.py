"""Media as adapters see it: prepared by the engine, so a URL or bytes."""

from __future__ import annotations

from anymedia.contracts.errors import UnreadableInput, UnsupportedOption
from anymedia.contracts.media import MediaArtifact, MediaBytes, MediaFile, MediaUrl, extension
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.wire.http import FormPart

AnyMedia = MediaUrl | MediaBytes | MediaFile | MediaArtifact


def reference(media: AnyMedia) -> str:
    """A URL: the one given, or the bytes as a data URI."""
    match media:
        case MediaUrl():
            return media.url
        case MediaBytes():
            return media.data_uri()
        case _:
            raise unprepared(media)


def held(media: AnyMedia) -> MediaBytes:
    """The bytes; for providers that take nothing else (`Inputs(schemes=())`)."""
    if isinstance(media, MediaBytes):
        return media
    raise unprepared(media)


def file_part(name: str, media: AnyMedia) -> FormPart:
    """A file of a multipart form, with the name and type that servers go by."""
    given = held(media)
    return FormPart(
        name=name,
        content=given.data,
        filename=given.filename or f"{name.strip('[]')}.{extension(given.media_type)}",
        media_type=given.media_type,
    )


def as_spoken(request: TranscriptionRequest) -> None:
    """Refuse a translation, where speech is only written down as it is spoken."""
    if request.translate:
        raise UnsupportedOption(
            "`translate` cannot be asked of this provider: it writes down what is spoken as it is "
            "spoken; leave it out, or ask a model that does translation"
        )


def unprepared(media: object) -> UnreadableInput:
    """An adapter met media that nobody prepared: a mistake in anymedia."""
    return UnreadableInput(
        f"`{type(media).__name__}` reached a provider unprepared; please report this"
    )
