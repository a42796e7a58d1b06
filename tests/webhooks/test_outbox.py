"""Messages to callers' servers: signed, in order, until they are taken or given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from anymedia.contracts.callback import CallbackSettings, EventType
from anymedia.contracts.errors import Conflict, InvalidRequest, NotFound, StorageFailed
from anymedia.contracts.image import ImageRequest
from anymedia.engine.download import Downloads
from anymedia.jobs import rows as job_rows
from anymedia.jobs.outbox import rows
from anymedia.jobs.outbox.delivery import PAUSES_SECONDS, PER_RECEIVER, retry_after
from anymedia.jobs.outbox.receivers import check, checked
from anymedia.jobs.service import Jobs
from anymedia.wire.http import Headers
from anymedia.wire.signature import StandardWebhooks
from tests.support.clock import START, FakeClock
from tests.support.transport import ScriptedTransport
from tests.webhooks.posting import jobs_in, put_job, tell
from tests.webhooks.receiver import Got, Receiver, receiving

T = TypeVar("T")
DAY = 86_400.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def run(course: Coroutine[Any, Any, T], *opened: Jobs) -> T:
    """Run it; real time is a backstop only. What was opened is closed in the same loop."""

    async def whole() -> T:
        try:
            return await asyncio.wait_for(course, 60)
        finally:
            for one in opened:
                await one._database.close()

    return asyncio.run(whole())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A caller's server."""
    with receiving() as one:
        yield one


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test owns."""
    return FakeClock()


@pytest.fixture
def jobs(tmp_path: Path, clock: FakeClock, each_database: str) -> Jobs:
    """Jobs whose messages are delivered when the test says so."""
    return jobs_in(tmp_path, clock=clock)


async def happened(jobs: Jobs, url: str, *events: EventType, job_id: str = "job_1") -> None:
    """A job comes to be, and things happen to it."""
    now = jobs._desk.now()
    await jobs._database.write(lambda c: put_job(c, job_id, url, now))
    await more(jobs, *events, job_id=job_id)


async def more(jobs: Jobs, *events: EventType, job_id: str = "job_1") -> None:
    """More things happen to it, one after another."""
    now = jobs._desk.now()
    for event in events:
        await jobs._database.write(partial(tell, job_id=job_id, event=event, now=now))
    clock = jobs._engine.clock
    assert isinstance(clock, FakeClock)
    clock.advance(0.2)  # a database that is shared has a clock of its own, some milliseconds apart


async def statuses(jobs: Jobs) -> list[tuple[int, str, str]]:
    """Every message: its place, what it tells, how it stands."""
    found = [(one.sequence, one.type, one.status) for one in await jobs.messages.list()]
    return sorted(found)


def genuine(got: Got, secret: str, clock: FakeClock) -> bool:
    """Whether a message is signed with a secret."""
    now = clock.time()
    return StandardWebhooks().genuine(got.body, Headers(got.headers), (secret,), now)


# --- what is told ---------------------------------------------------------------------------


def test_a_message_is_signed_thin_and_says_what_happened(
    jobs: Jobs, receiver: Receiver, clock: FakeClock
) -> None:
    """Type, time, place, and the job as its owner sees it; no prompt."""

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started", "job.succeeded")
        assert await jobs._outbox.deliver() == 2
        secret = (await jobs.messages.secrets()).secret
        assert secret is not None
        assert all(genuine(one, secret, clock) for one in receiver.got)

    run(course(), jobs)
    assert receiver.types == ["job.started", "job.succeeded"]
    first, second = (one.message for one in receiver.got)
    assert (first["sequence"], second["sequence"]) == (1, 2)
    assert first["timestamp"].startswith(("2026-11-21T12:00:0", "2026-11-21T11:59:59"))
    assert first["timestamp"].endswith("Z")
    assert first["data"]["id"] == "job_1"
    assert first["data"]["metadata"] == {"order": 7}
    assert b"secret kite" not in receiver.got[0].body
    assert receiver.got[0].id != receiver.got[1].id
    assert "." not in receiver.got[0].id


def test_the_request_is_repeated_where_that_is_wanted(
    tmp_path: Path, receiver: Receiver, clock: FakeClock
) -> None:
    """`callbacks.include_request`."""
    said = CallbackSettings(allow_private=("127.0.0.1",), include_request=True)
    jobs = jobs_in(tmp_path, clock=clock, settings=said)

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()

    run(course(), jobs)
    assert receiver.got[0].message["data"]["request"]["prompt"] == "a secret kite"


def test_progress_is_told_in_its_latest_form_only(jobs: Jobs, receiver: Receiver) -> None:
    """What nobody was sent yet is replaced; what was on its way is not."""

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        for _ in range(5):
            await more(jobs, "job.progress")
        assert await statuses(jobs) == [
            (1, "job.started", "pending"),
            (2, "job.progress", "pending"),
        ]
        receiver.script = [(204, {}), (500, {})]
        await jobs._outbox.deliver()
        await more(jobs, "job.progress", "job.progress", "job.succeeded")
        assert [one[:2] for one in await statuses(jobs)] == [
            (1, "job.started"),
            (2, "job.progress"),
            (3, "job.progress"),
            (4, "job.succeeded"),
        ]

    run(course(), jobs)


def test_a_job_begins_once_whoever_makes_it(jobs: Jobs, receiver: Receiver) -> None:
    """Another provider is another attempt at the same job; trying it again is a new beginning."""

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started", "job.started", "job.failed")
        assert [one[1] for one in await statuses(jobs)] == ["job.started", "job.failed"]
        now = jobs._desk.now()
        await jobs._database.write(
            lambda c: job_rows.set_job(c, "job_1", now, retried_at=now, status="queued")
        )
        await more(jobs, "job.started")
        assert [one[1] for one in await statuses(jobs)][2:] == ["job.started"]

    run(course(), jobs)


def test_a_change_that_is_undone_is_not_told(jobs: Jobs, receiver: Receiver) -> None:
    """The message is written in the transaction of the change."""

    async def course() -> None:
        await happened(jobs, receiver.url)

        def work(c: Any) -> None:
            tell(c, "job_1", "job.succeeded", 0.0)
            raise KeyError

        with pytest.raises(KeyError):
            await jobs._database.write(work)
        assert await jobs._outbox.deliver() == 0

    run(course(), jobs)
    assert receiver.got == []


# --- until it is taken ----------------------------------------------------------------------


def test_what_fails_is_sent_again_under_the_same_id(
    jobs: Jobs, receiver: Receiver, clock: FakeClock
) -> None:
    """500, then 200: the same id and body, a new time and signature."""
    receiver.script = [(500, {})]

    async def course() -> None:
        await happened(jobs, receiver.url, "job.succeeded")
        assert await jobs._outbox.deliver() == 1
        assert await jobs._outbox.deliver() == 0
        clock.advance(6)
        assert await jobs._outbox.deliver() == 1
        (message,) = await jobs.messages.list()
        assert (message.status, message.tries, message.problem) == ("delivered", 2, None)

    run(course(), jobs)
    first, second = receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_what_comes_later_waits_for_what_came_before(
    jobs: Jobs, receiver: Receiver, clock: FakeClock
) -> None:
    """However often the earlier one fails; other jobs' messages do not wait."""
    receiver.script = [(500, {})]

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started", "job.succeeded")
        await jobs._outbox.deliver()
        assert receiver.types == ["job.started"]
        await happened(jobs, receiver.url, "job.failed", job_id="job_2")
        await jobs._outbox.deliver()
        assert receiver.types == ["job.started", "job.failed"]
        clock.advance(6)
        await jobs._outbox.deliver()

    run(course(), jobs)
    assert receiver.types == ["job.started", "job.failed", "job.started", "job.succeeded"]


