"""The contract that every provider keeps, as cases that can be run.

    suite = ProviderTestSuite(ACME, AcmeDouble)

    @pytest.mark.parametrize("case", suite.cases(), ids=str)
    def test_acme_keeps_the_contract(case):
        suite.check(case)

Against a double everything is tried; against the real service (`live`) only what brings about no
failures on purpose, and what is made there is paid for.
"""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from anymedia.clock import Clock, SystemClock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.media import Medium
from anymedia.engine.providers import Providers
from anymedia.engine.transport import NetworkTransport
from anymedia.providers import registry
from anymedia.providers.spec import Call, Job, Provider, Stream
from anymedia.testing.double import Double, serving
from anymedia.testing.doubles import DOUBLES, double_of
from anymedia.testing.trial import CHECKS, Bench, Skipped

Name: TypeAlias = Literal[
    "connectivity",
    "success",
    "refusal",
    "rate limit",
    "authentication",
    "server failure",
    "unreadable",
    "streaming",
    "cancel",
]
Verdict: TypeAlias = Literal["passed", "failed", "skipped"]
EVERYWHERE: tuple[Name, ...] = (
    "success",
    "refusal",
    "rate limit",
    "authentication",
    "server failure",
    "unreadable",
)
"""Cases of every medium."""
UNREFUSED: frozenset[Medium] = frozenset({"transcription", "embedding"})
"""Media that nobody refuses as content: what is given is only read."""
SCRIPTED: dict[str, dict[Name, dict[str, Any]]] = {
    "echo": {
        "refusal": {"fail": "moderation"},
        "rate limit": {"fail": "rate_limit"},
        "authentication": {"fail": "auth"},
        "server failure": {"fail": "server"},
        "unreadable": {"fail": "html"},
    },
}
"""Providers of ours that need no double, and the options that make them fail."""
HARMLESS = frozenset({"connectivity", "success", "streaming", "cancel"})
"""Cases that a real service may be asked for."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try, with one medium or, for connectivity, with the provider as such."""

    name: Name
    medium: Medium | None = None

    def __str__(self) -> str:
        return f"{self.medium}: {self.name}" if self.medium else self.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case."""

    case: Case
    verdict: Verdict
    reason: str = ""
    """Why it was skipped, or what was wrong."""


class ProviderTestSuite:
    """A provider's cases.

    `double` makes a fresh double; without one it has to be `live`, or to answer in process.
    `scripts` are for a provider that fails when it is asked to: by case, the options that ask.
    """

    def __init__(
        self,
        provider: Provider | str,
        double: Callable[[], Double] | None = None,
        *,
        live: ProviderSettings | None = None,
        scripts: Mapping[Name, Mapping[str, Any]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider = registry.provider(provider) if isinstance(provider, str) else provider
        self._double = double
        self._live = live
        self._scripts = scripts or {}
        self._clock = clock or SystemClock()

    def cases(self) -> tuple[Case, ...]:
        """All that this provider's operations call for."""
        found = [Case("connectivity")] if self.provider.check else []
        for medium in self.provider.media:
            if self.provider.operation(medium, Call, Job) is not None:
                found += [
                    Case(name, medium)
                    for name in EVERYWHERE
                    if name != "refusal" or medium not in UNREFUSED
                ]
            if self.provider.operation(medium, Stream) is not None:
                found.append(Case("streaming", medium))
            job = self.provider.operation(medium, Job)
            if isinstance(job, Job) and job.cancel is not None:
                found.append(Case("cancel", medium))
        return tuple(found)

    def run(self, cases: Sequence[Case] | None = None) -> tuple[Outcome, ...]:
        """What comes of cases, of all unless some are named."""
        return asyncio.run(self.tried(cases))

    async def tried(self, cases: Sequence[Case] | None = None) -> tuple[Outcome, ...]:
        """The same, for those who have a loop."""
        with self._served() as double:
            return await self._run(self.cases() if cases is None else cases, double)

    def check(self, case: Case) -> None:
        """Raise `AssertionError` if a case fails.

        One that cannot be tried raises `unittest.SkipTest`, which pytest knows too.
        """
        (outcome,) = self.run([case])
        if outcome.verdict == "skipped":
            raise unittest.SkipTest(outcome.reason)
        if outcome.verdict == "failed":
            raise AssertionError(f"{self.provider.name}, {case}: {outcome.reason}")

    # --- how it is done -------------------------------------------------------------------

    @contextmanager
    def _served(self) -> Iterator[Double | None]:
        with ExitStack() as stack:
            double = self._double() if self._double is not None and self._live is None else None
            if double is not None:
                stack.enter_context(serving(double))
            yield double

    async def _run(self, cases: Sequence[Case], double: Double | None) -> tuple[Outcome, ...]:
        network = NetworkTransport()
        try:
            return tuple([await self._outcome(case, double, network) for case in cases])
        finally:
            await network.close()

    async def _outcome(
        self, case: Case, double: Double | None, network: NetworkTransport
    ) -> Outcome:
        try:
            return await self._tried(case, double, network)
        except Skipped as skipped:
            return Outcome(case, "skipped", str(skipped))
        except Exception as error:  # noqa: BLE001  whatever it raises is a finding
            if double is not None and double.record.missing:
                return Outcome(case, "skipped", f"its double has no {double.record.missing[0]}")
            told = (
                str(error)
                if isinstance(error, AssertionError)
                else f"{type(error).__name__}: {error}"
            )
            return Outcome(case, "failed", told)
        finally:
            if double is not None:
                double.record.faults.clear()
                double.record.missing.clear()

    async def _tried(self, case: Case, double: Double | None, network: NetworkTransport) -> Outcome:
        if self._live is not None and case.name not in HARMLESS:
            raise Skipped("a real service is not made to fail")
        if double is None and self._live is None and self.provider.in_process is None:
            raise Skipped("there is no double of it")
        configured = self._live or settings_for(self.provider, double)
        providers = Providers(Settings(providers=(configured,)), network=network, clock=self._clock)
        providers.register(self.provider)
        providers.register(configured)
        bench = Bench(
            providers.get(self.provider.name),
            providers.models(self.provider.name),
            double,
            self._clock,
            providers.transport,
            hurried=self._live is None,
            script=self._scripts.get(case.name),
        )
        await CHECKS[case.name](bench, case.medium)
        return Outcome(case, "passed")


def suite_for(name: str, *, live: ProviderSettings | None = None) -> ProviderTestSuite:
    """The suite of a provider that is known here, with its double if there is one."""
    made = partial(double_of, name) if name in DOUBLES else None
    return ProviderTestSuite(name, made, live=live, scripts=SCRIPTED.get(name))


def settings_for(provider: Provider, double: Double | None) -> ProviderSettings:
    """The configuration that leads to a double, with the key that it wants."""
    if double is None:
        return ProviderSettings(name=provider.name)
    given: dict[str, Any] = dict(getattr(double, "secrets", None) or {})
    key = getattr(double, "key", None)
    return ProviderSettings(
        name=provider.name,
        base_url=address(provider, double),
        api_key=SecretStr(key) if isinstance(key, str) else None,
        secrets={name: SecretStr(value) for name, value in given.items()},
    )


def address(provider: Provider, double: Double) -> str:
    """Where a double answers as the provider's `base_url` would."""
    return double.base_url + urlsplit(provider.base_url).path


def counted(outcomes: Sequence[Outcome]) -> dict[Verdict, int]:
    """How many came out which way."""
    counts: dict[Verdict, int] = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome in outcomes:
        counts[outcome.verdict] += 1
    return counts
