"""Music: chords, bass, melody and drums, written from the prompt and then played."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from anymedia.echo import instruments
from anymedia.echo.chance import Chance, noise
from anymedia.echo.effects import ambience
from anymedia.echo.styles import Instrument, style
from anymedia.echo.tones import Samples, echoed, faded, hiss, levelled

BEATS = 4
RHYTHMS = (
    (0.0, 1.0, 1.5, 2.0, 3.0),
    (0.0, 0.5, 1.5, 2.5, 3.0, 3.5),
    (0.0, 1.5, 2.0, 3.5),
    (0.5, 1.0, 2.0, 2.5, 3.5),
    (0.0, 0.75, 1.5, 2.0, 2.75),
)
"""Where the notes of a melody's bar may fall, in beats."""


class Tape:
    """Two channels that sounds are laid onto; on a loop, what runs over comes in at the front."""

    def __init__(self, count: int, rate: int, *, loop: bool) -> None:
        self.sound = np.zeros((2, count), np.float32)
        self._rate = rate
        self._loop = loop

    def lay(self, sound: Samples, at: float, loud: float, side: float = 0.0) -> None:
        """Add a mono sound at a time; `side` goes from -1, left, to 1, right."""
        angle = (side + 1) * math.pi / 4
        self.join(
            np.stack((sound * (loud * math.cos(angle)), sound * (loud * math.sin(angle)))), at
        )

    def join(self, sound: Samples, at: float) -> None:
        """Add a stereo sound at a time."""
        count = self.sound.shape[1]
        start = round(at * self._rate)
        while sound.shape[1] and (start < count or self._loop):
            start %= count
            piece = sound[:, : count - start]
            self.sound[:, start : start + piece.shape[1]] += piece
            sound = sound[:, piece.shape[1] :]
            start += piece.shape[1]
            if not self._loop:
                return


