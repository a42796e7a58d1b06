"""What is old enough is removed; what a job still needs stays, whatever its age.

The row is marked first, then the bytes go: a collector that dies in between leaves bytes that no
live row knows, which the next one finds on the shelf. Everything may be repeated, and done by
several processes at once.

A job needs what its request refers to and what it has made until it is over; while it can be tried
once more or decided on, too. Whether somebody has begun to need a thing in the meantime is asked in
the transaction that marks it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import msgspec
from sqlalchemy import Connection, RowMapping, and_, delete, exists, or_, select, update

from anymedia.contracts.errors import NotFound
from anymedia.contracts.job import FINAL
from anymedia.contracts.retention import RetentionSettings
from anymedia.jobs import marks
from anymedia.jobs.provenance import referred
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.shelf import Kept, Shelf
from anymedia.store.database import Database
from anymedia.store.schema import (
    artifacts,
    attempts,
    batch_items,
    batches,
    callbacks,
    jobs,
    meta,
    timeline,
)
from anymedia.store.upsert import unless_there

PAGE = 500
DAY_SECONDS = 86_400.0
EVERY_SECONDS = 3600.0
SWEEP_SECONDS = DAY_SECONDS
RETRY_SECONDS = 7 * DAY_SECONDS
"""For so long a job that failed keeps what it would need to be tried once more, at least."""
INSTALLATION = "installation"
COLLECTED, SWEPT = "collected_at", "swept_at"
OVER = sorted(FINAL - {"outcome_unknown"})


Page: TypeAlias = tuple[list[tuple[RowMapping, str]], str | None]
"""Artifacts that are old enough, each with its rule, and where the next page begins."""


class Candidates(Protocol):
    """Finds a page of one kind."""

    def __call__(self, c: Connection, /, now: float, after: str) -> Page | None: ...


@dataclass(slots=True)
class Collected:
    """What a collection has removed, or would remove."""

    artifacts: int = 0
    bytes: int = 0
    jobs: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    parts: int = 0
    removed: list[tuple[str, str]] = field(default_factory=list)
    """Artifacts by their ids, each with its rule."""
    notes: list[str] = field(default_factory=list)
    """What was left alone, and why."""


class Collector:
    """Looks after what is kept, by the rules of the configuration."""

    def __init__(
        self, database: Database, store: ArtifactStore, rules: Callable[[], RetentionSettings]
    ) -> None:
        self._database = database
        self._store = store
        self._said = rules
        self._marked: str | None = None

    @property
    def _rules(self) -> RetentionSettings:
        """As they are at the moment."""
        return self._said()

    async def collect(self, now: float, *, dry_run: bool = False, sweep: bool = True) -> Collected:
        """Remove what the rules say; with `dry_run`, only say what that would be."""
        done = Collected()
        needed = await self._needed(now)
        # Outputs before their originals' previews: what is gone takes its previews along.
        for found in (self._outputs, self._inputs, self._previews):
            async for page in self._pages(found, now):
                await self._purge(page, needed, now, done, dry_run=dry_run)
        await self._forget_jobs(now, done, dry_run=dry_run)
        if sweep:
            await self._sweep(now, done, dry_run=dry_run)
        return done

    async def tend(self, now: float) -> Collected | None:
        """The same as a chore: one process of all does it, hourly; orphans are sought daily."""
        await self._mark()
        if not await self._database.write(lambda c: taken(c, COLLECTED, now, EVERY_SECONDS)):
            return None
        sweep = await self._database.write(lambda c: taken(c, SWEPT, now, SWEEP_SECONDS))
        return await self.collect(now, sweep=sweep)

    # --- what is old enough ---------------------------------------------------------------

    async def _pages(
        self, found: Candidates, now: float
    ) -> AsyncIterator[list[tuple[RowMapping, str]]]:
        """Candidates of one kind, a page at a time."""
        after = ""
        while True:
            page = await self._database.read(partial(found, now=now, after=after))
            if page is None:
                return
            rows, last = page
            yield rows
            if last is None:
                return
            after = last

    def _outputs(self, c: Connection, now: float, after: str) -> Page | None:
        rules = self._rules
        ages = [age for age in (*rules.artifacts.values(), *rules.tags.values()) if age is not None]
        if not ages:
            return None
        rows = page_of(c, ("output", "original"), now - min(ages), after)
        old = []
        for row in rows:
            age, why = self._age_of(row)
            if age is not None and row["created_at"] <= now - age:
                old.append((row, why))
        return old, last_of(rows)

    def _age_of(self, row: RowMapping) -> tuple[float | None, str]:
        """After which age an output goes, and by which rule."""
        request = msgspec.json.decode(row["request"]) if row["request"] else {}
        tags = [tag for tag in request.get("tags", ()) if tag in self._rules.tags]
        if tags:
            ages = {tag: self._rules.tags[tag] for tag in tags}
            forever = next((tag for tag, age in ages.items() if age is None), None)
            tag = forever or max(ages, key=lambda one: ages[one] or 0.0)
            return ages[tag], f"retention.tags.{tag}"
        kinds: dict[Any, float | None] = dict(self._rules.artifacts)
        name = row["medium"] if row["medium"] in kinds else "any"
        return kinds.get(name), f"retention.artifacts.{name}"

    def _previews(self, c: Connection, now: float, after: str) -> Page | None:
        """Those that are old, and those whose source is gone."""
        age = self._rules.previews
        source = artifacts.alias("source")
        gone = exists().where(source.c.id == artifacts.c.source_id, source.c.purged_at.is_not(None))
        old = gone if age is None else or_(gone, artifacts.c.created_at <= now - age)
        query = (
            select(artifacts)
            .where(artifacts.c.role == "preview", artifacts.c.purged_at.is_(None))
            .where(artifacts.c.id > after, old)
            .order_by(artifacts.c.id)
            .limit(PAGE)
        )
        rows = list(c.execute(query).mappings())
        return [(row, "retention.previews") for row in rows], last_of(rows)

    def _inputs(self, c: Connection, now: float, after: str) -> Page | None:
        age = self._rules.inputs
        if age is None:
            return None
        rows = page_of(c, ("input", "file"), now - age, after)
        return [(row, "retention.inputs") for row in rows], last_of(rows)

    # --- what is needed -------------------------------------------------------------------

    async def _needed(self, now: float) -> set[str]:
        """What jobs and batches refer to that are not over, or were not long ago."""
        window = max(RETRY_SECONDS, self._rules.inputs or 0.0)
        needed: set[str] = set()
        after = ""
        while True:
            found = await self._database.read(partial(users, since=now - window, after=after))
            for row in found:
                needed |= referred(row["request"])
            if len(found) < PAGE:
                break
            after = found[-1]["id"]
        for text in await self._database.read(batched):
            needed |= referred(text)
        return needed

    async def _purge(
        self,
        found: list[tuple[RowMapping, str]],
        needed: set[str],
        now: float,
        done: Collected,
        *,
        dry_run: bool,
    ) -> None:
        old = [(row, why) for row, why in found if row["id"] not in needed]
        if not old:
            return
        if dry_run:
            gone = await self._database.read(lambda c: [one for one in old if free(c, one[0])])
        else:
            gone = await self._database.write(lambda c: purged(c, old, now))
        for row, why in gone:
            facts = msgspec.json.decode(row["facts"])
            done.artifacts += 1
            done.bytes += facts["size_bytes"]
            done.removed.append((row["id"], why))
            if not dry_run:
                await self._store.forget(facts["location"])

    # --- jobs -----------------------------------------------------------------------------

    async def _forget_jobs(self, now: float, done: Collected, *, dry_run: bool) -> None:
        age = self._rules.jobs
        if age is None:
            return
        before = now - age
        if dry_run:
            after = ""
            while ids := await self._database.read(
                partial(forgettable, before=before, after=after)
            ):
                done.jobs += len(ids)
                after = ids[-1]
            return
        while count := await self._database.write(lambda c: forgotten(c, before)):
            done.jobs += count

    # --- what no row knows ----------------------------------------------------------------

    async def _sweep(self, now: float, done: Collected, *, dry_run: bool) -> None:
        age = self._rules.orphans
        if age is None:
            return
        age = max(age, EVERY_SECONDS)  # what is being kept has no row yet
        for path in list(self._store.old_parts(now - age)):
            done.parts += 1
            if not dry_run:
                path.unlink(missing_ok=True)
        ours = await self._mark()
        for shelf in self._store.shelves:
            others = await self._store.blocking(shelf.marks) - {ours}
            if others:
                done.notes.append(
                    f"orphans in `{shelf.name}` are left alone: another installation uses it too "
                    f"(`installations/{min(others)}` there); give each a prefix of its own"
                )
                continue
            kept = shelf.kept()
            while page := await self._store.blocking(lambda kept=kept: few(kept)):
                await self._sweep_page(shelf, page, now - age, done, dry_run=dry_run)

    async def _sweep_page(
        self, shelf: Shelf, page: list[Kept], before: float, done: Collected, *, dry_run: bool
    ) -> None:
        old = {artifact_id(one.location): one for one in page if one.modified_at < before}
        known = await self._database.read(lambda c: living(c, old))
        for name, one in old.items():
            if name in known:
                continue
            done.orphans += 1
            done.orphan_bytes += one.size_bytes
            if not dry_run:
                await self._store.blocking(shelf.remove, one.location)

    async def _mark(self) -> str:
        """Leave this installation's name on every shelf: whoever sees another keeps its hands off."""
        if self._marked is not None:
            return self._marked
        ours = await self._database.write(installation)
        for shelf in self._store.shelves:
            if ours not in await self._store.blocking(shelf.marks):
                await self._store.blocking(shelf.mark, ours)
        self._marked = ours
        return ours


