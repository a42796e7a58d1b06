"""Clips of MiniMax's double: what either contract takes, and how a task goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.providers.catalog import catalogued
from anymedia.testing.doubles.minimax.answers import newer, older, wrong
from anymedia.testing.films import film, sides

FORBIDDEN, LATE, BROKEN, SLOW = "forbidden", "forbidden-late", "broken", "expires"
SECONDS = range(5, 16)
RATIOS = {"adaptive", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16"}
FRAMES = {"first_frame", "last_frame"}
MOST = {"reference_image": 9, "reference_video": 3, "reference_audio": 3}
OLDER_PRICE = Decimal("0.28")
"""Made up: what Hailuo costs is not known."""
OPEN = {"queued", "running", "Queueing", "Processing"}


def prices() -> dict[str, dict[str, Decimal]]:
    """The newer contract's models: US dollars a second by resolution."""
    return {
        model.id: {
            str(price.when["resolution"]): price.usd
            for price in model.prices
            if price.unit == "seconds"
        }
        for model in catalogued("minimax")
        if model.medium == "video" and model.settings.get("contract") != "v1"
    }


def older_models() -> frozenset[str]:
    """The older contract's models."""
    return frozenset(
        model.id for model in catalogued("minimax") if model.settings.get("contract") == "v1"
    )


def asked(body: dict[str, Any]) -> tuple[dict[str, Any], Decimal]:
    """A task of the newer contract and its price, or what is wrong with the body."""
    rates = prices().get(str(body.get("model")))
    content = body.get("content") or []
    if rates is None:
        raise wrong("unknown model")
    words = " ".join(one.get("text", "") for one in content if one.get("type") == "text").strip()
    if not words or len(words) > 7000:
        raise wrong("content needs a text of 1 to 7000 characters")
    resolution, seconds = str(body.get("resolution", "768P")), body.get("duration")
    if resolution not in rates:
        raise wrong("invalid resolution")
    if not isinstance(seconds, int) or seconds not in SECONDS:
        raise wrong("invalid duration")
    roles = [one.get("role", "first_frame") for one in content if one.get("type") != "text"]
    check_roles(roles)
    ratio = body.get("ratio", "adaptive")
    if ratio not in RATIOS or (not roles and ratio == "adaptive"):
        raise wrong("invalid ratio")
    if FORBIDDEN in words and LATE not in words:
        raise newer(422, "unprocessable_entity_error", "input has sensitive content (1026)")
    task = {
        "model": body["model"],
        "status": "queued",
        "resolution": resolution,
        "duration": seconds,
        "ratio": ratio,
        "task_type": "video_generation",
        "_words": words,
        "_pictures": sum("image" in role or role in FRAMES for role in roles),
    }
    return task, rates[resolution] * seconds + surcharge(task)


def surcharge(task: dict[str, Any]) -> Decimal:
    """What pictures that go in cost, beyond those that are free."""
    (sheet,) = (one for one in catalogued("minimax") if one.id == task["model"])
    of_pictures = (price for price in sheet.prices if price.unit == "input_images")
    return sum(
        (max(task["_pictures"] - one.included, 0) * one.usd for one in of_pictures), Decimal(0)
    )


def check_roles(roles: list[str]) -> None:
    """Refuse parts that do not go together."""
    framed = FRAMES & set(roles)
    if unknown := set(roles) - FRAMES - set(MOST):
        raise wrong(f"invalid role {min(unknown)}")
    if framed and framed != set(roles):
        raise wrong("frames and references cannot be mixed")
    if framed == {"last_frame"} or any(roles.count(one) > 1 for one in framed):
        raise wrong("one first frame, and a last frame only beside it")
    if any(roles.count(role) > most for role, most in MOST.items()) or len(roles) > 12:
        raise wrong("too many references")
    if set(roles) == {"reference_audio"}:
        raise wrong("audio needs an image or a video")


def asked_older(body: dict[str, Any]) -> tuple[dict[str, Any], Decimal]:
    """A task of the older contract and its price, or what is wrong with the body."""
    model, words = str(body.get("model")), str(body.get("prompt", ""))
    if model not in older_models():
        raise older(2013, "invalid params, model")
    if len(words) > 2000:
        raise older(2013, "invalid params, prompt is too long")
    if body.get("duration", 6) not in {6, 10}:
        raise older(2013, "invalid params, duration")
    if body.get("resolution") == "1080P" and body.get("duration", 6) != 6:
        raise older(2013, "invalid params, 1080P has 6 seconds")
    if model.startswith(("I2V", "MiniMax-Hailuo-2.3-Fast")) and "first_frame_image" not in body:
        raise older(2013, "invalid params, first_frame_image")
    if model.startswith("S2V") and "subject_reference" not in body:
        raise older(2013, "invalid params, subject_reference")
    if FORBIDDEN in words and LATE not in words:
        raise older(1026, "input new_sensitive")
    return {"model": model, "status": "Queueing", "_words": words}, OLDER_PRICE


def made(task: dict[str, Any]) -> bytes:
    """The clip. The newer models' have sound."""
    newer_one = "duration" in task
    ratio = task.get("ratio", "16:9")
    size = sides(task.get("resolution", "768P"), "16:9" if ratio == "adaptive" else ratio)
    return film(*size, task.get("duration", 6), sound=newer_one)


def advance(task: dict[str, Any], slowness: int, url: str) -> None:
    """A task of the newer contract, one poll further."""
    if task["status"] == "succeeded":
        task["content"] = {"url": url}  # signed anew each time
    if task["status"] not in OPEN:
        return
    task["_polls"] += 1
    if task["_polls"] <= slowness:
        task["status"] = "queued" if task["_polls"] == 1 else "running"
    elif LATE in task["_words"]:
        end(task, "failed", "1027", "output new_sensitive")
    elif BROKEN in task["_words"]:
        end(task, "failed", "1000", "unknown error")
    elif SLOW in task["_words"]:
        end(task, "expired", "", "the task waited for too long")
    else:
        seconds = task["duration"]
        task["status"] = "succeeded"
        task["content"] = {"url": url}
        task["usage"] = {
            "total_seconds": seconds,
            "input_seconds": 0,
            "output_seconds": seconds,
            "input_image_count": task["_pictures"],
        }


def end(task: dict[str, Any], status: str, code: str, words: str) -> None:
    """It came to nothing."""
    task["status"] = status
    task["error"] = {"code": code, "message": words}


def advance_older(task: dict[str, Any], slowness: int) -> dict[str, Any]:
    """A task of the older contract, one poll further, as its answer tells it."""
    base = {"status_code": 0, "status_msg": "success"}
    if task["status"] in OPEN:
        task["_polls"] += 1
        if task["_polls"] <= slowness:
            task["status"] = "Queueing" if task["_polls"] == 1 else "Processing"
        else:
            bad = LATE in task["_words"] or BROKEN in task["_words"]
            task["status"] = "Fail" if bad else "Success"
    if task["status"] == "Fail" and LATE in task["_words"]:
        base = {"status_code": 1027, "status_msg": "output new_sensitive"}
    found: dict[str, Any] = {"task_id": task["id"], "status": task["status"], "base_resp": base}
    if task["status"] == "Success":
        found |= {"file_id": task["id"], "video_width": 1366, "video_height": 768}
    return found


def shown(task: dict[str, Any]) -> dict[str, Any]:
    """A task as callers see it."""
    return {name: value for name, value in task.items() if not name.startswith("_")}
