"""Providers' calls: forged, repeated, late, unknown, broken; and what the good ones are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from anymedia.contracts.errors import NotFound
from anymedia.jobs.inbox.calls import Calls, patient
from anymedia.jobs.inbox.inbox import Forged, UnreadableCall, names
from anymedia.jobs.inbox.keys import AGAIN_SECONDS, KEPT_SECONDS, CallKeys
from anymedia.providers.spec import Pace, Webhook
from anymedia.testing.signing import Signer
from anymedia.wire.http import Headers, HttpResponse
from anymedia.wire.signature import SignedHash, StandardWebhooks
from tests.support.clock import FakeClock
from tests.support.transport import answer, cut
from tests.webhooks.callers import (
    NEW_SECRET,
    SECRET,
    SIGNED,
    UNSIGNED,
    Bench,
    ended,
    secret,
    signed,
    work,
)

T = TypeVar("T")
SUBMITTED = ["POST /work"]
FETCHED = ["GET /files/1.png"]
ASKED = ["GET /work/w_1"]


def run(course: Coroutine[Any, Any, T]) -> T:
    """Run it; real time is a backstop only."""
    return asyncio.run(asyncio.wait_for(course, 60))


# --- what good calls are worth --------------------------------------------------------------


def test_a_signed_call_with_the_result_spares_the_question(tmp_path: Path) -> None:
    """Submitted, called, fetched: nobody was asked how it stands."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            assert await bench.call(token, work()) is None
            job = await ended(handle)
        assert job.status == "succeeded"
        assert len(job.artifacts) == 1
        assert bench.asked == SUBMITTED + FETCHED

    run(course())


def test_a_signed_call_without_a_result_makes_us_ask_at_once(tmp_path: Path) -> None:
    """The next question would have been in a quarter of an hour."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            bench.stands["w_1"] = "done"
            await bench.call(token, work(state="running"))
            await ended(handle)
        assert bench.asked == SUBMITTED + ASKED + FETCHED

    run(course())


@pytest.mark.parametrize("webhook", [UNSIGNED, replace(SIGNED, always=False)], ids=["none", "odd"])
def test_what_an_unsigned_call_says_is_not_believed(tmp_path: Path, webhook: Webhook) -> None:
    """It names a result of its own; ours comes from where we ask with our own key."""
    bench = Bench(tmp_path, webhook=webhook)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            bench.stands["w_1"] = "done"
            await bench.call(token, work(url="https://evil.example/x.png"), Headers())
            await ended(handle)
        assert bench.asked == SUBMITTED + ASKED + FETCHED

    run(course())


def test_a_signed_call_without_a_token_finds_its_job(tmp_path: Path) -> None:
    """By the id in its body, as calls to an address of the whole account have none."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            other, _ = await bench.submitted()
            handle, _ = await bench.submitted()
            await bench.call(None, work("w_2"))
            await ended(handle)
            assert (await other.refresh()).status == "running"

    run(course())


def test_a_lost_submission_is_found_by_its_call(tmp_path: Path) -> None:
    """The answer to the submission was cut off; the call says under which id it goes on."""
    bench = Bench(tmp_path)
    bench.transport.then(cut())

    async def course() -> None:
        async with bench.client:
            request = await bench.client.submit_image("a kite", model="caller/one")
            while not (tries := (await request.refresh()).attempts) or not any(  # noqa: ASYNC110  rows have no event to wait for
                one.event == "attempt-unanswered" for one in request.job.timeline
            ):
                await asyncio.sleep(0.02)
            assert tries[-1].state == "sending"
            token = str(bench.transport.bodies()[-1]["to"]).rpartition("/")[2]
            await bench.call(token, work("w_9"))
            job = await ended(request)
        assert job.attempts[-1].provider_job_id == "w_9"
        assert bench.asked == SUBMITTED + FETCHED

    run(course())


# --- what bad calls come to -----------------------------------------------------------------


