"""Pictures: `POST /v2/image/{action}/{model}`.

The catalogue's `settings` say how a model wants its request: `paths`, by the task; `size`, the
vocabulary of its sizes; `form = "multipart"` where even words alone go as a form. Unknown fields
are taken and ignored by the vendor, so what a model cannot do is told here.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.notice import Notice, dropped
from anymedia.providers.adapters.ideogram.generation import submitted
from anymedia.providers.adapters.ideogram.size import sized
from anymedia.providers.dialects.openai.fields import json_text
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, form_field, post

PICTURES: dict[str, tuple[str, ...]] = {
    "generate": ("images",),
    "precise-edit": ("image", "reference_images"),
}
"""By action, the fields that pictures go in; the last takes all further ones."""
ONE_PICTURE = ("image",)
KEEPS_SIZE = frozenset({"precise-edit", "inpaint", "replace-background", "remove-background"})
"""Actions whose result is as large as what was given."""
UNSEEDED = frozenset({"remix/ideogram-4", "remove-background/ideogram-1"})
WORDLESS = frozenset({"remove-background"})
MOST_SEED = 2147483647


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue pictures."""
    settings = brief.model.settings if brief.model else {}
    path = settings.get("paths", {}).get(request.task, f"generate/{request.model}")
    action = path.partition("/")[0]
    warnings: list[Notice] = []
    fields = body(request, path, settings, warnings) | {"async": True}
    if brief.callback_url:
        fields["webhook_url"] = brief.callback_url
    fields |= request.options
    parts = files(request, action)
    whole = f"/v2/image/{path}"
    if parts or settings.get("form") == "multipart":
        response = yield post(whole, parts=(*formed(fields), *parts))
    else:
        response = yield post(whole, json=fields)
    return submitted(response, warnings)


def body(
    request: ImageRequest, path: str, settings: dict[str, Any], warnings: list[Notice]
) -> dict[str, Any]:
    """The fields without the files."""
    action = path.partition("/")[0]
    if request.prompt and action in WORDLESS:
        raise UnsupportedOption(f"`{request.model}` takes no words; leave `prompt` out")
    if not request.prompt and action not in WORDLESS:
        raise UnsupportedOption(f"`{request.model}` wants a `prompt` beside the picture")
    named = {
        "prompt": request.prompt or None,
        "negative_prompt": request.negative_prompt,
        "style_type": request.style,
        "num_images": request.count if request.count > 1 else None,
    }
    fields = {name: value for name, value in named.items() if value is not None}
    if action in KEEPS_SIZE:
        warnings.extend(
            dropped(name, "the given picture's size is kept", asked=asked)
            for name in ("aspect_ratio", "resolution")
            if (asked := getattr(request, name))
        )
    else:
        fields |= sized(request, settings.get("size", "crossed"), warnings)
    return fields | seeded(request, path, warnings)


def seeded(request: ImageRequest, path: str, warnings: list[Notice]) -> dict[str, int]:
    """A seed in the vendor's range, where it is minded at all."""
    if request.seed is None:
        return {}
    if path in UNSEEDED:
        warnings.append(dropped("seed", "it would be ignored here", asked=request.seed))
        return {}
    given = request.seed % (MOST_SEED + 1)
    if given != request.seed:
        warnings.append(
            Notice(
                code="option-rounded",
                message=f"`seed` was asked as {request.seed} and sent as {given}: seeds go up to "
                f"{MOST_SEED}",
                option="seed",
                asked=str(request.seed),
                given=str(given),
            )
        )
    return {"seed": given}


def files(request: ImageRequest, action: str) -> list[FormPart]:
    """The pictures and the mask. A mask takes the place of a picture to go by."""
    names = PICTURES.get(action, ONE_PICTURE)
    most = 1 if names == ONE_PICTURE else 5 - (request.mask is not None)
    if len(request.images) > most:
        raise UnsupportedOption(
            f"`{request.model}` takes {most} pictures at most for {request.task.replace('_', ' ')}"
        )
    parts = [
        file_part(names[min(number, len(names) - 1)], picture)
        for number, picture in enumerate(request.images)
    ]
    if request.mask is not None:
        parts.append(file_part("mask", request.mask))
    return parts


def formed(fields: dict[str, Any]) -> list[FormPart]:
    """JSON values as form fields: lists repeat their name, objects stay JSON."""
    parts = []
    for name, value in fields.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            if item is not None:
                text = json_text(item) if isinstance(item, dict | list) else item
                parts.append(form_field(name, text))
    return parts
