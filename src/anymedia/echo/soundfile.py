"""Sound as files: WAV by hand, everything else by PyAV."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from anymedia.echo.refusal import invalid, need
from anymedia.echo.waves import wav

if TYPE_CHECKING:
    from anymedia.echo.tones import Samples

TYPES = {
    "wav": ("audio/wav", "wav"),
    "mp3": ("audio/mpeg", "mp3"),
    "flac": ("audio/flac", "flac"),
    "opus": ("audio/ogg", "ogg"),
    "aac": ("audio/aac", "aac"),
    "pcm": ("audio/pcm", "pcm"),
}
"""Media type and file name ending of every format."""
CODECS: dict[str, tuple[str, str, int]] = {
    "mp3": ("mp3", "libmp3lame", 192_000),
    "flac": ("flac", "flac", 0),
    "opus": ("ogg", "libopus", 128_000),
    "aac": ("adts", "aac", 192_000),
}
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def known(kind: str) -> str:
    """The format, if echo can write it."""
    if kind not in TYPES:
        raise invalid(f"`format` {kind!r} should be one of {', '.join(TYPES)}")
    if kind in CODECS:
        need(f"{kind} files", "av")
    return kind


def encoded(sound: Samples, rate: int, kind: str, comment: str | None = None) -> bytes:
    """Samples, channels by time, as a file."""
    import numpy as np

    whole = (np.clip(sound, -1, 1) * 32767).round().astype("<i2")
    if kind in {"wav", "pcm"}:
        samples = np.ascontiguousarray(whole.T).tobytes()
        return samples if kind == "pcm" else wav(samples, rate, whole.shape[0], comment)
    return packed(whole, rate, kind)


def packed(whole: Any, rate: int, kind: str) -> bytes:
    """The same through a codec."""
    import av

    container, codec, bits = CODECS[kind]
    layout = "stereo" if whole.shape[0] == 2 else "mono"
    out = BytesIO()
    with av.open(out, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream: Any = file.add_stream(codec, rate=spoken_rate(rate, kind), layout=layout)
        if bits:
            stream.bit_rate = bits
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=stream.rate)
        frame: Any
        for start in range(0, whole.shape[1], rate):
            piece = whole[:, start : start + rate].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece.copy(), format="s16", layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            for ready in resampler.resample(frame):
                file.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            file.mux(stream.encode(ready))
        file.mux(stream.encode(None))
    return out.getvalue()


def spoken_rate(rate: int, kind: str) -> int:
    """The rate nearest to a sound's own that the codec has."""
    match kind:
        case "opus":
            return 48_000
        case "mp3" | "aac":
            return min(MP3_RATES, key=lambda one: abs(one - rate))
        case _:
            return rate