def test_a_wrong_signature_is_refused_though_the_token_is_right(tmp_path: Path) -> None:
    """Another secret, another body, none at all, too old; nothing happens, and a good call works."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            body = work()
            forged = (
                signed(body, key=NEW_SECRET),
                signed(body + b" "),
                signed(body, age_seconds=301),
                signed(body, age_seconds=-302),
                Headers(),
            )
            for headers in forged:
                for known in (token, None):
                    with pytest.raises(Forged):
                        await bench.call(known, body, headers)
            assert bench.asked == SUBMITTED
            assert (await handle.refresh()).attempts[-1].state == "accepted"
            await bench.call(token, body)
            await ended(handle)

    run(course())


def test_a_call_without_token_or_secret_proves_nothing(tmp_path: Path) -> None:
    """It says what to set."""
    bench = Bench(tmp_path, webhook_secret=None)

    async def course() -> None:
        async with bench.client:
            await bench.submitted()
            with pytest.raises(Forged, match=r"providers\.caller\.webhook_secret"):
                await bench.call(None, work())

    run(course())


def test_the_same_call_again_changes_nothing_and_costs_nothing(tmp_path: Path) -> None:
    """Copied by the provider, or by somebody who overheard it: heard once, answered each time."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            said = work(state="running")
            bench.stands["w_1"] = "running"
            for _ in range(3):
                await bench.call(token, said)
            bench.stands["w_1"] = "done"
            await bench.call(token, work(), signed(work(), identifier="msg_2"))
            await ended(handle)
            await bench.call(token, said)
        assert bench.asked.count("GET /work/w_1") <= 1
        assert bench.asked.count("GET /files/1.png") == 1

    run(course())


def test_calls_that_come_at_once_are_one(tmp_path: Path) -> None:
    """Ten copies at the same moment: one result, one row in the ledger."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            calls = [
                bench.call(token, work(), signed(work(), identifier=f"msg_{number}"))
                for number in range(10)
            ]
            await asyncio.gather(*calls)
            job = await ended(handle)
        assert len(job.artifacts) == 1
        assert [one.event for one in job.timeline].count("attempt-finishing") == 1
        assert [one.event for one in job.timeline].count("job-succeeded") == 1

    run(course())


def test_a_status_that_goes_backwards_changes_nothing(tmp_path: Path) -> None:
    """`running` after the end."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            await bench.call(token, work())
            before = await ended(handle)
            body = work(state="running")
            await bench.call(token, body, signed(body, identifier="msg_2"))
            assert (await handle.refresh()).model_dump() == before.model_dump()

    run(course())


def test_unknown_tokens_ids_and_providers_are_not_found(tmp_path: Path) -> None:
    """And a token is good for its own provider and its own job alone."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            _, token = await bench.submitted()
            received = bench.client.webhooks.received
            for known, body, provider in (
                ("cb_unknown", work(), "caller"),
                (token, work(), "echo"),
                (token, work("w_7"), "caller"),
                (None, work("w_7"), "caller"),
                (None, work(), "nobody"),
            ):
                with pytest.raises(NotFound):
                    await received(known, body, signed(body), provider=provider)
            assert bench.asked == SUBMITTED

    run(course())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_a_body_that_makes_no_sense_is_told_so(tmp_path: Path, body: bytes) -> None:
    """Whoever signed it."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            _, token = await bench.submitted()
            for known in (token, None):
                with pytest.raises(UnreadableCall):
                    await bench.call(known, body)
            assert bench.asked == SUBMITTED

    run(course())


def test_a_call_is_bounded(tmp_path: Path) -> None:
    """A mebibyte."""
    bench = Bench(tmp_path)

    async def course() -> None:
        async with bench.client:
            _, token = await bench.submitted()
            with pytest.raises(UnreadableCall, match="larger"):
                await bench.call(token, b" " * (1024 * 1024 + 1))

    run(course())


