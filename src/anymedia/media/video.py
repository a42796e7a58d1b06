"""Clips of one container, codec, size and rate, so that whoever made them they can be joined.

Frame by frame: no more of a clip is in memory than its encoder looks ahead. Frames come at a
constant rate, pixels are square and 8-bit 4:2:0 in BT.709, an MP4 begins with its index and counts
time in 90,000ths, sound is stereo at 48 kHz unless something else is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.media import audio
from anymedia.media.examining import is_cover
from anymedia.media.reading import opened
from anymedia.media.shape import placing

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

USUAL_CODEC = {"mp4": "h264", "webm": "vp9"}
SOUND = {"mp4": "aac", "webm": "opus"}
ENCODERS = {"h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
ENCODING: dict[str, dict[str, str]] = {
    "libx264": {"preset": "fast", "crf": "18", "profile": "high"},
    "libx265": {"preset": "fast", "crf": "21", "x265-params": "log-level=none"},
    "libvpx-vp9": {"crf": "30", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "libsvtav1": {"preset": "8", "crf": "30"},
}
MUXING = {
    "mp4": {"movflags": "+faststart", "video_track_timescale": "90000"},
    "webm": {},
}
KEY_FRAME_SECONDS = 2
UNSPECIFIED = 2
BT709 = 1
TELEVISION = 1
"""FFmpeg's numbers: no colours named, those of HD, and levels from 16 to 235."""
HD_LINES = 720
MOST_RATE = 120
RATES = {23.976: (24_000, 1001), 29.97: (30_000, 1001), 59.94: (60_000, 1001)}
TURNS = {90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}
"""By how many degrees against the clock a picture is to be turned to be shown."""


def written(
    source: Path,
    target: Path,
    wanted: dict[str, Any],
    facts: dict[str, Any],
    progress: Callable[[float], None],
) -> str:
    """Write a clip as it is wanted; the name of its container."""
    import av

    form = wanted.get("format") or native(facts)
    encoder = ENCODERS[wanted.get("codec") or USUAL_CODEC[form]]
    with (
        opened(source) as incoming,
        av.open(str(target), "w", format=form, options=MUXING[form]) as outgoing,
    ):
        pictures = next(one for one in incoming.streams.video if not is_cover(one))
        pictures.thread_type = "AUTO"
        clip = Clip(incoming, outgoing, pictures, encoder, wanted)
        clip.open_sound(source, SOUND[form], wanted)
        for share in clip.copied(facts.get("seconds")):
            progress(share)
    return str(form)


def native(facts: dict[str, Any]) -> str:
    """The container that a clip has, if it is one that can be written."""
    if facts.get("container") == "webm" and facts.get("codec") in {"vp8", "vp9", "av1"}:
        return "webm"
    return "mp4"


