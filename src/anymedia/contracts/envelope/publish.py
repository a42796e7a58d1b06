"""Writes the published JSON Schemas: the envelope in every version, the typed requests, manifests.

python -m anymedia.contracts.envelope.publish schemas/
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from anymedia.contracts.base import Contract
from anymedia.contracts.envelope.asking import REQUESTS
from anymedia.contracts.envelope.migration import CONTRACTS
from anymedia.contracts.manifest import Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def published() -> dict[str, str]:
    """Every schema as text, by the name of its file."""
    contracts: dict[str, type[Contract]] = {
        f"envelope-{version}.{kind}.json": contract
        for (version, kind), contract in CONTRACTS.items()
    }
    contracts["manifest-1.0.json"] = Manifest
    contracts |= {f"requests/{medium}.json": kind for medium, kind in REQUESTS.items()}
    return {
        name: json.dumps(
            {"$schema": DIALECT, **contract.model_json_schema()}, indent=2, ensure_ascii=False
        )
        + "\n"
        for name, contract in contracts.items()
    }


def main(arguments: Sequence[str]) -> None:
    """Write all of them into a folder."""
    if len(arguments) != 1:
        sys.exit("usage: python -m anymedia.contracts.envelope.publish FOLDER")
    for name, text in published().items():
        file = Path(arguments[0], name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
