"""What this process knows of attempts under way: their circuits, their slots, when they began.

The rows are the truth about a job. This is about its provider: that a job takes up a place for as
long as it lives, and that who takes work on and then fails it is no better than who refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

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
from anymedia.resilience.circuit import Admission
from anymedia.resilience.counting import verdict

LEASE_SECONDS = 900.0
"""A job's slot, renewed long before: should all processes die, it is free again after this."""
WOKEN_AT_ONCE = 4
"""When one place is free there is no point in a thousand jobs looking at it."""
RENEW_SECONDS = LEASE_SECONDS / 3


class UnderWay:
    """The attempts that this process works on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._renewed: dict[str, float] = {}
        """When the slot of an attempt was last renewed, or first held here."""
        self._begun: set[str] = set()
        self._waiting: dict[str, None] = {}
        """Jobs that wait for room, who waits longest first."""
        self._wake: Callable[[str], None] | None = None
        engine.guards.limiter.watch(self._freed)

    def wakes(self, wake: Callable[[str], None]) -> None:
        """Who looks at a job again when there may be room for it."""
        self._wake = wake

    def waits(self, job_id: str) -> None:
        """A job found no room. It is told when something is given back, and looks now and then."""
        self._waiting[job_id] = None

    def goes(self, job_id: str) -> None:
        """It waits no more."""
        self._waiting.pop(job_id, None)

    def _freed(self, keys: Sequence[str]) -> None:
        if self._wake is None or not self._waiting:
            return
        for job_id in list(islice(self._waiting, WOKEN_AT_ONCE)):
            del self._waiting[job_id]
            self._wake(job_id)

    def admitted(self, job: RowMapping, attempt: RowMapping) -> Admission:
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
        now = self._engine.clock.monotonic()
        held = self._renewed.get(attempt["id"])
        if held is not None and now - held < RENEW_SECONDS:
            return
        self._renewed[attempt["id"]] = now
        self._begin(job, attempt)
        guards = self._engine.guards
        connection = self._connection(attempt)
        claim = guards.quotas.slots(connection, attempt["model"], job["owner"], attempt["id"])
        if claim is not None:
            await guards.limiter.adopt(claim, lease_seconds=LEASE_SECONDS)

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
        guards, now = self._engine.guards, self._engine.clock.now().timestamp()
        self._renewed.pop(attempt["id"], None)
        error: GenerationError | None = raised(problem) if problem is not None else None
        if accepted and problem is not None:
            error = JobFailed(problem.message, code=problem.code)
        kept = counts(verdict(error))
        seconds = now - (attempt["opened_at"] or attempt["created_at"])
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
            request = requests.from_row(job)
            policy = policy_of(self._engine.settings, job["medium"])
            asker = Asker(caller=job["owner"])
            await guards.stick(request, asker, policy, attempt["provider"])
        await guards.limiter.settle(attempt["id"], micro_usd=micro_usd(cost))
        await guards.limiter.release(
            attempt["id"], refund=never_sent or isinstance(error, RateLimited)
        )

    def _connection(self, attempt: RowMapping) -> Connection:
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
