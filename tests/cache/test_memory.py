"""Memory, against a model that is too simple to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from anymedia.cache.kept import ENTRY_BYTES, Kept
from anymedia.cache.memory import Memory
from anymedia.cache.order import Order
from anymedia.contracts.caching import CacheStrategy
from tests.cache.samples import some_key
from tests.support.clock import START

WORDS = st.sampled_from([f"k{number}" for number in range(8)])
OWNERS = ("ann", "bob")
PROVIDERS = ("openai", "anthropic")
MOST_ENTRIES = 4
MOST_BYTES = 5 * ENTRY_BYTES


def entry(size: int, provider: str = "openai") -> Kept:
    """An answer of a size."""
    return Kept("text", (f"{provider}/m",), None, START, b"x" * size)


@dataclass
class Known:
    """What the model knows of an entry."""

    kept: Kept
    owner: str
    expires_at: float
    kept_at: int
    used_at: int
    uses: int = 0
    """How often it was found since it was kept."""


class MemoryMachine(RuleBasedStateMachine):
    """Keeps, finds, waits and throws out, and knows who has to go when there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Known] = {}
        self.now = 0.0
        self.step = 0
        self.evictions = 0

    @initialize(strategy=st.sampled_from(["lru", "lfu", "ttl"]))
    def begin(self, strategy: CacheStrategy) -> None:
        self.strategy = strategy
        self.memory = Memory(strategy, max_entries=MOST_ENTRIES, max_bytes=MOST_BYTES)

    @rule(
        word=WORDS,
        owner=st.sampled_from(OWNERS),
        provider=st.sampled_from(PROVIDERS),
        size=st.sampled_from([0, 0, 0, 500, 2 * ENTRY_BYTES, MOST_BYTES]),
        ttl=st.sampled_from([1.0, 5.0, 10.0]),
    )
    def keep(self, word: str, owner: str, provider: str, size: int, ttl: float) -> None:
        self.step += 1
        key, kept = some_key(word, owner), entry(size, provider)
        taken = self.memory.keep(key, kept, now=self.now, ttl_seconds=ttl)
        self.known.pop(key.digest, None)
        assert taken == (kept.size_bytes <= MOST_BYTES)
        if taken:
            self.make_room(kept.size_bytes)
            self.known[key.digest] = Known(kept, owner, self.now + ttl, self.step, self.step)

    def make_room(self, size: int) -> None:
        """Too old ones first; then by the strategy, one by one."""
        if self.full(size):
            self.known = {k: one for k, one in self.known.items() if one.expires_at > self.now}
        there = self.memory.digests()
        while self.full(size):
            wanted = {digest: self.wanted(one) for digest, one in self.known.items()}
            least = min(wanted.values())
            candidates = [digest for digest, how in wanted.items() if how == least]
            # Of several that are wanted equally little, any may go.
            victim = next((one for one in candidates if one not in there), candidates[0])
            del self.known[victim]
            self.evictions += 1

    def wanted(self, one: Known) -> tuple[float, float]:
        """How much an entry is wanted; the least wanted goes."""
        match self.strategy:
            case "lru":
                return (one.used_at, 0)
            case "lfu":
                return (one.uses, one.used_at)
            case "ttl":
                return (one.expires_at, one.kept_at)

    def full(self, size: int) -> bool:
        used = sum(one.kept.size_bytes for one in self.known.values())
        return len(self.known) >= MOST_ENTRIES or used + size > MOST_BYTES

    @rule(word=WORDS, owner=st.sampled_from(OWNERS))
    def find(self, word: str, owner: str) -> None:
        self.step += 1
        digest = some_key(word, owner).digest
        known = self.known.get(digest)
        found = self.memory.find(digest, self.now)
        if known is None or known.expires_at <= self.now:
            assert found is None
            self.known.pop(digest, None)
        else:
            assert found is known.kept
            known.used_at = self.step
            known.uses += 1

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        provider=st.none() | st.sampled_from(PROVIDERS), owner=st.none() | st.sampled_from(OWNERS)
    )
    def invalidate(self, provider: str | None, owner: str | None) -> None:
        covered = {
            digest
            for digest, one in self.known.items()
            if provider in {None, one.kept.names[0].partition("/")[0]}
            and owner in {None, one.owner}
        }
        assert self.memory.obey(Order(provider=provider, owner=owner)) == covered
        for digest in covered:
            del self.known[digest]

    @rule()
    def sweep(self) -> None:
        self.memory.sweep(self.now)
        self.known = {k: one for k, one in self.known.items() if one.expires_at > self.now}

    @rule()
    def clear(self) -> None:
        self.memory.clear()
        self.known.clear()

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "memory"):
            assert self.memory.digests() == set(self.known)
            assert len(self.memory) == len(self.known) <= MOST_ENTRIES
            used = sum(one.kept.size_bytes for one in self.known.values())
            assert self.memory.size_bytes == used <= MOST_BYTES
            assert self.memory.evictions == self.evictions
            assert len(self.memory._ages) <= 2 * MOST_ENTRIES + 64
            assert sum(map(len, self.memory._kinds.values())) == len(self.known)
            assert all(self.memory._kinds.values())


TestMemory = MemoryMachine.TestCase


@pytest.mark.parametrize(("strategy", "goes"), [("lru", "b"), ("lfu", "c"), ("ttl", "a")])
def test_the_strategy_says_who_goes(strategy: CacheStrategy, goes: str) -> None:
    """The least recently used, the least often used, the oldest."""
    memory = Memory(strategy, max_entries=3, max_bytes=MOST_BYTES)
    for word in "abc":
        memory.keep(some_key(word), entry(1), now=0.0, ttl_seconds=60)
    for word in "abbca":
        memory.find(some_key(word).digest, 1.0)
    memory.keep(some_key("d"), entry(1), now=1.0, ttl_seconds=60)
    stays = {some_key(word).digest for word in "abcd" if word != goes}
    assert memory.digests() == stays
    assert memory.evictions == 1


@pytest.mark.parametrize("strategy", ["lru", "lfu", "ttl"])
def test_what_is_too_old_goes_before_all_others(strategy: CacheStrategy) -> None:
    """However often it was wanted: under `lfu` it would never go."""
    memory = Memory(strategy, max_entries=2, max_bytes=MOST_BYTES)
    memory.keep(some_key("old"), entry(1), now=0.0, ttl_seconds=10)
    for _ in range(100):
        memory.find(some_key("old").digest, 1.0)
    memory.keep(some_key("young"), entry(1), now=1.0, ttl_seconds=60)
    memory.keep(some_key("new"), entry(1), now=10.0, ttl_seconds=60)
    assert memory.digests() == {some_key("young").digest, some_key("new").digest}
    assert memory.evictions == 0


def test_keeping_the_same_again_and_again_takes_no_more_room() -> None:
    """Neither bytes nor notes about ages."""
    memory = Memory("ttl", max_entries=10, max_bytes=MOST_BYTES)
    for number in range(1000):
        memory.keep(some_key("a"), entry(1), now=float(number), ttl_seconds=60)
    assert (len(memory), memory.size_bytes) == (1, 1 + ENTRY_BYTES)
    assert len(memory._ages) < 100
