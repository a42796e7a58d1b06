"""Small writes leave together at the end of a round, and nothing changes places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from anymedia.engine.burst import MOST_WAITING, Burst, Bursting


class Wire:
    """A transport that writes down what is done with it, beside what others do."""

    def __init__(self, name: str, log: list[tuple[str, object]]) -> None:
        self._name = name
        self._log = log
        self._closed = self._ended = False

    def write(self, data: bytes) -> None:
        """One piece."""
        assert not self._closed, "it is closed"
        if self._ended:
            raise RuntimeError("cannot write after the end")
        self._log.append((self._name, data))

    def write_eof(self) -> None:
        """The last one."""
        self._ended = True
        self._log.append((self._name, "eof"))

    def close(self) -> None:
        """No more."""
        self._closed = True
        self._log.append((self._name, "closed"))

    def abort(self) -> None:
        """At once."""
        self._closed = True
        self._log.append((self._name, "aborted"))

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Likewise."""

    def get_extra_info(self, what: str) -> str:
        """What is known of it."""
        return f"{what} of {self._name}"


def done(work: Callable[[Bursting, Bursting], Any]) -> list[tuple[str, object]]:
    """What is written in the round in which something is done, and in the one after it."""
    log: list[tuple[str, object]] = []

    async def doing() -> None:
        loop, burst = asyncio.get_running_loop(), Burst()
        work(*(Bursting(Wire(name, log), loop, burst) for name in "ab"))
        log.append(("", "round"))
        await asyncio.sleep(0)
        assert not burst.waiting

    asyncio.run(doing())
    return log


def test_what_is_to_be_written_later_leaves_at_the_end_of_the_round() -> None:
    """All of it, in the order in which it was said."""

    def work(a: Bursting, b: Bursting) -> None:
        a.later(b"1")
        b.later(b"2")
        a.later(b"3")

    assert done(work) == [("", "round"), ("a", b"1"), ("b", b"2"), ("a", b"3")]


def test_nothing_overtakes_what_was_to_be_written_later() -> None:
    """Neither another answer on the connection, nor its end."""
    for name, last in (("write", b"2"), ("write_eof", "eof"), ("close", "closed")):

        def work(a: Bursting, b: Bursting, name: str = name) -> None:
            a.later(b"1")
            b.later(b"other")
            getattr(a, name)(*((b"2",) if name == "write" else ()))
            b.later(b"last")

        first = [("a", b"1"), ("b", b"other"), ("a", last), ("", "round"), ("b", b"last")]
        assert done(work) == first


def test_many_do_not_wait_for_the_end_of_the_round() -> None:
    """A long round keeps nobody waiting for those who come after them."""

    def work(a: Bursting, b: Bursting) -> None:
        for _ in range(MOST_WAITING):
            a.later(b"1")
        b.later(b"2")

    assert done(work) == [("a", b"1")] * MOST_WAITING + [("", "round"), ("b", b"2")]


def test_who_has_hung_up_is_told_nothing() -> None:
    """And the others are."""

    def work(a: Bursting, b: Bursting) -> None:
        a.later(b"1")
        b.later(b"2")
        a.abort()
        assert a.is_closing()
        assert b.get_extra_info("peername") == "peername of b"

    assert done(work) == [("a", "aborted"), ("", "round"), ("b", b"2")]


def test_one_that_cannot_be_written_to_keeps_nothing_from_the_others() -> None:
    """As when its writing end was closed before."""

    def work(a: Bursting, b: Bursting) -> None:
        a.write_eof()
        a.later(b"1")
        b.later(b"2")

    assert done(work) == [("a", "eof"), ("", "round"), ("a", "aborted"), ("b", b"2")]


def test_a_round_comes_after_every_round() -> None:
    """What is said while others are written leaves with the next."""
    log: list[tuple[str, object]] = []

    async def doing() -> None:
        loop, burst = asyncio.get_running_loop(), Burst()
        bursting = Bursting(Wire("a", log), loop, burst)
        for number in range(3):
            bursting.later(b"%d" % number)
            await asyncio.sleep(0)
            assert log[-1] == ("a", b"%d" % number)

    asyncio.run(doing())
