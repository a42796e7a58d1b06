"""What is no medium at all: an error page or a message where a clip was promised."""

from __future__ import annotations

HEAD_BYTES = 512
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")


def document_in(head: bytes) -> str | None:
    """What kind of document begins with these bytes; `None` when it may be a medium."""
    text = head[:HEAD_BYTES].removeprefix(BYTE_ORDER_MARK).lstrip()
    lower = text.lower()
    if lower.startswith(PAGES):
        return "an HTML page"
    if text[:1] in {b"{", b"["} and readable(text):
        return "a JSON document"
    if lower.startswith((b"<?xml", b"<error", b"<!--")) and b"<svg" not in lower:
        if b"<html" in lower:
            return "an HTML page"
        # The drawing may begin later in a long file.
        return None if b"svg" in lower else "an XML document"
    return None


def readable(data: bytes) -> bool:
    """Whether it is text, as far as it goes."""
    cut = data[:-3] if len(data) > 3 else data  # a letter may be cut in the middle
    try:
        text = cut.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)
