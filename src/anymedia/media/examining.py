"""What a file really is and whether anything is wrong with it, by decoding some of it.

Facts have the names of `StoredArtifact`'s fields. A finding is a dictionary with the fields of a
`Notice`; the engine adds what depends on the request.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.media.reading import MOST_PIXELS, opened

if TYPE_CHECKING:
    from av.container import InputContainer

HEARD_SECONDS = 300.0
"""Sound beyond this is not listened to."""
LOOKS = 5
"""Pictures of a clip that are looked at, spread over its length."""
SILENCE_DBFS = -60.0
FLAT = 3
"""Shades that a picture of one colour may differ by, after compression."""
DARK = 24
"""The lightest shade of 255 that still is black: black is 16 where television's levels are used."""
MISSING_SHARE = 0.1
"""Of a file's promised length, that may be missing without a word."""
MISSING_SECONDS = 0.25
MOST_PACKETS = 200_000
INDEXED = frozenset({"mp4", "webm", "flac", "avi"})
"""Containers that say how long each track is; of others it is only guessed."""
MOST_FRAMES = 120
"""That are decoded on the way to one that is looked at."""
CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
    "matroska,webm": "webm",
    "mpegts": "ts",
}


def examined(path: Path, media_type: str) -> dict[str, Any]:
    """Facts and findings about a file of this type."""
    if media_type.startswith("image/"):
        return picture(path)
    return moving(path)


def damaged(message: str) -> dict[str, str]:
    """Something is wrong with the file itself."""
    return {"code": "delivered-damaged", "message": message}


# --- pictures -------------------------------------------------------------------------------


def picture(path: Path) -> dict[str, Any]:
    """Anything that Pillow reads, decoded whole."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        image: Image.Image = Image.open(path)
    except Image.DecompressionBombError:
        return {"facts": {}, "findings": [damaged("the picture is too large to be looked at")]}
    except (OSError, ValueError, SyntaxError):
        return {"facts": {}, "findings": [damaged("the picture cannot be read")]}
    with image:
        form = (image.format or "").lower()
        facts: dict[str, Any] = {
            "width": image.width,
            "height": image.height,
            "codec": form or None,
            "container": form or None,
            "pixel_format": image.mode,
        }
        try:
            image.load()
        except (OSError, ValueError, SyntaxError, EOFError):
            return {"facts": facts, "findings": [damaged("the picture is cut off or damaged")]}
        small = image.convert("RGBA")
        small.thumbnail((512, 512))
        extrema: Any = small.getextrema()
        *colours, (alpha, most) = extrema
        facts["transparent"] = alpha < 255 - FLAT
        facts["blank"] = most <= FLAT or (
            alpha >= 255 - FLAT and all(high - low <= FLAT for low, high in colours)
        )
    return {"facts": facts, "findings": []}


# --- clips and sound ------------------------------------------------------------------------


def moving(path: Path) -> dict[str, Any]:
    """Anything that FFmpeg's libraries read."""
    import av

    facts: dict[str, Any] = {}
    findings: list[dict[str, str]] = []
    try:
        with opened(path) as container:
            facts |= described(container)
            if not container.streams.video and not container.streams.audio:
                findings.append(damaged("there is neither a picture nor sound in it"))
            elif promises_more(path) or cut_off(container, facts):
                findings.append(damaged("the file is cut off: its end is missing"))
    except (av.FFmpegError, ValueError, OverflowError):
        return {"facts": facts, "findings": [damaged("the file cannot be read")]}
    for look in (seen, heard):
        try:
            with opened(path) as container:
                facts |= look(container, facts.get("seconds"))
        except (av.FFmpegError, ValueError, OverflowError):
            findings.append(damaged("parts of the file cannot be decoded"))
    if facts.get("has_audio") is False:
        facts.pop("silent", None)
    return {"facts": facts, "findings": findings[:1]}


def described(container: InputContainer) -> dict[str, Any]:
    """What the file says of itself."""
    name = container.format.name
    facts: dict[str, Any] = {
        "container": CONTAINERS.get(name, name.partition(",")[0]),
        "has_audio": bool(container.streams.audio),
    }
    if container.duration:
        facts["seconds"] = round(container.duration / 1_000_000, 3)
    pictures = [one for one in container.streams.video if not is_cover(one)]
    if pictures:
        video = pictures[0]
        rate = video.average_rate
        facts["fps"] = round(float(rate), 3) if rate else None
        # A codec that this build does not know has no context.
        if video.codec_context is not None:
            facts |= {
                "width": video.width,
                "height": video.height,
                "codec": video.codec_context.codec.canonical_name,
                "pixel_format": video.codec_context.pix_fmt,
            }
    if container.streams.audio:
        sound = container.streams.audio[0]
        if sound.codec_context is not None:
            facts |= {
                "audio_codec": sound.codec_context.codec.canonical_name,
                "sample_rate": sound.rate,
                "channels": sound.channels,
            }
            if not pictures:
                facts["codec"] = facts["audio_codec"]
    return {name: value for name, value in facts.items() if value is not None}


