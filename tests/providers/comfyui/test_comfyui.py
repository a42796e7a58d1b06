"""What is sent to ComfyUI for our requests, and what its answers mean.

Answers are written after server.py, execution.py and script examples of Comfy-Org/ComfyUI (2025
and 2026), read 2026-11-21.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InvalidRequest,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableInput,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.comfyui import COMFYUI
from anymedia.providers.adapters.comfyui.fields import sides
from anymedia.providers.adapters.comfyui.files import upload
from anymedia.providers.adapters.comfyui.task import cancel, check, find, poll, submit
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BRIEF = Brief(marker="att_1")
ID = "9b0f8d3a-0000-4000-8000-000000000001"
CHECKPOINT = "sd_xl_base_1.0.safetensors"


def titled(title: str, class_type: str = "Any", **inputs: Any) -> dict[str, Any]:
    """A node as ComfyUI exports it."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


CLIP: dict[str, Any] = {
    "1": titled("prompt", "CLIPTextEncode", text="old", clip=["9", 0]),
    "2": titled("First frame", "LoadImage", image="old.png", upload="image"),
    "3": titled("KSampler", "KSampler", seed=5, steps=20, positive=["1", 0]),
    "4": titled(
        "Latent", "WanImageToVideo", width=832, height=480, length=81, start_image=["2", 0]
    ),
    "5": titled("Make", "CreateVideo", fps=16, images=["3", 0]),
    "6": titled("Save", "SaveVideo", filename_prefix="x", video=["5", 0]),
}
PLACES = {
    "width": "4.width",
    "height": "Latent.height",
    "frames": "4.length",
    "fps": "5.fps",
}


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"content-type": "application/json"})


TAKEN = answer({"prompt_id": ID, "number": 12, "node_errors": {}})
EMPTY = answer({})
IDLE = answer({"queue_running": [], "queue_pending": []})


def queue(*, running: tuple[str, ...] = (), pending: tuple[str, ...] = ()) -> HttpResponse:
    """The queue with these in it."""
    return answer(
        {
            "queue_running": [[1, one, {}, {}, []] for one in running],
            "queue_pending": [[2, one, {}, {}, []] for one in pending],
        }
    )


def history(outputs: Any, *messages: Any, status: str = "success") -> HttpResponse:
    """A graph that has ended."""
    said = {"status_str": status, "completed": status == "success", "messages": list(messages)}
    return answer({ID: {"prompt": [], "outputs": outputs, "status": said, "meta": {}}})


def sent(
    request: ImageRequest | VideoRequest, response: HttpResponse = TAKEN, brief: Brief = BRIEF
) -> tuple[dict[str, Any], Submitted]:
    """The body of a submission, and what is kept of the answer."""
    (one,), submitted = replay(submit(request, brief), response, explain=COMFYUI.explain)
    assert (one.method, one.path) == ("POST", "/prompt")
    assert isinstance(one.json, dict)
    return one.json, submitted


def polled(*responses: HttpResponse, kind: str = "image") -> JobState:
    """What a poll's answers mean."""
    _, state = replay(poll(kind, ID), *responses, explain=COMFYUI.explain)
    return state


def picture(**more: Any) -> ImageRequest:
    """A request that the plain graph can do."""
    return ImageRequest(model=CHECKPOINT, prompt="a fox", **more)


def clip(**more: Any) -> VideoRequest:
    """A request by the workflow above."""
    options = {"workflow": CLIP, "places": PLACES} | more.pop("options", {})
    return VideoRequest(model="video-workflow", prompt="a fox", options=options, **more)


SHEETS = {model.id: model for model in catalogued("comfyui")}
WORKFLOW = Brief(model=SHEETS["video-workflow"], marker="att_1")


# --- submitting -----------------------------------------------------------------------------


def test_a_checkpoint_makes_pictures_without_a_workflow() -> None:
    """The plain graph, filled in; the id is ours and a UUID, as recent builds want it."""
    body, submitted = sent(
        picture(seed=7, count=2, negative_prompt="text", aspect_ratio="16:9", resolution="1k")
    )
    nodes = body["prompt"]
    assert nodes["model"]["inputs"]["ckpt_name"] == CHECKPOINT
    assert nodes["prompt"]["inputs"]["text"] == "a fox"
    assert nodes["negative"]["inputs"]["text"] == "text"
    assert nodes["size"]["inputs"] == {"width": 1368, "height": 768, "batch_size": 2}
    assert nodes["sampler"]["inputs"]["seed"] == 7
    assert str(uuid.UUID(body["prompt_id"])) == body["prompt_id"] == body["client_id"]
    assert (submitted.handle, submitted.state) == (ID, Queued())
    assert submitted.warnings == ()


