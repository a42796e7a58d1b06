"""What stands before a provider: circuits, limits, the budget of second tries; and what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import (
    CircuitOpen,
    GenerationError,
    LimitReached,
    NoRouteSucceeded,
    ProviderUnavailable,
)
from anymedia.contracts.limit import LimitSettings
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.resilience import CircuitBreakerSettings, RetryBudget
from anymedia.contracts.route import FailoverSettings, RouteGroup, RouteSettings
from anymedia.engine.candidate import Asker
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished, hello
from tests.support.acme import ACME, BOLT
from tests.support.transport import Behind, answer, timed_out

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})
DOWN = HttpResponse(503, b"{}")
ONCE = RetryConfig(max_attempts=1)
NERVOUS = CircuitBreakerSettings(failure_threshold=2, recovery_timeout_seconds=30)


def states(result: Any) -> list[tuple[str, str]]:
    """Who was asked, or passed over, and what came of it."""
    return [(one.provider, one.state) for one in result.attempts]


def failing(bench: Workbench, **fields: Any) -> GenerationError:
    """The error that a request comes to."""
    with pytest.raises(GenerationError) as caught:
        bench.run(hello(**fields))
    return caught.value


# --- circuits -------------------------------------------------------------------------------


def test_who_keeps_failing_is_left_alone_and_the_other_is_asked() -> None:
    """Two failures open the circuit; then the request does not go there, and says so."""
    bench = Workbench(DOWN, GOOD, DOWN, GOOD, GOOD, providers=(ACME, BOLT), circuit_breaker=NERVOUS)
    for _ in range(2):
        bench.run(hello(retry=ONCE))
    result = bench.run(hello(retry=ONCE))
    assert states(result) == [("acme", "skipped"), ("bolt", "succeeded")]
    assert "has failed too often of late" in (result.attempts[0].reason or "")
    assert len(bench.rows) == 5  # what was not asked has no row
    assert bench.transport.left == 0


def test_a_circuit_is_tried_again_when_its_time_is_up() -> None:
    """One success closes it."""
    bench = Workbench(DOWN, GOOD, DOWN, GOOD, GOOD, providers=(ACME, BOLT), circuit_breaker=NERVOUS)
    for _ in range(2):
        bench.run(hello(retry=ONCE))
    bench.clock.advance(31)
    assert states(bench.run(hello(retry=ONCE))) == [("acme", "succeeded")]


def test_when_all_are_left_alone_one_is_asked_all_the_same() -> None:
    """The one whose time is up soonest, once, as a probe."""
    bench = Workbench(DOWN, DOWN, GOOD, circuit_breaker=NERVOUS)
    for _ in range(2):
        failing(bench, retry=ONCE, model="words-1")
    result = bench.run(hello(retry=ONCE, model="words-1"))
    assert states(result) == [("acme", "skipped"), ("acme", "succeeded")]
    assert result.attempts[1].reason == "all are left alone; this one was due first"


def test_only_so_many_probes_go_out_at_a_time() -> None:
    """Of ten requests at once one is a probe; the others have a true answer at once."""
    bench = Workbench(DOWN, DOWN, Behind(GOOD), circuit_breaker=NERVOUS)
    for _ in range(2):
        failing(bench, retry=ONCE, model="words-1")

    async def ten() -> list[Any]:
        asked = (bench.engine.run(hello(retry=ONCE, model="words-1")) for _ in range(10))
        return await asyncio.gather(*asked, return_exceptions=True)

    found = finished(ten())
    assert sum(not isinstance(one, Exception) for one in found) == 1
    told = [one for one in found if isinstance(one, Exception)]
    assert {type(one) for one in told} == {CircuitOpen}
    assert all(isinstance(one, CircuitOpen) and one.retry_after for one in told)


def test_a_refused_prompt_says_nothing_about_the_provider() -> None:
    """However often it is refused."""
    refusal = answer({"text": "", "refused": "no"})
    bench = Workbench(*[refusal] * 5, GOOD, circuit_breaker=NERVOUS)
    for _ in range(5):
        failing(bench, retry=ONCE, model="words-1")
    assert states(bench.run(hello(model="words-1"))) == [("acme", "succeeded")]


def test_each_medium_has_its_own_circuit() -> None:
    """Embeddings work while texts do not."""
    from anymedia.contracts.embedding import EmbeddingRequest

    vectors = answer({"vectors": [[1.0]], "tokens": 1})
    bench = Workbench(DOWN, DOWN, vectors, circuit_breaker=NERVOUS)
    for _ in range(2):
        failing(bench, retry=ONCE, model="words-1")
    result = bench.run(EmbeddingRequest(inputs=("a",)))
    assert states(result) == [("acme", "succeeded")]


# --- limits ---------------------------------------------------------------------------------


def limited(**limits: Any) -> dict[str, dict[str, Any]]:
    """Acme with limits."""
    from anymedia.contracts.limit import Limits

    return {"acme": {"limits": Limits(**limits)}}


def test_who_has_no_room_is_passed_over() -> None:
    """The other provider is asked, and the first one again when the window has moved on."""
    bench = Workbench(GOOD, GOOD, GOOD, providers=(ACME, BOLT), configured=limited(per_minute=1))
    assert states(bench.run(hello())) == [("acme", "succeeded")]
    result = bench.run(hello())
    assert states(result) == [("acme", "skipped"), ("bolt", "succeeded")]
    assert "`per_minute`" in (result.attempts[0].reason or "")
    bench.clock.advance(62)
    assert states(bench.run(hello())) == [("acme", "succeeded")]


def test_when_nobody_has_room_the_error_says_when_there_will_be() -> None:
    """And nothing was sent."""
    bench = Workbench(GOOD, configured=limited(per_minute=1))
    bench.run(hello(model="words-1"))
    error = failing(bench, model="words-1")
    assert isinstance(error, LimitReached)
    assert error.code == "RATE_LIMIT_EXCEEDED"
    assert error.retry_after is not None
    assert 50 < error.retry_after < 65
    assert (len(bench.transport.sent), len(bench.rows)) == (1, 1)


def test_a_route_that_refuses_does_not_look_elsewhere() -> None:
    """`on_full: refuse` is an answer at once."""
    bench = Workbench(
        GOOD,
        providers=(ACME, BOLT),
        configured=limited(per_minute=1),
        failover=FailoverSettings(on_full="refuse"),
    )
    bench.run(hello())
    assert isinstance(failing(bench), LimitReached)


def test_a_route_that_queues_waits_for_room() -> None:
    """Until the window has moved on, within `queue_seconds`."""
    bench = Workbench(
        GOOD,
        GOOD,
        providers=(ACME, BOLT),
        configured=limited(per_minute=1),
        failover=FailoverSettings(on_full="queue", queue_seconds=120),
    )
    bench.run(hello())
    assert states(bench.run(hello())) == [("acme", "succeeded")]
    assert bench.clock.monotonic() >= 59


def test_a_queue_has_an_end() -> None:
    """After `queue_seconds` the caller is told, with the time when there may be room."""
    bench = Workbench(
        GOOD,
        configured=limited(per_minute=1),
        failover=FailoverSettings(on_full="queue", queue_seconds=5),
    )
    bench.run(hello(model="words-1"))
    error = failing(bench, model="words-1")
    assert isinstance(error, LimitReached)
    assert bench.clock.monotonic() <= 6


def test_slots_are_given_back_whatever_happens() -> None:
    """After success, failure and a caller that goes away."""
    bench = Workbench(GOOD, DOWN, timed_out(), GOOD, configured=limited(concurrent=1))
    bench.run(hello(model="words-1"))
    failing(bench, retry=ONCE, model="words-1")
    failing(bench, retry=ONCE, model="words-1")
    assert states(bench.run(hello(model="words-1"))) == [("acme", "succeeded")]


def test_each_caller_has_its_own_limit() -> None:
    """One who has used theirs up does not use up another's."""
    bench = Workbench(GOOD, GOOD, limits=(LimitSettings(scope="caller", per_minute=1),))

    def ask(caller: str) -> Coroutine[Any, Any, Any]:
        return bench.engine.run(hello(model="words-1"), asker=Asker(caller=caller))

    finished(ask("anna"))
    finished(ask("bert"))
    with pytest.raises(LimitReached, match="caller:anna"):
        finished(ask("anna"))


