"""How much a model thinks before it answers, in the form that the model takes it.

There are three forms, and a model refuses those that are not its own (a 400 each), so its sheet
says which it is, in `settings`:

    thinking             adaptive: it decides itself, guided by an effort; may be switched off
                         always:   the same, and it cannot be switched off
                         budget:   a number of tokens; off unless asked for
                         never:    it does not think
    thinking_by_default  whether an adaptive one thinks when nothing is said
    efforts              the efforts it knows, lowest first; all unless said

A model that thinks cannot be made to call a tool: `tool_choice` wins, and thinking is switched
off where it can be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice, dropped, imitated, rounded
from anymedia.contracts.text import NamedTool, TextRequest
from anymedia.providers.dialects.anthropic.quirks import Quirks

EFFORTS = ("low", "medium", "high", "xhigh", "max")
ORDER = ("none", "minimal", *EFFORTS)
BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_768,
}
LEAST_BUDGET = 1024


@dataclass(frozen=True, slots=True)
class Thinking:
    """What of it goes into the body, and what is said to the caller."""

    fields: dict[str, Any] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    on: bool = False
    """Whether the model may think before it answers."""


def thinking(
    request: TextRequest, model: Model | None, quirks: Quirks, max_tokens: int
) -> Thinking:
    """How this request is thought about."""
    settings = model.settings if model else {}
    form = settings.get("thinking") or quirks.thinking
    usual = form == "always" or bool(settings.get("thinking_by_default"))
    effort = request.reasoning_effort
    forced = bool(request.tools) and (
        request.tool_choice == "required" or isinstance(request.tool_choice, NamedTool)
    )
    match form:
        case "never":
            notices = () if effort in {None, "none"} else (unable(effort),)
            return Thinking(notices=notices)
        case "budget":
            return budgeted(effort, max_tokens, forced=forced)
        case _ if effort is None:
            silent = forced and usual and form != "always"
            return Thinking({"thinking": OFF} if silent else {}, on=usual and not silent)
        case _:
            return adaptive(effort, efforts_of(settings), always=form == "always", forced=forced)


OFF = {"type": "disabled"}


def efforts_of(settings: dict[str, Any]) -> tuple[str, ...]:
    """The efforts that a model knows."""
    known = settings.get("efforts")
    return tuple(known) if isinstance(known, list | tuple) and known else EFFORTS


def adaptive(effort: str, known: tuple[str, ...], *, always: bool, forced: bool) -> Thinking:
    """An effort, for a model that decides itself how long it thinks."""
    if effort == "none" and not always:
        return Thinking({"thinking": OFF})
    given = nearest(effort, known)
    fields: dict[str, Any] = {"output_config": {"effort": given}}
    notices: tuple[Notice, ...] = ()
    if given != effort:
        why = "this model always thinks" if effort == "none" else "this model does not know it"
        notices = (rounded("reasoning_effort", effort, given, why),)
    if always:
        return Thinking(fields, notices, on=True)
    if forced:
        return Thinking({**fields, "thinking": OFF}, (*notices, off_for_tool(effort)))
    return Thinking({**fields, "thinking": {"type": "adaptive"}}, notices, on=True)


def nearest(effort: str, known: tuple[str, ...]) -> str:
    """The highest effort that is known and not above the asked one, else the lowest."""
    place = ORDER.index(effort)
    below = [one for one in known if one in ORDER and ORDER.index(one) <= place]
    return below[-1] if below else known[0]


def budgeted(effort: str | None, max_tokens: int, *, forced: bool) -> Thinking:
    """A number of tokens, which are a part of `max_tokens`; a quarter is left for the answer."""
    if effort is None or effort == "none":
        return Thinking()
    if forced:
        return Thinking(notices=(off_for_tool(effort),))
    if max_tokens <= LEAST_BUDGET:
        why = f"thinking takes more than {LEAST_BUDGET} tokens, and {max_tokens} are allowed"
        return Thinking(notices=(dropped("reasoning_effort", why, asked=effort),))
    most = max(LEAST_BUDGET, max_tokens * 3 // 4)
    tokens = min(BUDGETS.get(effort, BUDGETS["medium"]), most)
    notice = imitated("reasoning_effort", f"by a budget of {tokens} tokens for thinking")
    return Thinking({"thinking": {"type": "enabled", "budget_tokens": tokens}}, (notice,), on=True)


def off_for_tool(effort: str) -> Notice:
    """The model has to call a tool, so it does not think."""
    return dropped("reasoning_effort", "a model that must call a tool cannot think", asked=effort)


def unable(effort: str | None) -> Notice:
    """The model does not think at all."""
    return dropped("reasoning_effort", "this model does not think", asked=effort)
