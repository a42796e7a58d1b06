"""One picture or sound inside JSON, with how it ended."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import InlineArtifact, sniffed
from anymedia.contracts.notice import Notice
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.stability.failures import TABLE
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.explain import Said
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

JSON = {"Accept": "application/json"}
"""Media inside JSON; otherwise the answer would be the bare file."""
REFUSED = ("CONTENT_FILTERED", "ERROR")
MOST_SEED = 4294967294


class Made(Shape):
    """The answer: one of both, and how it ended."""

    image: str | None = None
    audio: str | None = None
    finish_reason: str | None = None
    seed: int | None = None


def answered(
    response: HttpResponse, usage: Usage, usual_type: str, warnings: list[Notice]
) -> MediaAnswer:
    """What was made. A picture that the filter has blurred is a refusal, though it is a 200."""
    made = response.read(Made)
    word = made.finish_reason or ""
    request_id = response.headers.get("x-request-id")
    if word in REFUSED:
        said = Said(message=f"the result was withheld ({word})", code=word)
        raise TABLE.decide(said, status=200, request_id=request_id)
    inside = made.image or made.audio
    if not inside:
        raise UnreadableResponse("the answer holds neither `image` nor `audio`", accepted="yes")
    data = decoded(inside)
    media_type = sniffed(data)
    about: dict[str, Any] = {} if made.seed is None else {"seed": made.seed}
    return MediaAnswer(
        request_id=request_id,
        artifacts=(
            InlineArtifact(
                data=data,
                media_type=usual_type if media_type == "application/octet-stream" else media_type,
                metadata=about,
            ),
        ),
        usage=usage,
        warnings=tuple(warnings),
        metadata={"finish_reason": word} if word else {},
    )


def seeded(seed: int | None, warnings: list[Notice]) -> dict[str, int]:
    """A seed in the vendor's range, where 0 would mean any."""
    if seed is None:
        return {}
    given = seed if 1 <= seed <= MOST_SEED else seed % MOST_SEED + 1
    if given != seed:
        warnings.append(
            Notice(
                code="option-rounded",
                message=f"`seed` was asked as {seed} and sent as {given}: seeds go from 1 to "
                f"{MOST_SEED}, and 0 means any",
                option="seed",
                asked=str(seed),
                given=str(given),
            )
        )
    return {"seed": given}
