"""How many tokens a question has, before it is asked.

Who would be asked first is asked that too, where it can say so. Elsewhere there is only the length
that estimates of costs go by, which is meant to be too high rather than too low. Of pictures and
the like nobody else can say how many tokens they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.text import AssistantMessage, TextPart, TextRequest, ToolCall, UserMessage
from anymedia.engine.candidate import Asker
from anymedia.engine.estimating import counted
from anymedia.providers.spec import Brief, Call

if TYPE_CHECKING:
    from anymedia.engine.engine import Engine

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of a question."""

    tokens: int
    name: str
    """Provider and model that it is for."""
    exact: bool
    """Whether the provider has counted them."""


async def count_tokens(engine: Engine, request: TextRequest, asker: Asker) -> TokenCount:
    """For whoever would be asked first."""
    found, _ = engine.router.chosen(request, engine.clock.now().date(), asker=asker)
    first = found[0]
    call = first.connection.provider.operation("text", Call)
    if not isinstance(call, Call) or call.count is None:
        return TokenCount(guessed(request, first.name), first.name, exact=False)
    wanted, _ = await engine.inputs.prepared(first.request, first.connection)
    tokens = await first.connection.converse(
        call.count(wanted, Brief(model=first.model)), timeout_seconds=TIMEOUT_SECONDS
    )
    return TokenCount(tokens, first.name, exact=True)


def guessed(request: TextRequest, name: str) -> int:
    """By the length of words and tools. `InvalidRequest` where there is anything else."""
    words: list[str] = []
    for message in request.messages:
        match message:
            case UserMessage():
                for part in message.parts():
                    if not isinstance(part, TextPart):
                        raise InvalidRequest(
                            f"how many tokens a part of the kind `{part.type}` is, `{name}` does "
                            f"not say beforehand; count without it, or name a model that does"
                        )
                    words.append(part.text)
            case AssistantMessage():
                words += [message.content or "", *map(called, message.tool_calls)]
            case _:
                words.append(message.content)
    tools = [msgspec.json.encode(one.model_dump(mode="json")).decode() for one in request.tools]
    return sum(map(counted, (*words, *tools)))


def called(call: ToolCall) -> str:
    """A tool call as a model sees it."""
    return call.name + msgspec.json.encode(call.arguments).decode()
