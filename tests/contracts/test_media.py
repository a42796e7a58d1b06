"""What people pass for media, and what it becomes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter, ValidationError
from tests.contracts.documents import json_values

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import (
    SIGNATURES,
    InlineArtifact,
    Media,
    MediaArtifact,
    MediaBytes,
    MediaFile,
    MediaUrl,
    StoredArtifact,
    sniffed,
)

MEDIA: TypeAdapter[Any] = TypeAdapter(Media)
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8

ARTIFACT = StoredArtifact(
    id="art_1",
    media_type="image/png",
    size_bytes=16,
    sha256="0" * 64,
    filename="fox.png",
    location="objects/00",
)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("https://example.com/a.png", MediaUrl(url="https://example.com/a.png")),
        ("runway://asset/1", MediaUrl(url="runway://asset/1")),
        ("gs://bucket/a.png", MediaUrl(url="gs://bucket/a.png")),
        ("pictures/a.png", MediaFile(path=Path("pictures/a.png"))),
        (Path("a.png"), MediaFile(path=Path("a.png"))),
        ("~/a.png", MediaFile(path=Path.home() / "a.png")),
        ("file:///tmp/a%20b.png", MediaFile(path=Path("/tmp/a b.png"))),
        ("artifact:art_1", MediaArtifact(artifact_id="art_1")),
        (ARTIFACT, MediaArtifact(artifact_id="art_1", media_type="image/png")),
        (PNG, MediaBytes(data=PNG, media_type="image/png")),
        (bytearray(PNG), MediaBytes(data=PNG, media_type="image/png")),
        (b"nothing known", MediaBytes(data=b"nothing known")),
        ("data:text/plain,a%20fox", MediaBytes(data=b"a fox", media_type="text/plain")),
        ("data:,fox", MediaBytes(data=b"fox", media_type="text/plain")),
        ("data:;base64,iVBORw0KGgo=", MediaBytes(data=PNG[:8], media_type="image/png")),
        ("data:image/png;base64,iVBORw0KGgo=", MediaBytes(data=PNG[:8], media_type="image/png")),
        ("DATA:Image/PNG;Base64,iVBORw0KGgo=", MediaBytes(data=PNG[:8], media_type="image/png")),
        ("data:image/png;base64,iVBORw0KGgo%3D", MediaBytes(data=PNG[:8], media_type="image/png")),
        (
            "data:image/png;base64,iVBO\r\nRw0K Ggo",
            MediaBytes(data=PNG[:8], media_type="image/png"),
        ),
        (
            "data:audio/wav;rate=8000;base64,AAAA",
            MediaBytes(data=b"\0\0\0", media_type="audio/wav"),
        ),
        ({"kind": "url", "url": "https://x.example/a"}, MediaUrl(url="https://x.example/a")),
    ],
)
def test_people_pass_media_as_they_have_it(given_: Any, expected: Any) -> None:
    """Paths, URLs, data URIs, bytes, artifacts, or the contracts themselves."""
    assert MEDIA.validate_python(given_) == expected
    assert MEDIA.validate_python(expected) == expected


@pytest.mark.parametrize(
    "nasty",
    [
        "",
        "   ",
        "~nobody-here/a.png",
        "data:",
        "data:image/png;base64",
        "data:image/png;base64,!!!",
        "data:image/png;base64,é",
        "data:image/png;base64,A",
        "file://[bad",
        7,
        None,
        [],
        {"url": "https://example.com/a.png"},
        {"kind": "smell"},
        {"kind": "bytes", "data": "not base64!"},
        {"kind": "url", "url": "https://x.example", "surprise": 1},
    ],
)
def test_what_is_no_media_is_refused_by_validation(nasty: Any) -> None:
    """Never by another exception, and never read as something it is not."""
    with pytest.raises(ValidationError):
        MEDIA.validate_python(nasty)


@given(st.text() | st.binary() | json_values)
def test_anything_is_media_or_a_validation_error(anything: Any) -> None:
    """Whatever a caller sends."""
    try:
        MEDIA.validate_python(anything)
    except ValidationError as error:
        assert error.error_count() > 0  # noqa: PT017 - either outcome is right


@given(st.binary(), st.sampled_from(["image/png", "application/octet-stream"]))
def test_a_data_uri_holds_the_same_bytes(data: bytes, media_type: str) -> None:
    """Written by us and read by us."""
    media = MediaBytes(data=data, media_type=media_type)

    assert MEDIA.validate_python(media.data_uri()) == media


@given(st.binary())
def test_bytes_survive_json_whichever_way_it_is_read(data: bytes) -> None:
    """As text, and as the dict that a job's row is read back into."""
    for value in (MediaBytes(data=data), InlineArtifact(data=data)):
        written = value.model_dump_json()
        assert type(value).model_validate_json(written) == value
        assert type(value).model_validate(json.loads(written)) == value
        assert type(value).model_validate(value.model_dump()) == value


@given(st.binary())
def test_bytes_are_read_from_either_base64_alphabet(data: bytes) -> None:
    """Padded or not: callers write what their language writes."""
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        for variant in (text, text.rstrip("=")):
            found = MEDIA.validate_python({"kind": "bytes", "data": variant})
            assert found.data == data


def test_bytes_are_written_in_the_standard_alphabet() -> None:
    """The one that data URIs and every other language read."""
    assert json.loads(MediaBytes(data=b"\xfb\xff").model_dump_json())["data"] == "+/8="


def test_bytes_are_not_shown() -> None:
    """A picture in a log helps nobody."""
    assert "PNG" not in repr(MediaBytes(data=PNG))


def test_media_are_coerced_inside_of_requests() -> None:
    """Where they are usually passed."""
    request = ImageRequest(prompt="a fox", images=["https://example.com/a.png", PNG])

    assert request.images == (
        MediaUrl(url="https://example.com/a.png"),
        MediaBytes(data=PNG, media_type="image/png"),
    )


@pytest.mark.parametrize(("signature", "offset", "media_type"), SIGNATURES)
def test_the_first_bytes_show_what_it_is(signature: bytes, offset: int, media_type: str) -> None:
    """Each at its place, also when nothing follows."""
    assert sniffed(b"\0" * offset + signature) == media_type


@pytest.mark.parametrize(
    ("filename", "media_type"),
    [
        ("a.mp3", "audio/mpeg"),
        ("a.unheard-of", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_a_name_is_the_second_best_evidence(filename: str | None, media_type: str) -> None:
    """When the bytes show nothing."""
    assert sniffed(b"", filename) == media_type
    assert sniffed(PNG, filename) == "image/png"


class Shelf:
    """A store with one artifact."""

    def read(self, artifact: StoredArtifact) -> bytes:
        return PNG

    def save(self, artifact: StoredArtifact, path: Path) -> None:
        path.write_bytes(self.read(artifact))

    def link(self, artifact: StoredArtifact, expires_seconds: float) -> str:
        return f"https://example.com/{artifact.id}?for={expires_seconds:g}"


def test_a_bound_artifact_can_be_read_and_saved(tmp_path: Path) -> None:
    """Into a file, or into a folder under its own name."""
    artifact = ARTIFACT.model_copy().bind(Shelf())

    assert artifact.read() == PNG
    assert artifact.save(tmp_path / "mine.png").read_bytes() == PNG
    assert artifact.save(tmp_path) == tmp_path / "fox.png"


def test_an_unbound_artifact_says_where_to_get_it() -> None:
    """A description alone has no bytes."""
    with pytest.raises(RuntimeError, match="client\\.jobs\\.get"):
        ARTIFACT.read()
