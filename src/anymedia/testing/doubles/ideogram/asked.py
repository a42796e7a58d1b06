"""What was asked of Ideogram: JSON or a form, checked as strictly as the service does.

Which is not very: fields that an endpoint does not know are ignored without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anymedia.testing.films import area
from anymedia.testing.form import form

ENDPOINTS: dict[str, frozenset[str]] = {
    "generate": frozenset(
        [
            "ideogram-4-5",
            "ideogram-4",
            "ideogram-4-transparent",
            "ideogram-3",
            "ideogram-3-transparent",
            "ideogram-2",
            "ideogram-2a",
            "p-image-ideogram",
            "gpt-image-2",
            "nano-banana-2",
            "nano-banana-pro",
        ]
    ),
    "precise-edit": frozenset({"ideogram-4-5"}),
    "remix": frozenset({"ideogram-4", "ideogram-3"}),
    "inpaint": frozenset({"ideogram-3"}),
    "replace-background": frozenset({"ideogram-3"}),
    "remove-background": frozenset({"ideogram-1"}),
}
CLIPS = re.compile(
    r"(kling-3-standard-(text|image)|(minimax-h3|seedance-2|seedance-2-5)-(text|image|reference))"
    r"-to-video"
)
JSON_ONLY = frozenset(
    {"ideogram-4", "ideogram-4-transparent", "ideogram-3-transparent", "ideogram-2", "ideogram-2a"}
)
FORM_ONLY = frozenset({"ideogram-3", "gpt-image-2", "nano-banana-2", "nano-banana-pro"})
ALWAYS_LATER = frozenset({"video", "replace-background"})
WANTED: dict[str, frozenset[str]] = {
    "precise-edit": frozenset({"prompt", "image"}),
    "remix": frozenset({"prompt", "image"}),
    "inpaint": frozenset({"prompt", "image", "mask"}),
    "replace-background": frozenset({"prompt", "image"}),
    "remove-background": frozenset({"image"}),
}
PIXELS = re.compile(r"[1-9]\d{2,3}x[1-9]\d{2,3}")


class Refused(Exception):
    """An answer that is a failure; without a body where there is nothing to say."""

    def __init__(self, status: int, body: dict[str, Any] | None) -> None:
        super().__init__(status)
        self.response = Response(b"", status) if body is None else JSONResponse(body, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that makes sense."""

    action: str
    prompt: str
    count: int
    seed: int
    quality: str | None
    size: str
    duration: int
    later: bool
    webhook: str | None

    @property
    def clip(self) -> bool:
        """Whether a clip is wanted."""
        return self.action == "video"


async def asked(request: Request) -> Asked:
    """What a request wants. Raises `Refused` where it makes no sense."""
    action = request.path_params.get("action", "video")
    model = request.path_params["model"]
    known = CLIPS.fullmatch(model) if action == "video" else model in ENDPOINTS.get(action, ())
    if not known:
        title = {"type": "about:blank", "title": "Not Found", "status": 404}
        raise Refused(404, {**title, "detail": f"no route for {model}"})
    fields = await read(request, model if action == "generate" else None)
    for name in WANTED.get(action, frozenset({"prompt"})):
        if not fields.get(name):
            raise wrong(f"{name}: is required")
    if action == "generate" and model not in FORM_ONLY | {"ideogram-4-5"} and "images" in fields:
        raise wrong("images: not taken")
    if "mask" in fields and len(fields.get("reference_images", ())) > 3:
        raise wrong("reference_images: at most 3 with a mask")
    webhook = fields.get("webhook_url")
    if webhook and not str(webhook).startswith(("https://", "http://127.0.0.1")):
        raise wrong("webhook_url: must be HTTPS")
    return Asked(
        action=action,
        prompt=str(fields.get("prompt", "")),
        count=within(fields, "num_images", 1, 8, 1),
        seed=within(fields, "seed", 0, 2147483647, 12345),
        quality=quality(fields, has_picture="image" in fields or "images" in fields),
        size=sized(fields),
        duration=within(fields, "duration", 1, 30, 5),
        later=str(fields.get("async", "false")).lower() == "true",
        webhook=webhook,
    )


async def read(request: Request, model: str | None) -> dict[str, Any]:
    """The fields; of a form's files, lists of their bytes."""
    declared = request.headers.get("content-type", "")
    body = await request.body()
    if declared.startswith("multipart/form-data"):
        if model in JSON_ONLY:
            raise Refused(415, {"error": "expected application/json"})
        found: dict[str, Any] = {}
        try:
            parts = form(body, declared)
        except ValueError as error:
            raise wrong(str(error)) from None
        for part in parts:
            if part.filename is None:
                found[part.name] = part.content.decode("utf-8", "replace")
            else:
                found.setdefault(part.name, []).append(part.content)
        return found
    if model in FORM_ONLY:
        raise Refused(415, {"error": "expected multipart/form-data"})
    try:
        found = await request.json()
    except ValueError:
        raise wrong("the body is not JSON") from None
    if not isinstance(found, dict):
        raise wrong("the body is not an object")
    return found


def wrong(detail: str) -> Refused:
    """A request that makes no sense."""
    title = {"type": "about:blank", "title": "Bad Request", "status": 400}
    return Refused(400, {**title, "detail": detail})


def within(fields: dict[str, Any], name: str, least: int, most: int, usual: int) -> int:
    """A whole number in its range."""
    try:
        given = int(fields.get(name, usual))
    except (TypeError, ValueError):
        raise wrong(f"{name}: not a whole number") from None
    if not least <= given <= most:
        raise wrong(f"{name}: must be from {least} to {most}")
    return given


def quality(fields: dict[str, Any], *, has_picture: bool) -> str | None:
    """One of the words; the lowest is for edits alone."""
    word: str | None = fields.get("quality")
    words = {None, "low", "medium", "high", "auto"} | ({"very_low"} if has_picture else set())
    if word not in words:
        raise wrong("quality: not one of the allowed values")
    return None if word == "auto" else word


def sized(fields: dict[str, Any]) -> str:
    """The size that comes out."""
    size = str(fields.get("size") or fields.get("resolution") or "auto")
    if PIXELS.fullmatch(size):
        return size
    if size not in {"auto", "source", "1k", "2k", "720p", "1080p"}:
        raise wrong("size: not one of the allowed values")
    side = {"1k": 1024, "2k": 2048}.get(size, 2048 if "size" in fields else 1024)
    return "{}x{}".format(*area(side, str(fields.get("aspect_ratio", "1:1"))))
