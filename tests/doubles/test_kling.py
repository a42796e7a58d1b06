"""Our adapter of Kling has every kind of conversation with its double, in both contracts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.kling import KLING
from anymedia.providers.adapters.kling.key import token
from anymedia.providers.spec import Brief, Job, Lookup
from anymedia.testing.double import serving
from anymedia.testing.doubles.kling import FILES_LAST_SECONDS, KlingDouble
from anymedia.testing.doubles.kling.failures import fault
from anymedia.testing.samples import png
from anymedia.wire.http import Headers

CLIP = VideoRequest(model="kling-v2-6", prompt="a heron", duration_seconds=5, resolution="720p")
NEWER = VideoRequest(model="kling-3.0", prompt="a heron", duration_seconds=4, resolution="720p")
FRAME = MediaBytes(data=png(320, 320), media_type="image/png")


@pytest.fixture
def clock() -> FakeClock:
    """The double's time."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
def double(clock: FakeClock) -> Iterator[KlingDouble]:
    """A fresh double on loopback."""
    made = KlingDouble(clock=clock.time)
    with serving(made):
        yield made


@pytest.fixture
def service(double: KlingDouble) -> Loopback:
    """Our adapter with the one key."""
    return Loopback(KLING, double.base_url, {"api_key": double.key})


def job(request: MediaRequest[Any]) -> Job:
    """How the adapter does it."""
    operation = KLING.operation(request.medium, Job)
    assert isinstance(operation, Job)
    return operation


def brief(service: Loopback, request: MediaRequest[Any], marker: str = "job-1") -> Brief:
    """As the engine writes it, with an address to call."""
    sheet = service.sheet(request.medium, request.model)
    return Brief(model=sheet, marker=marker, callback_url=f"{service.base_url}/calls/token")


def submitted(service: Loopback, request: MediaRequest[Any], marker: str = "job-1") -> str:
    """The handle of a new task."""
    exchange = job(request).submit(request, brief(service, request, marker))
    return service.converse(exchange).handle


def ended(service: Loopback, request: MediaRequest[Any], handle: str) -> list[JobState]:
    """Everything that a task's polls said, to its end."""
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(service.converse(job(request).poll(handle)))
    return states


def fetched(url: str) -> bytes:
    """What lies at an address."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize(
    ("request_", "usd"),
    [
        (CLIP, "0.21"),
        (CLIP.model_copy(update={"first_frame": FRAME}), "0.21"),
        (CLIP.model_copy(update={"audio": True}), "0.70"),
        (NEWER, "0.336"),
        (NEWER.model_copy(update={"first_frame": FRAME, "audio": True}), "0.504"),
    ],
    ids=["v1 words", "v1 frame", "v1 sound", "newer words", "newer frame"],
)
def test_a_clip_goes_through_its_states(
    service: Loopback, double: KlingDouble, request_: VideoRequest, usd: str
) -> None:
    """Taken once, billed once, and the file can be fetched."""
    states = ended(service, request_, submitted(service, request_))
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    (_, amount), *others = double.record.invoice
    assert (amount, others) == (Decimal(usd), [])
    assert isinstance(states[-1], Succeeded)
    (artifact,) = states[-1].artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert fetched(artifact.url)[4:8] == b"ftyp"


def test_the_newer_contract_tells_what_was_paid(service: Loopback) -> None:
    """In dollars, on the finished task; the older one counts units of a pack."""
    (*_, newer) = ended(service, NEWER, submitted(service, NEWER, "one"))
    (*_, older) = ended(service, CLIP, submitted(service, CLIP, "two"))
    assert isinstance(newer, Succeeded)
    assert newer.reported_cost == Decimal("0.336")
    assert isinstance(older, Succeeded)
    assert older.reported_cost is None
    assert older.usage.credits == Decimal("1.5")


def test_pictures(service: Loopback) -> None:
    """As many as were asked for."""
    request = ImageRequest(model="kling-v2-1", prompt="a heron", count=2)
    (*_, state) = ended(service, request, submitted(service, request))
    assert isinstance(state, Succeeded)
    assert len(state.artifacts) == 2


def test_a_pair_of_keys_signs(double: KlingDouble) -> None:
    """The double checks the token's signature, its name and its times."""
    pair = {"access_key": double.access_key, "secret_key": double.secret_key}
    signing = Loopback(KLING, double.base_url, pair)
    assert submitted(signing, CLIP)
    for wrong in ({"access_key": "nobody"}, {"secret_key": "wrong"}):
        with pytest.raises(AuthenticationFailed):
            submitted(Loopback(KLING, double.base_url, pair | wrong), CLIP, "other")
    assert len(double.tasks) == 1