def test_after_a_day_it_is_given_up_and_what_comes_later_has_its_turn(
    jobs: Jobs, receiver: Receiver, clock: FakeClock
) -> None:
    """Ten tries; then it is dead, can be seen, and can be sent again under its id."""
    receiver.script = [(500, {})] * (len(PAUSES_SECONDS) + 1)

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started", "job.succeeded")
        began = clock.now()
        while (await statuses(jobs))[0][2] == "pending":
            await jobs._outbox.deliver()
            clock.advance(60)
        assert timedelta(hours=20) < clock.now() - began < timedelta(hours=28)
        await jobs._outbox.deliver()
        assert await statuses(jobs) == [
            (1, "job.started", "dead"),
            (2, "job.succeeded", "delivered"),
        ]
        (dead,) = await jobs.messages.list(status="dead")
        assert (dead.tries, dead.problem, dead.http_status) == (10, "answered 500", 500)
        again = await jobs.messages.replay(dead.id)
        assert (again.id, again.status, again.tries) == (dead.id, "pending", 0)
        with pytest.raises(Conflict):
            await jobs.messages.replay(dead.id)
        await jobs._outbox.deliver()
        assert (await jobs.messages.get(dead.id)).status == "delivered"
        assert len(await jobs.messages.replay_job("job_1")) == 2
        await jobs._outbox.deliver()

    run(course(), jobs)
    assert len({one.id for one in receiver.got}) == 2
    assert receiver.types[-3:] == ["job.started", "job.started", "job.succeeded"]


