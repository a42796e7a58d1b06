"""Asked before spent: whether a model fits a request, and what has to change so that it does.

A caller asks once, in one vocabulary. Here the preset is filled in, values become the nearest
ones that the model has, and options that it does not know are taken out; each change is a
warning, and with `strict` a reason not to use the model. What would change the meaning of a
request is never taken out: such a model does not fit.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import InvalidRequest, UnknownModel, UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.model import Limits, Model
from anymedia.contracts.notice import Notice, dropped, rounded
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest

ALWAYS = frozenset(Request.model_fields) | {"quality", "count", "callback_url", "normalize"}
"""Fields that anymedia itself sees to."""

MEANING: dict[type[Request[Any]], frozenset[str]] = {
    TextRequest: frozenset({"messages", "tools", "output", "tool_choice"}),
    ImageRequest: frozenset({"prompt", "images", "mask", "mode"}),
    VideoRequest: frozenset({"prompt", "first_frame", "last_frame", "references", "video", "mode"}),
    AudioRequest: frozenset({"prompt", "kind", "references"}),
    SpeechRequest: frozenset({"text", "voice"}),
    TranscriptionRequest: frozenset({"audio", "translate"}),
}
"""Fields that are the request; whether a model can do them is a matter of its tasks."""


@dataclass(slots=True)
class Fitting:
    """A request on its way to fitting a model."""

    request: Request[Any]
    model: Model
    changes: dict[str, Any] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """A field as it stands now."""
        return self.changes.get(name, getattr(self.request, name, None))

    def fitted(self) -> Request[Any]:
        """The request with all changes."""
        return self.request.model_copy(update=self.changes) if self.changes else self.request


def fit(request: Request[Any], model: Model, today: date) -> tuple[Request[Any], list[Notice]]:
    """The request as this model can take it, and what was changed.

    Raises `UnknownModel` or `UnsupportedOption` when it cannot be made to fit.
    """
    fitting = Fitting(request, model)
    alive(fitting, today)
    able(fitting)
    if isinstance(request, MediaRequest):
        preset(fitting)
        lengths(fitting)
        ratio(fitting)
        resolution(fitting)
        duration(fitting)
        sound(fitting)
        voice(fitting)
        amount(fitting)
    options(fitting)
    if request.strict and (changed := [n for n in fitting.notices if n.code.startswith("option")]):
        raise UnsupportedOption(
            f"`{model.provider}/{model.id}` does not fit as asked (`strict` is set): "
            + "; ".join(notice.message for notice in changed)
        )
    fitting.changes["model"] = model.id
    return fitting.fitted(), fitting.notices


def alive(fitting: Fitting, today: date) -> None:
    """Refuse models that are gone, warn of those that go soon."""
    model = fitting.model
    instead = f"; use `{model.successor}`" if model.successor else ""
    match model.lifecycle(today):
        case "retired":
            raise UnknownModel(
                f"`{model.provider}/{model.id}` was retired on {model.retires_on}{instead}",
                provider=model.provider,
            )
        case "retiring":
            fitting.notices.append(
                Notice(
                    code="model-retiring",
                    message=f"`{model.provider}/{model.id}` retires on {model.retires_on}{instead}",
                )
            )
        case _:
            pass


def able(fitting: Fitting) -> None:
    """Refuse what the model cannot do at all."""
    request, model = fitting.request, fitting.model
    if request.task not in model.tasks:
        raise UnsupportedOption(
            f"`{model.provider}/{model.id}` cannot do {spoken(request.task)} "
            f"(it does {', '.join(spoken(task) for task in model.tasks)})",
            provider=model.provider,
        )
    for feature, what in needed(request):
        if feature not in model.features:
            raise UnsupportedOption(
                f"`{model.provider}/{model.id}` does not take {what}", provider=model.provider
            )


def needed(request: Request[Any]) -> Iterable[tuple[str, str]]:
    """Features that a request cannot do without, and what to call them."""
    if isinstance(request, TextRequest):
        if request.tools:
            yield "tools", "tools"
        if request.output is not None:
            yield (
                ("json_schema", "structured output")
                if request.output.type == "schema"
                else (
                    "json",
                    "JSON output",
                )
            )
        kinds = {
            part.type
            for message in request.messages
            if message.role == "user"
            for part in message.parts()
        }
        for kind in sorted(kinds - {"text"}):
            yield f"{kind}s" if kind != "audio" else "audio", f"{kind} input"
    if isinstance(request, TranscriptionRequest):
        if request.speakers:
            yield "speakers", "telling speakers apart"
        if request.timestamps != "none":
            yield "timestamps", "timestamps"
    if isinstance(request, AudioRequest) and request.references:
        yield "references", "audio references"


def preset(fitting: Fitting) -> None:
    """Fill in what the asked quality stands for at this model. Explicit values win."""
    request, model = fitting.request, fitting.model
    if not isinstance(request, MediaRequest) or request.quality is None:
        return
    if request.quality not in model.presets:
        can = ", ".join(model.presets) or "none"
        raise UnsupportedOption(
            f"`{model.provider}/{model.id}` has no preset `{request.quality}` (it has {can})",
            provider=model.provider,
        )
    for name, value in model.presets[request.quality].items():
        if name == "options":
            fitting.changes["options"] = {**value, **request.options}
        elif getattr(request, name, None) is None:
            fitting.changes[name] = value


def lengths(fitting: Fitting) -> None:
    """Refuse prompts that are too long: cutting them would change what is asked."""
    most = fitting.model.limits.prompt_characters
    text = getattr(fitting.request, "prompt", None) or getattr(fitting.request, "text", "")
    if most is not None and isinstance(text, str) and len(text) > most:
        raise InvalidRequest(
            f"the prompt has {len(text):,} characters; `{fitting.model.provider}/"
            f"{fitting.model.id}` takes at most {most:,}",
            provider=fitting.model.provider,
        )


def ratio(fitting: Fitting) -> None:
    """The nearest aspect ratio that the model has."""
    asked, legal = fitting.value("aspect_ratio"), fitting.model.limits.aspect_ratios
    if asked is None or not legal or asked in legal:
        return
    given = min(legal, key=lambda one: abs(math.log(proportion(one) / proportion(asked))))
    if proportion(given) != proportion(asked):
        fitting.notices.append(rounded("aspect_ratio", asked, given))
    fitting.changes["aspect_ratio"] = given


def proportion(aspect_ratio: str) -> float:
    """Width by height; `adaptive` and the like are far from everything."""
    width, _, height = aspect_ratio.partition(":")
    try:
        return float(width) / float(height) or 1e-6
    except (ValueError, ZeroDivisionError):
        return 1e6


PIXELS = re.compile(r"^(\d+)[xX*](\d+)$")
TIERS = {"512": 512, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
VIDEO_TIERS = {"2k": 1440, "4k": 2160}


def resolution(fitting: Fitting) -> None:
    """The smallest resolution of the model that is not below the asked one, else its largest."""
    asked, legal = fitting.value("resolution"), fitting.model.limits.resolutions
    if asked is None or not legal:
        return
    by_word = {one.lower(): one for one in legal}
    if asked.lower() in by_word:
        fitting.changes["resolution"] = by_word[asked.lower()]
        return
    pixels = PIXELS.match(asked)
    if pixels and "any" in by_word:
        return
    video = isinstance(fitting.request, VideoRequest)
    wanted = height_of(asked, video=video)
    if wanted is None:
        raise InvalidRequest(
            f"`resolution` {asked!r} is neither a size like `1280x720` nor a tier like `720p`, "
            f"`2k`; `{fitting.model.provider}/{fitting.model.id}` has {', '.join(legal)}"
        )
    measured = [(h, one) for one in legal if (h := height_of(one, video=video)) is not None]
    if not measured:
        return
    enough = [pair for pair in measured if pair[0] >= wanted]
    height, given = min(enough) if enough else max(measured)
    if pixels and fitting.value("aspect_ratio") is None and fitting.model.limits.aspect_ratios:
        fitting.changes["aspect_ratio"] = reduced(int(pixels[1]), int(pixels[2]))
        ratio(fitting)
    if height != wanted:  # else it is the same in another spelling
        fitting.notices.append(rounded("resolution", asked, given))
    fitting.changes["resolution"] = given


def height_of(word: str, *, video: bool) -> int | None:
    """The shorter side that a resolution means, in pixels."""
    if pixels := PIXELS.match(word):
        return min(int(pixels[1]), int(pixels[2]))
    tier = re.match(r"^(\d+)p$", word.lower())
    if tier:
        return int(tier[1])
    return (VIDEO_TIERS if video else {}).get(word.lower()) or TIERS.get(word.lower())


def reduced(width: int, height: int) -> str:
    """A size as an aspect ratio in lowest terms."""
    divisor = math.gcd(width, height) or 1
    return f"{width // divisor}:{height // divisor}"


def duration(fitting: Fitting) -> None:
    """The shortest duration of the model that is not below the asked one, else its longest."""
    asked: float | None = fitting.value("duration_seconds")
    limits = fitting.model.limits
    if asked is None:
        return
    given = legal_duration(asked, limits)
    if given != asked:
        fitting.notices.append(rounded("duration_seconds", f"{asked:g}", f"{given:g}"))
        fitting.changes["duration_seconds"] = given


def legal_duration(asked: float, limits: Limits) -> float:
    """What a model makes of a duration."""
    if limits.durations_seconds:
        enough = [one for one in limits.durations_seconds if one >= asked]
        return min(enough) if enough else max(limits.durations_seconds)
    given = max(asked, limits.min_duration_seconds or asked)
    return min(given, limits.max_duration_seconds or given)


def sound(fitting: Fitting) -> None:
    """Whether a clip can have sound, or can be without."""
    if not isinstance(fitting.request, VideoRequest):
        return
    asked, has = fitting.value("audio"), fitting.model.limits.audio
    if asked is True and has == "never":
        fitting.notices.append(dropped("audio", "this model makes silent clips", asked=True))
        fitting.changes["audio"] = None
    if asked is False and has == "always":
        fitting.notices.append(
            dropped("audio", "this model's clips always have sound", asked=False)
        )
        fitting.changes["audio"] = None


def voice(fitting: Fitting) -> None:
    """A voice by the provider's name or by ours."""
    request, model = fitting.request, fitting.model
    if not isinstance(request, SpeechRequest) or request.voice is None:
        return
    if request.voice in model.voices:
        fitting.changes["voice"] = model.voices[request.voice]
    elif (
        model.limits.voices
        and request.voice not in model.limits.voices
        and "custom_voices" not in model.features
    ):
        known = (*model.voices, *model.limits.voices)
        near = difflib.get_close_matches(request.voice, known, n=3)
        raise UnsupportedOption(
            f"`{model.provider}/{model.id}` has no voice `{request.voice}`; "
            + (f"did you mean {', '.join(near)}? " if near else "")
            + f"It has {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}",
            provider=model.provider,
        )


