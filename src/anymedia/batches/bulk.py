"""One part at a provider's batch API, from intent to the last of its replies.

    intent    its lines are staged where the provider finds them, which costs nothing
    sending   one POST, with a deadline; written down before it goes out, with what it can cost
    accepted  the provider's id is written down before anything else happens; then it is polled
    done      every line has its reply, its row in the ledger, and its place in the results

A POST without an answer is looked for by our marker where the provider keeps one. Where it cannot
be found, its lines end as `outcome_unknown`: they are neither asked again nor free.
"""

from __future__ import annotations

from sqlalchemy import RowMapping

from anymedia.batches.desk import Desk
from anymedia.batches.ending import released
from anymedia.batches.looking import looked, stopped
from anymedia.batches.part import At
from anymedia.batches.purse import Purse
from anymedia.batches.resolving import resolved
from anymedia.batches.sending import sent


async def step(desk: Desk, batch: RowMapping, part: RowMapping, purse: Purse) -> None:
    """What follows for a part."""
    at = At(desk, batch, part, purse)
    match part["state"]:
        case "intent" if batch["ends"] in {"cancelled", "deadline"}:
            await released(at, "cancelled", single_again=False)
        case "intent":
            await sent(at)
        case "sending":
            await resolved(at)
        case "accepted":
            if batch["ends"] in {"cancelled", "deadline"} and part["cancel"] is None:
                await stopped(at)
            await looked(at)
