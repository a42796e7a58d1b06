"""Media going in: whatever the caller has becomes what the provider takes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as some
from PIL import Image

from anymedia.contracts.errors import (
    NotFound,
    ProviderTimeout,
    ProviderUnavailable,
    UnreadableInput,
)
from anymedia.contracts.media import MediaArtifact, MediaBytes, MediaFile, MediaUrl
from anymedia.contracts.notice import Notice
from anymedia.contracts.video import VideoRequest
from anymedia.engine.download import Downloads
from anymedia.engine.inputs import Inputs, read_file
from anymedia.engine.pictures import converted
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished, hello
from tests.support.acme import ACME
from tests.support.transport import After, Answer, Streamed, answer, cut


def drawn(form: str = "PNG", size: tuple[int, int] = (8, 4), **options: Any) -> bytes:
    """A picture: red on the left, blue on the right."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


PNG = drawn()


class Shelf:
    """Kept inputs, as a store would have them."""

    async def read_input(self, artifact_id: str) -> MediaBytes:
        if artifact_id != "art_1":
            raise NotFound("there is no such artifact")
        return MediaBytes(data=PNG, media_type="image/png", filename="kept.png")


async def public(host: str, port: int) -> list[str]:
    """Every name is a public address, but for our own."""
    return ["127.0.0.1"] if host == "localhost" else ["93.184.216.34"]


def prepared(
    media: Any, *answers: Answer, limit_bytes: int = 50_000, **inputs: Any
) -> tuple[Any, list[Notice], Workbench]:
    """A first frame as Acme gets it."""
    provider = replace(ACME, inputs=replace(ACME.inputs, **inputs))
    bench = Workbench(*answers, providers=(provider,))
    downloads = Downloads(bench.transport, resolve=public)
    preparing = Inputs(downloads, Shelf(), limit_bytes=limit_bytes)
    request = VideoRequest(prompt="fog", first_frame=media)
    done, notices = finished(preparing.prepared(request, bench.engine.providers.get("acme")))
    return done.first_frame, notices, bench


def test_a_url_that_the_provider_can_fetch_goes_as_it_is() -> None:
    """We do not even look at it."""
    media, notices, bench = prepared("https://open.test/a.png")
    assert media == MediaUrl(url="https://open.test/a.png")
    assert (notices, bench.transport.sent) == ([], [])


def test_a_url_that_it_cannot_is_fetched_by_us() -> None:
    """Plain http, at Acme; or any, where a provider takes bytes only."""
    media, _, _ = prepared("http://open.test/pictures/a.png?x=1", HttpResponse(200, PNG))
    assert media == MediaBytes(data=PNG, media_type="image/png", filename="a.png")
    media, _, _ = prepared("https://open.test/a.png", HttpResponse(200, PNG), schemes=())
    assert media.data == PNG


def test_a_providers_own_references_are_left_to_it() -> None:
    """Such as `acme://`."""
    media, _, _ = prepared("acme://file/1", schemes=("https", "acme"))
    assert media == MediaUrl(url="acme://file/1")


def test_files_bytes_and_artifacts_become_bytes(tmp_path: Path) -> None:
    """With the type that the bytes show."""
    path = tmp_path / "fox.png"
    path.write_bytes(PNG)
    for media in (path, str(path), f"file://{path}"):
        held, _, _ = prepared(media)
        assert held == MediaBytes(data=PNG, media_type="image/png", filename="fox.png")
    assert prepared(PNG)[0].data == PNG
    assert prepared("artifact:art_1")[0].filename == "kept.png"


def test_what_is_too_large_for_a_request_is_uploaded() -> None:
    """And referred to."""
    media, _, bench = prepared(
        PNG, answer({"url": "https://files.acme.example/1"}), inline_bytes=10
    )
    assert media == MediaUrl(url="https://files.acme.example/1")
    (sent,) = bench.transport.sent
    assert (sent.body, sent.headers["Content-Type"]) == (PNG, "image/png")


@pytest.mark.parametrize(
    ("takes", "most"),
    [
        ({"inline_bytes": 10, "upload": None}, "10"),
        ({"inline_bytes": 10, "upload_bytes": 20}, "20"),
    ],
)
def test_what_is_too_large_for_the_provider_is_refused(takes: dict[str, Any], most: str) -> None:
    """With the size that it takes and what else could be done."""
    with pytest.raises(UnreadableInput, match=f"takes at most {most}. Make it smaller"):
        prepared(PNG, **takes)


def test_what_is_too_large_for_us_is_not_read_to_its_end(tmp_path: Path) -> None:
    """From memory, from a file, from the network, from a device without an end."""
    large = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    path = tmp_path / "large.png"
    path.write_bytes(large)
    for media in (large, path, Path("/dev/zero")):
        with pytest.raises(UnreadableInput, match="max_input_bytes"):
            prepared(media, limit_bytes=1000)
    endless = Streamed([bytes(400)] * 4 + [AssertionError("read too far")])
    with pytest.raises(UnreadableInput, match="max_input_bytes"):
        prepared("http://open.test/a", endless, limit_bytes=1000)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path / "none.png", "No such file"),
        (lambda path: path, "Is a directory"),
        (lambda path: Path("a\0b"), "null"),
        (lambda path: (path / "empty").write_bytes(b"") or path / "empty", "is empty"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(UnreadableInput, match=words):
        read_file(make(tmp_path), 1000)


def test_nothing_is_not_an_input() -> None:
    """However it was handed over."""
    with pytest.raises(UnreadableInput, match="empty"):
        prepared(MediaBytes(data=b"", media_type="image/png"))
    with pytest.raises(UnreadableInput, match="empty"):
        prepared("http://open.test/a.png", HttpResponse(200, b""))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer({}, 404), "expired"),
        (answer({}, 503), "answered 503"),
        (cut(), "the connection broke"),
        (HttpResponse(200, b"log in", {"content-type": "text/html"}), "a web page"),
        (HttpResponse(200, b"\n<!DOCTYPE html><html>log in"), "a web page"),
        (Streamed([PNG[:10], cut()]), "the connection broke"),
    ],
)
def test_an_input_url_that_fails_is_the_callers_to_mend(reply: Answer, words: str) -> None:
    """Not a failure of the provider, which was not asked."""
    with pytest.raises(UnreadableInput, match=words):
        prepared("http://open.test/a.png", reply)


