"""Both limiters against the simplest thing that could be right: a list of what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anymedia.contracts.limit import Limits
from anymedia.limits.claim import Claim, Full, Rule, Taken
from tests.limits.workbench import Bench, in_memory, on_redis
from tests.support.clock import FakeClock
from tests.support.redis import needs_redis

T = TypeVar("T")

RULES = (
    Rule("requests", Limits(per_minute=4, per_hour=30)),
    Rule("amounts", Limits.model_validate({"tokens_per_minute": 100, "usd_per_hour": "0.0005"})),
    Rule("slots", Limits(concurrent=3)),
    Rule("bucket", Limits(per_second=0.5, burst=3)),
    Rule("mixed", Limits(per_minute=10, concurrent=4, tokens_per_hour=400, per_second=2)),
)
SPANS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
LEASE = 100_000_000


@dataclass
class Event:
    """Something that was charged."""

    at: int
    amounts: dict[str, int]


@dataclass
class Known:
    """A claim as the model sees it."""

    claim: Claim
    events: list[Event]
    until: int
    first: dict[str, int]
    extra: dict[str, Event] = field(default_factory=dict)


class Model:
    """Everything that ever happened under one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.events: list[Event] = []

    def windows(self) -> list[tuple[str, int, int]]:
        """What is counted, over how long, and how much of it there may be."""
        found = []
        for kind, prefix in (("requests", ""), ("tokens", "tokens_"), ("usd", "usd_")):
            for name, span in SPANS.items():
                limit = getattr(self.rule.limits, f"{prefix}per_{name}")
                if limit is not None:
                    found.append((kind, span, int(limit * 1_000_000 if kind == "usd" else limit)))
        return found

    def within(self, kind: str, now: int, span: int) -> int:
        """How much of it lies in the window that ends now."""
        return sum(event.amounts[kind] for event in self.events if event.at > now - span)


async def waited_for(told: Awaitable[None]) -> None:
    """What is left to be waited for, as something that a loop runs."""
    await told


