"""How much a model thinks before it answers, in the form that the model takes it.

A model's sheet says in `settings` which form that is:

    thinking  level:  a word (from Gemini 3 on)
              budget: a number of tokens (Gemini 2.5)
              never:  it does not think
    levels    the words it knows, lowest first
    least     the smallest budget; 0 where thinking can be switched off

Whoever asks for an effort is also shown a summary of the thoughts.
"""

from __future__ import annotations

from typing import Any

from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice, dropped, imitated, rounded

ORDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
LEVELS = ("low", "high")
"""What every model with levels knows."""
BUDGETS = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 24_576,
}


def thinking(effort: str | None, model: Model | None) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """The configuration for an effort, and what is said to the caller."""
    if effort is None:
        return {}, ()
    settings = model.settings if model else {}
    match settings.get("thinking", "level"):
        case "never" if effort == "none":
            return {}, ()
        case "never":
            return {}, (dropped("reasoning_effort", "this model does not think", asked=effort),)
        case "budget":
            return budgeted(effort, int(settings.get("least", 0)))
        case _:
            return levelled(effort, tuple(settings.get("levels") or LEVELS))


def levelled(effort: str, known: tuple[str, ...]) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """The highest known level that is not above the asked one, else the lowest."""
    below = [one for one in known if ORDER.index(one) <= ORDER.index(effort)]
    given = below[-1] if below else known[0]
    fields = {"thinkingLevel": given.upper(), "includeThoughts": effort != "none"}
    if given == effort:
        return fields, ()
    why = "this model always thinks" if effort == "none" else "this model does not know it"
    return fields, (rounded("reasoning_effort", effort, given, why),)


def budgeted(effort: str, least: int) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """A number of tokens, no smaller than the model takes."""
    tokens = max(BUDGETS[effort], least)
    fields = {"thinkingBudget": tokens, "includeThoughts": effort != "none"}
    if effort == "none" and tokens == 0:
        return fields, ()
    return fields, (imitated("reasoning_effort", f"by a budget of {tokens} tokens for thinking"),)
