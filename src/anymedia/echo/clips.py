"""Clips: scenes that move, pictures that come alive, as H.264 with AAC in MP4."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from anymedia.echo.chance import seed_for
from anymedia.echo.inputs import media, picture, shrunk
from anymedia.echo.orders import VideoOrder
from anymedia.echo.refusal import invalid, need
from anymedia.echo.script import refuse_forbidden
from anymedia.echo.size import clip_size

MODEL = "clip-1"
MOST = 4
LONGEST_SECONDS = 60.0
SHORTEST_SECONDS = 0.5
USUAL_SECONDS = 4.0
USUAL_FPS = 24.0
PICTURE_BYTES = 48_000
CARD_BYTES = 14_000
MOST_CARDS = 3
SOUND_RATE = 44_100
SOUND_BLOCK = 1024
"""Samples in an AAC frame."""
PIECE_BYTES = 256 * 1024

Shot: TypeAlias = Callable[[float, float], Any]
"""The picture at a time, of a clip of so many seconds."""


class VideoBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    prompt: str = ""
    first_frame: str | None = None
    last_frame: str | None = None
    references: tuple[str, ...] = ()
    video: str | None = None
    mode: Literal["edit", "extend"] | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    duration_seconds: float | None = None
    fps: float | None = None
    audio: bool | None = None
    count: int = 1
    seed: int | None = None


# --- ordering -------------------------------------------------------------------------------


def ordered(body: VideoBody) -> VideoOrder:
    """The order that a body stands for, with the inputs cut down so that a handle can hold them."""
    refuse_forbidden(body.prompt)
    need("clips", "numpy", "PIL", "av")
    if not 1 <= body.count <= MOST:
        raise invalid(f"`count` is {body.count} and should be from 1 to {MOST}")
    fps = USUAL_FPS if body.fps is None else body.fps
    if not 1 <= fps <= 60:
        raise invalid(f"`fps` is {fps:g} and should be from 1 to 60")
    given = (
        taken(media(body.video, "video").data, last=body.mode == "extend") if body.video else None
    )
    seconds = length(body, given)
    first = given.picture if given else held(body.first_frame, "first_frame")
    if not (body.prompt.strip() or first or body.references):
        raise invalid("there is neither a `prompt` nor a picture")
    size = given.size if given and not (body.aspect_ratio or body.resolution) else None
    width, height = size or clip_size(body.aspect_ratio, body.resolution)
    return VideoOrder(
        prompt=body.prompt,
        seed=seed_for(body.seed, body.prompt, body.first_frame, body.video),
        count=body.count,
        width=width,
        height=height,
        fps=fps,
        seconds=seconds,
        sound=body.audio is not False,
        first=first,
        last=held(body.last_frame, "last_frame"),
        references=tuple(
            shrunk(picture(media(one, "references").data, "references"), CARD_BYTES, 480)
            for one in body.references[:MOST_CARDS]
        ),
        graded=body.video is not None and body.mode != "extend",
    )


def held(uri: str | None, what: str) -> bytes | None:
    """A picture, small enough to travel."""
    if uri is None:
        return None
    return shrunk(picture(media(uri, what).data, what), PICTURE_BYTES, 1280)


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken from a clip."""

    picture: bytes
    seconds: float
    size: tuple[int, int]


def taken(data: bytes, *, last: bool) -> Taken:
    """The first or last picture of a clip, its length and size."""
    import av

    try:
        with av.open(BytesIO(data), "r") as container:
            if not container.streams.video:
                raise invalid("`video` has no pictures in it")
            seconds = float(container.duration or 0) / 1_000_000
            found = None
            for frame in container.decode(video=0):
                found = frame
                if not last:
                    break
            if found is None:
                raise invalid("`video` has no pictures in it")
            shown = found.to_image()
    except (av.FFmpegError, ValueError, OSError):
        raise invalid("`video` is not a clip that can be read") from None
    factor = min(1.0, 1920 / max(shown.size), 1.0)
    size = (
        max(64, round(shown.width * factor / 2) * 2),
        max(64, round(shown.height * factor / 2) * 2),
    )
    return Taken(picture=shrunk(shown, PICTURE_BYTES, 1280), seconds=seconds, size=size)


