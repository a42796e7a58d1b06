"""The client, awaited."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast

from anymedia.cache.cache import Cache
from anymedia.client.artifacts import AsyncArtifactsView
from anymedia.client.batches import BUILD, AsyncBatchesView
from anymedia.client.handle import AsyncJobHandle
from anymedia.client.history import History, informed
from anymedia.client.key_terms import KeyTerms
from anymedia.client.listing import Page, meant
from anymedia.client.relaying import AsyncRelays
from anymedia.client.verbs import request_for
from anymedia.client.webhooks import AsyncWebhooksView
from anymedia.clock import Clock, SystemClock
from anymedia.configuration import load
from anymedia.contracts.audio import AudioResult
from anymedia.contracts.budget import BudgetAlert, BudgetSettings, BudgetStanding
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.embedding import EmbeddingResult
from anymedia.contracts.envelope import UnifiedRequest
from anymedia.contracts.errors import InvalidConfiguration, InvalidRequest
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import TextEvent
from anymedia.contracts.finding import Finding
from anymedia.contracts.image import ImageResult
from anymedia.contracts.job import Job, Pause
from anymedia.contracts.ledger import Costs, CostsBy
from anymedia.contracts.limit import Limits
from anymedia.contracts.manifest import Manifest
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.model import Model
from anymedia.contracts.quality import QualityReport
from anymedia.contracts.reconciliation import Reconciliation
from anymedia.contracts.replay import Replay
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.result import MediaResult, Result
from anymedia.contracts.route import FailoverSettings, Strategy
from anymedia.contracts.speech import SpeechResult
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptionResult
from anymedia.contracts.video import VideoResult
from anymedia.engine.answers import answered_once, key_of
from anymedia.engine.candidate import Asker
from anymedia.engine.counting import TokenCount, count_tokens
from anymedia.engine.engine import Engine
from anymedia.engine.inputs import artifact_ids, holds_media
from anymedia.engine.providers import ProviderCheck, ProviderStatus
from anymedia.engine.speaker import Speaker
from anymedia.engine.transport import NetworkTransport, Transport
from anymedia.providers.spec import Provider
from anymedia.store.journal import FOLDER as JOURNAL_FOLDER, Journal

if TYPE_CHECKING:
    from anymedia.batches.service import Batches
    from anymedia.client.budgets import Books
    from anymedia.client.costs import Bookkeeping, Invoicing, Moment, Narrowed
    from anymedia.client.listing import Wanted
    from anymedia.contracts.listing import JobFilter
    from anymedia.jobs.archive import Archived, Checked
    from anymedia.jobs.service import Jobs, OnProgress, Verdict
    from anymedia.store.database import Database

ResultT = TypeVar("ResultT", bound=Result)


PAGE = 200
"""Jobs that are read at once where all are wanted."""
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
        self._opened_batches: Batches | None = None
        self._opened_database: Database | None = None
        self._history = History(lambda: self._database, self.data_dir, clock)
        self._opened_books: Books | None = None
        self._key_budgets: tuple[BudgetSettings, ...] = ()
        self.key_terms = KeyTerms(lambda: self._database, clock, self._hold_keys_to)
        self.jobs = AsyncJobsView(lambda: self._jobs, lambda: self._batches)
        self.webhooks = AsyncWebhooksView(lambda: self._jobs, OWNER)
        self.batches = AsyncBatchesView(lambda: self._batches)
        self.artifacts = AsyncArtifactsView(lambda: self._jobs)
        self.providers = AsyncProvidersView(self._engine)
        self.relays = AsyncRelays(self._engine)
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
        from anymedia.jobs.normalizing import with_default

        whole = with_default(request, self.settings)
        result = await answered_once(
            cache,
            await key_of(cache, whole, asker, self._engine.providers),
            request,
            lambda: self._made(request, asker),
            clock=self._engine.clock,
            given_again=self._engine.given_again(request, asker),
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
        self,
        request: TextRequest,
        *,
        asker: Asker | None = None,
        speaker: Speaker | None = None,
    ) -> AsyncGenerator[TextEvent, None]:
        """The events of a text request; the last one carries the result.

        `speaker` is told who answers before the first of them comes.
        """
        asker = asker or self._asker
        self._begin()
        await self._check_inputs(request, asker)
        streaming = self._engine.stream(request, asker=asker, speaker=speaker)
        async with aclosing(streaming) as events:
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
        return informed(
            await self._engine.estimates(request, asker=asker or self._asker),
            request.medium,
            await self._history.times(),
            self._engine.providers,
            clock=self._engine.clock,
            stale_days=self.settings.stale_price_days,
        )

    async def count_tokens(self, request: TextRequest, *, asker: Asker | None = None) -> TokenCount:
        """How many tokens a question has: counted by who would be asked, or else guessed.

        `InvalidRequest` where it holds pictures or the like, and who would be asked counts nothing.
        """
        return await count_tokens(self._engine, request, asker or self._asker)

    async def execute(self, request: UnifiedRequest | Mapping[str, Any]) -> Any:
        """Answer the versioned envelope, in the version that it came in.

        Failures are told in the response, not raised.
        """
        from anymedia.client.envelope import execute

        return await execute(self, request)

    async def checkup(self, *, online: bool = False) -> AsyncGenerator[Finding, None]:
        """A look at everything that it takes to work, finding by finding; nothing is changed.

        `online` asks providers too, by calls that cost nothing.
        """
        from anymedia.client.checkup import Installation, checkup

        async for one in checkup(
            Installation(self._engine, self._database, self.data_dir), online=online
        ):
            yield one

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
            self._opened_books.configure(self._every_budget)

    @property
    def cache(self) -> Cache:
        """The cache: `statistics()` and `invalidate(...)`. Raises when none is configured."""
        if self._engine.cache is None:
            raise InvalidConfiguration("there is no cache: set `cache` in the configuration")
        return self._engine.cache

    def models(self, media: Medium | None = None) -> tuple[Model, ...]:
        """Capability sheets of every model that the catalogue lists."""
        return self._engine.providers.all_models(media)

    async def costs(self, by: CostsBy = "provider", **narrowed: Unpack[Narrowed]) -> Costs:
        """What was spent, summed by provider, model, media, key, tag, day or job.

        `since` and `until` are a time, a day, or how long ago: `"7d"`, `"24h"`, `"2026-11-01"`.
        `owner`, `tag`, `provider`, `model` and `media` narrow it down; days begin at midnight in
        `time_zone`, UTC unless said. What is under way, or may have been charged, is told apart
        as pending; so is what the cache has saved.
        """
        return await self._bookkeeping.costs(by, **narrowed)

    async def settle(
        self,
        name: str,
        amount: Decimal | str | float,
        *,
        provider: str | None = None,
        why: str = "",
    ) -> Costs:
        """Say what an attempt costs, however late: a row more in the ledger, which budgets follow.

        `name` is the provider's id for it, or the id of an attempt or job of ours. The answer is
        what the job or request comes to now.
        """
        return await self._bookkeeping.settle(name, amount, provider=provider, why=why)

    async def reconcile(self, invoice: str | Path, **options: Unpack[Invoicing]) -> Reconciliation:
        """Lay a provider's invoice or usage export, a CSV file, beside the ledger.

        `provider` says whose it is, `credit_usd` what a credit costs where it counts those,
        `since` and `until` which time it covers. With `correct=True` the ledger follows it.
        """
        return await self._bookkeeping.reconcile(Path(invoice), **options)

    async def replay(
        self, strategies: Sequence[Strategy] = (), **narrowed: Unpack[Narrowed]
    ) -> Replay:
        """What the same requests would have cost, had they been given to others."""
        return await self._bookkeeping.replay(strategies, **narrowed)

    async def quality(self, **narrowed: Unpack[Narrowed]) -> QualityReport:
        """How well each model has done what was asked, how fast, and for how much."""
        return await self._bookkeeping.quality(**narrowed)

    @property
    def _bookkeeping(self) -> Bookkeeping:
        from anymedia.client.costs import Bookkeeping

        return Bookkeeping(self._engine, self._database, self.data_dir)

    async def manifest(self, artifact_id: str, *, prompt: bool = False) -> Manifest:
        """Where an artifact comes from; with `prompt` also the words it was made from."""
        return await self.artifacts.manifest(artifact_id, prompt=prompt)

    async def link(self, artifact_id: str, expires_seconds: float = 3600) -> str:
        """A URL at which anybody can fetch an artifact without a key, for so long."""
        return await self.artifacts.link(artifact_id, expires_seconds)

    async def _run(self, medium: Medium, subject: Any, fields: Mapping[str, Any]) -> Result:
        request: Request[Result] = request_for(medium, subject, fields)
        return await self.run(request)

    async def _submit(
        self, medium: Medium, subject: Any, fields: Mapping[str, Any]
    ) -> AsyncJobHandle:
        request = request_for(medium, subject, fields)
        return await self.submit(cast("MediaRequest[Any]", request))

    async def artifact(self, artifact_id: str) -> StoredArtifact:
        """Something kept, by its id: a result, an input, or the original of a normalised result."""
        return await self._jobs.artifact(artifact_id)

    async def preview(self, artifact_id: str) -> StoredArtifact:
        """A picture of it of at most 512 pixels: a thumbnail, a clip's poster, a sound's wave.

        Made when it is first asked for, and kept. `NotFound` where there is nothing to show.
        """
        return await self._jobs.preview(artifact_id)

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
            store = ArtifactStore(
                self.data_dir,
                limit_bytes=self.settings.max_artifact_bytes,
                url=self.settings.artifacts_url,
                public_url=self.settings.gateway.public_url,
                now=self._engine.clock.time,
            )
            self._opened_jobs = Jobs(
                self._engine,
                self._database,
                store,
                owner=OWNER,
                callback_base_url=self.settings.gateway.public_url,
                budgets=self._opened_books.jobs if self._opened_books is not None else None,
                key_terms=self.key_terms.known,
            )
        return self._opened_jobs

    @property
    def _batches(self) -> Batches:
        if self._opened_batches is None:
            from anymedia.batches.service import Batches

            self._opened_batches = Batches(
                self._engine,
                self._database,
                self._jobs,
                build=BUILD,
                budgets=self._opened_books.jobs if self._opened_books is not None else None,
            )
        return self._opened_batches

    @property
    def _database(self) -> Database:
        if self._opened_database is None:
            from anymedia.store.database import database_at

            self._opened_database = database_at(self.data_dir, self.settings.database_url)
        return self._opened_database

    def _begin(self) -> None:
        """What has to be there before the first request: budgets, and the work in the background."""
        if self._every_budget and self._opened_books is None:
            from anymedia.client.budgets import opened
            from anymedia.client.costs import WritingOff

            books = self._opened_books = opened(
                self._every_budget,
                database=self._database,
                clock=self._engine.clock,
                link=self._engine.link,
                tell=self._told_of_budget,
            )
            self._engine.guards.budgets = books.quick
            for one in (self._opened_jobs, self._opened_batches):
                if one is not None:
                    one.spend_from(books.jobs)
            self._engine.upkeep.also(books.tend)
            unknown = WritingOff(self._engine, self._database, self.data_dir)
            self._engine.upkeep.also(unknown.tend)
        self._engine.upkeep.begin()

    @property
    def _every_budget(self) -> tuple[BudgetSettings, ...]:
        """What the configuration says of a key by its name goes before what stands at the key."""
        return (*self._key_budgets, *self.settings.budgets)

    def _hold_keys_to(
        self, limits: Mapping[str, Limits], budgets: tuple[BudgetSettings, ...]
    ) -> None:
        self._key_budgets = budgets
        self._engine.guards.hold_keys_to(self.settings, limits)
        if self._opened_books is not None:
            self._opened_books.configure(self._every_budget)
        self._begin()

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

    async def close(self, within_seconds: float | None = None) -> None:
        """Finish what is being sent or fetched, leave waiting jobs to the next process.

        What takes longer than `within_seconds` is cut off: others find out what became of it.
        """
        if self._opened_jobs is not None:
            self._opened_jobs.stop(within_seconds)
        if self._opened_batches is not None:
            await self._opened_batches.close(within_seconds)
        if self._opened_jobs is not None:
            await self._opened_jobs.close(within_seconds)
        if self._opened_books is not None:
            await self._engine.upkeep.close()
            await self._opened_books.close()
        if self._opened_database is not None:
            await self._opened_database.close()
        await self._engine.close()
        self._journal.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncJobsView:
    """`client.jobs`."""

    def __init__(self, jobs: Callable[[], Jobs], batches: Callable[[], Batches]) -> None:
        self._open = jobs
        self._batches = batches

    def of(self, owner: str) -> AsyncJobsView:
        """The jobs of somebody else who uses this client, such as a key of the gateway's."""
        return AsyncJobsView(lambda: self._open().of(owner), self._batches)

    async def artifact(self, artifact_id: str) -> StoredArtifact:
        """Something kept, by its id, ready to be read. `NotFound` when there is none."""
        return await self._jobs.artifact(artifact_id)

    async def preview(self, artifact_id: str) -> StoredArtifact:
        """A small picture of something kept, made when it is first asked for."""
        return await self._jobs.preview(artifact_id)

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
        after: str | None = None,
        **wanted: Unpack[Wanted],
    ) -> tuple[AsyncJobHandle, ...]:
        """Jobs, the newest first, narrowed down by `status`, `media`, `provider` and the like."""
        jobs = await self._jobs.list(wanted=self._meant(wanted), limit=limit, after=after)
        return tuple(map(self._in_hand, jobs))

    async def page(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        oldest_first: bool = False,
        **wanted: Unpack[Wanted],
    ) -> Page[AsyncJobHandle]:
        """At most 500 of them, and where the list goes on: `after=page.next`, or a job's id."""
        page = await self._jobs.page(
            self._meant(wanted), limit=limit, after=after, oldest_first=oldest_first
        )
        return Page(tuple(map(self._in_hand, page.jobs)), page.next)

    def _meant(self, wanted: Wanted) -> JobFilter:
        return meant(wanted, self._jobs.now())

    async def every(self, **wanted: Unpack[Wanted]) -> AsyncGenerator[AsyncJobHandle, None]:
        """All of them, one after another, with their timelines; never many in memory."""
        narrowed, after = self._meant(wanted), None
        while True:
            page = await self._jobs.page(narrowed, limit=PAGE, after=after, full=True)
            for job in page.jobs:
                yield self._in_hand(job)
            if (after := page.next) is None:
                return

    async def archive(
        self, directory: str | Path, *, before: Moment, delete: bool = False
    ) -> AsyncGenerator[Archived, None]:
        """Put what ended before a time (`"90d"`) into files, for all owners; tells each file.

        With `delete` it is removed from the database once it is on the disk.
        """
        from anymedia.client.costs import moment

        end = moment(before, self._jobs.now()).timestamp()
        async for one in self._jobs.archive(Path(directory)).write(end, remove=delete):
            yield one

    def verify_archive(self, directory: str | Path) -> Iterator[Checked]:
        """Read an archive's files anew and compare them with what was written."""
        return self._jobs.archive(Path(directory)).verify()

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

    async def pause(self, provider: str, media: Medium | None = None) -> None:
        """Give a provider no new jobs. Those under way go on; others go elsewhere or wait."""
        await self._jobs.pause(provider, media)

    async def resume(self, provider: str, media: Medium | None = None) -> None:
        """Give a paused provider jobs again."""
        await self._jobs.resume(provider, media)

    async def pauses(self) -> tuple[Pause, ...]:
        """Who is paused."""
        return await self._jobs.pauses()

    def _in_hand(self, job: Job) -> AsyncJobHandle:
        return AsyncJobHandle(self._jobs, job)

    async def work(self, *, until_idle: bool = False) -> None:
        """Carry jobs and batches on in this process."""
        await self._jobs.work(until_idle=until_idle, beside=self._batches())

    def stop(self, within_seconds: float | None = None) -> None:
        """Let `work` return when what is under way has ended.

        What takes longer than `within_seconds` is cut off: others find out what became of it.
        """
        self._batches().stop()
        self._jobs.stop(within_seconds)

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
