"""Options that commands share, in the words of the contracts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias

from cyclopts import Group, Parameter

from anymedia.cli.session import DASH, Session
from anymedia.cli.times import moment
from anymedia.contracts.audio import AudioFormat
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.media import Medium, Quality

WHO = Group("Who does it", sort_key=2)
OUT = Group("What comes out", sort_key=3)
SETUP = Group("Set-up", sort_key=4)

Run: TypeAlias = Annotated[Session, Parameter(parse=False)]
"""Handed to every command; not an option."""
Prompt: TypeAlias = Annotated[
    str, Parameter(name="PROMPT", help="What to make; `-` reads it from stdin.")
]
Words: TypeAlias = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


# --- of every command -----------------------------------------------------------------------


@Parameter(name="*", group=SETUP)
@dataclass(frozen=True, kw_only=True)
class Setup:
    """Which configuration and data a command works with, and how it answers."""

    config: Annotated[
        Path | None, Parameter(group=SETUP, help="Configuration file, instead of the usual one.")
    ] = None
    data_dir: Annotated[
        Path | None,
        Parameter(
            group=SETUP, help="Where jobs and artifacts are kept, instead of the usual place."
        ),
    ] = None
    debug: Annotated[
        bool, Parameter(group=SETUP, help="Show where in the program an error comes from.")
    ] = False
    json: Annotated[
        bool, Parameter(group=OUT, help="One JSON document on stdout, and nothing else there.")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Delivery(Setup):
    """What becomes of a result."""

    output: Annotated[
        str | None,
        Parameter(
            name=["--output", "-o"],
            group=OUT,
            help="File or directory to save into (several: NAME-1.EXT ...); `-` is stdout.",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        Parameter(group=OUT, help="Seconds to wait at most. A job goes on without you."),
    ] = None

    @property
    def to_stdout(self) -> bool:
        """Whether the result itself goes to stdout."""
        return self.output == DASH

    def check(self, count: int = 1) -> None:
        """Refuse to put more on stdout than one thing."""
        if self.to_stdout and (self.json or count > 1):
            raise InvalidRequest("`-o -` puts one result on stdout and nothing else; name a file")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class JobDelivery(Delivery):
    """What becomes of a result that takes long."""

    detach: Annotated[
        bool,
        Parameter(
            group=OUT,
            help="Come back once the provider has the job; `anymedia jobs wait ID` fetches it.",
        ),
    ] = False


# --- of requests ----------------------------------------------------------------------------


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who does it, and what it may cost; for every kind of request."""

    medium: ClassVar[Medium]
    renamed: ClassVar[dict[str, str]] = {
        "option": "options",
        "tag": "tags",
        "at": "not_before",
        "deadline": "timeout_seconds",
    }
    """Options whose field in the request has another name."""

    model: Annotated[
        str | None,
        Parameter(
            name=["--model", "-m"], group=WHO, help="A model, PROVIDER/MODEL, or an alias of yours."
        ),
    ] = None
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], group=WHO, help="Only this provider.")
    ] = None
    prefer: Annotated[
        tuple[str, ...], Parameter(group=WHO, help="Ask this provider first, if it can.")
    ] = ()
    exclude: Annotated[
        tuple[str, ...], Parameter(group=WHO, help="Do not ask this provider or PROVIDER/MODEL.")
    ] = ()
    session: Annotated[
        str | None, Parameter(group=WHO, help="Kept together at one provider, if so configured.")
    ] = None
    cache: Annotated[
        bool | None, Parameter(group=WHO, help="Whether an answer given before may do.")
    ] = None
    max_cost: Annotated[
        Decimal | None, Parameter(group=WHO, help="US dollars. What may cost more is not tried.")
    ] = None
    strict: Annotated[
        bool,
        Parameter(group=WHO, help="Refuse models that would have to round or drop an option."),
    ] = False
    option: Annotated[
        tuple[str, ...],
        Parameter(
            group=WHO,
            help="KEY=VALUE for the provider as it is. VALUE may be JSON, dots in KEY nest.",
        ),
    ] = ()
    tag: Annotated[tuple[str, ...], Parameter(group=WHO, help="A label to group costs by.")] = ()

    def fields(self) -> dict[str, Any]:
        """As fields of a request, those that were said."""
        said = {name: value for name, value in vars(self).items() if value not in (None, (), False)}
        if self.cache is False:
            said["cache"] = False
        if self.option:
            said["option"] = nested(self.option)
        return {self.renamed.get(name, name): value for name, value in said.items()}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TextOptions(Asking):
    """What only text has."""

    medium = "text"

    image: Annotated[
        tuple[str, ...], Parameter(help="Picture to look at: file or URL; as often as you like.")
    ] = ()
    file: Annotated[tuple[str, ...], Parameter(help="Document to read: file or URL.")] = ()
    system: Annotated[Words, Parameter(help="How the model should behave.")] = None
    max_output_tokens: Annotated[int | None, Parameter(help="The longest answer.")] = None
    temperature: Annotated[float | None, Parameter(help="From 0, sober, to 2.")] = None
    seed: Annotated[int | None, Parameter(help="The same seed again gives much the same.")] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Making(Asking):
    """How much and how well; for everything that is made by jobs."""

    quality: Annotated[
        Quality | None,
        Parameter(name=["--quality", "-q"], help="Preset for whatever is not said explicitly."),
    ] = None
    count: Annotated[int, Parameter(name=["--count", "-n"], help="How many.")] = 1
    seed: Annotated[int | None, Parameter(help="The same seed again gives much the same.")] = None
    normalize: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="What to make of the result, whoever delivers it: mp4,1280x720,30fps or "
            "wav,48000hz,mono,-16lufs or webp,q80. `as-delivered` leaves it alone.",
        ),
    ] = None
    at: Annotated[
        str | None,
        Parameter(group=WHO, help="Begin no earlier: +90s, +10m, +2h, +1d, or 2026-12-24T18:00."),
    ] = None
    deadline: Annotated[
        float | None,
        Parameter(group=WHO, help="Seconds after which it ends, done or not; also without you."),
    ] = None
    priority: Annotated[
        int | None,
        Parameter(
            group=WHO,
            allow_leading_hyphen=True,
            help="From -100 to 100. Higher waits less where jobs wait for room.",
        ),
    ] = None
    fallback: Annotated[
        bool | None,
        Parameter(
            group=WHO,
            help="Whether another provider is asked after one has taken it on and failed, also "
            "where both charge for it.",
        ),
    ] = None

    def fields(self) -> dict[str, Any]:
        """As fields of a request, those that were said."""
        said = super().fields()
        if self.at is not None:
            said["not_before"] = moment(self.at, datetime.now(UTC))
        if self.fallback is False:
            said["fallback"] = False
        return said


