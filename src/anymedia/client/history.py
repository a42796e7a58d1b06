"""What the ledger has seen, added to what the catalogue says: expected times, prices gone stale."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.media import Medium
from anymedia.contracts.notice import Notice
from anymedia.engine.providers import Providers
from anymedia.providers.catalog.own import stale

if TYPE_CHECKING:
    from anymedia.store.database import Database
    from anymedia.store.quality import Times

KEPT_SECONDS = 10.0
"""An estimate may be this much behind what has just ended."""
LEAST_SEEN = 3
"""Fewer answers say little about how long the next one takes."""
Seen: TypeAlias = "dict[tuple[str, str, str], Times]"


class History:
    """How long answers took of late, read now and then."""

    def __init__(self, database: Callable[[], Database], data_dir: Path, clock: Clock) -> None:
        self._database = database
        self._data_dir = data_dir
        self._clock = clock
        self._seen: Seen = {}
        self._read_at = float("-inf")

    async def times(self) -> Seen:
        """By provider, model and medium. Nothing where nothing can be read: it is a courtesy."""
        now = self._clock.monotonic()
        if now - self._read_at < KEPT_SECONDS:
            return self._seen
        self._read_at = now
        with suppress(StorageFailed):
            self._seen = await self._read()
        return self._seen

    async def _read(self) -> Seen:
        from anymedia.store.intake import take_in
        from anymedia.store.journal import FOLDER
        from anymedia.store.quality import recent_times

        if not self._data_dir.is_dir():
            return {}  # nothing was ever asked, and an estimate leaves no trace
        database = self._database()
        await take_in(database, self._data_dir / FOLDER)
        return await database.read(recent_times)


def informed(
    estimates: Iterable[Estimate],
    medium: Medium,
    seen: Seen,
    providers: Providers,
    *,
    clock: Clock,
    stale_days: int,
) -> tuple[Estimate, ...]:
    """Estimates with the times that were seen, and a word on prices that are old."""
    today = clock.now().date()
    told = []
    for one in estimates:
        changes: dict[str, object] = {}
        times = seen.get((one.provider, one.model, medium))
        if one.fits and times is not None and times.seen >= LEAST_SEEN:
            changes = {
                "expected_seconds": times.median_seconds,
                "p90_seconds": times.p90_seconds,
                "expected_seconds_source": "history",
            }
        model = providers.model(one.provider, one.model, medium) if one.fits else None
        if model is not None and (since := stale(model, today, stale_days)) is not None:
            notice = Notice(
                code="stale-price",
                message=f"the price of `{one.provider}/{one.model}` was last looked up on {since}",
            )
            changes["warnings"] = (*one.warnings, notice)
        told.append(one.model_copy(update=changes) if changes else one)
    return tuple(told)
