"""Everything fails at once, at random: nothing is lost, paid twice, told twice or told wrongly.

Half of the jobs are asked for over HTTP, half by library. Their five providers fail in nine ways;
gateway and workers are killed and started again, and one is frozen beyond its lease.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from anymedia.store.ledger import nano
from tests.chaos.fates import MISHAPS, fate
from tests.chaos.run import Left, Run, chance_of, heard, left_of

JOBS = 500
KILLS = 8
FROZEN_SECONDS = 4.0
"""Beyond the lease, which is two and a half seconds here."""
ENDS = {
    "succeeded": "job.succeeded",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "outcome_unknown": "job.unknown",
}


def whole_run(run: Run, trouble: Callable[[Run], None]) -> Left:
    """From the first submission to the last message."""
    began = time.monotonic()
    with run.stack, ThreadPoolExecutor(1) as elsewhere:
        run.prepare()
        asking = elsewhere.submit(lambda: asyncio.run(run.submit()))
        trouble(run)
        asking.result(120)
        assert len(run.job_ids) == run.number_of_jobs, run.said()
        run.finished()
        codes = [one.end() for one in run.processes]
        assert codes == [0] * len(codes), run.said()
        left = left_of(run)
    run.seconds = time.monotonic() - began
    return left


def kills_and_a_freeze(run: Run) -> None:
    """Three processes; one after another dies, and one sleeps too long."""
    chance = chance_of("sqlite")
    processes = [run.process("gateway"), run.process("worker"), run.process("worker")]
    run.ready()
    for turn in range(KILLS):
        time.sleep(chance.uniform(0.6, 1.6))
        victim = processes[turn % 3]
        victim.kill()
        time.sleep(chance.uniform(0.0, 0.3))
        victim.start()
        if turn == KILLS // 2:
            time.sleep(1.5)
            asleep = processes[(turn + 1) % 3]
            asleep.signal(signal.SIGSTOP)
            time.sleep(FROZEN_SECONDS)
            asleep.signal(signal.SIGCONT)
            run.frozen += 1


def test_nothing_is_lost_paid_twice_or_told_twice_whatever_dies(tmp_path: Path) -> None:
    """500 jobs on SQLite: eight kills -9 of gateway and workers, and one freeze."""
    run = Run(tmp_path, JOBS)
    left = whole_run(run, kills_and_a_freeze)
    print(summary(run, left))
    judge(run, left)
    assert sum(one.kills for one in run.processes) == KILLS


# --- what must be true at the end -------------------------------------------------------------


def judge(run: Run, left: Left) -> None:
    """All of it."""
    every_job_is_final(run, left)
    every_submission_is_in_the_ledger(run, left)
    the_invoices_are_the_ledger(run, left)
    every_artifact_is_whole(left)
    every_message_came_in_order(run, left)
    the_run_was_what_it_says(run)


def every_job_is_final(run: Run, left: Left) -> None:
    """As its fate says; nobody knows only where the provider offers no way to find out."""
    assert {job.id for job in left.jobs} == set(run.job_ids.values())
    by_id = {job.id: job for job in left.jobs}
    for number, job_id in run.job_ids.items():
        asked, job = fate(number), by_id[job_id]
        assert job.final, job
        tries = [(one.state, one.problem and one.problem.message) for one in job.attempts]
        told = f"{asked}: {job.status}, {job.problem}, {tries}"
        match job.status:
            case "outcome_unknown":
                # What was never taken on cannot be reported either.
                taken = [w for w in run.doubles[asked.ability].taken.values() if w.fate == asked]
                never_reported = asked.ability == "report" and not taken
                assert asked.ability == "nothing" or never_reported, told
            case "cancelled":
                assert asked.cancelled, told
            case "failed":
                assert asked.end != "made" or "refused" in asked.mishaps, told
            case _:
                assert asked.end == "made" or asked.ability == "at-once", told
                assert len(job.artifacts) == 1, told


def every_submission_is_in_the_ledger(run: Run, left: Left) -> None:
    """What was sent is an attempt that was opened; what was taken on, one that is charged or open."""
    opened = {one["id"]: one for one in left.attempts if one["opened_at"] is not None}
    for ability, double in run.doubles.items():
        posts, honours = double.posts.by_label, ability in {"repeat", "at-once"}
        assert set(posts) <= set(opened), "everything that was sent had been written down before"
        taken = Counter(work.label for work in double.taken.values())
        assert not taken or max(taken.values()) == 1, "nothing was taken on twice"
        if not honours:
            assert not posts or max(posts.values()) == 1, "nothing was sent twice"
        else:
            assert all(double.posts.keys[label] == {label} for label in posts)
        for attempt_id, attempt in opened.items():
            if attempt["provider"] != f"work-{ability}":
                continue
            entry = left.ledger[attempt_id]["entry"]
            if attempt["handle"] is not None or attempt["state"] in {"succeeded", "failed"}:
                assert taken[attempt_id] == 1, attempt
            if entry == "release" or attempt["state"] in {"not_sent", "rejected"}:
                assert taken[attempt_id] == 0, attempt
            if attempt_id in taken:
                assert entry in {"settle", "pending"}, attempt
    for number in run.job_ids:
        asked = fate(number)
        mine = [w for w in run.doubles[asked.ability].taken.values() if w.fate == asked]
        assert len(mine) <= 1, f"job {number} was paid for twice"


def the_invoices_are_the_ledger(run: Run, left: Left) -> None:
    """Line by line; what is charged beyond that belongs to attempts that say so."""
    charged = {line[0]: nano(line[1]) for one in run.doubles.values() for line in one.invoice()}
    settled = {key: row["amount"] for key, row in left.ledger.items() if row["amount"]}
    pending = {key for key, row in left.ledger.items() if row["entry"] == "pending"}
    assert {key: charged.get(key) for key in settled} == settled
    assert set(charged) - set(settled) <= pending
    unknown = {job.id for job in left.jobs if job.status == "outcome_unknown"}
    assert unknown <= {left.ledger[key]["job_id"] for key in pending}


def every_artifact_is_whole(left: Left) -> None:
    """Byte for byte what the provider made."""
    assert left.spoilt == []


def every_message_came_in_order(run: Run, left: Left) -> None:
    """Each at least once and always under its id; without repetitions, exactly the job's story."""
    told = heard(run.receiver)
    sent = {one["job_id"] for one in left.attempts if one["opened_at"] is not None}
    bodies = {one.id: one.body for one in run.receiver.got}
    for job in left.jobs:
        got = [one.message for one in told.get(job.id, ())]
        assert [one["sequence"] for one in got] == list(range(1, len(got) + 1)), job.id
        types = [one["type"] for one in got]
        assert types.count("job.started") == (job.id in sent), (types, job)
        assert types[-1] == ENDS[job.status], (types, job)
        assert all(bodies[one.id] == one.body for one in told[job.id])