def amount(fitting: Fitting) -> None:
    """Refuse more at once than the model makes."""
    request, most = fitting.request, fitting.model.limits.max_count or 1
    if isinstance(request, MediaRequest) and request.count > most:
        raise UnsupportedOption(
            f"`{fitting.model.provider}/{fitting.model.id}` makes at most {most} at once, "
            f"not {request.count}",
            provider=fitting.model.provider,
        )


@cache
def optional_fields(kind: type[Request[Any]]) -> dict[str, Any]:
    """What a model may not know, with what it is unless said."""
    handled = ALWAYS | MEANING.get(kind, frozenset())
    return {
        name: definition.get_default(call_default_factory=True)
        for name, definition in kind.model_fields.items()
        if name not in handled and not definition.is_required()
    }


def options(fitting: Fitting) -> None:
    """Take out the fields that the model does not know, with a warning for each."""
    request, model = fitting.request, fitting.model
    limits = model.limits
    by_limits = {
        "aspect_ratio": bool(limits.aspect_ratios),
        "resolution": bool(limits.resolutions),
        "duration_seconds": bool(
            limits.durations_seconds or limits.min_duration_seconds or limits.max_duration_seconds
        ),
        "format": bool(limits.formats),
        "audio": limits.audio is not None,
    }
    for name, usual in optional_fields(type(request)).items():
        if name in model.features or by_limits.get(name):
            continue
        value = fitting.value(name)
        if value is None or value == usual:
            continue
        fitting.changes[name] = usual
        fitting.notices.append(
            dropped(name, f"`{model.provider}/{model.id}` does not know it", asked=value)
        )
    asked_format = fitting.value("format") if limits.formats else None
    if asked_format and asked_format not in limits.formats:
        fitting.notices.append(rounded("format", asked_format, limits.formats[0]))
        fitting.changes["format"] = limits.formats[0]


def spoken(task: str) -> str:
    """A task as people say it."""
    return task.replace("_", " ")
