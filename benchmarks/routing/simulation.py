"""One policy through one setting: a heap of events, and what came of every request."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from benchmarks.routing.policies import Call, Policy, policy_of
from benchmarks.routing.providers import Served, Setting
from benchmarks.routing.virtual import VirtualClock
from benchmarks.routing.workload import Asked

NOTICED_AFTER = 5
"""An outage counts as noticed when so many calls have come back failed."""
FAILED_LOSS = 10.0
"""A request that nobody served is as bad as so many medians of the price."""


@dataclass(slots=True)
class Request:
    """A request on its way."""

    asked: Asked
    began: float
    order: Sequence[int] = ()
    place: int = 0
    passed_over: list[int] = field(default_factory=list)
    usd: float = 0.0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    at: float
    served: bool
    seconds: float
    usd: float
    loss: float
    helpless: bool
    """Nobody could have served it."""
    first: int


@dataclass(slots=True)
class Outage:
    """What a policy did while a provider served nobody."""

    provider: str
    begins: float
    ends: float
    failed: int = 0
    noticed_at: float | None = None
    wasted: int = 0
    """Calls to it, all in all."""
    wasted_after: int = 0
    requests_after: int = 0
    """Calls to it and requests for anybody, after it was noticed."""
    recovered_at: float | None = None


@dataclass(slots=True)
class Run:
    """All of it."""

    results: list[Result]
    outages: list[Outage]


def simulate(name: str, setting: Setting, seed: int) -> Run:
    """Every request of the workload, by one policy."""
    clock = VirtualClock()
    served = [
        Served(model, setting, random.Random(f"{model.name} {seed}")) for model in setting.models
    ]
    return Simulation(policy_of(name, setting, served, clock, seed), setting, served, clock).run()


class Simulation:
    """The heap and what hangs on it."""

    def __init__(
        self, policy: Policy, setting: Setting, served: Sequence[Served], clock: VirtualClock
    ) -> None:
        self._policy = policy
        self._setting = setting
        self._served = served
        self._clock = clock
        self._heap: list[tuple[float, int, Request, object, Call]] = []
        self._events = 0
        self._results: list[Result] = []
        self._outages = [
            Outage(trouble.provider, trouble.begins, trouble.ends)
            for trouble in setting.troubles
            if trouble.fault in {"dead", "hangs"}
        ]

    def run(self) -> Run:
        """From the first arrival to the last end."""
        heap, clock = self._heap, self._clock
        for asked in self._setting.workload.requests:
            while heap and heap[0][0] <= asked.at:
                self._ended(*heappop(heap))
            clock.seconds = asked.at
            for outage in self._outages:
                if outage.noticed_at is not None and asked.at < outage.ends:
                    outage.requests_after += 1
            request = Request(asked, asked.at)
            request.order = self._policy.order(asked)
            self._go_on(request)
        while heap:
            self._ended(*heappop(heap))
        self._results.sort(key=lambda result: result.at)
        return Run(self._results, self._outages)

    def _go_on(self, request: Request) -> None:
        """Ask the next, if there is one and time is left."""
        now = self._clock.seconds
        while request.place < len(request.order):
            if now - request.began > self._setting.deadline_seconds:
                break
            number = request.order[request.place]
            request.place += 1
            leave = self._policy.begun(number)
            if leave is not None:
                self._ask(request, number, leave)
                return
            request.passed_over.append(number)
        if request.passed_over and not request.failures:
            urgent = self._policy.soonest(request.passed_over)
            request.passed_over = []
            if urgent is not None:
                self._ask(request, *urgent)
                return
        self._over(request, served=False)

    def _ask(self, request: Request, number: int, leave: object) -> None:
        now, one = self._clock.seconds, self._served[number]
        end, seconds = one.answer(request.asked, now)
        usd = one.usd(request.asked, now) if end == "ok" else 0.0
        one.in_flight += 1
        for outage in self._outages:
            if outage.provider == one.model.name and outage.begins <= now < outage.ends:
                outage.wasted += 1
                outage.wasted_after += outage.noticed_at is not None
        self._events += 1
        call = Call(number, request.asked, end, seconds, usd)
        heappush(self._heap, (now + seconds, self._events, request, leave, call))

    def _ended(self, at: float, _: int, request: Request, leave: object, call: Call) -> None:
        one, end = self._served[call.number], call.end
        self._clock.seconds = at
        one.in_flight -= 1
        for outage in self._outages:
            if outage.provider == one.model.name and at >= outage.begins:
                if end == "ok" and at >= outage.ends and outage.recovered_at is None:
                    outage.recovered_at = at
                elif end == "failed" and at < outage.ends:
                    outage.failed += 1
                    if outage.failed == NOTICED_AFTER:
                        outage.noticed_at = at
        self._policy.ended(leave, call)
        request.usd += call.usd
        if end == "ok":
            self._over(request, served=True)
        else:
            request.failures += 1
            self._go_on(request)

    def _over(self, request: Request, *, served: bool) -> None:
        setting, seconds = self._setting, self._clock.seconds - request.began
        loss = request.usd / setting.usd_scale + seconds / setting.seconds_scale
        helpless = False
        if not served:
            loss += FAILED_LOSS
            helpless = all(
                one.expected(request.asked, request.began)[1] >= 1.0 for one in self._served
            )
        self._results.append(
            Result(
                at=request.began,
                served=served,
                seconds=seconds,
                usd=request.usd,
                loss=loss,
                helpless=helpless,
                first=request.order[0],
            )
        )
