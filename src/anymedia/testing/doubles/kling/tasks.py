"""A task of the double, and how each contract tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from anymedia.testing.doubles.kling.asked import Asked

UNIT_USD = Decimal("0.14")
"""What a unit of the double's resource pack costs; the vendor's packs differ."""


@dataclass(slots=True)
class Task:
    """A task, and how it stands."""

    id: str
    path: str
    """Where it was made, in the older contract; empty in the newer one."""
    asked: Asked
    created_at: int
    updated_at: int
    status: str = "submitted"
    message: str = ""
    polls: int = 0
    urls: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in {"succeeded", "failed"}


def older(task: Task) -> dict[str, Any]:
    """A task in the older contract's words."""
    said: dict[str, Any] = {
        "task_id": task.id,
        "task_status": "succeed" if task.status == "succeeded" else task.status,
        "task_status_msg": task.message,
        "task_info": {"external_task_id": task.asked.external_id},
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }
    if task.status == "succeeded":
        said["final_unit_deduction"] = f"{task.asked.usd / UNIT_USD:.4f}"
        said["task_result"] = {
            task.asked.kind: [
                {"index": number, "url": url}
                if task.asked.kind == "images"
                else {
                    "id": f"{task.id}-{number}",
                    "url": url,
                    "watermark_url": "",
                    "duration": f"{task.asked.seconds}.1",
                }
                for number, url in enumerate(task.urls)
            ]
        }
    return said


def newer(task: Task) -> dict[str, Any]:
    """A task in the newer contract's words."""
    said: dict[str, Any] = {
        "id": task.id,
        "external_task_id": task.asked.external_id,
        "status": task.status,
        "message": task.message,
        "create_time": task.created_at,
        "update_time": task.updated_at,
    }
    if task.status == "succeeded":
        duration = f"{task.asked.seconds}.1"
        said["outputs"] = [{"type": "video", "url": url, "duration": duration} for url in task.urls]
        amount = f"{task.asked.usd:f}"
        bill = {"charge_type": "cash", "amount": amount, "currency": "USD", "list_price": amount}
        said["billing"] = [bill]
    return said
