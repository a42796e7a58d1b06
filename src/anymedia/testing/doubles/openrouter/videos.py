"""Video jobs: pending when first asked for, in progress then, and over from the third time on.

`forbidden` in a prompt is flagged on the way in, `forbidden-late` at the end; `broken`, `stopped`
and `expired` end a job as failed, cancelled and expired. What failed is not charged in the end.
Besides the address that wants the key there is a signed one, which ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from anymedia.testing.doubles.openai.mind import FORBIDDEN
from anymedia.testing.doubles.openrouter.failures import Failure, flagged, invalid
from anymedia.testing.films import film, sides

COST = Decimal("0.25")
SIGNED_SECONDS = 3600
RESOLUTIONS = ("360p", "480p", "720p", "768p", "1080p", "1K", "2K", "4K")
UNDER_WAY = ("pending", "in_progress")
ENDS = {
    "forbidden-late": ("failed", "The output was flagged by the provider's content policy"),
    "broken": ("failed", "The provider could not make the video"),
    "stopped": ("cancelled", None),
    "expired": ("expired", "The job took too long"),
}


@dataclass(slots=True)
class Videos:
    """All jobs of a double."""

    bill: Callable[[str, Decimal], None]
    clock: Callable[[], float]
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def submit(self, body: dict[str, Any]) -> str:
        """A new job's id."""
        prompt = str(body.get("prompt") or "")
        if not prompt and not (body.get("frame_images") or body.get("input_references")):
            raise invalid("prompt is required")
        if FORBIDDEN in prompt and "forbidden-late" not in prompt:
            raise flagged(prompt)
        if body.get("resolution", "720p") not in RESOLUTIONS:
            raise invalid(f"resolution should be one of {', '.join(RESOLUTIONS)}")
        if not isinstance(body.get("duration", 1), int):
            raise invalid("duration should be a whole number of seconds")
        name = f"gen-vid-{len(self.jobs) + 1}"
        self.jobs[name] = {
            "prompt": prompt,
            "polls": 0,
            "token": secrets.token_hex(8),
            "sides": sides(body.get("resolution", "720p"), body.get("aspect_ratio", "16:9")),
            "seconds": body.get("duration", 8),
            "sound": body.get("generate_audio") is not False,
        }
        self.bill(name, COST)
        return name

    def state(self, name: str, address: str) -> dict[str, Any]:
        """Where a job stands; asking makes time pass."""
        job = self.known(name)
        job["polls"] += 1
        told: dict[str, Any] = {"id": name, "generation_id": name, "polling_url": address}
        if job["polls"] <= len(UNDER_WAY):
            return told | {"status": UNDER_WAY[job["polls"] - 1]}
        status, reason = next(
            (end for word, end in ENDS.items() if word in job["prompt"]), ("completed", None)
        )
        first = "ends_at" not in job
        job.setdefault("ends_at", self.clock() + SIGNED_SECONDS)
        if status != "completed":
            if first:
                self.bill(name, -COST)
            return told | {"status": status} | ({"error": reason} if reason else {})
        content = f"{address}/content?index=0"
        return told | {
            "status": status,
            "unsigned_urls": [content],
            "urls": [f"{content}&token={job['token']}"],
            "expires_at": int(job["ends_at"]),
            "usage": {"cost": float(COST), "is_byok": False},
        }

    def clip(self, name: str) -> bytes:
        """What was made."""
        job = self.known(name)
        return film(*job["sides"], job["seconds"], sound=job["sound"])

    def known(self, name: str) -> dict[str, Any]:
        """A job."""
        if name not in self.jobs:
            raise Failure(404, "no such job", error_type="not_found")
        return self.jobs[name]

    def opened(self, name: str, token: str) -> bool:
        """Whether a signed address still leads to the file."""
        job = self.known(name)
        right = secrets.compare_digest(token.encode(), job["token"].encode())
        return right and self.clock() < job.get("ends_at", 0)