def test_attempts_differ_in_id_and_seed_and_repeat_exactly() -> None:
    """An unchanged graph would be answered with old files; the marker decides both."""
    one, _ = sent(picture())
    again, _ = sent(picture())
    other, _ = sent(picture(), brief=Brief(marker="att_2"))
    assert one == again
    assert one["prompt_id"] != other["prompt_id"]
    assert (
        one["prompt"]["sampler"]["inputs"]["seed"] != other["prompt"]["sampler"]["inputs"]["seed"]
    )


def test_a_workflow_is_filled_in_by_titles_and_by_places() -> None:
    """The caller's own graph stays as it was."""
    frame = MediaUrl(url="comfyui://input/sets/a%20fox.png")
    body, submitted = sent(
        clip(first_frame=frame, duration_seconds=5, fps=24, resolution="720p", seed=9),
        brief=WORKFLOW,
    )
    nodes = body["prompt"]
    assert nodes["1"]["inputs"]["text"] == "a fox"
    assert nodes["2"]["inputs"]["image"] == "sets/a fox.png"
    assert nodes["3"]["inputs"]["seed"] == 9
    assert nodes["4"]["inputs"]["length"] == 121
    assert (nodes["4"]["inputs"]["width"], nodes["4"]["inputs"]["height"]) == (1280, 720)
    assert nodes["5"]["inputs"]["fps"] == 24
    assert submitted.warnings == ()
    assert CLIP["1"]["inputs"]["text"] == "old"


def test_workflows_are_chosen_by_model_task_and_medium() -> None:
    """The nearest name wins; a model of that name is the workflow and goes nowhere else."""
    named = {
        name: {"1": titled("prompt", "CLIPTextEncode", text=""), "2": titled("x", name)}
        for name in ("portrait", "text_to_image", "image")
    }
    for model, wanted in (("portrait", "portrait"), ("other", "text_to_image")):
        request = ImageRequest(model=model, prompt="a fox", options={"workflows": named})
        body, submitted = sent(request)
        assert body["prompt"]["2"]["class_type"] == wanted
        assert [one.option for one in submitted.warnings] == (["model"] if model == "other" else [])


def test_inputs_and_further_options_are_passed_on() -> None:
    """Any input can be set; what is not ours goes beside the graph."""
    options: dict[str, Any] = {
        "inputs": {"3.steps": 30, "KSampler.cfg": 4.5},
        "extra_data": {"api_key_comfy_org": "k"},
        "workflow": json.dumps(CLIP),
    }
    body, _ = sent(clip(options=options), brief=WORKFLOW)
    assert body["prompt"]["3"]["inputs"]["steps"] == 30
    assert body["prompt"]["3"]["inputs"]["cfg"] == 4.5
    assert body["extra_data"] == {"api_key_comfy_org": "k"}
    assert not body.keys() & {"workflow", "workflows", "places", "inputs"}


def test_node_ids_that_yaml_read_as_numbers_are_text() -> None:
    """As the graph's links have them."""
    named: dict[str, Any] = {"workflows": {"image": {6: titled("x", "CLIPTextEncode", text="")}}}
    request = picture().model_copy(update={"options": named | {"places": {"prompt": "6.text"}}})
    body, _ = sent(request)
    assert body["prompt"]["6"]["inputs"]["text"] == "a fox"


def test_what_has_no_place_is_dropped_aloud() -> None:
    """Values only; see below for what is the request itself."""
    bare = {"1": titled("prompt", "CLIPTextEncode", text="")}
    request = VideoRequest(
        model="video-workflow",
        prompt="a fox",
        negative_prompt="text",
        duration_seconds=5,
        fps=24,
        seed=1,
        aspect_ratio="16:9",
        options={"workflow": bare},
    )
    _, submitted = sent(request, brief=WORKFLOW)
    assert {one.option for one in submitted.warnings} == {
        "seed",
        "aspect_ratio",
        "fps",
        "duration_seconds",
        "negative_prompt",
    }


