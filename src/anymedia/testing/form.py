"""Multipart forms, read by hand: a double has to see them as they were sent."""

from __future__ import annotations

import re

from anymedia.wire.http import FormPart

BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
NAMED = re.compile(r'(?<!file)name="([^"]*)"')
FILED = re.compile(r'filename="([^"]*)"')


def form(body: bytes, content_type: str) -> list[FormPart]:
    """The fields and files of a form, in order; `ValueError` when it is none."""
    boundary = BOUNDARY.search(content_type)
    if boundary is None:
        raise ValueError("a multipart form names its boundary")
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())
    if first.strip() or not parts or not parts.pop().startswith(b"--"):
        raise ValueError("the form does not begin and end with its boundary")
    return [part(one) for one in parts]


def part(raw: bytes) -> FormPart:
    """One field or file."""
    head, blank, content = raw.partition(b"\r\n\r\n")
    if not blank:
        raise ValueError("a part of the form has no head")
    name = filename = media_type = None
    for line in head.decode("utf-8").strip().split("\r\n"):
        label, _, value = line.partition(":")
        if label.lower() == "content-disposition":
            name, filename = NAMED.search(value), FILED.search(value)
        if label.lower() == "content-type":
            media_type = value.strip()
    if name is None:
        raise ValueError("a part of the form has no name")
    return FormPart(
        name=name[1],
        content=content,
        filename=filename[1] if filename else None,
        media_type=media_type,
    )
