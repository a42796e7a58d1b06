"""What a library call adds, as ratios in one run: `make bench`.

Compares a text call of anymedia, everything included (route, fit, attempt, ledger row on disk),
with the bare HTTP client below it and with the vendor's SDK; and what importing costs. Absolute
times are those of the machine and the moment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from anymedia.bench.library import AT_ONCE, measured
from anymedia.bench.processes import fresh, line, running
from anymedia.bench.startup import ANSWER, NOTHING

SECONDS, TIMES = 9.0, 7
TITLES = {"bare": "bare HTTP client", "ours": "anymedia", "sdk": "openai SDK", "cached": "cached"}


async def calls(port: int) -> dict[str, dict[str, float]]:
    """Every library against the same server."""
    from openai import AsyncOpenAI

    vendor = AsyncOpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1")

    async def sdk() -> None:
        await vendor.chat.completions.create(
            model="fixed", messages=[{"role": "user", "content": "Say hello."}]
        )

    return await measured(port, SECONDS, {"sdk": sdk})


def main() -> None:
    """Measure, and print a table and JSON."""
    with running([sys.executable, "-m", "anymedia.bench.upstream"]) as upstream:
        found = asyncio.run(calls(int(line(upstream))))
    bare = found["bare"]["milliseconds"]
    for name, figures in found.items():
        added = figures["milliseconds"] - bare
        print(
            f"{TITLES[name]:18} {figures['milliseconds']:.3f} ms ({added:+.3f}), "
            f"{figures['per_second']:,.0f}/s at {AT_ONCE}, {figures['cpu_microseconds']:,.0f} us CPU"
        )
    with tempfile.TemporaryDirectory() as folder:
        imports = {
            name: fresh(code, Path(folder), times=TIMES)
            for name, code in {
                "python": NOTHING,
                "import anymedia": "import anymedia",
                "first answer from echo": ANSWER,
                "import openai": "import openai",
            }.items()
        }
    seconds, size = imports["python"]
    for name, (taken, held) in imports.items():
        more = "" if held is None or size is None else f", {held - size:+.1f} MB"
        print(f"{name:24} {taken - seconds:+.3f} s{more} over an empty Python")
    print(json.dumps({"calls": found, "processes": imports}))


if __name__ == "__main__":
    main()
