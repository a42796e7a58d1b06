"""From an answer's words to what was asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer
from anymedia.contracts.text import TextAnswer, TextRequest


def words(answer: Answer) -> str:
    """Everything that a text answer generated, to be counted where the provider does not."""
    if not isinstance(answer, TextAnswer):
        return ""
    return answer.text + (answer.reasoning or "")


def parsed_output(request: Request[Any], answer: TextAnswer) -> tuple[Any, tuple[Notice, ...]]:
    """Structured output as Python values; a warning where the model did not keep to JSON."""
    if not isinstance(request, TextRequest) or request.output is None or not answer.text:
        return None, ()
    try:
        return msgspec.json.decode(unfenced(answer.text)), ()
    except (msgspec.DecodeError, RecursionError):
        reason = "it was cut off" if answer.finish.unified == "length" else "it is not JSON"
        notice = Notice(
            code="delivered-differs",
            message=f"structured output was asked for, and {reason}: `parsed` is None",
            option="output",
        )
        return None, (notice,)


def unfenced(text: str) -> str:
    """JSON without the Markdown fence that some models put around it."""
    stripped = text.strip()
    if not stripped.startswith("```"):
        return stripped
    _, _, rest = stripped.partition("\n")
    return rest.rpartition("```")[0] or rest
