"""Pika: its own models and words, on fal's queue.

Fields: fal's endpoint types (npm `@fal-ai/client` 1.10.1) and model pages (read 2026-11-21).
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.errors import InsufficientCredits, UnsupportedOption
from anymedia.contracts.job import Failed, Queued, Succeeded
from anymedia.contracts.video import VideoRequest
from anymedia.engine.estimating import estimated
from anymedia.engine.fitting import fit
from anymedia.providers import registry
from anymedia.providers.adapters.fal import FAL
from anymedia.providers.adapters.pika import PIKA
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Job, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

TODAY = date(2026, 11, 21)
SHEETS = {one.id: one for one in catalogued("pika")}
FIRST, LAST = "https://example.com/1.png", "https://example.com/2.png"
HANDLE = "/fal-ai/pika/requests/r-1"
TICKET = {"request_id": "r-1", "status": "IN_QUEUE", "queue_position": 0}


def job() -> Job:
    """Its one operation."""
    operation = PIKA.operation("video", Job)
    assert isinstance(operation, Job)
    return operation


def sent(model: str = "pika-2.2", **asked: Any) -> tuple[HttpRequest, Submitted]:
    """What goes out when the engine has fitted the request."""
    sheet = SHEETS[model]
    request, _ = fit(VideoRequest.model_validate({"prompt": "a fox", **asked}), sheet, TODAY)
    requests, found = replay(
        job().submit(request, Brief(model=sheet)),
        HttpResponse(200, json.dumps(TICKET).encode()),
        explain=PIKA.explain,
    )
    return requests[0], found


def test_it_is_reached_as_fal_is() -> None:
    """The same key and address; a name and a catalogue of its own."""
    assert registry.provider("pika") is PIKA
    assert registry.variables("pika") == registry.variables("fal")
    assert (PIKA.base_url, PIKA.hosts) == (FAL.base_url, FAL.hosts)
    assert PIKA.media == ("video",)


@pytest.mark.parametrize(
    ("model", "asked", "path", "body"),
    [
        (
            "pika-2.2",
            {"aspect_ratio": "4:5", "duration_seconds": 7, "resolution": "1080p", "seed": 3},
            "/fal-ai/pika/v2.2/text-to-video",
            {"aspect_ratio": "4:5", "duration": "10", "resolution": "1080p", "seed": 3},
        ),
        (
            "pika-2.2",
            {"first_frame": FIRST, "duration_seconds": 5, "negative_prompt": "rain"},
            "/fal-ai/pika/v2.2/image-to-video",
            {"image_url": FIRST, "duration": "5", "negative_prompt": "rain", "resolution": "720p"},
        ),
        (
            "pika-2.2",
            {"first_frame": FIRST, "last_frame": LAST, "duration_seconds": 10},
            "/fal-ai/pika/v2.2/pikaframes",
            {"image_urls": [FIRST, LAST], "transitions": [{"duration": 10}], "resolution": "720p"},
        ),
        (
            "pika-2.1",
            {"duration_seconds": 5},
            "/fal-ai/pika/v2.1/text-to-video",
            {"duration": 5},
        ),
        (
            "pika-2-turbo",
            {"first_frame": FIRST},
            "/fal-ai/pika/v2/turbo/image-to-video",
            {"image_url": FIRST},
        ),
        (
            "pikaffects",
            {"first_frame": FIRST, "options": {"pikaffect": "Explode"}},
            "/fal-ai/pika/v1.5/pikaffects",
            {"image_url": FIRST, "pikaffect": "Explode"},
        ),
    ],
)
def test_each_kind_of_work_has_its_endpoint_and_words(
    model: str, asked: dict[str, Any], path: str, body: dict[str, Any]
) -> None:
    """Durations are text in 2.2 and numbers elsewhere."""
    request, found = sent(model, **asked)
    assert (request.path, request.json) == (path, {"prompt": "a fox", **body})
    assert found.handle == HANDLE


def test_a_clip_from_a_picture_has_its_shape() -> None:
    """And the caller is told."""
    request, found = sent(first_frame=FIRST, aspect_ratio="1:1")
    assert "aspect_ratio" not in request.json
    assert [one.option for one in found.warnings] == ["aspect_ratio"]


def test_what_it_cannot_do_is_refused_before_it_costs() -> None:
    """No references, no clips to change, no sound."""
    for asked in ({"references": (FIRST,)}, {"video": "https://example.com/a.mp4"}):
        with pytest.raises(UnsupportedOption):
            sent(**asked)
    request, _ = sent(audio=True)
    assert "audio" not in str(request.json)


@pytest.mark.parametrize(
    ("quality", "asked", "price"),
    [
        ("draft", {}, "0.20"),
        ("standard", {"duration_seconds": 10}, "0.40"),
        ("high", {}, "0.45"),
        ("cinematic", {"duration_seconds": 10}, "0.90"),
        ("high", {"first_frame": FIRST, "last_frame": LAST}, "0.30"),
    ],
)
def test_presets_have_the_list_price(quality: str, asked: dict[str, Any], price: str) -> None:
    """Five seconds cost 0.20 or 0.45; from picture to picture the second has its own price."""
    sheet = SHEETS["pika-2.2"]
    words = {"prompt": "a fox", "quality": quality, "duration_seconds": 5, **asked}
    fitted, notices = fit(VideoRequest.model_validate(words), sheet, TODAY)
    assert notices == []
    assert estimated(fitted, sheet).amount == Decimal(price)


def test_models_without_a_known_price_say_so() -> None:
    """They are never free."""
    for name in ("pika-2.1", "pika-2-turbo", "pikaffects"):
        assert SHEETS[name].prices == ()
    assert all(one.source.startswith("https://") for one in SHEETS.values())


def test_polling_and_failing_are_fals() -> None:
    """Written from fal's queue documentation (read 2026-11-21)."""
    done = HttpResponse(200, b'{"status": "COMPLETED"}')
    clip = HttpResponse(200, b'{"video": {"url": "https://v3b.fal.media/files/a.mp4"}}')
    refused = HttpResponse(422, b'{"detail": [{"type": "content_policy_violation", "msg": "no"}]}')
    waiting = HttpResponse(202, b'{"status": "IN_QUEUE", "queue_position": 1}')
    assert replay(job().poll(HANDLE), waiting, explain=PIKA.explain)[1] == Queued()
    assert isinstance(replay(job().poll(HANDLE), done, clip, explain=PIKA.explain)[1], Succeeded)
    failed = replay(job().poll(HANDLE), done, refused, explain=PIKA.explain)[1]
    assert isinstance(failed, Failed)
    assert failed.problem.code == "CONTENT_POLICY_VIOLATION"
    empty = HttpResponse(403, b'{"detail": "User is locked. Reason: Exhausted balance."}')
    with pytest.raises(InsufficientCredits):
        replay(job().poll(HANDLE), empty, explain=PIKA.explain)


def test_a_call_finds_a_lost_submission() -> None:
    """All of Pika lies below one application."""
    operation = job()
    assert operation.whole_handle is not None
    for sheet in SHEETS.values():
        assert operation.whole_handle("r-1", Brief(model=sheet)) == HANDLE