def test_dollars_count_as_they_were_and_not_as_they_were_guessed() -> None:
    """The bill replaces the estimate: four at 0.003 USD leave no room for a fifth in 0.013."""
    bench = Workbench(
        *[GOOD] * 4, limits=(LimitSettings(scope="all", usd_per_hour=Decimal("0.013")),)
    )
    for _ in range(4):  # guessed at 0.0024
        bench.run(hello(model="words-1", max_output_tokens=600))
    with pytest.raises(LimitReached, match="usd_per_hour"):
        bench.run(hello(model="words-1", max_output_tokens=600))


def test_tokens_that_were_not_used_are_given_back() -> None:
    """Guessed at 1,002 each, used 2: there is room for more than one."""
    short = answer({"text": "hi", "tokens_in": 1, "tokens_out": 1})
    bench = Workbench(*[short] * 5, limits=(LimitSettings(scope="model", tokens_per_minute=1100),))
    for _ in range(5):
        bench.run(hello(model="words-1"))


def test_what_a_provider_says_of_its_limits_is_heeded() -> None:
    """`remaining: 0` means that the next request goes elsewhere until the reset."""
    last = HttpResponse(
        200,
        GOOD.content,
        headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"},
    )
    bench = Workbench(last, GOOD, GOOD, providers=(ACME, BOLT))
    assert states(bench.run(hello())) == [("acme", "succeeded")]
    assert states(bench.run(hello())) == [("acme", "skipped"), ("bolt", "succeeded")]
    bench.clock.advance(21)
    assert states(bench.run(hello())) == [("acme", "succeeded")]


