"""What providers say about their own limits in the headers of their responses.

Three families of headers are read, whoever sends them:

- `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, resets as durations: `6m0s`, `20ms`;
- `{any}-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`, resets
  as times of day (RFC 3339);
- `RateLimit` and `RateLimit-Policy` (IETF draft, structured fields), its older form
  `RateLimit-{Limit,Remaining,Reset}` and the common `X-RateLimit-{Limit,Remaining,Reset}`, resets
  as seconds from now or since 1970.

Headers are what a stranger wrote: what cannot be understood is passed over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Amount: TypeAlias = Literal["requests", "tokens", "input_tokens", "output_tokens"]
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

DIRECT = re.compile(r"(?:x-)?ratelimit-(limit|remaining|reset)(?:-(requests|tokens))?")
PREFIXED = re.compile(
    r"[a-z0-9-]*ratelimit-(requests|tokens|input-tokens|output-tokens)-(limit|remaining|reset)"
)
WHOLE = re.compile(r"\s*\+?([0-9]{1,18})(?:\.[0-9]*)?\s*(?:[,;].*)?", re.DOTALL)
DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|us|µs|ns|d|h|m|s)")
ITEM = re.compile(
    r"\s*(?:\"([^\"]*)\"|([A-Za-z*][\w.*-]*))((?:\s*;\s*[a-z*][a-z0-9_.*-]*(?:=(?:\"[^\"]*\"|[^;,\"]*))?)*)\s*"
)
UNITS = {
    "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0,
    "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
SINCE_1970 = 1e9
"""A reset above this is a time; below, seconds from now."""
LONGEST_SECONDS = 86_400.0
"""Nothing is believed for longer: until then somebody will have said it again."""
MOST = 2**50


@dataclass(frozen=True, slots=True)
class Learned:
    """What is left of one of a provider's limits, until when."""

    amount: Amount
    remaining: int
    limit: int | None = None
    reset_seconds: float | None = None
    """From now; `None` when it was not said."""


def read_limits(headers: Headers, now: datetime) -> tuple[Learned, ...]:
    """What response headers say. `now` is the time of day, for resets that are times."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    said: dict[tuple[str, Amount], dict[str, str]] = {}
    found: list[Learned] = []
    fields: dict[str, str] = {}
    for name, value in pairs:
        lowered = name.lower()
        if "ratelimit" not in lowered:
            continue
        fields[lowered] = value
        if (match := DIRECT.fullmatch(lowered)) is not None:
            part, amount = match[1], match[2] or "requests"
            family = f"{lowered.partition('ratelimit')[0]}{bool(match[2])}"
        elif (match := PREFIXED.fullmatch(lowered)) is not None:
            amount, part = match[1], match[2]
            family = lowered.partition("ratelimit")[0]
        else:
            continue
        said.setdefault((family, named(amount)), {})[part] = value
    for (_, which), parts in said.items():
        remaining = whole(parts.get("remaining"))
        if remaining is not None:
            limit, reset = whole(parts.get("limit")), seconds(parts.get("reset"), now)
            found.append(Learned(which, remaining, limit, reset))
    found += structured(fields.get("ratelimit"), fields.get("ratelimit-policy"))
    return tuple(found)


def named(amount: str) -> Amount:
    """An amount as it is called in headers."""
    match amount:
        case "tokens":
            return "tokens"
        case "input-tokens":
            return "input_tokens"
        case "output-tokens":
            return "output_tokens"
        case _:
            return "requests"


def whole(value: str | None) -> int | None:
    """A number of requests or tokens; of `100, 100;w=60` the first."""
    match = WHOLE.fullmatch(value) if value is not None else None
    return min(int(match[1]), MOST) if match is not None else None


def seconds(value: str | None, now: datetime) -> float | None:
    """How long until a reset that is a number, a duration or a time of day."""
    if value is None:
        return None
    text = value.strip()
    if DECIMAL.fullmatch(text):
        number = float(text)
        if number >= SINCE_1970 * 1000:
            number /= 1000.0  # some count milliseconds
        return bounded(number - now.timestamp() if number >= SINCE_1970 else number)
    if text and PART.sub("", text) == "":
        return bounded(sum(float(size) * UNITS[unit] for size, unit in PART.findall(text)))
    try:
        moment = datetime.fromisoformat(text)
        return bounded((moment - now).total_seconds()) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def bounded(value: float) -> float | None:
    """Seconds that can be waited."""
    return min(max(value, 0.0), LONGEST_SECONDS) if math.isfinite(value) else None


def structured(field: str | None, policy: str | None) -> list[Learned]:
    """The `RateLimit` field: `"burst";r=50;t=30`, or the older `limit=100, remaining=50, reset=30`.

    `RateLimit-Policy` names the quota (`q`) and its unit (`qu`); only requests are read.
    """
    if field is None:
        return []
    old = dict(re.findall(r"(limit|remaining|reset)\s*=\s*([0-9]{1,18})", field))
    if "remaining" in old:
        reset = bounded(float(old["reset"])) if "reset" in old else None
        return [
            Learned("requests", min(int(old["remaining"]), MOST), whole(old.get("limit")), reset)
        ]
    policies = dict(items(policy or ""))
    found = []
    for name, said in items(field):
        quota = policies.get(name, {})
        remaining = whole(said.get("r"))
        if remaining is None or quota.get("qu", "requests") != "requests" or "pk" in said:
            continue
        reset = bounded(float(said["t"])) if DECIMAL.fullmatch(said.get("t", "")) else None
        found.append(Learned("requests", remaining, whole(quota.get("q")), reset))
    return found


def items(field: str) -> Iterable[tuple[str, dict[str, str]]]:
    """The members of a structured list with their parameters; nothing of one that is malformed."""
    position, found = 0, []
    while position < len(field):
        match = ITEM.match(field, position)
        if match is None:
            return []
        parameters = {}
        for parameter in match[3].split(";"):
            key, _, value = parameter.strip().partition("=")
            parameters[key] = value.strip().strip('"')
        found.append((match[1] if match[1] is not None else match[2], parameters))
        position = match.end()
        if position < len(field) and field[position] != ",":
            return []
        position += 1
    return found
