"""What fal's models answer: files behind URLs, and what there is to know about them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import Failed, Succeeded
from anymedia.contracts.media import (
    GeneratedArtifact,
    InlineArtifact,
    MediaBytes,
    RemoteArtifact,
    as_media,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.fal.errors import FAL_ERRORS
from anymedia.providers.explain import Said
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

VAGUE = frozenset({"application/octet-stream", "binary/octet-stream", ""})


class File(Shape):
    """One file."""

    url: str | None = None
    content_type: str | None = None
    file_name: str | None = None
    file_size: float | None = None
    width: float | None = None
    height: float | None = None
    duration: float | None = None
    fps: float | None = None


class Output(Shape):
    """The body of a result, whichever model it comes from."""

    video: File | str | None = None
    videos: tuple[File | str | None, ...] | None = None
    images: tuple[File | str | None, ...] | None = None
    image: File | str | None = None
    audio: File | str | None = None
    audio_file: File | str | None = None
    has_nsfw_concepts: tuple[bool | None, ...] | None = None
    seed: Any = None
    timings: Any = None
    duration_ms: float | None = None
    prompt: str | None = None

    def files(self) -> list[File]:
        """Every file, in the order of the answer."""
        singles = (self.video, self.image, self.audio, self.audio_file)
        found = (*singles, *(self.images or ()), *(self.videos or ()))
        return [File(url=one) if isinstance(one, str) else one for one in found if one is not None]


def succeeded(
    response: HttpResponse, request_id: str | None, raw: Any = None
) -> Succeeded | Failed:
    """A result; a picture that fal blacked out is a refusal, though it comes with a 200."""
    output = response.read(Output)
    files = [one for one in output.files() if one.url]
    flagged = tuple(output.has_nsfw_concepts or ())
    clean = [one for index, one in enumerate(files) if flagged[index : index + 1] != (True,)]
    units = response.headers.get("x-fal-billable-units")
    usage = used(
        output, files, {"billable_units": units, "timings": output.timings, "metrics": raw}
    )
    if files and not clean:
        refused = FAL_ERRORS.decide(
            Said(message="the safety checker flagged the result", code="content_policy_violation"),
            request_id=request_id,
        )
        return Failed(problem=refused.problem(), usage=usage, charged=True)
    if not files:
        raise UnreadableResponse("the result names no file", accepted="yes", request_id=request_id)
    return Succeeded(
        request_id=request_id,
        artifacts=tuple(artifact(one, output) for one in clean),
        usage=usage,
        warnings=tuple(withheld(len(files) - len(clean))),
        metadata={
            name: value
            for name, value in (("seed", output.seed), ("timings", output.timings))
            if value is not None
        },
    )


def withheld(count: int) -> Iterable[Notice]:
    """Pictures that were made, charged and blacked out."""
    if count:
        yield Notice(
            code="delivered-differs",
            message=f"{count} of the pictures were flagged by the safety checker and left out",
            option="count",
        )


def artifact(file: File, output: Output) -> GeneratedArtifact:
    """One file where it is; `sync_mode` puts it inside the answer."""
    about: dict[str, Any] = {
        name: value
        for name in ("file_name", "width", "height", "duration", "fps")
        if (value := getattr(file, name)) is not None
    }
    if output.seed is not None:
        about["seed"] = output.seed
    assert file.url is not None
    media_type = None if (file.content_type or "") in VAGUE else file.content_type
    if not file.url.startswith("data:"):
        return RemoteArtifact(url=file.url, media_type=media_type, metadata=about)
    try:
        held = as_media(file.url)
    except ValueError:
        raise UnreadableResponse("a file inside the answer is not base64", accepted="yes") from None
    assert isinstance(held, MediaBytes)
    return InlineArtifact(data=held.data, media_type=media_type or held.media_type, metadata=about)


def used(output: Output, files: list[File], raw: dict[str, Any]) -> Usage:
    """What the result shows of its size. fal bills by units that differ from model to model."""
    spans = [one.duration for one in files if one.duration is not None]
    seconds = math.fsum(spans) if spans else (output.duration_ms or 0) / 1000
    finite = math.isfinite(seconds) and 0 < seconds < 1e9
    return Usage(
        requests=1,
        images=len(files) if output.images or output.image else None,
        seconds=Decimal(str(round(seconds, 3))) if finite else None,
        raw={name: value for name, value in raw.items() if value is not None},
    )