def test_sizes_and_lengths_are_rounded_aloud() -> None:
    """To multiples of eight, and to whole groups of frames."""
    _, submitted = sent(clip(resolution="1001x563", duration_seconds=5.25), brief=WORKFLOW)
    assert [(one.option, one.given) for one in submitted.warnings] == [
        ("resolution", "1000x560"),
        ("duration_seconds", "5.06"),
    ]


@pytest.mark.parametrize(
    ("ratio", "resolution", "video", "wanted"),
    [
        (None, "1k", False, (1024, 1024)),
        ("1:1", "2k", False, (2048, 2048)),
        ("9:16", "720p", True, (720, 1280)),
        (None, "480p", True, (856, 480)),
        (None, "2k", True, (2560, 1440)),
        ("0:0", None, False, (1024, 1024)),
        ("3:2", "640x480", False, (640, 480)),
    ],
)
def test_sizes(
    ratio: str | None, resolution: str | None, video: bool, wanted: tuple[int, int]
) -> None:
    """Pictures by their area, clips by their lines, pixels as they are."""
    assert sides(ratio, resolution, area=1024 * 1024, video=video) == wanted


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"options": {"workflow": {"nodes": [], "links": []}}}, InvalidRequest, "Export (API)"),
        ({"options": {"workflow": "flow.json"}}, InvalidRequest, "not JSON"),
        ({"options": {"workflow": {"1": {"inputs": {}}}}}, InvalidRequest, "class_type"),
        ({"options": {"workflow": []}}, InvalidRequest, "no graph"),
        ({"options": {"workflows": [1]}}, InvalidRequest, "options.workflows"),
        ({"options": {"places": {"prompt": "77.text"}}}, InvalidRequest, "77.text"),
        ({"options": {"places": {"prompt": "prompt.txt"}}}, InvalidRequest, "prompt.txt"),
        ({"options": {"inputs": {"steps": 3}}}, InvalidRequest, "NODE.INPUT"),
        ({"resolution": "huge"}, InvalidRequest, "huge"),
        ({"images": (MediaUrl(url="comfyui://input/a.png"),)}, UnsupportedOption, "workflow"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anything_is_sent(
    fields: dict[str, Any], error: type[GenerationError], words: str
) -> None:
    """And the message tells what to do."""
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        next(submit(picture(**fields), BRIEF))


def test_what_the_request_is_about_needs_a_place() -> None:
    """A prompt, a file or a number of files must not be lost quietly."""
    graph = {"1": titled("Save", "SaveImage", images=["2", 0])}
    for fields in ({}, {"count": 2}):
        request = ImageRequest(
            model="image-workflow", prompt="a fox", options={"workflow": graph}, **fields
        )
        with pytest.raises(UnsupportedOption, match=r"`prompt: NODE\.INPUT`"):
            next(submit(request, BRIEF))
    with pytest.raises(UnsupportedOption, match="last_frame"):
        next(submit(clip(last_frame=MediaUrl(url="comfyui://input/a.png")), BRIEF))
    with pytest.raises(UnreadableInput):
        next(submit(clip(first_frame=MediaUrl(url="https://example.com/a.png")), BRIEF))


def test_a_listed_entry_without_a_workflow_makes_nothing() -> None:
    """It stands for a workflow that nobody gave; the plain graph wants a checkpoint."""
    request = ImageRequest(model="image-workflow", prompt="a fox")
    brief = Brief(model=SHEETS["image-workflow"], marker="att_1")
    with pytest.raises(UnsupportedOption, match=r"options\.workflow"):
        next(submit(request, brief))
    named: dict[str, Any] = {"inputs": {"model.ckpt_name": CHECKPOINT}}
    body, _ = sent(request.model_copy(update={"options": named}), brief=brief)
    assert body["prompt"]["model"]["inputs"]["ckpt_name"] == CHECKPOINT


def test_a_partly_valid_workflow_says_so() -> None:
    """ComfyUI runs the outputs that validate and lists what does not."""
    response = answer({"prompt_id": ID, "number": 1, "node_errors": {"8": {"errors": []}}})
    _, submitted = sent(picture(), response)
    assert [one.code for one in submitted.warnings] == ["provider-note"]


def test_a_graph_that_is_not_named_was_queued_all_the_same() -> None:
    """It must not be sent again unasked."""
    with pytest.raises(UnreadableResponse) as raised:
        sent(picture(), answer({"number": 3}))
    assert raised.value.accepted == "yes"


# --- files ----------------------------------------------------------------------------------


def test_an_upload_is_named_by_its_bytes() -> None:
    """So that the same file lies there once; the server may put it elsewhere."""
    media = MediaBytes(data=b"\x89PNG\r\n\x1a\nfox", media_type="image/png")
    response = answer({"name": "fox (1).png", "subfolder": "in", "type": "input"})
    (one,), found = replay(upload(media), response, explain=COMFYUI.explain)
    assert one.path == "/upload/image"
    assert [part.name for part in one.parts] == ["image", "type", "overwrite"]
    assert str(one.parts[0].filename).startswith("anymedia-")
    assert one.parts[0].content == media.data
    assert found.url == "comfyui://input/in/fox%20%281%29.png"


# --- polling --------------------------------------------------------------------------------


def test_a_graph_waits_runs_and_is_lost() -> None:
    """History, then queue, then history again: it may have ended in between."""
    assert polled(EMPTY, queue(pending=("other", ID))) == Queued()
    assert polled(EMPTY, queue(running=(ID,))) == Running()
    files = {"9": {"images": [{"filename": "a.png"}]}}
    assert isinstance(polled(EMPTY, IDLE, history(files)), Succeeded)
    lost = polled(EMPTY, IDLE, EMPTY)
    assert isinstance(lost, Failed)
    assert (lost.problem.code, lost.problem.retryable) == ("PROVIDER_ERROR", True)


def test_finished_pictures_with_the_time_they_took() -> None:
    """Saved files and not previews; they are fetched from the server itself."""
    state = polled(
        history(
            {
                "9": {
                    "images": [
                        {"filename": "fox 1.png", "subfolder": "a&b", "type": "output"},
                        {"filename": "fox 2.png", "subfolder": "", "type": "output"},
                    ]
                },
                "5": {"images": [{"filename": "p.png", "subfolder": "", "type": "temp"}]},
                "6": {"text": ["hello", 3], "value": None},
            },
            ["execution_start", {"prompt_id": ID, "timestamp": 1763700000000}],
            ["execution_cached", {"nodes": []}],
            ["execution_success", {"prompt_id": ID, "timestamp": 1763700004500}],
        )
    )
    assert isinstance(state, Succeeded)
    assert [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)] == [
        "/view?filename=fox%201.png&subfolder=a%26b&type=output",
        "/view?filename=fox%202.png&subfolder=&type=output",
    ]
    assert state.usage.images == 2
    assert state.usage.gpu_seconds == Decimal("4.5")


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ({"1": {"images": [{"filename": "c.mp4"}], "animated": [True]}}, ["c.mp4"]),
        (
            {"1": {"gifs": [{"filename": "c.webm"}]}, "2": {"images": [{"filename": "l.png"}]}},
            ["c.webm"],
        ),
        ({"1": {"images": [{"filename": "c.webp"}], "animated": [True]}}, ["c.webp"]),
        ({"1": {"audio": [{"filename": "c.flac"}]}}, ["c.flac"]),
        ({"1": {"video": [{"filename": "c.mp4", "type": "temp"}]}}, ["c.mp4"]),
    ],
)
def test_clips_are_told_by_their_endings(outputs: Any, wanted: list[str]) -> None:
    """Core nodes report clips under `images`; other files only where there is no clip."""
    state = polled(history(outputs), kind="video")
    assert isinstance(state, Succeeded)
    urls = [one.url for one in state.artifacts if isinstance(one, RemoteArtifact)]
    assert [url.partition("filename=")[2].partition("&")[0] for url in urls] == wanted


