"""One attempt's way through circuit, limits and budgets, and what they learn on its way back."""

from __future__ import annotations

import asyncio
from types import TracebackType

from anymedia.contracts.errors import GenerationError, LimitReached, NetworkFailed, RateLimited
from anymedia.engine.attendance import is_deserted
from anymedia.engine.course import Try
from anymedia.engine.guards import Guards, circuit_of, counts, names_of
from anymedia.engine.routing import situation_of
from anymedia.engine.spending import micro_usd, nano_usd, reserved
from anymedia.resilience.circuit import Admission


class Passage:
    """One attempt on its way through circuit and limits, and back."""

    def __init__(self, guards: Guards, one: Try) -> None:
        self._guards = guards
        self._one = one
        self._admission: Admission | None = None

    @classmethod
    def entered(cls, guards: Guards, one: Try, admission: Admission) -> Passage:
        """The way back of an attempt that has come through by the short way (`relay`)."""
        passage = cls(guards, one)
        passage._admission = admission
        return passage

    async def __aenter__(self) -> None:
        guards, one, candidate = self._guards, self._one, self._one.candidate
        admission = guards.admitted(
            circuit_of(candidate), candidate.connection, urgently=candidate.probe
        )
        try:
            await guards.taken(one)
            await self._afford()
        except BaseException as error:
            guards.breakers.said_nothing(admission)
            if not isinstance(error, LimitReached):
                await guards.limiter.release(one.id, refund=True)
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
            course = one.course
            await guards.stick(course.request, course.asker, course.policy, name)
        await self._give_back(error)
        if error is not None and is_deserted():
            if isinstance(error, GenerationError):
                one.failed(error)
            raise asyncio.CancelledError  # nothing else is begun for somebody who has gone

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
        await self._spend(error)

    async def _afford(self) -> None:
        """The most that it can cost, out of every budget. Raises `BudgetReached`."""
        one, budgets = self._one, self._guards.budgets
        if budgets is not None:
            caller, tags = one.course.asker.caller, one.course.request.tags
            one.notices += await reserved(budgets, one.candidate, one.id, caller, tags)

    async def _spend(self, error: BaseException | None) -> None:
        """What it did cost; what was not taken on costs nothing, what nobody knows stays open."""
        one, budgets = self._one, self._guards.budgets
        if budgets is None:
            return
        if not one.sent or (isinstance(error, GenerationError) and error.accepted == "no"):
            await budgets.release(one.id)
        else:
            await budgets.settle(one.id, nano_usd(one.cost))
