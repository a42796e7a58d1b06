"""Limits that several processes share, counted in one Redis.

What this process takes it also counts for itself, in `own`. So when Redis refuses, hangs or is
full, the process goes on with limits of its own that already know what it has under way; and when
Redis is back it is told what was taken and given back meanwhile: slots are held there again, even
when together that is more than the limit. Requests of that time stay uncounted there.

What was learned from responses stays with the process (see `lessons`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from anymedia.limits.claim import Claim, Freed, Full, Left, Rule, Taken
from anymedia.limits.learned import Learned
from anymedia.limits.memory import MemoryLimiter
from anymedia.limits.plan import LARGEST, SECOND
from anymedia.limits.scripts import END, LOOK, RELEASE, RENEW, SETTLE, STANDING, TAKE
from anymedia.state.redis import RedisLink, Unavailable

TAG = "{limits}"
"""All keys are on one shard of a cluster, as one step over several rules needs."""
MOST_OWED = 100_000
AT_ONCE = 50
"""How much of what Redis missed it is told with one request, and how many claims are renewed."""

Answer: TypeAlias = list[Any]


class Owed:
    """What Redis was not told about a claim."""

    __slots__ = ("adopt", "micro_usd", "refund", "release", "tokens")

    def __init__(self) -> None:
        self.adopt: float | None = None
        """The lease of a claim that it may not know."""
        self.tokens: int | None = None
        self.micro_usd: int | None = None
        self.release = False
        self.refund = False

    def older(self, other: Owed) -> None:
        """Take in what was owed before."""
        self.adopt = other.adopt if self.adopt is None else self.adopt
        self.tokens = other.tokens if self.tokens is None else self.tokens
        self.micro_usd = other.micro_usd if self.micro_usd is None else self.micro_usd
        self.release |= other.release
        self.refund |= other.refund


class RedisLimiter:
    """Counts in Redis, and in this process while Redis is away."""

    def __init__(
        self,
        link: RedisLink,
        own: MemoryLimiter,
        *,
        report: Callable[[str], None] = lambda _: None,
        time: Callable[[], int] | None = None,
    ) -> None:
        self._link = link
        self._own = own
        self._report = report
        self._time = time
        """Microseconds, for scripts. Redis' own unless given: clocks of processes differ."""
        self._owed: dict[str, Owed] = {}
        self._catching_up = False
        self._watchers: list[Freed] = []
        self._unreadable: set[str] = set()

    def take_now(self, claim: Claim, *, lease_seconds: float) -> None:
        """Redis has to be asked."""

    async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        """Take all of it or nothing. After `lease_seconds` without `renew` it is forgotten."""
        own = self._own
        if own.holds(claim.id):
            return Taken(claim.id, shared=claim.id not in self._owed)
        if (told := own.told(claim)) is not None:
            return told
        if not limited(claim.rules):
            return await own.take(claim, lease_seconds=lease_seconds)
        await self._catch_up()
        if claim.id in self._owed and not await self._deliver(claim.id):
            return await self._take_alone(claim, lease_seconds)
        try:
            answer = await self._take(claim, lease_seconds, verb="take")
        except asyncio.CancelledError:
            self._owe_release(claim.id, refund=True)  # it may have been heard
            raise
        if answer is None:
            return await self._take_alone(claim, lease_seconds)
        match answer[0]:
            case b"full":
                return full(limited(claim.rules)[answer[1] - 1].key, answer[2:])
            case b"taken":
                own.record(claim, lease_seconds=lease_seconds)
                return Taken(claim.id, shared=True)
            case _:
                return await own.take(claim, lease_seconds=lease_seconds)

    async def _take_alone(self, claim: Claim, lease_seconds: float) -> Taken | Full:
        """Redis did not answer. It may have heard the question all the same."""
        answer = await self._own.take(claim, lease_seconds=lease_seconds)
        if isinstance(answer, Taken):
            self._owe(claim.id).adopt = lease_seconds
        else:
            self._owe_release(claim.id, refund=True)
        return answer

    async def _take(self, claim: Claim, lease_seconds: float, *, verb: str) -> Answer | None:
        rules = limited(claim.rules)
        keys = [self._claim_key(claim.id), *self._rule_keys(rules)]
        plans = [rule.plan.wire for rule in rules]
        return await self._ask(
            TAKE, keys, claim.id, lease(lease_seconds), claim.tokens, claim.micro_usd, verb, *plans
        )

    async def settle(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Replace estimates by what it was. More than estimated is counted from now on."""
        if self._own.claim(claim_id) is None or (tokens is None and micro_usd is None):
            return
        await self._own.settle(claim_id, tokens=tokens, micro_usd=micro_usd)
        # What comes after something that Redis does not know yet has to stand in line.
        if claim_id in self._owed or not await self._settle(claim_id, tokens, micro_usd):
            owed = self._owe(claim_id)
            owed.tokens = owed.tokens if tokens is None else tokens
            owed.micro_usd = owed.micro_usd if micro_usd is None else micro_usd
            await self._catch_up()
        self._tell(self._own.claim(claim_id))

    async def _settle(self, claim_id: str, tokens: int | None, micro_usd: int | None) -> bool:
        keys = [self._claim_key(claim_id)]
        return await self._ask(SETTLE, keys, *sane(tokens, micro_usd)) is not None

    async def release(self, claim_id: str, *, refund: bool = False) -> None:
        """Free its slots and forget it; with `refund` its amounts come back too."""
        claim = self._own.claim(claim_id)
        if claim is None:
            return
        await self._own.release(claim_id, refund=refund)
        told = False
        try:
            if claim_id not in self._owed:
                told = await self._release(claim_id, refund)
        finally:  # also when this is cancelled: it has ended all the same
            if not told:
                self._owe_release(claim_id, refund=refund)
        await self._catch_up()
        self._tell(claim)

    async def _release(self, claim_id: str, refund: bool) -> bool:
        keys = [self._claim_key(claim_id)]
        return await self._ask(RELEASE, keys, claim_id, int(refund)) is not None

    async def end(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Settle and release it, in one step where Redis knows it as it is."""
        claim = self._own.claim(claim_id)
        if claim is None:
            return
        if claim_id in self._owed or (tokens is None and micro_usd is None):
            await self.settle(claim_id, tokens=tokens, micro_usd=micro_usd)
            await self.release(claim_id)
            return
        self._own.end(claim_id, tokens=tokens, micro_usd=micro_usd)
        told = False
        try:
            keys = [self._claim_key(claim_id)]
            told = await self._ask(END, keys, *sane(tokens, micro_usd), claim_id) is not None
        finally:  # also when this is cancelled: it has ended all the same
            if not told:
                owed = self._owe(claim_id)
                owed.tokens, owed.micro_usd, owed.release = tokens, micro_usd, True
        await self._catch_up()
        self._tell(claim)

    async def renew(self, claim_ids: Sequence[str], *, lease_seconds: float) -> None:
        """Keep claims alive that still run. What Redis has lost is registered anew."""
        await self._own.renew(claim_ids, lease_seconds=lease_seconds)
        ours = [one for one in claim_ids if self._own.claim(one) is not None]
        for start in range(0, len(ours), AT_ONCE):
            some = ours[start : start + AT_ONCE]
            keys = [self._claim_key(claim_id) for claim_id in some]
            answer = await self._ask(RENEW, keys, lease(lease_seconds), *some)
            lost = some if answer is None else [some[place - 1] for place in answer[1:]]
            for claim_id in lost:
                self._owe(claim_id).adopt = lease_seconds
        await self._catch_up()

    async def adopt(self, claim: Claim, *, lease_seconds: float) -> None:
        """Hold the slots of something that runs already, even when that is over the limit."""
        await self._own.adopt(claim, lease_seconds=lease_seconds)
        if limited(claim.rules):
            self._owe(claim.id).adopt = lease_seconds
            await self._catch_up()

    async def room(self, rule: Rule) -> Full | None:
        """Whether one more request would fit; nothing is taken."""
        if (told := self._own.told(Claim("room", (rule,)))) is not None or rule.plan.free:
            return told
        answer = await self._look([rule])
        if answer is None:
            return await self._own.room(rule)
        return full(rule.key, answer[4:]) if len(answer) > 2 else None

    def left_now(self, rule: Rule) -> Awaitable[tuple[Left, ...]]:
        """The same as `left`: Redis has to be asked."""
        return self.left(rule)

    async def left(self, rule: Rule) -> tuple[Left, ...]:
        """What is left of each window of a rule."""
        if rule.plan.free:
            return ()
        await self._catch_up()
        answer = await self._ask(STANDING, self._rule_keys([rule])[:1], rule.plan.wire)
        if answer is None or answer[0] != b"standing":
            return await self._own.left(rule)
        used = {
            answer[place].decode(): (int(answer[place + 1]), int(answer[place + 2]))
            for place in range(1, len(answer), 3)
        }
        return tuple(
            Left(one.name, one.limit, max(one.limit - spent, 0), whole_in / SECOND)
            for one in rule.plan.bounds
            for spent, whole_in in [used.get(one.name, (0, 0))]
        )

    async def saturation(self, rules: Sequence[Rule]) -> float:
        """How full the fullest of them is, from 0 to 1."""
        counted = limited(rules)
        answer = await self._look(counted) if counted else None
        if answer is None:
            return await self._own.saturation(rules)
        return max(float(answer[1]) / 1_000_000, self._own.saturation_told(rules))

    async def _look(self, rules: Sequence[Rule]) -> Answer | None:
        await self._catch_up()
        plans = [rule.plan.wire for rule in rules]
        answer = await self._ask(LOOK, self._rule_keys(rules), *plans)
        return answer if answer is not None and answer[0] == b"looked" else None

    def learn(self, key: str, learned: Learned) -> None:
        """Heed what a response said about the limits behind a rule, until it is outdated."""
        self._own.learn(key, learned)

    def watch(self, freed: Freed) -> None:
        """Tell somebody when this process gives something back, while they wait for it."""
        self._watchers.append(freed)

    def unwatch(self, freed: Freed) -> None:
        """They do not wait any more."""
        self._watchers.remove(freed)

    def _tell(self, claim: Claim | None) -> None:
        if claim is not None:
            for freed in tuple(self._watchers):
                freed([rule.key for rule in claim.rules])

    async def _ask(self, script: str, keys: Sequence[str], *arguments: Any) -> Answer | None:
        """A script's answer, or nothing when Redis cannot be used."""
        time = "" if self._time is None else self._time()
        try:
            answer: Answer = await self._link.run(script, keys, [time, *arguments])
        except Unavailable:
            return None
        if answer[0] == b"garbage":
            self._tell_unreadable(answer[1].decode("utf-8", "replace"))
        return answer

    def _tell_unreadable(self, key: str) -> None:
        if key not in self._unreadable and len(self._unreadable) < MOST_OWED:
            self._unreadable.add(key)
            self._report(
                f"Redis holds something else where limits are counted, under `{key}`: this "
                f"process counts for itself what needs that key. Delete it."
            )

    def _owe(self, claim_id: str) -> Owed:
        owed = self._owed.get(claim_id)
        if owed is None:
            if len(self._owed) >= MOST_OWED:
                del self._owed[next(iter(self._owed))]  # its lease will end there
            owed = self._owed[claim_id] = Owed()
        return owed

    def _owe_release(self, claim_id: str, *, refund: bool) -> None:
        owed = self._owe(claim_id)
        owed.adopt, owed.release, owed.refund = None, True, refund

    async def _catch_up(self) -> None:
        """Tell Redis some of what it missed. Whoever asks for something does a part of it."""
        if not self._owed or self._catching_up:
            return
        self._catching_up = True
        try:
            for claim_id in tuple(islice(self._owed, AT_ONCE)):
                if claim_id in self._owed and not await self._deliver(claim_id):
                    return
        finally:
            self._catching_up = False

    async def _deliver(self, claim_id: str) -> bool:
        """Tell Redis what it missed about one claim; whether it heard."""
        owed = self._owed.pop(claim_id)
        heard = False
        try:
            heard = await self._delivered(claim_id, owed)
        finally:
            if not heard:
                self._owe(claim_id).older(owed)
        return heard

    async def _delivered(self, claim_id: str, owed: Owed) -> bool:
        adopted = False
        if owed.adopt is not None and (claim := self._own.claim(claim_id)) is not None:
            adopted = await self._take(claim, owed.adopt, verb="adopt") is not None
            if not adopted:
                return False
        if (owed.tokens is not None or owed.micro_usd is not None) and not await self._settle(
            claim_id, owed.tokens, owed.micro_usd
        ):
            return False
        # What was released while it was adopted may have come there in the wrong order.
        late = adopted and self._own.claim(claim_id) is None
        return not (owed.release or late) or await self._release(claim_id, owed.refund)

    def _claim_key(self, claim_id: str) -> str:
        return self._link.key(TAG, "claim", claim_id)

    def _rule_keys(self, rules: Sequence[Rule]) -> list[str]:
        parts = ("count", "slots")
        return [self._link.key(TAG, part, rule.key) for rule in rules for part in parts]


def limited(rules: Sequence[Rule]) -> list[Rule]:
    """The rules for which something has to be counted."""
    return [rule for rule in rules if not rule.plan.free]


def sane(*amounts: int | None) -> list[int | str]:
    """Amounts as scripts can count them."""
    return ["" if one is None else min(max(one, 0), LARGEST) for one in amounts]


def lease(seconds: float) -> int:
    """A lease in microseconds. Redis keeps nothing for less than a millisecond."""
    return max(round(seconds * SECOND), 1_000)


def full(key: str, parts: Sequence[Any]) -> Full:
    """A script's refusal: amount, microseconds, never."""
    amount, wait, never = parts
    return Full(key, amount.decode(), int(wait) / SECOND if wait else None, bool(never))