def page_of(c: Connection, roles: Iterable[str], before: float, after: str) -> list[RowMapping]:
    """Artifacts of some roles that were kept before a time, with the requests they are of."""
    query = (
        select(artifacts, jobs.c.request, jobs.c.medium)
        .outerjoin(jobs, jobs.c.id == artifacts.c.job_id)
        .where(artifacts.c.role.in_(list(roles)), artifacts.c.purged_at.is_(None))
        .where(artifacts.c.created_at <= before, artifacts.c.id > after)
        .order_by(artifacts.c.id)
        .limit(PAGE)
    )
    return list(c.execute(query).mappings())


def last_of(rows: list[RowMapping]) -> str | None:
    """Where the next page begins; `None` after the last."""
    return rows[-1]["id"] if len(rows) == PAGE else None


def users(c: Connection, since: float, after: str) -> list[RowMapping]:
    """Jobs that may still need what they refer to."""
    query = (
        select(jobs.c.id, jobs.c.request)
        .where(jobs.c.id > after, jobs.c.request.like("%art!_%", escape="!"))
        .where(or_(jobs.c.status.not_in(OVER), jobs.c.updated_at > since))
        .order_by(jobs.c.id)
        .limit(PAGE)
    )
    return list(c.execute(query).mappings())


def batched(c: Connection) -> list[str]:
    """What batches that are not over refer to."""
    under_way = select(batches.c.id).where(batches.c.finished_at.is_(None))
    query = select(batch_items.c.request).where(
        batch_items.c.batch_id.in_(under_way), batch_items.c.request.like("%art!_%", escape="!")
    )
    settings = select(batches.c.settings).where(batches.c.finished_at.is_(None))
    return [*c.execute(query).scalars(), *c.execute(settings).scalars()]


