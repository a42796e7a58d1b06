"""What this process knows of attempts under way: their circuits, their slots, when they began.

The rows are the truth about a job. This is about its provider: that a job takes up a place for as
long as it lives, and that who takes work on and then fails it is no better than who refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import RowMapping

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError, JobFailed, RateLimited, raised
from anymedia.contracts.problem import Problem
from anymedia.engine.candidate import Asker
from anymedia.engine.connection import Connection
from anymedia.engine.engine import Engine
from anymedia.engine.guards import circuit_key, counts, names_of
from anymedia.engine.legs import policy_of
from anymedia.engine.routing import situation_of
from anymedia.engine.spending import micro_usd
from anymedia.jobs import requests
from anymedia.jobs.lines import Lines, Waiter
from anymedia.jobs.pace import Durations
from anymedia.resilience.circuit import Admission
from anymedia.resilience.counting import verdict

LEASE_SECONDS = 900.0
"""A job's slot, renewed long before: should all processes die, it is free again after this."""
RENEW_SECONDS = LEASE_SECONDS / 3


class UnderWay:
    """The attempts that this process works on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._renewed: dict[str, float] = {}
        """When the slot of an attempt was last renewed, or first held here."""
        self._begun: set[str] = set()
        self._wake: Callable[[str], None] | None = None
        self.lines = Lines(engine.clock.time, self._woken, self._listen)
        self.durations = Durations()
        self._looks: dict[str, float] = {}
        """When an abandoned attempt is asked about again (monotonic)."""

    def wakes(self, wake: Callable[[str], None]) -> None:
        """Who looks at a job again when there may be room for it."""
        self._wake = wake

    def waits(self, job: RowMapping, keys: Sequence[str], seconds: float, worker: str) -> float:
        """A job found no room. Seconds until it should look by itself, if nobody wakes it."""
        since = job["retried_at"] or job["not_before"] or job["created_at"]
        waiter = Waiter(job["id"], job["owner"], requests.from_row(job).priority, since)
        return self.lines.enter(waiter, keys, seconds, worker)

    def goes(self, job_id: str, *, went: bool = True) -> None:
        """It waits no more: it got in, or it is over."""
        self.lines.leave(job_id, went=went)

    def _listen(self, waiting: bool) -> None:  # what `Lines` says of itself
        limiter = self._engine.guards.limiter
        if waiting:
            limiter.watch(self.lines.freed)
        else:
            limiter.unwatch(self.lines.freed)

    def _woken(self, job_id: str) -> None:
        if self._wake is not None:
            self._wake(job_id)

    def look_again(self, attempt_id: str, seconds: float) -> None:
        """When an abandoned attempt is worth a look."""
        self._looks[attempt_id] = self._engine.clock.monotonic() + seconds

    def rests(self, attempt_id: str) -> float:
        """Seconds until then."""
        due = self._looks.get(attempt_id)
        return 0.0 if due is None else max(0.0, due - self._engine.clock.monotonic())

    def admitted(self, job: RowMapping, attempt: RowMapping | dict[str, Any]) -> Admission:
        """Leave of the provider's circuit to submit. Raises `CircuitOpen`."""
        guards = self._engine.guards
        connection = self._connection(attempt)
        return guards.admitted(circuit_key(connection, job["medium"]), connection, urgently=True)

    @contextmanager
    def submitting(
        self, job: RowMapping, attempt: RowMapping, admission: Admission
    ) -> Iterator[None]:
        """A submission on its way: the circuit and the provider's health hear how it went."""
        guards, clock = self._engine.guards, self._engine.clock
        self._begin(job, attempt)
        self._renewed[attempt["id"]] = began = clock.monotonic()
        try:
            yield
        except BaseException as error:
            seconds = clock.monotonic() - began
            guards.told(admission, attempt["provider"], error, seconds=seconds, normal=False)
            guards.turned_away(self._connection(attempt), error)
            raise
        seconds = clock.monotonic() - began
        guards.told(admission, attempt["provider"], None, seconds=seconds, normal=False)

    async def renewed(self, job: RowMapping, attempt: RowMapping) -> None:
        """Keep an attempt's slot, or take it again after a restart."""
        self._begin(job, attempt)
        connection = self._connection(attempt)
        await self.keep_slot(connection, attempt["model"], job["owner"], attempt["id"])

    async def keep_slot(
        self, connection: Connection, model: str, owner: str, attempt_id: str
    ) -> None:
        """Renew an attempt's slot, if that was not done of late."""
        if self.holds_slot(attempt_id):
            return
        self._renewed[attempt_id] = self._engine.clock.monotonic()
        guards = self._engine.guards
        claim = guards.quotas.slots(connection, model, owner, attempt_id)
        if claim is not None:
            await guards.limiter.adopt(claim, lease_seconds=LEASE_SECONDS)

    def holds_slot(self, attempt_id: str) -> bool:
        """Whether its slot was renewed of late."""
        held = self._renewed.get(attempt_id)
        return held is not None and self._engine.clock.monotonic() - held < RENEW_SECONDS

    async def left(
        self,
        job: RowMapping,
        attempt: RowMapping,
        *,
        cost: Cost | None = None,
        problem: Problem | None = None,
        never_sent: bool = False,
        accepted: bool = False,
        conformed: bool | None = None,
    ) -> None:
        """An attempt is over.

        `accepted` ones tell how good the provider's promises are; `conformed` is whether what came
        is what was asked for.
        """
        guards, now = self._engine.guards, self._engine.clock.time()
        self._renewed.pop(attempt["id"], None)
        self._looks.pop(attempt["id"], None)
        error: GenerationError | None = raised(problem) if problem is not None else None
        if accepted and problem is not None:
            error = JobFailed(problem.message, code=problem.code)
        kept = counts(verdict(error))
        seconds = now - (attempt["opened_at"] or attempt["created_at"])
        if self._engine.observer is not None:
            self._engine.observer.job_attempt(
                job_id=job["id"],
                number=attempt["number"],
                medium=job["medium"],
                provider=attempt["provider"],
                model=attempt["model"],
                began=now - seconds,
                seconds=seconds,
                state="succeeded" if problem is None else "failed",
                code=None if problem is None else problem.code,
                cost=cost,
            )
        if accepted and kept is not None:
            connection = self._connection(attempt)
            since = now - attempt["accepted_at"] if attempt["accepted_at"] else None
            key = circuit_key(connection, job["medium"])
            guards.breakers.outcome(key, succeeded=kept, seconds=since)
            guards.observed(
                attempt["provider"],
                verdict(error),
                seconds=seconds if kept else None,
                expected_seconds=self._typical_seconds(job, attempt),
            )
        if attempt["id"] in self._begun:
            self._begun.discard(attempt["id"])
            guards.health.ended(attempt["provider"])
            guards.learnt(
                names_of(attempt["provider"], attempt["model"]),
                kind_of(job),
                succeeded=None if never_sent else kept,
                seconds=seconds if error is None else None,
                cost=cost,
                conformed=conformed,
            )
        if accepted and error is None:
            if attempt["accepted_at"] is not None:
                took = now - attempt["accepted_at"]
                self.durations.learn(attempt["provider"], attempt["model"], took)
            request = requests.from_row(job)
            policy = policy_of(self._engine.settings, job["medium"])
            asker = Asker(caller=job["owner"])
            await guards.stick(request, asker, policy, attempt["provider"])
        await guards.limiter.settle(attempt["id"], micro_usd=micro_usd(cost))
        await guards.limiter.release(
            attempt["id"], refund=never_sent or isinstance(error, RateLimited)
        )

    def _connection(self, attempt: RowMapping | dict[str, Any]) -> Connection:
        return self._engine.providers.get(attempt["provider"], attempt["variant"])

    def _typical_seconds(self, job: RowMapping, attempt: RowMapping) -> float | None:
        model = self._engine.providers.model(attempt["provider"], attempt["model"], job["medium"])
        return model.typical_seconds if model is not None else None

    def _begin(self, job: RowMapping, attempt: RowMapping) -> None:
        if attempt["id"] not in self._begun:
            self._begun.add(attempt["id"])
            self._engine.guards.health.started(attempt["provider"])
            self._engine.guards.begun(names_of(attempt["provider"], attempt["model"]), kind_of(job))


def kind_of(job: RowMapping) -> str:
    """What is learnt together with a job."""
    kind: str = situation_of(requests.from_row(job)).kind
    return kind
