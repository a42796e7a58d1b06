"""What files really are, whatever they are called; what cannot be read stays unknown."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as some
from PIL import Image

from anymedia.store.probe import probed


def sound(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A WAV file of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))
    return buffer.getvalue()


def picture(form: str) -> bytes:
    """A picture of 32 by 16."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 16), "red").save(buffer, form)
    return buffer.getvalue()


def clip(path: Path, *, with_sound: bool) -> Path:
    """A second of 64 by 48 at ten frames, with or without a sound track."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=8000) if with_sound else None
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            silence = np.zeros((1, 8000), np.float32)
            samples = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            samples.sample_rate = 8000
            container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return path


def kept(tmp_path: Path, data: bytes) -> Path:
    """A file without a name that says anything."""
    path = tmp_path / "part"
    path.write_bytes(data)
    return path


def test_a_wave_file_tells_how_long_it_is(tmp_path: Path) -> None:
    """Without any extra installed."""
    assert probed(kept(tmp_path, sound()), "audio/wav") == {
        "seconds": 0.5,
        "channels": 1,
        "container": "wav",
        "sample_rate": 8000,
        "codec": "pcm_s16le",
        "has_audio": True,
    }


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_tells_its_size(tmp_path: Path, form: str) -> None:
    """In the formats that providers deliver."""
    facts = probed(kept(tmp_path, picture(form)), f"image/{form.lower()}")
    assert (facts["width"], facts["height"], facts["codec"]) == (32, 16, form.lower())


@pytest.mark.parametrize("with_sound", [True, False])
def test_a_clip_tells_size_length_frames_and_whether_it_has_sound(
    tmp_path: Path, with_sound: bool
) -> None:
    """What presets promise is checked against this."""
    facts = probed(clip(tmp_path / "a.mp4", with_sound=with_sound), "video/mp4")
    assert (facts["width"], facts["height"], facts["codec"]) == (64, 48, "mpeg4")
    assert (facts["fps"], facts["has_audio"]) == (10.0, with_sound)
    assert facts["seconds"] == pytest.approx(1.0, abs=0.2)


def test_sound_in_other_containers_is_read_too(tmp_path: Path) -> None:
    """By what is in them."""
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as container:
        track = container.add_stream("mp3", rate=44100)
        silence = np.zeros((1, 44100), np.float32)
        samples = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        samples.sample_rate = 44100
        container.mux(track.encode(samples))
        container.mux(track.encode())
    facts = probed(path, "audio/mpeg")
    assert (facts["has_audio"], facts["sample_rate"]) == (True, 44100)
    assert facts["codec"].startswith("mp3")


@pytest.mark.parametrize(
    "media_type", ["audio/wav", "audio/mpeg", "image/png", "video/mp4", "application/pdf", ""]
)
@pytest.mark.parametrize("data", [b"", b"not media at all", b"RIFF\xff\xff\xff\xffWAVEfmt "])
def test_what_cannot_be_read_stays_unknown(tmp_path: Path, media_type: str, data: bytes) -> None:
    """It was paid for: a probe does not fail it."""
    assert probed(kept(tmp_path, data), media_type) == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    position=some.integers(0, 10_000),
    value=some.integers(0, 255),
    cut=some.booleans(),
    which=some.sampled_from(["audio/wav", "image/png", "image/gif", "image/webp", "video/mp4"]),
)
def test_no_damage_breaks_the_probe(
    tmp_path: Path, position: int, value: int, cut: bool, which: str
) -> None:
    """A byte changed or the end missing, wherever."""
    if which == "audio/wav":
        data = bytearray(sound(0.01))
    elif which == "video/mp4":
        whole = tmp_path / "whole.mp4"
        data = bytearray((whole if whole.exists() else clip(whole, with_sound=True)).read_bytes())
    else:
        data = bytearray(picture(which.removeprefix("image/").upper()))
    data[position % len(data)] = value
    broken = bytes(data[: position % len(data)]) if cut else bytes(data)
    assert isinstance(probed(kept(tmp_path, broken), which), dict)


def test_a_codec_that_nobody_here_knows_leaves_the_rest_known(tmp_path: Path) -> None:
    """New ones come faster than libraries do."""
    data = clip(tmp_path / "a.mp4", with_sound=True).read_bytes()
    facts = probed(
        kept(tmp_path, data.replace(b"mp4v", b"xq9z").replace(b"esds", b"xq9z")), "video/mp4"
    )
    assert "codec" not in facts
    assert (facts["has_audio"], facts["fps"]) == (True, 10.0)
    assert facts["seconds"] == pytest.approx(1.0, abs=0.2)