def free(c: Connection, row: RowMapping) -> bool:
    """Whether the job that made it is over, and nothing that stays was made of it."""
    if row["job_id"] is not None:
        status = c.execute(select(jobs.c.status).where(jobs.c.id == row["job_id"])).scalar()
        if status is not None and status not in OVER:
            return False
    if row["role"] != "original":
        return True
    staying = select(artifacts.c.id).where(
        artifacts.c.source_id == row["id"],
        artifacts.c.role == "output",
        artifacts.c.purged_at.is_(None),
    )
    return c.execute(staying.limit(1)).first() is None


def purged(
    c: Connection, old: list[tuple[RowMapping, str]], now: float
) -> list[tuple[RowMapping, str]]:
    """Mark what is free; what somebody has begun to need meanwhile is unmarked again."""
    marked = []
    for row, why in old:
        if not free(c, row):
            continue
        changed = c.execute(
            update(artifacts)
            .where(artifacts.c.id == row["id"], artifacts.c.purged_at.is_(None))
            .values(purged_at=now, purged_why=why)
        )
        if changed.rowcount == 1:
            marked.append((row, why))
    ids = {row["id"] for row, _ in marked}
    if not ids:
        return []
    # The rows are locked now: whoever refers to one of them either has done so already and is
    # seen here, or finds it marked.
    query = select(jobs.c.request).where(
        jobs.c.due_at.is_not(None), jobs.c.request.like("%art!_%", escape="!")
    )
    wanted: set[str] = set()
    for text in c.execute(query).scalars():
        wanted |= referred(text) & ids
    if wanted:
        c.execute(
            update(artifacts)
            .where(artifacts.c.id.in_(list(wanted)))
            .values(purged_at=None, purged_why=None)
        )
    return [(row, why) for row, why in marked if row["id"] not in wanted]