@pytest.mark.parametrize(
    ("words", "code", "retryable"),
    [
        ("CUDA out of memory. Tried to allocate 2 GiB", "PROVIDER_ERROR", True),
        ("Allocation on device", "PROVIDER_ERROR", True),
        ("Sizes of tensors must match", "PROVIDER_ERROR", False),
        ("Rejected by content policy", "CONTENT_POLICY_VIOLATION", False),
        ("Payment Required: insufficient credits", "INSUFFICIENT_CREDITS", False),
        ("Unauthorized: please log in", "AUTHENTICATION_FAILED", False),
        (None, "PROVIDER_ERROR", False),
    ],
)
def test_a_broken_node_says_why(words: str | None, code: str, retryable: bool) -> None:
    """Its words are all the evidence there is."""
    event = {"node_id": "3", "node_type": "KSampler", "exception_message": words}
    state = polled(history({}, ["execution_error", event], status="error"))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert "node 3 (KSampler)" in state.problem.message


def test_an_interrupted_graph_was_stopped() -> None:
    """It is no failure."""
    state = polled(history({}, ["execution_interrupted", {"node_id": "3"}], status="error"))
    assert isinstance(state, Stopped)


@pytest.mark.parametrize(
    "entry",
    [
        {"outputs": {}, "status": {"status_str": "success"}},
        {"outputs": None, "status": None},
        {"outputs": {"9": {"images": [{"filename": None}, 3]}, "8": []}},
    ],
)
def test_an_end_without_a_file_is_unreadable(entry: Any) -> None:
    """Somebody has to look at the workflow."""
    with pytest.raises(UnreadableResponse, match="saves what is made"):
        polled(answer({ID: entry}))