def test_what_a_provider_says_is_not_heeded_where_that_is_switched_off() -> None:
    """`learn_limits: false`."""
    last = HttpResponse(
        200,
        GOOD.content,
        headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"},
    )
    bench = Workbench(
        last, GOOD, providers=(ACME, BOLT), configured={"acme": {"learn_limits": False}}
    )
    for _ in range(2):
        assert states(bench.run(hello())) == [("acme", "succeeded")]


# --- retries --------------------------------------------------------------------------------


def test_an_outage_brings_no_storm() -> None:
    """When second tries are used up, a failure goes elsewhere at once."""
    bench = Workbench(
        DOWN,
        GOOD,
        providers=(ACME, BOLT),
        retry_budget=RetryBudget(ratio=0, minimum_per_second=0),
    )
    result = bench.run(hello(retry=RetryConfig(max_attempts=5)))
    assert states(result) == [("acme", "failed"), ("bolt", "succeeded")]


def test_who_asks_for_patience_is_asked_again_after_the_others() -> None:
    """Another provider answers meanwhile; alone, it is waited for."""
    busy = HttpResponse(429, b"{}", headers={"retry-after": "30"})
    bench = Workbench(busy, GOOD, providers=(ACME, BOLT))
    assert states(bench.run(hello())) == [("acme", "failed"), ("bolt", "succeeded")]
    assert bench.clock.monotonic() < 1
    alone = Workbench(busy, GOOD)
    result = alone.run(hello(model="words-1"))
    assert states(result) == [("acme", "failed"), ("acme", "succeeded")]
    assert alone.clock.monotonic() >= 30


# --- routes ---------------------------------------------------------------------------------


def test_a_group_is_asked_when_the_one_before_it_could_not() -> None:
    """Each with its own strategy and its own maximum of attempts."""
    route = RouteSettings(
        media="text",
        groups=(
            RouteGroup(name="first", providers=("acme",), max_attempts=1),
            RouteGroup(name="second", providers=("bolt",)),
        ),
    )
    bench = Workbench(DOWN, GOOD, providers=(BOLT, ACME), routes=(route,))
    assert states(bench.run(hello(retry=ONCE))) == [("acme", "failed"), ("bolt", "succeeded")]


def test_a_last_resort_is_asked_last() -> None:
    """After all others have failed."""
    route = RouteSettings(media="text", providers=("acme",), last_resort="bolt")
    bench = Workbench(DOWN, DOWN, GOOD, providers=(ACME, BOLT), routes=(route,))
    result = bench.run(hello(retry=ONCE))
    assert states(result)[-1] == ("bolt", "succeeded")


def test_a_failure_that_the_route_does_not_name_ends_it() -> None:
    """`fallback_on` lists what is worth another provider."""
    bench = Workbench(
        DOWN, providers=(ACME, BOLT), failover=FailoverSettings(fallback_on=("timeout",))
    )
    assert isinstance(failing(bench, retry=ONCE), ProviderUnavailable)


def test_a_request_names_whom_to_ask_first_and_whom_not() -> None:
    """`prefer` and `exclude`."""
    bench = Workbench(GOOD, GOOD, providers=(ACME, BOLT))
    result = bench.run(hello(prefer=("bolt",)))
    assert states(result) == [("bolt", "succeeded")]
    assert result.attempts[0].reason == "preferred by the request"
    assert states(bench.run(hello(exclude=("acme",)))) == [("bolt", "succeeded")]
    with pytest.raises(GenerationError, match="excluded by the request"):
        bench.run(hello(exclude=("acme", "bolt")))


def test_a_session_stays_where_it_was_served() -> None:
    """Whatever the strategy says for the next request."""
    bench = Workbench(
        *[GOOD] * 6,
        providers=(ACME, BOLT),
        failover=FailoverSettings(strategy="round_robin", affinity="session"),
    )
    first = bench.run(hello(session="s1")).provider
    assert {bench.run(hello(session="s1")).provider for _ in range(5)} == {first}


