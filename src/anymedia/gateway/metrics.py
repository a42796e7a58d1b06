"""What is counted, for Prometheus and for `/health`: over all workers of this gateway.

Counters of several workers lie in files of one directory (`PROMETHEUS_MULTIPROC_DIR`, set before a
worker starts), and whoever is asked adds them up.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from decimal import Decimal
from time import perf_counter
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.media import Medium
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.result import Result
from anymedia.engine.relay import Passed

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
POUR_SECONDS = 0.5
"""Other workers see what is counted here no later than this after the next request."""
CIRCUITS = ("closed", "half_open", "open")

Families: TypeAlias = dict[str, list[tuple[dict[str, str], float]]]


class Tally:
    """What has come to some counters of late. Adding here costs a tenth of adding there."""

    __slots__ = ("_buckets", "_children", "_count", "_duration", "_inside", "_money", "_sum")

    def __init__(self, count: Any, duration: Any, *children: Any) -> None:
        self._count = count
        self._duration = duration
        self._children = children
        """Tokens that went in, tokens that came out, and dollars, if it is about those."""
        self._buckets = [0] * (len(SECONDS) + 1)
        self._sum = 0.0
        self._inside = [0, 0]
        self._money = Decimal(0)

    def add(self, seconds: float) -> None:
        """One more, and how long it took."""
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def spent(self, went_in: int | None, came_out: int | None, usd: Decimal | None) -> None:
        """What it took."""
        if went_in:
            self._inside[0] += went_in
        if came_out:
            self._inside[1] += came_out
        if usd and usd > 0:
            self._money += usd

    def pour(self) -> None:
        """Hand it on, and begin anew."""
        if not any(self._buckets):
            return
        buckets, total, inside, usd = self._buckets, self._sum, self._inside, self._money
        self._buckets, self._sum = [0] * len(buckets), 0.0
        self._inside, self._money = [0, 0], Decimal(0)
        self._count.inc(sum(buckets))
        # The library has no way of adding many at once to a histogram but its own fields.
        self._duration._sum.inc(total)  # noqa: SLF001
        bounds = self._duration._buckets  # noqa: SLF001
        for bucket, number in zip(bounds, buckets, strict=True):
            if number:
                bucket.inc(number)
        for counter, amount in zip(self._children, (*inside, float(usd)), strict=False):
            if amount > 0:
                counter.inc(amount)


class Metrics:
    """The counters of this process, and how they are told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        many = DIRECTORY in os.environ
        self._telling = CollectorRegistry() if many else self.registry
        if many:
            MultiProcessCollector(self._telling)  # type: ignore[no-untyped-call]  # it has no annotations
        self._requests = Counter(
            "anymedia_http_requests",
            "Requests that were answered",
            ("route", "method", "status", "kind"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "anymedia_http_request_seconds",
            "From a request to the end of its answer",
            ("route", "kind"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._under_way = Gauge(
            "anymedia_http_requests_under_way",
            "Requests that are being answered",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._generations = Counter(
            "anymedia_generations",
            "Requests answered by a provider, or failed",
            ("medium", "provider", "model", "outcome"),
            registry=self.registry,
        )
        self._generation_seconds = Histogram(
            "anymedia_generation_seconds",
            "From asking to the whole answer",
            ("medium", "provider"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "anymedia_tokens",
            "Tokens, as providers count them",
            ("provider", "direction"),
            registry=self.registry,
        )
        self._usd = Counter(
            "anymedia_cost_usd",
            "US dollars of what was answered at once; jobs are in the ledger",
            ("provider", "medium"),
            registry=self.registry,
        )
        self._many = many
        self._tallies: dict[tuple[Any, ...], Tally] = {}
        self._answering = 0
        self._poured_at = perf_counter()

    # --- counting -------------------------------------------------------------------------

    def began(self) -> None:
        """A request has come."""
        self._answering += 1

    def left(self) -> None:
        """It is not being answered any more, or is counted by somebody else from here on."""
        self._answering -= 1

    def ended(self, route: str, method: str, status: int, seconds: float, *, kind: str) -> None:
        """Its answer is complete."""
        self.left()
        self.counted(self.tally(route, method, status, kind), seconds)

    def tally(self, route: str, method: str, status: int, kind: str) -> Tally:
        """Where requests of a kind that ended in a way are counted."""
        key = (route, method, status, kind)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally(
                self._requests.labels(route, method, str(status), kind),
                self._seconds.labels(route, kind),
            )
        return found

    def counted(self, tally: Tally, seconds: float) -> None:
        """One more in a tally."""
        tally.add(seconds)
        if self._many:
            self._pour_if_due()

    def answered(self, medium: Medium, result: Result, seconds: float) -> None:
        """A provider has answered."""
        usage = result.usage
        tally = self._tally_of(medium, result.provider, result.model)
        tally.add(seconds)
        tally.spent(usage.input_tokens, usage.output_tokens, result.cost.amount)

    def passed(self, passed: Passed, seconds: float) -> None:
        """The same by the short way."""
        way, receipt = passed.way, passed.receipt
        assert receipt is not None
        counts = receipt.counts
        tally = self._tally_of("text", way.provider, receipt.model or way.model_id)
        tally.add(seconds)
        tally.spent(counts.get("input_tokens"), counts.get("output_tokens"), passed.cost.amount)

    def _tally_of(self, medium: Medium, provider: str, model: str) -> Tally:
        key = (medium, provider, model)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally(
                self._generations.labels(medium, provider, model, "succeeded"),
                self._generation_seconds.labels(medium, provider),
                self._tokens.labels(provider, "input"),
                self._tokens.labels(provider, "output"),
                self._usd.labels(provider, medium),
            )
        return found

    def pour(self) -> None:
        """Count what has been tallied, where everybody sees it."""
        self._poured_at = perf_counter()
        self._under_way.set(self._answering)
        for tally in self._tallies.values():
            tally.pour()

    def _pour_if_due(self) -> None:
        if perf_counter() - self._poured_at >= POUR_SECONDS:
            self.pour()

    def failed(self, medium: Medium, error: GenerationError) -> None:
        """Nobody has."""
        self._generations.labels(medium, error.provider or "", "", error.code.lower()).inc()

    # --- telling --------------------------------------------------------------------------

    def text(self, health: tuple[ProviderHealth, ...], jobs: dict[tuple[str, str], int]) -> bytes:
        """All of it in Prometheus' words, with how providers and jobs stand at this moment."""
        self.pour()
        momentary = CollectorRegistry()
        score = Gauge(
            "anymedia_provider_health_score", "From 0 to 1", ("provider",), registry=momentary
        )
        circuit = Gauge(
            "anymedia_provider_circuit",
            "1 for the state that its circuit is in",
            ("provider", "state"),
            registry=momentary,
        )
        for one in health:
            score.labels(one.name).set(one.health_score)
            for state in CIRCUITS:
                circuit.labels(one.name, state).set(one.circuit_state == state)
        standing = Gauge("anymedia_jobs", "Jobs kept", ("medium", "status"), registry=momentary)
        for (medium, status), count in jobs.items():
            standing.labels(medium, status).set(count)
        return generate_latest(self._telling) + generate_latest(momentary)

    def families(self) -> Families:
        """Every sample by its name."""
        self.pour()
        found: Families = {}
        for family in self._telling.collect():
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found

    def summary(self) -> dict[str, Any]:
        """The three numbers of `/health`: requests for media, how many went well, milliseconds."""
        families = self.families()
        asked = generations(families, "anymedia_http_requests_total")
        total = sum(count for _, count in asked)
        failed = sum(count for labels, count in asked if int(labels["status"]) >= 500)
        seconds = sum(
            value for _, value in generations(families, "anymedia_http_request_seconds_sum")
        )
        return {
            "total_requests": int(total),
            "success_rate": round((total - failed) / total, 4) if total else 1.0,
            "avg_response_time": round(1000 * seconds / total, 1) if total else 0.0,
        }


def generations(families: Families, name: str) -> list[tuple[dict[str, str], float]]:
    """Samples about requests for media."""
    return [one for one in families.get(name, ()) if one[0]["kind"] == "generation"]