def test_a_receiver_that_is_gone_is_not_asked_again(jobs: Jobs, receiver: Receiver) -> None:
    """410."""
    receiver.script = [(410, {})]

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()
        assert await statuses(jobs) == [(1, "job.started", "dead")]

    run(course(), jobs)


def test_a_receiver_may_ask_for_more_time(jobs: Jobs, receiver: Receiver, clock: FakeClock) -> None:
    """`Retry-After`, up to half a day."""
    receiver.script = [(503, {"Retry-After": "100"}), (503, {"Retry-After": "999999999"})]

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()
        clock.advance(99)
        assert await jobs._outbox.deliver() == 0
        clock.advance(2)
        assert await jobs._outbox.deliver() == 1
        (message,) = await jobs.messages.list()
        assert message.due_at is not None
        apart = message.due_at - clock.now() - timedelta(hours=12)
        assert abs(apart) < timedelta(seconds=1)

    run(course(), jobs)


def test_retry_after_is_read_in_both_forms() -> None:
    """Seconds, or a date; anything else says nothing."""
    assert retry_after(Headers({"retry-after": "7"}), START) == 7
    date = "Sat, 21 Nov 2026 12:01:00 GMT"
    assert retry_after(Headers({"retry-after": date}), START) == 60
    for odd in ("", "soon", "-1", "\u0665", "Sat, 21 Nov 2026 12:01:00"):
        assert retry_after(Headers({"retry-after": odd}), START) is None


def test_a_redirect_is_not_followed(jobs: Jobs, receiver: Receiver) -> None:
    """To itself, for instance, which would never end."""
    receiver.script = [(307, {"Location": "SELF"})] * 3

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        assert await jobs._outbox.deliver() == 1
        (message,) = await jobs.messages.list()
        assert message.problem is not None
        assert "redirects are not followed" in message.problem

    run(course(), jobs)
    assert len(receiver.got) == 1


def test_an_answer_without_an_end_is_not_read(jobs: Jobs, receiver: Receiver) -> None:
    """The status is what counts."""
    receiver.endless = True

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()
        assert await statuses(jobs) == [(1, "job.started", "delivered")]

    run(course(), jobs)


def test_a_receiver_that_hangs_keeps_nobody_else_waiting(jobs: Jobs, receiver: Receiver) -> None:
    """Twenty jobs for it come first, and the one for somebody else is told at once."""
    receiver.hangs.set()

    async def course() -> None:
        with receiving() as quick:
            for number in range(20):
                await happened(jobs, receiver.url, "job.started", job_id=f"job_{number}")
            await happened(jobs, quick.url, "job.started", "job.succeeded", job_id="job_other")
            delivering = asyncio.create_task(jobs._outbox.run())
            while len(quick.got) < 2:  # noqa: ASYNC110  the server is a thread without a loop
                await asyncio.sleep(0.01)
            assert len(receiver.got) <= PER_RECEIVER
            receiver.released.set()
            delivering.cancel()
            await asyncio.wait({delivering})

    run(course(), jobs)


def test_two_processes_do_not_send_the_same_at_the_same_time(
    jobs: Jobs, receiver: Receiver, tmp_path: Path, clock: FakeClock
) -> None:
    """Fifty messages, two who deliver: each once."""
    second = jobs_in(tmp_path, clock=clock)

    async def course() -> None:
        for number in range(25):
            name = f"job_{number}"
            await happened(jobs, receiver.url, "job.started", "job.succeeded", job_id=name)
        await asyncio.gather(jobs._outbox.deliver(), second._outbox.deliver())
        await jobs._outbox.deliver()

    run(course(), jobs, second)
    assert len(receiver.got) == len({one.id for one in receiver.got}) == 50


