"""Interactions: work that Google keeps, asked for once and looked at until it is done.

Unlike everything else in this dialect its fields are written with underscores. An interaction is
a list of steps; what was made stands in the last one that is the model's. Older previews called
that `outputs`, and some answers repeat it as `output_video` and the like.

https://ai.google.dev/gemini-api/docs/interactions (PyPI google-genai 3.4.0, read 2026-11-21)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import ProviderError, UnreadableResponse
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
    Succeeded,
)
from anymedia.contracts.media import (
    GeneratedArtifact,
    InlineArtifact,
    MediaUrl,
    RemoteArtifact,
    as_base64,
    sniffed,
)
from anymedia.providers.dialects.google.errors import failure_inside, refused
from anymedia.providers.dialects.google.parts import bare, type_of
from anymedia.providers.dialects.google.storage import content
from anymedia.providers.dialects.google.surface import MARK, Surface, mark
from anymedia.providers.dialects.google.usage import interaction_usage
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.inputs import AnyMedia, held
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

MEDIA = ("video", "image", "audio")
ENDED = ("failed", "incomplete", "budget_exceeded", "requires_action", "requires_continuation")
"""States in which nothing more happens by itself, other than success and cancellation."""


class Content(Shape):
    """One thing that was made, or said."""

    type: str | None = None
    text: str | None = None
    data: str | None = None
    uri: str | None = None
    mime_type: str | None = None


class Step(Shape):
    """One step of an interaction."""

    type: str | None = None
    content: tuple[Content | None, ...] | None = None


class Fault(Shape):
    """What went wrong."""

    code: str | int | None = None
    message: str | None = None


class Interaction(Shape):
    """Where an interaction stands, and what it has made."""

    id: str | None = None
    status: str | None = None
    model: str | None = None
    steps: tuple[Step | None, ...] | None = None
    outputs: tuple[Content | None, ...] | None = None
    output_video: Content | None = None
    output_image: Content | None = None
    output_audio: Content | None = None
    errors: tuple[Fault | None, ...] | None = None
    usage: Any = None
    error: Any = None

    def made(self) -> list[Content]:
        """What the model made, wherever it stands."""
        steps = [step for step in self.steps or () if step and step.type == "model_output"]
        last = steps[-1].content if steps else self.outputs
        repeated = (self.output_video, self.output_image, self.output_audio)
        listed = [one for one in last or () if one is not None]
        media = [one for one in listed if one.type in MEDIA]
        return listed if media else [*listed, *(one for one in repeated if one is not None)]


# --- asking ---------------------------------------------------------------------------------


def shown(kind: str, media: AnyMedia) -> dict[str, Any]:
    """Media as content: the bytes, or where a file lies."""
    content: dict[str, Any] = {"type": kind}
    if isinstance(media, MediaUrl):
        content["uri"] = media.url
        if (media_type := type_of(media)) is not None:
            content["mime_type"] = media_type
        return content
    given = held(media)
    return {**content, "data": as_base64(given.data), "mime_type": bare(given.media_type)}


def kept_as(brief: Brief, surface: Surface) -> dict[str, Any]:
    """Our name of the attempt, and where to report, as far as the surface does either."""
    fields: dict[str, Any] = {"labels": mark(brief.marker)} if mark(brief.marker) else {}
    if surface.webhooks and brief.callback_url is not None:
        fields["webhook_config"] = {
            "uris": [brief.callback_url],
            "user_metadata": {MARK: brief.marker},
        }
    return fields


def with_options(
    body: dict[str, Any], options: dict[str, Any], ours: Iterable[str]
) -> dict[str, Any]:
    """The body with the caller's options on top; objects are merged two levels deep.

    So that a `generation_config` with a `video_config` does not lose the task in ours.
    """
    for name, value in options.items():
        if name not in ours:
            body[name] = laid(body.get(name), value, depth=2)
    return body


def laid(under: Any, over: Any, depth: int) -> Any:
    """One value over another; objects are merged as deep as is asked."""
    if not depth or not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {
        **under,
        **{name: laid(under.get(name), value, depth - 1) for name, value in over.items()},
    }


# --- being answered -------------------------------------------------------------------------


def poll(handle: str, surface: Surface) -> Exchange[JobState]:
    """Where it stands."""
    response = yield get(f"{surface.interactions}/{quote(handle, safe='')}")
    return state(response.read(Interaction))


def cancel(handle: str, surface: Surface) -> Exchange[CancelOutcome]:
    """Stop it. What has ended already cannot be stopped."""
    response = yield post(
        f"{surface.interactions}/{quote(handle, safe='')}/cancel",
        json={},
        allow=frozenset({400, 404, 409}),
    )
    if response.status >= 400:
        return "impossible"
    return "confirmed" if response.read(Interaction).status == "cancelled" else "requested"


def state(found: Interaction) -> JobState:
    """Where an interaction stands. An unknown word is work that goes on."""
    if found.error:
        return failed(failure_inside({"error": found.error}), found)
    match found.status:
        case "completed":
            return finished(found)
        case "queued":
            return Queued()
        case "cancelled":
            return Stopped(usage=interaction_usage(found.usage))
        case word if word in ENDED:
            return failed(fault(found), found)
        case _:
            return Running()


def finished(found: Interaction) -> JobState:
    """What was made; success without a result is a failure, and usually a refusal."""
    artifacts = media(found)
    if not artifacts:
        return failed(nothing(found), found)
    return Succeeded(
        model=found.model,
        request_id=found.id,
        artifacts=artifacts,
        usage=interaction_usage(found.usage),
        metadata=said(found),
    )


def media(found: Interaction) -> tuple[GeneratedArtifact, ...]:
    """The media of an interaction."""
    made = (artifact(one) for one in found.made() if one.type in MEDIA)
    return tuple(one for one in made if one is not None)


def artifact(one: Content) -> GeneratedArtifact | None:
    """One result where it is: at Google, behind the credentials, or here."""
    if one.data:
        data = decoded(one.data)
        return InlineArtifact(data=data, media_type=one.mime_type or sniffed(data))
    if one.uri:
        return RemoteArtifact(url=content(one.uri), media_type=one.mime_type, needs_key=True)
    return None


def said(found: Interaction) -> dict[str, Any]:
    """The words beside the media."""
    text = "".join(one.text for one in found.made() if one.type == "text" and one.text)
    return {"text": text} if text else {}


def nothing(found: Interaction) -> ProviderError:
    """Why an interaction ended well and made nothing."""
    if any(found.errors or ()):
        return fault(found)
    if said(found):  # a model that does not want to work talks instead
        return refused("OTHER", "the model answered in words and made nothing", found.id)
    return UnreadableResponse(
        "the interaction is completed and holds no media", accepted="yes", request_id=found.id
    )


def fault(found: Interaction) -> ProviderError:
    """What an interaction says went wrong."""
    faults = [one for one in found.errors or () if one is not None]
    code = next((str(one.code) for one in faults if one.code is not None), "")
    message = "; ".join(one.message for one in faults if one.message)
    if found.status == "budget_exceeded":
        code, message = "RESOURCE_EXHAUSTED", message or "the spending limit is reached"
        return failure_inside(
            {"error": {"status": code, "message": f"spending limit: {message}"}}, found.id
        )
    message = message or f"the interaction ended as `{found.status}` and gave no reason"
    return failure_inside({"error": {"status": worded(code), "message": message}}, found.id)


def worded(code: str) -> str:
    """A code's last part: interactions write codes as paths (`.../errors/safety`)."""
    last = code.rstrip("/").rpartition("/")[2].rpartition(":")[2].rpartition("#")[2]
    return last.upper().replace("-", "_")


def failed(error: ProviderError, found: Interaction) -> Failed:
    """A failure as a state, with what it consumed."""
    return Failed(problem=error.problem(), usage=interaction_usage(found.usage))
