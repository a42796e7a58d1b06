"""The account's balance, and slots for files that are too large to go inside a request."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from anymedia.contracts.media import MediaBytes, MediaUrl, extension
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import FormPart, get, post
from anymedia.wire.shape import Shape


class Organization(Shape):
    """What is left, in credits."""

    creditBalance: Decimal | None = None  # noqa: N815  the vendor's word


class Slot(Shape):
    """Where a file goes once, and what it is called afterwards."""

    uploadUrl: str  # noqa: N815  the vendor's word
    runwayUri: str  # noqa: N815  the vendor's word
    fields: Mapping[str, str] | None = None


def check() -> Exchange[Account]:
    """The balance; free."""
    response = yield get("/v1/organization")
    return Account(balance=response.read(Organization).creditBalance, unit="credits")


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Ask for a slot and fill it; the address itself is the permission. Costs nothing."""
    filename = media.filename or f"input.{extension(media.media_type)}"
    body = {"filename": filename[-255:], "type": "ephemeral"}
    slot = (yield post("/v1/uploads", json=body)).read(Slot)
    fields = [
        FormPart(name=name, content=value.encode()) for name, value in (slot.fields or {}).items()
    ]
    file = FormPart(name="file", content=media.data, filename=filename, media_type=media.media_type)
    yield post(slot.uploadUrl, parts=(*fields, file), authorize=False)
    return MediaUrl(url=slot.runwayUri, media_type=media.media_type)
