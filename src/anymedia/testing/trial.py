"""How each case of the contract suite is tried, and what has to come of it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from anymedia.clock import Clock
from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.base import Contract
from anymedia.contracts.configuration import Settings
from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InvalidRequest,
    ProviderError,
    RateLimited,
    UnreadableResponse,
)
from anymedia.contracts.event import AnswerComplete, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, Medium
from anymedia.contracts.model import Model
from anymedia.contracts.request import Request
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.engine.connection import Connection
from anymedia.engine.fitting import fit
from anymedia.engine.transport import Transport
from anymedia.providers.spec import Brief, Call, Job, Stream
from anymedia.testing.double import Double, Fault
from anymedia.testing.samples import wav
from anymedia.wire.sse import LineParser, SseParser

PROMPT = "a lighthouse in fog"
WRONG_KEY = "wrong-key-of-the-suite"
MOST_POLLS = 400
NOT_ITS_HOST = "is not its own host"
HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}


class Skipped(Exception):
    """Why a case cannot be tried."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A provider on the bench: a connection to its double or to itself."""

    connection: Connection
    models: Sequence[Model]
    double: Double | None
    clock: Clock
    transport: Transport
    hurried: bool
    """Whether polls need no waiting."""
    script: Mapping[str, Any] | None = None
    """Options that make the provider fail as the case wants it, where it does so when asked."""

    def fail(self, fault: Fault) -> None:
        """Let the next request fail."""
        if self.script is not None:
            return
        if self.double is None:
            raise Skipped("nobody here can be told to fail")
        self.double.fail(fault)

    def wished(self, medium: Medium, words: str = PROMPT) -> tuple[Request[Any], Brief]:
        """A simple request for a medium as a model of the provider takes it."""
        self.ready()
        request = simple(medium, words)
        options = {**(self.double.options if self.double else {}), **(self.script or {})}
        if options:
            request = request.model_copy(update={"options": options})
        listed = [one for one in self.models if one.medium == medium]
        for model in sorted(listed, key=lambda one: (one.retires_on is not None, one.priority)):
            asked = request.model_copy(update={"model": model.id})
            if isinstance(asked, AudioRequest) and "music" not in model.tasks:
                asked = asked.model_copy(update={"kind": "effect"})
            try:
                fitted, _ = fit(asked, model, model.as_of)
            except InvalidRequest:
                continue
            return fitted, Brief(model=model, marker=marker())
        if listed:
            raise Skipped(f"no model makes {medium} of a few words alone")
        return request.model_copy(update={"model": "any"}), Brief(marker=marker())

    async def made(self, medium: Medium, words: str = PROMPT) -> Contract:
        """What the provider answers, in the end."""
        request, brief = self.wished(medium, words)
        if isinstance(request, TranscriptionRequest) and self.double is None:
            request = await self.spoken(request)
        try:
            return await self.answered(medium, request, brief)
        except UnreadableResponse as error:
            if self.double is not None and NOT_ITS_HOST in error.message:
                raise Skipped("its double does not stand for its further hosts") from None
            raise

    async def spoken(self, request: TranscriptionRequest) -> TranscriptionRequest:
        """Something that can be heard, if the provider can say it: silence has no words."""
        operation = self.connection.provider.operation("speech", Call)
        if not isinstance(operation, Call):
            return request
        speech, brief = self.wished("speech")
        wav_wanted = speech.model_copy(update={"format": "wav"})
        answer = await self.answered("speech", wav_wanted, brief)
        if isinstance(answer, MediaAnswer) and isinstance(answer.artifacts[0], InlineArtifact):
            sound = MediaBytes(data=answer.artifacts[0].data, media_type="audio/wav")
            return request.model_copy(update={"audio": sound})
        return request

    async def answered(self, medium: Medium, request: Request[Any], brief: Brief) -> Contract:
        """What comes of a request, at once or in the end."""
        operation = self.connection.provider.operation(medium, Call, Job)
        if isinstance(operation, Job):
            return await self.finished(operation, request, brief)
        assert isinstance(operation, Call)
        return await self.connection.converse(
            operation.exchange(request, brief), timeout_seconds=operation.timeout_seconds
        )

    async def submitted(self, operation: Job, request: Request[Any], brief: Brief) -> str:
        """A job's handle."""
        taken = await self.connection.converse(
            operation.submit(request, brief), timeout_seconds=operation.timeout_seconds
        )
        assert taken.handle, "a submission gives no handle"
        return taken.handle

    async def finished(self, operation: Job, request: Request[Any], brief: Brief) -> JobState:
        """A job's end."""
        handle = await self.submitted(operation, request, brief)
        for _ in range(MOST_POLLS):
            state: JobState = await self.connection.converse(
                operation.poll(handle), timeout_seconds=operation.timeout_seconds
            )
            if isinstance(state, Succeeded | Failed | Stopped):
                return state
            await self.clock.sleep(0.01 if self.hurried else operation.pace.longest_seconds)
        raise AssertionError(f"the job has not ended after {MOST_POLLS} polls")

    def with_wrong_key(self) -> Bench:
        """The same, with credentials that nobody gave out."""
        right = self.connection
        if self.script is not None:
            return self
        if right.configured.api_key is None:
            raise Skipped("no key is asked for" if self.double else "needs a key to replace")
        wrong = right.configured.model_copy(update={"api_key": SecretStr(WRONG_KEY)})
        connection = Connection(
            right.provider, wrong, Settings(), transport=self.transport, clock=self.clock
        )
        return replace(self, connection=connection)

    def ready(self) -> None:
        """Skip what lacks its credentials."""
        missing = self.connection.missing()
        if missing is not None:
            raise Skipped(missing.message)