# --- keys -----------------------------------------------------------------------------------


def test_the_accounts_secret_is_asked_for_once_and_again_when_it_changed(tmp_path: Path) -> None:
    """A new secret is found out by the first call that is signed with it."""
    bench = Bench(
        tmp_path,
        webhook=Webhook(signature=StandardWebhooks(), secret=secret),
        webhook_secret=None,
    )

    async def course() -> None:
        async with bench.client:
            first, token = await bench.submitted()
            await bench.call(token, work())
            await ended(first)
            second, token = await bench.submitted()
            await bench.call(token, work("w_2"))
            await ended(second)
            assert bench.asked.count("GET /secret") == 1

    run(course())


def test_forged_calls_do_not_make_us_ask_for_keys_all_the_time(tmp_path: Path) -> None:
    """Once a minute at most; what was known stays good meanwhile, and when the provider is away."""
    bench = Bench(
        tmp_path,
        webhook=Webhook(signature=StandardWebhooks(), secret=secret),
        webhook_secret=None,
    )
    clock = FakeClock()
    keys = CallKeys(clock)
    connection = bench.client._engine.providers.get("caller")

    async def course() -> None:
        async with bench.client:
            assert await keys.of(connection) == (SECRET,)
            for _ in range(100):
                assert await keys.of(connection, anew=True) is None
            assert bench.asked == ["GET /secret"]
            bench.secret = NEW_SECRET
            clock.advance(AGAIN_SECONDS + 1)
            assert await keys.of(connection, anew=True) == (NEW_SECRET,)
            assert await keys.of(connection) == (NEW_SECRET,)
            bench.answers["/secret"] = lambda _: HttpResponse(500)
            clock.advance(KEPT_SECONDS + 1)
            assert await keys.of(connection) == (NEW_SECRET,)

    run(course())


def test_public_keys_are_asked_for_where_the_provider_is(tmp_path: Path) -> None:
    """At the fixed address; whoever stands in for the provider has them at the same path."""
    signer = Signer()
    layout = SignedHash(prefix="x-sign-", about="request-id")
    bench = Bench(
        tmp_path,
        webhook=Webhook(signature=layout, key_set="https://keys.example/.well-known/jwks.json"),
        webhook_secret=None,
    )
    bench.answers["https://keys.example/.well-known/jwks.json"] = lambda _: answer(
        {"keys": [signer.jwk()]}
    )

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            at = str(int(bench.client._engine.clock.time()))
            headers = {
                "x-sign-request-id": "r",
                "x-sign-user-id": "u",
                "x-sign-timestamp": at,
                "x-sign-signature": signer.over(work(), "r", "u", at),
            }
            with pytest.raises(Forged):
                await bench.call(token, work(), Headers({**headers, "x-sign-request-id": "q"}))
            await bench.call(token, work(), Headers(headers))
            await ended(handle)
            assert bench.asked == [
                *SUBMITTED,
                "GET https://keys.example/.well-known/jwks.json",
                *FETCHED,
            ]

    run(course())


def test_while_keys_cannot_be_had_a_call_is_a_hint(tmp_path: Path) -> None:
    """As from a provider that signs nothing: its token is right, and we ask with our own key."""
    bench = Bench(
        tmp_path,
        webhook=Webhook(signature=StandardWebhooks(), secret=secret),
        webhook_secret=None,
    )
    bench.answers["/secret"] = lambda _: HttpResponse(500)

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            bench.stands["w_1"] = "done"
            await bench.call(token, work(url="https://evil.example/x.png"))
            await ended(handle)
            assert bench.asked == [*SUBMITTED, "GET /secret", *ASKED, *FETCHED]
            with pytest.raises(Forged):
                await bench.call(None, work())

    run(course())


