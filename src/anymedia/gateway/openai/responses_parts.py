"""The parts of a message in OpenAI's responses: words, pictures, documents, sound."""

from __future__ import annotations

from typing import Any

import msgspec

from anymedia.contracts.mistakes import printable
from anymedia.contracts.text import AudioPart, FilePart, ImagePart, Part, TextPart
from anymedia.gateway.openai.messages import DETAILS, NOTHING, Recording, Sound, kind, recording
from anymedia.gateway.shared.reading import Reading, shown, wrong

MARKS = ("prompt_cache_breakpoint",)
"""Of a provider's cache: they change no answer."""
ADDRESSES = frozenset({"image_url", "file_url"})


class Text(msgspec.Struct):
    """Words, of a question or of an answer; what an answer had beside them is not asked again."""

    type: str
    text: str
    annotations: Any = None
    logprobs: Any = None


class Refusal(msgspec.Struct):
    """Words of refusal."""

    type: str
    refusal: str


class Image(msgspec.Struct):
    """A picture."""

    type: str
    image_url: str | None = None
    detail: str | None = None


class File(msgspec.Struct):
    """A document."""

    type: str
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


def parts(reading: Reading, content: Any, path: str) -> str | tuple[Part, ...]:
    """What the user says and shows."""
    if isinstance(content, str):
        return content
    found = tuple(part(reading, one, where) for where, one in reading.many(content, path))
    if not found:
        raise wrong(path, "is empty; send at least one part")
    return found


def part(reading: Reading, raw: Any, path: str) -> Part:
    """One part of it."""
    match kind(raw, path):
        case "input_text":
            return TextPart(text=reading.read(raw, Text, path, MARKS).text)
        case "input_image":
            image = reading.read(raw, Image, path, MARKS)
            if image.detail not in {None, *DETAILS}:
                raise wrong(f"{path}.detail", f"expected one of {', '.join(DETAILS)}")
            if image.image_url is None:
                return lacking(raw, path, "image_url")
            there = shown(image.image_url, f"{path}.image_url")
            return ImagePart.model_validate({"image": there, "detail": image.detail})
        case "input_file":
            file = reading.read(raw, File, path, MARKS)
            name, given = "file_data", file.file_data
            if given is None:
                name, given = "file_url", file.file_url
            if given is None:
                return lacking(raw, path, "file_data")
            return FilePart(file=shown(given, f"{path}.{name}"), filename=file.filename)
        case "input_audio":
            where = f"{path}.input_audio"
            sound = reading.read(reading.read(raw, Sound, path).input_audio, Recording, where)
            return AudioPart(audio=recording(sound, f"{where}.data"))
        case _:
            reading.stranger(f"{path}.type")
            return NOTHING


def lacking(raw: dict[str, Any], path: str, name: str) -> Part:
    """A part that names something at its provider instead of holding it."""
    if raw.get("file_id") is None:
        raise wrong(f"{path}.{name}", "is missing")
    return NOTHING


def words(reading: Reading, content: Any, path: str) -> str:
    """Content that is words alone."""
    if isinstance(content, str):
        return content
    said: list[str] = []
    for where, one in reading.many(content, path):
        match kind(one, where):
            case "input_text" | "output_text" | "text":
                said.append(reading.read(one, Text, where, MARKS).text)
            case "refusal":
                said.append(reading.read(one, Refusal, where).refusal)
            case _:
                reading.stranger(f"{where}.type")
    return "".join(said)


def address_in(raw: Any, path: str = "") -> str | None:
    """Where items hold the address of a picture or a file, which would be fetched elsewhere."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            where = f"{path}.{printable(name)}"
            if isinstance(value, str):
                if name in ADDRESSES and value[:5].lower() != "data:":
                    return where
            elif (found := address_in(value, where)) is not None:
                return found
    elif isinstance(raw, list | tuple):
        for place, one in enumerate(raw):
            if (found := address_in(one, f"{path}[{place}]")) is not None:
                return found
    return None
