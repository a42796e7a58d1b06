"""OpenAI's own client makes and reads media through the gateway."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from anymedia.contracts.media import sniffed
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.doubles.openai.audio import IN_ENGLISH
from anymedia.testing.samples import png, wav

DRAWN = "openai/gpt-image-2"
PICTURE = "echo/picture"
CLIP = "echo/clip"
FAST = {"anymedia": {"options": {"delay_seconds": 0.05}}}


@pytest.fixture(autouse=True)
def _clips_may_be_asked_for() -> Iterator[None]:
    """The client says that OpenAI's own clips have ended; the form lives on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


# --- images ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [DRAWN, PICTURE])
def test_a_picture_comes_inside_the_answer(client: OpenAI, model: str) -> None:
    """As base64, unless something else is asked for."""
    made = client.images.generate(model=model, prompt="a fox in snow", n=2, size="1024x1024")
    assert made.data is not None
    assert len(made.data) == 2
    for one in made.data:
        assert sniffed(base64.b64decode(one.b64_json or "")).startswith("image/")
    assert made.created > 0
    assert (made.model_extra or {})["model"].startswith(model.partition("/")[0])


def test_openais_fields_reach_openai(client: OpenAI, openai_double: OpenAIDouble) -> None:
    """Known ones in our words and back; those of OpenAI alone as they are."""
    client.images.generate(
        model=DRAWN,
        prompt="a fox",
        quality="high",
        size="1536x1024",
        background="opaque",
        output_format="webp",
        output_compression=60,
        moderation="low",
    )
    body = openai_double.record.bodies[-1]
    told = {"quality", "size", "background", "output_format", "output_compression", "moderation"}
    assert {name: body[name] for name in told} == {
        "quality": "high",
        "size": "1536x1024",
        "background": "opaque",
        "output_format": "webp",
        "output_compression": 60,
        "moderation": "low",
    }


def test_openais_fields_are_refused_by_name_elsewhere(client: OpenAI) -> None:
    """Before anything is made."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(model=PICTURE, prompt="a fox", moderation="low")
    assert refusal.value.param == "moderation"


def test_a_picture_can_lie_behind_a_link(client: OpenAI, address: str) -> None:
    """The gateway's own."""
    made = client.images.generate(model=PICTURE, prompt="a fox", response_format="url")
    assert made.data
    assert (made.data[0].url or "").startswith(f"{address}/api/artifacts/art_")


def test_a_picture_comes_as_an_event(client: OpenAI) -> None:
    """The finished one; nobody has unfinished ones."""
    stream = client.images.generate(model=PICTURE, prompt="a fox", stream=True, partial_images=2)
    (event,) = list(stream)
    assert event.type == "image_generation.completed"
    assert sniffed(base64.b64decode(event.b64_json)).startswith("image/")


def test_the_same_key_is_the_same_picture(raw: httpx.Client) -> None:
    """A client that asks again after a lost answer does not pay again."""
    headers = {"Idempotency-Key": "once-only"}
    body = {"model": PICTURE, "prompt": "a fox"}
    first, second = (
        raw.post("/v1/images/generations", json=body, headers=headers).json() for _ in range(2)
    )
    assert first["job"] == second["job"]
    other = raw.post("/v1/images/generations", json={**body, "prompt": "a cat"}, headers=headers)
    assert other.status_code == 409
    assert other.headers["x-should-retry"] == "false"


def test_pictures_are_edited(client: OpenAI, openai_double: OpenAIDouble) -> None:
    """Several, with a mask, as files of a form."""
    made = client.images.edit(
        model=DRAWN,
        image=[("a.png", png(64, 64)), ("b.png", png(64, 64))],
        mask=("mask.png", png(64, 64)),
        prompt="a hat on the fox",
        n=1,
    )
    assert made.data
    assert made.data[0].b64_json
    assert openai_double.record.requests[-1] == ("POST", "/v1/images/edits")


