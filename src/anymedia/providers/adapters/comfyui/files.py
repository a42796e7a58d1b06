"""Files: put into the server's input folder, fetched from its output folder."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from anymedia.contracts.errors import UnreadableInput, UnreadableResponse
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact, extension
from anymedia.providers.inputs import AnyMedia
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, form_field, post
from anymedia.wire.shape import Shape

SCHEME = "comfyui"
PREFIX = f"{SCHEME}://input/"
"""How a file of the input folder is written as a URL."""
BIGGEST_UPLOAD = 100 * 1024 * 1024
PICTURES = frozenset({"png", "jpg", "jpeg", "webp", "gif", "avif", "bmp", "tif", "tiff"})
CLIPS = frozenset({"mp4", "webm", "mov", "mkv", "avi", "m4v", "gif"})
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
}


class Place(Shape):
    """Where a file lies on the server."""

    filename: str
    subfolder: str | None = None
    type: str | None = None

    @property
    def ending(self) -> str:
        """What kind of file it is: node outputs are all called `images`, clips among them."""
        return PurePosixPath(self.filename).suffix.lstrip(".").lower()

    def artifact(self) -> RemoteArtifact:
        """The file as something to fetch."""
        query = {
            "filename": self.filename,
            "subfolder": self.subfolder or "",
            "type": self.type or "output",
        }
        asked = "&".join(f"{name}={escaped(value)}" for name, value in query.items())
        return RemoteArtifact(
            url=f"/view?{asked}", media_type=TYPES.get(self.ending), needs_key=True
        )


class Uploaded(Shape):
    """What the server calls a file that it took."""

    name: str
    subfolder: str | None = None


def escaped(value: str) -> str:
    """A value as a query has it."""
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise UnreadableResponse("a file's name is not valid Unicode", accepted="yes") from None


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """A file into the input folder, under a name made of its bytes: the same file lies there once."""
    name = f"anymedia-{hashlib.sha256(media.data).hexdigest()[:32]}.{extension(media.media_type)}"
    response = yield post(
        "/upload/image",
        parts=(
            FormPart(name="image", content=media.data, filename=name, media_type=media.media_type),
            form_field("type", "input"),
            form_field("overwrite", "true"),
        ),
    )
    taken = response.read(Uploaded)
    path = f"{taken.subfolder}/{taken.name}" if taken.subfolder else taken.name
    return MediaUrl(url=PREFIX + quote(path, errors="replace"), media_type=media.media_type)


def name_of(media: AnyMedia) -> str:
    """A file of the input folder as a loading node wants it."""
    if isinstance(media, MediaUrl) and media.url.startswith(PREFIX):
        return unquote(media.url.removeprefix(PREFIX))
    raise UnreadableInput(f"expected a file of the server's input folder, as `{PREFIX}fox.png`")


def made(outputs: dict[str, Any], kind: str) -> list[Place]:
    """The files that a graph made: saved ones before previews, of the wanted kind before others."""
    found: list[tuple[Place, bool]] = []
    for output in outputs.values():
        if not isinstance(output, dict):
            continue
        animated = output.get("animated")
        moves = isinstance(animated, list) and any(animated)
        for files in output.values():
            if isinstance(files, list):
                found += [(place, moves) for one in files if (place := place_of(one)) is not None]
    saved = [one for one in found if one[0].type in {"output", None}] or found
    clips = [one for one, moves in saved if moves or one.ending in CLIPS]
    pictures = [one for one, moves in saved if not moves and one.ending in PICTURES]
    return (clips if kind == "video" else pictures) or [one for one, _ in saved]


def place_of(value: Any) -> Place | None:
    """A file, if it is one: nodes report texts and numbers in the same way."""
    if not isinstance(value, dict) or not isinstance(value.get("filename"), str):
        return None
    folder, kind = value.get("subfolder"), value.get("type")
    return Place(
        filename=value["filename"],
        subfolder=folder if isinstance(folder, str) else None,
        type=kind if isinstance(kind, str) else None,
    )
