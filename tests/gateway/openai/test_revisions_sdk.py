"""OpenAI's own client has clips remixed, edited and gone on with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import Video
from tests.support.face import facing

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.media import sniffed
from anymedia.gateway.openai import revisions
from anymedia.gateway.spec import Refused

CLIP = "echo/clip"
NO_CLIPS = "gen4_turbo"
FAST: Any = {"anymedia": {"options": {"delay_seconds": 0.05}}}
STUCK: Any = {"anymedia": {"options": {"never_finish": True, "cancel": "confirm"}}}


@pytest.fixture(autouse=True)
def _clips_may_be_asked_for() -> Iterator[None]:
    """The client says that OpenAI's own clips have ended; the form lives on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.fixture
def source(client: OpenAI) -> Video:
    """A finished clip."""
    made = client.videos.create_and_poll(
        model=CLIP,
        prompt="a fox running",
        seconds="1",  # type: ignore[arg-type]
        size="640x360",  # type: ignore[arg-type]
        poll_interval_ms=50,
        extra_body=FAST,
    )
    assert made.status == "completed", made.error
    return made


def finished(client: OpenAI, made: Video) -> Video:
    """The clip when it is done; its file is one."""
    ended = client.videos.poll(made.id, poll_interval_ms=50)
    assert ended.status == "completed", ended.error
    assert sniffed(client.videos.download_content(ended.id).read()) == "video/mp4"
    return ended


def by_id(client: OpenAI, path: str, source: Video, **fields: str) -> Video:
    """An edit of an earlier clip. The client has a form for it and cannot fill it in."""
    body = {"video": {"id": source.id}, **fields, **FAST}
    return client.post(f"/videos/{path}", body=body, cast_to=Video)


def test_a_clip_is_remixed(client: OpenAI, source: Video) -> None:
    """By the model that made it, with its clip; and the new one says of which it is made."""
    made = client.videos.remix(source.id, prompt="the fox wears a hat", extra_body=FAST)
    assert made.remixed_from_video_id == source.id
    assert made.prompt == "the fox wears a hat"
    ended = finished(client, made)
    assert str(ended.model) == str(source.model)
    assert made.id in [one.id for one in client.videos.list(limit=5)]


def test_a_clip_is_edited_by_its_id_or_as_a_file(client: OpenAI, source: Video) -> None:
    """A file may be anybody's, so it is made by whom the body names."""
    made = by_id(client, "edits", source, prompt="at night")
    assert made.remixed_from_video_id == source.id
    finished(client, made)
    clip = client.videos.download_content(source.id).read()
    made = client.videos.edit(
        video=("mine.mp4", clip), prompt="at night", extra_body={"model": CLIP}
    )
    assert made.remixed_from_video_id is None
    finished(client, made)


def test_a_clip_is_gone_on_with(client: OpenAI, source: Video) -> None:
    """For so many seconds."""
    made = by_id(client, "extensions", source, prompt="it jumps", seconds="4")
    assert made.remixed_from_video_id == source.id
    finished(client, made)
    clip = client.videos.download_content(source.id).read()
    made = client.videos.extend(
        video=("mine.mp4", clip), prompt="it jumps", seconds="4", extra_body={"model": CLIP}
    )
    finished(client, made)


def test_a_clip_that_is_not_finished_cannot_be_changed(client: OpenAI) -> None:
    """The refusal says how it stands."""
    made = client.videos.create(model=CLIP, prompt="a fox", extra_body=STUCK)
    with pytest.raises(openai.BadRequestError) as refusal:
        client.videos.remix(made.id, prompt="a hat")
    assert refusal.value.code == "video_not_ready"
    client.videos.delete(made.id)


def test_a_model_that_takes_no_clip_says_so(tmp_path: Path) -> None:
    """By its name, with what it does, before anything is paid."""
    runway = {"name": "runway", "api_key": "x", "base_url": "http://127.0.0.1:9"}
    settings = Settings(
        providers=(ProviderSettings.model_validate(runway),), data_dir=str(tmp_path / "data")
    )
    body = {"prompt": "a hat", "model": f"runway/{NO_CLIPS}"}
    with facing(settings, tmp_path) as address, httpx.Client(base_url=address) as raw:
        answer = raw.post("/v1/videos/edits", data=body, files={"video": ("a.mp4", b"x")})
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert NO_CLIPS in message
    assert "cannot do video to video" in message


@pytest.mark.parametrize("name", ["job_nobody", "..%2f..%2fetc", "video_123"])
def test_a_clip_that_is_not_there_cannot_be_changed(raw: httpx.Client, name: str) -> None:
    """Nor can anybody else's."""
    assert raw.post(f"/v1/videos/{name}/remix", json={"prompt": "x"}).status_code == 404
    body = {"prompt": "x", "video": {"id": name}}
    assert raw.post("/v1/videos/edits", json=body).status_code == 404
    assert raw.post("/v1/videos/extensions", json=body).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("job_x/remix", {}, "prompt"),
        ("job_x/remix", {"prompt": 5}, "prompt"),
        ("edits", {"prompt": "x"}, "video"),
        ("edits", {"prompt": "x", "video": "job_x"}, "video"),
        ("edits", {"prompt": "x", "video": {}}, "video.id"),
        ("edits", {"prompt": "x", "video": {"id": 5}}, "video.id"),
        ("edits", {"video": {"id": "job_x"}}, "prompt"),
        ("extensions", {"prompt": "x"}, "video"),
        ("extensions", {"prompt": "x", "seconds": [], "video": {"id": "job_x"}}, "seconds"),
    ],
)
def test_what_is_wrong_is_named(
    raw: httpx.Client, path: str, body: dict[str, Any], param: str
) -> None:
    """The field of the caller's own body."""
    answer = raw.post(f"/v1/videos/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_a_form_takes_one_clip(raw: httpx.Client) -> None:
    """And no other file, nor a clip and an id at once."""
    answer = raw.post("/v1/videos/edits", data={"prompt": "x"}, files={"film": b"x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "film")
    two = [("video", ("a.mp4", b"x")), ("video", ("b.mp4", b"x"))]
    answer = raw.post("/v1/videos/edits", data={"prompt": "x"}, files=two)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "video")
    answer = raw.post(
        "/v1/videos/edits",
        data={"prompt": "x", "video[id]": "job_x"},
        files={"video": ("a.mp4", b"x")},
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "video")


def test_characters_are_not_kept(client: OpenAI) -> None:
    """Nobody who can be asked has them; the refusal says what to do instead."""
    with pytest.raises(openai.NotFoundError) as refusal:
        client.videos.create_character(name="fox", video=("a.mp4", b"x"))
    assert "input_reference" in refusal.value.message
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character("char_1")


def test_who_cannot_go_on_is_told_apart_from_who_can() -> None:
    """The refusal says how to name another."""
    problem = UnsupportedOption("`a/b` cannot do extend").problem()
    no = Estimate(provider="a", model="b", fits=False, problem=problem)
    with pytest.raises(Refused, match=r"`a/b` cannot do extend\. Say with `model` who should"):
        revisions.check([no])
    revisions.check([no, Estimate(provider="c", model="d", fits=True)])
    revisions.check([])
