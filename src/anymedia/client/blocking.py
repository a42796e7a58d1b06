"""The client, blocking: the same as `AsyncClient`, name by name, through a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from anymedia.cache.cache import Cache
from anymedia.client.aio import AsyncClient, AsyncJobsView
from anymedia.client.artifacts import ArtifactsView
from anymedia.client.batches import BatchesView
from anymedia.client.handle import AsyncJobHandle, JobFacts
from anymedia.client.listing import Page, Wanted
from anymedia.client.portal import Portal
from anymedia.client.webhooks import WebhooksView
from anymedia.contracts.audio import AudioResult
from anymedia.contracts.budget import BudgetStanding
from anymedia.contracts.caching import CacheStatistics
from anymedia.contracts.configuration import ProviderSettings
from anymedia.contracts.embedding import EmbeddingResult
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import TextEvent
from anymedia.contracts.finding import Finding
from anymedia.contracts.image import ImageResult
from anymedia.contracts.job import Job, Pause
from anymedia.contracts.ledger import Costs, CostsBy
from anymedia.contracts.manifest import Manifest
from anymedia.contracts.media import Medium, StoredArtifact
from anymedia.contracts.model import Model
from anymedia.contracts.quality import QualityReport
from anymedia.contracts.reconciliation import Reconciliation
from anymedia.contracts.replay import Replay
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.result import MediaResult, Result
from anymedia.contracts.route import Strategy
from anymedia.contracts.speech import SpeechResult
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptionResult
from anymedia.contracts.video import VideoResult
from anymedia.engine.candidate import Asker
from anymedia.engine.counting import TokenCount
from anymedia.engine.providers import ProviderCheck, ProviderStatus
from anymedia.engine.speaker import Speaker
from anymedia.providers.spec import Provider

if TYPE_CHECKING:
    from anymedia.client.costs import Invoicing, Moment, Narrowed
    from anymedia.jobs.archive import Archived, Checked
    from anymedia.jobs.service import OnProgress, Verdict

ResultT = TypeVar("ResultT", bound=Result)


class Client:
    """Every generative model behind one contract, blocking.

    ```python
    client = Client()
    text = client.text("Write a haiku about rain")
    ```

    Works in scripts, notebooks and threads. Takes what `AsyncClient` takes.
    """

    def __init__(self, config: Any = None, **options: Any) -> None:
        self._portal = Portal()
        try:
            self._client = self._portal.call(opened(config, options))
        except BaseException:
            self._portal.close()
            raise
        self.settings = self._client.settings
        self.jobs = JobsView(self._client.jobs, self._portal)
        self.webhooks = WebhooksView(self._client.webhooks, self._portal)
        self.batches = BatchesView(self._client.batches, self._portal)
        self.artifacts = ArtifactsView(self._client.artifacts, self._portal)
        self.providers = ProvidersView(self._client, self._portal)

    # --- verbs ----------------------------------------------------------------------------

    def text(self, prompt: str | None = None, **fields: Any) -> TextResult:
        """Words. Fields are those of `TextRequest`, and `json_schema=`, `image=`, `file=`."""
        return self._portal.call(self._client.text(prompt, **fields))

    def stream_text(self, prompt: str | None = None, **fields: Any) -> Iterator[TextEvent]:
        """Words as they come; the last event carries the same result as `text`."""
        return self._portal.iterate(self._client.stream_text(prompt, **fields))

    def image(self, prompt: str | None = None, **fields: Any) -> ImageResult:
        """Images. Fields are those of `ImageRequest`; `image=` gives pictures to edit."""
        return self._portal.call(self._client.image(prompt, **fields))

    def video(self, prompt: str | None = None, **fields: Any) -> VideoResult:
        """Clips. Fields are those of `VideoRequest`; `image=` gives the first frame."""
        return self._portal.call(self._client.video(prompt, **fields))

    def audio(self, prompt: str | None = None, **fields: Any) -> AudioResult:
        """Music, or with `kind="effect"` effects. Fields are those of `AudioRequest`."""
        return self._portal.call(self._client.audio(prompt, **fields))

    def speech(self, text: str | None = None, **fields: Any) -> SpeechResult:
        """Words read aloud. Fields are those of `SpeechRequest`."""
        return self._portal.call(self._client.speech(text, **fields))

    def transcribe(self, audio: Any = None, **fields: Any) -> TranscriptionResult:
        """Speech to words. Fields are those of `TranscriptionRequest`."""
        return self._portal.call(self._client.transcribe(audio, **fields))

    def embed(self, inputs: Any = None, **fields: Any) -> EmbeddingResult:
        """Texts to vectors. Fields are those of `EmbeddingRequest`."""
        return self._portal.call(self._client.embed(inputs, **fields))

    def count_tokens(self, request: TextRequest, *, asker: Asker | None = None) -> TokenCount:
        """How many tokens a question has: counted by who would be asked, or else guessed.

        `InvalidRequest` where it holds pictures or the like, and who would be asked counts nothing.
        """
        return self._portal.call(self._client.count_tokens(request, asker=asker))

    def submit_image(self, prompt: str | None = None, **fields: Any) -> JobHandle:
        """Take on images and come back at once."""
        return self._handle(self._client.submit_image(prompt, **fields))

    def submit_video(self, prompt: str | None = None, **fields: Any) -> JobHandle:
        """Take on clips and come back at once."""
        return self._handle(self._client.submit_video(prompt, **fields))

    def submit_audio(self, prompt: str | None = None, **fields: Any) -> JobHandle:
        """Take on music or effects and come back at once."""
        return self._handle(self._client.submit_audio(prompt, **fields))

    def submit_speech(self, text: str | None = None, **fields: Any) -> JobHandle:
        """Take on speech and come back at once."""
        return self._handle(self._client.submit_speech(text, **fields))

    def estimate_text(self, prompt: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `text` would cost, per candidate."""
        return self._portal.call(self._client.estimate_text(prompt, **fields))

    def estimate_image(self, prompt: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `image` would cost and change, per candidate."""
        return self._portal.call(self._client.estimate_image(prompt, **fields))

    def estimate_video(self, prompt: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `video` would cost and change, per candidate."""
        return self._portal.call(self._client.estimate_video(prompt, **fields))

    def estimate_audio(self, prompt: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `audio` would cost and change, per candidate."""
        return self._portal.call(self._client.estimate_audio(prompt, **fields))

    def estimate_speech(self, text: str | None = None, **fields: Any) -> tuple[Estimate, ...]:
        """What `speech` would cost and change, per candidate."""
        return self._portal.call(self._client.estimate_speech(text, **fields))

    # --- the typed core -------------------------------------------------------------------

    def run(self, request: Request[ResultT], *, asker: Asker | None = None) -> ResultT:
        """The result of any request."""
        return self._portal.call(self._client.run(request, asker=asker))

    def stream(
        self,
        request: TextRequest,
        *,
        asker: Asker | None = None,
        speaker: Speaker | None = None,
    ) -> Iterator[TextEvent]:
        """The events of a text request; the last one carries the result."""
        return self._portal.iterate(self._client.stream(request, asker=asker, speaker=speaker))

    def submit(self, request: MediaRequest[Any], *, asker: Asker | None = None) -> JobHandle:
        """Take a media request on; from here on it survives anything."""
        return self._handle(self._client.submit(request, asker=asker))

    def estimate(
        self, request: Request[Any], *, asker: Asker | None = None
    ) -> tuple[Estimate, ...]:
        """Every candidate for a request: fits or why not, price, adaptations."""
        return self._portal.call(self._client.estimate(request, asker=asker))

    def execute(self, request: Any) -> Any:
        """Answer the versioned envelope, in the version that it came in."""
        return self._portal.call(self._client.execute(request))

    def budgets(self) -> tuple[BudgetStanding, ...]:
        """How each budget stands: spent, reserved, left, and when it starts anew."""
        return self._portal.call(self._client.budgets())

    def checkup(self, *, online: bool = False) -> Iterator[Finding]:
        """As `AsyncClient.checkup`."""
        return self._portal.iterate(self._client.checkup(online=online))

    def health(self) -> tuple[ProviderHealth, ...]:
        """How each configured provider does, by what this process has seen of it."""
        return self._client.health()

    def configure(self, config: Any = None) -> None:
        """Other settings from the next request on, once they are known to be valid."""
        self._portal.call(configured(self._client, config))
        self.settings = self._client.settings

    @property
    def cache(self) -> CacheView:
        """The cache. Raises when none is configured."""
        return CacheView(self._client.cache, self._portal)

    def models(self, media: Medium | None = None) -> tuple[Model, ...]:
        """Capability sheets of every model that the catalogue lists."""
        return self._client.models(media)

    def costs(self, by: CostsBy = "provider", **narrowed: Unpack[Narrowed]) -> Costs:
        """What was spent, by provider, model, media, key, tag, day or job; `since="7d"`, say."""
        return self._portal.call(self._client.costs(by, **narrowed))

    def settle(
        self,
        name: str,
        amount: Decimal | str | float,
        *,
        provider: str | None = None,
        why: str = "",
    ) -> Costs:
        """Say what an attempt costs, however late: a row more in the ledger."""
        return self._portal.call(self._client.settle(name, amount, provider=provider, why=why))

    def reconcile(self, invoice: str | Path, **options: Unpack[Invoicing]) -> Reconciliation:
        """Lay a provider's invoice, a CSV file, beside the ledger."""
        return self._portal.call(self._client.reconcile(invoice, **options))

    def replay(self, strategies: Sequence[Strategy] = (), **narrowed: Unpack[Narrowed]) -> Replay:
        """What the same requests would have cost, had they been given to others."""
        return self._portal.call(self._client.replay(strategies, **narrowed))

    def quality(self, **narrowed: Unpack[Narrowed]) -> QualityReport:
        """How well each model has done what was asked, how fast, and for how much."""
        return self._portal.call(self._client.quality(**narrowed))

    def artifact(self, artifact_id: str) -> StoredArtifact:
        """Something kept, by its id: a result, an input, or the original of a normalised result."""
        return self._portal.call(self._client.artifact(artifact_id))

    def preview(self, artifact_id: str) -> StoredArtifact:
        """A picture of it of at most 512 pixels: a thumbnail, a clip's poster, a sound's wave."""
        return self._portal.call(self._client.preview(artifact_id))

    def manifest(self, artifact_id: str, *, prompt: bool = False) -> Manifest:
        """Where an artifact comes from; with `prompt` also the words it was made from."""
        return self.artifacts.manifest(artifact_id, prompt=prompt)

    def link(self, artifact_id: str, expires_seconds: float = 3600) -> str:
        """A URL at which anybody can fetch an artifact without a key, for so long."""
        return self.artifacts.link(artifact_id, expires_seconds)

    def _handle(self, taking_on: Any) -> JobHandle:
        return JobHandle(self._portal.call(taking_on), self._portal)

    # --- opening and closing --------------------------------------------------------------

    def close(self, within_seconds: float | None = None) -> None:
        """Finish what is being sent or fetched, leave waiting jobs to the next process."""
        if not self._portal.closed:
            self._portal.call(self._client.close(within_seconds))
            self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def opened(config: Any, options: Mapping[str, Any]) -> AsyncClient:
    """The awaited client, made where its loop runs."""
    return AsyncClient(config, **options)


async def configured(client: AsyncClient, config: Any) -> None:
    """Other settings, between two steps of the loop."""
    client.configure(config)


class CacheView:
    """`client.cache`."""

    def __init__(self, cache: Cache, portal: Portal) -> None:
        self._cache = cache
        self._portal = portal

    def statistics(self) -> CacheStatistics:
        """How it has done in this process."""
        return self._cache.statistics()

    def invalidate(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        pattern: str | None = None,
        everything: bool = False,
    ) -> int:
        """Throw answers out, by who gave them; how many were found."""
        return self._portal.call(
            self._cache.invalidate(
                provider=provider, model=model, pattern=pattern, everything=everything
            )
        )


class JobHandle(JobFacts):
    """A job in hand."""

    def __init__(self, handle: AsyncJobHandle, portal: Portal) -> None:
        self._handle = handle
        self._portal = portal

    @property
    def job(self) -> Job:  # type: ignore[override]  # the handle below keeps it
        """As it stood when it was last looked at."""
        return self._handle.job

    def refresh(self) -> Job:
        """Where it stands now."""
        return self._portal.call(self._handle.refresh())

    def wait(
        self, timeout_seconds: float | None = None, on_progress: OnProgress | None = None
    ) -> MediaResult:
        """Its result; raises what it failed with. Running out of time leaves the job going."""
        return self._portal.call(self._handle.wait(timeout_seconds, on_progress))

    def submitted(self) -> Job:
        """Wait until it is known what became of the submission."""
        return self._portal.call(self._handle.submitted())

    def cancel(self) -> Job:
        """Ask for it to be stopped."""
        return self._portal.call(self._handle.cancel())

    def retry(self) -> JobHandle:
        """Try it once more, if it has failed or was cancelled."""
        return JobHandle(self._portal.call(self._handle.retry()), self._portal)


class JobsView:
    """`client.jobs`."""

    def __init__(self, jobs: AsyncJobsView, portal: Portal) -> None:
        self._jobs = jobs
        self._portal = portal

    def of(self, owner: str) -> JobsView:
        """The jobs of somebody else who uses this client."""
        return JobsView(self._jobs.of(owner), self._portal)

    def artifact(self, artifact_id: str) -> StoredArtifact:
        """Something kept, by its id, ready to be read."""
        return self._portal.call(self._jobs.artifact(artifact_id))

    def preview(self, artifact_id: str) -> StoredArtifact:
        """A small picture of something kept, made when it is first asked for."""
        return self._portal.call(self._jobs.preview(artifact_id))

    def get(self, job_id: str) -> JobHandle:
        """One job with its timeline."""
        return self._in_hand(self._portal.call(self._jobs.get(job_id)))

    def list(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        **wanted: Unpack[Wanted],
    ) -> tuple[JobHandle, ...]:
        """Jobs, the newest first, narrowed down by `status`, `media`, `provider` and the like."""
        jobs = self._portal.call(self._jobs.list(limit=limit, after=after, **wanted))
        return tuple(map(self._in_hand, jobs))

    def page(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        oldest_first: bool = False,
        **wanted: Unpack[Wanted],
    ) -> Page[JobHandle]:
        """At most 500 of them, and where the list goes on: `after=page.next`."""
        page = self._portal.call(
            self._jobs.page(limit=limit, after=after, oldest_first=oldest_first, **wanted)
        )
        return Page(tuple(map(self._in_hand, page.jobs)), page.next)

    def every(self, **wanted: Unpack[Wanted]) -> Iterator[JobHandle]:
        """All of them, one after another, with their timelines; never many in memory."""
        return map(self._in_hand, self._portal.iterate(self._jobs.every(**wanted)))

    def archive(
        self, directory: str | Path, *, before: Moment, delete: bool = False
    ) -> Iterator[Archived]:
        """Put what ended before a time (`"90d"`) into files, for all owners; tells each file."""
        return self._portal.iterate(self._jobs.archive(directory, before=before, delete=delete))

    def verify_archive(self, directory: str | Path) -> Iterator[Checked]:
        """Read an archive's files anew and compare them with what was written."""
        return self._jobs.verify_archive(directory)

    def wait(
        self,
        job_id: str,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> MediaResult:
        """A job's result; raises what it failed with."""
        return self._portal.call(
            self._jobs.wait(job_id, timeout_seconds=timeout_seconds, on_progress=on_progress)
        )

    def cancel(self, job_id: str) -> JobHandle:
        """Ask for a job to be stopped; `.job.cancel` says what came of it, soon."""
        return self._in_hand(self._portal.call(self._jobs.cancel(job_id)))

    def retry(self, job_id: str) -> JobHandle:
        """Try a failed or cancelled job once more."""
        return self._in_hand(self._portal.call(self._jobs.retry(job_id)))

    def resolve(self, job_id: str, outcome: Verdict, handle: str | None = None) -> JobHandle:
        """Say what became of a submission whose outcome is unknown."""
        return self._in_hand(self._portal.call(self._jobs.resolve(job_id, outcome, handle)))

    def pause(self, provider: str, media: Medium | None = None) -> None:
        """Give a provider no new jobs. Those under way go on; others go elsewhere or wait."""
        self._portal.call(self._jobs.pause(provider, media))

    def resume(self, provider: str, media: Medium | None = None) -> None:
        """Give a paused provider jobs again."""
        self._portal.call(self._jobs.resume(provider, media))

    def pauses(self) -> tuple[Pause, ...]:
        """Who is paused."""
        return self._portal.call(self._jobs.pauses())

    def _in_hand(self, handle: AsyncJobHandle) -> JobHandle:
        return JobHandle(handle, self._portal)

    def work(self, *, until_idle: bool = False) -> None:
        """Carry jobs on in this process."""
        self._portal.call(self._jobs.work(until_idle=until_idle))


class ProvidersView:
    """`client.providers`."""

    def __init__(self, client: AsyncClient, portal: Portal) -> None:
        self._providers = client.providers
        self._portal = portal

    def list(self) -> tuple[ProviderStatus, ...]:
        """Every provider there is, and whether it can be used here."""
        return self._providers.list()

    def check(self, name: str | None = None) -> tuple[ProviderCheck, ...]:
        """Whether providers answer and accept the key, by a call that costs nothing."""
        return self._portal.call(self._providers.check(name))

    def register(
        self, provider: ProviderSettings | Provider, *, priority: int | None = None
    ) -> None:
        """Add or replace a provider."""
        self._providers.register(provider, priority=priority)

    def remove(self, name: str) -> None:
        """Forget a provider."""
        self._providers.remove(name)