def forgettable(c: Connection, before: float, after: str = "") -> list[str]:
    """Jobs that ended before a time, with nothing kept and nobody who counts on them."""
    kept = exists().where(artifacts.c.job_id == jobs.c.id, artifacts.c.purged_at.is_(None))
    going = exists().where(
        attempts.c.job_id == jobs.c.id,
        attempts.c.state.in_(("intent", "sending", "accepted", "finishing", "outcome_unknown")),
    )
    untold = exists().where(callbacks.c.job_id == jobs.c.id, callbacks.c.due_at.is_not(None))
    batch = exists().where(
        and_(
            batch_items.c.job_id == jobs.c.id,
            batches.c.id == batch_items.c.batch_id,
            batches.c.finished_at.is_(None),
        )
    )
    query = (
        select(jobs.c.id)
        .where(jobs.c.status.in_(OVER), jobs.c.finished_at <= before, jobs.c.due_at.is_(None))
        .where(~kept, ~going, ~untold, ~batch, jobs.c.id > after)
        .order_by(jobs.c.id)
        .limit(PAGE)
    )
    return list(c.execute(query).scalars())


def forgotten(c: Connection, before: float) -> int:
    """Remove a page of jobs with everything about them but the ledger."""
    ids = forgettable(c, before)
    if not ids:
        return 0
    marks.remove(c, ids)
    for table in (timeline, callbacks, artifacts, attempts):
        c.execute(delete(table).where(table.c.job_id.in_(ids)))
    c.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids)


def refuse_purged(c: Connection, document: str) -> None:
    """`NotFound` where a request that is being taken on refers to what was removed meanwhile."""
    ids = referred(document)
    if not ids:
        return
    query = select(artifacts.c.id, artifacts.c.purged_at).where(artifacts.c.id.in_(list(ids)))
    # The rows stay locked until the job is in, so that it and its inputs are seen together.
    for name, removed in c.execute(query.with_for_update()):
        if removed is not None:
            raise NotFound(f"artifact `{name}` was removed by a retention rule; send it again")


def living(c: Connection, ids: Iterable[str]) -> set[str]:
    """Those whose bytes a row counts on."""
    query = select(artifacts.c.id).where(
        artifacts.c.id.in_(list(ids)), artifacts.c.purged_at.is_(None)
    )
    return set(c.execute(query).scalars())


def few(kept: Iterator[Kept]) -> list[Kept]:
    """The next page of what lies on a shelf."""
    return list(itertools.islice(kept, PAGE))


def artifact_id(location: str) -> str:
    """The artifact whose key it is."""
    return Path(location).stem


def installation(c: Connection) -> str:
    """The name of this database among those that may share a shelf; made once."""
    fresh = secrets.token_hex(8)
    c.execute(unless_there(c, meta, "key"), {"key": INSTALLATION, "value": fresh})
    return str(c.execute(select(meta.c.value).where(meta.c.key == INSTALLATION)).scalar_one())


def taken(c: Connection, key: str, now: float, seconds: float) -> bool:
    """Whether a chore is this process's to do: nobody did it in so many seconds."""
    c.execute(unless_there(c, meta, "key"), {"key": key, "value": "0"})
    last = c.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one()
    if now - float(last) < seconds:
        return False
    changed = c.execute(
        update(meta).where(meta.c.key == key, meta.c.value == last).values(value=repr(now))
    )
    return changed.rowcount == 1
