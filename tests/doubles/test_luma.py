"""The vendor's own clients go through their normal flow with our doubles; then our adapters do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import luma_agents
import lumaai
import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.errors import AuthenticationFailed, RequestRejected
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.luma import LUMA, LUMA_DREAM_MACHINE
from anymedia.providers.adapters.luma.dream_machine import find
from anymedia.providers.spec import Brief, Job
from anymedia.testing.double import serving
from anymedia.testing.doubles.luma import DreamMachineDouble, LumaDouble
from anymedia.testing.samples import png

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def luma() -> Iterator[LumaDouble]:
    """The current service on loopback."""
    double = LumaDouble()
    with serving(double):
        yield double


@pytest.fixture
def dream() -> Iterator[DreamMachineDouble]:
    """The older one."""
    double = DreamMachineDouble()
    with serving(double):
        yield double


def test_the_vendors_client_makes_a_clip(luma: LumaDouble) -> None:
    """Created, polled, complete."""
    with luma_agents.Luma(auth_token=luma.key, base_url=f"{luma.base_url}/v1") as client:
        made = client.generations.create(
            prompt="a greenhouse", model="ray-3.2", type="video", video={"duration": "5s"}
        )
        seen = [client.generations.get(made.id) for _ in range(3)]
    assert [made.state, *(one.state for one in seen)] == [
        "queued",
        "queued",
        "processing",
        "completed",
    ]
    assert seen[-1].output
    assert ".mp4" in seen[-1].output[0].url


def test_the_vendors_client_uploads_a_file(luma: LumaDouble) -> None:
    """The slot comes with the file."""
    with luma_agents.Luma(auth_token=luma.key, base_url=f"{luma.base_url}/v1") as client:
        made = client.files.create(mime_type="image/png", size_bytes=3)
        assert made.upload is not None
        assert made.upload.method == "PUT"


def test_the_vendors_client_is_refused_with_a_wrong_key(luma: LumaDouble) -> None:
    """As the service does."""
    with (
        luma_agents.Luma(auth_token="wrong", base_url=f"{luma.base_url}/v1") as client,
        pytest.raises(luma_agents.AuthenticationError),
    ):
        client.generations.create(prompt="a greenhouse")


def test_the_older_vendors_client_makes_a_clip(dream: DreamMachineDouble) -> None:
    """Created, polled, listed, deleted."""
    url = f"{dream.base_url}/dream-machine/v1"
    with lumaai.LumaAI(auth_token=dream.key, base_url=url) as client:
        made = client.generations.video.create(model="ray-2", prompt="a paper boat")
        assert made.id is not None
        seen = [client.generations.get(made.id) for _ in range(3)]
        assert [one.state for one in seen] == ["queued", "dreaming", "completed"]
        assert seen[-1].assets is not None
        assert seen[-1].assets.video is not None
        assert [one.id for one in client.generations.list().generations] == [made.id]
        assert client.credits.get().credit_balance == pytest.approx(9898)
        client.generations.delete(made.id)
        with pytest.raises(lumaai.NotFoundError):
            client.generations.get(made.id)


def ended(service: Loopback, request: MediaRequest[Any], brief: Brief) -> list[JobState]:
    """Everything that a job's polls said, to its end."""
    operation = service.provider.operation(request.medium, Job)
    assert isinstance(operation, Job)
    submitted = service.converse(operation.submit(request, brief))
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(service.converse(operation.poll(submitted.handle)))
    return states


@pytest.mark.parametrize(
    "request_",
    [
        VideoRequest(model="ray-3.2", prompt="a greenhouse", duration_seconds=5),
        ImageRequest(model="uni-1", prompt="a greenhouse"),
    ],
    ids=["video", "image"],
)
def test_our_adapter_makes_things(luma: LumaDouble, request_: MediaRequest[Any]) -> None:
    """Through the same states, and billed once."""
    service = Loopback(LUMA, f"{luma.base_url}/v1", {"api_key": luma.key})
    states = ended(service, request_, Brief())
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert len(luma.record.invoice) == 1


def test_our_adapter_uploads_and_refers(luma: LumaDouble) -> None:
    """The double takes the bytes without a key, and refuses them with one."""
    service = Loopback(LUMA, f"{luma.base_url}/v1", {"api_key": luma.key})
    assert LUMA.inputs.upload is not None
    picture = MediaBytes(data=png(8, 8), media_type="image/png")
    found = service.converse(LUMA.inputs.upload(picture))
    request = VideoRequest(model="ray-3.2", prompt="x", first_frame=found)
    assert isinstance(ended(service, request, Brief())[-1], Succeeded)
    assert luma.record.bodies[-1]["video"] == {"start_frame": {"file_id": "file-1"}}


def test_our_adapter_hears_of_refusals(luma: LumaDouble) -> None:
    """A wrong key, a wrong request, a moderated prompt."""
    wrong = Loopback(LUMA, f"{luma.base_url}/v1", {"api_key": "wrong"})
    with pytest.raises(AuthenticationFailed):
        wrong.check()
    service = Loopback(LUMA, f"{luma.base_url}/v1", {"api_key": luma.key})
    request = VideoRequest(model="ray-3.2", prompt="x", duration_seconds=7)
    with pytest.raises(RequestRejected):
        ended(service, request, Brief())
    forbidden = ImageRequest(model="uni-1", prompt="something forbidden")
    (*_, state) = ended(service, forbidden, Brief())
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"


def test_our_adapter_of_the_older_service(dream: DreamMachineDouble) -> None:
    """A clip, and a lost one that is found again by its secret address."""
    url = f"{dream.base_url}/dream-machine/v1"
    service = Loopback(LUMA_DREAM_MACHINE, url, {"api_key": dream.key})
    secret = "https://anymedia.example/webhooks/token"
    request = VideoRequest(
        model="ray-2", prompt="a paper boat", first_frame=MediaUrl(url="https://example.com/a.jpg")
    )
    states = ended(service, request, Brief(callback_url=secret))
    assert isinstance(states[-1], Succeeded)
    (artifact,) = states[-1].artifacts
    assert isinstance(artifact, RemoteArtifact)
    found = service.converse(find(Brief(callback_url=secret), LONG_AGO))
    assert found is not None
    assert found.handle == "gen-1"
    assert service.check().balance is not None