def test_who_has_lost_a_message_says_nothing_about_it(jobs: Jobs, receiver: Receiver) -> None:
    """A process that was frozen finds that another has it."""

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        write, now = jobs._database.write, jobs._desk.now()
        (row,) = await write(
            lambda c: list(rows.take(c, receiver_of(receiver), "a", now, now + 5, 9))
        )
        assert (
            await write(lambda c: list(rows.take(c, receiver_of(receiver), "b", now, now + 5, 9)))
            == []
        )
        later = now + 6
        assert (
            await write(
                lambda c: len(rows.take(c, receiver_of(receiver), "b", later, later + 5, 9))
            )
            == 1
        )
        assert not await write(
            lambda c: rows.finish(c, row["id"], "a", due_at=None, delivered_at=1.0)
        )
        assert await write(
            lambda c: rows.finish(c, row["id"], "b", due_at=None, delivered_at=later)
        )

    run(course(), jobs)


def receiver_of(receiver: Receiver) -> str:
    """Host and port."""
    return receiver.url.split("/")[2]


def test_what_is_long_over_is_forgotten(jobs: Jobs, receiver: Receiver, clock: FakeClock) -> None:
    """A month after it was delivered, three after it was given up."""
    receiver.script = [(204, {}), (410, {})]

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started", "job.failed")
        await jobs._outbox.deliver()
        for days, left in ((29, 2), (31, 1), (91, 0)):
            now = clock.time() + days * DAY
            await jobs._database.write(partial(rows.prune, now=now))
            assert len(await jobs.messages.list()) == left

    run(course(), jobs)


# --- secrets --------------------------------------------------------------------------------


def test_a_new_secret_signs_beside_the_old_one_for_a_while(
    jobs: Jobs, receiver: Receiver, clock: FakeClock
) -> None:
    """Shown once; both sign while receivers are changed over; then the new one alone."""

    async def course() -> None:
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()
        old = (await jobs.messages.secrets()).secret
        assert old is not None
        shown = await jobs.messages.secrets()
        assert shown.secret is None
        assert shown.secrets[0].masked == f"****{old[-4:]}"
        new = (await jobs.messages.rotate(3600)).secret
        assert new is not None
        await more(jobs, "job.progress")
        await jobs._outbox.deliver()
        clock.advance(3700)
        await more(jobs, "job.succeeded")
        await jobs._outbox.deliver()
        first, second, third = receiver.got
        clock.advance(-3700)
        assert (genuine(first, old, clock), genuine(first, new, clock)) == (True, False)
        assert (genuine(second, old, clock), genuine(second, new, clock)) == (True, True)
        clock.advance(3700)
        assert (genuine(third, old, clock), genuine(third, new, clock)) == (False, True)

    run(course(), jobs)


def test_every_owner_has_a_secret_of_their_own(tmp_path: Path, clock: FakeClock) -> None:
    """What the configuration says is the installation's; keys do not know it."""
    said = CallbackSettings(secret=SecretStr(SECRET))
    jobs = jobs_in(tmp_path, clock=clock, settings=said)

    async def course() -> None:
        keys = jobs._outbox._keys
        assert await keys.of("local") == (SECRET,)
        ann, bob = await keys.of("key_ann"), await keys.of("key_bob")
        assert len({SECRET, *ann, *bob}) == 3
        assert (await jobs.messages.secrets()).secrets[0].configured
        with pytest.raises(Conflict):
            await jobs.messages.rotate()
        raw = (tmp_path / "anymedia.db").read_bytes() + (tmp_path / "anymedia.db-wal").read_bytes()
        assert ann[0].encode() not in raw

    run(course(), jobs)


def test_a_secret_that_cannot_be_opened_is_told_and_nothing_is_sent_unsigned(
    jobs: Jobs, receiver: Receiver, tmp_path: Path
) -> None:
    """The key beside the database was lost."""

    async def course() -> None:
        await jobs.messages.secrets()
        (tmp_path / "callback-secrets.key").unlink()
        await happened(jobs, receiver.url, "job.started")
        await jobs._outbox.deliver()
        (message,) = await jobs.messages.list()
        assert message.status == "pending"
        assert "callback-secrets.key" in (message.problem or "")
        with pytest.raises(StorageFailed):
            await jobs.messages.secrets()

    run(course(), jobs)
    assert receiver.got == []


