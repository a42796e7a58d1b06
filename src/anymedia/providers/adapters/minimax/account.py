"""The account and its files."""

from __future__ import annotations

from decimal import Decimal

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.providers.adapters.minimax.failures import Base, well
from anymedia.providers.inputs import file_part
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import form_field, get, post
from anymedia.wire.shape import Shape

NOT_THIS_KEY = frozenset({400, 401, 403, 404})
PURPOSE = "video_generation"


class Balance(Shape):
    """What is left; amounts are written as text."""

    available_amount: Decimal | None = None
    base_resp: Base | None = None


class Plan(Shape):
    """What is left of a plan."""

    model_remains: list[object] | None = None
    base_resp: Base | None = None


class File(Shape):
    """One that was put there."""

    file_id: str | int | None = None


class Uploaded(Shape):
    """The answer to an upload."""

    file: File | None = None
    base_resp: Base | None = None


def check() -> Exchange[Account]:
    """The balance; keys of a plan have none, and are told what is left of the plan."""
    response = yield get("/account/query_balance", allow=NOT_THIS_KEY)
    if response.status < 400:
        told = response.read(Balance)
        if told.base_resp is None or not told.base_resp.status_code:
            left = told.available_amount
            return Account(balance=left if left is not None and left.is_finite() else None)
    response = yield get("/v1/token_plan/remains")
    plan = response.read(Plan)
    well(plan.base_resp, response)
    return Account(details={"model_remains": plan.model_remains or []})


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Put a file there. Costs nothing."""
    parts = (form_field("purpose", PURPOSE), file_part("file", media))
    response = yield post("/v1/files/upload", parts=parts)
    told = response.read(Uploaded)
    well(told.base_resp, response)
    if told.file is None or not told.file.file_id:
        raise UnreadableResponse("MiniMax took a file and did not name it")
    return MediaUrl(url=f"mm_file://{told.file.file_id}", media_type=media.media_type)