# --- finding again, stopping ----------------------------------------------------------------


def test_a_lost_submission_is_found_by_its_id() -> None:
    """In the queue, in the history, or provably nowhere."""
    body, _ = sent(picture())
    ours = body["prompt_id"]
    for answers in (
        (queue(pending=(ours,)),),
        (queue(running=(ours,)),),
        (IDLE, answer({ours: {}})),
    ):
        requests, found = replay(find(BRIEF, NOW), *answers, explain=COMFYUI.explain)
        assert found == Submitted(handle=ours)
        assert [one.method for one in requests] == ["GET"] * len(answers)
    _, found = replay(find(BRIEF, NOW), IDLE, EMPTY, explain=COMFYUI.explain)
    assert found is None
    with pytest.raises(ProviderUnavailable):
        replay(find(BRIEF, NOW), HttpResponse(502), explain=COMFYUI.explain)


def test_stopping_takes_it_from_the_queue_or_interrupts_it() -> None:
    """And nothing else: an interruption without looking could stop another's work."""
    fine = HttpResponse(200)
    requests, outcome = replay(
        cancel(ID), queue(pending=(ID,)), fine, IDLE, EMPTY, explain=COMFYUI.explain
    )
    assert outcome == "confirmed"
    assert (requests[1].path, requests[1].json) == ("/queue", {"delete": [ID]})
    requests, outcome = replay(cancel(ID), queue(running=(ID,)), fine, explain=COMFYUI.explain)
    assert outcome == "requested"
    assert (requests[1].path, requests[1].json) == ("/interrupt", {"prompt_id": ID})
    began = (queue(pending=(ID,)), fine, queue(running=(ID,)), fine)
    _, outcome = replay(cancel(ID), *began, explain=COMFYUI.explain)
    assert outcome == "requested"
    quick = (queue(pending=(ID,)), fine, IDLE, answer({ID: {}}))
    _, outcome = replay(cancel(ID), *quick, explain=COMFYUI.explain)
    assert outcome == "impossible"
    _, outcome = replay(cancel(ID), queue(running=("other",)), explain=COMFYUI.explain)
    assert outcome == "impossible"


# --- failures -------------------------------------------------------------------------------


def refused(kind: str, message: str, node_errors: Any = None) -> dict[str, Any]:
    """A graph that was not taken."""
    error = {"type": kind, "message": message, "details": "SECRET PROMPT", "extra_info": {}}
    return {"error": error, "node_errors": node_errors if node_errors is not None else {}}


def node_error(kind: str, name: str) -> dict[str, Any]:
    """What is wrong with one node."""
    fault = {
        "type": kind,
        "message": "Value not in list",
        "details": "SECRET PROMPT",
        "extra_info": {"input_name": name},
    }
    return {"4": {"errors": [fault], "class_type": "CheckpointLoaderSimple"}}