def test_nobody_sees_or_sends_the_messages_of_others(jobs: Jobs, receiver: Receiver) -> None:
    """Unless it is the operator."""

    async def course() -> None:
        now = jobs._desk.now()
        await jobs._database.write(lambda c: put_job(c, "job_a", receiver.url, now, "key_ann"))
        await more(jobs, "job.failed", job_id="job_a")
        assert await jobs.messages.list() == ()
        (one,) = await jobs.messages.of(None).list()
        for owner in ("local", "key_bob"):
            messages = jobs.messages.of(owner)
            for asked in (messages.get(one.id), messages.replay(one.id), messages.body(one.id)):
                with pytest.raises(NotFound):
                    await asked
            with pytest.raises(NotFound):
                await messages.replay_job("job_a")
        assert (await jobs.messages.of("key_ann").get(one.id)).owner == "key_ann"

    run(course(), jobs)


# --- where it may go ------------------------------------------------------------------------


def resolving(*addresses: str) -> Downloads:
    """Looks every name up as these addresses, one answer after another."""
    answers = [[one] for one in addresses]

    async def resolve(_: str, __: int) -> list[str]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return Downloads(ScriptedTransport(), resolve=resolve)


PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("::1", "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "100.64.0.1"),
    ],
)
def test_private_addresses_are_refused_at_submit(address: str) -> None:
    """However the name leads there; the message says what allows it."""
    with pytest.raises(InvalidRequest, match="allow_private"):
        run(check("https://hook.example/x", CallbackSettings(), resolving(address)))


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/x",
        "ftp://hook.example/x",
        "https://",
        "https://user:pass@hook.example/x",
        "https://user@hook.example/x",
        "https://hook.example/x\r\nX-Evil: 1",
        "https://hook.example/a b",
        "https://hook.example\\@127.0.0.1/",
        "https://hook.example:99999/",
        "//hook.example/x",
        "hook.example",
    ],
)
def test_urls_of_another_form_are_refused(url: str) -> None:
    """Before anything is looked up."""
    with pytest.raises(InvalidRequest):
        run(check(url, CallbackSettings(), resolving(PUBLIC)))


def test_what_is_allowed_inside_may_be_called() -> None:
    """By name, by address, by network; also by plain http, which others are refused."""
    said = CallbackSettings(allow_private=("hooks.internal", "10.1.0.0/16", "192.168.1.5"))
    for host, address in (
        ("hooks.internal", "10.9.9.9"),
        ("any.example", "10.1.2.3"),
        ("192.168.1.5", "192.168.1.5"),
    ):
        scheme = "https" if host == "any.example" else "http"
        found = run(checked(f"{scheme}://{host}/x", said, resolving(address)))
        assert found[:2] == (host, address)
    with pytest.raises(InvalidRequest):
        run(checked("https://any.example/x", said, resolving("10.2.0.1")))
    open_http = CallbackSettings(allow_http=True)
    assert run(checked("http://any.example/x", open_http, resolving(PUBLIC)))[2] == 80


def test_a_name_that_changes_its_mind_is_judged_again_at_delivery(
    jobs: Jobs, receiver: Receiver
) -> None:
    """Public at submit, private at delivery: nothing is sent."""
    jobs._engine.downloads = resolving(PUBLIC, "169.254.169.254")
    url = receiver.url.replace("http://127.0.0.1", "https://rebound.example")

    async def course() -> None:
        request = ImageRequest(prompt="x", callback_url=url, model="echo/paint")
        await check(url, CallbackSettings(), jobs._engine.downloads)
        assert request.callback_url == url
        await happened(jobs, url, "job.started")
        await jobs._outbox.deliver()
        (message,) = await jobs.messages.list()
        assert "private address" in (message.problem or "")
        assert message.http_status is None

    run(course(), jobs)
    assert receiver.got == []


def test_a_job_whose_messages_would_go_inside_is_refused(jobs: Jobs) -> None:
    """Before anything is kept or spent."""

    async def course() -> None:
        request = ImageRequest(prompt="x", callback_url="https://10.0.0.1/hook")
        with pytest.raises(InvalidRequest, match="callback_url"):
            await jobs.submit(request)
        assert await jobs.list() == ()

    run(course(), jobs)
