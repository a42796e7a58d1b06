"""What differs from what was asked, said aloud: the `warnings` of a result."""

from __future__ import annotations

from typing import Literal

from anymedia.contracts.base import Contract


class Notice(Contract):
    """One thing that was rounded, dropped, imitated or is about to change."""

    code: Literal[
        "option-dropped",
        "option-rounded",
        "option-imitated",
        "input-converted",
        "model-retiring",
        "model-replaced",
        "unpriced",
        "stale-price",
        "degraded",
        "budget-exceeded",
        "delivered-differs",
        "delivered-damaged",
        "delivered-blank",
        "delivered-unchecked",
        "not-normalized",
        "may-have-been-billed",
        "provider-note",
    ]
    message: str
    option: str | None = None
    """The request's field it is about."""
    asked: str | None = None
    given: str | None = None


def dropped(option: str, why: str, asked: object = None) -> Notice:
    """An option that this model cannot do; the request went out without it."""
    return Notice(
        code="option-dropped",
        message=f"`{option}` was not sent: {why}",
        option=option,
        asked=None if asked is None else str(asked),
    )


def rounded(option: str, asked: object, given: object, why: str = "") -> Notice:
    """An option that went out as the nearest value this model knows."""
    return Notice(
        code="option-rounded",
        message=f"`{option}` was asked as {asked} and sent as {given}"
        + (f": {why}" if why else ""),
        option=option,
        asked=str(asked),
        given=str(given),
    )


def imitated(option: str, how: str) -> Notice:
    """An option that the model does not know and that was brought about another way."""
    return Notice(code="option-imitated", message=f"`{option}` was imitated: {how}", option=option)
