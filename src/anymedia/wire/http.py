"""Requests and responses as values."""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from anymedia.contracts.errors import InvalidRequest
from anymedia.wire.shape import read

T = TypeVar("T")
WHOLE_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Query: TypeAlias = Mapping[str, str | int | float | bool | Sequence[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One field or file of a multipart form."""

    name: str
    content: bytes = field(repr=False)
    filename: str | None = None
    media_type: str | None = None


def form_field(name: str, value: str | float | bool) -> FormPart:
    """A plain field; booleans are written the JSON way."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return FormPart(name=name, content=text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What an adapter wants sent. At most one of `json`, `form`, `parts` and `content`."""

    method: Method
    path: str
    """Relative to the provider's base URL, or a whole URL."""
    query: Query = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    parts: tuple[FormPart, ...] = field(default=(), repr=False)
    content: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    authorize: bool = True
    """Whether it carries the provider's credentials. Whole URLs on foreign hosts must not."""
    allow: frozenset[int] = frozenset()
    """Statuses from 400 up that the adapter wants to see itself, rather than have explained."""
    timeout_seconds: float | None = None
    """For this one request, where it is unlike the operation's others."""

    def with_headers(self, headers: Mapping[str, str]) -> HttpRequest:
        """The same request with more headers; names are compared without case."""
        taken = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in taken}
        return replace(self, headers={**kept, **headers})

    def with_query(self, **more: str) -> HttpRequest:
        """The same request with more query parameters."""
        return replace(self, query={**self.query, **more})

    def url(self, base_url: str) -> str:
        """The whole URL, query included."""
        whole = self.path if WHOLE_URL.match(self.path) else base_url.rstrip("/") + self.path
        pairs = [
            (name, str(item).lower() if isinstance(item, bool) else str(item))
            for name, value in self.query.items()
            if value is not None
            for item in (value if isinstance(value, (list, tuple)) else (value,))
        ]
        if not pairs:
            return whole
        return whole + ("&" if urlsplit(whole).query else "?") + form_encoded(pairs)

    def body(self, boundary: str) -> tuple[bytes | None, str | None]:
        """The encoded body and its content type. `boundary` separates multipart fields."""
        if self.json is not None:
            try:
                return msgspec.json.encode(self.json), "application/json"
            except UnicodeEncodeError:
                raise not_unicode() from None
        if self.form is not None:
            encoded = form_encoded(list(self.form.items()))
            return encoded.encode(), "application/x-www-form-urlencoded"
        if self.parts:
            return multipart(self.parts, boundary), f"multipart/form-data; boundary={boundary}"
        return self.content, self.content_type


def form_encoded(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values as a query or a form has them."""
    try:
        return urlencode(pairs)
    except UnicodeEncodeError:
        raise not_unicode() from None


def not_unicode() -> InvalidRequest:
    """A caller's text with half of a surrogate pair in it, which no encoding can carry."""
    return InvalidRequest(
        "the request holds text that is not valid Unicode: half of a surrogate pair, such as "
        "`\\ud83d` alone. Mend the text and send it again."
    )


def multipart(parts: Sequence[FormPart], boundary: str) -> bytes:
    """A `multipart/form-data` body (RFC 7578)."""
    chunks: list[bytes] = []
    for part in parts:
        disposition = f'form-data; name="{quoted(part.name)}"'
        if part.filename is not None:
            disposition += f'; filename="{quoted(part.filename)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if part.media_type:
            head += f"Content-Type: {CONTROL.sub('', part.media_type)}\r\n"
        chunks += [head.encode("utf-8", "replace"), b"\r\n", part.content, b"\r\n"]
    chunks.append(f"--{boundary}--\r\n".encode())
    return b"".join(chunks)


CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def quoted(name: str) -> str:
    """A name that cannot break out of its header (WHATWG form-data escaping)."""
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return CONTROL.sub("", escaped)


def get(path: str, *, query: Query | None = None, **more: Any) -> HttpRequest:
    """Ask for something. Harmless to repeat."""
    return HttpRequest(method="GET", path=path, query=query or {}, **more)


def post(path: str, **more: Any) -> HttpRequest:
    """Send something: `json=`, `form=`, `parts=` or `content=`."""
    return HttpRequest(method="POST", path=path, **more)


def put(path: str, **more: Any) -> HttpRequest:
    """Put something in its place."""
    return HttpRequest(method="PUT", path=path, **more)


def delete(path: str, **more: Any) -> HttpRequest:
    """Remove something."""
    return HttpRequest(method="DELETE", path=path, **more)


class Headers(Mapping[str, str]):
    """Response headers, found without regard to case. Of repeated ones the first counts."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        listed = pairs if isinstance(pairs, list) else pairs_of(pairs)
        for name, value in listed:
            self._values.setdefault(name.lower(), value)

    def first(self, names: tuple[str, ...]) -> str | None:
        """The first of these that says something; the names are in lower case."""
        values = self._values
        for name in names:
            if name in values and (found := values[name]):
                return found
        return None

    def names(self) -> Iterable[str]:
        """All of them, in lower case."""
        return self._values.keys()

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        """A header's value; `default` where there is none."""
        return self._values.get(name.lower(), default)

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[str, str]:
        return self._values.items()


class Unread(Headers):
    """Headers as a parser put them down, by names in lower case: of most nobody reads the value."""

    __slots__ = ("_read", "_written")

    def __init__(self, written: dict[str, bytes]) -> None:
        self._written = written
        self._read: dict[str, str] | None = None

    @property
    def _values(self) -> dict[str, str]:  # type: ignore[override]  # made when somebody looks
        if self._read is None:
            self._read = {name: one.decode("latin-1") for name, one in self._written.items()}
        return self._read

    def first(self, names: tuple[str, ...]) -> str | None:
        """As its parent."""
        written = self._written
        for name in names:
            if name in written and (found := written[name]):
                return found.decode("latin-1")
        return None

    def names(self) -> Iterable[str]:
        """As its parent."""
        return self._written.keys()


def pairs_of(
    pairs: Mapping[str, str] | Sequence[tuple[str, str]],
) -> Iterable[tuple[str, str]]:
    """Names and values, however they came."""
    return pairs.items() if isinstance(pairs, Mapping) else pairs


class HttpResponse:
    """What came back: status, headers, and the body as it was."""

    __slots__ = ("content", "headers", "status", "url")

    def __init__(
        self,
        status: int,
        content: bytes = b"",
        headers: Headers | Mapping[str, str] | None = None,
        url: str = "",
    ) -> None:
        self.status = status
        self.content = content
        kind = type(headers)
        ready = kind is Unread or kind is Headers
        self.headers: Headers = headers if ready else Headers(headers or {})  # type: ignore[assignment]
        self.url = url

    def read(self, shape: type[T]) -> T:
        """The body as a shape; `UnreadableResponse` when it is something else."""
        return read(self.content, shape)

    def media_type(self) -> str | None:
        """The content type without its parameters."""
        declared = self.headers.get("content-type", "").split(";")[0].strip().lower()
        return declared or None

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {len(self.content)} bytes)"
