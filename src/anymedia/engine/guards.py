"""What stands before a provider, and what is learnt from every attempt at it.

An attempt passes, outermost first: the circuit of its provider, credential and medium (has it
failed too often of late?), then every limit it falls under (is there room?). On its way back it
tells all of them, the health of its provider and the strategies how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_hex
from types import TracebackType

from anymedia.choosing import Chooser
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    CircuitOpen,
    GenerationError,
    LimitReached,
    NetworkFailed,
    RateLimited,
)
from anymedia.contracts.media import Medium
from anymedia.contracts.resilience import Alert, AlertSettings, CircuitState
from anymedia.engine.candidate import Candidate
from anymedia.engine.connection import Connection
from anymedia.engine.course import Try
from anymedia.engine.quotas import MICRO, Quotas, own_key
from anymedia.engine.routing import affinity_of, situation_of
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
        if link is not None:
            self.limiter = RedisLimiter(link, own, report=report)
            identity = token_hex(8)
            self.sharing = Sharing(self.breakers, link, clock=clock, identity=identity)
        self.room = WaitingRoom(self.limiter, clock)
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
        self.quotas = Quotas(settings)
        self.breakers.change(settings.circuit_breaker)
        self.spare.change(settings.retry_budget)
        self.health.change(settings.health)

    def passage(self, one: Try) -> Passage:
        """The way of one attempt through all of them, as a context."""
        return Passage(self, one)

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
        self.health.observed(
            provider,
            succeeded=counts(said),
            seconds=seconds if normal else None,
        )
        return said

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
        cost: Cost | None = None,
        conformed: bool | None = None,
    ) -> None:
        """It is over, and how it went."""
        for name in names:
            self.chooser.ended(
                name,
                kind,
                succeeded=succeeded,
                seconds=seconds,
                first_seconds=first_seconds,
                usd=cost.amount if cost is not None else None,
                conformed=conformed,
            )

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
        if not connection.configured.learn_limits:
            return
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


class Passage:
    """One attempt on its way through circuit and limits, and back."""

    def __init__(self, guards: Guards, one: Try) -> None:
        self._guards = guards
        self._one = one
        self._admission: Admission | None = None

    async def __aenter__(self) -> None:
        guards, one, candidate = self._guards, self._one, self._one.candidate
        admission = guards.admitted(
            circuit_of(candidate), candidate.connection, urgently=candidate.probe
        )
        try:
            await guards.taken(one)
        except BaseException:
            guards.breakers.said_nothing(admission)
            raise
        self._admission = admission
        if one.repetition == 1:
            guards.spare.first()
        guards.health.started(candidate.connection.name)
        guards.begun(
            names_of(candidate.connection.name, candidate.model_id),
            situation_of(candidate.request).kind,
        )
        one.restart()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        guards, one, candidate = self._guards, self._one, self._one.candidate
        assert self._admission is not None
        seconds, name = one.elapsed_seconds(), candidate.connection.name
        guards.health.ended(name)
        said = guards.told(self._admission, name, error, seconds=one.first_seconds or seconds)
        # A full quota is no fault of the provider's, but who asks next should know of it.
        served = False if isinstance(error, RateLimited) else counts(said)
        guards.learnt(
            names_of(name, candidate.model_id),
            situation_of(candidate.request).kind,
            succeeded=served,
            seconds=seconds if error is None else None,
            first_seconds=one.first_seconds,
            cost=one.cost,
        )
        if error is None:
            self._stick()
        await self._give_back(error)

    def _stick(self) -> None:
        """Keep a session with who served it."""
        course, name = self._one.course, self._one.candidate.connection.name
        key = affinity_of(course.request, course.asker, course.policy)
        if key is not None:
            self._guards.chooser.stick(key, name)

    async def _give_back(self, error: BaseException | None) -> None:
        """Slots are free again; estimates become what it was; what was not taken counts nowhere."""
        one, guards = self._one, self._guards
        turned_away = isinstance(error, RateLimited)
        if turned_away:
            guards.turned_away(one.candidate.connection, error)
        never_sent = not one.sent or (isinstance(error, NetworkFailed) and error.accepted == "no")
        if error is None:
            await guards.limiter.settle(one.id, tokens=one.tokens, micro_usd=micro_usd(one.cost))
        elif isinstance(error, GenerationError) and error.accepted == "no":
            await guards.limiter.settle(one.id, tokens=0, micro_usd=0)
        await guards.limiter.release(one.id, refund=never_sent or turned_away)


def circuit_of(candidate: Candidate) -> CircuitKey:
    """The circuit of a candidate."""
    return circuit_key(candidate.connection, candidate.request.medium)


def circuit_key(connection: Connection, medium: Medium) -> CircuitKey:
    """What fails together: one credential of a provider in one region, for one medium."""
    return CircuitKey(connection.name, connection.variant, medium)


def counts(said: Verdict) -> bool | None:
    """A verdict as something that can be averaged; `None` says nothing either way."""
    return None if said == "said_nothing" else said == "succeeded"


def micro_usd(cost: Cost | None) -> int | None:
    """A cost as limits count it; `None` when it is not known."""
    return None if cost is None or cost.amount is None else int(cost.amount * MICRO)


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
        provider=name,
        retry_after=after,
        retryable=not full.never,
    )
