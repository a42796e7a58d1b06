"""Where requests for a medium go, from the configuration: one list of providers after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anymedia.contracts.configuration import Settings
from anymedia.contracts.media import Medium
from anymedia.contracts.route import RoutePolicy, RouteSettings, Strategy


@dataclass(frozen=True, slots=True)
class Leg:
    """Providers that stand in for each other, and how the next of them is chosen."""

    name: str
    strategy: Strategy
    providers: tuple[str, ...]
    max_attempts: int | None = None
    """How many of them one request may be sent to."""


NAMED = Leg("", "priority", ())
"""Where the request itself says who is asked."""


def route_of(settings: Settings, medium: Medium) -> RouteSettings | None:
    """The route that is about a medium, if there is one."""
    return next((route for route in settings.routes if route.media == medium), None)


def policy_of(settings: Settings, medium: Medium) -> RoutePolicy:
    """What happens to requests for a medium when a provider fails or is full."""
    return route_of(settings, medium) or settings.failover


def legs_of(
    settings: Settings,
    medium: Medium,
    everyone: Sequence[str],
    enabled: Callable[[str], bool],
) -> tuple[Leg, ...]:
    """The legs of a medium's route; without a route, everyone who is configured."""
    route = route_of(settings, medium)
    if route is None:
        return (Leg("", settings.failover.strategy, tuple(everyone)),)
    legs = [
        Leg(group.name, group.strategy, group.providers, group.max_attempts)
        for group in route.groups
    ] or [Leg("", route.strategy, route.providers)]
    if route.last_resort is not None:
        legs.append(Leg("last resort", "priority", (route.last_resort,)))
    return tuple(
        Leg(leg.name, leg.strategy, tuple(filter(enabled, leg.providers)), leg.max_attempts)
        for leg in legs
    )
