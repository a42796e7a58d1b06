"""What went well is noted as it came, and learnt from when somebody looks.

Circuits, health and strategies follow averages, and between two looks at them nobody can tell
whether they were moved once for every request or once for all. So a request that goes the short way
and ends well leaves a line in the notes of its way. Whoever is about to look, or to tell of anything
else, has all notes taken in before (`expect`), so the order of things stays true. Else that is done
by the first success after `EVERY_SECONDS`, or when a page is full: what comes alone is learnt at
once, and only what comes in a stream waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from anymedia.choosing import Success, Successes
from anymedia.choosing.following import AT_ONCE
from anymedia.engine.gossip import Gossip, Learnt, Seen
from anymedia.engine.pricing import Reckoned
from anymedia.resilience.circuit import Admission

if TYPE_CHECKING:
    from anymedia.engine.guards import Guards

EVERY_SECONDS: Final = 0.5
"""Short beside every half-life, long enough for some to come together."""
LATE_SECONDS: Final = 0.05
MOST_PAGES: Final = 256


class Page(NamedTuple):
    """What was noted of one way."""

    provider: str
    names: tuple[str, ...]
    kind: str
    admission: Admission | None
    """What all of those that ended were let through with."""
    begun: list[float]
    ended: list[Success]
    done: Successes
    """The same in columns."""

    def circuit_hears(self, at: Sequence[float]) -> None:
        """When requests came back that were let through like those of this page."""
        if at and self.admission is not None:
            self.admission.circuit.all_succeeded(self.admission, at)


class Notes:
    """What happens on one way, as long as it goes well."""

    __slots__ = (
        "_admission",
        "_begun",
        "_book",
        "_chooser",
        "_guards",
        "_waits",
        "ended",
        "where",
    )

    def __init__(
        self, book: Notebook, guards: Guards, provider: str, names: tuple[str, ...], kind: str
    ) -> None:
        self._book = book
        self._guards = guards
        self._chooser = guards.chooser
        self.where = provider, names, kind
        self._admission: Admission | None = None
        self._begun: list[float] = []
        self.ended: list[Success] = []
        self._waits = False

    def begun(self, at: float) -> None:
        """A request is on its way."""
        chooser = self._chooser
        if chooser.takes_turns:
            _, names, kind = self.where
            for name in names:
                chooser.turned(name, kind)
        if not self._waits:
            self._begin()
        self._begun.append(at)

    def succeeded(
        self,
        admission: Admission,
        at: float,
        *,
        seconds: float,
        first_seconds: float | None,
        cost: Reckoned,
    ) -> None:
        """It has brought what was asked for."""
        quick = seconds if first_seconds is None else first_seconds
        circuit = admission.circuit
        if admission is not circuit.usual or not 0.0 < quick <= circuit.slow_seconds:
            self._tell(admission, seconds, first_seconds, cost)
            return
        if admission is not self._admission:
            self._book.take_in()
            self._admission = admission
        line = at, quick, seconds, cost.amount
        ended = self.ended
        if at >= self._book.due or len(ended) == AT_ONCE - 1:
            self._end(line)
            return
        if not self._waits:
            self._begin()
        ended.append(line)

    def torn_off(self) -> Page:
        """What was noted, to be taken in."""
        ended = self.ended
        page = Page(*self.where, self._admission, self._begun, ended, Successes.of(ended))
        self._begun, self.ended, self._waits = [], [], False
        return page

    def _begin(self) -> None:
        """The first line of a page."""
        self._waits = True
        self._book.open(self)

    def _end(self, line: Success) -> None:
        """The last line of a page; on a page of its own if it is much later than the others."""
        book, at = self._book, line[0]
        if at > book.due + LATE_SECONDS and book.has_successes:
            book.take_in()
        if not self._waits:
            self._begin()
        self.ended.append(line)
        book.take_in()
        book.due = at + EVERY_SECONDS

    def _tell(
        self, admission: Admission, seconds: float, first_seconds: float | None, cost: Reckoned
    ) -> None:
        """A probe, or one that was slow: it may change more than averages."""
        guards = self._guards
        provider, names, kind = self.where
        guards.health.ended(provider)
        guards.told(admission, provider, None, seconds=first_seconds or seconds)
        guards.learnt(
            names, kind, succeeded=True, seconds=seconds, first_seconds=first_seconds, cost=cost
        )


class Notebook:
    """All notes that wait to be taken in."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self._waiting: list[Notes] = []
        self.due = float("-inf")
        """When the next success has all of them taken in."""

    def notes(self, provider: str, names: tuple[str, ...], kind: str) -> Notes:
        """For one way to one model."""
        return Notes(self, self._guards, provider, names, kind)

    def open(self, notes: Notes) -> None:
        """Something has been noted."""
        if len(self._waiting) >= MOST_PAGES:
            self.take_in()
        self._waiting.append(notes)

    @property
    def has_successes(self) -> bool:
        """Whether anything waits but what is still under way."""
        return any(notes.ended for notes in self._waiting)

    def take_in(self) -> None:
        """Tell circuits, health and strategies, and the other processes."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        pages = [notes.torn_off() for notes in waiting]
        guards = self._guards
        guards.spare.firsts(in_order([page.begun for page in pages]))
        for its in apart(pages, attrgetter("admission")):
            its[0].circuit_hears(in_order([page.done.at for page in its]))
        for its in apart(pages, attrgetter("provider")):
            begun, done = together(its)
            guards.health.succeeded(its[0].provider, len(begun), done.at, done.seconds)
        named: dict[tuple[str, str], list[Page]] = {}
        for page in pages:
            for name in page.names:
                named.setdefault((name, page.kind), []).append(page)
            if guards.gossip is not None:
                self._pass_on(guards.gossip, page)
        for (name, kind), its in named.items():
            guards.chooser.succeeded(name, kind, *together(its))

    @staticmethod
    def _pass_on(gossip: Gossip, page: Page) -> None:
        for _, quick, seconds, usd in page.ended:
            first_seconds = None if quick == seconds else quick
            gossip.seen(Seen(page.provider, True, quick, None))
            gossip.learnt(Learnt(page.names, page.kind, True, seconds, first_seconds, usd, None))


def apart(pages: list[Page], key: Callable[[Page], object]) -> Collection[list[Page]]:
    """Pages that concern the same, together."""
    if len(pages) == 1:
        return (pages,)
    found: dict[object, list[Page]] = {}
    for page in pages:
        found.setdefault(key(page), []).append(page)
    return found.values()


def in_order(times: Sequence[Sequence[float]]) -> Sequence[float]:
    """The times of several pages, of which each is in order."""
    return times[0] if len(times) == 1 else sorted(chain.from_iterable(times))


def together(pages: Sequence[Page]) -> tuple[Sequence[float], Successes]:
    """When requests began and how they ended, of several pages in the order of time."""
    if len(pages) == 1:
        return pages[0].begun, pages[0].done
    lines = sorted(chain.from_iterable(page.ended for page in pages), key=itemgetter(0))
    return in_order([page.begun for page in pages]), Successes.of(lines)