INVALID = "prompt_outputs_failed_validation"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (
            refused(INVALID, "no", node_error("value_not_in_list", "ckpt_name")),
            400,
            ModelUnavailable,
        ),
        (refused(INVALID, "no", node_error("value_not_in_list", "sampler")), 400, RequestRejected),
        (refused("invalid_prompt", "Node 'X' does not exist.", []), 400, ModelUnavailable),
        (refused("missing_node_type", "Node 'X' not found."), 400, ModelUnavailable),
        (refused("prompt_no_outputs", "Prompt has no outputs"), 400, RequestRejected),
        (refused(INVALID, "no", {"4": 3}), 400, RequestRejected),
        ("", 403, AuthenticationFailed),
        ("", 401, AuthenticationFailed),
        ("", 413, RequestRejected),
        ("", 429, RateLimited),
        ("", 500, ProviderUnavailable),
        ("", 503, ProviderUnavailable),
    ],
)
def test_a_refused_graph(body: Any, status: int, error: type[GenerationError]) -> None:
    """Missing models are told from mistakes; the graph's own words are not repeated."""
    with pytest.raises(error) as raised:
        sent(picture(), answer(body, status))
    assert type(raised.value) is error
    assert raised.value.accepted == ("unknown" if status >= 500 else "no")
    assert "SECRET" not in str(raised.value)


def test_a_missing_model_is_named_by_its_node() -> None:
    """The input tells which file is not installed."""
    body = refused(INVALID, "no", node_error("value_not_in_list", "ckpt_name"))
    with pytest.raises(ModelUnavailable, match=r"node 4 \(CheckpointLoaderSimple\).*`ckpt_name`"):
        sent(picture(), answer(body, 400))


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"[]", b'{"prompt_id": {}}', b'{"pro'])
def test_an_answer_of_another_form_is_unreadable(content: bytes) -> None:
    """It may have been taken on."""
    with pytest.raises(UnreadableResponse) as raised:
        sent(picture(), HttpResponse(200, content))
    assert raised.value.accepted != "no"


def test_a_check_tells_version_and_checkpoints() -> None:
    """Old builds do not list the latter."""
    stats = answer({"system": {"comfyui_version": "0.9.1"}, "devices": []})
    _, account = replay(check(), stats, answer([CHECKPOINT]), explain=COMFYUI.explain)
    assert account.models == (CHECKPOINT,)
    assert account.details == {"version": "0.9.1"}
    _, account = replay(check(), answer({}), HttpResponse(404), explain=COMFYUI.explain)
    assert account.models == ()


words = [
    *("prompt_id", ID, "outputs", "status", "status_str", "messages", "images", "filename"),
    *("type", "error", "node_errors", "errors", "queue_running", "queue_pending", "system"),
]
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner | st.sampled_from(["execution_error", "execution_start", ID]), max_size=3)
        | st.dictionaries(st.sampled_from(words), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(body=json_values | st.binary(max_size=40), status=st.sampled_from([200, 400, 404, 500]))
def test_no_answer_raises_anything_but_ours(body: Any, status: int) -> None:
    """Whatever comes back."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = HttpResponse(status, content)
    media = MediaBytes(data=b"x", media_type="image/png")
    for exchange in (
        submit(picture(), BRIEF),
        find(BRIEF, NOW),
        cancel(ID),
        upload(media),
        check(),
    ):
        with suppress(GenerationError, AssertionError):
            replay(exchange, response, response, response, response, explain=COMFYUI.explain)
    for kind in ("image", "video"):
        with suppress(GenerationError, AssertionError):
            replay(poll(kind, ID), response, response, response, explain=COMFYUI.explain)


@given(workflow=json_values, places=json_values, inputs=json_values)
def test_no_option_raises_anything_but_ours(workflow: Any, places: Any, inputs: Any) -> None:
    """Whatever a caller puts there."""
    given_options: tuple[dict[str, Any], ...] = (
        {"workflow": workflow},
        {"workflows": workflow},
        {"places": places, "inputs": inputs},
        {"places": {"prompt": places, "seed": inputs, "width": places, "height": places}},
    )
    for options in given_options:
        request = ImageRequest.model_construct(prompt="a fox", model="m", options=options)
        with suppress(GenerationError):
            next(submit(request, BRIEF))