def marker() -> str:
    """A name for one request: providers that take one as a key answer the same to the same."""
    return f"contract-suite-{secrets.token_hex(8)}"


def simple(medium: Medium, words: str) -> Request[Any]:
    """The plainest request there is for a medium."""
    match medium:
        case "text":
            return TextRequest(prompt=words)
        case "image":
            return ImageRequest(prompt=words)
        case "video":
            return VideoRequest(prompt=words)
        case "audio":
            return AudioRequest(prompt=words)
        case "speech":
            return SpeechRequest(text=words)
        case "transcription":
            sound = MediaBytes(data=wav(1.0), media_type="audio/wav", filename="sound.wav")
            return TranscriptionRequest(audio=sound)
        case "embedding":
            return EmbeddingRequest(inputs=(words, PROMPT))


# --- cases ----------------------------------------------------------------------------------


async def connectivity(bench: Bench, _: Medium | None) -> None:
    """A call that costs nothing is answered."""
    bench.ready()
    check = bench.connection.provider.check
    assert check is not None
    try:
        await bench.connection.converse(check(), timeout_seconds=30.0)
    except UnreadableResponse as error:
        if bench.double is not None and NOT_ITS_HOST in error.message:
            raise Skipped("its double does not stand for its further hosts") from None
        raise


async def success(bench: Bench, medium: Medium | None) -> None:
    """Something comes of a plain request."""
    assert medium is not None
    answer = await bench.made(medium)
    match answer:
        case TextAnswer():
            assert answer.text, "the answer has no words"
        case Failed():
            raise AssertionError(f"the job failed: {answer.problem.message}")
        case MediaAnswer():  # of which `Succeeded` is one
            assert answer.artifacts, "nothing was made"
        case TranscriptAnswer():
            assert answer.text, "nothing was heard"
        case EmbeddingAnswer():
            assert len(answer.embeddings) == 2, "two texts should become two vectors"
        case _:
            raise AssertionError(f"the job ended as {type(answer).__name__}")


async def refusal(bench: Bench, medium: Medium | None) -> None:
    """What is refused as content is told apart from every other failure."""
    assert medium is not None
    word = bench.double.refuses if bench.double is not None else None
    if word is None and bench.script is None:
        raise Skipped("nothing is refused as content here")
    try:
        answer = await bench.made(medium, f"{word} {PROMPT}" if word else PROMPT)
    except ContentRefused:
        return
    match answer:
        case TextAnswer() if answer.refusal or answer.finish.unified == "content_filter":
            return
        case Failed():
            code = answer.problem.code
            assert code == "CONTENT_POLICY_VIOLATION", f"a refused job fails as {code}"
        case _:
            raise Skipped("the double lets it pass")


