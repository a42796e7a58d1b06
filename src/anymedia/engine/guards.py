"""What stands before a provider, and what is learnt from every attempt at it.

An attempt passes, outermost first: the circuit of its provider, credential and medium (has it
failed too often of late?), then every limit it falls under (is there room?). On its way back it
tells all of them, the health of its provider and the strategies how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from secrets import token_hex
from typing import Any

from anymedia.budgets.budget import Budgets
from anymedia.choosing import Chooser
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    CircuitOpen,
    LimitReached,
    RateLimited,
)
from anymedia.contracts.limit import Limits
from anymedia.contracts.media import Medium
from anymedia.contracts.request import Request
from anymedia.contracts.resilience import Alert, AlertSettings, CircuitState
from anymedia.contracts.route import RoutePolicy
from anymedia.engine.candidate import Asker, Candidate
from anymedia.engine.connection import Connection
from anymedia.engine.course import Try
from anymedia.engine.gossip import Gossip, Learnt, Seen
from anymedia.engine.notes import Notebook
from anymedia.engine.pricing import Reckoned
from anymedia.engine.quotas import Quotas, own_key
from anymedia.engine.routing import affinity_of
from anymedia.limits.claim import Claim, Full, Limiter
from anymedia.limits.learned import Learned, read_limits
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.queue import WaitingRoom
from anymedia.limits.redis import RedisLimiter
from anymedia.resilience.alerting import Told
from anymedia.resilience.circuit import Admission, Breakers, CircuitKey, Refused
from anymedia.resilience.counting import Verdict, verdict
from anymedia.resilience.health import Health
from anymedia.resilience.retry_budget import SpareTries
from anymedia.resilience.shared import Sharing
from anymedia.state.redis import RedisLink
from anymedia.wire.http import HttpResponse

OF_CALLERS = ("caller:", "all:")
"""Keys of limits that no provider is to blame for."""
LEASE_MARGIN_SECONDS = 60.0
"""A slot is held this much longer than the request may take, should nobody give it back."""


class Guards:
    """Circuits, limits, retry budget and health of all providers."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        chooser: Chooser,
        report: Callable[[str], None],
        link: RedisLink | None,
    ) -> None:
        self.chooser = chooser
        self.report = report
        self.quotas = Quotas(settings)
        self.breakers = Breakers(
            settings.circuit_breaker, clock=clock, listeners=(self._transition,)
        )
        self.spare = SpareTries(settings.retry_budget, clock)
        self.health = Health(settings.health, clock, tell=self._alert)
        self.health_told: Told | None = None
        own = MemoryLimiter(clock)
        self.limiter: Limiter = own
        self.sharing: Sharing | None = None
        self.gossip: Gossip | None = None
        if link is not None:
            self.limiter = RedisLimiter(link, own, report=report)
            identity = token_hex(8)
            self.sharing = Sharing(self.breakers, link, clock=clock, identity=identity)
            self.gossip = Gossip(
                link, chooser=chooser, health=self.health, clock=clock, identity=identity
            )
        self.notebook = Notebook(self)
        for learner in (self.breakers, self.health, self.spare, chooser, self.gossip):
            if learner is not None:
                learner.expect(self.notebook.take_in)
        self.room = WaitingRoom(self.limiter, clock)
        self.budgets: Budgets | None = None
        """For what is answered at once; whoever opens the database sets it."""
        self._clock = clock

    def _transition(
        self, key: CircuitKey, before: CircuitState, after: CircuitState, why: str
    ) -> None:
        if after == "half_open":
            return
        what = "is left alone" if after == "open" else "is asked again as usual"
        who = f"{key.provider} ({key.credential})" if key.credential else key.provider
        self.report(f"`{who}` {what} for {key.operation}: {why}")

    def _alert(self, alert: Alert, settings: AlertSettings) -> None:
        if self.health_told is not None:
            self.health_told(alert, settings)

    def configure(self, settings: Settings) -> None:
        """Other settings; what was counted and learnt stays."""
        self.quotas = Quotas(settings, self.quotas.of_keys)
        self.breakers.change(settings.circuit_breaker)
        self.spare.change(settings.retry_budget)
        self.health.change(settings.health)

    def hold_keys_to(self, settings: Settings, limits: Mapping[str, Limits]) -> None:
        """What single keys may ask for, on top of what the settings say."""
        self.quotas = Quotas(settings, limits)

    # --- circuits -------------------------------------------------------------------------

    def left_alone(self, candidate: Candidate) -> CircuitOpen | None:
        """Why a candidate should not be asked at the moment."""
        key = circuit_of(candidate)
        if self.breakers.state(key) != "open":
            return None
        return open_circuit(candidate.connection, self.breakers.retry_after(key))

    def soonest(self, candidates: Iterable[Candidate]) -> Candidate | None:
        """Of those left alone, the one whose time is up first."""
        by_key = {circuit_of(one): one for one in candidates}
        key = self.breakers.soonest(by_key) if by_key else None
        return by_key[key] if key is not None else None

    def admitted(
        self, key: CircuitKey, connection: Connection, *, urgently: bool = False
    ) -> Admission:
        """Leave to ask; `urgently`, as a probe, where the circuit is open. Raises `CircuitOpen`."""
        opened = urgently and self.breakers.state(key) == "open"
        answer = self.breakers.probe(key) if opened else self.breakers.admit(key)
        if isinstance(answer, Refused):
            raise open_circuit(connection, answer.retry_after_seconds)
        return answer

    def told(
        self,
        admission: Admission,
        provider: str,
        error: BaseException | None,
        *,
        seconds: float,
        normal: bool = True,
    ) -> Verdict:
        """Circuit and health hear how an attempt went.

        `normal` says that its seconds can be compared with those of others: a job's submission
        tells nothing about how long jobs take.
        """
        said = verdict(error)
        match said:
            case "succeeded":
                self.breakers.succeeded(admission, seconds=seconds)
            case "failed":
                self.breakers.failed(admission, seconds=seconds)
            case "said_nothing":
                self.breakers.said_nothing(admission)
        if isinstance(error, RateLimited):
            self.health.saturated(provider, 1.0)
        self.observed(provider, said, seconds=seconds if normal else None)
        return said

    def observed(
        self,
        provider: str,
        said: Verdict,
        *,
        seconds: float | None = None,
        expected_seconds: float | None = None,
    ) -> None:
        """Health hears how something went, here and elsewhere."""
        counted = counts(said)
        self.health.observed(
            provider, succeeded=counted, seconds=seconds, expected_seconds=expected_seconds
        )
        if self.gossip is not None:
            self.gossip.seen(Seen(provider, counted, seconds, expected_seconds))

    # --- what strategies learn ------------------------------------------------------------

    def begun(self, names: Iterable[str], kind: str) -> None:
        """One more is under way at a provider and a model of it."""
        for name in names:
            self.chooser.begun(name, kind)

    def learnt(
        self,
        names: Iterable[str],
        kind: str,
        *,
        succeeded: bool | None,
        seconds: float | None,
        first_seconds: float | None = None,
        cost: Cost | Reckoned | None = None,
        conformed: bool | None = None,
    ) -> None:
        """It is over, and how it went."""
        usd = cost.amount if cost is not None else None
        names = tuple(names)
        if self.gossip is not None:
            self.gossip.learnt(
                Learnt(names, kind, succeeded, seconds, first_seconds, usd, conformed)
            )
        for name in names:
            self.chooser.ended(
                name,
                kind,
                succeeded=succeeded,
                seconds=seconds,
                first_seconds=first_seconds,
                usd=usd,
                conformed=conformed,
            )

    # --- sessions -------------------------------------------------------------------------

    async def recall(self, request: Request[Any], asker: Asker, policy: RoutePolicy) -> None:
        """Look up where a session was served last, if this process does not know."""
        if self.gossip is None or policy.affinity is None:
            return
        key = affinity_of(request, asker, policy)
        if key is None or self.chooser.kept(key) is not None:
            return
        if (home := await self.gossip.home_of(key)) is not None:
            self.chooser.stick(key, home)

    async def stick(
        self, request: Request[Any], asker: Asker, policy: RoutePolicy, name: str
    ) -> None:
        """Keep a session with who has just served it."""
        key = affinity_of(request, asker, policy)
        if key is None:
            return
        moved = self.chooser.kept(key) != name
        self.chooser.stick(key, name)
        if moved and self.gossip is not None:
            await self.gossip.at_home(key, name)

    # --- limits ---------------------------------------------------------------------------

    async def taken(self, one: Try) -> Claim:
        """Room for an attempt under every limit, waited for where the route says so.

        Raises `LimitReached`.
        """
        course, candidate = one.course, one.candidate
        claim = self.quotas.claim(candidate, course.asker.caller, one.id)
        lease = course.seconds_left(3600.0) + LEASE_MARGIN_SECONDS
        if course.policy.on_full == "queue":
            answer = await self.room.enter(
                claim,
                caller=course.asker.caller,
                priority=course.request.priority,
                deadline_seconds=course.seconds_left(course.policy.queue_seconds),
                lease_seconds=lease,
            )
        else:
            answer = await self.limiter.take(claim, lease_seconds=lease)
        if isinstance(answer, Full):
            raise limit_reached(candidate.connection.name, answer)
        return claim

    async def passes_over(self, candidate: Candidate, caller: str | None) -> str | None:
        """Why a candidate would not be asked at this moment; nothing is taken."""
        closed = self.left_alone(candidate)
        if closed is not None:
            return closed.message
        rules = self.quotas.rules(candidate.connection, candidate.model_id, caller)
        for rule in rules:
            full = await self.limiter.room(rule)
            if full is not None:
                return limit_reached(candidate.connection.name, full).message
        return None

    def heard(self, connection: Connection, response: HttpResponse) -> None:
        """What a provider says in passing about its limits."""
        if not connection.learns_limits:
            return
        if "ratelimit" not in "\n".join(response.headers.names()):
            return  # as most say nothing of it
        for learned in read_limits(response.headers, self._clock.now()):
            self.limiter.learn(own_key(connection), learned)

    def turned_away(self, connection: Connection, error: BaseException | None) -> None:
        """A provider has said that its limit is reached, and perhaps until when."""
        if isinstance(error, RateLimited) and error.retry_after:
            learned = Learned("requests", 0, None, error.retry_after)
            self.limiter.learn(own_key(connection), learned)

    # --- retries --------------------------------------------------------------------------

    def may_repeat(self, candidate: Candidate) -> bool:
        """Whether the budget of second tries has one left for this provider."""
        return self.spare.spare(candidate.connection.name)


