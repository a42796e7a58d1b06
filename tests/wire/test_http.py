"""Requests and responses as values: URLs, bodies, headers."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import InvalidRequest
from anymedia.wire.http import (
    FormPart,
    Headers,
    HttpRequest,
    HttpResponse,
    Unread,
    delete,
    form_field,
    get,
    multipart,
    post,
    put,
)

BASE = "https://api.acme.example/v1/"

# --- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("/clips", {}, "https://api.acme.example/v1/clips"),
        ("/clips", {"a": "1"}, "https://api.acme.example/v1/clips?a=1"),
        ("/clips?a=1", {"b": "2"}, "https://api.acme.example/v1/clips?a=1&b=2"),
        ("/clips", {"a": None}, "https://api.acme.example/v1/clips"),
        ("/clips", {"a": True, "b": False}, "https://api.acme.example/v1/clips?a=true&b=false"),
        ("/clips", {"a": 3, "b": 0.5}, "https://api.acme.example/v1/clips?a=3&b=0.5"),
        ("/clips", {"a": ["x", "y"]}, "https://api.acme.example/v1/clips?a=x&a=y"),
        ("/clips", {"a": ()}, "https://api.acme.example/v1/clips"),
        ("/clips", {"a": "x&y=é /"}, "https://api.acme.example/v1/clips?a=x%26y%3D%C3%A9+%2F"),
        ("https://cdn.example/x", {}, "https://cdn.example/x"),
        ("https://cdn.example/x?s=1", {"t": "2"}, "https://cdn.example/x?s=1&t=2"),
        (
            "/fetch?url=https://x.example/a",
            {},
            "https://api.acme.example/v1/fetch?url=https://x.example/a",
        ),
    ],
)
def test_a_url_is_base_path_and_query(path: str, query: dict[str, Any], url: str) -> None:
    """A whole URL is taken as it is, and a path never for one."""
    assert get(path, query=query).url(BASE) == url


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), max_size=4))
def test_a_query_arrives_as_it_was_meant(query: dict[str, str]) -> None:
    """Whatever is in it."""
    url = get("/x", query=query).url(BASE)

    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == query


def test_more_query_parameters_can_be_added() -> None:
    """To a copy."""
    request = get("/x", query={"a": "1"})

    assert request.with_query(b="2").query == {"a": "1", "b": "2"}
    assert request.query == {"a": "1"}


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "body", "content_type"),
    [
        (post("/x", json={"a": [1, None]}), b'{"a":[1,null]}', "application/json"),
        (post("/x", json={}), b"{}", "application/json"),
        (post("/x", form={"a": "b c"}), b"a=b+c", "application/x-www-form-urlencoded"),
        (put("/x", content=b"\0", content_type="image/png"), b"\0", "image/png"),
        (delete("/x"), None, None),
    ],
)
def test_a_body_is_encoded_with_its_type(
    request_: HttpRequest, body: bytes | None, content_type: str | None
) -> None:
    """JSON, a form, raw content, or nothing."""
    assert request_.body("boundary") == (body, content_type)


@pytest.mark.parametrize(
    "request_",
    [
        post("/x", json={"prompt": "half \ud83d"}),
        post("/x", json={"half \ud83d": 1}),
        post("/x", form={"prompt": "half \ud83d"}),
    ],
)
def test_text_that_no_encoding_can_carry_is_the_callers_mistake(request_: HttpRequest) -> None:
    """And not a crash while sending."""
    with pytest.raises(InvalidRequest, match="surrogate"):
        request_.body("boundary")
    with pytest.raises(InvalidRequest, match="surrogate"):
        get("/x", query={"q": "half \ud83d"}).url(BASE)


def test_bodies_are_not_shown() -> None:
    """They hold prompts."""
    request = post("/x", json={"prompt": "secret"}, parts=(form_field("p", "secret"),))

    assert "secret" not in repr(request)


def parsed(body: bytes) -> list[Any]:
    """The parts as somebody else's parser sees them."""
    head = b"Content-Type: multipart/form-data; boundary=cut-here\r\n\r\n"
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    assert message.is_multipart()
    return list(message.iter_parts())