def the_run_was_what_it_says(run: Run) -> None:
    """Everything that can go wrong went wrong."""
    happened: Counter[str] = Counter()
    for double in run.doubles.values():
        happened += double.posts.happened
        assert double.taken
    assert all(happened[one] for one in MISHAPS), happened
    assert sum(run.doubles["report"].reports.values()) > 0


def summary(run: Run, left: Left) -> str:
    """The run in a few words."""
    posts = sum(one.posts.by_label.total() for one in run.doubles.values())
    happened = sum((one.posts.happened for one in run.doubles.values()), Counter[str]())
    charged = sum((nano(line[1]) or 0) for one in run.doubles.values() for line in one.invoice())
    settled = sum(row["amount"] or 0 for row in left.ledger.values())
    messages = sum(map(len, heard(run.receiver).values()))
    return (
        f"\n{len(left.jobs)} jobs {dict(Counter(job.status for job in left.jobs))}, "
        f"{len(left.attempts)} attempts, {posts} posts {dict(happened)}; "
        f"{sum(one.kills for one in run.processes)} kills, {run.frozen} frozen, "
        f"met nobody: {dict(run.refused)}; invoices {charged / 1e9} = ledger {settled / 1e9} + open "
        f"{(charged - settled) / 1e9}; {messages} messages in {len(run.receiver.got)} deliveries; "
        f"{run.seconds:.0f} s"
    )
