"""The page about it: method, table, ratios, what was to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.gateway.candidates import OURS
from benchmarks.gateway.report import BUSY, FIGURES, is_busy

PAGE = """\
# The gateway beside others

Written by `python -m benchmarks.gateway --page`; do not edit.

Every gateway in front of the same provider, asked for the same things, on one core of the same
machine within one run.

![Requests, latency, streams and memory](pictures/gateway.svg)

{table}

Figures are medians of {rounds} rounds of {seconds:g} s each. {machine}

## How many times as much, or as little

anymedia's figure divided by that of each other:

{ratios}

## What was to be reached

{goals}
{failures}
## Method

- **The provider** is nginx {nginx} with a fixed chat answer of some 600 bytes, usage included, and a
  fixed stream of 200 pieces. Each event is written by itself and is a chunk of its own. At
  `/paced/` five of them come a second, for what stays open.
- **Who asks** is wrk {wrk} for whole answers, 32 connections or one, and our own load generator for
  streams, which counts events of answers that are not complete yet. nginx and both of these share
  the cores that the measured one has not.
- **Who is measured** is pinned to one core and started anew in every round, one after the other, all
  of them in each round (A B C, A B C). After its start it is warmed with chats; right answers are
  checked before anything is counted.
- **anymedia** runs with everything on: a virtual key, a route, circuit breakers, limits of provider
  and caller, a budget, prices, ledger and metrics. **nginx** as a plain proxy reads nothing of what
  passes and is the limit. **LiteLLM** is its proxy with a master key and no database, one process;
  **Portkey** its open gateway on node; **TensorZero** is embedded in a Python process without
  observability, and is called there, without HTTP before it.
- *CPU* is user and system time of the process and all below it, as the kernel counts it; it hardly
  depends on what else the machine does. *Added latency* is that of one connection, less that of the
  provider itself, asked just before. *Memory* is resident.
- Absolute figures are those of this machine and this hour. Ratios are what to look at.

## Run it

```
apt-get install nginx-light wrk
export BENCH_LITELLM=...      # a virtual environment with `litellm[proxy]`
export BENCH_PORTKEY=...      # a folder after `npm install @portkey-ai/gateway`
export BENCH_TENSORZERO=...   # a virtual environment with `tensorzero`
python -m benchmarks.gateway --seconds 10 --rounds 5 --json gateway.json --picture gateway.svg
```

Who is not installed is left out. Four more programs ask what no comparison shows:

| | asks |
|---|---|
| `python -m benchmarks.gateway.soak --minutes 30 --picture soak.svg` | whether it grows at half of what it can |
| `python -m benchmarks.gateway.overload` | whether it refuses, or lets all wait, at twice of what it can |
| `python -m benchmarks.gateway.slow_clients` | whether 2,000 slow readers starve a usual client |
| `python -m benchmarks.gateway.large` | whether a request of 100 MB holds others up |

Each prints a JSON document and exits with 1 where it was not reached. `anymedia bench` measures an
installation without any of these tools.
"""


def page(found: Mapping[str, Any]) -> str:
    """All of it, as Markdown."""
    machine = found["machine"]
    failures = "".join(
        f"- not measured: {name}: {reason}\n" for name, reason in found["failures"].items()
    )
    return PAGE.format(
        table=table(found),
        rounds=found["rounds"],
        seconds=found["seconds"],
        machine=f"{found['at'][:10]}, {machine['cores']} cores of {machine['processor']}, Python "
        f"{machine['python']}, load {machine['load_at_start']:g} before it began."
        + (f" **{BUSY}**" if is_busy(machine) else ""),
        ratios=ratios(found),
        goals="\n".join(
            f"- {'reached' if one['reached'] else 'missed'}: {one['goal']}: "
            f"{one['found']:,} ({one['bound']})"
            for one in found["goals"]
        ),
        failures=failures,
        nginx=machine["nginx"],
        wrk=machine["wrk"].removeprefix("debian/"),
    )


def table(found: Mapping[str, Any]) -> str:
    """Figures by candidate."""
    all_of = found["candidates"].values()
    lines = [
        "| | " + " | ".join(f"{one['title']} {one['version']}".strip() for one in all_of) + " |",
        "|---|" + "---:|" * len(all_of),
    ]
    for figure in FIGURES:
        values = (one["median"].get(figure.name) for one in all_of)
        cells = ("-" if one is None else f"{one:,.{figure.digits}f}" for one in values)
        lines.append(f"| {figure.words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(found: Mapping[str, Any]) -> str:
    """Ratios by figure."""
    multiples = found["anymedia_as_multiple_of"]
    titles = [one["title"] for name, one in found["candidates"].items() if name != OURS.name]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
    for figure in FIGURES:
        values = [one.get(figure.name) for one in multiples.values()]
        if any(value is not None for value in values):
            cells = ("-" if one is None else f"{one:,.3g}" for one in values)
            lines.append(f"| {figure.words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
