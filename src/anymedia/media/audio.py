"""Sound of one container, rate and loudness; alone, and in clips.

Loudness is brought to its target by one gain for the whole, so that nothing pumps, and a limiter
behind it catches what would go beyond full scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.media.examining import heard
from anymedia.media.reading import opened

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

MUXERS = {"wav": "wav", "mp3": "mp3", "flac": "flac", "ogg": "ogg", "opus": "ogg"}
ENCODERS = {"opus": "libopus", "flac": "flac", "mp3": "libmp3lame", "aac": "aac"}
USUAL_CODEC = {"wav": "pcm_s16le", "mp3": "mp3", "flac": "flac", "ogg": "opus", "opus": "opus"}
RATES = {
    "libopus": (8000, 12_000, 16_000, 24_000, 48_000),
    "libmp3lame": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
BITS = {"libopus": 128_000, "libmp3lame": 192_000, "aac": 192_000}
"""Per second, for two channels."""
CEILING = 0.89
"""Of full scale: -1 dBFS, which leaves room for what decoders add."""
MOST_GAIN_DB = 40.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What the sound of a result is to be."""

    encoder: str
    rate: int
    channels: int
    gain_db: float | None

    @property
    def layout(self) -> str:
        """As FFmpeg calls it."""
        return "mono" if self.channels == 1 else "stereo"

    def filters(self, *, from_start: bool) -> list[tuple[str, str]]:
        """The chain of filters, each with its arguments."""
        begin = ":async=1:first_pts=0" if from_start else ""
        chain = [("aresample", f"{self.rate}{begin}")]
        if self.gain_db is not None:
            chain += [
                ("volume", f"{self.gain_db:.3f}dB"),
                ("alimiter", f"limit={CEILING}:level=false"),
            ]
        said = f"sample_rates={self.rate}:channel_layouts={self.layout}:sample_fmts=fltp"
        return [*chain, ("aformat", said)]


def planned(
    source: Path, codec: str, wanted: dict[str, Any], *, rate: int | None, channels: int | None
) -> Sound:
    """What the sound is to be. `rate` and `channels` are those it has, or those it gets unless said."""
    encoder = ENCODERS.get(codec, codec)
    allowed = RATES.get(encoder)
    given = wanted.get("sample_rate")
    if given is not None and allowed is not None and given not in allowed:
        raise ValueError(f"{codec} has no sample rate of {given}")
    found = given or rate or 48_000
    if allowed is not None and found not in allowed:
        found = next((one for one in allowed if one >= found), allowed[-1])
    return Sound(
        encoder=encoder,
        rate=found,
        channels=wanted.get("channels") or min(channels or 2, 2),
        gain_db=gain(source, wanted),
    )


def gain(source: Path, wanted: dict[str, Any]) -> float | None:
    """By how many decibels it has to be louder. Silence stays silence."""
    if wanted.get("loudness_lufs") is None:
        return None
    with opened(source) as container:
        measured = heard(container).get("loudness_lufs")
    if measured is None:
        return None
    difference = wanted["loudness_lufs"] - measured
    return float(max(-MOST_GAIN_DB, min(difference, MOST_GAIN_DB)))


class Chain:
    """Decoded sound on its way through the filters."""

    def __init__(self, stream: AudioStream, sound: Sound, *, from_start: bool = False) -> None:
        from av.filter import Graph

        graph = Graph()
        self._source = graph.add_abuffer(template=stream)
        last = self._source
        for name, arguments in sound.filters(from_start=from_start):
            following = graph.add(name, arguments)
            last.link_to(following)
            last = following
        self._sink = graph.add("abuffersink")
        last.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def through(self, frame: AudioFrame | None) -> Iterator[Any]:
        """What comes out when this goes in; `None` is the end."""
        import av

        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return


def written(
    source: Path,
    target: Path,
    wanted: dict[str, Any],
    facts: dict[str, Any],
    progress: Callable[[float], None],
) -> str:
    """Write a sound as it is wanted; the name of its format."""
    import av

    form = wanted.get("format") or native(facts)
    sound = planned(
        source,
        wanted.get("codec") or USUAL_CODEC[form],
        wanted,
        rate=facts.get("sample_rate"),
        channels=facts.get("channels"),
    )
    with opened(source) as incoming, av.open(str(target), "w", format=MUXERS[form]) as outgoing:
        stream = incoming.streams.audio[0]
        track: Any = outgoing.add_stream(sound.encoder, rate=sound.rate, layout=sound.layout)
        if sound.encoder in BITS:
            track.bit_rate = BITS[sound.encoder] * sound.channels // 2
        chain = Chain(stream, sound)
        seconds = facts.get("seconds") or 0
        for frame in incoming.decode(stream):
            for piece in chain.through(frame):
                outgoing.mux(track.encode(piece))
            if seconds and frame.time is not None:
                progress(frame.time / seconds)
        for piece in chain.through(None):
            outgoing.mux(track.encode(piece))
        outgoing.mux(track.encode(None))
    return str(form)


def native(facts: dict[str, Any]) -> str:
    """The format that a sound has, if it is one that can be written."""
    container = facts.get("container")
    return container if container in MUXERS else "wav"