def circuit_of(candidate: Candidate) -> CircuitKey:
    """The circuit of a candidate."""
    return circuit_key(candidate.connection, candidate.request.medium)


def circuit_key(connection: Connection, medium: Medium) -> CircuitKey:
    """What fails together: one credential of a provider in one region, for one medium."""
    return CircuitKey(connection.name, connection.variant, medium)


def counts(said: Verdict) -> bool | None:
    """A verdict as something that can be averaged; `None` says nothing either way."""
    return None if said == "said_nothing" else said == "succeeded"


def names_of(provider: str, model_id: str) -> tuple[str, str]:
    """Under which names strategies learn from an attempt: some rank providers, some models."""
    return provider, f"{provider}/{model_id}"


def open_circuit(connection: Connection, retry_after: float | None) -> CircuitOpen:
    """Why it is not asked."""
    when = f"; it is tried again in {retry_after:.0f} s" if retry_after else ""
    return CircuitOpen(
        f"`{connection.label}` has failed too often of late and is left alone{when}",
        provider=connection.name,
        retry_after=retry_after,
        retryable=False,
    )


def limit_reached(name: str, full: Full) -> LimitReached:
    """Which limit has no room, and when it will have."""
    after = full.retry_after_seconds
    if full.never:
        when = ": it asks for more than there can ever be"
    else:
        when = f"; there may be room in {after:.1f} s" if after is not None else ""
    return LimitReached(
        f"the limit `{full.amount}` of `{full.key}` is reached{when}",
        provider=None if full.key.startswith(OF_CALLERS) else name,
        retry_after=after,
        retryable=not full.never,
    )
