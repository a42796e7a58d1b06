"""Runs one client: a question is a line of JSON, and so is what the client made of the answer.

`python -P run.py litellm http://127.0.0.1:8400` asks that gateway with `litellm.py` beside this
file. It is started in the clients' own environment, where nothing of ours is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType


def driver(name: str) -> ModuleType:
    """The file of a client, which is called as the client is and must not hide it."""
    spec = importlib.util.spec_from_file_location(
        f"driver_of_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Answer until nobody asks any more."""
    name, address = sys.argv[1:]
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # clients that print must not disturb
    asking = driver(name)
    for line in sys.stdin:
        asked = json.loads(line)
        operation = getattr(asking, asked.pop("operation"))
        try:
            answer = {"got": operation(address, **asked)}
        except Exception as error:  # noqa: BLE001  the test wants to see what a user would
            answer = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=told, flush=True)


if __name__ == "__main__":
    main()