def test_a_challenge_is_answered(tmp_path: Path) -> None:
    """Some providers first make sure that somebody is there."""
    bench = Bench(
        tmp_path,
        webhook=Webhook(challenge=lambda body: b"pong" if body == b"ping" else None),
        webhook_secret=None,
    )

    async def course() -> None:
        async with bench.client:
            handle, token = await bench.submitted()
            assert await bench.call(token, b"ping", Headers()) == b"pong"
            with pytest.raises(NotFound):
                await bench.call("cb_unknown", b"ping", Headers())
            assert (await handle.refresh()).status == "running"

    run(course())


# --- polling as a safety net ----------------------------------------------------------------


def test_who_calls_reliably_is_asked_less_often(tmp_path: Path) -> None:
    """From the second job on, when its calls are known to arrive; else as before."""
    pace = Pace(first_seconds=0.02, factor=1.0, longest_seconds=0.05)
    bench = Bench(tmp_path, pace=pace)

    async def course() -> None:
        async with bench.client:
            first, token = await bench.submitted()
            while bench.asked.count("GET /work/w_1") < 5:  # noqa: ASYNC110  polls are no event
                await asyncio.sleep(0.02)
            await bench.call(token, work())
            await ended(first)
            desk = bench.client._jobs._desk
            assert desk.calls.expected("caller", "att_x", desk.now())
            assert desk.expects_call(desk.engine.providers.get("caller"), "att_x")

    run(course())


def test_a_call_is_expected_while_such_calls_come() -> None:
    """Not before the first one, not long after the last, and not after it came."""
    calls = Calls()
    assert not calls.expected("caller", "att_1", 1000.0)
    calls.latest("caller", 1000.0)
    calls.latest("caller", 10.0)
    assert calls.expected("caller", "att_1", 1001.0)
    assert not calls.expected("other", "att_1", 1001.0)
    calls.heard("att_1")
    assert not calls.expected("caller", "att_1", 1001.0)
    assert calls.expected("caller", "att_2", 1001.0)
    assert not calls.expected("caller", "att_2", 1000.0 + 7 * 3600)


def test_a_safety_net_is_never_denser_than_polling() -> None:
    """And catches what was lost within minutes."""
    assert patient(Pace(longest_seconds=8.0)) == 80.0
    assert patient(Pace(longest_seconds=30.0)) == 180.0
    assert patient(Pace(longest_seconds=900.0)) == 900.0


def test_calls_are_remembered_over_a_restart(tmp_path: Path) -> None:
    """The same call to the next process is heard no more; and it knows who calls."""
    bench = Bench(tmp_path)
    said = work(state="running")

    async def before() -> str:
        async with bench.client:
            _, token = await bench.submitted()
            await bench.call(token, said)
            return token

    token = run(before())
    again = Bench(tmp_path)
    again.stands["w_1"] = "running"

    async def after() -> None:
        async with again.client:
            jobs = again.client._jobs
            await again.call(token, said)
            assert again.asked == []
            await jobs._inbox.learn()
            assert jobs._desk.calls.expected("caller", "att_x", jobs._desk.now())

    run(after())


@pytest.mark.parametrize(
    ("stored", "told", "same"),
    [
        ("c_1", "c_1", True),
        ("c_1", "c_2", False),
        ("/fal-ai/flux/requests/c_1", "c_1", True),
        ("/fal-ai/flux/requests/c_11", "c_1", False),
        ('{"path":"/v1/text","id":"c_1"}', '{"path":"","id":"c_1"}', True),
        ('{"path":"/v1/text","id":"c_1"}', '{"path":"/v1/text","id":"c_2"}', False),
        ('{"id":"c_1","url":"https://x.example/c_1"}', '{"id":"c_1"}', True),
        ("{broken", "{broken", True),
        ("c_1", "", False),
    ],
)
def test_a_handle_is_known_however_it_is_packed(stored: str, told: str, same: bool) -> None:
    """A call knows less of it than the answer to the submission did."""
    assert names(stored, told) is same
