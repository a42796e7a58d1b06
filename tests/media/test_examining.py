"""What files really are, and what is wrong with them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as some
from PIL import Image

from anymedia.media.examining import examined
from anymedia.testing.samples import chunk, mp4, wav
from tests.media.made import clip, cut, picture, sound


def test_a_clip_tells_everything(tmp_path: Path) -> None:
    """Container, pictures, sound and how loud that is."""
    seen = examined(clip(tmp_path / "a.mp4"), "video/mp4")
    assert seen["findings"] == []
    facts = seen["facts"]
    assert facts.pop("seconds") == pytest.approx(2.0, abs=0.1)
    assert facts.pop("loudness_lufs") == pytest.approx(-17, abs=1)
    assert facts.pop("peak_dbfs") == pytest.approx(-14, abs=1)
    assert facts == {
        "container": "mp4",
        "width": 160,
        "height": 90,
        "fps": 10.0,
        "codec": "h264",
        "pixel_format": "yuv420p",
        "has_audio": True,
        "audio_codec": "aac",
        "sample_rate": 48_000,
        "channels": 1,
        "blank": False,
        "silent": False,
    }


@pytest.mark.parametrize(("loud", "silent"), [(0.2, False), (0.002, False), (0.0005, True)])
def test_silence_is_noticed(tmp_path: Path, loud: float, silent: bool) -> None:
    """What nobody can hear; quiet is not silent."""
    facts = examined(sound(tmp_path / "a.wav", loud=loud), "audio/wav")["facts"]
    assert facts["silent"] is silent


def test_ten_times_louder_is_twenty_decibels_more(tmp_path: Path) -> None:
    """In loudness and in peaks."""
    quiet, loud = (
        examined(sound(tmp_path / f"{one}.wav", loud=one), "audio/wav")["facts"]
        for one in (0.05, 0.5)
    )
    assert loud["loudness_lufs"] - quiet["loudness_lufs"] == pytest.approx(20, abs=0.2)
    assert loud["peak_dbfs"] == pytest.approx(-6, abs=0.2)


def test_a_black_clip_is_blank_and_one_that_begins_black_is_not(tmp_path: Path) -> None:
    """Pictures from all over its length are looked at."""
    black = clip(tmp_path / "black.mp4", black_seconds=2.0, sound=False)
    late = clip(tmp_path / "late.mp4", black_seconds=1.0, sound=False)
    assert examined(black, "video/mp4")["facts"]["blank"] is True
    assert examined(late, "video/mp4")["facts"]["blank"] is False


def test_shades_that_follow_each_other_are_something_to_see(tmp_path: Path) -> None:
    """Each picture is of one colour; together they are not."""
    path = tmp_path / "a.mp4"
    path.write_bytes(mp4())
    assert examined(path, "video/mp4")["facts"]["blank"] is False


@pytest.mark.parametrize(
    ("mode", "colour", "blank", "transparent"),
    [
        ("RGB", (9, 9, 9), True, False),
        ("RGBA", (200, 10, 10, 0), True, True),
        ("RGBA", (200, 10, 10, 255), True, False),
        ("L", 255, True, False),
    ],
)
def test_pictures_of_one_colour_are_blank(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], blank: bool, transparent: bool
) -> None:
    """And what can be seen through is told by its pixels, not by its format."""
    path = tmp_path / "a.png"
    Image.new(mode, (20, 20), colour).save(path)
    facts = examined(path, "image/png")["facts"]
    assert (facts["blank"], facts["transparent"]) == (blank, transparent)


def test_a_picture_with_something_in_it_is_not_blank(tmp_path: Path) -> None:
    """In each usual format."""
    for form in ("PNG", "JPEG", "WEBP", "AVIF"):
        seen = examined(picture(tmp_path / form, form=form), f"image/{form.lower()}")
        assert seen["facts"]["blank"] is False
        assert (seen["facts"]["container"], seen["findings"]) == (form.lower(), [])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.85])
def test_files_that_are_cut_off_are_noticed(tmp_path: Path, share: float) -> None:
    """A download that ended early, or a provider that stored half."""
    files = [
        (clip(tmp_path / "a.mp4"), "video/mp4"),
        (sound(tmp_path / "a.wav"), "audio/wav"),
        (picture(tmp_path / "a.png", (300, 300)), "image/png"),
        (picture(tmp_path / "a.jpeg", (300, 300), "JPEG"), "image/jpeg"),
    ]
    for path, media_type in files:
        (finding,) = examined(cut(path, share), media_type)["findings"]
        assert finding["code"] == "delivered-damaged"


def test_sound_of_unknown_length_is_not_called_cut_off(tmp_path: Path) -> None:
    """Voices are streamed, and who streams WAV cannot know how long it will be."""
    data = bytearray(wav(1.0))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(data))
    assert examined(path, "audio/wav")["findings"] == []


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"not a clip",
        b"",
    ],
)
def test_a_playlist_is_no_clip_and_is_not_followed(tmp_path: Path, data: bytes) -> None:
    """It would lead to other files and addresses."""
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    seen = examined(path, "video/mp4")
    assert seen["facts"] == {}
    assert [one["message"] for one in seen["findings"]] == ["the file cannot be read"]


def test_a_picture_as_large_as_a_town_is_not_unpacked(tmp_path: Path) -> None:
    """Few bytes that would take gigabytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    (finding,) = examined(path, "image/png")["findings"]
    assert finding["message"] == "the picture is too large to be looked at"


def test_a_title_in_another_alphabet_is_no_damage(tmp_path: Path) -> None:
    """Old tools write what is not UTF-8."""
    data = clip(tmp_path / "a.mp4").read_bytes()
    assert data.count(b"Lavf") >= 1  # the name of the encoder is such a text
    path = tmp_path / "b.mp4"
    path.write_bytes(data.replace(b"Lavf", b"\xe4\xf6\xfc\xff"))
    seen = examined(path, "video/mp4")
    assert (seen["findings"], seen["facts"]["width"]) == ([], 160)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(position=some.integers(0, 100_000), value=some.integers(0, 255), end=some.booleans())
def test_no_damage_breaks_the_examination(
    tmp_path: Path, position: int, value: int, end: bool
) -> None:
    """A byte changed or the rest missing, wherever."""
    whole = tmp_path / "whole.mp4"
    data = bytearray((whole if whole.exists() else clip(whole, seconds=0.5)).read_bytes())
    data[position % len(data)] = value
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(data[: position % len(data)]) if end else bytes(data))
    assert set(examined(path, "video/mp4")) == {"facts", "findings"}