def test_a_provider_can_be_rolled_out_to_a_share_of_sessions() -> None:
    """The same session is always in or always out; about as many are in as was said."""
    bench = Workbench(
        *[GOOD] * 400, providers=(ACME, BOLT), configured={"acme": {"rollout_percent": 25}}
    )
    served = {n: bench.run(hello(session=f"s{n}")).provider for n in range(200)}
    assert 30 < sum(provider == "acme" for provider in served.values()) < 75
    again = {n: bench.run(hello(session=f"s{n}")).provider for n in range(200)}
    assert again == served


# --- credentials and regions ----------------------------------------------------------------

KEYS = ("first-secret-key-1111", "second-secret-key-2222")
REGIONS = {"eu": "https://eu.acme.example", "us": "https://us.acme.example"}


def test_credentials_are_used_in_turn_and_stand_in_for_each_other() -> None:
    """A refused key is not the end; the attempt says which one it was."""
    denied = HttpResponse(401, b"{}")
    bench = Workbench(
        GOOD, GOOD, denied, GOOD, configured={"acme": {"api_key": None, "api_keys": KEYS}}
    )
    for _ in range(2):
        bench.run(hello(model="words-1"))
    keys = [one.headers["Authorization"] for one in bench.transport.sent]
    assert keys == [f"Bearer {key}" for key in KEYS]
    result = bench.run(hello(model="words-1"))
    assert states(result) == [("acme", "failed"), ("acme", "succeeded")]


def test_a_region_stands_in_for_another() -> None:
    """At the same provider, before another provider is asked."""
    bench = Workbench(DOWN, GOOD, providers=(ACME, BOLT), configured={"acme": {"regions": REGIONS}})
    result = bench.run(hello(retry=ONCE))
    assert states(result) == [("acme", "failed"), ("acme", "succeeded")]
    assert [one.url.split("/text")[0] for one in bench.transport.sent] == [*REGIONS.values()]


def test_what_one_region_refuses_the_other_is_not_asked() -> None:
    """The same model would refuse the same prompt there."""
    refusal = answer({"text": "", "refused": "no"})
    bench = Workbench(
        refusal, GOOD, providers=(ACME, BOLT), configured={"acme": {"regions": REGIONS}}
    )
    assert states(bench.run(hello(model=None)))[-1] == ("bolt", "succeeded")
    assert sum("acme" in one.url for one in bench.transport.sent) <= 2


# --- told -----------------------------------------------------------------------------------


def test_an_estimate_tells_who_would_be_asked_and_who_would_not() -> None:
    """With the reason, before anything is sent."""
    bench = Workbench(GOOD, providers=(ACME, BOLT), configured=limited(per_minute=1))
    bench.run(hello())
    estimates = {one.provider: one for one in bench.estimates(hello()) if one.fits}
    assert "`per_minute`" in (estimates["acme"].passed_over or "")
    assert estimates["bolt"].passed_over is None


def test_settings_change_at_run_time_without_forgetting_what_was_learnt() -> None:
    """Another strategy and other limits; the circuit that is open stays open."""
    bench = Workbench(DOWN, GOOD, DOWN, GOOD, GOOD, providers=(ACME, BOLT), circuit_breaker=NERVOUS)
    for _ in range(2):
        bench.run(hello(retry=ONCE))
    bench.engine.configure(
        Settings(failover=FailoverSettings(strategy="round_robin"), circuit_breaker=NERVOUS)
    )
    assert states(bench.run(hello(retry=ONCE)))[-1] == ("bolt", "succeeded")


def test_nobody_could_be_asked_is_said_in_so_many_words() -> None:
    """One left alone, one full: both reasons, and the sooner of the two times."""
    bench = Workbench(
        DOWN,
        DOWN,
        GOOD,
        providers=(ACME, BOLT),
        configured={"bolt": {"limits": {"per_minute": 1}}},
        circuit_breaker=NERVOUS,
    )
    for _ in range(2):
        failing(bench, retry=ONCE, provider="acme", model="words-1")
    bench.run(hello(provider="bolt", model="words-1"))
    bench.transport.then(Behind(DOWN))

    async def two() -> list[Any]:
        asked = (bench.engine.run(hello(retry=ONCE, model="words-1")) for _ in range(2))
        return await asyncio.gather(*asked, return_exceptions=True)

    probed, told = finished(two())
    assert isinstance(probed, ProviderUnavailable)
    assert isinstance(told, NoRouteSucceeded)
    assert "nobody could be asked" in str(told)
    assert "left alone" in str(told)
    assert "`per_minute`" in str(told)
    assert told.retry_after is not None
