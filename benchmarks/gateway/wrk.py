"""wrk: the same request again and again, over so many connections, from the cores around."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from anymedia.bench.plan import Ask
from benchmarks.gateway.tools import program

SCRIPT = """\
wrk.method = "POST"
wrk.body = {body}
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"seconds": %.6f, "requests": %d, "refused": %d, "broken": %d, "p50_ms": %.4f, "p99_ms": %.4f}}\\n',
    summary.duration / 1e6, summary.requests, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
MARGIN_SECONDS = 60.0
TIMEOUT = "60s"
"""For one answer; wrk's own two seconds are too few for who is slow at streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What wrk has seen."""

    seconds: float
    requests: int
    refused: int
    """Answered with a status from 400 on."""
    broken: int
    """Connections that failed, and answers that did not come in time."""
    p50_ms: float
    p99_ms: float

    @property
    def good(self) -> int:
        """Requests that were answered well."""
        return self.requests - self.refused


def asked(
    folder: Path, ask: Ask, *, connections: int, seconds: float, on: frozenset[int]
) -> Answers:
    """Ask for so long."""
    script = folder / "ask.lua"
    # A JSON string of printable ASCII is a Lua string too.
    headers = {"Content-Type": "application/json", **ask.headers}
    lines = (
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()
    )
    script.write_text(SCRIPT.format(body=json.dumps(ask.body), headers="\n".join(lines)))
    url = f"http://{ask.host}:{ask.port}{ask.path}"
    words = [
        program("wrk"),
        "-t1",
        "--timeout",
        TIMEOUT,
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        str(script),
        url,
    ]
    pinned = ["taskset", "-c", ",".join(map(str, sorted(on)))] if on else []
    told = subprocess.run(
        [*pinned, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + MARGIN_SECONDS,
    )
    if told.returncode != 0:
        raise RuntimeError(
            f"wrk could not ask {url}: {(told.stderr or told.stdout).strip()[-400:]}"
        )
    return Answers(**json.loads(told.stdout.strip().splitlines()[-1]))
