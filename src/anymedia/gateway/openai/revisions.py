"""Clips made of a clip: remixed, edited, gone on with.

To us all three are a request with a `video`. The clip is an earlier one of the caller's, by the id
of its job, or comes as a file. Who makes the new one is said by `model`, else the model of the
earlier one makes it; a model that takes no clip refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.contracts.estimate import Estimate
from anymedia.contracts.job import Job
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.video import VideoRequest
from anymedia.gateway.openai.videos import SOURCE, clip_of, length, model_of
from anymedia.gateway.shared.body import Form
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.spec import Refused

Mode: TypeAlias = Literal["edit", "extend"]
NAMES = {"duration_seconds": "seconds", "metadata": "anymedia.metadata"}


class Remix(msgspec.Struct):
    """What is asked of a remix; the clip stands in the address."""

    prompt: str
    model: str | None = None
    anymedia: dict[str, Any] | None = None


class Body(Remix):
    """What is asked of an edit."""

    video: Any = None


class Further(Body):
    """What is asked of an extension."""

    seconds: str | int | float | None = None


class Reference(msgspec.Struct):
    """An earlier clip."""

    id: str


@dataclass(frozen=True, slots=True)
class Revision:
    """What was asked, before the earlier clip is looked up."""

    body: Remix
    mode: Mode
    source: str | None = None
    """The earlier clip's job."""
    clip: MediaBytes | None = None


def remix(reading: Reading, source: str) -> Revision:
    """A clip anew, after another prompt."""
    return Revision(reading.top(Remix), "edit", source)


def asked(reading: Reading, form: Form | None, mode: Mode) -> Revision:
    """An edit or an extension. Exactly one clip is given: by its id, or as a file."""
    body = reading.top(Further if mode == "extend" else Body)
    clip = attached(form)
    if (clip is None) == (body.video is None):
        raise wrong("video", "give one finished clip: its `id`, or a file")
    if clip is not None:
        return Revision(body, mode, clip=clip)
    return Revision(body, mode, reading.read(body.video, Reference, "video").id)


def attached(form: Form | None) -> MediaBytes | None:
    """The clip that came as a file."""
    if form is None:
        return None
    for name in form.files.keys() - {"video"}:
        raise wrong(name[:60], "there is no such file here; there is `video`")
    clips = form.files.get("video", [])
    if len(clips) > 1:
        raise wrong("video", "there can be one")
    return clips[0] if clips else None


def request(revision: Revision, source: Job | None) -> VideoRequest:
    """The request, with the earlier clip where there is one. `Refused` where it is not finished."""
    body = revision.body
    fields: dict[str, Any] = {
        "model": body.model or (model_of(source) if source else None),
        "prompt": body.prompt,
        "video": clip_of(source, None) if source else revision.clip,
        "mode": revision.mode,
        "duration_seconds": length(body.seconds) if isinstance(body, Further) else None,
        "metadata": {SOURCE: source.id} if source else None,
    }
    return built(VideoRequest, fields, body.anymedia, names=NAMES)


def check(estimates: Iterable[Estimate]) -> None:
    """Refuse what the model of the earlier clip cannot do, with a word on who else could."""
    found = list(estimates)
    problems = [one.problem for one in found if one.problem is not None]
    if problems and not any(one.fits for one in found):
        raise Refused(f"{problems[0].message}. Say with `model` who should", param="model")
