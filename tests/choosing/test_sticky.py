"""Sessions that stay with who served them last."""

from __future__ import annotations

import random

from anymedia.choosing import Chooser, Option, Situation
from tests.support.clock import FakeClock

AMONG = [Option(f"{name}/m", name, 1, None, place) for place, name in enumerate(["one", "two"])]


def test_a_session_goes_where_it_was_before() -> None:
    """Before whatever the strategy says, by provider or by option."""
    chooser = Chooser(clock=FakeClock(), chance=random.Random(1))
    for home in ("two", "two/m"):
        chooser.stick("session", home)
        ranked = chooser.order("priority", AMONG, Situation("text", session="session"))
        assert [one.option.provider for one in ranked] == ["two", "one"]
        assert ranked[0].why == "where it was before"
    others = chooser.order("priority", AMONG, Situation("text", session="another"))
    assert others[0].option.provider == "one"


def test_a_home_that_is_not_among_the_options_is_no_hindrance() -> None:
    """The strategy decides as if there were none."""
    chooser = Chooser(clock=FakeClock(), chance=random.Random(1))
    chooser.stick("session", "gone")
    ranked = chooser.order("priority", AMONG, Situation("text", session="session"))
    assert [one.option.provider for one in ranked] == ["one", "two"]


def test_a_silent_session_starts_anew() -> None:
    """Its home is forgotten an hour after it was used last, or when it is told to be."""
    clock = FakeClock()
    chooser = Chooser(clock=clock, chance=random.Random(1))
    chooser.stick("session", "two")
    clock.advance(3000)
    chooser.stick("session", "two")
    clock.advance(3000)
    assert chooser.kept("session") == "two"
    clock.advance(601)
    assert chooser.kept("session") is None
    chooser.stick("session", "two")
    chooser.unstick("session")
    assert chooser.kept("session") is None


def test_only_so_many_homes_are_kept() -> None:
    """The one that was used longest ago goes first."""
    chooser = Chooser(clock=FakeClock(), chance=random.Random(1), most_homes=3)
    for session in ("a", "b", "c", "a", "d"):
        chooser.stick(session, "one")
    assert [chooser.kept(session) for session in "abcd"] == ["one", None, "one", "one"]
