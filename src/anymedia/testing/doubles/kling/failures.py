"""Kling's failures: a code, the status that goes with it, and words."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from anymedia.testing.double import Fault

CODES: dict[int, tuple[int, str]] = {
    1000: (401, "Authentication failed"),
    1001: (401, "Authorization is empty"),
    1002: (401, "Authorization is invalid"),
    1003: (401, "Authorization is not yet valid"),
    1004: (401, "Authorization has expired"),
    1100: (429, "Account exception"),
    1101: (429, "Account in arrears"),
    1102: (429, "Resource pack depleted or expired"),
    1103: (403, "No permission for the requested resource"),
    1200: (400, "Invalid request parameters"),
    1201: (400, "Invalid parameters"),
    1202: (404, "The requested method is invalid"),
    1203: (404, "The requested resource does not exist"),
    1300: (400, "Trigger the platform policy"),
    1301: (400, "Trigger the content security policy"),
    1302: (429, "The API request is too fast"),
    1303: (429, "parallel task over resource pack limit"),
    1304: (429, "The IP is not in the whitelist"),
    5000: (500, "Server internal error"),
    5001: (503, "Server temporarily unavailable"),
    5002: (504, "Server internal timeout"),
}


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, code: int, words: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.words = words

    def response(self, request_id: str) -> JSONResponse:
        """As it goes out."""
        return JSONResponse(said(self.code, self.words, request_id), CODES[self.code][0])


def said(code: int, words: str | None, request_id: str) -> dict[str, Any]:
    """The envelope of a failure."""
    return {"code": code, "message": words or CODES[code][1], "request_id": request_id}


def fault(code: int, *, after_accepting: bool = False) -> Fault:
    """A failure to script for the next submission."""
    return Fault(
        method="POST",
        status=CODES[code][0],
        body=json.dumps(said(code, None, "scripted")).encode(),
        after_accepting=after_accepting,
    )
