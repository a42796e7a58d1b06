"""Runs in TensorZero's own environment and asks its embedded gateway, as an application would.

`python tensorzero_driver.py CONFIG` prints a line when it is ready. Then each line on stdin is a
plan (`kind connections seconds hold`), and each line on stdout says what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter
from typing import Any

from tensorzero import AsyncTensorZeroGateway  # type: ignore[import-not-found]  # there it is

INPUT = {"messages": [{"role": "user", "content": "Say hello."}]}


async def one(gateway: Any, kind: str, seen: dict[str, int]) -> None:
    """One answer, whole or in pieces."""
    if kind == "chat":
        await gateway.inference(model_name=kind, input=INPUT)
        return
    pieces = await gateway.inference(model_name=kind, input=INPUT, stream=True)
    async for _ in pieces:
        seen["events"] += 1


async def asked(gateway: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """Ask for so long."""
    times: list[float] = []
    seen = {"events": 0, "refused": 0}
    began = perf_counter()
    ends = began + plan["seconds"]

    async def again() -> None:
        while (at := perf_counter()) < ends:
            try:
                await one(gateway, plan["kind"], seen)
            except Exception:  # noqa: BLE001  whatever it was, it was no answer
                seen["refused"] += 1
            else:
                times.append(perf_counter() - at)

    await asyncio.gather(*(again() for _ in range(plan["connections"])))
    ordered = sorted(times) or [0.0]
    return {
        "seconds": perf_counter() - began,
        "requests": len(times) + seen["refused"],
        "refused": seen["refused"],
        "events": seen["events"],
        "broken": 0,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[int(len(ordered) * 0.99)],
    }


async def held(gateway: Any, plan: dict[str, Any]) -> None:
    """Keep so many streams open; a line when they have begun, another after the time."""
    seen = {"events": 0}
    streams = [
        asyncio.create_task(one(gateway, plan["kind"], seen)) for _ in range(plan["connections"])
    ]
    ends = perf_counter() + plan["patience"]
    while seen["events"] < plan["connections"] and perf_counter() < ends:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    print(json.dumps({"begun": sum(not stream.done() for stream in streams)}), flush=True)
    before, began = seen["events"], perf_counter()
    await asyncio.sleep(plan["seconds"])
    lasted = perf_counter() - began
    print(json.dumps({"seconds": lasted, "events": seen["events"] - before}), flush=True)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)


async def main() -> None:
    """Until stdin ends."""
    gateway = await AsyncTensorZeroGateway.build_embedded(config_file=sys.argv[1])
    print("ready", flush=True)
    while words := await asyncio.to_thread(sys.stdin.readline):
        plan = json.loads(words)
        if plan["hold"]:
            await held(gateway, plan)
        else:
            print(json.dumps(await asked(gateway, plan)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
