"""`anymedia doctor`: whether this installation works, and what to do where it does not."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.words import safe

MARKS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


async def doctor(
    *,
    online: Annotated[
        bool, Parameter(help="Ask providers too, by calls that cost nothing.", negative=())
    ] = False,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Whether this installation works, and what to do where it does not."""
    async with session.client(setup) as client:
        with Progress(session, "looking"):
            findings = [one async for one in client.checkup(online=online)]
    if setup.json:
        session.json([one.model_dump(mode="json", exclude_none=True) for one in findings])
    else:
        for one in findings:
            session.print(safe(f"{MARKS[one.verdict]}  {one.about}: {one.message}"))
            if one.next_step is not None:
                session.print(safe(f"         -> {one.next_step}"))
    return int(any(one.verdict == "problem" for one in findings))
