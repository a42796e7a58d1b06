"""Shows that work goes on, when it lasts over a second: a bar on a terminal, lines in a pipe."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from anymedia.cli.words import safe, seconds

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.job import Job

PATIENCE_SECONDS = 1.0
"""What is done sooner needs no progress."""
PAUSE_SECONDS = 5.0
"""Between two lines in a pipe, unless something more than the percentage changes."""


class Progress:
    """What is going on, on stderr, from the moment it takes long."""

    def __init__(self, session: Session, words: str) -> None:
        self._session = session
        self._words = words
        self._fraction: float | None = None
        self._began = monotonic()
        self._told: tuple[str, float] = ("", 0.0)
        self._shown = False
        self._bar: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PATIENCE_SECONDS, self._begin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._bar is not None:
            self._bar.stop()

    def update(self, job: Job) -> None:
        """How a job stands now."""
        self.say(standing(job), job.progress)

    def say(self, words: str, fraction: float | None = None) -> None:
        """What is being done now, and which share is done."""
        self._words, self._fraction = words, fraction
        if self._shown:
            self._show()

    def _begin(self) -> None:
        self._shown = True
        if self._session.stderr.isatty():
            self._bar = bar(self._session)
            self._task = self._bar.add_task(self._words, total=None)
            self._bar.start()
        self._show()

    def _show(self) -> None:
        if self._bar is not None:
            total = None if self._fraction is None else 1.0
            self._bar.update(
                self._task, description=self._words, total=total, completed=self._fraction or 0.0
            )
            return
        words, at = self._told
        now = monotonic()
        if words == self._words and (self._fraction is None or now - at < PAUSE_SECONDS):
            return
        self._told = (self._words, now)
        percent = f", {self._fraction:.0%}" if self._fraction is not None else ""
        self._session.tell(f"{self._words}{percent} ({seconds(now - self._began)})")


def standing(job: Job) -> str:
    """Where a job stands, in a few words."""
    words = [job.id, job.status]
    if job.provider:
        words.append(f"at {job.provider}/{job.model}")
    asked = sum(one.state != "skipped" for one in job.attempts)
    if asked > 1:
        words.append(f"(attempt {asked})")
    return safe(" ".join(words))


def bar(session: Session) -> Any:
    """A bar that goes away when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(file=session.stderr),
        transient=True,
    )
