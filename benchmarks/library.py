"""What a library call adds, as ratios in one run: `make bench`.

Compares a text call of anymedia, everything included (route, fit, attempt, ledger row on disk),
with the bare HTTP client below it and with the vendor's SDK; and what importing costs. Absolute
times are those of the machine and the moment.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

CALLS, AT_ONCE, ROUNDS = 1500, 20, 3
HERE = Path(__file__).parent


def measured(code: str) -> tuple[float, float]:
    """Seconds and megabytes of a fresh process that runs some code; the best of several."""
    # What the kernel says of this very program; `ru_maxrss` is handed down through `exec`.
    probe = f"{code}\nprint(*[l.split()[1] for l in open('/proc/self/status') if 'VmHWM' in l])"
    best, size = 1e9, 0.0
    for _ in range(7):
        began = time.perf_counter()
        shown = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, check=True
        )
        best = min(best, time.perf_counter() - began)
        size = int(shown.stdout.split()[-1]) / 1024
    return best, size


async def one_by_one(call: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds a call, one after another; the best of several rounds."""
    best = 1e9
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            await call()
        best = min(best, (time.perf_counter() - began) / CALLS * 1000)
    return best


async def together(call: Callable[[], Awaitable[Any]]) -> float:
    """Calls a second with twenty under way; the best of several rounds."""

    async def some() -> None:
        for _ in range(CALLS // AT_ONCE):
            await call()

    best = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        best = max(best, CALLS / (time.perf_counter() - began))
    return best


async def calls(port: int) -> dict[str, dict[str, float]]:
    """Every library against the same server."""
    from openai import AsyncOpenAI
    from pyreqwest.client import ClientBuilder

    from anymedia import AsyncClient, ProviderSettings, Settings

    url = f"http://127.0.0.1:{port}/v1"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello"}]}
    bare = ClientBuilder().build()

    async def raw() -> None:
        await (await bare.post(f"{url}/chat/completions").body_json(body).build().send()).json()

    vendor = AsyncOpenAI(api_key="k", base_url=url)

    async def sdk() -> None:
        await vendor.chat.completions.create(**body)

    with tempfile.TemporaryDirectory() as directory:
        provider = ProviderSettings.model_validate(
            {"name": "openai", "api_key": "k", "base_url": url}
        )
        async with AsyncClient(Settings(providers=(provider,)), data_dir=directory) as client:

            async def ours() -> None:
                await client.text("Say hello", model="gpt-4o-mini")

            found = {}
            for name, call in (("bare HTTP client", raw), ("anymedia", ours), ("openai SDK", sdk)):
                await call()
                found[name] = {
                    "ms_one_by_one": await one_by_one(call),
                    "per_second_at_20": await together(call),
                }
    return found


def main() -> None:
    """Measure, and print a table and JSON."""
    upstream = subprocess.Popen(
        [sys.executable, str(HERE / "upstream.py")], stdout=subprocess.PIPE, text=True
    )
    assert upstream.stdout is not None
    try:
        found = asyncio.run(calls(int(upstream.stdout.readline())))
    finally:
        upstream.kill()
    bare = found["bare HTTP client"]["ms_one_by_one"]
    for name, figures in found.items():
        added = figures["ms_one_by_one"] - bare
        print(
            f"{name:18} {figures['ms_one_by_one']:.3f} ms ({added:+.3f}), "
            f"{figures['per_second_at_20']:,.0f}/s at {AT_ONCE}"
        )
    answer = (
        "import tempfile, anymedia\n"
        "with anymedia.Client({'providers': {}}, data_dir=tempfile.mkdtemp()) as c: c.text('hi')"
    )
    imports = {
        "python": measured("pass"),
        "import anymedia": measured("import anymedia"),
        "first answer from echo": measured(answer),
        "import openai": measured("import openai"),
    }
    nothing = imports["python"]
    for name, (seconds, size) in imports.items():
        print(
            f"{name:24} {seconds - nothing[0]:+.3f} s, {size - nothing[1]:+.1f} MB "
            f"over an empty Python"
        )
    print(json.dumps({"calls": found, "processes": imports}))


if __name__ == "__main__":
    main()