@pytest.mark.parametrize(("shift_seconds", "code"), [(3600, 1004), (-3600, 1003)])
def test_a_token_holds_for_a_while(
    double: KlingDouble, clock: FakeClock, shift_seconds: float, code: int
) -> None:
    """Too late and too early are told apart."""
    proof = token(double.access_key, double.secret_key, clock.now())
    clock.advance(shift_seconds)
    asked = urllib.request.Request(
        f"{double.base_url}/v1/videos/text2video", headers={"Authorization": f"Bearer {proof}"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked, timeout=10)
    with caught.value as answer:
        assert (answer.status, json.load(answer)["code"]) == (401, code)


@pytest.mark.parametrize(
    ("code", "error", "accepted"),
    [
        (1102, InsufficientCredits, "no"),
        (1103, ModelUnavailable, "no"),
        (1301, ContentRefused, "no"),
        (1302, RateLimited, "no"),
        (1304, AuthenticationFailed, "no"),
        (5001, ProviderUnavailable, "unknown"),
    ],
)
def test_codes_say_more_than_their_status(
    service: Loopback,
    double: KlingDouble,
    code: int,
    error: type[GenerationError],
    accepted: str,
) -> None:
    """429 stands for six things."""
    double.fail(fault(code))
    with pytest.raises(error) as caught:
        submitted(service, CLIP)
    assert caught.value.accepted == accepted


def test_the_double_refuses_by_itself(clock: FakeClock) -> None:
    """Too many at once, an empty pack, a wrong body, an id that was used, a refused prompt."""
    double = KlingDouble(at_once=1, clock=clock.time)
    with serving(double):
        service = Loopback(KLING, double.base_url, {"api_key": double.key})
        handle = submitted(service, CLIP)
        with pytest.raises(RateLimited):
            submitted(service, CLIP, "two")
        ended(service, CLIP, handle)
        with pytest.raises(RequestRejected, match="external_task_id"):
            submitted(service, CLIP)
        with pytest.raises(RequestRejected, match="duration"):
            submitted(service, CLIP.model_copy(update={"duration_seconds": 7}), "three")
        with pytest.raises(ContentRefused):
            submitted(service, CLIP.model_copy(update={"prompt": "a forbidden heron"}), "four")
        double.units_left = Decimal(1)
        with pytest.raises(InsufficientCredits):
            submitted(service, CLIP, "five")
    assert len(double.tasks) == 1


@pytest.mark.parametrize("request_", [CLIP, NEWER], ids=["v1", "newer"])
@pytest.mark.parametrize(
    ("word", "code"),
    [("forbidden-late", "CONTENT_POLICY_VIOLATION"), ("broken", "PROVIDER_ERROR")],
)
def test_a_task_that_fails_is_given_back(
    service: Loopback, double: KlingDouble, request_: VideoRequest, word: str, code: str
) -> None:
    """For its content, or for no good reason."""
    request = request_.model_copy(update={"prompt": f"a {word} heron"})
    (*_, state) = ended(service, request, submitted(service, request))
    assert isinstance(state, Failed)
    assert state.problem.code == code
    assert double.record.invoice == []


@pytest.mark.parametrize("request_", [CLIP, NEWER], ids=["v1", "newer"])
def test_a_lost_submission_is_found_again(
    service: Loopback, double: KlingDouble, request_: VideoRequest
) -> None:
    """By the id that we gave it; one that never arrived is not."""
    double.fail(fault(5000, after_accepting=True))
    with pytest.raises(ProviderUnavailable):
        submitted(service, request_, "lost")
    recovery = job(request_).recovery
    assert isinstance(recovery, Lookup)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    found = service.converse(recovery.find(brief(service, request_, "lost"), moment))
    assert found is not None
    assert isinstance(ended(service, request_, found.handle)[-1], Succeeded)
    never = recovery.find(brief(service, request_, "never"), moment)
    assert service.converse(never) is None
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize("request_", [CLIP, NEWER], ids=["v1", "newer"])
def test_each_change_is_called_out(
    service: Loopback, double: KlingDouble, request_: VideoRequest
) -> None:
    """To the address of the submission; what is called leads to the task."""
    handle = submitted(service, request_)
    (task,) = double.tasks.values()
    assert double.finish(task.id) is not None
    assert double.finish(task.id) is None
    assert len(double.deliveries) == 2
    last = double.deliveries[-1]
    assert last.url.endswith("/calls/token")
    called = job(request_).read_callback
    assert called is not None
    state = service.converse(job(request_).poll(called(last.body, Headers()).handle))
    assert isinstance(state, Succeeded)
    by_handle = service.converse(job(request_).poll(handle))
    assert isinstance(by_handle, Succeeded)
    assert by_handle.artifacts == state.artifacts


def test_addresses_end(service: Loopback, clock: FakeClock) -> None:
    """After thirty days; and nobody can make one up."""
    (*_, state) = ended(service, CLIP, submitted(service, CLIP))
    assert isinstance(state, Succeeded)
    (artifact,) = state.artifacts
    assert isinstance(artifact, RemoteArtifact)
    clock.advance(FILES_LAST_SECONDS - 2)
    assert fetched(artifact.url)[4:8] == b"ftyp"
    clock.advance(3)
    for url in (artifact.url, artifact.url.replace("expires=", "expires=9")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(url)
        with caught.value as refused:
            assert refused.status == 403


def test_the_account_is_checked_for_free(service: Loopback, double: KlingDouble) -> None:
    """By a page of old tasks."""
    service.check()
    assert double.record.requests == [("GET", "/v1/videos/text2video")]
    assert double.record.invoice == []
