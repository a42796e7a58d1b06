"""`anymedia generate`: one request; its answer on stdout, or in files."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.making import finish, left_alone, told, warn
from anymedia.cli.options import (
    OUT,
    AudioOptions,
    Delivery,
    ImageOptions,
    JobDelivery,
    Making,
    Prompt,
    Run,
    SpeechOptions,
    TextOptions,
    VideoOptions,
)
from anymedia.cli.progress import Progress
from anymedia.cli.saving import Destination
from anymedia.cli.words import safe
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.event import StreamEnd, TextDelta

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.client import AsyncClient
    from anymedia.contracts.text import TextResult


async def text(
    prompt: Prompt,
    /,
    *,
    of: TextOptions = TextOptions(),
    to: Delivery = Delivery(),
    stream: Annotated[bool, Parameter(group=OUT, help="Print words as they come.")] = False,
    session: Run,
) -> int:
    """Make text: the answer goes to stdout."""
    if stream and to.json:
        raise InvalidRequest(
            "`--stream` prints words as they come, `--json` one document at the end; choose one"
        )
    to.check()
    to_file = to.output is not None and not to.to_stdout
    destination = Destination(session, to.output) if to_file else None
    words = session.prompt(prompt)
    fields = {**of.fields(), "timeout_seconds": to.timeout}
    async with session.client(to) as client:
        if stream:
            result = await streamed(session, client, words, fields)
        else:
            with Progress(session, "waiting for the answer"):
                result = await client.text(words, **fields)
    if destination is not None:
        destination.write(result.text)
    if to.json:
        session.json(result.model_dump(mode="json"))
    elif destination is None and not stream:
        session.print(for_people(session, result.text))
    return closing_words(session, result)


async def streamed(
    session: Session, client: AsyncClient, prompt: str, fields: dict[str, Any]
) -> TextResult:
    """Print an answer while it comes."""
    ended = True
    async for event in client.stream_text(prompt, **fields):
        match event:
            case TextDelta(text=piece) if piece:
                session.stdout.write(for_people(session, piece))
                session.stdout.flush()
                ended = piece.endswith("\n")
            case StreamEnd(result=result):
                if not ended:
                    session.print("")
                return result
            case _:
                pass
    raise AssertionError("a stream ends with its result")


def for_people(session: Session, words: str) -> str:
    """A model's words; on a terminal without what would steer it."""
    return safe(words, lines=True) if session.stdout.isatty() else words


def closing_words(session: Session, result: TextResult) -> int:
    """What is said beside an answer, and whether it is one."""
    warn(session, result.warnings)
    if result.finish.unified == "length":
        session.tell("warning: the answer was cut off; `--max-output-tokens` allows a longer one")
    if session.stderr.isatty():
        session.tell(told(result))
    if result.refusal is not None and not result.text:
        session.tell(f"error: the model refused: {safe(result.refusal)}")
        return 1
    return 0


async def image(
    prompt: Prompt = "",
    /,
    *,
    of: ImageOptions = ImageOptions(),
    to: JobDelivery = JobDelivery(),
    session: Run,
) -> None:
    """Make pictures, or edit and vary some."""
    await make(prompt, of, to, session)


async def video(
    prompt: Prompt = "",
    /,
    *,
    of: VideoOptions = VideoOptions(),
    to: JobDelivery = JobDelivery(),
    session: Run,
) -> None:
    """Make clips: from words, from pictures, or from another clip."""
    await make(prompt, of, to, session)


async def audio(
    prompt: Prompt,
    /,
    *,
    of: AudioOptions = AudioOptions(),
    to: JobDelivery = JobDelivery(),
    session: Run,
) -> None:
    """Make music, or an effect."""
    await make(prompt, of, to, session)


async def speech(
    prompt: Prompt,
    /,
    *,
    of: SpeechOptions = SpeechOptions(),
    to: JobDelivery = JobDelivery(),
    session: Run,
) -> None:
    """Read words aloud."""
    await make(prompt, of, to, session)


async def make(prompt: str, of: Making, to: JobDelivery, session: Session) -> None:
    """Submit a job, and unless it is to be left alone, wait for it and save what it brings."""
    to.check(of.count)
    fields = of.fields()
    destination = None if to.detach else Destination(session, to.output)
    words = session.prompt(prompt)
    async with session.client(to) as client:
        submit = getattr(client, f"submit_{of.medium}")
        handle = await submit(words or None, **fields)
        if destination is None:
            await left_alone(handle, to, session)
        else:
            await finish(handle.id, handle.wait, words, destination, to, session)
