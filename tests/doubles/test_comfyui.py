"""Our adapter with a double of the server, and the whole client with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia import Client
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ModelUnavailable,
    ProviderUnavailable,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.comfyui import COMFYUI
from anymedia.providers.adapters.comfyui.task import find
from anymedia.providers.spec import Brief, Job
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.comfyui import CHECKPOINTS, ComfyUIDouble
from anymedia.testing.samples import png

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    """One node of a graph."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


CLIP = {
    "1": node("CLIPTextEncode", "prompt", text=""),
    "2": node("LoadImage", "first_frame", image=""),
    "3": node("WanImageToVideo", length=81, start_image=["2", 0], positive=["1", 0]),
    "4": node("KSampler", seed=1, latent_image=["3", 2]),
    "5": node("CreateVideo", images=["4", 0], fps=16),
    "6": node("SaveVideo", video=["5", 0], filename_prefix="clips"),
}
OPTIONS: dict[str, Any] = {"workflow": CLIP, "places": {"frames": "3.length"}}
PICTURE = ImageRequest(model=CHECKPOINTS[0], prompt="a fox")


@pytest.fixture
def double() -> Iterator[ComfyUIDouble]:
    """The server on loopback."""
    double = ComfyUIDouble()
    with serving(double):
        yield double


@pytest.fixture
def service(double: ComfyUIDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(COMFYUI, double.base_url, {})


def operation(medium: str) -> Job:
    """What the adapter does for a medium."""
    found = COMFYUI.operation("video" if medium == "video" else "image", Job)
    assert isinstance(found, Job)
    return found


def ended(service: Loopback, request: MediaRequest[Any]) -> list[JobState]:
    """Everything that a job's polls said, to its end."""
    job = operation(request.medium)
    submitted = service.converse(job.submit(request, Brief(marker="att_1")))
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(service.converse(job.poll(submitted.handle)))
    return states


def test_pictures_wait_run_and_are_made(service: Loopback, double: ComfyUIDouble) -> None:
    """Two at once, by one submission."""
    states = ended(service, PICTURE.model_copy(update={"count": 2}))
    assert list(dict.fromkeys(type(one) for one in states)) == [Queued, Running, Succeeded]
    last = states[-1]
    assert isinstance(last, Succeeded)
    assert len(last.artifacts) == 2
    assert last.usage.gpu_seconds is not None
    assert double.record.count("POST", "/prompt") == 1


def test_a_clip_begins_with_an_uploaded_frame(service: Loopback, double: ComfyUIDouble) -> None:
    """The name that the upload got is what the loading node reads."""
    assert COMFYUI.inputs.upload is not None
    media = MediaBytes(data=png(8, 8), media_type="image/png")
    frame = service.converse(COMFYUI.inputs.upload(media))
    request = VideoRequest(
        model="video-workflow", prompt="x", first_frame=frame, options=OPTIONS, duration_seconds=2
    )
    assert isinstance(ended(service, request)[-1], Succeeded)
    graph = next(iter(double.history.values()))["prompt"][2]
    assert graph["2"]["inputs"]["image"] in double.inputs
    assert graph["3"]["inputs"]["length"] == 49


def test_a_job_is_taken_from_the_queue(service: Loopback, double: ComfyUIDouble) -> None:
    """It has not begun: nothing is left of it."""
    job = operation("image")
    assert job.cancel is not None
    handle = service.converse(job.submit(PICTURE, Brief(marker="att_1"))).handle
    assert service.converse(job.cancel(handle)) == "confirmed"
    assert double.pending == []


def test_a_running_job_is_interrupted(service: Loopback) -> None:
    """And says so when it is asked for; what has ended cannot be stopped."""
    job = operation("image")
    assert job.cancel is not None
    handle = service.converse(job.submit(PICTURE, Brief(marker="att_1"))).handle
    while not isinstance(service.converse(job.poll(handle)), Running):
        pass
    assert service.converse(job.cancel(handle)) == "requested"
    assert isinstance(service.converse(job.poll(handle)), Stopped)
    assert service.converse(job.cancel(handle)) == "impossible"


def test_a_lost_answer_is_found_again(service: Loopback, double: ComfyUIDouble) -> None:
    """By the id that we gave; another attempt is provably not there."""
    double.fail(Fault(path="/prompt", status=502, after_accepting=True))
    with pytest.raises(ProviderUnavailable) as raised:
        ended(service, PICTURE)
    assert raised.value.accepted == "unknown"
    found = service.converse(find(Brief(marker="att_1"), NOW))
    assert found is not None
    assert found.handle == double.pending[0].id
    assert service.converse(find(Brief(marker="att_2"), NOW)) is None


def test_a_restart_loses_jobs(service: Loopback, double: ComfyUIDouble) -> None:
    """They failed and may be tried again."""
    job = operation("image")
    handle = service.converse(job.submit(PICTURE, Brief(marker="att_1"))).handle
    double.restart()
    state = service.converse(job.poll(handle))
    assert isinstance(state, Failed)
    assert state.problem.retryable


@pytest.mark.parametrize(
    ("prompt", "code", "retryable"),
    [
        ("something forbidden", "CONTENT_POLICY_VIOLATION", False),
        ("something enormous", "PROVIDER_ERROR", True),
    ],
)
def test_a_node_breaks(service: Loopback, prompt: str, code: str, retryable: bool) -> None:
    """Refused content and a full memory are told apart."""
    state = ended(service, PICTURE.model_copy(update={"prompt": prompt}))[-1]
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)


def test_refusals(service: Loopback) -> None:
    """A checkpoint that is not installed, a node that nobody knows, a graph that saves nothing."""
    with pytest.raises(ModelUnavailable):
        ended(service, PICTURE.model_copy(update={"model": "other.safetensors"}))
    for graph, error in (
        ({"1": node("Unheard", "prompt", text="")}, ModelUnavailable),
        ({"1": node("CLIPTextEncode", "prompt", text="")}, RequestRejected),
    ):
        with pytest.raises(error):
            ended(service, PICTURE.model_copy(update={"options": {"workflow": graph}}))


def test_a_proxys_key_is_sent_where_there_is_one() -> None:
    """ComfyUI itself knows none."""
    double = ComfyUIDouble(key="sesame")
    with serving(double):
        with pytest.raises(AuthenticationFailed):
            Loopback(COMFYUI, double.base_url, {}).check()
        account = Loopback(COMFYUI, double.base_url, {"api_key": "sesame"}).check()
    assert account.models == CHECKPOINTS


def test_the_whole_client_makes_things(double: ComfyUIDouble, tmp_path: Path) -> None:
    """Workflows from the configuration, a frame from a file, files in our store."""
    double.slowness = 0
    frame = tmp_path / "frame.png"
    frame.write_bytes(png(8, 8))
    configured = {
        "base_url": double.base_url,
        "unlisted_models": "allow",
        "options": {"workflows": {"video": CLIP}, "places": {"frames": "3.length"}},
        "models": {"image": CHECKPOINTS[1]},
    }
    config = {"data_dir": str(tmp_path / "data"), "providers": {"comfyui": configured}}
    with Client(config=config) as client:
        image = client.image("a fox", options={"places": {}})
        video = client.video("it runs", model="comfyui/video-workflow", first_frame=frame)
        assert image.artifacts[0].read() == next(iter(double.made.values()))
    assert image.model == CHECKPOINTS[1]
    assert image.artifacts[0].media_type == "image/png"
    assert video.artifacts[0].media_type == "video/mp4"
    assert "unpriced" in {notice.code for notice in image.warnings}
