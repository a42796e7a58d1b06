"""A form with one large file in it, which waits on the disk and never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request as HttpRequest
from starlette.types import Message

from anymedia.gateway.shared.body import check_length, media_type, too_large
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.spec import Refused

FILE = "file"
PIECE = 64 * 1024
MOST_FIELDS = 32


@asynccontextmanager
async def uploaded(
    request: HttpRequest, limit_bytes: int
) -> AsyncIterator[tuple[UploadFile, dict[str, str]]]:
    """The form's `file`, and its other fields. What fails inside the block is not the form's."""
    if (kind := media_type(request)) != "multipart/form-data":
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

    reading = HttpRequest(request.scope, receive)
    try:
        form = await reading.form(max_files=1, max_fields=MOST_FIELDS)
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    except ClientDisconnect:
        raise CallerGone from None
    except (HTTPException, MultiPartException, KeyError, UnicodeError) as error:
        why = getattr(error, "detail", None) or getattr(error, "message", "a name is missing")
        raise Refused(f"the form cannot be read: {why}") from None
    try:
        file = form.get(FILE)
        if not isinstance(file, UploadFile):
            raise Refused("the form has no `file` of lines", param=FILE)
        yield file, fields
    finally:
        await form.close()


async def pieces(file: UploadFile) -> AsyncGenerator[bytes, None]:
    """A file piece by piece."""
    while piece := await file.read(PIECE):
        yield piece