async def rate_limit(bench: Bench, medium: Medium | None) -> None:
    """429 is `RateLimited`: not taken on, to be tried again."""
    assert medium is not None
    error = await failed(bench, medium, Fault(status=429, headers={**JSON, "retry-after": "3"}))
    assert isinstance(error, RateLimited), f"429 is told as {type(error).__name__}"
    assert error.retryable, "a rate limit should be worth another try"
    assert error.accepted == "no", "what is turned away by a rate limit was not taken on"


async def authentication(bench: Bench, medium: Medium | None) -> None:
    """A wrong key is `AuthenticationFailed`, and its words do not repeat the key."""
    assert medium is not None
    error: GenerationError | None = None
    try:
        await bench.with_wrong_key().made(medium)
    except GenerationError as found:
        error = found
    assert error is not None, "a wrong key was accepted"
    if not isinstance(error, AuthenticationFailed):
        raise error
    assert error.accepted == "no", "what is refused at the door was not taken on"
    assert WRONG_KEY not in error.message, "the message repeats the key"


async def server_failure(bench: Bench, medium: Medium | None) -> None:
    """500 is the provider's failure, and proves nothing about the work."""
    assert medium is not None
    error = await failed(bench, medium, Fault(status=500))
    assert isinstance(error, ProviderError), f"500 is told as {type(error).__name__}"
    told = type(error).__name__
    assert not isinstance(error, RateLimited | AuthenticationFailed), f"500 is told as {told}"
    assert error.accepted != "yes", "500 does not prove that the work was taken on"


async def unreadable(bench: Bench, medium: Medium | None) -> None:
    """A proxy's page with status 200 is no answer."""
    assert medium is not None
    page = Fault(status=200, body=b"<html>bad gateway</html>", headers=HTML)
    error = await failed(bench, medium, page)
    assert isinstance(error, ProviderError), f"a page of HTML is told as {type(error).__name__}"


async def failed(bench: Bench, medium: Medium, fault: Fault) -> GenerationError:
    """How the provider tells of a failure."""
    bench.wished(medium)
    bench.fail(fault)
    try:
        answer = await bench.made(medium)
    except GenerationError as error:
        return error
    raise AssertionError(f"{fault.status} was read as an answer: {type(answer).__name__}")


async def streaming(bench: Bench, medium: Medium | None) -> None:
    """Fragments that join to the whole, which comes last and once."""
    assert medium is not None
    request, brief = bench.wished(medium)
    operation = bench.connection.provider.operation(medium, Stream)
    assert isinstance(operation, Stream)
    parser = SseParser() if operation.framing == "sse" else LineParser()
    pieces: list[Any] = []
    async with bench.connection.stream(
        operation.start(request, brief), timeout_seconds=operation.timeout_seconds
    ) as incoming:
        decoder = operation.decoder(request, brief, incoming.head)
        async for chunk in incoming.chunks:
            for event in parser.feed(chunk):
                pieces += decoder.feed(event)
        for event in parser.end():
            pieces += decoder.feed(event)
        pieces += decoder.end()
    assert pieces, "the stream is empty"
    *_, last = pieces
    assert isinstance(last, AnswerComplete), "the last piece does not complete the answer"
    assert sum(isinstance(one, AnswerComplete) for one in pieces) == 1, "it is completed twice"
    words = "".join(one.text for one in pieces if isinstance(one, TextDelta))
    assert words, "no words came"
    assert words == last.answer.text, "the fragments do not join to the text"


async def cancel(bench: Bench, medium: Medium | None) -> None:
    """A job that was just submitted can be asked to stop."""
    assert medium is not None
    request, brief = bench.wished(medium)
    operation = bench.connection.provider.operation(medium, Job)
    assert isinstance(operation, Job)
    assert operation.cancel is not None
    handle = await bench.submitted(operation, request, brief)
    outcome = await bench.connection.converse(
        operation.cancel(handle), timeout_seconds=operation.timeout_seconds
    )
    assert outcome in {"requested", "confirmed", "impossible"}, f"cancelled as {outcome!r}"


CHECKS: dict[str, Callable[[Bench, Medium | None], Awaitable[None]]] = {
    "connectivity": connectivity,
    "success": success,
    "refusal": refusal,
    "rate limit": rate_limit,
    "authentication": authentication,
    "server failure": server_failure,
    "unreadable": unreadable,
    "streaming": streaming,
    "cancel": cancel,
}
