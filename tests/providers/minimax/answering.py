"""Answers of MiniMax's as tests write them, and how its exchanges are driven."""

from __future__ import annotations

import json
from typing import Any

from anymedia.contracts.media import Medium
from anymedia.providers.adapters.minimax import MINIMAX
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import HttpRequest, HttpResponse

WELL = {"status_code": 0, "status_msg": "success"}
LIMITED = {"retry-after": "7"}


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    named = {"content-type": "application/json", "trace-id": "trace-1", **headers}
    return HttpResponse(status, json.dumps(body).encode(), named)


def older(code: int, words: str = "no", **more: Any) -> HttpResponse:
    """A failure of an older call, which comes inside a 200."""
    return answer({**more, "base_resp": {"status_code": code, "status_msg": words}})


def newer(status: int, words: str = "no", kind: str = "bad_request_error") -> HttpResponse:
    """A failure of a newer call; its exchange is named in the body alone."""
    error = {"type": kind, "message": words, "http_code": str(status)}
    body = {"type": "error", "error": error, "request_id": "req-9"}
    return HttpResponse(status, json.dumps(body).encode(), LIMITED if status == 429 else {})


def brief(model: str, medium: Medium = "video") -> Brief:
    """What the engine would say, with the model's sheet."""
    sheets = (one for one in catalogued("minimax") if (one.id, one.medium) == (model, medium))
    return Brief(model=next(sheets), marker="att_1")


def driven(exchange: Exchange[Any], *responses: HttpResponse) -> tuple[list[HttpRequest], Any]:
    """What an exchange sent, and what it returned."""
    return replay(exchange, *responses, explain=MINIMAX.explain)
