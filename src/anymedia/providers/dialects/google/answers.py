"""Being answered: candidates made of parts, and why they ended.

Parts are words, thoughts, calls of tools, media, and the traces of tools that run at Google. If
any is more than words and calls, or is signed, all are kept as `provider_state`, unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.notice import Notice
from anymedia.contracts.text import Finish, FinishReason, TextAnswer, ToolCall
from anymedia.providers.dialects.google.errors import REFUSALS, failure_inside, refused
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.usage import usage
from anymedia.providers.dialects.openai.chat import tool_call
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape, read

FINISHES: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(REFUSALS, "content_filter"),
    **dict.fromkeys(
        (
            *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER"),
            *("MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "LANGUAGE", "NO_IMAGE"),
            "IMAGE_OTHER",
        ),
        "error",
    ),
}
STOPPED = "The provider's safety system stopped this answer."
UNSAID = "BLOCK_REASON_UNSPECIFIED"


class Content(Shape, rename="camel"):
    """What the model says."""

    parts: tuple[dict[str, Any] | None, ...] | None = None
    role: str | None = None


class Candidate(Shape, rename="camel"):
    """One answer; in a stream, a piece of one."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: Any = None
    citation_metadata: Any = None
    safety_ratings: Any = None


class Feedback(Shape, rename="camel"):
    """What is said about a prompt."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Generated(Shape, rename="camel"):
    """The answer of `generateContent`, and each event of its stream."""

    candidates: tuple[Candidate | None, ...] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Any = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None

    def candidate(self) -> Candidate | None:
        """The first answer; we never ask for several."""
        return next((one for one in self.candidates or () if one is not None), None)


def generated(body: bytes | str) -> Generated:
    """An answer or an event, without its failures: those are raised."""
    found = read(body, Generated)
    if found.error:
        raise failure_inside({"error": found.error}, found.response_id)
    return found


def first(response: HttpResponse) -> tuple[Generated, Candidate]:
    """An answer and its candidate. A prompt that was blocked has none."""
    answer = generated(response.content)
    candidate = answer.candidate()
    if candidate is None:
        raise absent(answer.prompt_feedback, answer.response_id)
    return answer, candidate


def absent(feedback: Feedback | None, request_id: str | None) -> Exception:
    """Why there is no answer at all."""
    if feedback is not None and feedback.block_reason:
        return refused(blocked(feedback.block_reason), feedback.block_reason_message, request_id)
    return UnreadableResponse(
        "the answer has no `candidates`", accepted="unknown", request_id=request_id
    )


def blocked(reason: str) -> str:
    """A prompt's reason among the refusals: every one of them is one."""
    return reason if reason in REFUSALS else "SAFETY"


def answer(
    response: HttpResponse, surface: Surface, notices: tuple[Notice, ...] = ()
) -> TextAnswer:
    """What the model said. Raises what a 200 says went wrong."""
    whole, candidate = first(response)
    return gathered(whole, candidate, parts_of(candidate), surface, notices)


def parts_of(candidate: Candidate) -> list[dict[str, Any]]:
    """The parts that are there."""
    content = candidate.content
    return [part for part in (content.parts or () if content else ()) if part]


def gathered(
    whole: Generated,
    candidate: Candidate,
    parts: Sequence[dict[str, Any]],
    surface: Surface,
    notices: tuple[Notice, ...] = (),
) -> TextAnswer:
    """An answer out of its parts; a stream makes the same of what it has put together."""
    calls = called(parts)
    finish = finished(candidate.finish_reason, called=bool(calls))
    filtered = finish.unified == "content_filter"
    return TextAnswer(
        model=whole.model_version,
        request_id=whole.response_id,
        text=words(parts, thought=False),
        reasoning=words(parts, thought=True) or None,
        refusal=(candidate.finish_message or STOPPED) if filtered else None,
        tool_calls=calls,
        finish=finish,
        usage=usage(whole.usage_metadata),
        warnings=notices,
        metadata=kept(candidate),
        provider_state=state(parts, surface),
    )


def words(parts: Iterable[dict[str, Any]], *, thought: bool) -> str:
    """What is said, or what is thought."""
    return "".join(
        part["text"]
        for part in parts
        if isinstance(part.get("text"), str) and (part.get("thought") is True) == thought
    )


def called(parts: Iterable[dict[str, Any]]) -> tuple[ToolCall, ...]:
    """The tools that the caller is asked to run; a call without a name asks for nothing."""
    asked = [call for part in parts if (call := call_in(part)) is not None]
    return tuple(
        tool_call(identity(call, place), place, call["name"], call.get("args"))
        for place, call in enumerate(asked)
    )


def identity(call: dict[str, Any], place: int) -> str:
    """A call's id; our own where the model gave none, as it may."""
    given = call.get("id")
    return given if isinstance(given, str) and given else f"call_{place}"


def call_in(part: dict[str, Any]) -> dict[str, Any] | None:
    """The call that a part is."""
    call = part.get("functionCall")
    named = isinstance(call, dict) and isinstance(call.get("name"), str) and call["name"]
    return call if named else None


def finished(raw: str | None, *, called: bool) -> Finish:
    """Why the model stopped. An unknown word means no more than that it did."""
    unified = FINISHES.get(raw or "", "stop")
    return Finish(unified="tool_calls" if called and unified == "stop" else unified, raw=raw)


def kept(candidate: Candidate) -> dict[str, Any]:
    """The provider's further words worth keeping."""
    facts = {
        "finish_message": candidate.finish_message,
        "grounding": candidate.grounding_metadata,
        "citations": candidate.citation_metadata,
        "safety_ratings": candidate.safety_ratings,
    }
    return {name: value for name, value in facts.items() if value}


def state(parts: Sequence[dict[str, Any]], surface: Surface) -> dict[str, Any]:
    """What has to come back in the next turn."""
    if all(plain(part) for part in parts):
        return {}
    return {surface.name: {"parts": list(parts)}}


def plain(part: dict[str, Any]) -> bool:
    """Whether a part can be written anew from text and calls without loss."""
    call = part.get("functionCall")
    return part.keys() <= {"text"} or (
        part.keys() == {"functionCall"} and isinstance(call, dict) and not call.get("id")
    )
