"""Pictures: generators, edit tools and control tools, each at a path of its own.

The catalogue's `settings` say how a model wants its request: `path`; `model` where several share
one; `pictures`, the field each picture goes in; `strength` where a picture's weight must be said;
`needs`, options one of which it cannot do without; `words`, whether a prompt is `needed` (so unless
said), `optional` or `none`; `least_pictures` where one is not enough.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.stability.answer import JSON, answered, seeded
from anymedia.providers.dialects.openai.fields import formed
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, post

FAMILY = "sd3"
"""For a model that the catalogue does not list: the path where models are named."""
STRENGTHS = {"edit": 0.6, "variation": 0.8}
"""How far from the picture: the vendor wants it said, 0 is the same and 1 another one."""


def draw(request: ImageRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """One picture."""
    settings = brief.model.settings if brief.model else UNLISTED | {"model": request.model}
    warnings: list[Notice] = []
    fields = body(request, settings, warnings) | request.options
    refuse_what_lacks(request, settings, fields)
    parts = [part for name, value in fields.items() for part in formed(name, value)]
    response = yield post(
        f"/v2beta/stable-image/{settings['path']}",
        headers=JSON,
        parts=(*parts, *files(request, settings)),
    )
    return answered(response, Usage(images=1), "image/png", warnings)


UNLISTED: dict[str, Any] = {
    "path": f"generate/{FAMILY}",
    "pictures": ["image"],
    "strength": True,
    "mode": True,
}


def body(request: ImageRequest, settings: dict[str, Any], warnings: list[Notice]) -> dict[str, Any]:
    """The fields without the files."""
    fields: dict[str, Any] = {}
    if request.prompt:
        fields["prompt"] = request.prompt
    if settings.get("model"):
        fields["model"] = settings["model"]
    fields |= named(request)
    if request.images and settings.get("strength"):
        fields |= by_picture(request, settings, warnings)
    elif request.aspect_ratio:
        fields["aspect_ratio"] = request.aspect_ratio
    return fields | seeded(request.seed, warnings)


def named(request: ImageRequest) -> dict[str, Any]:
    """Plain fields, under the vendor's names."""
    fields = {
        "negative_prompt": request.negative_prompt,
        "style_preset": request.style,
        "output_format": request.format,
    }
    return {name: value for name, value in fields.items() if value is not None}


def by_picture(
    request: ImageRequest, settings: dict[str, Any], warnings: list[Notice]
) -> dict[str, Any]:
    """What goes with a picture to start from; its own ratio holds."""
    if request.aspect_ratio:
        warnings.append(
            dropped("aspect_ratio", "the given picture's holds", asked=request.aspect_ratio)
        )
    fields: dict[str, Any] = {"mode": "image-to-image"} if settings.get("mode") else {}
    if "strength" not in request.options:
        fields["strength"] = STRENGTHS.get(request.task, STRENGTHS["edit"])
        warnings.append(
            Notice(
                code="provider-note",
                message=f"`strength` has to be said here and was set to {fields['strength']}; "
                f"say another from 0 (the same picture) to 1 in `options`",
                option="options",
            )
        )
    return fields


def refuse_what_lacks(
    request: ImageRequest, settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    """Say before sending what the vendor would only say after."""
    pictures, words = settings.get("pictures", ()), settings.get("words", "needed")
    if len(request.images) > len(pictures):
        most = len(pictures) or "no"
        raise UnsupportedOption(f"`{request.model}` takes {most} pictures at most")
    if len(request.images) < settings.get("least_pictures", 0):
        raise UnsupportedOption(
            f"`{request.model}` wants {len(pictures)} pictures: {', '.join(pictures)}"
        )
    if words == "needed" and "prompt" not in fields:
        raise UnsupportedOption(f"`{request.model}` wants a `prompt` beside the picture")
    if words == "none" and "prompt" in fields:
        raise UnsupportedOption(f"`{request.model}` takes no words; leave `prompt` out")
    wanted = settings.get("needs", ())
    if wanted and not any(name in fields for name in wanted):
        raise UnsupportedOption(
            f"`{request.model}` cannot do without {' or '.join(f'`{one}`' for one in wanted)}; "
            f"say it in `options`"
        )


def files(request: ImageRequest, settings: dict[str, Any]) -> list[FormPart]:
    """The pictures and the mask."""
    pictures = settings.get("pictures", ())
    parts = [file_part(name, one) for name, one in zip(pictures, request.images, strict=False)]
    if request.mask is not None:
        parts.append(file_part("mask", request.mask))
    return parts
