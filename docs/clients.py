"""The table of clients that are known to work: what is asked, with whom behind, and shown where.

`make docs` writes it into `docs/clients.md`, by way of `tables.py`. It is computed from the
same rows as the tests (`tests/clients/rows.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from tests.clients.matrix import CLIENTS, MODELS, PROVIDERS, Row  # noqa: E402  # from the root
from tests.clients.rows import ROWS  # noqa: E402


def table() -> str:
    """Clients, what they call, and whether it works with each provider behind the gateway."""
    lines = [
        f"| client | language | asked | {' | '.join(PROVIDERS.values())} |",
        "|---" * (len(PROVIDERS) + 3) + "|",
    ]
    for row in ROWS:
        client = CLIENTS[row.client]
        cells = " | ".join(cell(row, provider) for provider in PROVIDERS)
        lines.append(f"| {client.name} | {client.language} | {row.call} | {cells} |")
    return "\n".join(lines)


def cell(row: Row, provider: str) -> str:
    """What is known of a provider in a row: nothing is said of what was not tried."""
    if provider in row.refused:
        return "refused"
    if provider in row.tried or provider in row.elsewhere:
        return "yes"
    return "" if provider in MODELS[row.operation] else "-"


def sentence() -> str:
    """How many cells there are."""
    tried = sum(len(row.tried) + len(row.elsewhere) for row in ROWS)
    refused = sum(len(row.refused) for row in ROWS)
    return f"{tried} cells that work and {refused} that are refused, in {len(ROWS)} rows."


def tables() -> str:
    """All of it."""
    return f"{table()}\n\n{sentence()}"
