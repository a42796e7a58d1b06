"""Writes the tables that can be computed into the pages: `make docs`.

`python docs/tables.py --check` says whether they are up to date instead.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

from anymedia.contracts.model import Model
from anymedia.providers import registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Job, Provider, Stream
from anymedia.testing.failing import FAULTS, STRATEGIES, courses
from anymedia.testing.suite import suite_for

ROOT = Path(__file__).parents[1]
MEDIA = ("text", "image", "video", "audio", "speech", "transcription", "embedding")


def providers() -> list[Provider]:
    """Ours, by name; plugins that happen to be installed are not part of the pages."""
    return [registry.provider(name) for name in sorted({*registry.BUILT_IN, *registry.rows()})]


def provider_table() -> str:
    """What each provider makes, how it answers, and what it needs."""
    lines = [
        "| provider | " + " | ".join(MEDIA) + " | key | models |",
        "|---" * (len(MEDIA) + 3) + "|",
    ]
    for provider in providers():
        cells = [how(provider, medium) for medium in MEDIA]
        listed = len(catalogued(provider.catalog or provider.name))
        lines.append(
            f"| `{provider.name}` | {' | '.join(cells)} | {key(provider)} | {listed or 'any'} |"
        )
    return "\n".join(lines)


def how(provider: Provider, medium: str) -> str:
    """Whether a provider makes a medium, and in which manner."""
    kinds = [one for one in provider.operations if one.medium == medium]
    if not kinds:
        return ""
    if any(isinstance(one, Job) for one in kinds):
        return "job"
    return "yes, streamed" if any(isinstance(one, Stream) for one in kinds) else "yes"


def key(provider: Provider) -> str:
    """The variables that a provider's credentials are read from."""
    needed = [
        secret.environment[0]
        for secret in provider.auth.secrets
        if secret.environment and secret.required
    ]
    optional = [secret for secret in provider.auth.secrets if not secret.required]
    if needed:
        return ", ".join(f"`{name}`" for name in needed)
    return "optional" if optional else "none"


def model_tables() -> str:
    """Every model of the catalogue, by provider."""
    parts = []
    for provider in providers():
        models = catalogued(provider.catalog or provider.name)
        if not models:
            continue
        rows = "\n".join(model_row(model) for model in models)
        parts.append(
            f"## {provider.title}\n\n| model | does | price (US$) | retires |\n|---|---|---|---|\n{rows}"
        )
    return "\n\n".join(parts)


def model_row(model: Model) -> str:
    """One model, in a line."""
    tasks = ", ".join(task.replace("_", " ") for task in model.tasks)
    prices = "; ".join(
        f"{price.usd} per {f'{price.per:,} ' if price.per != 1 else ''}{price.unit.replace('_', ' ')}"
        + (f" ({', '.join(f'{k} {v}' for k, v in price.when.items())})" if price.when else "")
        + (f" (above {price.above_input_tokens:,} tokens in)" if price.above_input_tokens else "")
        for price in model.prices
    )
    retires = str(model.retires_on or "")
    if model.successor:
        retires += f", then `{model.successor}`"
    return f"| `{model.id}` | {tasks} | {prices or 'not known'} | {retires} |"


def key_table() -> str:
    """Every variable that a key is read from, to be filled in."""
    blocks = []
    for provider in providers():
        named = [secret for secret in provider.auth.secrets if secret.environment]
        if not named:
            continue
        lines = [f"# {provider.title}" + (f": {provider.docs}" if provider.docs else "")]
        for secret in named:
            first, *others = secret.environment
            also = f"  # or {', '.join(others)}" if others else ""
            lines.append(f"#{first}={also}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


TRIED = {
    "works": "success",
    "refusal": "refusal",
    "rate limit": "rate limit",
    "wrong key": "authentication",
    "server failure": "server failure",
    "unreadable": "unreadable",
    "streaming": "streaming",
    "cancel": "cancel",
}


def contract_table() -> str:
    """What the contract suite finds of every adapter, against its double."""
    lines = [f"| provider | makes | {' | '.join(TRIED)} |", "|---" * (len(TRIED) + 2) + "|"]
    for name in sorted({*registry.BUILT_IN, *registry.rows()}):
        suite = suite_for(name)
        found: dict[tuple[str | None, str], str] = {
            (one.case.medium, one.case.name): one.verdict for one in suite.run()
        }
        for medium in registry.provider(name).media:
            cells = [MARKS[found.get((medium, case), "")] for case in TRIED.values()]
            lines.append(f"| `{name}` | {medium} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fault_table() -> str:
    """What becomes of requests while a provider fails, under each strategy."""
    lines = [f"| fault | {' | '.join(STRATEGIES)} |", "|---" * (len(STRATEGIES) + 1) + "|"]
    for fault, words in FAULTS.items():
        found = courses(fault)
        lines.append(f"| {words} | {' | '.join(found[one].words for one in STRATEGIES)} |")
    return "\n".join(lines)


def crash_table() -> str:
    """What becomes of a job whose process dies: what the crash tests expect."""
    made: str = runpy.run_path(str(ROOT / "tests" / "chaos" / "points.py"))["table"]()
    return made


def client_table() -> str:
    """What clients get through the gateway: what the tests of clients ask for."""
    made: str = runpy.run_path(str(ROOT / "docs" / "clients.py"))["tables"]()
    return made


MARKS = {"": "", "passed": "yes", "skipped": "-", "failed": "**no**"}


TABLES: dict[str, tuple[Path, Callable[[], str]]] = {
    "providers": (ROOT / "README.md", provider_table),
    "contract": (ROOT / "docs" / "providers.md", contract_table),
    "faults": (ROOT / "docs" / "guides" / "routing.md", fault_table),
    "crash-points": (ROOT / "docs" / "crash-points.md", crash_table),
    "clients": (ROOT / "docs" / "clients.md", client_table),
    "models": (ROOT / "docs" / "models.md", model_tables),
    "keys": (ROOT / ".env.example", key_table),
}


def filled(page: str, name: str, table: str) -> str:
    """The page with the table between its marks."""
    begin, end = (rf"[^\n]*\b{name}:{mark}\b[^\n]*" for mark in ("begin", "end"))
    pattern = rf"({begin}\n).*?({end})"
    return re.sub(pattern, lambda marks: f"{marks[1]}{table}\n{marks[2]}", page, flags=re.DOTALL)


def outdated() -> list[str]:
    """Pages whose tables are not what the code says."""
    return [
        str(path.relative_to(ROOT))
        for name, (path, table) in TABLES.items()
        if (page := path.read_text("utf-8")) != filled(page, name, table())
    ]


def main() -> int:
    """Write, or check."""
    if "--check" in sys.argv:
        old = outdated()
        print("\n".join(f"{page} is out of date; run `make docs`" for page in old) or "up to date")
        return bool(old)
    for name, (path, table) in TABLES.items():
        path.write_text(filled(path.read_text("utf-8"), name, table()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