def test_an_edit_without_a_picture_is_refused(client: OpenAI, raw: httpx.Client) -> None:
    """By the name of what is missing; so is a file that does not belong."""
    answer = raw.post("/v1/images/edits", files={"mask": png(4, 4)}, data={"prompt": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image")
    answer = raw.post("/v1/images/edits", files={"sound": b"x"}, data={"prompt": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "sound")


# --- sound ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "voice"), [("openai/gpt-4o-mini-tts", "coral"), ("echo/voice", "narrator")]
)
def test_words_are_spoken(client: OpenAI, tmp_path: Path, model: str, voice: str) -> None:
    """The bytes of the sound, streamed into a file."""
    asked = client.audio.speech.with_streaming_response.create(
        model=model, voice=voice, input="Good morning.", response_format="wav"
    )
    with asked as response:
        response.stream_to_file(tmp_path / "spoken.wav")
        assert response.headers["anymedia-model"].startswith(model.partition("/")[0])
    assert sniffed((tmp_path / "spoken.wav").read_bytes()) == "audio/wav"


def test_the_usual_sound_is_mp3(client: OpenAI) -> None:
    """As the dialect has it where no format is named."""
    spoken = client.audio.speech.create(
        model="openai/gpt-4o-mini-tts", voice="coral", input="Good morning."
    )
    assert sniffed(spoken.read()) == "audio/mpeg"


def test_words_are_spoken_in_events(raw: httpx.Client) -> None:
    """Pieces of sound, then what it took."""
    body = {"model": "echo/voice", "input": "Good morning.", "stream_format": "sse"}
    answer = raw.post("/v1/audio/speech", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("event: speech.audio.delta\n")
    assert "event: speech.audio.done\n" in answer.text


def talk(client: OpenAI) -> bytes:
    """A recording that echo understands too: its own voice."""
    spoken = client.audio.speech.create(
        model="echo/voice", voice="narrator", input="Good morning.", response_format="wav"
    )
    return spoken.read()


@pytest.mark.parametrize("model", ["openai/gpt-4o-transcribe", "openai/whisper-1", "echo/ears"])
def test_speech_is_written_down(client: OpenAI, model: str) -> None:
    """Words, and what it took."""
    file = ("talk.wav", io.BytesIO(talk(client)))
    heard = client.audio.transcriptions.create(model=model, file=file)
    assert heard.text
    assert heard.usage is not None


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_speech_is_written_down_as_text(client: OpenAI, form: str) -> None:
    """Text, or subtitles."""
    heard = client.audio.transcriptions.create(
        model="openai/whisper-1",
        file=("talk.wav", wav(1.0)),
        response_format=form,  # type: ignore[call-overload]
    )
    assert isinstance(heard, str)
    if form != "text":
        assert "-->" in heard
        assert heard.startswith("1\n" if form == "srt" else "WEBVTT\n")


def test_speech_is_written_down_with_times(client: OpenAI) -> None:
    """Segments, each with its beginning and end."""
    heard = client.audio.transcriptions.create(
        model="openai/whisper-1",
        file=("talk.wav", wav(1.0)),
        response_format="verbose_json",
        timestamp_granularities=["segment"],
    )
    assert heard.segments
    assert heard.duration is not None
    assert heard.segments[0].end >= heard.segments[0].start


def test_speech_is_written_down_in_events(client: OpenAI) -> None:
    """The words, then all of them."""
    stream = client.audio.transcriptions.create(
        model="echo/ears", file=("talk.wav", talk(client)), stream=True
    )
    assert [event.type for event in stream] == ["transcript.text.delta", "transcript.text.done"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_speech_is_written_down_in_english(client: OpenAI, openai_double: OpenAIDouble) -> None:
    """By who can, in the forms that a translation has."""
    ask = client.audio.translations.create
    file = ("talk.wav", wav(1.0))
    assert ask(model="openai/whisper-1", file=file).text == IN_ENGLISH
    assert openai_double.record.requests[-1] == ("POST", "/v1/audio/translations")
    told = ask(model="openai/whisper-1", file=file, response_format="verbose_json", prompt="Oslo")
    assert (told.language, told.text) == ("english", IN_ENGLISH)
    assert told.segments
    assert told.duration == pytest.approx(1.0, abs=0.1)
    assert ask(model="openai/whisper-1", file=file, response_format="srt").startswith("1\n")
    assert ask(model="openai/whisper-1", file=file, response_format="text").strip() == IN_ENGLISH


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("model", ["openai/gpt-4o-transcribe", "echo/ears"])
def test_who_does_not_translate_says_so(
    client: OpenAI, openai_double: OpenAIDouble, model: str
) -> None:
    """And is not asked; nobody takes words as spoken for a translation."""
    before = len(openai_double.record.requests)
    with pytest.raises(openai.BadRequestError) as refusal:
        client.audio.translations.create(model=model, file=("talk.wav", wav(1.0)))
    assert "translation" in refusal.value.message
    assert len(openai_double.record.requests) == before


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "model"),
        ({"model": "openai/whisper-1", "response_format": "diarized_json"}, "response_format"),
        ({"model": "openai/whisper-1", "temperature": "hot"}, "temperature"),
        ({"model": "echo/ears", "language": "de"}, None),
    ],
)
def test_a_translation_that_is_wrong_is_refused(
    raw: httpx.Client, fields: dict[str, str], param: str | None
) -> None:
    """By the field."""
    answer = raw.post("/v1/audio/translations", data=fields, files={"file": ("a.wav", wav(0.2))})
    assert answer.status_code == 400
    assert param is None or answer.json()["error"]["param"] == param
    answer = raw.post(
        "/v1/audio/translations", data={"model": "openai/whisper-1"}, files={"f": b""}
    )
    assert answer.json()["error"]["param"] == "f"


# --- embeddings -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["openai/text-embedding-3-small", "echo/vectors"])
def test_texts_become_vectors(client: OpenAI, model: str) -> None:
    """The client asks for base64 by itself; the same numbers come in the open."""
    packed = client.embeddings.create(model=model, input=["a", "b"])
    plain = client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
    assert [one.index for one in packed.data] == [0, 1]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert packed.data[0].embedding != pytest.approx(packed.data[1].embedding, abs=1e-6)
    assert packed.usage.total_tokens > 0


def test_tokens_are_for_those_who_share_the_vocabulary(
    client: OpenAI, openai_double: OpenAIDouble
) -> None:
    """Passed on to OpenAI, refused elsewhere."""
    client.embeddings.create(model="openai/text-embedding-3-small", input=[[1, 2], [3]])
    assert openai_double.record.bodies[-1]["input"] == [[1, 2], [3]]
    with pytest.raises(openai.BadRequestError) as refusal:
        client.embeddings.create(model="echo/vectors", input=[1, 2])
    assert refusal.value.param == "input"


# --- clips ----------------------------------------------------------------------------------


def test_a_clip_is_made_and_fetched(client: OpenAI, raw: httpx.Client) -> None:
    """Created, polled, listed, downloaded whole and in parts, and kept from other eyes."""
    made = client.videos.create_and_poll(
        model=CLIP,
        prompt="a fox running",
        seconds="2",  # type: ignore[arg-type]
        size="1280x720",
        poll_interval_ms=50,
        extra_body=FAST,
    )
    assert made.status == "completed", made.error
    assert made.progress == 100
    assert float(made.seconds) == pytest.approx(2, abs=0.2)
    assert str(made.model).startswith("echo/")
    assert made.prompt == "a fox running"
    clip = client.videos.download_content(made.id).read()
    assert sniffed(clip) == "video/mp4"
    part = raw.get(f"/v1/videos/{made.id}/content", headers={"range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, clip[:100])
    assert made.id in [one.id for one in client.videos.list(limit=5)]
    assert client.videos.delete(made.id).deleted is False


def test_a_clip_begins_with_a_picture(client: OpenAI) -> None:
    """Attached as a file."""
    made = client.videos.create_and_poll(
        model=CLIP,
        prompt="it waves",
        input_reference=("first.png", png(64, 64)),
        poll_interval_ms=50,
        extra_body=FAST,
    )
    assert made.status == "completed", made.error


def test_a_clip_that_is_not_ready_cannot_be_fetched(client: OpenAI) -> None:
    """And can be stopped; then it has failed, as the dialect has no word for stopped."""
    made = client.videos.create(
        model=CLIP,
        prompt="a fox",
        extra_body={"anymedia": {"options": {"never_finish": True, "cancel": "confirm"}}},
    )
    assert made.status in {"queued", "in_progress"}
    with pytest.raises(openai.BadRequestError) as refusal:
        client.videos.download_content(made.id)
    assert refusal.value.code == "video_not_ready"
    assert client.videos.delete(made.id).deleted is True
    ended = client.videos.poll(made.id, poll_interval_ms=50)
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error.code == "cancelled"


def test_a_clip_that_fails_says_why(client: OpenAI) -> None:
    """With our code for it."""
    options = {"delay_seconds": 0.05, "fail": "moderation_late"}
    made = client.videos.create_and_poll(
        model=CLIP,
        prompt="a fox",
        poll_interval_ms=50,
        extra_body={"anymedia": {"options": options}},
    )
    assert made.status == "failed"
    assert made.error is not None
    assert made.error.code == "content_policy_violation"


def test_pages_of_clips_follow_each_other(client: OpenAI, raw: httpx.Client) -> None:
    """The newest first; the client turns the pages by itself."""
    made = [
        client.videos.create(model=CLIP, prompt=f"clip {n}", extra_body=FAST).id for n in range(3)
    ]
    listed = [one.id for one in client.videos.list(limit=2)]
    assert [one for one in listed if one in made] == made[::-1]
    assert len(listed) == len(set(listed))
    for query in ("limit=0", "limit=x", "order=up", "after=nobody"):
        assert raw.get(f"/v1/videos?{query}").status_code in {400, 404}


def test_a_job_that_is_no_clip_is_not_there(client: OpenAI, raw: httpx.Client) -> None:
    """Nor is one that does not exist."""
    job = raw.post("/v1/images/generations", json={"model": PICTURE, "prompt": "x"}).json()["job"]
    for name in (job, "job_nobody", "..%2f..%2fetc"):
        assert raw.get(f"/v1/videos/{name}").status_code == 404
        assert raw.get(f"/v1/videos/{name}/content").status_code == 404
