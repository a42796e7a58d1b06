"""The gateway as it is measured: a process of its own, with everything on that it can do.

A virtual key, a route, circuit breakers, limits of provider and caller, a budget, prices, the
ledger and the metrics: nothing is switched off to be faster. What is set is only so high that it
refuses nobody.
"""

from __future__ import annotations

import json
import secrets
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from time import perf_counter
from typing import Any

from anymedia.bench.plan import Ask
from anymedia.bench.processes import clean, line, running
from anymedia.bench.upstream import MODEL

PATH = "/v1/chat/completions"
SETTINGS = """\
routes:
  - {{media: text, strategy: priority, providers: [{names}]}}
circuit_breaker: {{failure_threshold: 5, recovery_timeout_seconds: 60}}
limits:
  - {{scope: caller, per_minute: 1000000000, tokens_per_day: 1000000000000000}}
budgets:
  - {{scope: key, period: day, limit_usd: 1000000, alert_at: [0.8]}}
"""
CATALOG = """\
catalog: [prices.toml]
providers:
"""
PROVIDER = """\
  {name}:
    {{dialect: openai, api_key: unused, base_url: "{url}", limits: {{per_minute: 1000000000, concurrent: 100000}}}}
"""
PRICES = """\
[[model]]
provider = "{name}"
id = "{model}"
medium = "text"
tasks = ["text"]
source = "made up for measuring"
as_of = 2026-11-01
prices = [
  {{ unit = "input_tokens", usd = 0.00000015 }},
  {{ unit = "output_tokens", usd = 0.0000006 }},
]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A gateway that answers."""

    process: Popen[str]
    port: int
    key: str
    """A virtual key that may ask for media."""
    ready_seconds: float
    """From its start until it said that it listens."""

    def ask(self, provider: str, *, stream: bool = False, words: str = "Say hello.") -> Ask:
        """A chat, as its callers ask for one."""
        return Ask(
            port=self.port,
            path=PATH,
            body=question(f"{provider}/{MODEL}", stream=stream, words=words),
            headers={"authorization": f"Bearer {self.key}"},
        )


def question(model: str, *, stream: bool, words: str = "Say hello.") -> str:
    """The body of a chat in the dialect that all understand."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": words}]}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body)


def configured(folder: Path, far_ends: Mapping[str, str], *settings: str) -> Path:
    """Write a configuration of these settings, with providers at these base URLs, and prices."""
    providers = (PROVIDER.format(name=name, url=url) for name, url in far_ends.items())
    prices = (PRICES.format(name=name, model=MODEL) for name in far_ends)
    (folder / "prices.toml").write_text("\n".join(prices), encoding="utf-8")
    file = folder / "anymedia.yaml"
    file.write_text("".join((*settings, CATALOG, *providers)), encoding="utf-8")
    return file


@contextmanager
def serving(
    folder: Path,
    far_ends: Mapping[str, str],
    *,
    on: frozenset[int] = frozenset(),
    more: str = "",
) -> Iterator[Served]:
    """A gateway while the block runs; everything of it lies in `folder`.

    `more` are further lines of its configuration.
    """
    settings = SETTINGS.format(names=", ".join(far_ends))
    file = configured(folder, far_ends, settings, f"{more}\n")
    log, admin = folder / "log", secrets.token_urlsafe(24)
    words = ["serve", "--port", "0", "--json", "--config", str(file)]
    environment = clean(folder, ANYMEDIA_ADMIN_KEY=admin)
    began = perf_counter()
    with running(
        [sys.executable, "-m", "anymedia", *words],
        on=on,
        environment=environment,
        directory=folder,
        log=log,
    ) as process:
        url = address(process, log)
        ready = perf_counter() - began
        yield Served(
            process=process,
            port=int(url.rsplit(":", 1)[1]),
            key=virtual_key(url, admin),
            ready_seconds=ready,
        )


def address(process: Popen[str], log: Path) -> str:
    """Where a gateway says that it listens. `RuntimeError` with its own words when it does not."""
    said = ""
    while True:
        said += line(process, log)
        try:
            document = json.loads(said)
        except ValueError:  # it is printed over several lines
            continue
        if "url" not in document:
            raise RuntimeError(f"the gateway did not start: {said}")
        return str(document["url"])


def virtual_key(url: str, admin: str) -> str:
    """A key as a team would have."""
    request = urllib.request.Request(  # noqa: S310  our own gateway
        f"{url}/api/keys",
        data=json.dumps({"name": "measuring", "media": ["text"]}).encode(),
        headers={"authorization": f"Bearer {admin}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  as above
        return str(json.load(answer)["key"])