@pytest.mark.parametrize("url", ["http://localhost:6379/", "ftp://open.test/a", "http://["])
def test_an_input_url_may_not_lead_into_our_network(url: str) -> None:
    """Or anywhere that is not the web."""
    with pytest.raises(UnreadableInput):
        prepared(MediaUrl(url=url))


def test_an_artifact_that_is_not_there_is_not_found() -> None:
    """Its store knows."""
    with pytest.raises(NotFound):
        prepared(MediaArtifact(artifact_id="art_2"))


def test_artifacts_need_a_store() -> None:
    """Without one they are refused."""
    bench = Workbench()
    with pytest.raises(UnreadableInput, match="cannot be read here"):
        finished(bench.engine.inputs.held(MediaArtifact(artifact_id="art_1")))


# --- conversion -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_in_another_format_is_converted_aloud(form: str, tmp_path: Path) -> None:
    """To the first that the provider takes."""
    path = tmp_path / f"fox.{form.lower()}"
    path.write_bytes(drawn(form))
    media, (notice,), _ = prepared(path)
    assert (media.media_type, media.filename) == ("image/png", "fox.png")
    assert (notice.code, notice.given) == ("input-converted", "image/png")
    assert Image.open(io.BytesIO(media.data)).size == (8, 4)


def test_a_converted_picture_stays_upright() -> None:
    """Cameras note which way is up beside the pixels."""
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    media = MediaBytes(data=drawn("WEBP", exif=turned), media_type="image/webp")
    done = Image.open(io.BytesIO(converted(media, "image/png", []).data))
    assert done.size == (4, 8)


def test_a_picture_with_holes_can_become_one_without() -> None:
    """JPEG knows no transparency."""
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    done = converted(MediaBytes(data=buffer.getvalue(), media_type="image/png"), "image/jpeg", [])
    assert Image.open(io.BytesIO(done.data)).mode == "RGB"


@given(
    some.integers(0, 200), some.integers(0, 255), some.sampled_from(["PNG", "GIF", "WEBP", "BMP"])
)
def test_a_damaged_picture_is_an_unreadable_input(position: int, value: int, form: str) -> None:
    """Never a failure of another kind."""
    data = bytearray(drawn(form))
    data[position % len(data)] = value
    for broken in (bytes(data), bytes(data[: position % len(data)])):
        try:
            converted(MediaBytes(data=broken or b"x", media_type="image/x"), "image/png", [])
        except UnreadableInput as error:
            assert "cannot be read" in error.message  # noqa: PT017


# --- in a run -------------------------------------------------------------------------------


def looking(media: Any) -> Any:
    """A request with a picture to look at."""
    part = {"type": "image", "image": media}
    return hello(prompt=None, messages=({"role": "user", "content": (part,)},), model="words-1")


def test_pictures_in_messages_are_prepared_too() -> None:
    """However deep they lie; the conversion is told in the result."""
    bench = Workbench(answer({"text": "a fox"}))
    result = bench.run(looking(drawn("WEBP")))
    (body,) = bench.transport.bodies()
    assert body["images"][0].startswith("data:image/png;base64,")
    assert [notice.code for notice in result.warnings] == ["input-converted"]


def test_an_input_that_cannot_be_read_costs_nothing() -> None:
    """And is not tried with another provider."""
    bench = Workbench()
    with pytest.raises(UnreadableInput):
        bench.run(looking(MediaFile(path=Path("/nowhere/fox.png"))))
    (row,) = bench.rows
    assert (row.amount, row.maybe_billed) == (0, False)


def test_fetching_inputs_takes_from_the_time_of_the_request() -> None:
    """A slow picture does not make a request outlast its limit."""
    bench = Workbench(After(8, HttpResponse(200, PNG)), answer({"text": "a fox"}))
    bench.engine.inputs = Inputs(
        Downloads(bench.transport, resolve=public), None, limit_bytes=10_000
    )
    bench.run(looking("http://open.test/a.png").model_copy(update={"timeout_seconds": 10.0}))
    fetched, asked = bench.transport.sent
    assert fetched.total_seconds == 10
    assert asked.total_seconds == pytest.approx(2)


def test_an_upload_that_fails_was_not_the_purchase() -> None:
    """It may be tried again without a doubt about money in between."""
    provider = replace(ACME, inputs=replace(ACME.inputs, inline_bytes=10))
    bench = Workbench(answer({}, 503), providers=(provider,), retry={"max_attempts": 1})
    with pytest.raises(ProviderUnavailable):
        bench.run(looking(PNG))
    (row,) = bench.rows
    assert (row.amount, row.maybe_billed) == (0, False)
    late = Workbench(After(99, answer({})), providers=(provider,), retry={"max_attempts": 1})
    with pytest.raises(ProviderTimeout):
        late.run(looking(PNG).model_copy(update={"timeout_seconds": 10.0}))
    assert not late.rows[0].maybe_billed