def test_a_multipart_form_has_fields_and_files() -> None:
    """As RFC 7578 writes them."""
    fields = (
        form_field("model", "fox-1"),
        form_field("loop", value=True),
        form_field("n", 3),
        FormPart(name="image", content=b"\x89PNG\r\n", filename="fox.png", media_type="image/png"),
    )
    body, content_type = post("/x", parts=fields).body("cut-here")
    assert body is not None
    model, loop, n, image = parsed(body)

    assert content_type == "multipart/form-data; boundary=cut-here"
    assert [part.get_payload(decode=True) for part in (model, loop, n)] == [b"fox-1", b"true", b"3"]
    assert image["content-disposition"].params == {"name": "image", "filename": "fox.png"}
    assert image.get_content_type() == "image/png"
    assert b"\r\n\r\n\x89PNG\r\n\r\n--cut-here--\r\n" in body


ANYTHING = st.text() | st.sampled_from(
    [
        '"; filename="evil',
        "a\r\nX-Evil: 1\r\n\r\nbody",
        "a\nb",
        "a\0b",
        "half \ud83d",
        "é",
        "\x85\u2028",
    ]
)


@given(ANYTHING, st.none() | ANYTHING, st.none() | ANYTHING)
def test_no_name_breaks_out_of_its_header(
    name: str, filename: str | None, media_type: str | None
) -> None:
    """Names, file names and media types come from callers."""
    part = FormPart(name=name, content=b"fox", filename=filename, media_type=media_type)
    head, _, rest = multipart((part,), "cut-here").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")

    assert rest == b"fox\r\n--cut-here--\r\n"
    assert lines[0] == b"--cut-here"
    assert lines[1].startswith(b'Content-Disposition: form-data; name="')
    assert len(lines) == (3 if media_type else 2)
    assert lines[1].count(b'"') == (2 if filename is None else 4)
    assert not any(byte < 0x20 or byte == 0x7F for line in lines for byte in line)


# --- headers and responses ----------------------------------------------------------------------


def test_headers_are_found_without_regard_to_case() -> None:
    """Of repeated ones the first counts."""
    headers = Headers([("Retry-After", "3"), ("retry-after", "9"), ("X-Id", "a")])

    assert headers["RETRY-AFTER"] == "3"
    assert headers.get("x-id") == "a"
    assert headers.get("x-none") is None
    assert "X-ID" in headers
    assert dict(headers) == {"retry-after": "3", "x-id": "a"}
    assert len(Headers()) == 0


def test_headers_that_nobody_has_read_yet_are_the_same() -> None:
    """Whatever is asked first, and of values that are no ASCII."""
    said = {"retry-after": "3", "x-empty": "", "x-name": "M\u00fcller"}
    written = {name: value.encode("latin-1") for name, value in said.items()}
    looks: tuple[Callable[[Headers], Any], ...] = (
        lambda headers: headers["X-Name"],
        lambda headers: headers.get("X-Gone", "none"),
        lambda headers: headers.get("X-NAME"),
        lambda headers: headers.first(("x-gone", "x-empty", "x-name", "retry-after")),
        lambda headers: headers.first(("x-gone", "x-empty")),
        lambda headers: list(headers.names()),
        lambda headers: (list(headers), len(headers), dict(headers.items())),
        lambda headers: "x-empty" in headers,
    )
    for look in looks:
        assert look(Unread(dict(written))) == look(Headers(said))
    response = HttpResponse(200, headers=Unread(written))
    assert response.headers["retry-after"] == "3"


def test_a_header_replaces_its_namesake() -> None:
    """However either is written."""
    request = get("/x", headers={"authorization": "old", "Accept": "a"})

    assert request.with_headers({"Authorization": "new"}).headers == {
        "Accept": "a",
        "Authorization": "new",
    }


@pytest.mark.parametrize(
    ("declared", "media_type"),
    [
        ("Application/JSON; charset=utf-8", "application/json"),
        ("image/png", "image/png"),
        ("", None),
        (";", None),
        (None, None),
    ],
)
def test_a_media_type_is_told_without_its_parameters(
    declared: str | None, media_type: str | None
) -> None:
    """Or not at all."""
    headers = {} if declared is None else {"Content-Type": declared}

    assert HttpResponse(200, headers=headers).media_type() == media_type


def test_a_response_does_not_show_its_body() -> None:
    """It may hold prompts and pictures."""
    response = HttpResponse(200, b"secret")

    assert repr(response) == "HttpResponse(200, 6 bytes)"
    assert json.loads(HttpResponse(200, b"{}").content) == {}
