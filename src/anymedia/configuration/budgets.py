"""Budgets that contradict themselves, each other, or what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from anymedia.configuration.mistakes import meant
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import printable

Found: TypeAlias = tuple[tuple[str, ...], str]
"""Where, and what is expected there."""
MEDIA: tuple[str, ...] = get_args(Medium)
WITHOUT_PRESETS = ("text", "transcription", "embedding")


def contradictions(document: Mapping[str, Any], known: Iterable[str]) -> Iterator[Found]:
    """What is wrong with budgets although each setting by itself is right."""
    budgets = document.get("budgets")
    seen: dict[tuple[str, ...], int] = {}
    for index, budget in enumerate(budgets if isinstance(budgets, list | tuple) else ()):
        if not isinstance(budget, dict):
            continue
        path = ("budgets", str(index))
        for where, why in within(budget, tuple(known)):
            yield (*path, *where), why
        whose = tuple(
            str(budget.get(name, default))
            for name, default in (("scope", ""), ("name", ""), ("period", "month"))
        )
        if seen.setdefault(whose, index) != index:
            yield path, f"budgets.{seen[whose]} is already for this scope, name and period"


def within(budget: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Found]:
    """What is wrong within one."""
    scope, name, reached = budget.get("scope"), budget.get("name"), budget.get("on_reached")
    if reached == "degrade" and not budget.get("degrade_to"):
        yield ("degrade_to",), "is missing: the preset that `on_reached: degrade` goes down to"
    if budget.get("degrade_to") and reached != "degrade":
        yield ("degrade_to",), "needs `on_reached: degrade`"
    if reached == "degrade" and scope == "medium" and name in WITHOUT_PRESETS:
        yield ("on_reached",), f"{name} has no presets; expected `refuse`, `switch` or `warn`"
    if reached == "switch" and scope == "all":
        yield ("on_reached",), "every provider falls under this budget; expected another"
    if isinstance(name, str):
        yield from of_name(scope, name, known)
    yield from of_zone(budget)


def of_name(scope: Any, name: str, known: tuple[str, ...]) -> Iterator[Found]:
    """A name of something there is, in the form of its scope."""
    shown = printable(name)
    if scope == "all":
        yield ("name",), "everything together has no name"
    elif scope == "medium" and name not in MEDIA:
        yield ("name",), f"there is no medium `{shown}`{meant(name, MEDIA, 'known are')}"
    elif scope == "provider" and name not in known:
        yield ("name",), f"there is no provider `{shown}`{meant(name, known, 'known are')}"
    elif scope == "model":
        provider, slash, model = name.partition("/")
        if not (slash and model):
            yield ("name",), "expected `provider/model`"
        elif provider not in known:
            told = meant(provider, known, "known are")
            yield ("name",), f"there is no provider `{printable(provider)}`{told}"


def of_zone(budget: Mapping[str, Any]) -> Iterator[Found]:
    """A time zone that this machine knows."""
    zone = budget.get("time_zone")
    if not isinstance(zone, str) or zone == "UTC":
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zones = available_timezones()
        near = get_close_matches(zone, zones, n=2) or ["Europe/Berlin"]
        told = meant(zone, near, "they are called such as") if zones else ""
        none = "" if zones else " (this machine knows none: `pip install tzdata`)"
        yield ("time_zone",), f"there is no time zone `{printable(zone)}`{told}{none}"
