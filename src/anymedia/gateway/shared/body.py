"""Bodies of requests, read no further than the limit: JSON, or a form with files."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request as HttpRequest
from starlette.types import Message, Receive, Scope

from anymedia.contracts.media import MediaBytes, sniffed
from anymedia.contracts.mistakes import printable
from anymedia.gateway.shared.document import decoded
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.spec import Refused

KEPT = "body"
"""Where in a request's state a body is that has been read already."""
LARGE_BYTES = 4 * 1024 * 1024
MOST_FILES = 64
MOST_FIELDS = 256
NESTED = re.compile(r"[^\[\]]+(\[[^\[\]]+\]){1,6}(\[\])?")
STEP = re.compile(r"[^\[\]]+")
MEDIA_TYPE = re.compile(r"(image|audio|video)/[a-z0-9.+-]{1,80}")


@dataclass(slots=True)
class Form:
    """A form: what was written, and what was attached."""

    fields: dict[str, Any] = field(default_factory=dict)
    """Text by name; a name that ends in `[]` or comes several times is a list."""
    files: dict[str, list[MediaBytes]] = field(default_factory=dict)


async def document(request: HttpRequest, limit_bytes: int) -> dict[str, Any]:
    """The JSON object that was sent."""
    return decoded(await written(request, limit_bytes))


async def written(request: HttpRequest, limit_bytes: int) -> bytes:
    """The JSON that was sent, as it was written."""
    kind = media_type(request)
    if kind and not kind.endswith("json"):
        raise Refused(f"this takes `application/json`, not `{kind[:80]}`", status=415)
    return await content(request, limit_bytes)


async def content(request: HttpRequest, limit_bytes: int) -> bytes:
    """The whole body."""
    kept = request.scope.get("state", {}).get(KEPT)
    if kept is not None:
        body: bytes = kept
        return body
    return await gathered(request.scope, request.receive, limit_bytes)


async def gathered(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body, from the server's own messages."""
    said = dict(scope["headers"]).get(b"content-length", b"")
    if said.isdigit() and int(said[:20]) > limit_bytes:
        raise too_large(limit_bytes)
    body = b""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        body = message.get("body", b"")
        size += len(body)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        if not message.get("more_body", False):
            break
        chunks.append(body)
    if size > LARGE_BYTES:  # a thread may copy so much while others are answered
        return await asyncio.to_thread(b"".join, (*chunks, body))
    return b"".join((*chunks, body)) if chunks else body


async def form(request: HttpRequest, limit_bytes: int) -> Form:
    """The form that was sent. Large files wait on the disk while the rest is read."""
    kind = media_type(request)
    if kind != "multipart/form-data":
        raise Refused(f"this takes `multipart/form-data`, not `{kind[:80]}`", status=415)
    check_length(request, limit_bytes)
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > limit_bytes:
            raise too_large(limit_bytes)
        return message

    found = Form()
    try:
        async with HttpRequest(request.scope, receive).form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=limit_bytes
        ) as parts:
            for name, value in parts.multi_items():
                if isinstance(value, UploadFile):
                    found.files.setdefault(name.removesuffix("[]"), []).append(
                        await attached(value)
                    )
                else:
                    add(found.fields, name, value)
    except ClientDisconnect:
        raise CallerGone from None
    except (HTTPException, MultiPartException, KeyError, UnicodeError) as error:
        said = "a name is missing or no text"
        if isinstance(error, HTTPException):
            said = error.detail
        elif isinstance(error, MultiPartException):
            said = error.message
        raise Refused(f"the form cannot be read: {said}") from None
    return found


def add(fields: dict[str, Any], name: str, value: str) -> None:
    """One field more. `a[b]` is the field `b` of the object `a`, as clients write nested ones."""
    first, *steps = STEP.findall(name) if NESTED.fullmatch(name) else [name.removesuffix("[]")]
    for step in steps:
        fields = fields.setdefault(first, {})
        if not isinstance(fields, dict):
            raise Refused(f"the form's field `{printable(name)}` is an object and a value at once")
        first = step
    if first in fields:
        before = fields[first]
        fields[first] = [*(before if isinstance(before, list) else [before]), value]
    else:
        fields[first] = [value] if name.endswith("[]") else value


async def attached(file: UploadFile) -> MediaBytes:
    """A file as media. What it begins with says what it is; else what the caller says, if media."""
    data = await file.read()
    found = sniffed(data, file.filename)
    said = (file.content_type or "").partition(";")[0].strip().lower()
    if found == "application/octet-stream" and MEDIA_TYPE.fullmatch(said):
        found = said
    return MediaBytes(data=data, media_type=found, filename=file.filename or None)


def media_type(request: HttpRequest) -> str:
    """What the body claims to be."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_length(request: HttpRequest, limit_bytes: int) -> None:
    """Refuse at once what says itself that it is too large."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said[:20]) > limit_bytes:
        raise too_large(limit_bytes)


def too_large(limit_bytes: int) -> Refused:
    """More than is read."""
    return Refused(f"the body is larger than {limit_bytes:,} bytes", status=413)
