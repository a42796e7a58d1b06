"""An error as one string, as versions before 2.0 write it: `CODE: message`.

Every pair of code and message has exactly one string and every string one pair, so nothing is
lost either way: a string that begins with no code of ours is the message of an `UNKNOWN_ERROR`,
which is written without its code, unless its message looks like another coded string.
"""

from __future__ import annotations

import re
from typing import cast, get_args

from anymedia.contracts.problem import Code

UNKNOWN: Code = "UNKNOWN_ERROR"
PREFIX = f"{UNKNOWN}: "
CODED = re.compile(
    rf"(?:{PREFIX})*(?P<code>{'|'.join(code for code in get_args(Code) if code != UNKNOWN)}): "
)

RETRYABLE: frozenset[Code] = frozenset(
    {"RATE_LIMIT_EXCEEDED", "TIMEOUT", "NETWORK_ERROR", "STORAGE_ERROR"}
)
"""Codes that usually pass by themselves: what `retryable` is where only a string is left."""


def written(code: Code, message: str) -> str:
    """The string for a code and its message."""
    if code != UNKNOWN:
        return f"{code}: {message}"
    return PREFIX + message if CODED.match(message) else message


def understood(text: str) -> tuple[Code, str]:
    """The code and the message that a string stands for."""
    coded = CODED.match(text)
    if coded is None:
        return UNKNOWN, text
    if text.startswith(PREFIX):
        return UNKNOWN, text.removeprefix(PREFIX)
    return cast("Code", coded["code"]), text[coded.end() :]
