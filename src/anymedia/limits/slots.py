"""Who holds a slot, and until when."""

from __future__ import annotations

FOREVER = 2**62


class Slots(dict[str, int]):
    """The ends of leases, by claim."""

    earliest = FOREVER
    """No lease ends before."""

    def hold(self, claim_id: str, until: int) -> None:
        """Give a slot, or keep it longer."""
        self[claim_id] = until
        if until < self.earliest:  # noqa: PLR1730  # for every claim: a comparison is less than a call
            self.earliest = until

    def occupied(self, now: int) -> int:
        """Those whose leases have not ended."""
        if self.earliest <= now:
            for ended in [claim for claim, until in self.items() if until <= now]:
                del self[ended]
            self.earliest = min(self.values(), default=FOREVER)
        return len(self)
