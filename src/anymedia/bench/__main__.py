"""`python -m anymedia.bench SECONDS`: measures, and tells on stdout how far it is, then what it found.

A process of its own, so that nothing of whoever shows it is in the figures, and so that it can be
stopped: then it ends everything that it has started. One JSON object a line.
"""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType

from anymedia.bench.installation import measured


def stop(number: int, _: FrameType | None) -> None:
    """Leave all blocks on the way out: they end what they have started."""
    raise SystemExit(128 + number)


def tell(document: object) -> None:
    """One line."""
    print(json.dumps(document), flush=True)  # noqa: T201  that is what stdout is for


if __name__ == "__main__":
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, stop)
    seconds = float(sys.argv[1])
    found = measured(seconds, lambda words, done: tell({"doing": words, "done": done}))
    tell(found.document(seconds))
