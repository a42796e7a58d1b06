"""`anymedia simulate`: doubles of providers on this machine."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.options import OUT, Run
from anymedia.cli.words import dollars, table
from anymedia.contracts.errors import InvalidRequest

if TYPE_CHECKING:
    from anymedia.testing.double import Double
    from anymedia.testing.mishaps import Mishaps

FIRST_PORT = 8801


def simulate(
    *names: Annotated[
        str, Parameter(name="PROVIDER", help="Whom to stand in for; all unless said.")
    ],
    port: Annotated[
        int, Parameter(help="Port of the first; the others follow. 0 takes free ones.")
    ] = FIRST_PORT,
    faults: Annotated[
        str,
        Parameter(
            help="What goes wrong by chance, such as `rate_limit=0.1,server=0.05,slow=2s`. Kinds: "
            "rate_limit, auth, credits, server, overloaded, garbage, lost, cut; slow is a delay."
        ),
    ] = "",
    seed: Annotated[int, Parameter(help="The same seed brings the same faults.")] = 0,
    json: Annotated[
        bool, Parameter(group=OUT, help="Two JSON documents on stdout: at the start, at the end.")
    ] = False,
    session: Run,
) -> None:
    """Serve doubles of providers on this machine, which behave as the real ones on the wire."""
    doubles = chosen(names)
    mishaps(faults, seed)  # a mistake in it is told before anything is served
    with ExitStack() as stack:
        for number, (name, double) in enumerate(doubles.items()):
            double.record.mishaps = mishaps(faults, seed + number)
            serve(stack, name, double, port + number if port else 0)
        stop = stack.enter_context(until_stopped())
        if json:
            session.json([described(name, one) for name, one in doubles.items()])
        else:
            session.print(snippet(doubles))
        session.stdout.flush()
        session.tell("serving; Ctrl-C stops")
        stop.wait()
    if json:
        session.json([counted(name, one) for name, one in doubles.items()])
    else:
        session.print(invoices(doubles))


def chosen(names: Sequence[str]) -> dict[str, Double]:
    """A fresh double for every name."""
    from anymedia.testing.extra import needed

    needed("anymedia simulate")
    from anymedia.testing.doubles import DOUBLES, double

    unknown = sorted(set(names) - set(DOUBLES))
    if unknown:
        raise InvalidRequest(
            f"there is no double of `{unknown[0]}`. There are: {', '.join(sorted(DOUBLES))}."
        )
    return {name: double(name) for name in dict.fromkeys(names or sorted(DOUBLES))}


def mishaps(words: str, seed: int) -> Mishaps | None:
    """What goes wrong, as the option says."""
    from anymedia.testing.mishaps import Mishaps

    try:
        return Mishaps.said(words, seed=seed) if words else None
    except ValueError as error:
        raise InvalidRequest(f"`--faults`: {error}") from None


def serve(stack: ExitStack, name: str, double: Double, port: int) -> None:
    """Open its port."""
    from anymedia.testing.double import serving

    try:
        stack.enter_context(serving(double, port=port))
    except (OSError, OverflowError) as error:
        raise InvalidRequest(
            f"port {port} for `{name}` is not to be had ({error}); `--port 0` takes free ones"
        ) from None


@contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """Set by Ctrl-C and by a polite request to end."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda *_: stop.set()) for one in signals]
    try:
        yield stop
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


# --- what is printed ------------------------------------------------------------------------


def described(name: str, double: Double) -> dict[str, Any]:
    """How to reach one."""
    from anymedia.providers import registry
    from anymedia.testing.suite import address

    facts: dict[str, Any] = {"name": name, "base_url": address(registry.provider(name), double)}
    if (key := getattr(double, "key", None)) is not None:
        facts["api_key"] = key
    if given := getattr(double, "secrets", None):
        facts["secrets"] = dict(given)
    return facts


def snippet(doubles: dict[str, Double]) -> Iterator[str]:
    """An `anymedia.yaml` that leads to the doubles."""
    import yaml

    yield "# anymedia.yaml"
    entries = {}
    for name, double in doubles.items():
        facts = described(name, double)
        entries[facts.pop("name")] = facts
    yield yaml.safe_dump({"providers": entries}, sort_keys=False).rstrip()


def counted(name: str, double: Double) -> dict[str, Any]:
    """What one was asked, and what it charged."""
    record = double.record
    methods = Counter(method for method, _ in record.requests)
    return {
        "name": name,
        "requests": len(record.requests),
        "submissions": methods["POST"],
        "charges": len(record.invoice),
        "invoice": str(sum((amount for _, amount in record.invoice), Decimal())),
    }


def invoices(doubles: dict[str, Double]) -> list[str]:
    """The counters and the bill."""
    facts = [counted(name, double) for name, double in doubles.items()]
    rows = [
        (
            one["name"],
            str(one["requests"]),
            str(one["submissions"]),
            str(one["charges"]),
            dollars(Decimal(one["invoice"])),
        )
        for one in facts
        if one["requests"]
    ]
    head = ("NAME", "REQUESTS", "SUBMISSIONS", "CHARGES", "INVOICE")
    return table(head, rows) if rows else ["nobody asked for anything"]
