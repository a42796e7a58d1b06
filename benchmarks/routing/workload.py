"""What is asked for and when: real request traces, or arrivals of our own with their statistics."""

from __future__ import annotations

import csv
import os
import random
from dataclasses import dataclass
from datetime import datetime
from math import exp, log
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when, and how much it takes."""

    at: float
    size_in: float
    """Tokens read; 1 for a clip."""
    size_out: float
    """Tokens written; seconds for a clip."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one kind, in the order of time."""

    name: str
    kind: str
    requests: tuple[Asked, ...]
    origin: str
    """Where they are from, in words."""

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return self.requests[-1].at

    @property
    def rate(self) -> float:
        """Requests a second, on average."""
        return len(self.requests) / self.seconds

    def typical(self) -> Asked:
        """The mean request."""
        count = len(self.requests)
        return Asked(
            0.0,
            sum(one.size_in for one in self.requests) / count,
            sum(one.size_out for one in self.requests) / count,
        )

    def cut(self, count: int) -> Workload:
        """Only the first so many."""
        return Workload(self.name, self.kind, self.requests[:count], self.origin)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a trace is like: median and 95th percentile of its sizes, its rate and length."""

    count: int
    seconds: float
    size_in: tuple[float, float]
    size_out: tuple[float, float]
    most_in: float
    most_out: float
    burst: float
    """How much faster requests come in a busy minute than in a quiet one."""


AS_CONVERSATIONS = Statistics(19_366, 3502.0, (1020.0, 4083.0), (129.0, 451.0), 14_050, 1000, 1.5)
AS_CODE = Statistics(8819, 3436.0, (1469.0, 7302.0), (13.0, 90.0), 7437, 1899, 4.0)


def traces_folder(given: str | None) -> Path:
    """Where traces are looked for."""
    named = given or os.environ.get("ANYMEDIA_TRACES")
    return Path(named) if named else REPOSITORY.parent / "shared" / "traces"


def text_workloads(folder: Path, seed: int) -> list[Workload]:
    """Conversations and code completions."""
    return [
        traced(folder / f"azure-2023-{name}.csv", name) or generated(name, statistics, seed)
        for name, statistics in (("conv", AS_CONVERSATIONS), ("code", AS_CODE))
    ]


def traced(path: Path, name: str) -> Workload | None:
    """Requests from a file, if it is there."""
    if not path.exists():
        return None
    requests = []
    first: datetime | None = None
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["TIMESTAMP"][:26])
            first = first or at
            seconds = (at - first).total_seconds()
            requests.append(
                Asked(seconds, float(row["ContextTokens"]), float(row["GeneratedTokens"]))
            )
    return Workload(name, "text", tuple(requests), f"trace {path.name}")


def generated(name: str, like: Statistics, seed: int) -> Workload:
    """Requests with the statistics of a trace: log-normal sizes, busy and quiet minutes."""
    chance = random.Random(f"{name} {seed}")

    def size(median_and_95: tuple[float, float], most: float) -> float:
        median, high = median_and_95
        spread = log(high / median) / 1.645
        return max(1.0, min(most, float(round(median * exp(chance.gauss(0, spread))))))

    at, busy, requests = 0.0, 1.0, []
    minute = -1
    for _ in range(like.count):
        if int(at // 60) != minute:
            minute = int(at // 60)
            busy = like.burst ** chance.uniform(-0.5, 0.5)
        at += chance.expovariate(like.count / like.seconds * busy)
        requests.append(
            Asked(at, size(like.size_in, like.most_in), size(like.size_out, like.most_out))
        )
    return Workload(name, "text", tuple(requests), "generated with the statistics of a trace")


def clips(seed: int, *, count: int = 2400, every_seconds: float = 6.0) -> Workload:
    """Video jobs: clips of 4 to 12 seconds, as they come."""
    chance = random.Random(f"clips {seed}")
    at, requests = 0.0, []
    for _ in range(count):
        at += chance.expovariate(1 / every_seconds)
        requests.append(Asked(at, 1.0, float(chance.choice((4, 5, 6, 8, 8, 8, 10, 12)))))
    return Workload("clips", "video:standard", tuple(requests), "generated")