class Limiting(RuleBasedStateMachine):
    """Takes, settles, gives back and lets time pass."""

    place: ClassVar[Any] = staticmethod(in_memory)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.models = {one.key: Model(one) for one in RULES}
        self.known: dict[str, Known] = {}
        self.count = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.context = self.place(self.clock)
        self.bench: Bench = self.do(self.context.__aenter__())

    def teardown(self) -> None:
        self.do(self.context.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def now(self) -> int:
        return round(self.clock.monotonic() * 1_000_000)

    def slots(self, key: str) -> int:
        """How many hold a slot under a rule."""
        return sum(
            known.until > self.now() and any(one.key == key for one in known.claim.rules)
            for known in self.known.values()
        )

    @rule(
        which=st.sets(st.sampled_from(RULES), min_size=1, max_size=3),
        tokens=st.integers(0, 110),
        micro_usd=st.integers(0, 510),
    )
    def take(self, which: set[Rule], tokens: int, micro_usd: int) -> None:
        self.count += 1
        rules = tuple(sorted(which, key=lambda one: one.key))
        claim = Claim(str(self.count), rules, tokens, micro_usd)
        answer = self.do(self.bench.limiter.take(claim, lease_seconds=LEASE / 1e6))
        asked = {"requests": 1, "tokens": tokens, "usd": micro_usd}
        now = self.now()
        if isinstance(answer, Taken):
            events = []
            for one in rules:
                model = self.models[one.key]
                for kind, span, limit in model.windows():
                    over = model.within(kind, now, span) + asked[kind] > limit
                    assert not (asked[kind] and over), f"{one.key}: more than {limit} {kind}"
                if one.limits.concurrent is not None:
                    assert self.slots(one.key) < one.limits.concurrent, "more slots than there are"
                event = Event(now, dict(asked))
                model.events.append(event)
                events.append(event)
            self.known[claim.id] = Known(claim, events, now + LEASE, dict(asked))
        else:
            self.justified(answer, claim, asked, now)

    def justified(self, full: Full, claim: Claim, asked: dict[str, int], now: int) -> None:
        """Whether there really is no room: a window is never longer than 61/60 of itself."""
        model = self.models[full.key]
        assert any(one.key == full.key for one in claim.rules)
        if full.amount == "concurrent":
            assert self.slots(full.key) >= (model.rule.limits.concurrent or 0)
        elif full.amount != "per_second":
            kind = (
                "usd" if "usd" in full.amount else "tokens" if "tok" in full.amount else "requests"
            )
            span = SPANS[full.amount.rpartition("_")[2]]
            (limit,) = [of for what, over, of in model.windows() if (what, over) == (kind, span)]
            assert full.never == (asked[kind] > limit)
            longest = span + span // 60
            assert full.never or model.within(kind, now, longest) + asked[kind] > limit
            assert full.never or 0 < (full.retry_after_seconds or 0) <= longest / 1e6

    @precondition(lambda self: self.known)
    @rule(data=st.data(), refund=st.booleans())
    def release(self, data: st.DataObject, refund: bool) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.known)))
        known = self.known[claim_id]
        alive = known.until > self.now()
        self.do(self.bench.limiter.release(claim_id, refund=refund and alive))
        del self.known[claim_id]
        if refund and alive:
            for event in known.events + list(known.extra.values()):
                event.amounts.update(tokens=0, usd=0, requests=0)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), actual=st.integers(0, 200))
    def settle(self, data: st.DataObject, actual: int) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.known)))
        known = self.known[claim_id]
        if known.until <= self.now():
            return
        self.do(self.bench.limiter.settle(claim_id, tokens=actual))
        self.settled(known, actual)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), actual=st.integers(0, 200))
    def end(self, data: st.DataObject, actual: int) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.known)))
        known = self.known.pop(claim_id)
        if known.until > self.now():
            self.settled(known, actual)
        told = self.bench.limiter.end(claim_id, tokens=actual)
        if told is not None:
            self.do(waited_for(told))

    def settled(self, known: Known, actual: int) -> None:
        extra = known.extra.get("tokens")
        before = extra.amounts["tokens"] if extra is not None else 0
        if actual == known.first["tokens"] + before:
            return
        if extra is not None:
            extra.amounts["tokens"] = 0
        if actual <= known.first["tokens"]:
            known.first["tokens"] = actual
            for event in known.events:
                event.amounts["tokens"] = actual
        else:
            amounts = {"requests": 0, "usd": 0, "tokens": actual - known.first["tokens"]}
            event = known.extra["tokens"] = Event(self.now(), amounts)
            for one in known.claim.rules:
                self.models[one.key].events.append(event)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim_id = data.draw(st.sampled_from(sorted(self.known)))
        if self.known[claim_id].until > self.now():
            self.do(self.bench.limiter.renew([claim_id], lease_seconds=LEASE / 1e6))
            self.known[claim_id].until = self.now() + LEASE

    @rule(seconds=st.sampled_from([0.001, 0.3, 0.999, 1.0, 2.5, 20.0, 59.0, 61.0, 1_800.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def buckets_are_never_exceeded(self) -> None:
        """In no span of time more than the burst and what the rate gives in that time."""
        for model in self.models.values():
            rate = model.rule.limits.per_second
            if rate is None:
                continue
            burst = model.rule.limits.burst or max(1, int(rate))
            times = [one.at for one in model.events if one.amounts["requests"]][-40:]
            for first, since in enumerate(times):
                for last in range(first, len(times)):
                    most = burst + rate * (times[last] - since) / 1e6
                    assert last - first + 1 <= most + 1e-9

    @rule()
    def after_a_day_everything_is_available(self) -> None:
        """Whatever happened, nothing of it counts for ever."""
        for claim_id in list(self.known):
            self.do(self.bench.limiter.release(claim_id))
        self.known.clear()
        self.clock.advance(86_400 * 1.02)
        assert self.do(self.bench.limiter.saturation(RULES)) == 0.0
        for one in RULES:
            assert self.do(self.bench.limiter.room(one)) is None


class LimitingOnRedis(Limiting):
    """The same, counted in Redis."""

    place = staticmethod(on_redis)


@pytest.mark.parametrize(
    ("machine", "examples"),
    [(Limiting, 150), pytest.param(LimitingOnRedis, 40, marks=needs_redis)],
    ids=["memory", "redis"],
)
def test_a_limiter_is_as_right_as_a_list_of_what_happened(
    machine: type[Limiting], examples: int
) -> None:
    """Never over, never refused without reason, and in the end everything is free again."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
