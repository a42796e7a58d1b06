"""The command line: translates words into one call of the client, and the answer back.

It starts without what a command does not use: the parser, the client and what draws progress
bars are imported when they are needed, so that `anymedia --version` answers at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The `anymedia` command."""
    try:
        if sys.argv[1:] == ["--version"]:
            from anymedia import __version__

            print(f"anymedia {__version__}")
            code = 0
        else:
            from anymedia.cli.launch import launch

            code = launch(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