def length(body: VideoBody, given: Taken | None) -> float:
    """How long the clip is to be: as asked, else as long as the clip that it is made from."""
    asked = body.duration_seconds
    if asked is None and given is not None and body.mode != "extend" and given.seconds > 0:
        return min(max(given.seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
    seconds = USUAL_SECONDS if asked is None else asked
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise invalid(
            f"`duration_seconds` is {seconds:g} and should be from {SHORTEST_SECONDS:g} to "
            f"{LONGEST_SECONDS:g}"
        )
    return seconds


# --- making ---------------------------------------------------------------------------------


def rendered(order: VideoOrder, number: int) -> Iterator[bytes]:
    """The clip's file in pieces. Rendering begins when the first piece is asked for."""
    with tempfile.TemporaryDirectory(prefix="anymedia-echo-") as folder:
        # A file, because the index of an MP4 can only be moved to its front afterwards.
        path = Path(folder) / "clip.mp4"
        write(order, number, path)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def write(order: VideoOrder, number: int, path: Path) -> None:
    """Render a clip into a file, frame by frame."""
    import av

    rate = Fraction(order.fps).limit_denominator(1001)
    shot = filmed(order, order.seed + number)
    with av.open(str(path), "w", options={"movflags": "faststart", "fflags": "+bitexact"}) as file:
        pictures: Any = file.add_stream("libx264", rate=rate)
        pictures.width, pictures.height, pictures.pix_fmt = order.width, order.height, "yuv420p"
        # A fixed number of threads, as x264's result depends on it.
        pictures.options = {"preset": "veryfast", "crf": "20", "threads": "2", "flags": "+bitexact"}
        context = pictures.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # MPEG
        sound = Soundtrack(file, order, number) if order.sound else None
        for index in range(max(1, round(order.seconds * rate))):
            frame = av.VideoFrame.from_image(shot(float(index / rate), order.seconds))
            frame = frame.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
            frame.pts, frame.time_base = index, 1 / rate
            file.mux(pictures.encode(frame))
            if sound is not None:
                sound.until(float((index + 1) / rate))
        file.mux(pictures.encode(None))
        if sound is not None:
            sound.end()


class Soundtrack:
    """Music for a clip, written along with its pictures."""

    def __init__(self, file: Any, order: VideoOrder, number: int) -> None:
        from anymedia.echo.music import music

        self._file = file
        self._stream = file.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        self._stream.bit_rate = 160_000
        prompt = order.prompt or "calm"
        sound = music(prompt, order.seed + number, order.seconds, SOUND_RATE) * 0.8
        # Whole AAC frames only, so that the sound never outlasts the pictures.
        self._sound = sound[:, : max(1, sound.shape[1] // SOUND_BLOCK) * SOUND_BLOCK]
        self._at = 0

    def until(self, seconds: float) -> None:
        """Write the sound up to that time."""
        import av

        while self._at < self._sound.shape[1] and self._at < seconds * SOUND_RATE:
            piece = self._sound[:, self._at : self._at + SOUND_BLOCK]
            frame = av.AudioFrame.from_ndarray(piece.copy(), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = SOUND_RATE, self._at
            frame.time_base = Fraction(1, SOUND_RATE)
            self._file.mux(self._stream.encode(frame))
            self._at += SOUND_BLOCK

    def end(self) -> None:
        """Write what is left."""
        self.until(float("inf"))
        self._file.mux(self._stream.encode(None))


def filmed(order: VideoOrder, seed: int) -> Shot:
    """What the clip shows, by what it is made from."""
    from anymedia.echo.shots import between, from_picture, from_scene

    if order.first is not None and order.last is not None:
        return between(order, seed)
    if order.first is not None:
        return from_picture(order, seed)
    return between(order, seed) if order.last is not None else from_scene(order, seed)
