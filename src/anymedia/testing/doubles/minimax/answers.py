"""How MiniMax's double says yes and no, in either contract's words."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

WELL = {"status_code": 0, "status_msg": "success"}


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def older(code: int, words: str) -> Refused:
    """A failure of an older call: inside a 200."""
    return Refused(JSONResponse({"base_resp": {"status_code": code, "status_msg": words}}))


def newer(status: int, kind: str, words: str) -> Refused:
    """A failure of a newer call: by its status."""
    error = {"type": kind, "message": words, "http_code": str(status)}
    return Refused(
        JSONResponse({"type": "error", "error": error, "request_id": "req-double"}, status)
    )


def wrong(words: str) -> Refused:
    """A newer call that cannot be right."""
    return newer(400, "bad_request_error", words)


def fine(**told: Any) -> Response:
    """An older call that went well."""
    return JSONResponse({**told, "base_resp": WELL})
