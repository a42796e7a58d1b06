"""The client, awaited."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from anymedia.cache.cache import Cache
from anymedia.client.handle import AsyncJobHandle
from anymedia.client.verbs import request_for
from anymedia.clock import Clock, SystemClock
from anymedia.configuration import load
from anymedia.contracts.audio import AudioResult
from anymedia.contracts.budget import BudgetAlert, BudgetStanding
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.embedding import EmbeddingResult
from anymedia.contracts.envelope import UnifiedRequest
from anymedia.contracts.errors import InvalidConfiguration, InvalidRequest
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import TextEvent
from anymedia.contracts.image import ImageResult
from anymedia.contracts.job import Job, JobStatus
from anymedia.contracts.ledger import Costs, CostsBy
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.model import Model
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.result import MediaResult, Result
from anymedia.contracts.route import FailoverSettings
from anymedia.contracts.speech import SpeechResult
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptionResult
from anymedia.contracts.video import VideoResult
from anymedia.engine.answers import answered_once, key_of
from anymedia.engine.candidate import Asker
from anymedia.engine.engine import Engine
from anymedia.engine.inputs import artifact_ids, holds_media
from anymedia.engine.providers import ProviderCheck, ProviderStatus
from anymedia.engine.transport import NetworkTransport, Transport
from anymedia.providers.spec import Provider
from anymedia.store.journal import FOLDER as JOURNAL_FOLDER, Journal

if TYPE_CHECKING:
    from anymedia.client.budgets import Books
    from anymedia.client.costs import Moment
    from anymedia.jobs.service import Jobs, OnProgress, Verdict
    from anymedia.store.database import Database

ResultT = TypeVar("ResultT", bound=Result)


OWNER = "local"
"""Whose jobs, limits and cached answers these are, where there is nobody to tell apart."""


class AsyncClient:
    """Every generative model behind one contract.

    ```python
    async with AsyncClient() as client:
        video = await client.video("a fox running through snow", duration_seconds=8)
    ```

    `config` is a path or a mapping as in `anymedia.example.yaml`; without it the usual files and
    the environment are read. `routing` is for media without a route of their own (with what is
    left unsaid as configured), `cache` switches the cache on. Failures raise `anymedia.GenerationError` or one of its kind.
    """

    def __init__(
        self,
        config: str | Path | Mapping[str, Any] | Settings | None = None,
        *,
        providers: Sequence[ProviderSettings | Provider] | None = None,
        routing: FailoverSettings | None = None,
        cache: CacheSettings | None = None,
        data_dir: str | Path | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        given = {"failover": routing, "cache": cache}
        overrides: dict[str, Any] = {
            name: one.model_dump(mode="json", exclude_unset=True)
            for name, one in given.items()
            if one is not None
        }
        if data_dir is not None:
            overrides["data_dir"] = str(data_dir)
        self._overrides = overrides
        self._asker = Asker(caller=OWNER)
        self.settings = load(
            config, environment=os.environ, directory=Path.cwd(), overrides=overrides
        )
        assert self.settings.data_dir is not None
        self.data_dir = Path(self.settings.data_dir).expanduser()
        clock = clock or SystemClock()
        self._journal = Journal(self.data_dir / JOURNAL_FOLDER)
        self._engine = Engine(
            self.settings,
            network=transport
            or NetworkTransport(connect_seconds=self.settings.timeouts.connect_seconds),
            clock=clock,
            chance=random.Random(seed),  # noqa: S311  it spreads retries, it guards nothing
            ledger=self._journal,
            kept=self,
        )
        self._opened_jobs: Jobs | None = None
        self._opened_database: Database | None = None
        self._opened_books: Books | None = None
        self.jobs = AsyncJobsView(lambda: self._jobs)
        self.providers = AsyncProvidersView(self._engine)
        for one in providers or ():
            self.providers.register(one)

    # --- verbs ----------------------------------------------------------------------------

    async def text(self, prompt: str | None = None, **fields: Any) -> TextResult:
        """Words. Fields are those of `TextRequest`, and `json_schema=`, `image=`, `file=`."""
        return cast("TextResult", await self._run("text", prompt, fields))

    async def stream_text(
        self, prompt: str | None = None, **fields: Any
    ) -> AsyncGenerator[TextEvent, None]:
        """Words as they come; the last event carries the same result as `text`."""
        request = request_for("text", prompt, fields)
        assert isinstance(request, TextRequest)
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                yield event

    async def image(self, prompt: str | None = None, **fields: Any) -> ImageResult:
        """Images. Fields are those of `ImageRequest`; `image=` gives pictures to edit."""
        return cast("ImageResult", await self._run("image", prompt, fields))

    async def video(self, prompt: str | None = None, **fields: Any) -> VideoResult:
        """Clips. Fields are those of `VideoRequest`; `image=` gives the first frame."""
        return cast("VideoResult", await self._run("video", prompt, fields))

    async def audio(self, prompt: str | None = None, **fields: Any) -> AudioResult:
        """Music, or with `kind="effect"` effects. Fields are those of `AudioRequest`."""
        return cast("AudioResult", await self._run("audio", prompt, fields))

    async def speech(self, text: str | None = None, **fields: Any) -> SpeechResult:
        """Words read aloud. Fields are those of `SpeechRequest`."""
        return cast("SpeechResult", await self._run("speech", text, fields))

    async def transcribe(self, audio: Any = None, **fields: Any) -> TranscriptionResult:
        """Speech to words. Fields are those of `TranscriptionRequest`."""
        return cast("TranscriptionResult", await self._run("transcription", audio, fields))

    async def embed(self, inputs: Any = None, **fields: Any) -> EmbeddingResult:
        """Texts to vectors. Fields are those of `EmbeddingRequest`."""
        return cast("EmbeddingResult", await self._run("embedding", inputs, fields))

    async def submit_image(self, prompt: str | None = None, **fields: Any) -> AsyncJobHandle:
        """Take on images and come back at once."""
        return await self._submit("image", prompt, fields)

    async def submit_video(self, prompt: str | None = None, **fields: Any) -> AsyncJobHandle:
        """Take on clips and come back at once."""
        return await self._submit("video", prompt, fields)

    async def submit_audio(self, prompt: str | None = None, **fields: Any) -> AsyncJobHandle:
        """Take on music or effects and come back at once."""
        return await self._submit("audio", prompt, fields)

    async def submit_speech(self, text: str | None = None, **fields: Any) -> AsyncJobHandle:
        """Take on speech and come back at once."""
        return await self._submit("speech", text, fields)

    async def estimate_text(self, prompt: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `text` would cost, per candidate."""
        return await self.estimate(request_for("text", prompt, fields))

    async def estimate_image(
        self, prompt: str | None = None, **fields: Any
    ) -> tuple[Estimate, ...]:
        """What `image` would cost and change, per candidate."""
        return await self.estimate(request_for("image", prompt, fields))

    async def estimate_video(
        self, prompt: str | None = None, **fields: Any
    ) -> tuple[Estimate, ...]:
        """What `video` would cost and change, per candidate."""
        return await self.estimate(request_for("video", prompt, fields))

    async def estimate_audio(
        self, prompt: str | None = None, **fields: Any
    ) -> tuple[Estimate, ...]:
        """What `audio` would cost and change, per candidate."""
        return await self.estimate(request_for("audio", prompt, fields))

    async def estimate_speech(self, text: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `speech` would cost and change, per candidate."""
        return await self.estimate(request_for("speech", text, fields))

    # --- the typed core -------------------------------------------------------------------

    async def run(self, request: Request[ResultT], *, asker: Asker | None = None) -> ResultT:
        """The result of any request.

        `timeout_seconds` of a media request limits the waiting; the job goes on. `asker` says on
        whose behalf it is, for limits, fairness and the cache; yours unless said.
        """
        asker = asker or self._asker
        self._begin()
        if not isinstance(request, MediaRequest):
            await self._check_inputs(request, asker)
            return await self._engine.run(request, asker=asker)
        cache = self._engine.cache
        if cache is None or request.cache is False or not cache.suits(request):
            return cast("ResultT", await self._made(request, asker))
        result = await answered_once(
            cache,
            await key_of(cache, request, asker, self._engine.providers),
            request,
            lambda: self._made(request, asker),
            clock=self._engine.clock,
            is_whole=self._jobs.still_holds,
        )
        return cast("ResultT", result)

    async def _made(self, request: MediaRequest[Any], asker: Asker) -> MediaResult:
        jobs = self._jobs_of(asker)
        job = await jobs.submit(request)
        return await jobs.wait(job.id, timeout_seconds=request.timeout_seconds)

    async def _check_inputs(self, request: Request[Any], asker: Asker) -> None:
        if holds_media(tuple(request.__dict__.values())) and artifact_ids(request):
            await self._jobs_of(asker).check_inputs(request)

    def _jobs_of(self, asker: Asker) -> Jobs:
        return self._jobs.of(asker.caller or OWNER)

    async def stream(
        self, request: TextRequest, *, asker: Asker | None = None
    ) -> AsyncGenerator[TextEvent, None]:
        """The events of a text request; the last one carries the result."""
        asker = asker or self._asker
        self._begin()
        await self._check_inputs(request, asker)
        async with aclosing(self._engine.stream(request, asker=asker)) as events:
            async for event in events:
                yield event

    async def submit(
        self, request: MediaRequest[Any], *, asker: Asker | None = None
    ) -> AsyncJobHandle:
        """Take a media request on; from here on it survives anything."""
        if not isinstance(request, MediaRequest):
            raise InvalidRequest(f"{request.medium} is answered at once; use `run`")
        jobs = self._jobs_of(asker or self._asker)
        job = await jobs.submit(request)
        jobs.start()
        return AsyncJobHandle(jobs, job)

    async def estimate(
        self, request: Request[Any], *, asker: Asker | None = None
    ) -> tuple[Estimate, ...]:
        """Every candidate for a request: fits or why not, price, adaptations."""
        return await self._engine.estimates(request, asker=asker or self._asker)

    async def execute(self, request: UnifiedRequest | Mapping[str, Any]) -> Any:
        """Answer the versioned envelope, in the version that it came in.

        Failures are told in the response, not raised.
        """
        from anymedia.client.envelope import execute

        return await execute(self, request)

    def health(self) -> tuple[ProviderHealth, ...]:
        """How each configured provider does, by what this process has seen of it."""
        return self._engine.upkeep.report()

    def configure(self, config: str | Path | Mapping[str, Any] | Settings | None = None) -> None:
        """Other settings from the next request on, once they are known to be valid.

        Strategies, routes, limits, providers: all but where data, state and cache are kept. What
        was counted and learnt stays. Raises `InvalidConfiguration` and changes nothing.
        """
        settings = load(
            config, environment=os.environ, directory=Path.cwd(), overrides=self._overrides
        )
        self._engine.configure(settings)
        self.settings = settings
        if self._opened_books is not None:
            self._opened_books.configure(settings.budgets)

    @property
    def cache(self) -> Cache:
        """The cache: `statistics()` and `invalidate(...)`. Raises when none is configured."""
        if self._engine.cache is None:
            raise InvalidConfiguration("there is no cache: set `cache` in the configuration")
        return self._engine.cache

    def models(self, media: Medium | None = None) -> tuple[Model, ...]:
        """Capability sheets of every model that the catalogue lists."""
        return self._engine.providers.all_models(media)

    async def costs(
        self,
        by: CostsBy = "provider",
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        owner: str | None = None,
    ) -> Costs:
        """What was spent, summed by provider, model, media, key, tag or day; by one `owner`, or all.

        `since` and `until` are a time, a day, or how long ago: `"7d"`, `"24h"`, `"2026-11-01"`.
        What is under way, or may have been charged, is told apart as pending.
        """
        from anymedia.client.costs import summed

        return await summed(
            self._database, self.data_dir, by, since, until, self._engine.clock.now(), owner
        )

    async def _run(self, medium: Medium, subject: Any, fields: Mapping[str, Any]) -> Result:
        request: Request[Result] = request_for(medium, subject, fields)
        return await self.run(request)

    async def _submit(
        self, medium: Medium, subject: Any, fields: Mapping[str, Any]
    ) -> AsyncJobHandle:
        request = request_for(medium, subject, fields)
        return await self.submit(cast("MediaRequest[Any]", request))

    async def read_input(self, artifact_id: str) -> Any:
        """The bytes of something kept, for requests that refer to it."""
        return await self._jobs.read_input(artifact_id)

    # --- opening and closing --------------------------------------------------------------

    @property
    def _jobs(self) -> Jobs:
        """The jobs, opened when they are first needed: a text call needs no database."""
        if self._opened_jobs is None:
            from anymedia.jobs.service import Jobs
            from anymedia.store.artifacts import ArtifactStore

            self._begin()
            store = ArtifactStore(self.data_dir, limit_bytes=self.settings.max_artifact_bytes)
            self._opened_jobs = Jobs(
                self._engine,
                self._database,
                store,
                owner=OWNER,
                callback_base_url=self.settings.gateway.public_url,
                budgets=self._opened_books.jobs if self._opened_books is not None else None,
            )
        return self._opened_jobs

    @property
    def _database(self) -> Database:
        if self._opened_database is None:
            from anymedia.store.database import Database

            self._opened_database = Database(self.data_dir)
        return self._opened_database

    def _begin(self) -> None:
        """What has to be there before the first request: budgets, and the work in the background."""
        if self.settings.budgets and self._opened_books is None:
            from anymedia.client.budgets import opened

            books = self._opened_books = opened(
                self.settings.budgets,
                database=self._database,
                clock=self._engine.clock,
                link=self._engine.link,
                tell=self._told_of_budget,
            )
            self._engine.guards.budgets = books.quick
            self._engine.upkeep.also(books.tend)
        self._engine.upkeep.begin()

    def _told_of_budget(self, alert: BudgetAlert) -> None:
        whose = f"the budget of {alert.scope} `{alert.name}`"
        how = "was in the way of a request"
        if alert.share is not None:
            how = f"is used up to {alert.share:.0%}"
        self._engine.report(f"{whose} {how}: {alert.committed} of {alert.limit} USD")

    async def budgets(self) -> tuple[BudgetStanding, ...]:
        """How each budget stands: spent, reserved, left, and when it starts anew."""
        self._begin()
        return () if self._opened_books is None else await self._opened_books.standing()

    async def close(self) -> None:
        """Finish what is being sent or fetched, leave waiting jobs to the next process."""
        if self._opened_jobs is not None:
            await self._opened_jobs.close()
        if self._opened_books is not None:
            await self._engine.upkeep.close()
            await self._opened_books.close()
        if self._opened_database is not None:
            self._opened_database.close()
        await self._engine.close()
        self._journal.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncJobsView:
    """`client.jobs`."""

    def __init__(self, jobs: Callable[[], Jobs]) -> None:
        self._open = jobs

    def of(self, owner: str) -> AsyncJobsView:
        """The jobs of somebody else who uses this client, such as a key of the gateway's."""
        return AsyncJobsView(lambda: self._open().of(owner))

    async def artifact(self, artifact_id: str) -> StoredArtifact:
        """Something kept, by its id, ready to be read. `NotFound` when there is none."""
        return await self._jobs.artifact(artifact_id)

    @property
    def _jobs(self) -> Jobs:
        return self._open()

    async def get(self, job_id: str) -> AsyncJobHandle:
        """One job with its timeline. `NotFound` when there is none of that id."""
        return self._in_hand(await self._jobs.get(job_id))

    async def list(
        self,
        *,
        limit: int = 50,
        status: JobStatus | None = None,
        media: Medium | None = None,
    ) -> tuple[AsyncJobHandle, ...]:
        """Jobs, the newest first."""
        jobs = await self._jobs.list(limit=limit, status=status, media=media)
        return tuple(map(self._in_hand, jobs))

    async def wait(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> MediaResult:
        """A job's result; raises what it failed with."""
        return await self._jobs.wait(
            job_id, timeout_seconds=timeout_seconds, on_progress=on_progress
        )

    async def cancel(self, job_id: str) -> AsyncJobHandle:
        """Ask for a job to be stopped; `.job.cancel` says what came of it, soon."""
        job = await self._jobs.cancel(job_id)
        self._jobs.start()
        return self._in_hand(job)

    async def retry(self, job_id: str) -> AsyncJobHandle:
        """Try a failed or cancelled job once more."""
        job = await self._jobs.retry(job_id)
        self._jobs.start()
        return self._in_hand(job)

    async def resolve(
        self, job_id: str, outcome: Verdict, handle: str | None = None
    ) -> AsyncJobHandle:
        """Say what became of a submission whose outcome is unknown."""
        return self._in_hand(await self._jobs.resolve(job_id, outcome, handle))

    def _in_hand(self, job: Job) -> AsyncJobHandle:
        return AsyncJobHandle(self._jobs, job)

    async def work(self, *, until_idle: bool = False) -> None:
        """Carry jobs on in this process."""
        await self._jobs.work(until_idle=until_idle)

    def stop(self) -> None:
        """Let `work` return when what is under way has ended."""
        self._jobs.stop()

    async def received(self, token: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Hand in a provider's callback; `token` is the last part of its URL."""
        from anymedia.wire.http import Headers

        await self._jobs.received(token, body, Headers(headers))


class AsyncProvidersView:
    """`client.providers`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self) -> tuple[ProviderStatus, ...]:
        """Every provider there is, and whether it can be used here."""
        return self._engine.providers.statuses()

    async def check(self, name: str | None = None) -> tuple[ProviderCheck, ...]:
        """Whether providers answer and accept the key, by a call that costs nothing."""
        return await self._engine.upkeep.checked(name)

    def register(
        self, provider: ProviderSettings | Provider, *, priority: int | None = None
    ) -> None:
        """Add or replace a provider."""
        self._engine.providers.register(provider, priority=priority)

    def remove(self, name: str) -> None:
        """Forget a provider."""
        self._engine.providers.remove(name)