def is_cover(stream: Any) -> bool:
    """Whether a "video" is the cover of a song."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def cut_off(container: InputContainer, facts: dict[str, Any]) -> bool:
    """Whether a track ends long before the index says; by its packets, without decoding."""
    if facts.get("container") not in INDEXED:
        return False
    streams = [*container.streams.video, *container.streams.audio]
    promised = {
        one.index: float(one.duration * one.time_base)
        for one in streams
        if one.duration and one.time_base and not is_cover(one)
    }
    last = dict.fromkeys(promised, 0.0)
    begins: dict[int, float] = {}
    for count, packet in enumerate(container.demux(*streams)):
        index = packet.stream.index
        if packet.pts is not None and index in last:
            begin = begins.setdefault(index, float(packet.pts * packet.time_base))
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - begin
            last[index] = max(last[index], end)
        if count >= MOST_PACKETS:
            return False
    return any(
        last[index] < seconds - max(MISSING_SECONDS, seconds * MISSING_SHARE)
        for index, seconds in promised.items()
    )


def promises_more(path: Path) -> bool:
    """Whether a WAV file says that it is longer than it is. One made on the fly does not know."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or len(head) < 12:
        return False
    said = 8 + int.from_bytes(head[4:8], "little")
    return said < 0x7FFF_0000 and said * (1 - MISSING_SHARE) > path.stat().st_size


def seen(container: InputContainer, seconds: float | None) -> dict[str, Any]:
    """Whether there is anything to be seen, in a few pictures of a clip."""
    pictures = [one for one in container.streams.video if not is_cover(one)]
    if not pictures:
        return {}
    stream = pictures[0]
    start = container.start_time or 0
    darkest, lightest = 255, 0
    looks = LOOKS if seconds and seconds > 0.5 else 1
    for look in range(looks):
        if look:
            at = start + int((seconds or 0) * 1_000_000 * look / looks)
            container.seek(at, backward=True)
        frame = reached(container, stream, (seconds or 0) * look / looks)
        if frame is not None:
            low, high = lightness(frame)
            darkest, lightest = min(darkest, low), max(lightest, high)
        if shows(darkest, lightest):
            return {"blank": False}
    return {"blank": True}


def reached(container: InputContainer, stream: Any, seconds: float) -> Any:
    """The picture at a time, or one on the way there; key frames may be far apart."""
    start = (container.start_time or 0) / 1_000_000
    frame = None
    for frame in itertools.islice(container.decode(stream), MOST_FRAMES):
        if frame.time is None or frame.time - start >= seconds:
            break
    return frame


def shows(darkest: int, lightest: int) -> bool:
    """Whether there is more than black, or one colour."""
    return lightest > DARK and lightest - darkest > FLAT


def lightness(frame: Any) -> tuple[int, int]:
    """The darkest and the lightest shade of a picture, seen from afar."""
    small = frame.reformat(width=64, height=64, format="gray").planes[0]
    data = bytes(small)
    rows = [data[at : at + 64] for at in range(0, small.line_size * 64, small.line_size)]
    return min(map(min, rows)), max(map(max, rows))


def heard(container: InputContainer, _seconds: float | None = None) -> dict[str, Any]:
    """How loud it is, as people hear it (EBU R 128), and its loudest sample."""
    from av.filter import Graph

    if not container.streams.audio or container.streams.audio[0].codec_context is None:
        return {}
    stream = container.streams.audio[0]
    graph = Graph()
    source = graph.add_abuffer(template=stream)
    meter = graph.add("ebur128", "metadata=1:peak=sample:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    told: dict[str, str] = {}
    listened = 0.0
    for frame in container.decode(stream):
        source.push(frame)
        told = pulled(sink) or told
        listened += frame.samples / (frame.sample_rate or 48_000)
        if listened >= HEARD_SECONDS:
            break
    source.push(None)
    told = pulled(sink) or told
    if not told:
        return {}
    peak = float(told.get("lavfi.r128.sample_peak", "0") or 0)
    peak_dbfs = round(20 * math.log10(peak), 1) if peak > 0 else -120.0
    facts: dict[str, Any] = {"peak_dbfs": peak_dbfs, "silent": peak_dbfs < SILENCE_DBFS}
    loudness = float(told.get("lavfi.r128.I", "nan"))
    if loudness > -70:  # the measure knows nothing below, and nothing of less than 0.4 seconds
        facts["loudness_lufs"] = round(loudness, 1)
    return facts


def pulled(sink: Any) -> dict[str, str]:
    """What the meter says last, if it says something."""
    import av

    told: dict[str, str] = {}
    while True:
        try:
            told = dict(sink.pull().metadata)
        except (av.BlockingIOError, av.EOFError):
            return told
