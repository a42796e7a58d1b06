"""Runway's own client goes through its normal flow with our double of Runway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import runwayml
from runwayml import RunwayML

from anymedia.testing.double import serving
from anymedia.testing.doubles.runway import RunwayDouble


@pytest.fixture
def double() -> RunwayDouble:
    """A fresh double."""
    return RunwayDouble()


@pytest.fixture
def client(double: RunwayDouble) -> Iterator[RunwayML]:
    """The official client, pointed at the double."""
    with (
        serving(double) as address,
        RunwayML(api_key=double.key, base_url=address, max_retries=0) as client,
    ):
        yield client


def test_a_clip_is_made(client: RunwayML, double: RunwayDouble) -> None:
    """Submitted, waiting, running, there; and billed once."""
    task = client.text_to_video.create(
        model="gen4.5", prompt_text="a paper boat", ratio="1280:720", duration=5
    )
    seen = [client.tasks.retrieve(task.id) for _ in range(3)]
    assert [one.status for one in seen] == ["PENDING", "RUNNING", "SUCCEEDED"]
    last = seen[-1]
    assert last.status == "SUCCEEDED"
    assert last.cost.credits == 60
    assert last.output[0].endswith("_jwt=signed")
    assert len(double.record.invoice) == 1


def test_everything_else_is_taken(client: RunwayML) -> None:
    """Pictures, clips from pictures and from clips, speech, effects."""
    ids = [
        client.image_to_video.create(
            model="gen4_turbo", prompt_image="https://example.com/a.png", ratio="1104:832"
        ).id,
        client.video_to_video.create(
            model="aleph2", video_uri="https://example.com/a.mp4", prompt_text="at night"
        ).id,
        client.text_to_image.create(model="gen4_image", prompt_text="a fox", ratio="1920:1080").id,
        client.text_to_speech.create(
            model="eleven_multilingual_v2",
            prompt_text="Good morning.",
            voice={"type": "runway-preset", "preset_id": "Maya"},
        ).id,
        client.sound_effect.create(model="eleven_text_to_sound_v2", prompt_text="rain").id,
    ]
    assert len(set(ids)) == 5


def test_a_file_is_uploaded(client: RunwayML, double: RunwayDouble) -> None:
    """Into a slot, under a name of its own afterwards."""
    found = client.uploads.create_ephemeral(file=("fox.png", b"\x89PNG fox"))
    assert found.uri == "runway://up-1"
    assert double.uploads["up-1"] == b"\x89PNG fox"


def test_a_task_is_cancelled(client: RunwayML) -> None:
    """After that it is gone."""
    task = client.text_to_video.create(
        model="gen4.5", prompt_text="a paper boat", ratio="1280:720", duration=5
    )
    client.tasks.delete(task.id)
    with pytest.raises(runwayml.NotFoundError):
        client.tasks.retrieve(task.id)


def test_the_account_is_told(client: RunwayML) -> None:
    """The balance goes down by what was made."""
    client.text_to_video.create(
        model="gen4.5", prompt_text="a paper boat", ratio="1280:720", duration=5
    )
    assert client.organization.retrieve().credit_balance == 9940


def test_refusals_are_the_vendors(client: RunwayML, double: RunwayDouble) -> None:
    """A wrong value, an empty account, a wrong key."""
    with pytest.raises(runwayml.BadRequestError, match="ratio"):
        client.text_to_video.create(
            model="gen4.5",
            prompt_text="a boat",
            ratio="1:1",  # type: ignore[call-overload]
            duration=5,
        )
    double.balance -= 9_990
    with pytest.raises(runwayml.BadRequestError, match="enough credits"):
        client.text_to_video.create(
            model="gen4.5", prompt_text="a boat", ratio="1280:720", duration=5
        )
    wrong = client.with_options(api_key="key_wrong")
    with pytest.raises(runwayml.AuthenticationError):
        wrong.organization.retrieve()
