"""What several of OpenAI's routes do with what they are asked."""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.requests import Request as HttpRequest

from anymedia.contracts.request import MediaRequest, Request
from anymedia.gateway.shared import extension
from anymedia.gateway.shared.body import Form
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.spec import Refused

RequestT = TypeVar("RequestT", bound=Request[Any])
DIALECT = "openai"
MOST_LISTED = 100
USUALLY_LISTED = 20


def keyed(request: HttpRequest, wanted: RequestT) -> RequestT:
    """With the caller's idempotency key: paid work that is asked for again is the same work."""
    key = request.headers.get("idempotency-key")
    if key is None or not isinstance(wanted, MediaRequest):
        return wanted
    if not 1 <= len(key) <= 255:
        raise Refused("`Idempotency-Key` has 1 to 255 characters")
    return wanted.model_copy(update={"idempotency_key": key})


def form_reading(given: Form) -> Reading:
    """A form while it is read."""
    if extension.NAME in given.fields:
        given.fields[extension.NAME] = extension.from_form(given.fields[extension.NAME])
    return Reading(given.fields, lenient=True)


def page_of(request: HttpRequest) -> tuple[int, str | None]:
    """How many are wanted, and after which one."""
    said = request.query_params.get("limit", str(USUALLY_LISTED))
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= MOST_LISTED):
        raise Refused(f"`limit`: expected a number from 1 to {MOST_LISTED}", param="limit")
    order = request.query_params.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise Refused("`order`: expected `asc` or `desc`", param="order")
    return int(said), request.query_params.get("after")
