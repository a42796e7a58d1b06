"""One prediction of the double and its files: as they are kept, and as the API shows them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anymedia.testing.doubles.replicate.models import PREDICT_SECONDS, Runnable

KEPT_SECONDS = 3600


@dataclass(slots=True)
class Made:
    """One prediction."""

    id: str
    model: Runnable
    input: dict[str, Any]
    webhook: str | None
    created_at: float
    status: str = "starting"
    polls: int = 0
    output: Any = None
    error: str | None = None
    completed_at: float | None = None

    def shown(self, base_url: str, now: float) -> dict[str, Any]:
        """A prediction as every answer and every call has it; what is old is gone from it."""
        removed = self.completed_at is not None and now > self.completed_at + KEPT_SECONDS
        url = f"{base_url}/v1/predictions/{self.id}"
        ran = self.status in {"succeeded", "failed", "canceled"}
        return {
            "id": self.id,
            "model": self.model.name,
            "version": self.model.version or "hidden",
            "input": {} if removed else self.input,
            "logs": "" if self.status == "starting" else " 50%|#####     | 10/20 [00:00<00:00]",
            "output": None if removed else self.output,
            "data_removed": removed,
            "error": self.error,
            "status": self.status,
            "source": "api",
            "created_at": written(self.created_at),
            "started_at": written(self.created_at) if ran else None,
            "completed_at": None if self.completed_at is None else written(self.completed_at),
            "deadline": None,
            "metrics": {"predict_time": PREDICT_SECONDS, "total_time": 2.0} if ran else {},
            "urls": {
                "get": url,
                "cancel": f"{url}/cancel",
                "web": f"https://replicate.com/p/{self.id}",
            },
        }


@dataclass(slots=True)
class Kept:
    """A file, and until when."""

    data: bytes = field(repr=False)
    kind: str
    until: float


def data_uri(kept: Kept) -> str:
    """A file inside an answer."""
    return f"data:{kept.kind};base64,{base64.b64encode(kept.data).decode()}"


def written(moment: float) -> str:
    """A time as Replicate writes it."""
    return (
        datetime.fromtimestamp(moment, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
