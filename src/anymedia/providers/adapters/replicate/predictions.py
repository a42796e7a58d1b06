"""Predictions: create, ask, cancel, look for a lost one; and Replicate's call when it is over.

https://replicate.com/docs/reference/http (read 2026-11-21)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from anymedia.contracts.errors import InvalidRequest, ProviderError, UnreadableResponse
from anymedia.contracts.job import CancelOutcome, JobState
from anymedia.contracts.media import Medium
from anymedia.providers.adapters.replicate.prediction import (
    PLAIN_ID,
    Prediction,
    identified,
    moment,
    state,
)
from anymedia.providers.described import AnyRequest, Language, merged
from anymedia.providers.spec import Brief, Callback, Job, Lookup, Pace, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get, post
from anymedia.wire.shape import Shape, read

OURS = frozenset({"prefer_wait", "cancel_after"})
"""Options that are not the model's but the prediction's."""
VERSION = re.compile(r"[0-9a-f]{64}")
CLOCKS_DIFFER = timedelta(minutes=2)
MOST_PAGES = 5
GOING_ON = frozenset({"starting", "processing"})


def operation(request_type: type[AnyRequest], language: Language, pace: Pace) -> Job:
    """Work of one medium as predictions."""
    return Job(
        request_type,
        partial(submit, language=language),
        partial(poll, medium=request_type.medium),
        cancel,
        recovery=Lookup(find),
        pace=pace,
        # Longer than an answer may be waited for (`prefer_wait`).
        timeout_seconds=90.0,
        read_callback=partial(read_callback, medium=request_type.medium),
        poll_many=partial(poll_many, medium=request_type.medium),
    )


# --- creating -------------------------------------------------------------------------------


def submit(request: AnyRequest, brief: Brief, language: Language) -> Exchange[Submitted]:
    """Have a model run."""
    spoken = language.spoken(request, brief.model)
    theirs = {name: value for name, value in request.options.items() if name not in OURS}
    path, body = addressed(spoken.endpoint)
    body["input"] = merged(spoken.body, theirs)
    if brief.callback_url:
        body |= {"webhook": brief.callback_url, "webhook_events_filter": ["completed"]}
    asked = headers(request.options)
    response = yield post(path, json=body, headers=asked)
    made = identified(response.read(Prediction))
    return Submitted(
        handle=made.id,
        state=state(made, request.medium, early="Prefer" in asked),
        request_id=made.id,
        warnings=spoken.warnings,
    )


def addressed(name: str) -> tuple[str, dict[str, Any]]:
    """Where a model is run, and what the body says of it beside its input.

    The address of an official model wants no version, that of a deployment neither.
    """
    if VERSION.fullmatch(name) or ":" in name:
        return "/predictions", {"version": name}
    if name.startswith("deployments/") and name.count("/") == 2:
        return f"/{name}/predictions", {}
    if name.count("/") == 1:
        return f"/models/{name}/predictions", {}
    raise InvalidRequest(
        f"`{name}` is no model of Replicate's; it looks like `owner/name`, `owner/name:version`, "
        f"`deployments/owner/name` or a version of 64 digits"
    )


def headers(options: Mapping[str, Any]) -> dict[str, str]:
    """How long to wait for the answer, and until when it may run."""
    found = {}
    wait = options.get("prefer_wait")
    if wait is not None and wait is not False:
        plain = isinstance(wait, int) and not isinstance(wait, bool)
        if plain and not 1 <= wait <= 60:
            raise InvalidRequest(f"`prefer_wait` is {wait}; it can be 1 to 60 seconds")
        found["Prefer"] = f"wait={wait}" if plain else "wait"
    if (deadline := options.get("cancel_after")) is not None:
        found["Cancel-After"] = str(deadline)
    return found


# --- asking ---------------------------------------------------------------------------------


def poll(handle: str, medium: Medium) -> Exchange[JobState]:
    """Where it stands."""
    response = yield get(f"/predictions/{known(handle)}")
    return state(response.read(Prediction), medium)


def known(handle: str) -> str:
    """A handle as an id; a person may have copied the page's or the API's address."""
    identifier = urlsplit(handle).path.rpartition("/")[2] if "://" in handle else handle
    if not PLAIN_ID.fullmatch(identifier):
        raise UnreadableResponse("this handle is no id of a prediction")
    return identifier


def poll_many(handles: Sequence[str], medium: Medium) -> Exchange[Mapping[str, JobState]]:
    """Which of many still go on, from the newest hundred; who has ended is asked about apart.

    The list need not tell what was made.
    """
    wanted = set(handles)
    page = (yield get("/predictions")).read(Page)
    return {
        one.id: state(one, medium)
        for one in page.results
        if one is not None and one.id in wanted and one.status in GOING_ON
    }


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop it; what has run is charged."""
    response = yield post(f"/predictions/{known(handle)}/cancel")
    match response.read(Prediction).status:
        case "canceled" | "aborted":
            return "confirmed"
        case "succeeded" | "failed":
            return "impossible"
        case _:
            return "requested"


# --- finding --------------------------------------------------------------------------------


class Page(Shape):
    """A piece of the list, newest first."""

    results: tuple[Prediction | None, ...] = ()
    next: str | None = None


def find(brief: Brief, sent_at: datetime) -> Exchange[Submitted | None]:
    """Look for a prediction whose creation was not answered.

    There is no place for a label, but the callback address is our own and used once. Where the
    list does not show it, an empty list still proves that nothing was accepted; anything else in
    it may be ours, and nobody guesses.
    """
    since = sent_at - CLOCKS_DIFFER
    request = get("/predictions", query={"created_after": since.isoformat()})
    doubtful = 0
    for _ in range(MOST_PAGES):
        response = yield request
        page = response.read(Page)
        for one in page.results:
            if one is None or one.source == "web" or before(one.created_at, since):
                continue
            if brief.callback_url and one.webhook == brief.callback_url:
                return Submitted(handle=identified(one).id, request_id=one.id)
            # Made with another address to call: somebody else's.
            doubtful += not (brief.callback_url and one.webhook)
        if not page.next:
            break
        request = get("/predictions", query=dict(parse_qsl(urlsplit(page.next).query)))
    else:
        doubtful += 1
    if doubtful:
        raise ProviderError(
            f"Replicate lists {doubtful} predictions of that time, and does not say which request "
            f"they belong to; compare them at replicate.com/predictions",
            accepted="unknown",
        )
    return None


def before(created_at: str | None, since: datetime) -> bool:
    """Whether it was surely made earlier."""
    made = moment(created_at)
    return made is not None and made < since


def read_callback(body: bytes, _: Headers, medium: Medium) -> Callback:
    """Replicate posts the whole prediction."""
    made = identified(read(body, Prediction))
    try:
        return Callback(handle=made.id, state=state(made, medium))
    except UnreadableResponse:  # it names its prediction all the same
        return Callback(handle=made.id)
