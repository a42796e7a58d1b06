"""The double's interactions: queued, in progress, and ended after some looks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.google.failures import Failure
from anymedia.testing.doubles.google.generated import LATE
from anymedia.testing.doubles.openai.mind import FORBIDDEN
from anymedia.testing.films import film, sides
from anymedia.testing.samples import mp3, wav

SECRET = b"whsec-double"
TOKENS_PER_SECOND = 5792
ENDED = ("completed", "failed", "cancelled")


class Interactions:
    """Every interaction by its id."""

    def __init__(self, *, slowness: int, store: Callable[[bytes], str]) -> None:
        self.slowness = slowness
        self._store = store
        """Keeps a file and says where it lies."""
        self.all: dict[str, dict[str, Any]] = {}
        self._looks: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[str, tuple[dict[str, Any], Model]] = {}

    def create(self, body: dict[str, Any], model: Model) -> dict[str, Any]:
        """Take one on; one that is not in the background is made at once."""
        if not body.get("input"):
            raise Failure(400, "input: is required")
        if body.get("background") and body.get("store") is False:
            raise Failure(400, "background requires store")
        number = next(self._numbers)
        found = {
            "id": f"v1_double{number}",
            "status": "queued",
            "model": model.id,
            "created": "2026-11-21T10:00:00Z",
            "updated": "2026-11-21T10:00:00Z",
        }
        self.all[found["id"]] = found
        self._looks[found["id"]] = 0
        self._asked[found["id"]] = (body, model)
        if not body.get("background"):
            self._finish(found)
        return found

    def look(self, identifier: str) -> dict[str, Any]:
        """Where one stands now; being looked at is what time is here."""
        found = self._known(identifier)
        if found["status"] not in ENDED:
            self._looks[identifier] += 1
            if self._looks[identifier] > self.slowness:
                self._finish(found)
            elif self._looks[identifier] > 1:
                found["status"] = "in_progress"
        return found

    def cancel(self, identifier: str) -> dict[str, Any]:
        """Stop one that goes on."""
        found = self._known(identifier)
        if found["status"] in ENDED:
            raise Failure(400, "The interaction has ended already")
        found["status"] = "cancelled"
        return found

    def body(self, identifier: str) -> dict[str, Any]:
        """What one was asked for."""
        return self._asked[identifier][0]

    def delete(self, identifier: str) -> None:
        """Forget one."""
        self._known(identifier)
        del self.all[identifier]

    def _known(self, identifier: str) -> dict[str, Any]:
        if identifier not in self.all:
            raise Failure(404, "Interaction not found")
        return self.all[identifier]

    def _finish(self, found: dict[str, Any]) -> None:
        body, model = self._asked[found["id"]]
        words = json.dumps(body["input"])
        if FORBIDDEN in words or "broken" in words:
            code = "safety" if FORBIDDEN in words else "internal"
            why = "held back" if LATE in words else "refused"
            fault = {"code": f"https://ai.google.dev/errors/{code}", "message": f"It was {why}"}
            found |= {"status": "failed", "errors": [fault]}
            return
        content, usage = self._made(body, model)
        found |= {
            "status": "completed",
            "steps": [
                {"type": "user_input", "content": [{"type": "text", "text": "..."}]},
                {"type": "model_output", "content": [content]},
            ],
            "usage": usage,
        }

    def _made(self, body: dict[str, Any], model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
        form = body.get("response_format", {})
        if model.medium == "audio":
            kind = form.get("mime_type", "audio/mp3")
            sound = wav(1) if kind == "audio/wav" else mp3(1)
            content = {"type": "audio", "mime_type": kind, "data": encoded(sound)}
            return content, {"total_input_tokens": 5, "total_output_tokens": 0}
        seconds = seconds_of(form)
        tokens = int(seconds * TOKENS_PER_SECOND)
        content = {"type": "video", "mime_type": "video/mp4"}
        size = sides(form.get("resolution", "720p"), form.get("aspect_ratio", "16:9"))
        clip = film(*size, seconds, sound=True)
        if form.get("delivery") == "uri":
            content["uri"] = self._store(clip)
        else:
            content["data"] = encoded(clip)
        return content, {
            "total_input_tokens": 12,
            "total_output_tokens": tokens,
            "total_thought_tokens": 0,
            "total_tokens": 12 + tokens,
            "output_tokens_by_modality": [{"modality": "video", "tokens": tokens}],
        }


def seconds_of(form: dict[str, Any]) -> float:
    """How long a clip is to be."""
    return float(str(form.get("duration", "8s")).rstrip("s"))


def encoded(data: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(data).decode()


def call(
    interaction: dict[str, Any], *, number: int, timestamp: int
) -> tuple[bytes, dict[str, str]]:
    """The call about an interaction that ended: thin, and signed as Standard Webhooks are."""
    event = {"type": f"interaction.{interaction['status']}", "data": {"id": interaction["id"]}}
    body = json.dumps(event).encode()
    identifier = f"msg_{number}"
    signed = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    return body, {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
