"""An engine with everything that a test hands in."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any, TypeVar

from pydantic import SecretStr

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.text import TextRequest
from anymedia.engine.engine import Engine
from anymedia.providers.spec import Provider
from anymedia.store.ledger import LedgerRow
from tests.support.acme import ACME
from tests.support.clock import FakeClock
from tests.support.transport import Answer, ScriptedTransport

T = TypeVar("T")


class Always(random.Random):
    """Chance that always comes out the same."""

    def __init__(self, outcome: float) -> None:
        super().__init__(0)
        self._outcome = outcome

    def random(self) -> float:
        return self._outcome


class Rows:
    """A ledger that is a list."""

    def __init__(self) -> None:
        self.rows: list[LedgerRow] = []
        self.failure: Exception | None = None

    def record(self, row: LedgerRow) -> None:
        if self.failure is not None:
            raise self.failure
        self.rows.append(row)


class Workbench:
    """An engine, its clock, its transport and its ledger."""

    def __init__(
        self,
        *answers: Answer,
        providers: tuple[Provider, ...] = (ACME,),
        chance: random.Random | None = None,
        configured: dict[str, dict[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = FakeClock()
        self.transport = ScriptedTransport(*answers, clock=self.clock)
        self.ledger = Rows()
        self.engine = Engine(
            Settings(**settings),
            network=self.transport,
            clock=self.clock,
            chance=chance or Always(0.5),
            ledger=self.ledger,
        )
        for position, provider in enumerate(providers):
            facts = {"api_key": SecretStr(f"{provider.name}-secret-key"), "priority": position}
            facts |= (configured or {}).get(provider.name, {})
            self.engine.providers.register(provider)
            self.engine.providers.register(ProviderSettings(name=provider.name, **facts))

    def run(self, request: Any) -> Any:
        """The engine's result."""
        return finished(self.engine.run(request))

    def estimates(self, request: Any) -> tuple[Estimate, ...]:
        """What every route would make of it."""
        return finished(self.engine.estimates(request))

    def events(self, request: TextRequest) -> list[Any]:
        """A stream's events, all of them."""

        async def all_of_them() -> list[Any]:
            return [event async for event in self.engine.stream(request)]

        return finished(all_of_them())

    @property
    def rows(self) -> list[LedgerRow]:
        """What was written down."""
        return self.ledger.rows


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """A coroutine's result, in a loop of its own."""
    import asyncio

    return asyncio.run(coroutine)


def hello(**fields: Any) -> TextRequest:
    """A text request."""
    fields.setdefault("prompt", "hello")
    return TextRequest(**fields)