class Clip:
    """A clip on its way from one file to another."""

    def __init__(
        self,
        incoming: InputContainer,
        outgoing: OutputContainer,
        pictures: VideoStream,
        encoder: str,
        wanted: dict[str, Any],
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._pictures = pictures
        self._encoder = encoder
        self._wanted = wanted
        self._rate = rate_of(pictures, wanted.get("fps"))
        self._track: Any = None
        self._filters: Any = None
        self._sound: Any = None
        self._sound_track: Any = None
        self._chain: audio.Chain | None = None
        self._early: list[Any] = []
        """Sound from before the first picture."""

    def open_sound(self, source: Path, codec: str, wanted: dict[str, Any]) -> None:
        """Its sound track, if it has one that can be read."""
        streams: tuple[Any, ...] = self._incoming.streams.audio[:1]
        for stream in streams:
            if stream.codec_context is None:
                continue
            sound = audio.planned(source, codec, wanted, rate=48_000, channels=2)
            self._sound = stream
            self._chain = audio.Chain(stream, sound, from_start=True)
            self._sound_track = (sound.encoder, sound.rate, sound.layout)

    def copied(self, seconds: float | None) -> Iterator[float]:
        """Copy everything, telling how far it is."""
        streams = [self._pictures, *([self._sound] if self._sound is not None else [])]
        start = Fraction(self._incoming.start_time or 0, 1_000_000)
        for packet in self._incoming.demux(*streams):
            for frame in packet.decode():
                if frame.pts is not None and frame.time_base is not None:
                    frame.pts -= round(start / frame.time_base)
                if packet.stream is self._pictures:
                    self._show(frame)
                    if seconds and frame.time is not None:
                        yield frame.time / seconds
                else:
                    self._play(frame)
        if self._track is None:
            raise ValueError("no picture of the clip can be decoded")
        self._filters.push(None)
        self._drain()
        self._outgoing.mux(self._track.encode(None))
        if self._chain is not None:
            self._play(None)
            self._outgoing.mux(self._sound_track.encode(None))

    # --- pictures -------------------------------------------------------------------------

    def _show(self, frame: VideoFrame) -> None:
        if self._track is None:
            self._begin(frame)
        self._filters.push(frame)
        self._drain()

    def _drain(self) -> None:
        import av

        while True:
            try:
                made = self._filters.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            made.pict_type = 0  # what was a key frame there need not be one here
            self._outgoing.mux(self._track.encode(made))

    def _begin(self, frame: VideoFrame) -> None:
        """Both tracks, once the first picture shows what it is like."""
        place, filters = chain_of(frame, self._pictures, self._wanted, self._rate)
        self._filters = linked(self._pictures, filters)
        group = max(1, round(self._rate * KEY_FRAME_SECONDS))
        track: Any = self._outgoing.add_stream(
            self._encoder, rate=self._rate, options={**ENCODING[self._encoder], "g": str(group)}
        )
        track.width, track.height, track.pix_fmt = place.width, place.height, "yuv420p"
        track.time_base = 1 / self._rate
        context = track.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = TELEVISION
        if self._encoder == "libx265":
            context.codec_tag = "hvc1"  # players by Apple ask for it
        self._track = track
        if self._chain is not None:
            encoder, rate, layout = self._sound_track
            self._sound_track = self._outgoing.add_stream(encoder, rate=rate, layout=layout)
            self._sound_track.bit_rate = audio.BITS[encoder] * (1 if layout == "mono" else 2) // 2
            for piece in self._early:
                self._outgoing.mux(self._sound_track.encode(piece))
            self._early = []

    # --- sound ----------------------------------------------------------------------------

    def _play(self, frame: Any) -> None:
        assert self._chain is not None
        pieces = list(self._chain.through(frame))
        if self._track is None:
            self._early = [*self._early, *pieces]
            return
        for piece in pieces:
            self._outgoing.mux(self._sound_track.encode(piece))


def rate_of(pictures: VideoStream, wanted: float | None) -> Fraction:
    """Frames per second: as wanted, else as they come."""
    if wanted is not None:
        for near, exact in RATES.items():
            if abs(wanted - near) < 0.01:
                return Fraction(*exact)
        return Fraction(wanted).limit_denominator(1001)
    found = pictures.average_rate or pictures.guessed_rate or Fraction(25)
    return min(Fraction(found).limit_denominator(1001), Fraction(MOST_RATE))


def chain_of(
    frame: VideoFrame, pictures: VideoStream, wanted: dict[str, Any], rate: Fraction
) -> tuple[Any, list[str]]:
    """How the pictures become what is wanted, as FFmpeg's filters."""
    turns = TURNS.get(int(getattr(frame, "rotation", 0)) % 360, ())
    aspect = pictures.sample_aspect_ratio or Fraction(1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    if any("transpose" in one for one in turns):
        width, height = height, width
    place = placing(width, height, wanted, step=2)
    filters = list(turns)
    matrix = ""
    if frame.colorspace == UNSPECIFIED:
        matrix = ":in_color_matrix=" + ("bt709" if frame.height >= HD_LINES else "bt601")
    filters.append(
        f"scale={place.scaled_width}:{place.scaled_height}:flags=bicubic"
        f":out_color_matrix=bt709:out_range=tv{matrix}"
    )
    if place.left < 0 or place.top < 0:
        filters.append(f"crop={place.width}:{place.height}")
    elif (place.width, place.height) != (place.scaled_width, place.scaled_height):
        filters.append(f"pad={place.width}:{place.height}:-1:-1:black")
    filters += ["setsar=1", f"fps={rate.numerator}/{rate.denominator}", "format=yuv420p"]
    return place, filters


def linked(pictures: VideoStream, filters: list[str]) -> Any:
    """A chain of filters, ready for pictures."""
    from av.filter import Graph

    graph = Graph()
    last = graph.add_buffer(template=pictures)
    for one in filters:
        name, _, arguments = one.partition("=")
        following = graph.add(name, arguments or None)
        last.link_to(following)
        last = following
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    return graph
