"""Lines of jobs that wait for room: who goes first, who wakes, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable

from anymedia.jobs.lines import AGEING_SECONDS, PATIENCE_SECONDS, Lines, Waiter, turn_of

KEY = "provider:acme"


class Hall:
    """Lines in front of one provider, a clock, and a list of who was woken."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.woken: list[str] = []
        self.lines = Lines(lambda: self.now, self.woken.append)

    def waits(
        self, job_id: str, owner: str = "a", priority: int = 0, keys: tuple[str, ...] = (KEY,)
    ) -> float:
        """A job finds no room."""
        waiter = Waiter(job_id, owner, priority, self.now)
        return self.lines.enter(waiter, keys, 1.0, "wrk_1")

    def served(self, times: int) -> list[str]:
        """A slot is given back so often; who got it, in order."""
        order = []
        for _ in range(times):
            self.woken.clear()
            self.lines.freed([KEY])
            job_id = self.woken[0]
            assert self.lines.ahead(job_id, [KEY]) is None
            self.lines.leave(job_id, went=True)
            order.append(job_id)
        return order


def names(owner: str, count: int) -> Iterable[str]:
    """Jobs of an owner."""
    return (f"{owner}{number:04}" for number in range(count))


def test_one_tries_and_the_others_sleep() -> None:
    """A hundred thousand that wait look no more often than one."""
    hall = Hall()
    assert hall.waits("first") == 1.0
    assert hall.waits("second") == PATIENCE_SECONDS
    assert hall.lines.ahead("second", [KEY]) == KEY
    assert hall.lines.ahead("first", [KEY]) is None


def test_who_comes_later_joins_the_line() -> None:
    """Also when there has just become room: others are on their way to it."""
    hall = Hall()
    hall.waits("first")
    hall.lines.freed([KEY])
    assert hall.lines.ahead("newcomer", [KEY]) == KEY
    assert hall.lines.ahead("newcomer", ["provider:bolt"]) is None


def test_an_owners_thousands_do_not_hold_up_anothers_one() -> None:
    """Callers take turns."""
    hall = Hall()
    for name in names("a", 1000):
        hall.waits(name, "a")
    hall.waits("b0", "b")
    assert hall.served(4) == ["a0000", "b0", "a0001", "a0002"]


def test_three_callers_get_the_same() -> None:
    """However many each has."""
    hall = Hall()
    for owner, count in (("a", 100), ("b", 10), ("c", 10)):
        for name in names(owner, count):
            hall.waits(name, owner)
    order = hall.served(30)
    assert [sum(name.startswith(owner) for name in order) for owner in "abc"] == [10, 10, 10]


def test_the_more_important_goes_first() -> None:
    """Of one caller and between callers."""
    hall = Hall()
    hall.waits("plain", "a")
    hall.waits("urgent", "a", priority=5)
    hall.waits("other", "b", priority=3)
    assert hall.served(3) == ["urgent", "other", "plain"]


def test_waiting_makes_important() -> None:
    """After so many minutes the plain one goes before the newcomer that is a little more urgent."""
    hall = Hall()
    hall.waits("plain", "a")
    hall.now += 6 * AGEING_SECONDS
    hall.waits("urgent", "b", priority=5)
    assert hall.served(1) == ["plain"]
    assert turn_of(5, 1000.0 + 6 * AGEING_SECONDS) > turn_of(0, 1000.0)


def test_a_stream_of_urgent_jobs_does_not_starve_the_plain_one() -> None:
    """It is served after as many minutes as it is less important."""
    hall = Hall()
    hall.waits("plain", "a")
    order = []
    for minute in range(10):
        hall.waits(f"urgent{minute}", "b", priority=3)
        order += hall.served(1)
        hall.now += AGEING_SECONDS
    assert "plain" in order[:5]


def test_who_gets_in_calls_the_next() -> None:
    """There may be room for more than one; who finds none stops that."""
    hall = Hall()
    for name in names("a", 3):
        hall.waits(name)
    hall.lines.freed([KEY])
    hall.lines.leave("a0000", went=True)
    assert hall.woken == ["a0000", "a0001"]
    assert hall.waits("a0001") == 1.0
    assert hall.woken == ["a0000", "a0001"]


def test_who_waits_no_more_passes_the_turn_on() -> None:
    """It was cancelled, say."""
    hall = Hall()
    for name in names("a", 2):
        hall.waits(name)
    hall.lines.leave("a0000", went=False)
    assert hall.woken == ["a0001"]
    hall.lines.leave("a0001", went=False)
    assert hall.lines.ahead("anybody", [KEY]) is None
    assert len(hall.lines) == 0


def test_a_turn_that_nobody_uses_is_passed_on() -> None:
    """Who had it belongs to another process by now."""
    hall = Hall()
    for name in names("a", 2):
        hall.waits(name)
    hall.now += 60.0
    hall.lines.tend()
    assert hall.woken == ["a0001"]


def test_another_lease_begins_with_empty_lines() -> None:
    """What waited under the old one is claimed again, here or elsewhere."""
    hall = Hall()
    for name in names("a", 100):
        hall.waits(name)
    pause = hall.lines.enter(Waiter("b0", "b", 0, hall.now), (KEY,), 1.0, "wrk_2")
    assert (pause, len(hall.lines)) == (1.0, 1)


def test_who_waits_for_two_things_is_in_both_lines() -> None:
    """And leaves both together."""
    hall = Hall()
    hall.waits("both", keys=(KEY, "provider:bolt"))
    hall.waits("one", keys=("provider:bolt",))
    hall.lines.freed(["provider:bolt"])
    hall.lines.leave("both", went=True)
    assert hall.woken[-1] == "one"
    assert hall.lines.ahead("anybody", [KEY]) is None
    assert hall.lines.ahead("one", ["provider:bolt"]) is None


def test_they_listen_only_while_somebody_waits() -> None:
    """What becomes free is told to nobody else."""
    heard: list[bool] = []
    lines = Lines(lambda: 1000.0, lambda _: None, heard.append)
    for job_id in ("one", "two"):
        lines.enter(Waiter(job_id, "a", 0, 1000.0), [KEY, "caller:a"], 1.0, "wrk_1")
    lines.leave("nobody", went=False)
    assert heard == [True]
    lines.leave("one", went=True)
    assert heard == [True]
    lines.leave("two", went=False)
    assert heard == [True, False]
    lines.enter(Waiter("three", "a", 0, 1000.0), [KEY], 1.0, "wrk_1")
    lines.enter(Waiter("three", "a", 0, 1000.0), [KEY], 1.0, "wrk_2")
    assert heard == [True, False, True]
