"""A kept answer: what it says, what it cost, when it was made, and how it lies in a shared tier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeVar, cast

import msgspec
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from anymedia.cache.key import LAYOUT
from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.cost import Cost
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest, TextResult
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest

ResultT = TypeVar("ResultT", bound=Result)

RESULTS: Mapping[str, type[Result]] = MappingProxyType(
    {
        one.medium: one.result_type
        for one in (
            TextRequest,
            ImageRequest,
            VideoRequest,
            AudioRequest,
            SpeechRequest,
            TranscriptionRequest,
            EmbeddingRequest,
        )
    }
)
MEDIA: Mapping[type[Result], str] = MappingProxyType({one: name for name, one in RESULTS.items()})
FAILED = frozenset({"error", "content_filter"})
"""Ends of a text that are no answers, though the provider did not call them errors."""
ENTRY_BYTES = 1024
"""What an entry takes in memory besides its body: measured 900 to 1000."""


class Kept(msgspec.Struct, frozen=True):
    """An answer that may be given again."""

    medium: str
    names: tuple[str, ...]
    """Who answered, as `provider/model`: by the name that was asked for and, where the provider
    names a version, by that too."""
    cost: Decimal | None
    """US dollars that it cost when it was made; `None` when nobody knows."""
    made_at: datetime
    body: bytes
    """The result as JSON, without what belonged to the request and not to the answer."""

    @staticmethod
    def of(result: Result, *, made_at: datetime) -> Kept | None:
        """What to keep of a result; `None` when it must not be given again."""
        if isinstance(result, TextResult) and result.finish.unified in FAILED:
            return None
        medium = MEDIA.get(type(result))
        if medium is None or result.cached_at is not None:
            return None
        again = result.model_copy(
            update={
                "cost": free(result.cost),
                "attempts": (),
                "metadata": {},
                "elapsed_seconds": None,
                "cached_at": made_at,
                # An earlier attempt may have been billed when this was made, not when it is found.
                "warnings": tuple(w for w in result.warnings if w.code != "may-have-been-billed"),
            }
        )
        try:
            body = again.model_dump_json().encode()
        except (PydanticSerializationError, UnicodeError, RecursionError, ValueError):
            return None
        return Kept(medium, names(result), result.cost.amount, made_at, body)

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return len(self.body) + ENTRY_BYTES

    def result(self, request: Request[ResultT]) -> ResultT:
        """The answer, for this request: it costs nothing and says when it was made."""
        result = cast("ResultT", self.decoded())
        if request.metadata:
            return result.model_copy(update={"metadata": request.metadata})
        return result

    def decoded(self) -> Result:
        """The answer as it was kept. A fresh copy each time: nobody can change another's."""
        return RESULTS[self.medium].model_validate_json(self.body)


def free(cost: Cost) -> Cost:
    """What giving an answer again costs."""
    made = f"{cost.amount} USD" if cost.amount is not None else "an amount that is not known"
    explanation = f"answered from the cache; making the answer cost {made}"
    return Cost(amount=Decimal(0), basis="computed", explanation=explanation)


def names(result: Result) -> tuple[str, ...]:
    """By what names an answer's maker is known."""
    asked = [one.model for one in result.attempts if one.state == "succeeded"]
    return tuple(dict.fromkeys(f"{result.provider}/{model}" for model in (result.model, *asked)))


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A kept answer as it lies in a shared tier."""

    layout: int
    digest: str
    """Its key again, so that no mistake can hand out another's."""
    owner: str
    epoch: str
    order: int
    """The last order of invalidation that was known when it was asked for."""
    expires_at: float
    medium: str
    names: tuple[str, ...]
    cost: str | None
    made_at: float
    body: bytes

    def kept(self) -> Kept:
        """What is inside. Raises `ValueError` where that is not an answer of this version."""
        if self.medium not in RESULTS:
            raise ValueError("another version's medium")
        cost = None if self.cost is None else Decimal(self.cost)
        if cost is not None and not (cost.is_finite() and cost >= 0):
            raise ValueError("no amount of money")
        made_at = datetime.fromtimestamp(self.made_at, UTC)
        kept = Kept(self.medium, self.names, cost, made_at, self.body)
        kept.decoded()
        return kept


def sealed(kept: Kept, **facts: Any) -> bytes:
    """An answer and what has to be known about it, as bytes."""
    return msgspec.msgpack.encode(
        Envelope(
            layout=LAYOUT,
            medium=kept.medium,
            names=kept.names,
            cost=None if kept.cost is None else str(kept.cost),
            made_at=kept.made_at.timestamp(),
            body=kept.body,
            **facts,
        )
    )


def opened(data: bytes, digest: str) -> tuple[Envelope, Kept] | None:
    """What lies under a key; `None` when it is garbage, another version's or another key's."""
    try:
        envelope = msgspec.msgpack.decode(data, type=Envelope)
        if envelope.layout != LAYOUT or envelope.digest != digest:
            return None
        return envelope, envelope.kept()
    except (
        msgspec.DecodeError,
        ValidationError,
        InvalidOperation,
        ValueError,
        OverflowError,
        OSError,
        RecursionError,
    ):
        return None
