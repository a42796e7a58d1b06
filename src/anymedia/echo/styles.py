"""Styles of music: tempo, scale, chords, who plays what, how the drums go."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from anymedia.echo import instruments as play
from anymedia.echo.chance import Chance
from anymedia.echo.tones import Samples

Instrument: TypeAlias = Callable[[float, float, int], Samples]
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a kind of music is made. Drum patterns are sixteen steps to a bar, digits are loudness."""

    tempo: tuple[int, int]
    scale: tuple[int, ...]
    chords: tuple[tuple[int, ...], ...]
    """Progressions, as degrees of the scale, one chord a bar."""
    seventh: bool
    comping: Instrument
    strokes: tuple[float, ...]
    """Where in the bar chords are struck, in beats."""
    melody: Instrument
    bass: Instrument | None
    bass_at: tuple[float, ...] = (0.0,)
    pad: Instrument | None = None
    arpeggio: Instrument | None = None
    drums: tuple[tuple[str, str], ...] = ()
    swing: float = 0.5
    """Where the second of two sixteenths falls; 0.5 is straight."""
    busy: float = 0.6
    """How many of the melody's places are played."""
    octave: int = 5
    room: float = 1.4
    wet: float = 0.20
    crackle: bool = False


STYLES: dict[str, Style] = {
    "lofi": Style(
        tempo=(70, 82),
        scale=MAJOR,
        chords=((1, 4, 0, 5), (3, 2, 1, 0), (0, 5, 1, 4)),
        seventh=True,
        comping=play.electric_piano,
        strokes=(0.0, 2.5),
        melody=play.vibraphone,
        bass=play.bass,
        bass_at=(0.0, 1.75, 2.5),
        drums=(
            ("kick", "9.......6.7....."),
            ("snare", "....7.......7..."),
            ("hat", "5.3.5.3.5.3.5.34"),
        ),
        swing=0.58,
        busy=0.42,
        crackle=True,
    ),
    "happy": Style(
        tempo=(112, 124),
        scale=MAJOR,
        chords=((0, 4, 5, 3), (0, 3, 4, 4), (0, 5, 3, 4)),
        seventh=False,
        comping=play.pluck,
        strokes=(0.0, 0.75, 1.5, 2.0, 2.75, 3.5),
        melody=play.lead,
        bass=play.bass,
        bass_at=(0.0, 1.5, 2.0, 3.5),
        drums=(
            ("kick", "9...4...9...4..."),
            ("clap", "....8.......8..."),
            ("hat", "5.4.5.4.5.4.5.45"),
        ),
        busy=0.75,
        room=0.9,
        wet=0.14,
    ),
    "sad": Style(
        tempo=(60, 68),
        scale=MINOR,
        chords=((0, 5, 2, 6), (0, 3, 5, 4), (5, 6, 0, 0)),
        seventh=False,
        comping=play.piano,
        strokes=(0.0, 1.0, 2.0, 3.0),
        melody=play.piano,
        bass=play.strings,
        pad=play.strings,
        busy=0.45,
        room=2.4,
        wet=0.34,
    ),
    "epic": Style(
        tempo=(88, 98),
        scale=MINOR,
        chords=((0, 5, 2, 6), (0, 6, 5, 6), (0, 2, 6, 3)),
        seventh=False,
        comping=play.brass,
        strokes=(0.0, 2.0),
        melody=play.strings,
        bass=play.strings,
        bass_at=(0.0, 2.0),
        arpeggio=play.short_strings,
        drums=(("taiko", "9..6..7.9..6.7.8"), ("crash", "5...............")),
        busy=0.5,
        room=2.6,
        wet=0.36,
    ),
    "calm": Style(
        tempo=(58, 66),
        scale=MAJOR,
        chords=((0, 3, 0, 4), (3, 0, 5, 4), (0, 2, 3, 3)),
        seventh=True,
        comping=play.pad,
        strokes=(0.0,),
        melody=play.vibraphone,
        bass=play.bass,
        pad=play.pad,
        busy=0.3,
        room=3.0,
        wet=0.42,
    ),
    "dance": Style(
        tempo=(122, 128),
        scale=MINOR,
        chords=((0, 5, 2, 6), (5, 6, 0, 0), (0, 0, 5, 6)),
        seventh=False,
        comping=play.pluck,
        strokes=(0.5, 1.5, 2.5, 3.5),
        melody=play.lead,
        bass=play.saw_bass,
        bass_at=(0.5, 1.0, 1.5, 2.5, 3.0, 3.5),
        pad=play.pad,
        arpeggio=play.pluck,
        drums=(
            ("kick", "9...9...9...9..."),
            ("clap", "....7.......7..."),
            ("open_hat", "..6...6...6...6."),
            ("hat", "3.3.3.3.3.3.3.33"),
        ),
        busy=0.6,
        room=1.2,
        wet=0.16,
    ),
    "jazz": Style(
        tempo=(104, 120),
        scale=MAJOR,
        chords=((1, 4, 0, 5), (0, 5, 1, 4), (2, 5, 1, 4)),
        seventh=True,
        comping=play.electric_piano,
        strokes=(0.0, 1.5),
        melody=play.vibraphone,
        bass=play.bass,
        bass_at=(0.0, 1.0, 2.0, 3.0),
        drums=(
            ("ride", "7...7..57...7..5"),
            ("hat", "....5.......5..."),
            ("kick", "4.......3......."),
            ("rim", "............3..."),
        ),
        swing=0.66,
        busy=0.6,
        room=1.1,
        wet=0.18,
    ),
}
WORDS = {
    "lofi": r"lo-?fi|chill|study|hip.?hop|beats?\b|coffee|cozy",
    "epic": r"epic|heroic|battle|trailer|cinematic|orchestra\w*|war|dragon|adventure|victory|dramatic",
    "sad": r"sad\w*|melanchol\w+|lonely|grief|tears?|mourn\w*|nostalg\w+|rainy day|piano",
    "jazz": r"jazz\w*|swing|blues|lounge|noir|saxophone|bossa",
    "dance": r"dance|techno|house|edm|electro\w*|club|trance|synth\w*|cyberpunk|disco|party",
    "calm": r"calm|ambient|medita\w+|sleep\w*|peace\w*|relax\w*|space|dream\w*|spa\b|drone|lullaby|soft|snow",
    "happy": r"happy|joy\w*|cheer\w*|upbeat|sunny|fun\b|ukulele|children|birthday|summer|pop\b|running",
}


def style(prompt: str, chance: Chance) -> tuple[str, Style]:
    """The style that a prompt asks for; one of the gentler ones if it names none."""
    lower = prompt.lower()[:20_000]
    for name, words in WORDS.items():
        if re.search(rf"\b(?:{words})", lower):
            return name, STYLES[name]
    name = chance.pick(("lofi", "happy", "calm"))
    return name, STYLES[name]
