"""Whoever delivered it, it comes out alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from anymedia.media.normalizing import normalized
from tests.media.made import clip, picture, sound


def made(source: Path, media_type: str, **wanted: Any) -> tuple[Path, dict[str, Any]]:
    """The normalised file and its facts."""
    target = source.with_name(f"made-{source.name}")
    outcome = normalized(source, target, media_type, wanted, lambda _: None)
    assert outcome["findings"] == []
    return target, {**outcome["facts"], "media_type": outcome["media_type"]}


def stream_facts(path: Path) -> tuple[Any, ...]:
    """All that has to be alike for clips to be joined."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        return (
            container.format.name,
            context.name,
            context.pix_fmt,
            context.width,
            context.height,
            video.average_rate,
            video.time_base,
            context.colorspace,
            context.color_range,
            audio.codec_context.name,
            audio.rate,
            audio.layout.name,
            audio.time_base,
        )


def test_clips_of_different_kinds_come_out_alike(tmp_path: Path) -> None:
    """Another container, codec, size and rate each; the same afterwards, to the time base."""
    sources = [
        clip(tmp_path / "a.mp4", size=(160, 90), fps=10),
        clip(tmp_path / "b.webm", size=(120, 120), fps=24, form="webm", codec="libvpx-vp9"),
        clip(tmp_path / "c.mp4", size=(90, 160), fps=30, codec="mpeg4"),
    ]
    wanted = {"format": "mp4", "width": 128, "height": 72, "fps": 25.0}
    found = {stream_facts(made(one, "video/mp4", **wanted)[0]) for one in sources}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("form", "codec", "named", "sound_codec"),
    [
        ("mp4", None, "h264", "aac"),
        ("mp4", "h265", "hevc", "aac"),
        ("mp4", "av1", "av1", "aac"),
        ("webm", None, "vp9", "opus"),
        ("webm", "av1", "av1", "opus"),
    ],
)
def test_every_codec_that_can_be_asked_for_is_there(
    tmp_path: Path, form: str, codec: str | None, named: str, sound_codec: str
) -> None:
    """As long as before, with its sound."""
    said = {"codec": codec} if codec else {}
    _, facts = made(clip(tmp_path / "a.mp4"), "video/mp4", format=form, **said)
    assert (facts["container"], facts["codec"], facts["audio_codec"]) == (form, named, sound_codec)
    assert facts["media_type"] == f"video/{form}"
    assert facts["seconds"] == pytest.approx(2.0, abs=0.1)


def test_an_mp4_begins_with_its_index(tmp_path: Path) -> None:
    """Players can start before all of it is there."""
    path, _ = made(
        clip(tmp_path / "a.webm", form="webm", codec="libvpx-vp9"), "video/webm", format="mp4"
    )
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_frames_keep_their_time_when_the_rate_changes(tmp_path: Path) -> None:
    """Pictures are repeated or left out; nothing runs faster."""
    _, facts = made(clip(tmp_path / "a.mp4", fps=10), "video/mp4", fps=24.0)
    assert (facts["fps"], facts["seconds"]) == (24.0, pytest.approx(2.0, abs=0.1))


def test_a_clip_without_sound_stays_without(tmp_path: Path) -> None:
    """Nothing is made up."""
    _, facts = made(clip(tmp_path / "a.mp4", sound=False), "video/mp4", format="mp4", height=180)
    assert (facts["has_audio"], facts["width"], facts["height"]) == (False, 320, 180)


@pytest.mark.parametrize(
    ("fit", "corner_is_black"), [("contain", True), ("cover", False), ("stretch", False)]
)
def test_another_shape_is_filled_as_wanted(tmp_path: Path, fit: str, corner_is_black: bool) -> None:
    """With bars, or without."""
    path, facts = made(clip(tmp_path / "a.mp4"), "video/mp4", width=96, height=96, fit=fit)
    assert (facts["width"], facts["height"]) == (96, 96)
    with av.open(str(path)) as container:
        frame: Any = next(container.decode(video=0))
        image = frame.to_image()
    red, green, blue = image.getpixel((48, 2))
    assert (max(red, green, blue) < 20) is corner_is_black


@pytest.mark.parametrize(
    ("form", "codec", "named"),
    [
        ("wav", None, "pcm_s16le"),
        ("wav", "pcm_s24le", "pcm_s24le"),
        ("mp3", None, "mp3"),
        ("flac", None, "flac"),
        ("ogg", None, "opus"),
        ("ogg", "flac", "flac"),
        ("opus", None, "opus"),
    ],
)
def test_sound_comes_in_every_form(
    tmp_path: Path, form: str, codec: str | None, named: str
) -> None:
    """At the rate, in the channels and as loud as wanted."""
    said = {"codec": codec} if codec else {}
    _, facts = made(
        sound(tmp_path / "a.wav"),
        "audio/wav",
        format=form,
        sample_rate=24_000,
        channels=2,
        loudness_lufs=-20.0,
        **said,
    )
    assert (facts["codec"], facts["channels"]) == (named, 2)
    if named != "opus":  # which always decodes to 48 kHz
        assert facts["sample_rate"] == 24_000
    assert facts["loudness_lufs"] == pytest.approx(-20, abs=0.6)


def test_loudness_is_reached_without_going_beyond_full_scale(tmp_path: Path) -> None:
    """The limiter holds what the gain would push over."""
    _, facts = made(sound(tmp_path / "a.wav", loud=0.05), "audio/wav", loudness_lufs=-5.0)
    assert facts["peak_dbfs"] <= -0.9


def test_silence_stays_silent(tmp_path: Path) -> None:
    """No gain makes anything of nothing."""
    _, facts = made(sound(tmp_path / "a.wav", loud=0.0), "audio/wav", loudness_lufs=-16.0)
    assert facts["silent"] is True


def test_a_rate_that_a_codec_does_not_have_is_refused(tmp_path: Path) -> None:
    """Not rounded quietly."""
    with pytest.raises(ValueError, match="no sample rate of 44100"):
        made(sound(tmp_path / "a.wav"), "audio/wav", format="opus", sample_rate=44_100)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "avif"])
def test_pictures_come_in_every_form(tmp_path: Path, form: str) -> None:
    """In the size that is wanted."""
    path, facts = made(picture(tmp_path / "a.png"), "image/png", format=form, width=40, height=40)
    assert facts["media_type"] == f"image/{form}"
    with Image.open(path) as image:
        assert (image.format or "").lower() == form
        assert image.size == (40, 40)


def test_a_transparent_picture_lies_on_white_where_nothing_can_be_seen_through(
    tmp_path: Path,
) -> None:
    """JPEG has no transparency, and black would be a surprise."""
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "a.png")
    path, _ = made(tmp_path / "a.png", "image/png", format="jpeg")
    with Image.open(path) as image:
        assert image.getpixel((5, 5)) == (255, 255, 255)
    path, facts = made(tmp_path / "a.png", "image/png", format="webp")
    assert facts["transparent"] is True


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    """The note about it would be lost."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.jpeg", exif=exif)
    _, facts = made(tmp_path / "a.jpeg", "image/jpeg", format="png")
    assert (facts["width"], facts["height"]) == (20, 30)