Shape: TypeAlias = Annotated[str | None, Parameter(help="Width to height, such as 16:9.")]
Resolution: TypeAlias = Annotated[
    str | None, Parameter(help="A tier such as 720p or 2k, or pixels such as 1280x720.")
]
Without: TypeAlias = Annotated[Words, Parameter(help="What should not be in it.")]
Duration: TypeAlias = Annotated[float | None, Parameter(name=["--duration", "-d"], help="Seconds.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ImageOptions(Making):
    """What only pictures have."""

    medium = "image"

    image: Annotated[
        tuple[str, ...], Parameter(help="Picture to edit or vary: file or URL; as often as needed.")
    ] = ()
    mask: Annotated[
        str | None, Parameter(help="Picture that is transparent where the other may change.")
    ] = None
    aspect_ratio: Shape = None
    resolution: Resolution = None
    negative_prompt: Without = None
    style: Annotated[str | None, Parameter(help="A style that the model knows.")] = None
    background: Annotated[str | None, Parameter(help="auto, opaque or transparent.")] = None
    format: Annotated[str | None, Parameter(help="png, jpeg or webp.")] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class VideoOptions(Making):
    """What only clips have."""

    medium = "video"
    renamed: ClassVar[dict[str, str]] = {
        **Asking.renamed,
        "reference": "references",
        "duration": "duration_seconds",
    }

    image: Annotated[
        tuple[str, ...], Parameter(help="Picture: one is the first frame, several are references.")
    ] = ()
    first_frame: Annotated[str | None, Parameter(help="Picture to begin with.")] = None
    last_frame: Annotated[str | None, Parameter(help="Picture to end with.")] = None
    reference: Annotated[
        tuple[str, ...], Parameter(help="Picture of whom or what to keep to.")
    ] = ()
    video: Annotated[str | None, Parameter(help="Clip to change or to go on from.")] = None
    mode: Annotated[str | None, Parameter(help="edit or extend `--video`.")] = None
    duration: Duration = None
    aspect_ratio: Shape = None
    resolution: Resolution = None
    negative_prompt: Without = None
    fps: Annotated[float | None, Parameter(help="Frames per second.")] = None
    audio: Annotated[
        bool | None, Parameter(negative="--no-audio", help="With sound, or without.")
    ] = None

    def fields(self) -> dict[str, Any]:
        """As fields of a request; a clip without sound is something that is said."""
        return {**super().fields(), **({} if self.audio is None else {"audio": self.audio})}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AudioOptions(Making):
    """What only music and effects have."""

    medium = "audio"
    renamed: ClassVar[dict[str, str]] = {**Asking.renamed, "duration": "duration_seconds"}

    kind: Annotated[str | None, Parameter(help="music or effect.")] = None
    duration: Duration = None
    lyrics: Annotated[Words, Parameter(help="Words to be sung.")] = None
    instrumental: Annotated[bool, Parameter(help="Without a voice.")] = False
    loop: Annotated[bool, Parameter(help="The end should join the beginning.")] = False
    format: Annotated[AudioFormat | None, Parameter(help="File format.")] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SpeechOptions(Making):
    """What only speech has."""

    medium = "speech"

    voice: Annotated[
        str | None, Parameter(help="A voice of the model, or one for all, such as narrator.")
    ] = None
    language: Annotated[str | None, Parameter(help="A language tag, such as en or pt-BR.")] = None
    instructions: Annotated[Words, Parameter(help="How to say it.")] = None
    speed: Annotated[float | None, Parameter(help="1 is the usual speed.")] = None
    format: Annotated[AudioFormat | None, Parameter(help="File format.")] = None


def nested(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`KEY=VALUE` pairs as a mapping. `InvalidRequest` for what is no pair."""
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        *way, last = key.split(".")
        if not equals or not all((*way, last)):
            raise InvalidRequest(
                f"`--option` takes KEY=VALUE, such as `steps=30` or `style.weight=0.5`, not `{pair}`"
            )
        inner = options
        for step in way:
            inner = inner.setdefault(step, {})
            if not isinstance(inner, dict):
                raise InvalidRequest(
                    f"`--option {key}=...`: `{step}` has a value of its own already"
                )
        inner[last] = json_or_text(text)
    return options


def json_or_text(text: str) -> Any:
    """What a word stands for: JSON where it is JSON, else itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