class Player:
    """Plays one piece: a style in a key, at a tempo, over a number of bars."""

    def __init__(self, prompt: str, seed: int, seconds: float, rate: int, *, loop: bool) -> None:
        self.chance = Chance("music", seed, prompt)
        self.rng = noise("music", seed, prompt)
        self.name, self.style = style(prompt, self.chance)
        self.rate = rate
        self.seconds = seconds
        self.loop = loop
        self.bar, self.bars = self.measured()
        self.key = self.chance.whole(-5, 6)
        self.chords = self.chance.pick(self.style.chords)
        count = round(seconds * rate)
        self.dry = Tape(count, rate, loop=loop)
        self.sent = Tape(count, rate, loop=loop)
        self.note = lru_cache(maxsize=256)(self._note)

    def measured(self) -> tuple[float, int]:
        """Seconds to a bar, and bars. A loop takes the nearest tempo that fills it with whole bars."""
        usual = BEATS * 60 / self.chance.whole(*self.style.tempo)
        if not self.loop:
            return usual, max(1, math.ceil(self.seconds / usual))
        bars = max(1, round(self.seconds / usual))
        return self.seconds / bars, bars

    def _note(self, instrument: Instrument, note: float, seconds: float) -> Samples:
        return instrument(note, seconds, self.rate)

    # --- writing ----------------------------------------------------------------------------

    def pitch(self, degree: int, octave: int) -> int:
        """A degree of the scale as a MIDI note."""
        scale = self.style.scale
        return 12 * octave + self.key + scale[degree % 7] + 12 * (degree // 7)

    def chord(self, bar: int) -> tuple[int, ...]:
        """The degrees that sound in a bar."""
        root = self.chords[bar % len(self.chords)]
        return (
            (root, root + 2, root + 4, root + 6)
            if self.style.seventh
            else (root, root + 2, root + 4)
        )

    def at(self, bar: int, beat: float) -> float:
        """When a beat comes, swung."""
        step = beat * 4
        whole = math.floor(step / 2) * 2
        late = (step - whole) / 2
        swung = (
            late * 2 * self.style.swing
            if late <= 0.5
            else self.style.swing + (late - 0.5) * 2 * (1 - self.style.swing)
        )
        return (bar + (whole + 2 * swung) / (4 * BEATS)) * self.bar

    def full(self, bar: int) -> bool:
        """Whether everyone plays: long pieces begin with less, and breathe in between."""
        if self.bars < 12 or self.loop:
            return True
        return 4 <= bar < self.bars - 1 and bar % 16 != 11

    # --- playing ----------------------------------------------------------------------------

    def play(self) -> Samples:
        """The whole piece."""
        for bar in range(self.bars):
            self.play_chords(bar)
            self.play_bass(bar)
        self.play_melody()
        self.play_drums()
        room = echoed(self.sent.sound, self.style.room, self.rate, noise("room", self.name))
        wet = Tape(self.dry.sound.shape[1], self.rate, loop=self.loop)
        wet.join(room, 0.0)
        return self.dry.sound + wet.sound * np.float32(self.style.wet * 2.2)

    def lay(
        self, sound: Samples, at: float, loud: float, side: float = 0.0, *, sent: float = 1.0
    ) -> None:
        """Onto the tape, and some of it into the room."""
        self.dry.lay(sound, at, loud, side)
        if sent:
            self.sent.lay(sound, at, loud * sent, side)

    def play_chords(self, bar: int) -> None:
        """Comping, and a pad under it; voices spread from left to right."""
        degrees = self.chord(bar)
        for number, degree in enumerate(degrees):
            side = -0.45 + 0.9 * number / max(1, len(degrees) - 1)
            note = self.close(self.pitch(degree, 5), 57)
            if self.style.pad is not None:
                self.lay(self.note(self.style.pad, note, self.bar), bar * self.bar, 0.09, side)
            for stroke, beat in enumerate(self.style.strokes):
                until = (*self.style.strokes, BEATS)[stroke + 1]
                length = (until - beat) * self.bar / BEATS * 0.96
                broken = self.style.comping is instruments.piano
                if broken and stroke % len(degrees) != number:
                    continue  # broken chords: one voice at a time, coming back down
                loud = 0.17 * (1.0 if stroke == 0 else 0.8)
                self.lay(
                    self.note(self.style.comping, note, length),
                    self.at(bar, beat) + 0.008 * number,
                    loud,
                    side,
                )
        if self.style.arpeggio is not None and self.full(bar):
            for step in range(8):
                degree = degrees[(0, 2, 1, 2, 0, 2, 1, 2)[step] % len(degrees)]
                note = self.close(self.pitch(degree, 5), 64)
                loud = 0.13 if step % 4 == 0 else 0.09
                length = self.bar / 8
                self.lay(
                    self.note(self.style.arpeggio, note, length), self.at(bar, step / 2), loud, 0.35
                )

    def close(self, note: int, middle: int) -> int:
        """The note in the octave around another."""
        return middle - 6 + (note - (middle - 6)) % 12

    def play_bass(self, bar: int) -> None:
        """Roots on the strong beats, fifths and steps between them."""
        if self.style.bass is None:
            return
        degrees = self.chord(bar)
        following = self.chord(bar + 1)[0]
        beats = self.style.bass_at
        for number, beat in enumerate(beats):
            until = (*beats, BEATS)[number + 1]
            degree = degrees[0]
            if number and len(beats) > 2:
                degree = self.chance.pick((degrees[0], degrees[2], degrees[0]))
            if number == len(beats) - 1 and len(beats) == BEATS:
                degree = following + self.chance.pick((-1, 1))  # a step that leads on
            note = self.close(self.pitch(degree, 3), 38)
            length = min((until - beat) * self.bar / BEATS * 0.92, 3.5)
            self.lay(self.note(self.style.bass, note, length), self.at(bar, beat), 0.36, sent=0.12)

    def play_melody(self) -> None:
        """Phrases of four bars: a motif, its answer, something else, and the motif again."""
        rhythm = [self.chance.pick(RHYTHMS) for _ in range(3)]
        contour = [[self.chance.pick((-2, -1, -1, 0, 1, 1, 2)) for _ in range(8)] for _ in range(3)]
        plan = (0, 1, 0, 2)
        position = self.chance.whole(2, 5)
        begin = 0 if self.bars < 4 or self.loop else (1 if self.bars < 12 else 4)
        for bar in range(begin, self.bars):
            if not self.full(bar) and bar >= 4:
                continue
            motif = plan[bar % 4]
            tones = {degree % 7 for degree in self.chord(bar)}
            dice = Chance("rests", self.name, motif, self.key)
            for number, beat in enumerate(rhythm[motif]):
                if number and dice.number() > self.style.busy:
                    continue
                position += contour[motif][number]
                position = max(0, min(position, 9))
                if beat == int(beat):  # on the beat, notes belong to the chord
                    position = min(
                        range(-1, 11), key=lambda d: (d % 7 not in tones, abs(d - position))
                    )
                until = (*rhythm[motif], BEATS)[number + 1]
                length = (until - beat) * self.bar / BEATS * 0.9
                note = self.close(self.pitch(position % 7, self.style.octave), 69) + (
                    12 if position >= 7 else 0
                )
                self.lay(
                    self.note(self.style.melody, note, round(length, 3)),
                    self.at(bar, beat),
                    0.20,
                    -0.12,
                )

    def play_drums(self) -> None:
        """The patterns, each stroke a little louder or softer than the one before."""
        for name, pattern in self.style.drums:
            stroke: Samples = getattr(instruments, name)(self.rate, self.rng)
            side = {"hat": 0.28, "open_hat": 0.28, "ride": -0.3, "crash": -0.25}.get(name, 0.0)
            for bar in range(self.bars):
                if not self.full(bar) or (name == "crash" and bar % 4):
                    continue
                for step, mark in enumerate(pattern):
                    if mark != ".":
                        loud = int(mark) / 9 * self.chance.between(0.9, 1.0)
                        weight = {"kick": 0.62, "taiko": 0.54}.get(name, 0.5)
                        sent = 0.05 if name == "kick" else 0.4
                        self.lay(stroke, self.at(bar, step / 4), loud * weight, side, sent=sent)


def music(prompt: str, seed: int, seconds: float, rate: int, *, loop: bool = False) -> Samples:
    """A piece of that length, stereo, levelled; a loop joins itself."""
    player = Player(prompt, seed, seconds, rate, loop=loop)
    sound = player.play()
    sound /= np.float32(max(float(np.max(np.abs(sound))), 1e-6))
    count = sound.shape[1]
    if player.style.crackle:
        sound += vinyl(count, rate, noise("vinyl", seed))
    around = ambience(prompt, seed, count, rate, loop=loop)
    if around is not None:
        sound += around * np.float32(0.30)
    if not loop:
        sound = faded(sound, rate, 0.06, min(2.5, 0.2 * seconds))
    return levelled(sound)


def vinyl(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """The dust of a record."""
    dust = np.zeros((2, count), np.float32)
    ticks = rng.integers(0, count, max(1, int(count / rate * 9)))
    dust[rng.integers(0, 2, len(ticks)), ticks] = rng.uniform(-1, 1, len(ticks)) * 0.5
    click = np.exp(-np.arange(24, dtype=np.float32) / 5) * np.cos(np.arange(24, dtype=np.float32))
    spread = np.stack([np.convolve(channel, click)[:count] for channel in dust])
    air = np.stack([hiss(count, rate, 800, 6000, rng) for _ in range(2)]) * np.float32(0.0022)
    return (spread * 0.10 + air).astype(np.float32)
