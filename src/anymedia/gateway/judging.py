"""Which heads are let in: those that everybody reads in the same way, and no larger than they may be.

What two servers could understand in two ways, one of them may have let pass, and the other would do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

import httptools

from anymedia.gateway.head import Head, Headers
from anymedia.gateway.spec import Refused

LONGEST_URL = 16 * 1024
ONCE = frozenset(
    {b"host", b"authorization", b"x-api-key", b"content-type", b"content-encoding", b"expect"}
)
"""Headers that mean something else to whoever reads the first and to whoever reads the last."""
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(:[0-9]{0,5})?")
FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Unfit(Exception):
    """Stops the parser."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal


def unfit(why: str, status: int = 400) -> Unfit:
    """The same in words."""
    return Unfit(Refused(why, status=status))


def refusal_of(error: httptools.HttpParserError) -> Refused:
    """Why the parser has stopped: what we had against it, or else the parser in its own words.

    None of the sender's are among them.
    """
    if isinstance(error.__context__, Unfit):
        return error.__context__.refusal
    quotes = httptools.HttpParserInvalidURLError | httptools.HttpParserCallbackError
    said = "" if isinstance(error, quotes) else f": {error}"
    return Refused(f"this is not HTTP/1.1 as it should be{said}")


def judged(headers: Headers, url: bytes, method: bytes, version: str) -> Head:
    """What was said. Raises `Unfit`."""
    found = dict(headers)
    if len(found) < len(headers):
        check_once(headers)
    if version != "1.1" and version != "1.0":  # noqa: PLR1714  faster, and asked of everything
        raise unfit("this speaks HTTP/1.1 and HTTP/1.0", 505)
    host = found.get(b"host")
    if host is None and version == "1.1":
        raise unfit("the `Host` header is missing")
    if host is not None and not is_host(host):
        raise unfit("the `Host` header is not a name or an address")
    if url[:1] != b"/" and url != b"*":
        check_whole(url, method, host)
    if b"content-encoding" in found and found[b"content-encoding"].lower() != b"identity":
        raise unfit("bodies are not unpacked here: send it without `Content-Encoding`", 415)
    if b"expect" in found and found[b"expect"].lower() != b"100-continue":
        raise unfit("`Expect` can be `100-continue`", 417)
    return Head(method.decode("ascii"), url, parts_of(url), version, headers, found)


def check_size(headers: Headers, most: int, most_bytes: int, *, arrived: int) -> None:
    """There are so many at most, of so many bytes; as many have arrived of them, or with them."""
    if len(headers) > most:
        raise unfit(f"there are more than {most} headers", 431)
    if arrived > most_bytes and sum(map(len, chain.from_iterable(headers))) > most_bytes:
        raise unfit(f"the headers are larger than {most_bytes:,} bytes", 431)


def check_once(headers: Headers) -> None:
    """Some headers are there several times, which some must not be."""
    seen = set[bytes]()
    for name, _ in headers:
        if name in seen and name in ONCE:
            raise unfit(f"there are two `{name.decode().title()}` headers; send one")
        seen.add(name)


def check_whole(url: bytes, method: bytes, host: bytes | None) -> None:
    """A URL with a host in it: a proxy may have looked at that one, and we at the other."""
    if method == b"CONNECT":
        raise unfit("this is no proxy", 405)
    scheme, _, rest = url.partition(b"://")
    if scheme.lower() not in {b"http", b"https"} or rest.partition(b"/")[0] != host:
        raise unfit("the URL names another host than the `Host` header does")


@lru_cache(maxsize=256)
def is_host(said: bytes) -> bool:
    """Whether it is a name or an address, and perhaps a port."""
    return HOST.fullmatch(said) is not None


@lru_cache(maxsize=256)
def parts_of(url: bytes) -> tuple[str, bytes, bytes]:
    """A URL's path, as it is meant and as it was written, and its query."""
    found = httptools.parse_url(url)
    path = found.path.decode("ascii")
    return unquote(path) if "%" in path else path, found.path, found.query or b""


def has_body(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a body follows."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 \t"))
        for name, value in headers
    )
