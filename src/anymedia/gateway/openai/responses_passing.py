"""Who is asked for a response, and in which words.

Whoever has this API too is asked in it: items, tools and fields that only it has go along as they
came. Everybody else gets what our request says; what it cannot say is refused by its name, and
what can be done without is left out with a warning.
"""

from __future__ import annotations

from typing import Any

from anymedia.client.aio import AsyncClient
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.text import (
    AssistantMessage,
    AudioPart,
    Message,
    TextRequest,
    UserMessage,
)
from anymedia.engine.candidate import Asker
from anymedia.gateway.openai.responses import Asked
from anymedia.gateway.openai.responses_input import Turn
from anymedia.gateway.openai.responses_parts import address_in
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.strangers import name
from anymedia.gateway.spec import Refused
from anymedia.providers.dialects.openai.responses import DIALECT

SAME_API = {"api": "responses"}
"""What came in the words of responses goes out in the words of responses."""


async def passed_on(
    client: AsyncClient, asked: Asked, reading: Reading, *, asker: Asker
) -> tuple[TextRequest, tuple[Notice, ...]]:
    """The request as it is asked, and what was left behind."""
    request = asked.request
    lost = tuple(dropped(path, "it says nothing that could be passed on") for path in reading.lost)
    needs = [*reading.strangers, *(need for turn in asked.turns for need in turn.needs)]
    hints = [*reading.hints, *(hint for turn in asked.turns for hint in turn.hints)]
    fits = [one for one in await client.estimate(request, asker=asker) if one.fits]
    speakers = [one for one in fits if DIALECT in one.further_dialects]
    if needs and fits and not speakers:
        raise stranger(needs[0], fits)
    if needs or (hints and fits[:1] == speakers[:1] and not has_sound(request)):
        deaf = tuple(name(one) for one in fits if one not in speakers)
        request = request.model_copy(update={"exclude": (*request.exclude, *deaf)})
    elif len(speakers) < len(fits) or has_sound(request):
        return request, (*lost, *(left_behind(hint, fits) for hint in hints))
    request, left = in_own_words(request, asked.turns, reading)
    return request, (*lost, *left)


def in_own_words(
    request: TextRequest, turns: tuple[Turn, ...], reading: Reading
) -> tuple[TextRequest, list[Notice]]:
    """The request for who has this API; and hints beside something that is fetched by us."""
    left: list[Notice] = []
    messages: list[Message] = []
    for turn in turns:
        address = address_in(turn.raw) if turn.needs or turn.hints else None
        if turn.needs and address is not None:
            raise fetched_elsewhere(turn.needs[0], address)
        if turn.hints and address is not None:
            left += [dropped(hint, "media by URL are fetched by us") for hint in turn.hints]
        elif turn.needs or turn.hints:
            messages.append(as_it_came(turn))
            continue
        messages.append(turn.message)
    options: dict[str, Any] = {**SAME_API, **reading.raw(), **request.options}
    return request.model_copy(update={"messages": tuple(messages), "options": options}), left


def as_it_came(turn: Turn) -> AssistantMessage:
    """The items of a turn, whoever spoke; its words stand beside them to be counted."""
    content = turn.message.content
    return AssistantMessage(
        content=content if isinstance(content, str) else None,
        provider_state={DIALECT: {"items": list(turn.raw)}},
    )


def fetched_elsewhere(path: str, address: str) -> Refused:
    """Something that would be fetched by whoever answers, who may stand inside our network."""
    return Refused(
        f"`{path}` cannot be passed on beside something given by URL (`{address.strip('.')}`); "
        f"send that as data",
        param=path,
        word="unsupported_parameter",
    )


def has_sound(request: TextRequest) -> bool:
    """Whether a recording is shown, which this API does not take."""
    return any(
        isinstance(part, AudioPart)
        for message in request.messages
        if isinstance(message, UserMessage)
        for part in message.parts()
    )


def left_behind(hint: str, fits: list[Estimate]) -> Notice:
    """A hint that did not go along."""
    why = f"`{name(fits[0])}` does not know it" if fits else "nobody knows it"
    return dropped(hint, why)


def stranger(path: str, fits: list[Estimate]) -> Refused:
    """Something that nobody who could be asked understands."""
    asked = ", ".join(f"`{name(one)}`" for one in fits[:3])
    return Refused(
        f"`{path}` cannot be passed on: {asked} {'has' if len(fits) == 1 else 'have'} no responses "
        f"API of {'its' if len(fits) == 1 else 'their'} own. Leave it out, or name a model of "
        f"OpenAI's",
        param=path,
        word="unsupported_parameter",
    )
